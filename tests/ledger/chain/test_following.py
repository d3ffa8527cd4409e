"""The inbox of the chain: each event once, in order, from blocks that stay; whatever does not fit stores nothing."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from ledger import event_queries, following, tasks
from ledger.chain.base import ChainUnavailable
from ledger.chain.blocks import header_at
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.suite import CONTRACTS, Suite
from ledger.event_models import ChainEvent, ChainEventLost, ChainFollowed, ChainReorganization
from ledger.following import UnableToFollow, follow, follow_after_loss
from tests.ledger.chain.makers import NOW, Book, ask

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


def test_an_endpoint_that_wants_few_blocks_is_asked_for_few(book: Book, inbox: JsonRpc) -> None:
    anchor(book, *"abcdef")
    asked = []

    def bend(method: str, params: list[Any], answer: Any) -> Any:
        if method == "eth_getLogs":
            many = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
            asked.append(many)
            if many > 2:
                raise RpcRefusal(-32005, "query returned more than 2 blocks", None)
        return answer

    follow(now=NOW, confirmations=1, rpc=Bent(book.place.url, bend))

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


def snapshot(book: Book) -> str:
    """Returns where the chain can be taken back to."""
    return str(ask(book.place.url, "evm_snapshot"))


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


def test_an_endpoint_that_lags_behind_is_not_believed(book: Book, inbox: JsonRpc) -> None:
    anchor(book, "a", "b")
    follow(now=NOW, confirmations=1, rpc=inbox)
    newest = ChainFollowed.objects.get().last
    gone = lambda method, params, answer: None if params[:1] == [hex(newest)] else answer  # noqa: E731

    with pytest.raises(ChainUnavailable, match=f"does not have block {newest}, which was read before"):
        follow(now=NOW, confirmations=1, rpc=Bent(book.place.url, gone))
    assert roots() == ["a", "b"]
    assert not ChainReorganization.objects.exists()


def test_five_blocks_that_are_replaced_before_they_are_deep_leave_no_trace(book: Book, inbox: JsonRpc) -> None:
    anchor(book, "a")
    point = snapshot(book)
    anchor(book, *"bcdef")
    follow(now=NOW, confirmations=6, rpc=inbox)
    assert roots() == ["a"]

    assert ask(book.place.url, "evm_revert", point) is True
    anchor(book, *"vwxyz")
    follow(now=NOW, confirmations=6, rpc=inbox)
    assert roots() == ["a"]
    follow(now=NOW, confirmations=1, rpc=inbox)

    assert roots() == list("avwxyz")
    assert not ChainReorganization.objects.exists()


def test_five_blocks_that_are_replaced_after_they_were_final_stop_the_reading(book: Book, inbox: JsonRpc) -> None:
    anchor(book, "a")
    follow(now=NOW, confirmations=1, rpc=inbox)
    point = snapshot(book)
    anchor(book, *"bcdef")
    follow(now=NOW, confirmations=1, rpc=inbox)
    was = ChainFollowed.objects.latest("id")
    assert ask(book.place.url, "evm_revert", point) is True
    # The first of them is mined again, in another block; the others are not.
    anchor(book, *"bxyzw")

    for _ in range(2):
        with pytest.raises(UnableToFollow, match="and final, and is now 0x"):
            follow(now=NOW, confirmations=1, rpc=inbox)

    assert roots() == list("abcdef")
    found = ChainReorganization.objects.get()
    there = header_at(inbox, was.last)
    assert there is not None
    assert found.read == was
    assert found.found_hash == "0x" + there.hash.hex()
    (said_so,) = event_queries.findings()
    assert said_so.startswith(f"Block {was.last} of chain 31337 was {was.last_hash} and is now 0x")

    gone = follow_after_loss(now=NOW, confirmations=1, rpc=inbox)

    # What stands in another block now is the same event: whoever acted on it does not act again.
    assert [one.args["root"] for one in gone] == ["0x" + said(word).hex() for word in "cdef"]
    assert roots() == list("abcdefxyzw")
    assert [row.event_id for row in ChainEventLost.objects.order_by("event_id")] == [one.id for one in gone]
    assert len(event_queries.findings()) == 4
    assert event_queries.open_reorganizations() == []
    anchor(book, "g")
    assert follow(now=NOW, confirmations=1, rpc=inbox) == 1
    assert follow_after_loss(now=NOW, confirmations=1, rpc=inbox) == []


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


def test_without_a_suite_there_is_nothing_to_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "suite", lambda: None)

    assert follow(now=NOW) == 0
    assert silent()


def test_the_command_reads_and_says_what_was_taken_back(
    book: Book, inbox: JsonRpc, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.CHAIN_RPC_URL, settings.CHAIN_CONFIRMATIONS = book.place.url, 1
    anchor(book, "a")
    point = snapshot(book)
    anchor(book, "b")

    call_command("chain_follow")
    newest = ChainFollowed.objects.latest("id").last
    assert capsys.readouterr().out == f"4 new events; read to block {newest}.\n"

    assert ask(book.place.url, "evm_revert", point) is True
    anchor(book, "c")
    with pytest.raises(CommandError, match="is not read any further"):
        call_command("chain_follow")
    with pytest.raises(CommandError, match="is no more on the chain: look at what was done because of it"):
        call_command("chain_follow", after_loss=True)
    assert capsys.readouterr().out.startswith("gone: ProvenanceAnchor.CheckpointAnchored in block ")
    assert roots() == ["a", "b", "c"]


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
