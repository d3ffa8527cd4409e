"""Two wallets in two browsers: Alice proves hers and signs an offer, Carol buys, and Alice takes her money out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

import ledger.operations
from marketplace.catalog import tokens
from marketplace.checkout import chain_sales
from marketplace.licensing.models import ChainOffer, Grant
from marketplace.payouts.bookkeeping.chain_sales import book_vault
from marketplace.payouts.queries import check_books
from tests.browser.conftest import NARROW, violations
from tests.browser.wallets import Wallet, install
from tests.cast import PASSWORD
from tests.ledger.chain.makers import DevChain, Place, deployed, until
from tests.payouts.wallets.conftest import DAY_SECONDS, Chain
from tests.storefront.market import Market

pytestmark = pytest.mark.browser

PRICE_UNITS = 100_010_000  # 100.01 in a coin of six decimals
NET_UNITS = 90_009_000  # without our tenth


@pytest.fixture
def chain(market: Market, settings: Any, tmp_path: Path) -> Any:
    """The site's contracts on a chain of the test's own, whose time it may move."""
    dev = DevChain(tmp_path / "chain")
    url = dev.start()
    key_file = dev.folder / "dev.key"
    contracts = deployed(Place(url, bytes.fromhex(key_file.read_text().strip()[2:]), key_file), tmp_path / "contracts")
    settings.CHAIN_SUITE, settings.CHAIN_RPC_URL = str(contracts.config.record()), url
    settings.CHAIN_KEY_FILE, settings.CHAIN_KEY_FILES = str(key_file), {}
    settings.CHAIN_CONFIRMATIONS = 1
    yield Chain(contracts)
    dev.stop()


def turn(chain: Chain) -> None:
    """What the worker does for the chain."""
    chain.turn()
    chain_sales.take_in(now=chain.now)
    book_vault(now=chain.now)


def browser(open_page: Callable[..., Any], name: str, wallet: Wallet, address: str, **given: Any) -> Any:
    """A browser with a wallet, in which somebody is signed in."""
    page = open_page("about:blank", locale="en-US", **given)
    install(page, wallet)
    page.goto(f"/sign-in?next={address}")
    page.get_by_label("E-mail address").fill(f"{name}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.wait_for_url(f"**{address}")
    return page


def test_a_wallet_is_proved_an_offer_signed_a_license_bought_and_the_money_taken_out(
    market: Market, chain: Chain, open_page: Callable[..., Any]
) -> None:
    url, coin = chain.contracts.place.url, chain.suite.tokens["USD"].address
    alices, carols = (Wallet(chain.contracts.wallet(), url) for _ in range(2))
    chain.contracts.send("DevelopmentCoin", "mint", carols.address, PRICE_UNITS, at=coin)
    alice = browser(open_page, "alice", alices, "/portal/wallet")
    assert violations(alice) == []
    alice.get_by_role("button", name="Sign with your wallet").click()
    alice.get_by_text("Proved. The chain is told now").wait_for()
    turn(chain)
    alice.goto("/portal/wallet")
    alice.get_by_text("It counts from").wait_for()
    assert violations(alice) == []

    offer = market.offer("studio")
    alice.goto(f"/portal/offers/{offer.pk}/chain")
    assert violations(alice) == []
    alice.get_by_role("button", name="Sign with your wallet").click()
    alice.get_by_text("Signed by you and by us.").wait_for()
    assert ChainOffer.objects.get().licensor == alices.address

    buying = f"/offers/{offer.pk}/chain"
    carol = browser(open_page, "carol", carols, buying, viewport=NARROW, color_scheme="dark")
    carol.get_by_role("button", name="Prepare the purchase").click()
    carol.get_by_role("button", name="Pay $100.01 and buy").wait_for()
    assert violations(carol) == []
    carols.refuse_next(4001)
    carol.get_by_role("button", name="Pay $100.01 and buy").click()
    carol.get_by_text("You declined in your wallet.").wait_for()
    carol.get_by_role("button", name="Pay $100.01 and buy").click()
    carol.get_by_text("The chain has not confirmed it yet").wait_for()
    assert carols.asked.count("eth_sendTransaction") == 3  # one of them declined
    turn(chain)
    carol.get_by_role("link", name="Look again").click()
    carol.get_by_role("link", name="Open the license").wait_for()
    assert violations(carol) == []
    grant = Grant.objects.get()
    assert (grant.studio, grant.price_minor) == (market.cast.studio, 100_01)
    carol.get_by_role("link", name="Open the license").click()
    carol.wait_for_url(f"**/licenses/{grant.pk}")

    chain.pass_seconds(DAY_SECONDS)
    for button in ("Divide the pot", "Withdraw 90.009"):
        cache.clear()  # What the vault said is kept for some seconds.
        alice.goto("/portal/wallet")
        assert violations(alice) == []
        with alice.expect_navigation():
            alice.get_by_role("button", name=button).click()
    assert chain.reader.view("ERC20", "balanceOf", alices.address, at=coin) == NET_UNITS
    assert chain.reader.view("ERC20", "balanceOf", carols.address, at=coin) == 0
    turn(chain)
    assert check_books() == []


def test_a_release_becomes_a_token_of_the_wallet_that_signs_for_it(
    market: Market, chain: Chain, open_page: Callable[..., Any]
) -> None:
    release = market.world
    alices = Wallet(chain.contracts.wallet(), chain.contracts.place.url)
    address = f"/portal/releases/{release.digest}/token"
    alice = browser(open_page, "alice", alices, address, viewport=NARROW, color_scheme="dark")
    alice.get_by_label("Your wallet").fill(alices.address)
    alice.get_by_label("Royalty of later sales, in percent").fill("2.5")
    alice.get_by_role("button", name="State it in the log").click()
    alice.get_by_text("Asked for. The log says so in a moment").wait_for()
    assert violations(alice) == []

    now = timezone.now()
    ledger.operations.seal(now=now)
    assert until(lambda: ledger.operations.anchor(now=now)) is not None
    # Another wallet than the one that was named may not sign.
    daves = Wallet(chain.contracts.wallet(), chain.contracts.place.url)
    other = alice.context.new_page()
    install(other, daves)
    other.goto(address)
    other.get_by_role("button", name="Sign with your wallet").click()
    other.get_by_text(f"Choose {alices.address} in it and try again.").wait_for()
    assert "eth_signTypedData_v4" not in daves.asked

    alice.goto(address)
    assert violations(alice) == []
    alice.get_by_role("button", name="Sign with your wallet").click()
    alice.get_by_text("Signed. The chain makes the token now; we pay its fee.").wait_for()
    chain.turn()
    tokens.take_token_events()
    alice.goto(address)
    alice.get_by_text("This release is a token, made from its entry in the log.").wait_for()
    assert violations(alice) == []
    assert chain.reader.view("AssetToken", "ownerOf", int(release.digest, 16)) == alices.address
    assert chain.reader.view("AssetToken", "royaltyInfo", int(release.digest, 16), 10_000)[1] == 250
    assert "eth_sendTransaction" not in alices.asked  # we send it and pay the fee
