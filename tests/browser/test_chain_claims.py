"""Alice chooses to be paid on chain, waits for her root, claims with the browser's wallet, and sees that it came."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as settings_of

from marketplace.payouts.claims.hearing import hear_claims
from marketplace.payouts.operations import allocate_royalties, ensure_split, record_sale, release_holds, settle
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.portal.views import chain_claims
from tests.browser.conftest import NARROW, violations
from tests.browser.test_chain_journey import browser
from tests.browser.test_chain_journey import chain as chain
from tests.browser.wallets import Wallet
from tests.payouts.wallets.conftest import DAY_SECONDS, Chain
from tests.storefront.market import Market

pytestmark = pytest.mark.browser

PAGE = "/portal/payouts/chain"


@pytest.fixture
def clocked(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """The page goes by the chain's clock, which the test moves."""
    monkeypatch.setattr(chain_claims, "timezone", SimpleNamespace(now=lambda: chain.now))
    return chain


def earn(market: Market, chain: Chain) -> None:
    """Sells a work of Alice's two weeks ago, so that it is due."""
    at = chain.now - timedelta(days=settings_of.PAYOUT_HOLD_DAYS)
    split = ensure_split(own={market.cast.alice: WHOLE_PPB}, parents=[], now=at)
    record_sale(source="story:1", split=split, gross=Money(12_00, "USD"), tax_minor=0, fee_minor=0, now=at)
    allocate_royalties(now=at)
    release_holds(now=chain.now)


def turn(chain: Chain) -> None:
    chain.turn()
    hear_claims(now=chain.now)


def look(page: Any, name: str) -> None:
    """Asks axe, and that nothing scrolls sideways; keeps a picture where somebody wants to look."""
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    if folder := os.environ.get("WORLDLOOM_LOOK"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@pytest.mark.deep
def test_alice_claims_what_she_earned(market: Market, clocked: Chain, open_page: Callable[..., Any]) -> None:
    wallet = Wallet(clocked.contracts.wallet(), clocked.contracts.place.url)
    clocked.bind(market.cast.alice, wallet.key)
    page = browser(open_page, "alice", wallet, PAGE)
    page.get_by_role("button", name="Be paid on chain").click()
    page.get_by_text("From now on you claim what you earn on chain.").wait_for()
    earn(market, clocked)
    settle(now=clocked.now)
    turn(clocked)
    page.goto(PAGE)
    page.get_by_text("$12.00 can be claimed from").wait_for()
    look(page, "waits")

    clocked.pass_seconds(DAY_SECONDS + 60)
    turn(clocked)
    page.goto(PAGE)
    look(page, "counts")
    small = browser(open_page, "alice", wallet, PAGE, viewport=NARROW, color_scheme="dark")
    look(small, "counts-small")
    page.get_by_role("button", name="Claim with your wallet").click()
    page.get_by_text("Done: it is in block").wait_for()
    coin = clocked.suite.tokens["USD"].address
    assert clocked.reader.view("ERC20", "balanceOf", wallet.address, at=coin) == 12_000_000

    turn(clocked)
    page.goto(PAGE)
    page.get_by_text("Claimed by you").wait_for()
    look(page, "claimed")
    assert check_books() == []
