"""Dave reads on Alice's pack page what the contract says of its split; a chain that is away stops no page."""

import html
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from tests.ledger.chain.conftest import contracts as contracts
from tests.ledger.chain.conftest import embedded as embedded
from tests.ledger.chain.makers import Contracts, Place
from tests.storefront.market import Market

PAGE = "/packs/alice/yunhai"


@pytest.fixture
def place(embedded: Place) -> Place:
    return embedded


@pytest.fixture
def suite(market: Market, contracts: Contracts, settings: Any, tmp_path: Path) -> Contracts:
    """The site's contracts."""
    settings.CHAIN_SUITE = str(contracts.config.record())
    settings.CHAIN_RPC_URL = contracts.place.url
    return contracts


def panel() -> str:
    """What the page says in the split's panel, as text."""
    response = Client().get(PAGE)
    assert response.status_code == 200
    found = re.search(
        r'<section class="card onchain" id="split-on-chain">.*?</section>', response.content.decode(), re.S
    )
    assert found
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", found.group())))


def test_the_page_shows_the_name_the_pot_and_each_part(market: Market, suite: Contracts) -> None:
    digest = str(market.world.split_id)
    before = panel()
    assert f"{digest[:12]}…{digest[-4:]}" in before
    assert "In its pot 0.00 tUSD" in before
    assert "The contract computes this name from the shares above" in before
    receiver = suite.reader.view("RoyaltyReceiverFactory", "receiverOf", bytes.fromhex(digest))
    assert f"Royalties go to {receiver[:12]}…{receiver[-4:]}" in before

    token = suite.suite.tokens["USD"].address
    suite.send("ERC20", "approve", suite.suite.address("SplitVault"), 5_000_001, at=token)
    suite.send("SplitVault", "pay", bytes.fromhex(digest), token, 5_000_001)
    assert panel() == before  # what was read in the last seconds is good enough for a page
    cache.clear()

    after = panel()
    assert "In its pot 5.000001 tUSD" in after
    assert re.search(r"Alice 3\.500001 tUSD when the pot is divided", after)
    assert re.search(r"Mo 1\.50 tUSD when the pot is divided", after)


def test_a_chain_that_is_away_is_a_sentence(market: Market, suite: Contracts, settings: Any) -> None:
    cache.clear()
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"

    said = panel()
    assert "The chain does not answer just now; what lies there stays where it is." in said
    assert str(market.world.split_id)[:12] in said


def test_without_contracts_there_is_no_panel(market: Market, settings: Any, tmp_path: Path) -> None:
    settings.CHAIN_SUITE = str(tmp_path / "none.json")

    assert "split-on-chain" not in Client().get(PAGE).content.decode()
