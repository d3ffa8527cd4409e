"""Anchoring: each checkpoint on chain at most once, whatever the chain does."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from ledger import queries
from ledger.chain.base import UnableToAnchor
from ledger.models import AnchorIntent, AnchorReceipt, Entry
from ledger.operations import (
    UnableToReachChain,
    anchor,
    seal,
)
from tests.ledger.conftest import FakeChain, state_asset
from tests.ledger.makers import NOW, asset_body, sha256

pytestmark = pytest.mark.django_db


def test_anchoring_puts_the_newest_checkpoint_on_chain_once(chain: FakeChain):
    state_asset("a")
    checkpoint = seal(now=NOW).checkpoint
    receipt = anchor(now=NOW)
    assert chain.calls == ["find", "anchor 1"]
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
        "transaction": "0x" + "1".rjust(64, "0"),
        "block_number": 1,
        "block_time": int(NOW.timestamp()) + 1,
    }
    assert anchor(now=NOW) is None
    assert queries.latest_anchor_covering(0) == receipt
    assert queries.latest_anchor_covering(1) is None


def test_receipts_alone_are_not_anchored_or_it_would_never_end(chain: FakeChain):
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


def test_nothing_sealed_is_nothing_to_anchor(chain: FakeChain):
    state_asset("a")
    assert anchor(now=NOW) is None
    assert chain.calls == []
    assert not AnchorIntent.objects.exists()


def test_a_chain_that_is_down_loses_nothing(chain: FakeChain):
    state_asset("a")
    seal(now=NOW)
    chain.down = "connection refused"
    with pytest.raises(UnableToReachChain) as refused:
        anchor(now=NOW)
    assert str(refused.value) == (
        "The log cannot be anchored now: the chain did not answer (connection refused); the next run tries again."
    )
    assert not AnchorIntent.objects.exists()
    chain.down = ""
    assert anchor(now=NOW).block_number == 1


def test_a_crash_after_sending_adopts_what_is_on_chain(chain: FakeChain):
    state_asset("a")
    seal(now=NOW)
    chain.dies_after_anchoring = True
    with pytest.raises(KeyboardInterrupt):
        anchor(now=NOW)
    assert AnchorIntent.objects.count() == 1
    assert not AnchorReceipt.objects.exists()
    assert not Entry.objects.filter(type="anchor-receipt").exists()
    chain.dies_after_anchoring = False
    state_asset("b")
    seal(now=NOW)
    assert anchor(now=NOW).intent.checkpoint.size == 1
    assert chain.calls == ["find", "anchor 1", "find"]
    assert anchor(now=NOW).intent.checkpoint.size == 2
    assert len(chain.anchors) == 2


def test_a_refusal_is_told_and_tried_again(chain: FakeChain):
    state_asset("a")
    seal(now=NOW)
    chain.refuses = "the tree shrinks"
    with pytest.raises(UnableToAnchor, match=r"The chain refused the anchor of root [0-9a-f]{64}: the tree shrinks\."):
        anchor(now=NOW)
    assert not AnchorReceipt.objects.exists()
    chain.refuses = ""
    assert anchor(now=NOW).intent == AnchorIntent.objects.get()


def test_another_contract_gets_its_own_anchor(chain: FakeChain):
    state_asset("a")
    seal(now=NOW)
    anchor(now=NOW)
    chain.contract = "0x" + "Cd" * 20
    chain.anchors.clear()
    assert anchor(now=NOW).intent.contract == "0x" + "Cd" * 20
    assert [intent.checkpoint.size for intent in AnchorIntent.objects.order_by("id")] == [1, 1]


def test_models_name_themselves():
    state_asset("a")
    checkpoint = seal(now=NOW).checkpoint
    assert str(Entry.objects.get()) == f"asset entry about asset:{sha256(b'a')}"
    assert str(checkpoint) == "checkpoint of 1 leaves"
    assert UUID(str(Entry.objects.get().entry_id)).version == 4
    assert asset_body(b"a")["size_bytes"] == 1
