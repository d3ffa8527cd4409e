"""Dave, who has no account, reads which contracts there are and checks them; a chain that is away stops no page."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as settings_of
from django.test import Client
from django.utils import timezone

from ledger import chain_facts
from ledger.chain.artifacts import load
from ledger.chain.suite import CONTRACTS
from ledger.chain.suite_deployment import deploy_suite
from ledger.models import AnchorIntent, AnchorReceipt, Checkpoint
from marketplace.payouts import operations as payouts
from marketplace.payouts.claims.tables import PayoutRoot
from marketplace.payouts.claims.ways import choose_way
from marketplace.payouts.rules import WHOLE_PPB, Money
from tests.cast import NOON, later, on_stage
from tests.ledger.chain.conftest import contracts, embedded  # noqa: F401
from tests.ledger.chain.makers import BRISK, Contracts, Place, ask
from tests.payouts.claims.makers import ALICES
from tests.storefront.market import Market


@pytest.fixture
def place(embedded: Place) -> Place:  # noqa: F811
    return embedded


@pytest.fixture
def suite(contracts: Contracts, settings: Any, tmp_path: Path) -> Contracts:  # noqa: F811
    """The site's contracts."""
    settings.DATA_FOLDER = tmp_path
    settings.CHAIN_SUITE = str(contracts.config.record())
    settings.CHAIN_RPC_URL = contracts.place.url
    return contracts


def anchored(suite: Contracts) -> AnchorReceipt:
    """An anchor of the newest checkpoint, as if it had been sent."""
    intent = AnchorIntent.objects.create(
        checkpoint=Checkpoint.objects.order_by("-size")[0],
        chain_id=31337,
        contract=suite.suite.address("ProvenanceAnchor"),
        intended_at=NOON,
    )
    return AnchorReceipt.objects.create(
        intent=intent,
        transaction="0x" + "ab" * 32,
        block_number=4_321,
        block_time=NOON,
        gas_used=51_767,
        received_at=later(minutes=1),
    )


def test_the_page_names_every_contract_with_what_it_is_for(client: Client, db: None, suite: Contracts) -> None:
    page = client.get("/chain").content.decode()

    assert "Development chain" in page
    assert "chain id 31337 · for trials: its coins are worth nothing" in page
    assert "The code at every address below is what the sources in contracts/ compile to." in page
    for name in CONTRACTS:
        code = ask(suite.place.url, "eth_getCode", suite.suite.address(name), "latest")
        told = chain_facts.codes(chain_facts.facts())[name]  # type: ignore[arg-type]
        assert f"<h3>{name}</h3>" in page
        assert suite.suite.address(name) in page
        assert load(name).source_sha256 in page
        assert told.is_ours
        assert told.keccak in page
        assert load(name).is_code(bytes.fromhex(code[2:]))
    assert "tUSD" in page
    assert "cast codehash" in page
    assert 'href="http' not in page.split("<main")[1].split("</main>")[0]


def test_an_explorer_is_linked_where_there_is_one(client: Client, db: None, suite: Contracts, settings: Any) -> None:
    settings.CHAIN_EXPLORER = "https://explorer.example"

    assert f"https://explorer.example/address/{suite.suite.address('Payees')}" in client.get("/chain").content.decode()


def test_an_anchor_is_shown_with_how_to_look_it_up(client: Client, sealed: Market, suite: Contracts) -> None:
    receipt = anchored(suite)
    root = bytes(receipt.intent.checkpoint.root).hex()
    page = client.get("/chain").content.decode()

    assert "Block 4,321" in page
    assert f"0x{root} --rpc-url $RPC_URL" in page.replace("&#x27;", "'")
    assert receipt.transaction in page


def test_a_chain_that_is_away_leaves_the_page(client: Client, db: None, suite: Contracts, settings: Any) -> None:
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
    known = chain_facts.facts()
    assert known is not None
    chain_facts._read.clear()
    page = client.get("/chain")

    assert page.status_code == 200
    assert "The chain does not answer us now" in page.content.decode()
    assert suite.suite.address("SplitVault") in page.content.decode()
    assert chain_facts.codes(known) == {}
    chain_facts._silent.clear()


def test_a_contract_that_another_has_followed_is_still_named(client: Client, db: None, suite: Contracts) -> None:
    old = suite.suite.address("LicenseMarket")
    pages = "https://worldloom.example/releases/"
    replaced = deploy_suite(now=NOON, pages=pages, config=suite.config, patience=BRISK, replace=["LicenseMarket"])
    page = client.get("/chain").content.decode()

    assert replaced.address("LicenseMarket") != old
    assert replaced.address("LicenseMarket") in page
    assert "Before these" in page
    assert old in page
    assert client.get("/api/v1/chain").json()["former"] == [{"name": "LicenseMarket", "address": old}]


def test_other_code_than_ours_is_named(client: Client, db: None, suite: Contracts) -> None:
    """The record names the vault where another contract stands."""
    record = suite.config.record()
    document = json.loads(record.read_text())
    document["contracts"]["SplitVault"] = document["contracts"]["Payees"]
    record.write_text(json.dumps(document))
    page = client.get("/chain").content.decode()

    assert "The code on the chain is not what we built" in page
    assert "SplitVault. Do not send anything to these contracts." in page
    assert page.count("Not what we built") == 1


@pytest.mark.parametrize("content", [None, "{}", "[]", '{"format": "worldloom/deployment/2"}'])
def test_without_a_deployment_there_is_a_sentence(
    client: Client, db: None, settings: Any, tmp_path: Path, content: str | None
) -> None:
    settings.DATA_FOLDER = tmp_path
    settings.CHAIN_SUITE = ""
    if content is not None:
        (tmp_path / "chain").mkdir()
        (tmp_path / "chain/deployment.json").write_text(content)
    page = client.get("/chain")

    assert page.status_code == 200
    assert "No contract is deployed yet" in page.content.decode()


def test_a_payout_root_is_shown_with_its_public_list(
    client: Client, db: None, suite: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alice is paid on chain; the root waits to be sent, and nobody's name stands on the page."""
    cast, now = on_stage(), timezone.now()
    at = now - timedelta(days=settings_of.PAYOUT_HOLD_DAYS)
    for module in ("places", "publishing", "ways"):
        monkeypatch.setattr(
            f"marketplace.payouts.claims.{module}.wallets_of", lambda ids, now: {cast.alice.pk: ALICES} if ids else {}
        )
    choose_way(creator=cast.alice, currency="USD", on_chain=True, now=at)
    payouts.record_sale(
        source="story:1",
        split=payouts.ensure_split(own={cast.alice: WHOLE_PPB}, parents=[], now=at),
        gross=Money(12_00, "USD"),
        tax_minor=0,
        fee_minor=0,
        now=at,
    )
    payouts.allocate_royalties(now=at)
    payouts.release_holds(now=now)
    payouts.settle(now=now)
    page = client.get("/chain").content.decode()

    root = PayoutRoot.objects.get()
    assert root.root in page
    assert "$12.00" in page
    assert "On its way to the chain" in page
    assert "PayoutDistributor.proposePayouts" in page
    assert "Waiting to be sent" in page
    assert f'href="/chain/payouts/{root.pk}.json"' in page
    assert client.get(f"/chain/payouts/{root.pk}.json").status_code == 200
    assert "Alice" not in page
