"""Blocks that become others: above the depth nobody notices, below it reading stops and a person decides."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ledger import event_queries, following
from ledger.chain.base import ChainUnavailable
from ledger.chain.blocks import header_at
from ledger.chain.jsonrpc import JsonRpc
from ledger.chain.suite import CONTRACTS
from ledger.event_models import ChainEvent, ChainEventLost, ChainFollowed, ChainReorganization
from ledger.following import UnableToFollow, follow, follow_after_loss
from tests.ledger.chain.makers import NOW, Book, ask
from tests.ledger.chain.test_following import Bent, anchor, few_blocks, roots, said
from tests.ledger.chain.test_following import inbox as inbox

pytestmark = pytest.mark.usefixtures("committed")


def snapshot(book: Book) -> str:
    """Returns where the chain can be taken back to."""
    return str(ask(book.place.url, "evm_snapshot"))


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


def test_five_blocks_that_are_replaced_after_they_were_final_stop_the_reading(
    book: Book, inbox: JsonRpc, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    with pytest.raises(ChainUnavailable, match="wait for it"):
        follow_after_loss(now=NOW, confirmations=2, rpc=inbox)
    assert not ChainEventLost.objects.exists()

    # An endpoint that gives few blocks at a time does as well.
    gone = follow_after_loss(now=NOW, confirmations=1, rpc=Bent(book.place.url, few_blocks(2)))

    # What stands in another block now is the same event: whoever acted on it does not act again.
    assert [one.args["root"] for one in gone] == ["0x" + said(word).hex() for word in "cdef"]
    assert roots() == list("abcdefxyzw")
    assert [row.event_id for row in ChainEventLost.objects.order_by("event_id")] == [one.id for one in gone]
    assert len(event_queries.findings()) == 4
    assert event_queries.open_reorganizations() == []
    heard = event_queries.events("ProvenanceAnchor", "CheckpointAnchored")
    assert [one.args["root"] for one in heard] == ["0x" + said(word).hex() for word in "abxyzw"]
    anchor(book, "g")
    assert follow(now=NOW, confirmations=1, rpc=inbox) == 1
    assert follow_after_loss(now=NOW, confirmations=1, rpc=inbox) == []
    # All is read once more, and what stands in another block than it did is still the same event.
    before = ChainEvent.objects.count()
    monkeypatch.setattr(following, "CONTRACTS", CONTRACTS[:-1])
    assert follow(now=NOW, confirmations=1, rpc=inbox) == 0
    assert ChainEvent.objects.count() == before


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
