"""A mail relay that wants a user's password, and files each letter: for the tests.

    /usr/bin/python3 relay.py FOLDER PORT BEGINS USER PASSWORD

FOLDER has `cert.pem` and `key.pem`; letters go to `letters`. TLS BEGINS `at-once`, `by-command`, or `never`. Says its
port once it listens.
"""

import logging
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


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
tls = {
    # The connection is TLS from its first byte, which the library does not count.
    "at-once": {"ssl_context": context, "auth_require_tls": False},
    "by-command": {"tls_context": context, "require_starttls": True},
    "never": {"auth_require_tls": False},
}
Controller(
    Mailbox(f"{folder}/letters"),
    hostname="127.0.0.1",
    port=int(port),
    authenticator=authenticate,
    auth_required=True,
    **tls[begins],
).start()
print(port, flush=True)
threading.Event().wait()
