"""What the adapter does when the endpoint is away, lies or dies, and when we die."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ledger.chain import deployment
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import ChainConfig, UnableToDeploy, deploy_anchor
from ledger.chain.evm import EvmChain
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.sender import NonceTaken, Patience, Sender
from ledger.chain.transaction import Transaction, address_of, sign
from tests.ledger.chain.makers import BRISK, NOW, Book, DevChain, DirectChain, Place, ask, fund, replayed, until

ROOT, NOTE = hashlib.sha256(b"root").digest(), hashlib.sha256(b"note").digest()


@contextmanager
def endpoint(reply: Callable[[dict[str, Any]], tuple[int, bytes]]) -> Iterator[str]:
    """Serves whatever `reply` makes of each request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Takes no notice of a client that has given up."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/secret-api-key"
    server.shutdown()
    server.server_close()


def forwarding(place: Place, change: Callable[[str, Any], Any]) -> Callable[[dict[str, Any]], tuple[int, bytes]]:
    """Passes requests on to a real chain and bends the results of some."""

    def reply(request: dict[str, Any]) -> tuple[int, bytes]:
        result = change(request["method"], lambda: ask(place.url, request["method"], *request["params"]))
        return 200, json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()

    return reply


NONSENSE = [
    pytest.param(200, b"<html>welcome</html>", "something that is not JSON", id="a page"),
    pytest.param(200, b"", "something that is not JSON", id="nothing"),
    pytest.param(200, b"[" * 100_000, "something that is not JSON", id="too deep"),
    pytest.param(200, b"[]", "something that is no answer to it", id="a list"),
    pytest.param(200, b'{"id":99,"result":"0x1"}', "something that is no answer to it", id="another id"),
    pytest.param(200, b'{"id":1}', "neither a result nor an error", id="no result"),
    pytest.param(200, b'{"id":1,"result":"31337"}', "something that is no number", id="a decimal"),
    pytest.param(200, b'{"id":1,"result":null}', "something that is no number", id="null"),
    pytest.param(502, b"bad gateway", "with HTTP 502", id="a broken gateway"),
    pytest.param(429, b'{"message":"slow down"}', "with HTTP 429", id="too many requests"),
]


@pytest.mark.parametrize(("status", "body", "words"), NONSENSE)
def test_nonsense_is_an_endpoint_that_did_not_answer(status: int, body: bytes, words: str, tmp_path: Path) -> None:
    with endpoint(lambda request: (status, body)) as url:
        chain = EvmChain(config=ChainConfig(folder=tmp_path, rpc_url=url, contract="0x" + "ab" * 20))
        with pytest.raises(ChainUnavailable, match=words) as unavailable:
            chain.find(root=ROOT)
    assert "secret-api-key" not in str(unavailable.value)


def test_an_error_under_http_400_is_still_the_chains_refusal() -> None:
    body = {"id": 1, "error": {"code": 3, "message": "execution reverted", "data": {"data": "0x01ff"}}}
    with endpoint(lambda request: (400, json.dumps(body).encode())) as url, pytest.raises(RpcRefusal) as refused:
        JsonRpc(url).call("eth_call")
    assert (refused.value.number, refused.value.data) == (3, b"\x01\xff")


def test_an_endpoint_that_never_answers_is_given_up() -> None:
    release = threading.Event()

    def wait(request: dict[str, Any]) -> tuple[int, bytes]:
        release.wait(10)
        return 200, b"{}"

    with endpoint(wait) as url:
        with pytest.raises(ChainUnavailable, match="timed out"):
            JsonRpc(url, timeout_seconds=0.1).call("eth_chainId")
        release.set()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/", "127.0.0.1:8545", "http://"])
def test_only_http_endpoints_are_asked(url: str, tmp_path: Path) -> None:
    with pytest.raises(ChainUnavailable, match="http://"):
        EvmChain(config=ChainConfig(folder=tmp_path, rpc_url=url, contract="0x" + "ab" * 20)).find(root=ROOT)


def test_a_chain_that_is_down_is_unavailable(book: Book, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone/endpoint").write_text("http://127.0.0.1:9\n")
    with pytest.raises(ChainUnavailable, match=":9 cannot be reached"):
        EvmChain(config=ChainConfig(folder=tmp_path / "gone")).find(root=ROOT)
    with pytest.raises(ChainUnavailable, match="the embedded chain is not running"):
        EvmChain(config=ChainConfig(folder=tmp_path)).find(root=ROOT)


def test_a_missing_or_broken_key_is_named(book: Book, tmp_path: Path) -> None:
    broken = tmp_path / "broken.key"
    broken.write_text("0x" + "00" * 32)
    for path, words in ((tmp_path / "none.key", "cannot be read"), (broken, "does not hold a private key")):
        chain = EvmChain(config=book.place.config(book.config.folder, key_file=str(path)))
        with pytest.raises(ChainUnavailable, match=words):
            chain.account("anchorer")


def test_a_receipt_that_never_comes_is_waited_for_and_then_reported(embedded: Place, tmp_path: Path) -> None:
    time = [0.0]

    def sleep(seconds: float) -> None:
        time[0] += seconds

    patience = Patience(deadline_seconds=30, poll_seconds=5, clock=lambda: time[0], sleep=sleep)
    hide = forwarding(embedded, lambda method, real: None if method == "eth_getTransactionReceipt" else real())
    with endpoint(hide) as url, pytest.raises(ChainUnavailable, match="is sent but not mined after 30 s"):
        deploy_anchor(now=NOW, config=embedded.config(tmp_path, rpc_url=url), patience=patience)
    assert time[0] == 30
    # It was mined all the same, and the next run finds it instead of sending another.
    intent = json.loads((tmp_path / "deployment.intent.json").read_text())
    made = deploy_anchor(now=NOW, config=embedded.config(tmp_path), patience=BRISK)
    assert (made.contract, made.transaction) == (intent["contract"], "0x" + intent["digest"])


def test_a_stale_nonce_is_asked_for_again(embedded: Place, tmp_path: Path) -> None:
    stale = ["0x0", "0x1"]

    def change(method: str, real: Callable[[], Any]) -> Any:
        return stale.pop() if method == "eth_getTransactionCount" and stale else real()

    def reply(request: dict[str, Any]) -> tuple[int, bytes]:
        try:
            return forwarding(embedded, change)(request)
        except AssertionError as refused:
            return 200, json.dumps({"id": request["id"], "error": refused.args[0]}).encode()

    with endpoint(reply) as url:
        made = deploy_anchor(now=NOW, config=embedded.config(tmp_path, rpc_url=url), patience=BRISK)
    assert stale == []
    assert made.block_number > 0


def test_a_key_whose_transactions_always_come_late_gives_up(embedded: Place, tmp_path: Path) -> None:

    def reply(request: dict[str, Any]) -> tuple[int, bytes]:
        if request["method"] == "eth_sendRawTransaction":
            error = {"code": -32000, "message": "nonce too low"}
            return 200, json.dumps({"id": request["id"], "error": error}).encode()
        return forwarding(embedded, lambda method, real: real())(request)

    with endpoint(reply) as url:
        patience = Patience(attempts=3, sleep=lambda s: None)
        with pytest.raises(ChainUnavailable, match="keep coming first"):
            deploy_anchor(now=NOW, config=embedded.config(tmp_path, rpc_url=url), patience=patience)
    assert not (tmp_path / "deployment.json").exists()


def test_an_anchor_without_its_event_is_not_believed(embedded: Place, tmp_path: Path) -> None:
    deploy_anchor(now=NOW, config=embedded.config(tmp_path), patience=BRISK)
    DirectChain(config=embedded.config(tmp_path)).anchor(root=ROOT, size=1, note_digest=NOTE)
    with endpoint(forwarding(embedded, lambda method, real: [] if method == "eth_getLogs" else real())) as url:
        with pytest.raises(ChainUnavailable, match="but not its event"):
            EvmChain(config=embedded.config(tmp_path, rpc_url=url)).find(root=ROOT)


# --- dying between two steps of a deployment ------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the process's end."""


def test_dying_after_sending_finds_the_contract_again(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = deployment.write_document

    def die(path: Path, document: dict[str, Any]) -> None:
        if path.name == "deployment.json":
            raise Killed
        write(path, document)

    monkeypatch.setattr(deployment, "write_document", die)
    with pytest.raises(Killed):
        deploy_anchor(now=NOW, config=place.config(tmp_path), patience=BRISK)
    monkeypatch.undo()
    sent = int(ask(place.url, "eth_getTransactionCount", address_of(place.key), "latest"), 16)
    found = deploy_anchor(now=NOW, config=place.config(tmp_path), patience=BRISK)
    assert int(ask(place.url, "eth_getTransactionCount", address_of(place.key), "latest"), 16) == sent
    assert len(ask(place.url, "eth_getCode", found.contract, "latest")) > 1000
    assert not (tmp_path / "deployment.intent.json").exists()


def test_dying_before_sending_sends_the_same_bytes(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(self: Sender, signed: Any) -> None:
        raise Killed

    monkeypatch.setattr(Sender, "send", die)
    with pytest.raises(Killed):
        deploy_anchor(now=NOW, config=place.config(tmp_path), patience=BRISK)
    monkeypatch.undo()
    intent = json.loads((tmp_path / "deployment.intent.json").read_text())
    found = deploy_anchor(now=NOW, config=place.config(tmp_path), patience=BRISK)
    assert (found.contract, found.transaction) == (intent["contract"], "0x" + intent["digest"])


def test_an_intent_whose_nonce_went_elsewhere_is_given_up(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(self: Sender, signed: Any) -> None:
        raise Killed

    monkeypatch.setattr(Sender, "send", die)
    with pytest.raises(Killed):
        deploy_anchor(now=NOW, config=place.config(tmp_path / "a"), patience=BRISK)
    monkeypatch.undo()
    intent = json.loads((tmp_path / "a/deployment.intent.json").read_text())
    fund(JsonRpc(place.url), place.key, "0x" + "0b" * 20)
    found = deploy_anchor(now=NOW, config=place.config(tmp_path / "a"), patience=BRISK)
    assert ask(place.url, "eth_getCode", intent["contract"], "latest") == "0x"
    assert found.contract != intent["contract"]
    assert len(ask(place.url, "eth_getCode", found.contract, "latest")) > 1000


def test_a_record_of_a_contract_that_is_not_there_is_a_contradiction(place: Place, tmp_path: Path) -> None:
    made = deploy_anchor(now=NOW, config=place.config(tmp_path), patience=BRISK)
    record = tmp_path / "deployment.json"
    record.write_text(record.read_text().replace(made.contract, "0x" + "ab" * 20))
    with pytest.raises(UnableToDeploy, match="to deploy anew"):
        deploy_anchor(now=NOW, config=place.config(tmp_path), patience=BRISK)


def test_another_owner_can_be_named(place: Place, tmp_path: Path) -> None:
    made = deploy_anchor(now=NOW, config=place.config(tmp_path), owner="0x" + "0a" * 20, patience=BRISK)
    owner = ask(place.url, "eth_call", {"to": made.contract, "data": "0x8da5cb5b"}, "latest")
    assert owner == "0x" + "00" * 12 + "0a" * 20


# --- the embedded chain killed at work ------------------------------------------------------------------------


def test_sigkill_during_anchoring_leaves_one_history(devchain: DevChain) -> None:
    dev = devchain
    dev.start()
    config = ChainConfig(folder=dev.folder)
    made = deploy_anchor(now=NOW, config=config, patience=BRISK)
    chain = DirectChain(config=config)
    done: list[int] = []
    sizes = iter(range(1, 10_000))
    for aim in (3, 8):
        before = len(done)

        def work() -> None:
            size = next(sizes)
            while True:
                root = hashlib.sha256(size.to_bytes(8, "big")).digest()
                try:
                    chain.anchor(root=root, size=size, note_digest=NOTE)
                except ChainUnavailable:
                    return
                done.append(size)
                size = next(sizes)

        worker = threading.Thread(target=work)
        worker.start()
        until(lambda before=before, aim=aim: len(done) >= before + aim)
        dev.kill()
        worker.join()
        url = dev.start()
        # What was receipted is there; what was not may be there too, once, and is then found.
        book = Book(Place(url, config.key(), dev.folder / "dev.key"), config, made, chain)
        events = book.events()
        kept = [int.from_bytes(bytes.fromhex(event["data"][2:])[58:], "big") for event in events]
        assert set(done) <= set(kept)
        assert len(kept) - len(done) <= aim
        assert chain.head() == replayed(book)
        for size in done[-2:]:
            assert chain.find(root=hashlib.sha256(size.to_bytes(8, "big")).digest()) is not None
    assert deploy_anchor(now=NOW, config=config, patience=BRISK) == made
    with pytest.raises(RpcRefusal):
        chain.anchor(root=ROOT, size=1, note_digest=NOTE)
    assert dev.stop() == 0


def test_a_nonce_used_twice_is_told_apart(place: Place) -> None:
    rpc = JsonRpc(place.url)
    fund(rpc, place.key, "0x" + "0b" * 20)
    sender = Sender(rpc, key=place.key, chain_id=31337, patience=BRISK)
    old = Transaction(
        chain_id=31337, nonce=0, max_fee_wei=10**10, max_tip_wei=1, gas=21_000, to="0x" + "0b" * 20, data=b""
    )
    with pytest.raises(NonceTaken, match="nonce too low"):
        sender.send(sign(old, place.key))
