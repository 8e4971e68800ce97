"""A second verifier of proofs, written from the C2SP documents and RFC 6962 alone: verify.py POLICY PROOF [KEPT]

PROOF is a tlog-proof file, or a consistency proof as it is sent to a witness; that needs KEPT, an earlier checkpoint. Or it
is a file of events that were taken from an audit trail with their proofs.
Prints what holds and exits with 0, or prints why it is refused and exits with 1.

verify.py --ledger POLICY FOLDER  does the same for a ledger's files, by the layout in its README.md.

verify.py --none-holds POLICY PROOF...  exits with 0 if every one of the files is refused, else prints those that hold.

Its way to a root is another than the product's: it works with the ranges of leaves that RFC 6962 defines, recursively.
"""

import base64
import binascii
import hashlib
import json
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Refused(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Refused(why)


def unbase64(text):
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("not base64") from error
    need(base64.b64encode(decoded).decode() == text, "not canonical base64")
    return decoded


def number(text):
    need(text.isascii() and text.isdigit() and str(int(text)) == text, "not a plain number")
    return int(text)


class Key:
    def __init__(self, vkey, kind):
        self.name, self.hash, typed = vkey.split("+", 2)
        typed = base64.b64decode(typed, validate=True)
        assert typed[0] == kind and len(typed) == 33, "not a key of the right type"
        self.id = hashlib.sha256(self.name.encode() + b"\n" + typed).digest()[:4]
        assert self.id.hex() == self.hash, "the parts of a key do not belong together"
        self.key = Ed25519PublicKey.from_public_bytes(typed[1:])

    def check(self, signature, message):
        try:
            self.key.verify(signature, message)
        except InvalidSignature as error:
            raise Refused(f"wrong signature by {self.name}") from error


class Policy:
    """`log`, `witness` and one `quorum` line that names a witness, a group of witnesses, or `none`."""

    def __init__(self, text):
        self.logs, self.witnesses, groups, self.wanted, self.members = [], {}, {}, 0, []
        for line in text.splitlines():
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "log":
                self.logs.append(Key(words[1], 1))
            elif words[0] == "witness":
                self.witnesses[words[1]] = Key(words[2], 4)
            elif words[0] == "group":
                members = words[3:]
                count = {"any": 1, "all": len(members)}.get(words[2]) or int(words[2])
                groups[words[1]] = (count, members)
            elif words[0] == "quorum" and words[1] != "none":
                self.wanted, self.members = groups.get(words[1], (1, [words[1]]))


def note(signed):
    """The text of a signed note, and its signature lines, not checked yet."""
    text, empty, lines = signed.rpartition("\n\n")
    need(empty and lines.endswith("\n"), "not a signed note")
    signatures = []
    for line in lines[:-1].split("\n"):
        parts = line.split(" ")
        need(len(parts) == 3 and parts[0] == "\u2014", "not a signature line")
        blob = unbase64(parts[2])
        need(len(blob) > 4, "a short signature")
        signatures.append((parts[1], blob[:4], blob[4:]))
    return text + "\n", signatures


class Checkpoint:
    def __init__(self, signed, policy):
        text, signatures = note(signed)
        by_log = False
        for log in policy.logs:
            for name, key_id, signature in signatures:
                if (name, key_id) == (log.name, log.id):
                    log.check(signature, text.encode())
                    by_log = by_log or text.startswith(log.name + "\n")
        need(by_log, "not signed by a log of the policy")
        self.witnesses = []
        for short, witness in policy.witnesses.items():
            for name, key_id, blob in signatures:
                if (name, key_id) == (witness.name, witness.id):
                    need(len(blob) == 72, "not a cosignature")
                    time = int.from_bytes(blob[:8], "big")
                    message = f"cosignature/v1\ntime {time}\n{text}"
                    witness.check(blob[8:], message.encode())
                    self.witnesses.append(short)
        signed = set(self.witnesses) & set(policy.members)
        need(len(signed) >= policy.wanted, "too few witnesses have signed")
        lines = text.split("\n")
        need(len(lines) >= 4 and "" not in lines[:-1], "not a checkpoint")
        self.origin, self.size, self.root = lines[0], number(lines[1]), unbase64(lines[2])
        need(len(self.root) == 32, "not a root hash")


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size):
    """The largest power of two below the size."""
    return 1 << ((size - 1).bit_length() - 1)


def root_from_inclusion(index, size, leaf, path):
    """RFC 6962, 2.1.1, turned round: the root that the path gives."""
    if size == 1:
        need(not path, "too many hashes")
        return leaf
    need(path, "too few hashes")
    middle = split(size)
    if index < middle:
        return node_hash(root_from_inclusion(index, middle, leaf, path[:-1]), path[-1])
    return node_hash(path[-1], root_from_inclusion(index - middle, size - middle, leaf, path[:-1]))


def roots_from_consistency(old, size, old_root, path, whole):
    """RFC 6962, 2.1.2, turned round: the old root and the new one that the path gives."""
    if old == size:
        if whole:
            need(not path, "too many hashes")
            return old_root, old_root
        need(len(path) == 1, "not as many hashes as there should be")
        return path[0], path[0]
    need(path, "too few hashes")
    middle = split(size)
    if old <= middle:
        before, after = roots_from_consistency(old, middle, old_root, path[:-1], whole)
        return before, node_hash(after, path[-1])
    before, after = roots_from_consistency(old - middle, size - middle, old_root, path[:-1], False)
    return node_hash(path[-1], before), node_hash(path[-1], after)


def numbered(word, lines):
    """A line with a number, hashes, an empty line; the number, the hashes and how many lines that were."""
    start, space, rest = lines[0].partition(" ")
    need(start == word and space, f"no line `{word}`")
    hashes = []
    for place, line in enumerate(lines[1:], 2):
        if not line:
            return number(rest), hashes, place
        hashes.append(unbase64(line))
        need(len(hashes[-1]) == 32 and len(hashes) <= 63, "not a list of hashes")
    raise Refused("no checkpoint")


def included(text, policy):
    lines = text.split("\n")
    need(lines[1].startswith("extra "), "no entry in the proof")
    leaf = unbase64(lines[1][len("extra ") :])
    index, path, used = numbered("index", lines[2:])
    checkpoint = Checkpoint("\n".join(lines[2 + used :]), policy)
    need(index < checkpoint.size, "the entry lies beyond the checkpoint")
    root = root_from_inclusion(index, checkpoint.size, leaf_hash(leaf), path)
    need(root == checkpoint.root, "the path does not lead to the root")
    need(len(leaf) == 68 and leaf[0] == 1 and leaf[1] in (1, 2, 3), "not a leaf")
    return (
        f"entry {index} of {checkpoint.size} in {checkpoint.origin}, kind {leaf[1]}, "
        f"commitment {leaf[36:].hex()}, witnessed by {' '.join(checkpoint.witnesses) or 'nobody'}"
    )


def continued(text, kept, policy):
    lines = text.split("\n")
    old, path, used = numbered("old", lines)
    newer = Checkpoint("\n".join(lines[used:]), policy)
    unwitnessed = Policy("")
    unwitnessed.logs = policy.logs
    older = Checkpoint(kept, unwitnessed)
    need(older.origin == newer.origin, "of two logs")
    need(older.size == old and old <= newer.size, "not the checkpoint that the proof goes on from")
    if old > 0:
        before, after = roots_from_consistency(old, newer.size, older.root, path, True)
        need(before == older.root and after == newer.root, "the log does not go on from it")
    else:
        need(not path and older.root == hashlib.sha256(b"").digest(), "not the empty log")
    return (
        f"{newer.size} entries in {newer.origin} go on from {old}, "
        f"witnessed by {' '.join(newer.witnesses) or 'nobody'}"
    )


def taken(text, policy):
    """A line that says what was asked, a line for each event, and a note over the digest of all of them."""
    first, _, rest = text.partition("\n")
    try:
        head = json.loads(first)
        checkpoint, places = Checkpoint(head["checkpoint"], policy), head["entries"]
    except (ValueError, KeyError) as error:
        raise Refused("the first line cannot be read") from error
    for place in places:
        line, _, rest = rest.partition("\n")
        try:
            event = json.loads(line)
            need(event["index"] == place, "another entry stands in its place")
            leaf, path = bytes.fromhex(event["leaf"]), [unbase64(hash) for hash in event["proof"]]
            root = root_from_inclusion(place, checkpoint.size, leaf_hash(leaf), path)
            need(root == checkpoint.root, "the path does not lead to the root")
            said = bytes.fromhex(event["salt"]) + event["payload"].encode()
            commitment = hashlib.sha256(b"avouch-commit/v1\n" + said).digest()
            need(commitment == leaf[36:], "its text is not what was committed to")
        except (Refused, ValueError, KeyError, TypeError) as error:
            raise Refused(f"entry {place}: {error}") from error
    body = text[: len(text) - len(rest)].encode()
    said, signatures = note(rest)
    need(said == f"avouch-trail/v1\nsha256 {hashlib.sha256(body).hexdigest()}\n", "signed for another file")
    by = [
        log.check(signature, said.encode())
        for log in policy.logs
        for name, key_id, signature in signatures
        if (name, key_id) == (log.name, log.id)
    ]
    need(by, "not signed by a log of the policy")
    return (
        f"{len(places)} events in {checkpoint.origin} of {checkpoint.size} entries, "
        f"witnessed by {' '.join(checkpoint.witnesses) or 'nobody'}"
    )


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


def crc32c(data, table=crc32c_table()):
    check = 0xFFFFFFFF
    for byte in data:
        check = table[(check ^ byte) & 0xFF] ^ (check >> 8)
    return check ^ 0xFFFFFFFF


def journal(folder):
    """Each entry's record in the journal: its length, way back, check value, leaf and payload."""
    for name in sorted(os.listdir(os.path.join(folder, "journal"))):
        with open(os.path.join(folder, "journal", name), "rb") as file:
            segment = file.read()
        place = 24
        while place + 80 <= len(segment) and segment[place : place + 4] != bytes(4):
            end = place + 12 + int.from_bytes(segment[place : place + 4], "big")
            yield segment[place:end]
            place = end


def hash_in_tiles(folder, entry):
    """What the lowest row of tiles has for an entry, as tlog-tiles lays them out."""
    tile = entry // 256
    name = f"{tile % 1000:03}"
    while tile >= 1000:
        tile //= 1000
        name = f"x{tile % 1000:03}/{name}"
    path, at = os.path.join(folder, "tile/0", name), entry % 256
    files = [path] if os.path.isfile(path) else []
    if os.path.isdir(path + ".p"):
        files += [os.path.join(path + ".p", width) for width in os.listdir(path + ".p") if int(width) > at]
    need(files, f"entry {entry} is in no tile")
    with open(files[0], "rb") as file:
        return file.read()[at * 32 : at * 32 + 32]


def root_over(hashes):
    if len(hashes) == 1:
        return hashes[0]
    middle = split(len(hashes))
    return node_hash(root_over(hashes[:middle]), root_over(hashes[middle:]))


def ledger(policy, folder):
    """Every entry of a ledger's files, held to its tiles and to the signed root."""
    cosigned = os.path.join(folder, "checkpoint.cosigned")
    checkpoint = Checkpoint(read(cosigned if policy.wanted else os.path.join(folder, "checkpoint")), policy)
    hashes = []
    for entry, record in zip(range(checkpoint.size), journal(folder)):
        leaf = record[12:80]
        sound = crc32c(record[:8] + record[12:]) == int.from_bytes(record[8:12], "big")
        need(sound and leaf_hash(leaf) == hash_in_tiles(folder, entry), f"entry {entry} does not fit")
        hashes.append(leaf_hash(leaf))
    need(len(hashes) == checkpoint.size, f"entry {len(hashes)} is missing")
    need(not hashes or root_over(hashes) == checkpoint.root, "the entries do not lead to the root")
    return f"{checkpoint.size} entries fit, witnessed by {' '.join(checkpoint.witnesses) or 'nobody'}"


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def check(policy, path, kept=None):
    text = read(path)
    if text.startswith("c2sp.org/tlog-proof@v1\n"):
        return included(text, policy)
    if text.startswith('{"format":"avouch-trail/'):
        return taken(text, policy)
    need(kept is not None, "not a proof, or the checkpoint that it goes on from is missing")
    return continued(text, read(kept), policy)


def main(arguments):
    if arguments[0] == "--none-holds":
        policy = Policy(read(arguments[1]))
        holding = []
        for path in arguments[2:]:
            try:
                check(policy, path)
                holding.append(path)
            except Refused:
                pass
        print("\n".join(holding))
        return 1 if holding else 0
    try:
        if arguments[0] == "--ledger":
            print(ledger(Policy(read(arguments[1])), arguments[2]))
            return 0
        print(check(Policy(read(arguments[0])), *arguments[1:]))
        return 0
    except Refused as refused:
        print(refused)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
