"""The page of the contracts in a real Chromium: readable in either theme and on a phone, in both languages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import NARROW, violations
from tests.ledger.chain.conftest import contracts, embedded  # noqa: F401
from tests.ledger.chain.makers import Contracts, Place
from tests.storefront.market import Market

pytestmark = pytest.mark.browser


@pytest.fixture
def place(embedded: Place) -> Place:  # noqa: F811
    return embedded


@pytest.fixture
def suite(contracts: Contracts, settings: Any, tmp_path: Path) -> Contracts:  # noqa: F811
    """The site's contracts."""
    settings.CHAIN_SUITE = str(contracts.config.record())
    settings.CHAIN_RPC_URL = contracts.place.url
    return contracts


@pytest.mark.deep
@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_the_page_of_the_contracts_reads_well_everywhere(
    market: Market, suite: Contracts, open_page: Callable[..., Any], language: str
) -> None:
    for given in ({"color_scheme": "light"}, {"color_scheme": "dark", "viewport": NARROW}):
        page = open_page("/log/", locale=language, **given)
        page.locator("footer a[href='/chain']").click()
        page.wait_for_url("**/chain")

        assert page.locator("main h3").all_inner_texts() == [
            "ProvenanceAnchor",
            "Payees",
            "SplitVault",
            "RoyaltyReceiverFactory",
            "AssetToken",
            "PayoutDistributor",
            "LicenseMarket",
            "ClaimBook",
        ]
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []
