"""A witness over HTTP: one path, POST only, with limits on what a request may cost."""

import logging
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ledger.log.checkpoint import MAX_NOTE_BYTES
from ledger.witnessing.client import Answer
from ledger.witnessing.remembering import TEXT_TYPE, Witness

LOGGER = logging.getLogger(__name__)
BODY_LIMIT_BYTES = MAX_NOTE_BYTES + 4096
TIMEOUT_SECONDS = 10


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness below a prefix: POST <prefix>/add-checkpoint."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], witness: Witness, prefix: str = "") -> None:
        self.witness, self.path = witness, f"{prefix.rstrip('/')}/add-checkpoint"
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version = "worldloom-witness"
    sys_version = ""
    timeout = TIMEOUT_SECONDS

    def do_POST(self) -> None:
        if self.path != self.server.path:
            return self._refuse(404, "no such path")
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return self._refuse(411, "a Content-Length is needed")
        if len(length) > 9 or int(length) > BODY_LIMIT_BYTES:
            return self._refuse(413, f"more than {BODY_LIMIT_BYTES} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return self._refuse(400, "the request was cut short")
        return self._send(self.server.witness.add_checkpoint(body))

    def do_GET(self) -> None:
        if self.path != self.server.path:
            return self._refuse(404, "no such path")
        return self._refuse(405, "POST only")

    def _refuse(self, status: int, reason: str) -> None:
        self.close_connection = True  # what was not read of the request is no next one
        self._send(Answer(status, TEXT_TYPE, f"{reason}\n".encode()))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.status == 405:
            self.send_header("Allow", "POST")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        LOGGER.info("%s %s", self.address_string(), format % args)
