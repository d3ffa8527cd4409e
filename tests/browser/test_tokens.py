"""Alice makes a token with her wallet and hands the pack over with it: in two browsers, on a real chain."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

import ledger.operations
from ledger.chain.jsonrpc import JsonRpc
from ledger.chain.reading import Reader
from ledger.chain.transaction import address_of
from ledger.chain_models import ChainDue
from ledger.following import follow
from ledger.sending import deliver
from marketplace.catalog import token_queries
from marketplace.catalog.models import Pack, Release, TransferProposal
from tests.browser.conftest import NARROW, violations
from tests.browser.wallets import Wallet, install
from tests.cast import PASSWORD
from tests.catalog.tokens import task
from tests.ledger.chain.conftest import anvil, embedded  # noqa: F401
from tests.ledger.chain.makers import Contracts, Place, deployed, fund, until
from tests.storefront.market import Market

pytestmark = pytest.mark.browser


@pytest.fixture
def contracts(embedded: Place, tmp_path: Any, settings: Any) -> Contracts:  # noqa: F811
    found = deployed(embedded, tmp_path / "chain")
    settings.CHAIN_SUITE = str(found.config.record())
    settings.CHAIN_RPC_URL = embedded.url
    settings.CHAIN_KEY_FILE = str(embedded.key_file)
    settings.CHAIN_KEY_FILES = {}
    settings.CHAIN_CONFIRMATIONS = 1
    return found


def wallet(contracts: Contracts, name: str) -> Wallet:
    """Somebody's wallet, with one coin."""
    key = secrets.token_bytes(32)
    fund(JsonRpc(contracts.place.url), contracts.place.key, address_of(key))
    return Wallet(key, contracts.place.url, name=name)


def works() -> None:
    """What the worker does between two looks at a page."""
    now = timezone.now()
    ledger.operations.seal(now=now)

    def is_done() -> bool:
        ledger.operations.anchor(now=now)
        assert deliver(now=now).troubles == []
        return not ChainDue.objects.exists()

    assert until(is_done)
    follow(now=now)
    task(now)


def signed_in(open_page: Callable[..., Any], name: str, address: str, *wallets: Wallet, **given: Any) -> Any:
    page = open_page(f"/sign-in?next={address}", locale="en-US", **given)
    for one in wallets:
        install(page, one)
    page.get_by_label("E-mail address").fill(f"{name}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.wait_for_url(f"**{address}")
    return page


def holder(reader: Reader, release: Release) -> Any:
    return reader.view("AssetToken", "ownerOf", int(release.digest, 16))


@pytest.mark.deep
def test_her_wallet_makes_the_token_and_gives_it_away(
    market: Market, contracts: Contracts, open_page: Callable[..., Any]
) -> None:
    alices, bobs = wallet(contracts, "Alice's"), wallet(contracts, "Bob's")
    address = f"/portal/releases/{market.world.digest}/token"
    alice = signed_in(open_page, "alice", address, alices)
    assert violations(alice) == []
    alice.get_by_label("Your wallet").fill(alices.address)
    alice.get_by_role("button", name="State it in the log").click()
    alice.get_by_text("Asked for. The log says so in a moment").wait_for()
    works()
    alice.goto(address)
    assert violations(alice) == []
    alices.refuse_next(4001)
    alice.get_by_role("button", name="Sign with your wallet").click()
    alice.get_by_text("You declined in your wallet.").wait_for()
    alice.get_by_role("button", name="Sign with your wallet").click()
    alice.get_by_text("Signed. The chain makes the token now; we pay its fee.").wait_for()
    assert "eth_sendTransaction" not in alices.asked
    works()
    assert holder(contracts.reader, market.world) == alices.address
    visitor = open_page("/packs/alice/yunhai", locale="en-US", viewport=NARROW, color_scheme="dark")
    assert alices.address in visitor.locator("#token").inner_text()
    assert violations(visitor) == []

    alice.goto("/portal/packs/alice/yunhai")
    alice.get_by_label("Handle of the new owner").fill("bob")
    alice.get_by_role("button", name="Propose it").click()
    alice.wait_for_url("**#transfer")
    where = f"/portal/transfers/{TransferProposal.objects.get().pk}"
    bob = signed_in(open_page, "bob", where)
    bob.get_by_label("Your wallet").fill(bobs.address)
    assert violations(bob) == []
    bob.get_by_role("button", name="Accept the pack").click()
    bob.get_by_text("Accepted. The pack is yours as soon as").wait_for()
    alice.goto(where)
    assert violations(alice) == []
    # Once it is in a block, the page opens itself anew.
    with alice.expect_navigation(url=f"**{where}"):
        alice.get_by_role("button", name="Give the tokens away with your wallet").click()
    assert holder(contracts.reader, market.world) == bobs.address
    assert Pack.objects.get(pk=market.world.pack_id).owner.handle == "alice"
    works()
    bob.goto(where)
    bob.get_by_text("Handed over", exact=True).wait_for()
    assert Pack.objects.get(pk=market.world.pack_id).owner.handle == "bob"
    assert token_queries.disagreements(now=timezone.now()) == []
