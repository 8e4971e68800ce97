"""A mail relay that wants a user's password, and files each letter: for the tests.

    /usr/bin/python3 relay.py FOLDER PORT BEGINS USER PASSWORD

FOLDER has `cert.pem` and `key.pem`; letters go to `letters`, but for those with the text of a file `refuse` in them, which
are refused for good. TLS BEGINS `at-once`, `by-command`, or `never`. Says its
port once it listens.
"""

import logging
import pathlib
import ssl
import sys
import threading
import warnings

warnings.simplefilter("ignore")
logging.disable()

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import AuthResult, LoginPassword

folder, port, begins, user, password = sys.argv[1:]


def authenticate(server, session, envelope, mechanism, data):
    known = LoginPassword(user.encode(), password.encode())
    # Not handled: the library answers.
    return AuthResult(success=data == known, handled=False)


class Picky(Mailbox):
    async def handle_DATA(self, server, session, envelope):
        refuse = pathlib.Path(folder, "refuse")
        if refuse.exists() and refuse.read_bytes() in envelope.content:
            return "550 not this one"
        return await super().handle_DATA(server, session, envelope)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
tls = {
    # The connection is TLS from its first byte, which the library does not count.
    "at-once": {"ssl_context": context, "auth_require_tls": False},
    "by-command": {"tls_context": context, "require_starttls": True},
    "never": {"auth_require_tls": False},
}
Controller(
    Picky(f"{folder}/letters"),
    hostname="127.0.0.1",
    port=int(port),
    authenticator=authenticate,
    auth_required=True,
    **tls[begins],
).start()
print(port, flush=True)
threading.Event().wait()
