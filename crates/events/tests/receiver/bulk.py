#!/usr/bin/env python3
"""A receiver that speaks `_bulk` as strictly as Elasticsearch and OpenSearch document it, and stricter.

bulk.py FOLDER [--port PORT] [--secret VALUE]

FOLDER holds `server.pem` (certificate and key). Prints the port it listens on. Each document that it stores is appended to
FOLDER/stored.ndjson with its id, and read again at the next start. FOLDER/mood, if it is there, is JSON that says how it
behaves just now: {"status": 503} answers every request so; {"busy": true} is too busy for every second document;
{"refuse": [4, 5]} cannot map the entries with these indices; {"longest": 2000} takes no longer request; {"blind": true}
lets nobody search. Whatever does not fit the format is answered with 400 and appended to FOLDER/faults.
"""

import argparse, datetime, http.server, json, os, re, ssl

arguments = argparse.ArgumentParser()
arguments.add_argument("folder")
arguments.add_argument("--port", type=int, default=0)
arguments.add_argument("--secret")
arguments = arguments.parse_args()
STORED = os.path.join(arguments.folder, "stored.ndjson")
stored = {}
if os.path.exists(STORED):
    with open(STORED) as file:
        stored = {line["_id"]: line["document"] for line in map(json.loads, file)}


class Unfit(Exception):
    pass


def need(holds, why):
    if not holds:
        raise Unfit(why)


def mood():
    try:
        with open(os.path.join(arguments.folder, "mood")) as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def check(document):
    """What the index template of the schema would insist on, and what a reader of the trail needs."""
    need(isinstance(document, dict), "a document is not an object")
    datetime.datetime.fromisoformat(re.sub(r"\.(\d{1,6})\d*", r".\1", document["@timestamp"]).replace("Z", "+00:00"))
    need(re.fullmatch(r"8\.\d+\.\d+", document["ecs"]["version"]), "no version of the schema")
    event = document["event"]
    need(event["kind"] in ("event", "alert", "state"), "event.kind")
    need(isinstance(event["category"], list) and isinstance(event["type"], list), "event.category")
    need(event["outcome"] in ("success", "failure", "unknown"), "event.outcome")
    need(all(isinstance(value, str) for value in document["labels"].values()), "labels are keywords")
    need(not any("." in name for name in document["labels"]), "a label with a dot is an object")


def item(action, document, busy, refused):
    need(list(action) == ["create"], "an operation other than create")
    target = action["create"]
    need(set(target) == {"_index", "_id"}, "an operation with other fields")
    need(target["_index"] == "logs-avouch.audit-default", "another data stream")
    name = target["_id"]
    need(0 < len(name.encode()) <= 512, "an id of that length")
    check(document)
    need(document["event"]["id"] == name, "event.id is not the id")
    answer = {"_index": ".ds-logs-avouch.audit-default-2026.01.05-000001", "_id": name}
    if busy:
        answer |= {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "rejected"}}
    elif int(document["labels"]["log_index"]) in refused:
        answer |= {"status": 400, "error": {"type": "document_parsing_exception", "reason": "failed to parse field"}}
    elif name in stored:
        answer |= {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "document already exists"}}
    else:
        stored[name] = document
        with open(STORED, "a") as file:
            file.write(json.dumps({"_id": name, "document": document}) + "\n")
        answer |= {"status": 201, "result": "created", "_version": 1}
    return {"create": answer}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        now = mood()
        if arguments.secret and self.headers["authorization"] != arguments.secret:
            return self.answer(401, {"error": {"type": "security_exception"}, "status": 401})
        if "status" in now:
            return self.answer(now["status"], {"status": now["status"]})
        if len(body) > now.get("longest", 100 << 20):
            return self.answer(413, {"status": 413})
        try:
            if self.path.endswith("/_search"):
                self.search(json.loads(body), now)
            else:
                self.bulk(body, now)
        except (Unfit, KeyError, ValueError, TypeError) as fault:
            with open(os.path.join(arguments.folder, "faults"), "a") as file:
                file.write(f"{self.path}: {fault!r}\n")
            self.answer(400, {"error": {"type": "illegal_argument_exception"}, "status": 400})

    def search(self, query, now):
        need(self.headers["content-type"] == "application/json", "another content type")
        need(self.path == "/logs-avouch.audit-default/_search", "another path")
        if now.get("blind"):
            return self.answer(403, {"error": {"type": "security_exception"}, "status": 403})
        names = [name for name in query["query"]["ids"]["values"] if name in stored]
        hits = [{"_index": "x", "_id": name, "_score": 1.0} for name in names]
        self.answer(200, {"took": 1, "hits": {"total": {"value": len(hits), "relation": "eq"}, "hits": hits}})

    def bulk(self, body, now):
        need(self.path == "/_bulk", "another path")
        need(self.headers["content-type"] == "application/x-ndjson", "another content type")
        need(body.endswith(b"\n"), "the last line has no end")
        lines = body.decode().split("\n")[:-1]
        need(lines and len(lines) % 2 == 0, "an operation without its document")
        pairs = [(json.loads(lines[at]), json.loads(lines[at + 1])) for at in range(0, len(lines), 2)]
        items = [
            item(action, document, now.get("busy") and at % 2 == 1, now.get("refuse", []))
            for at, (action, document) in enumerate(pairs)
        ]
        errors = any(entry["create"]["status"] >= 300 for entry in items)
        self.answer(200, {"took": 1, "errors": errors, "items": items})


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Whoever breaks a connection off is told nothing."""


server = Server(("127.0.0.1", arguments.port), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(os.path.join(arguments.folder, "server.pem"))
server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
