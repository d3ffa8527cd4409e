"""Dave's program, which has no key, reads what stands on chain; a chain that is away leaves gaps, and no refusal."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as settings_of
from django.utils import timezone

from ledger import chain_facts
from ledger.chain.artifacts import load
from ledger.chain.suite import CONTRACTS
from ledger.chain.transaction import keccak
from ledger.models import AnchorIntent, AnchorReceipt, Checkpoint
from marketplace.payouts import operations as payouts
from marketplace.payouts.claims.tables import PayoutRoot
from marketplace.payouts.claims.ways import choose_way
from marketplace.payouts.rules import WHOLE_PPB, Money
from tests.api.studios import ANYBODY, Market
from tests.cast import NOON, on_stage
from tests.ledger.chain.conftest import contracts, embedded  # noqa: F401
from tests.ledger.chain.makers import Contracts, Place, ask
from tests.payouts.claims.makers import ALICES


@pytest.fixture
def place(embedded: Place) -> Place:  # noqa: F811
    return embedded


@pytest.fixture
def suite(contracts: Contracts, settings: Any) -> Contracts:  # noqa: F811
    """The site's contracts."""
    settings.CHAIN_SUITE = str(contracts.config.record())
    settings.CHAIN_RPC_URL = contracts.place.url
    return contracts


def test_the_contracts_are_told_with_their_code(sealed: Market, suite: Contracts) -> None:
    checkpoint = Checkpoint.objects.order_by("-size")[0]
    anchor = suite.suite.address("ProvenanceAnchor")
    intent = AnchorIntent.objects.create(checkpoint=checkpoint, chain_id=31337, contract=anchor, intended_at=NOON)
    AnchorReceipt.objects.create(
        intent=intent,
        transaction="0x" + "ab" * 32,
        block_number=4_321,
        block_time=NOON,
        gas_used=51_767,
        received_at=NOON,
    )

    told = ANYBODY.get("/chain").json()

    assert told["chain_id"] == 31337
    assert [one["name"] for one in told["contracts"]] == list(CONTRACTS)
    for one in told["contracts"]:
        code = bytes.fromhex(ask(suite.place.url, "eth_getCode", one["address"], "latest")[2:])
        assert one["address"] == suite.suite.address(one["name"])
        assert one["source_sha256"] == load(one["name"]).source_sha256
        assert (one["code_keccak256"], one["is_ours"]) == ("0x" + keccak(code).hex(), True)
    usd = suite.suite.tokens["USD"]
    assert told["tokens"] == [{"currency": "USD", "symbol": "tUSD", "decimals": 6, "address": usd.address}]
    assert {one["role"] for one in told["accounts"]} >= {"admin", "guardian", "anchorer", "settler"}
    assert told["anchors"] == [
        {
            "root": bytes(checkpoint.root).hex(),
            "size": checkpoint.size,
            "transaction": "0x" + "ab" * 32,
            "block_number": 4_321,
            "block_time": "2026-11-22T12:00:00Z",
        }
    ]
    assert (told["payout_roots"], told["open_calls"]) == ([], 0)


def test_a_chain_that_is_away_leaves_the_record(db: None, suite: Contracts, settings: Any) -> None:
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
    told = ANYBODY.get("/chain").json()

    assert {(one["code_keccak256"], one["is_ours"]) for one in told["contracts"]} == {(None, None)}
    assert told["contracts"][0]["address"] == suite.suite.address("ProvenanceAnchor")
    chain_facts._silent.clear()


def test_a_payout_root_is_told_with_its_list(db: None, suite: Contracts, monkeypatch: pytest.MonkeyPatch) -> None:
    cast, now = on_stage(), timezone.now()
    at = now - timedelta(days=settings_of.PAYOUT_HOLD_DAYS)
    for module in ("places", "publishing", "ways"):
        monkeypatch.setattr(
            f"marketplace.payouts.claims.{module}.wallets_of", lambda ids, now: {cast.alice.pk: ALICES} if ids else {}
        )
    choose_way(creator=cast.alice, currency="USD", on_chain=True, now=at)
    split = payouts.ensure_split(own={cast.alice: WHOLE_PPB}, parents=[], now=at)
    payouts.record_sale(source="story:1", split=split, gross=Money(12_00, "USD"), tax_minor=0, fee_minor=0, now=at)
    payouts.allocate_royalties(now=at)
    payouts.release_holds(now=now)
    payouts.settle(now=now)

    told = ANYBODY.get("/chain").json()

    root = PayoutRoot.objects.get()
    (one,) = told["payout_roots"]
    assert one.pop("list").endswith(f"/chain/payouts/{root.pk}.json")
    assert one == {
        "root": root.root,
        "number": 1,
        "token": suite.suite.tokens["USD"].address,
        "total_units": "12000000",
        "accounts": 1,
        "state": "asked",
        "counts_at": None,
        "transaction": None,
        "list_sha256": root.document_sha256,
    }
    assert told["open_calls"] > 0


def test_before_anything_is_deployed_everything_is_empty(db: None, settings: Any, tmp_path: Path) -> None:
    settings.DATA_FOLDER, settings.CHAIN_SUITE = tmp_path, ""
    told = ANYBODY.get("/chain")

    assert told.status_code == 200
    assert told.json() == {
        "chain_id": None,
        "contracts": [],
        "former": [],
        "tokens": [],
        "accounts": [],
        "anchors": [],
        "payout_roots": [],
        "open_calls": 0,
    }
