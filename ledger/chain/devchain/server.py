"""The process around the chain: one for each folder, heard on this machine only, found through a file."""

import fcntl
import logging
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ledger.chain.transaction import address_of

if TYPE_CHECKING:
    from ledger.chain.devchain.node import Node

HOST = "127.0.0.1"
MAX_BODY_BYTES = 4_000_000
SILENCE_SECONDS = 60

_LOG = logging.getLogger(__name__)


class UnableToStart(Exception):
    """The chain cannot run in this folder."""

    code = "unable-to-start-chain"

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(folder, reason)
        self.folder = folder
        self.reason = reason

    def __str__(self) -> str:
        return f"The dev chain cannot start in {self.folder}: {self.reason}."


def run(folder: Path, *, port: int, clock: Callable[[], int]) -> None:
    """Serve the chain in `folder` until SIGTERM or SIGINT; `<folder>/endpoint` holds the URL while it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder):
        endpoint = folder / "endpoint"
        # One that was killed left its own behind.
        endpoint.unlink(missing_ok=True)
        key = _dev_key(folder)
        node = _node(folder, key=key, clock=clock)
        try:
            server = _server(folder, partial(_rpc().answer, node), port)
            _write(endpoint, f"http://{HOST}:{server.server_address[1]}\n", mode=0o644)
            try:
                _serve_until_told(server)
            finally:
                endpoint.unlink(missing_ok=True)
                server.server_close()
        finally:
            # Held for good: a block begun now would have no file to go to.
            node.turn.acquire()
            node.close()


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnableToStart(folder, "another one already runs there") from None
        yield
    finally:
        # The lock goes with the descriptor, and with the process however that ends.
        os.close(descriptor)


def _dev_key(folder: Path) -> bytes:
    path = folder / "dev.key"
    if path.exists():
        try:
            key = bytes.fromhex(path.read_text().strip().removeprefix("0x"))
            address_of(key)
        except ValueError:
            raise UnableToStart(folder, f"{path.name} does not hold a private key in hexadecimal") from None
        return key
    if (folder / "chain.sqlite3").exists():
        raise UnableToStart(
            folder, f"{path.name} is missing beside its chain: put it back, or delete the folder to begin a new chain"
        )
    key = secrets.token_bytes(32)
    _write(path, f"0x{key.hex()}\n", mode=0o600)
    return key


def _write(path: Path, text: str, *, mode: int) -> None:
    """Write a whole file or none of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def _node(folder: Path, *, key: bytes, clock: Callable[[], int]) -> "Node":
    # py-evm takes a second to load; a second instance should not take that long to be told so.
    from ledger.chain.devchain.node import Node
    from ledger.chain.devchain.store import BlockStore

    store = BlockStore(folder / "chain.sqlite3")
    return Node(store, clock=clock, funded=bytes.fromhex(address_of(key)[2:]))


def _rpc() -> ModuleType:
    from ledger.chain.devchain import rpc

    return rpc


def _server(folder: Path, answer: Callable[[bytes], bytes], port: int) -> ThreadingHTTPServer:
    try:
        server = _Server((HOST, port), _Handler)
    except OSError as failed:
        raise UnableToStart(folder, f"port {port} cannot be opened ({failed.strerror})") from failed
    server.answer = answer
    return server


def _serve_until_told(server: ThreadingHTTPServer) -> None:
    def stop(number: int, frame: Any) -> None:
        # shutdown() waits for the loop that this handler interrupts, so another thread has to ask.
        threading.Thread(target=server.shutdown, daemon=True).start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.serve_forever(poll_interval=0.05)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    answer: Callable[[bytes], bytes]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a connection that broke off; clients do that, and it is no fault of ours."""
        _LOG.debug("the connection of %s broke off", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SILENCE_SECONDS
    # Header and body in one packet: in two, delayed acknowledgements cost 40 ms a request.
    disable_nagle_algorithm = True
    wbufsize = 65536
    server: _Server

    def do_POST(self) -> None:
        """Answer one JSON-RPC body."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            return self._reply(411, b'{"error":"the request has no length"}')
        if int(length) > MAX_BODY_BYTES:
            return self._reply(413, b'{"error":"the request is longer than 4 MB"}')
        return self._reply(200, self.server.answer(self.rfile.read(int(length))))

    def do_GET(self) -> None:
        """Say how to ask."""
        self._reply(405, b'{"error":"this is a JSON-RPC endpoint: use POST"}')

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status != 200:
            # What follows in the stream was not read, so it cannot be told from a next request.
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal for people."""
        _LOG.debug(format, *args)
