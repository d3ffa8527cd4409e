"""Anchors through the outbox, on both chains: each root once, whoever brought it, and refusals by their names."""

import hashlib
import secrets
from pathlib import Path
from typing import Any

import pytest

from ledger import queries
from ledger.chain.base import UnableToAnchor
from ledger.chain.jsonrpc import JsonRpc
from ledger.chain.transaction import address_of
from ledger.chain_models import ChainAttempt, ChainCall
from ledger.models import AnchorIntent, AnchorReceipt, Entry
from ledger.operations import UnableToReachChain, anchor, deliver, seal
from tests.ledger.chain.makers import NOW, Book, Contracts, ask, fund
from tests.ledger.chain.outbox import Outbox, outbox_at
from tests.ledger.conftest import state_asset

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours(book: Book, settings: Any) -> Book:
    """The contract that the log is anchored by, and two leaves in the log."""
    settings.CHAIN_RPC_URL = book.place.url
    settings.CHAIN_KEY_FILE = str(book.place.key_file)
    settings.CHAIN_KEY_FILES = {}
    settings.CHAIN_ANCHOR_ADDRESS = book.deployment.contract
    settings.CHAIN_CONFIRMATIONS = 1
    for name in ("a", "b"):
        state_asset(name)
    seal(now=NOW)
    return book


def finished() -> AnchorReceipt | None:
    """Anchors, twice at most: anvil mines a moment after it took a transaction."""
    for _ in range(50):
        if (receipt := anchor(now=NOW)) is not None or not AnchorIntent.objects.filter(receipt=None).exists():
            return receipt
    return None


def test_an_anchor_is_receipted_with_what_the_chain_says(ours: Book) -> None:
    receipt = finished()
    assert receipt is not None
    mined = ask(ours.place.url, "eth_getTransactionReceipt", receipt.transaction)
    block = ask(ours.place.url, "eth_getBlockByNumber", hex(receipt.block_number), False)
    assert receipt.block_number == int(mined["blockNumber"], 16)
    assert receipt.block_time.timestamp() == int(block["timestamp"], 16)
    assert receipt.gas_used == int(mined["gasUsed"], 16) <= 52_000
    assert ours.chain.find(root=bytes(receipt.intent.checkpoint.root)).transaction == receipt.transaction
    assert Entry.objects.get(type="anchor-receipt").statement["contract"] == ours.deployment.contract
    assert anchor(now=NOW) is None
    assert len(ours.events()) == 1


def test_a_root_that_another_process_anchored_is_adopted_and_costs_nothing(ours: Book) -> None:
    checkpoint = queries.latest_checkpoint()
    theirs = ours.chain.anchor(root=bytes(checkpoint.root), size=2, note_digest=checkpoint.note_digest)
    nonce = ours.nonce()
    receipt = finished()
    assert receipt is not None
    assert (receipt.transaction, receipt.block_number) == (theirs.transaction, theirs.block_number)
    assert (ours.nonce(), len(ours.events())) == (nonce, 1)
    assert not ChainAttempt.objects.exists()


def test_a_log_that_does_not_grow_is_refused_and_costs_nothing(ours: Book) -> None:
    ours.chain.anchor(root=hashlib.sha256(b"another log").digest(), size=2, note_digest=bytes(32))
    nonce, head = ours.nonce(), ours.chain.head()
    with pytest.raises(UnableToAnchor) as refused:
        finished()
    assert refused.value.reason == "a tree of 2 leaves does not grow beyond the 2 anchored before"
    assert (ours.nonce(), ours.chain.head()) == (nonce, head)
    assert not AnchorReceipt.objects.exists()
    # A larger tree is another matter.
    state_asset("c")
    seal(now=NOW)
    receipt = finished()
    assert receipt is not None
    assert receipt.intent.checkpoint.size == 3


def test_a_key_without_the_role_is_refused_by_name_and_waits_for_it(ours: Book, settings: Any, tmp_path: Path) -> None:
    key = secrets.token_bytes(32)
    (tmp_path / "dave.key").write_text(key.hex())
    dave = address_of(key)
    fund(JsonRpc(ours.place.url), ours.place.key, dave)
    settings.CHAIN_KEY_FILES = {"anchorer": str(tmp_path / "dave.key")}
    for _ in range(2):
        with pytest.raises(UnableToAnchor, match=rf"the account {dave} is not its anchorer"):
            anchor(now=NOW)
    assert ours.events() == []
    assert not ChainAttempt.objects.exists()
    settings.CHAIN_KEY_FILES = {}
    receipt = finished()
    assert receipt is not None
    assert ChainCall.objects.count() == len(ours.events()) == 1


def test_an_endpoint_of_another_chain_is_refused(ours: Book, settings: Any) -> None:
    settings.CHAIN_ANCHOR_ADDRESS = ""
    folder = settings.DATA_FOLDER / "chain"
    folder.mkdir(parents=True, exist_ok=True)
    record = (ours.config.folder / "deployment.json").read_text()
    (folder / "deployment.json").write_text(record.replace("31337", "1"))
    try:
        with pytest.raises(UnableToReachChain, match="serves chain 31337, but the contract was deployed on chain 1"):
            anchor(now=NOW)
    finally:
        (folder / "deployment.json").unlink()
    assert ours.events() == []
    assert not AnchorIntent.objects.exists()


def test_roles_with_one_key_share_its_nonces_in_the_order_asked(contracts: Contracts, settings: Any) -> None:
    alice: Outbox = outbox_at(contracts.place, settings)
    roles = ["keeper", "settler", "registrar", "keeper", "settler"]
    for number, role in enumerate(roles):
        alice.ask(str(number), 1, role=role)
    alice.deliver()
    assert alice.balance() == alice.nonce() == 5
    sent = list(ChainAttempt.objects.order_by("slot__nonce").values_list("slot__call__key", flat=True))
    assert sent == ["0", "1", "2", "3", "4"]
    assert deliver(now=NOW, role="keeper").sent == 0
