"""The inbox of the chain: each event once, in order, from blocks that stay; whatever does not fit stores nothing."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from ledger import event_queries, following, tasks
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import deploy_anchor
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.suite import CONTRACTS, Suite
from ledger.event_models import ChainEvent, ChainFollowed, ChainReorganization
from ledger.following import follow
from tests.ledger.chain.makers import BRISK, NOW, Book, ask

pytestmark = pytest.mark.usefixtures("committed")
Bend = Callable[[str, list[Any], Any], Any]


class Bent(JsonRpc):
    """An endpoint that changes its answers on the way."""

    def __init__(self, url: str, bend: Bend) -> None:
        super().__init__(url, timeout_seconds=5)
        self.bend = bend

    def call(self, method: str, *params: Any) -> Any:
        return self.bend(method, list(params), super().call(method, *params))

    def batch(self, calls: Any) -> list[Any]:
        answers = super().batch(calls)
        return [self.bend(method, params, answer) for (method, *params), answer in zip(calls, answers, strict=True)]


@pytest.fixture
def inbox(book: Book, monkeypatch: pytest.MonkeyPatch) -> JsonRpc:
    """Follows a fresh anchor contract, and says where its chain is; the other contracts stand nowhere."""
    addresses = {name: "0x" + f"{number:040x}" for number, name in enumerate(CONTRACTS, start=0xA0)}
    addresses["ProvenanceAnchor"] = book.deployment.contract
    found = Suite(chain_id=31337, addresses=addresses, block_number=book.deployment.block_number, tokens={})
    monkeypatch.setattr(following, "suite", lambda: found)
    return JsonRpc(book.place.url)


def said(word: str) -> bytes:
    return hashlib.sha256(word.encode()).digest()


def anchor(book: Book, *words: str) -> None:
    """Anchors roots, a block and an event for each."""
    for word in words:
        size = len(book.events()) + 1
        book.chain.anchor(root=said(word), size=size, note_digest=said(f"{word}, signed"))


def roots() -> list[str]:
    """Returns what was taken in, in its order, as the words that were anchored."""
    names = {"0x" + said(word).hex(): word for word in "abcdefghijklmnopqrstuvwxyz"}
    rows = ChainEvent.objects.filter(event="CheckpointAnchored").order_by("id")
    return [names[row.args["root"]] for row in rows]


def test_every_event_is_taken_in_once_with_its_place(book: Book, inbox: JsonRpc) -> None:
    anchor(book, "a", "b")

    first = follow(now=NOW, confirmations=1, rpc=inbox)
    again = follow(now=NOW, confirmations=1, rpc=inbox)
    anchor(book, "c")
    then = follow(now=NOW, confirmations=1, rpc=inbox)

    # The deployment itself said who owns the contract and who anchors.
    assert (again, then) == (0, 1)
    assert first == ChainEvent.objects.count() - 1 == 4
    assert roots() == ["a", "b", "c"]
    row = ChainEvent.objects.get(args__root="0x" + said("b").hex())
    told = book.events()[1]
    assert (row.contract, row.event, row.address) == (
        "ProvenanceAnchor",
        "CheckpointAnchored",
        book.deployment.contract,
    )
    assert row.args["noteDigest"] == "0x" + said("b, signed").hex()
    assert (row.transaction, row.log_index) == (told["transactionHash"], int(told["logIndex"], 16))
    assert (row.block_hash, row.block_number) == (told["blockHash"], int(told["blockNumber"], 16))
    block = ask(book.place.url, "eth_getBlockByNumber", told["blockNumber"], False)
    assert int(row.block_time.timestamp()) == int(block["timestamp"], 16)
    assert event_queries.events_of(row.transaction) == [row]
    assert [one.id for one in event_queries.events("ProvenanceAnchor", "CheckpointAnchored", after=row.id)] == [
        ChainEvent.objects.get(args__root="0x" + said("c").hex()).id
    ]
    assert event_queries.findings() == []


def test_what_is_not_deep_enough_waits(book: Book, inbox: JsonRpc) -> None:
    anchor(book, "a", "b", "c")

    follow(now=NOW, confirmations=3, rpc=inbox)
    assert roots() == ["a"]
    anchor(book, "d")
    follow(now=NOW, confirmations=3, rpc=inbox)
    assert roots() == ["a", "b"]


def test_two_workers_take_each_event_once(book: Book, inbox: JsonRpc, at_once: Callable[..., list[Any]]) -> None:
    anchor(book, *"abcdef")

    told = at_once(*[lambda: follow(now=NOW, confirmations=1, rpc=JsonRpc(book.place.url)) for _ in range(4)])

    assert all(isinstance(one, int) for one in told)
    assert sum(told) == ChainEvent.objects.count()
    assert roots() == list("abcdef")


def few_blocks(most: int, asked: list[int] | None = None) -> Bend:
    """An endpoint that searches only so many blocks at a time for logs, and says how many it was asked for."""

    def bend(method: str, params: list[Any], answer: Any) -> Any:
        if method == "eth_getLogs":
            many = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
            if asked is not None:
                asked.append(many)
            if many > most:
                raise RpcRefusal(-32005, f"query returned more than {most} blocks", None)
        return answer

    return bend


def test_an_endpoint_that_wants_few_blocks_is_asked_for_few(book: Book, inbox: JsonRpc) -> None:
    anchor(book, *"abcdef")
    asked: list[int] = []

    follow(now=NOW, confirmations=1, rpc=Bent(book.place.url, few_blocks(2, asked)))

    assert roots() == list("abcdef")
    assert max(asked) == 7
    assert set(asked[-3:]) == {1}


def test_an_endpoint_that_refuses_even_one_block_is_unavailable(book: Book, inbox: JsonRpc) -> None:
    def bend(method: str, params: list[Any], answer: Any) -> Any:
        if method == "eth_getLogs":
            raise RpcRefusal(-32005, "not on your plan", None)
        return answer

    with pytest.raises(ChainUnavailable, match="logs of one block: not on your plan"):
        follow(now=NOW, confirmations=1, rpc=Bent(book.place.url, bend))
    assert silent()


def silent() -> bool:
    """Whether nothing was stored at all."""
    return not any(rows.objects.exists() for rows in (ChainEvent, ChainFollowed, ChainReorganization))


def lie(method: str, change: Callable[[Any], Any]) -> Bend:
    return lambda asked, params, answer: change(answer) if asked == method else answer


def moved(logs: list[dict[str, Any]], **fields: str) -> list[dict[str, Any]]:
    return [*logs[:-1], logs[-1] | fields]


STRANGE = "0x" + "ab" * 32
LIES = [
    pytest.param(lie("eth_chainId", lambda answer: "0x1"), "serves chain 1, but", id="another chain"),
    pytest.param(lie("eth_getLogs", lambda answer: answer[:-1]), "other logs than the receipts", id="a log left out"),
    pytest.param(lie("eth_getLogs", lambda answer: []), "other logs than the receipts", id="all logs left out"),
    pytest.param(lie("eth_getLogs", lambda answer: answer + answer[-1:]), "other logs than", id="a log twice"),
    pytest.param(lie("eth_getLogs", lambda answer: moved(answer, blockHash=STRANGE)), "not in the block", id="a block"),
    pytest.param(
        lie("eth_getLogs", lambda answer: moved(answer, transactionHash=STRANGE)),
        "not in the block",
        id="a digest",
    ),
    pytest.param(
        lie("eth_getLogs", lambda answer: moved(answer, address="0x" + "ab" * 20)), "not asked for", id="a contract"
    ),
    pytest.param(lie("eth_getLogs", lambda answer: moved(answer, blockNumber="0x0")), "not asked for", id="a number"),
    pytest.param(lie("eth_getLogs", lambda answer: moved(answer, data=STRANGE)), "other logs than", id="values"),
    pytest.param(lie("eth_getLogs", lambda answer: moved(answer, removed=True)), "no log of the chain", id="removed"),
    pytest.param(lie("eth_getLogs", lambda answer: {"logs": answer}), "no list", id="no list"),
    pytest.param(lie("eth_getLogs", lambda answer: None), "no list", id="null"),
    pytest.param(
        lie("eth_getBlockByNumber", lambda answer: answer | {"parentHash": STRANGE}), "does not follow", id="no chain"
    ),
    pytest.param(lie("eth_getBlockByNumber", lambda answer: answer | {"number": "0x5"}), "gives 5", id="other numbers"),
    pytest.param(lie("eth_getBlockByNumber", lambda answer: None), "no object", id="no blocks"),
    pytest.param(lie("eth_getTransactionReceipt", lambda answer: None), "no object", id="no receipts"),
    pytest.param(
        lie("eth_getTransactionReceipt", lambda answer: answer | {"logs": []}), "other logs than", id="empty receipts"
    ),
    pytest.param(lie("eth_blockNumber", lambda answer: RpcRefusal(-32000, "busy", None)), "busy", id="a refusal"),
]


@pytest.mark.parametrize(("bend", "words"), LIES)
def test_an_endpoint_that_lies_stores_nothing(book: Book, inbox: JsonRpc, bend: Bend, words: str) -> None:
    anchor(book, "a", "b")

    with pytest.raises(ChainUnavailable, match=words):
        follow(now=NOW, confirmations=1, rpc=Bent(book.place.url, bend))
    assert silent()

    follow(now=NOW, confirmations=1, rpc=inbox)
    assert roots() == ["a", "b"]


def test_a_chain_that_is_away_is_asked_again(book: Book, inbox: JsonRpc) -> None:
    anchor(book, "a")

    with pytest.raises(ChainUnavailable, match=":9 cannot be reached"):
        follow(now=NOW, confirmations=1, rpc=JsonRpc("http://127.0.0.1:9"))
    assert silent()
    follow(now=NOW, confirmations=1, rpc=inbox)
    assert roots() == ["a"]


class Forger(JsonRpc):
    """An endpoint that makes up an event, with a receipt that fits it."""

    def call(self, method: str, *params: Any) -> Any:
        return self.forged(method, super().call(method, *params))

    def batch(self, calls: Any) -> list[Any]:
        return [self.forged(call[0], answer) for call, answer in zip(calls, super().batch(calls), strict=True)]

    def forged(self, method: str, answer: Any) -> Any:
        if method == "eth_getTransactionReceipt":
            return answer | {"logs": [self.bent(log) for log in answer["logs"]]}
        return [self.bent(log) for log in answer] if method == "eth_getLogs" else answer

    def bent(self, log: dict[str, Any]) -> dict[str, Any]:
        """The root of the letter a becomes that of z."""
        return json.loads(json.dumps(log).replace(said("a").hex(), said("z").hex()))  # type: ignore[no-any-return]


def test_a_second_endpoint_finds_a_forgery_that_fits_together(book: Book, inbox: JsonRpc, settings: Any) -> None:
    anchor(book, "a", "b")
    forger = Forger(book.place.url)
    settings.CHAIN_SECOND_RPC_URL = book.place.url
    with pytest.raises(ChainUnavailable, match="says otherwise than"):
        follow(now=NOW, confirmations=1, rpc=forger)
    assert silent()
    settings.CHAIN_SECOND_RPC_URL = "http://127.0.0.1:9"
    with pytest.raises(ChainUnavailable, match=":9 cannot be reached"):
        follow(now=NOW, confirmations=1, rpc=inbox)
    assert silent()
    settings.CHAIN_SECOND_RPC_URL = book.place.url
    follow(now=NOW, confirmations=1, rpc=inbox)
    assert roots() == ["a", "b"]


def test_one_endpoint_alone_is_trusted(book: Book, inbox: JsonRpc) -> None:
    """What the documentation says of it: without a second one a forgery that fits together is believed."""
    anchor(book, "a")

    follow(now=NOW, confirmations=1, rpc=Forger(book.place.url))
    assert roots() == ["z"]


def test_an_endpoint_that_lags_behind_is_not_believed(book: Book, inbox: JsonRpc) -> None:
    anchor(book, "a", "b")
    follow(now=NOW, confirmations=1, rpc=inbox)
    newest = ChainFollowed.objects.get().last
    gone = lambda method, params, answer: None if params[:1] == [hex(newest)] else answer  # noqa: E731

    with pytest.raises(ChainUnavailable, match=f"does not have block {newest}, which was read before"):
        follow(now=NOW, confirmations=1, rpc=Bent(book.place.url, gone))
    assert roots() == ["a", "b"]
    assert not ChainReorganization.objects.exists()


def test_a_branch_that_changes_while_it_is_read_stores_nothing(book: Book, inbox: JsonRpc) -> None:
    anchor(book, "a", "b")
    asked: list[str] = []

    def bend(method: str, params: list[Any], answer: Any) -> Any:
        asked.append(method)
        after_logs = "eth_getLogs" in asked and method == "eth_getBlockByNumber"
        return answer | {"hash": STRANGE} if after_logs else answer

    with pytest.raises(ChainUnavailable, match="changed its chain while it was read"):
        follow(now=NOW, confirmations=1, rpc=Bent(book.place.url, bend))
    assert silent()


def test_nothing_that_was_taken_in_is_ever_changed(book: Book, inbox: JsonRpc) -> None:
    anchor(book, "a")
    follow(now=NOW, confirmations=1, rpc=inbox)

    for table in ("ledger_chain_event", "ledger_chain_followed"):
        for words in (f"UPDATE {table} SET chain_id = 1", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(words)
    assert roots() == ["a"]


def test_a_contract_that_another_took_the_place_of_is_still_heard(
    book: Book, inbox: JsonRpc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    anchor(book, "a")
    follow(now=NOW, confirmations=1, rpc=inbox)
    config = book.place.config(tmp_path / "successor")
    successor = deploy_anchor(now=NOW, config=config, patience=BRISK)
    new = Book(book.place, config, successor, type(book.chain)(config=config))
    before = following.suite()
    assert before is not None
    addresses = before.addresses | {"ProvenanceAnchor": successor.contract}
    former = (("ProvenanceAnchor", book.deployment.contract),)
    blocks = dict.fromkeys(addresses.values(), before.block_number) | {
        book.deployment.contract: before.block_number,
        successor.contract: successor.block_number,
    }
    found = replace(before, addresses=addresses, former=former, blocks=blocks)
    monkeypatch.setattr(following, "suite", lambda: found)
    anchor(book, "b")
    anchor(new, "c")

    asked: list[int] = []
    follow(now=NOW, confirmations=1, rpc=Bent(book.place.url, few_blocks(1000, asked)))
    assert asked == [3]  # from the successor's own block on, and nothing from before it

    assert roots() == ["a", "b", "c"]
    assert [row.address for row in ChainEvent.objects.filter(event="CheckpointAnchored").order_by("id")] == [
        book.deployment.contract,
        book.deployment.contract,
        successor.contract,
    ]
    assert follow(now=NOW, confirmations=1, rpc=inbox) == 0


def test_without_a_suite_there_is_nothing_to_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "suite", lambda: None)

    assert follow(now=NOW) == 0
    assert silent()


def test_the_worker_reads_every_few_seconds_and_never_fails(
    book: Book, inbox: JsonRpc, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CHAIN_RPC_URL, settings.CHAIN_CONFIRMATIONS = "http://127.0.0.1:9", 1
    anchor(book, "a")

    tasks.follow(0)
    assert "127.0.0.1:9 cannot be reached" in caplog.text
    assert silent()
    settings.CHAIN_RPC_URL = book.place.url
    tasks.follow(5)
    assert roots() == ["a"]
