"""Alice moves what she is paid to from one wallet to another: both sign in the browser, each when it is asked."""

import secrets
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.chain.transaction import address_of
from marketplace.payouts import wallet_queries
from marketplace.payouts.wallet_models import WalletProof
from tests.browser.conftest import NARROW, violations
from tests.browser.test_chain_journey import browser
from tests.browser.test_chain_journey import chain as chain
from tests.browser.wallets import Wallet, install
from tests.ledger.chain.makers import fund
from tests.payouts.wallets.conftest import Chain
from tests.storefront.market import Market

pytestmark = pytest.mark.browser
PAGE = "/portal/wallet"


def wallet(chain: Chain, name: str) -> Wallet:
    key = secrets.token_bytes(32)
    fund(chain.reader.rpc, chain.contracts.place.key, address_of(key))
    return Wallet(key, chain.contracts.place.url, name=name)


@pytest.mark.deep
def test_both_wallets_sign_in_the_browser(
    market: Market, chain: Chain, open_page: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, old, new = market.cast.alice, wallet(chain, "Old"), wallet(chain, "New")
    chain.bind(alice, old.key)
    # A day has passed on the chain; on the page it has as well.
    monkeypatch.setattr("marketplace.portal.views.wallet.timezone", SimpleNamespace(now=lambda: chain.now))
    page = browser(open_page, "alice", old, PAGE, viewport=NARROW, color_scheme="dark")
    install(page, new)
    page.goto(PAGE)
    page.get_by_text("What you earn on chain is yours to take with this wallet, and with no other.").wait_for()
    assert violations(page) == []

    page.get_by_label("Address of the next wallet").fill(new.address)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/portal/wallet/move*")
    assert violations(page) == []
    page.get_by_label("New").check()
    page.get_by_role("button", name="Sign with the wallet that counts now").click()
    page.get_by_text("Your wallet shows another account.").wait_for()
    page.get_by_label("Old").check()
    page.get_by_role("button", name="Sign with the wallet that counts now").click()
    page.get_by_role("button", name="Sign with the next wallet").wait_for()
    assert violations(page) == []
    assert WalletProof.objects.count() == 1
    page.get_by_label("New").check()
    page.get_by_role("button", name="Sign with the next wallet").click()
    page.get_by_text("Both wallets have signed.").wait_for()

    proof = WalletProof.objects.latest("id")
    assert (proof.previous, proof.address) == (old.address, new.address)
    chain.turn()
    assert chain.reader.view("Payees", "walletOf", alice.pk.bytes) == new.address
    assert wallet_queries.wallet_of(alice, now=chain.now) == new.address
