"""An endpoint between us and a chain: it bends answers, fails, or keeps transactions as a mempool does."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_account import Account as EthAccount
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from ledger.chain.transaction import keccak
from tests.ledger.chain.makers import ask

Real = Callable[[], Any]
Bend = Callable[[str, list[Any], Real], Any]


class Refused(Exception):
    """An error object as the answer."""

    def __init__(self, message: str) -> None:
        super().__init__({"code": -32000, "message": message})


class Cut(Exception):
    """The connection ends without an answer."""


@dataclass
class Proxy:
    """Passes requests on to the chain at `target`, through `bend`, one by one also where they came as a batch."""

    target: str
    bend: Bend = lambda method, params, real: real()
    url: str = ""
    requests: list[list[str]] = field(default_factory=list)

    def reply(self, body: Any) -> Any:
        many = body if isinstance(body, list) else [body]
        self.requests.append([one["method"] for one in many])
        answers = [self._one(one) for one in many]
        return answers if isinstance(body, list) else answers[0]

    def _one(self, request: dict[str, Any]) -> dict[str, Any]:
        method, params = request["method"], request["params"]
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            answer["result"] = self.answer(method, params, lambda: ask(self.target, method, *params))
        except (AssertionError, Refused) as refused:
            answer["error"] = refused.args[0]
        return answer

    def answer(self, method: str, params: list[Any], real: Real) -> Any:
        return self.bend(method, params, real)

    @contextmanager
    def serving(self) -> Iterator["Proxy"]:
        """Serves for a while, at `url`."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                try:
                    content = json.dumps(proxy.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                except Cut:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Takes no notice of a client that has given up."""

        server = Server(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/v1/secret-api-key"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


@dataclass
class Pooled:
    """A transaction that waits for a block."""

    raw: str
    digest: str
    sender: str
    nonce: int
    max_fee: int
    max_tip: int


@dataclass
class Pool(Proxy):
    """A mempool of its own before a chain that mines at once: nothing is mined until it is released."""

    waiting: dict[tuple[str, int], Pooled] = field(default_factory=dict)
    taken: list[Pooled] = field(default_factory=list)
    holds: bool = True

    def answer(self, method: str, params: list[Any], real: Real) -> Any:
        if method == "eth_sendRawTransaction" and self.holds:
            return self.take(params[0])
        if method == "eth_getTransactionCount" and params[1] == "pending":
            count = int(real(), 16)
            while (params[0].lower(), count) in self.waiting:
                count += 1
            return hex(count)
        return self.bend(method, params, real)

    def take(self, raw: str) -> str:
        """Takes a transaction as large nodes do."""
        told = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        one = Pooled(
            raw=raw,
            digest="0x" + keccak(bytes.fromhex(raw[2:])).hex(),
            sender=EthAccount.recover_transaction(raw).lower(),
            nonce=int(told["nonce"]),
            max_fee=int(told["maxFeePerGas"]),
            max_tip=int(told["maxPriorityFeePerGas"]),
        )
        if one.nonce < int(ask(self.target, "eth_getTransactionCount", one.sender, "latest"), 16):
            raise Refused("nonce too low")
        before = self.waiting.get((one.sender, one.nonce))
        if before is not None and before.digest == one.digest:
            raise Refused("already known")
        if before is not None and (8 * one.max_fee < 9 * before.max_fee or 8 * one.max_tip < 9 * before.max_tip):
            raise Refused("replacement transaction underpriced")
        self.waiting[(one.sender, one.nonce)] = one
        self.taken.append(one)
        return one.digest

    def release(self) -> None:
        """Has everything mined, in the order of the nonces."""
        for place in sorted(self.waiting):
            ask(self.target, "eth_sendRawTransaction", self.waiting[place].raw)
        self.waiting.clear()

    def forget(self) -> None:
        """Loses everything, as a node does that starts again."""
        self.waiting.clear()
