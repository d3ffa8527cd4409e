"""Anchoring: each checkpoint on chain at most once, whatever the chain does."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ledger import queries
from ledger.chain.base import ChainUnavailable, UnableToAnchor
from ledger.chain_models import ChainAttempt, ChainCall, ChainOutcome
from ledger.models import AnchorIntent, AnchorReceipt, Entry
from ledger.operations import (
    UnableToReachChain,
    anchor,
    seal,
)
from tests.ledger.conftest import state_asset
from tests.ledger.makers import NOW, asset_body, sha256
from tests.ledger.paper import PaperAccount, PaperChain

pytestmark = pytest.mark.django_db


def test_anchoring_puts_the_newest_checkpoint_on_chain_once(chain: PaperChain):
    state_asset("a")
    checkpoint = seal(now=NOW).checkpoint
    receipt = anchor(now=NOW)
    assert [(block["to"], block["data"][8:72]) for block in chain.blocks] == [
        (chain.contract, bytes(checkpoint.root).hex())
    ]
    assert receipt.intent.checkpoint == checkpoint
    assert (receipt.block_number, receipt.gas_used) == (1, 53_311)
    assert receipt.block_time == datetime(2026, 11, 22, 2, 5, 57, tzinfo=UTC)
    stated = Entry.objects.get(type="anchor-receipt")
    assert stated.subject == "checkpoint:1"
    assert stated.statement == {
        "size": 1,
        "root": bytes(checkpoint.root).hex(),
        "chain_id": 1337,
        "contract": "0x" + "Ab" * 20,
        "transaction": chain.blocks[0]["digest"],
        "block_number": 1,
        "block_time": int(NOW.timestamp()) + 1,
    }
    assert anchor(now=NOW) is None
    assert queries.latest_anchor_covering(0) == receipt
    assert queries.latest_anchor_covering(1) is None


def test_receipts_alone_are_not_anchored_or_it_would_never_end(chain: PaperChain):
    state_asset("a")
    seal(now=NOW)
    anchor(now=NOW)
    assert seal(now=NOW).count == 1
    assert anchor(now=NOW) is None
    state_asset("b")
    seal(now=NOW)
    assert anchor(now=NOW).intent.checkpoint.size == 3
    assert queries.latest_anchor_covering(0).intent.checkpoint.size == 3
    assert queries.log_counts().anchors == 2


def test_nothing_sealed_is_nothing_to_anchor(chain: PaperChain):
    state_asset("a")
    assert anchor(now=NOW) is None
    assert chain.blocks == []
    assert not ChainCall.objects.exists()
    assert not AnchorIntent.objects.exists()


def test_a_chain_that_is_down_loses_nothing(chain: PaperChain):
    state_asset("a")
    seal(now=NOW)
    chain.away = "connection refused"
    with pytest.raises(UnableToReachChain) as refused:
        anchor(now=NOW)
    assert str(refused.value) == (
        "The log cannot be anchored now: the chain did not answer (connection refused); the next run tries again."
    )
    assert not AnchorIntent.objects.exists()
    assert not ChainCall.objects.exists()
    chain.away = ""
    assert anchor(now=NOW).block_number == 1


def test_all_that_was_sealed_while_the_chain_was_away_costs_one_anchor(chain: PaperChain):
    for number in range(100):
        state_asset(str(number))
        seal(now=NOW)
        if number % 25 == 5:
            chain.away = "connection refused"
            with pytest.raises(UnableToReachChain):
                anchor(now=NOW)
    chain.away = ""
    assert anchor(now=NOW).intent.checkpoint.size == 100
    assert anchor(now=NOW) is None
    assert len(chain.blocks) == 1
    assert queries.latest_anchor_covering(0).intent.checkpoint.size == 100


def test_a_larger_checkpoint_takes_the_place_of_one_that_nothing_was_signed_for(
    chain: PaperChain, monkeypatch: pytest.MonkeyPatch
):
    state_asset("a")
    seal(now=NOW)

    def go_away(*args: object, **named: object) -> None:
        raise ChainUnavailable("it went away between two questions")

    monkeypatch.setattr(PaperAccount, "moment", go_away)
    with pytest.raises(UnableToReachChain, match="between two questions"):
        anchor(now=NOW)
    monkeypatch.undo()
    assert AnchorIntent.objects.get().checkpoint.size == 1
    state_asset("b")
    seal(now=NOW)
    assert anchor(now=NOW).intent.checkpoint.size == 2
    assert anchor(now=NOW) is None
    assert len(chain.blocks) == 1
    assert ChainOutcome.objects.get(state="refused").reason == "a larger checkpoint took its place"
    assert AnchorReceipt.objects.count() == 1


def test_until_its_block_is_final_an_anchor_is_none(chain: PaperChain, settings: pytest.FixtureRequest):
    settings.CHAIN_CONFIRMATIONS = 3
    state_asset("a")
    seal(now=NOW)
    assert anchor(now=NOW) is None
    state_asset("b")
    seal(now=NOW)
    assert anchor(now=NOW) is None
    assert len(chain.blocks) == 1
    assert queries.latest_anchor_covering(0) is None
    assert not Entry.objects.filter(type="anchor-receipt").exists()
    chain.mine(2)
    assert anchor(now=NOW).intent.checkpoint.size == 1
    assert queries.latest_anchor_covering(0).block_number == 1
    assert anchor(now=NOW) is None
    assert chain.blocks[3]["data"][8:72] == bytes(AnchorIntent.objects.last().checkpoint.root).hex()


def test_a_crash_after_sending_adopts_what_is_on_chain(chain: PaperChain):
    state_asset("a")
    seal(now=NOW)
    chain.dies_after_sending = True
    with pytest.raises(KeyboardInterrupt):
        anchor(now=NOW)
    assert AnchorIntent.objects.count() == 1
    assert not AnchorReceipt.objects.exists()
    assert not Entry.objects.filter(type="anchor-receipt").exists()
    chain.dies_after_sending = False
    state_asset("b")
    seal(now=NOW)
    assert anchor(now=NOW).intent.checkpoint.size == 1
    assert len(chain.blocks) == 1
    assert anchor(now=NOW).intent.checkpoint.size == 2
    assert len(chain.blocks) == ChainAttempt.objects.count() == 2


def test_a_refusal_is_told_and_tried_again(chain: PaperChain, caplog: pytest.LogCaptureFixture):
    state_asset("a")
    seal(now=NOW)
    chain.refuses = "the tree shrinks"
    refused = r"The chain refused the anchor of root [0-9a-f]{64}: the tree shrinks\."
    for minutes in (0, 1, 2):
        with pytest.raises(UnableToAnchor, match=refused):
            anchor(now=NOW + timedelta(minutes=minutes))
    assert {(record.levelname, record.message) for record in caplog.records} == {
        ("CRITICAL", f"The contract {chain.contract} refuses an anchor of the log: the tree shrinks")
    }
    assert chain.blocks == []
    assert not AnchorReceipt.objects.exists()
    assert not ChainAttempt.objects.exists()
    assert ChainCall.objects.count() == 1
    chain.refuses = ""
    assert anchor(now=NOW + timedelta(minutes=10)).intent == AnchorIntent.objects.get()
    assert ChainCall.objects.count() == 2


def test_a_key_that_may_not_anchor_yet_is_told_and_waited_for(chain: PaperChain):
    state_asset("a")
    seal(now=NOW)
    chain.refuses, chain.refuses_by = "the account 0x5E is not its anchorer", "NotAnchorer"
    for _ in range(3):
        with pytest.raises(UnableToAnchor, match="is not its anchorer"):
            anchor(now=NOW)
    assert not ChainAttempt.objects.exists()
    chain.refuses = ""
    assert anchor(now=NOW).intent == AnchorIntent.objects.get()
    assert ChainCall.objects.count() == 1


def test_an_anchor_that_another_process_brought_is_adopted(chain: PaperChain):
    state_asset("a")
    checkpoint = seal(now=NOW).checkpoint
    data = bytes(4) + bytes(checkpoint.root)
    chain.add({"digest": "0x" + "1c" * 32, "to": chain.contract, "data": data.hex()})
    chain.refuses, chain.refuses_by = "again", "AlreadyAnchored"
    receipt = anchor(now=NOW)
    assert (receipt.transaction, receipt.block_number) == ("0x" + "1c" * 32, 1)
    assert ChainOutcome.objects.get().reason == "AlreadyAnchored"
    assert not ChainAttempt.objects.exists()


def test_an_anchor_that_was_there_by_a_false_word_is_asked_for_anew(chain: PaperChain):
    state_asset("a")
    seal(now=NOW)
    chain.refuses, chain.refuses_by = "again", "AlreadyAnchored"
    for minutes in (0, 1, 9):
        with pytest.raises(UnableToReachChain, match="it knew the anchor, and now it does not"):
            anchor(now=NOW + timedelta(minutes=minutes))
    assert ChainCall.objects.count() == 1
    chain.refuses = ""
    with pytest.raises(UnableToReachChain):
        anchor(now=NOW + timedelta(minutes=10))
    assert anchor(now=NOW + timedelta(minutes=10)).intent == AnchorIntent.objects.get()
    assert (ChainCall.objects.count(), len(chain.blocks)) == (2, 1)
    assert Entry.objects.filter(type="anchor-receipt").count() == 1


def test_another_contract_gets_its_own_anchor(chain: PaperChain):
    state_asset("a")
    seal(now=NOW)
    anchor(now=NOW)
    chain.contract = "0x" + "Cd" * 20
    assert anchor(now=NOW).intent.contract == "0x" + "Cd" * 20
    assert [intent.checkpoint.size for intent in AnchorIntent.objects.order_by("id")] == [1, 1]


def test_models_name_themselves():
    state_asset("a")
    checkpoint = seal(now=NOW).checkpoint
    assert str(Entry.objects.get()) == f"asset entry about asset:{sha256(b'a')}"
    assert str(checkpoint) == "checkpoint of 1 leaves"
    assert UUID(str(Entry.objects.get().entry_id)).version == 4
    assert asset_body(b"a")["size_bytes"] == 1
