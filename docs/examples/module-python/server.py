"""A module server for Abetworks in one file: python3 server.py. Standard library only; the protocol is in docs/modules.md."""

import json
import os
import signal
import sys
import time
import uuid
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import table
import text

KEY = os.environ.get("MODULE_API_KEY", "")
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "8701"))
BODY_BYTES = 1024 * 1024
SECONDS_TO_SEND = 10

MODULES = {
    "text": {
        "name": "Text",
        "description": "Summarizes a text, tells its sentiment, or extracts e-mail addresses, links, dates and amounts.",
        "effect": "read",
        "version": "1",
        "input_schema": text.INPUT,
        "output_schema": {"type": "object", "required": ["operation"], "properties": {"operation": {"type": "string"}}},
        "run": text.run,
    },
    "table": {
        "name": "Table",
        "description": "Tells the statistics of each column of a CSV, or transforms it step by step.",
        "effect": "read",
        "version": "1",
        "input_schema": table.INPUT,
        "output_schema": {"type": "object", "required": ["operation"], "properties": {"operation": {"type": "string"}}},
        "run": table.run,
    },
}


def listing():
    """What GET /modules says: everything but the code."""
    shown = [{"id": id, **{k: v for k, v in module.items() if k != "run"}} for id, module in MODULES.items()]
    return {"modules": shown}


def execute(request):
    """One execution: what the module answers, or why it failed. Never raises for a caller's mistake."""
    begun = time.monotonic()
    answer = {"execution_id": str(uuid.uuid4())}
    try:
        given = request.get("input_data")
        if not isinstance(given, dict):
            raise ValueError("input_data must be an object")
        answer.update(status="completed", output=MODULES[request["module_id"]]["run"](given))
    except (ValueError, TypeError) as problem:
        # A list where a text belongs is the caller's mistake too.
        answer.update(status="failed", error=str(problem))
    answer["duration"] = round(time.monotonic() - begun, 6)
    return answer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SECONDS_TO_SEND

    def answer(self, status, body):
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        if status >= 400:
            # The rest of a refused request is not read.
            self.send_header("connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(payload)

    def is_known(self):
        return KEY == "" or compare_digest(self.headers.get("x-api-key", "").encode(), KEY.encode())

    def do_GET(self):
        if self.path == "/health":
            return self.answer(200, {"status": "ok"})
        if not self.is_known():
            return self.answer(401, {"error": "X-API-Key is missing or wrong"})
        if self.path == "/modules":
            return self.answer(200, listing())
        return self.answer(404, {"error": "there is GET /health, GET /modules and POST /execute"})

    def do_POST(self):
        if not self.is_known():
            return self.answer(401, {"error": "X-API-Key is missing or wrong"})
        if self.path != "/execute":
            return self.answer(404, {"error": "there is GET /health, GET /modules and POST /execute"})
        length = self.headers.get("content-length", "")
        if not length.isdigit():
            return self.answer(411, {"error": "content-length is missing"})
        if int(length) > BODY_BYTES:
            return self.answer(413, {"error": f"the body may be {BODY_BYTES} bytes at most"})
        try:
            request = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            return self.answer(400, {"error": "the body is not JSON"})
        id = request.get("module_id") if isinstance(request, dict) else None
        if not isinstance(id, str) or id not in MODULES:
            return self.answer(404, {"error": "there is no such module"})
        return self.answer(200, execute(request))

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True


if __name__ == "__main__":
    server = Server((HOST, PORT), Handler)
    print(f"http://{HOST}:{server.server_address[1]}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
