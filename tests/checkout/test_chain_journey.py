"""Bob signs, Carol pays on a chain, and a license, its sale and everybody's money follow; on our chain and on anvil."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ledger.operations
from ledger.chain.abi import decode_result, error_of
from ledger.chain.jsonrpc import RpcRefusal
from ledger.chain.reading import Reverted
from ledger.chain.sender import Sender
from ledger.chain.transaction import address_of
from ledger.chain_queries import calls_about, standing_of
from ledger.models import Entry
from marketplace.checkout import chain_sales
from marketplace.checkout.models import ChainSale
from marketplace.licensing import chain_offers, chain_proofs
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import ChainOffer, Grant
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.bookkeeping.chain_sales import book_vault
from marketplace.payouts.models import Transaction, VaultMove
from marketplace.payouts.queries import check_books, house_sum, shares_of
from marketplace.payouts.rules import Money, allocate
from tests.api.conftest import opened
from tests.api.studios import Market
from tests.cast import later
from tests.checkout.chain import sign_shown
from tests.ledger.chain.conftest import devchain as devchain
from tests.ledger.chain.conftest import own_place as own_place
from tests.ledger.chain.makers import BRISK, Place, ask, deployed
from tests.payouts.wallets.conftest import Chain
from tests.standing import standing

PRICE_MINOR = 19_99
UNITS = 10_000  # of the coin are a cent


@pytest.fixture
def chain(own_place: Place, tmp_path: Path, settings: Any, committed: None) -> Chain:
    contracts = deployed(own_place, tmp_path / "contracts")
    settings.CHAIN_SUITE = str(contracts.config.record())
    settings.CHAIN_RPC_URL = own_place.url
    settings.CHAIN_KEY_FILE = str(own_place.key_file)
    settings.CHAIN_KEY_FILES = {}
    settings.CHAIN_CONFIRMATIONS = 1
    return Chain(contracts)


@pytest.fixture
def market(chain: Chain, tmp_path: Path) -> Market:
    return standing(opened, tmp_path)


def turn(chain: Chain) -> None:
    """What the worker does for the chain."""
    chain.turn()
    chain_sales.take_in(now=chain.now)
    book_vault(now=chain.now)


def sign_offer(chain: Chain, market: Market, key: bytes) -> ChainOffer:
    """Bob offers what he derived from Alice's world, and signs it for the chain."""
    offer = licensing.offer(
        release=market.derived,
        terms=replace(READY["studio"], name="chain"),
        price=Money(PRICE_MINOR, "USD"),
        now=later(hours=2),
    )
    limits = chain_offers.limits(now=chain.now, days=30, supply=2)
    shown = chain_offers.to_sign(offer=offer, licensor=address_of(key), limits=limits, now=chain.now)
    return chain_offers.offer_on_chain(
        offer=offer,
        by=market.cast.bob,
        licensor=address_of(key),
        limits=limits,
        signature=sign_shown(shown, key),
        now=chain.now,
    )


def send(chain: Chain, key: bytes, to: str, data: bytes) -> dict[str, Any]:
    """What a wallet does with a call that a page gives it."""
    sender = Sender(chain.reader.rpc, key=key, chain_id=chain.suite.chain_id, patience=BRISK)
    signed, _nonce = sender.prepare(to=to, data=data)
    sender.send(signed)
    receipt = sender.wait(signed)
    assert receipt["status"] == "0x1"
    return dict(receipt)


def buy(chain: Chain, row: ChainOffer, key: bytes, commitment: str = "") -> None:
    coin = chain.suite.tokens["USD"].address
    chain.contracts.send("DevelopmentCoin", "mint", address_of(key), int(row.price_units), at=coin)
    send(chain, key, coin, chain_offers.allow_data(row))
    licensee = address_of(key)
    send(chain, key, row.market, chain_offers.buy_data(row, licensee=licensee, commitment=commitment))


def test_a_license_is_signed_for_sold_granted_booked_and_paid_out(chain: Chain, market: Market) -> None:
    cast, coin = market.cast, chain.suite.tokens["USD"].address
    bobs, alices, carols = (chain.contracts.wallet() for _ in range(3))
    row = sign_offer(chain, market, bobs)
    struct = chain_offers.struct_of(row)
    assert chain.reader.view("LicenseMarket", "digestToSign", struct) == bytes.fromhex(row.digest)

    committed = chain_offers.commit_licensee(offer=row.offer, studio=cast.studio, person=cast.carol, now=chain.now)
    buy(chain, row, carols, committed.commitment)
    turn(chain)

    # The license, which names whom the buyer committed to, in a bundle that verifies without us.
    sale, grant = ChainSale.objects.get(), Grant.objects.get()
    assert chain_sales.standing(sale).grant == grant
    assert (grant.studio, grant.source, grant.price_minor) == (cast.studio, sale.source, PRICE_MINOR)
    is_licensed = ("isLicensed", address_of(carols), bytes.fromhex(grant.release.digest), bytes.fromhex(grant.terms_id))
    assert chain.reader.view("LicenseMarket", *is_licensed) is True

    # The sale, in the books: 199.9 cents are the house's, of which 199 are whole, and the rest is claimed on the chain.
    assert Transaction.objects.get().kind == "chain_sale"
    assert house_sum("chain_escrow", "USD", "vault:tUSD") == PRICE_MINOR
    assert (house_sum("platform_fee", "USD"), house_sum("chain_claims", "USD", "vault:tUSD")) == (-1_99, -18_00)
    assert check_books() == []

    # The money, divided by the vault as the books divide, and taken out by each payee's wallet.
    chain.bind(cast.bob, bobs)
    chain.bind(cast.alice, alices)
    turn(chain)
    shares = [(payee.pk, share_ppb) for payee, share_ppb in shares_of(market.derived.split_id)]
    shares.sort()
    assert len(shares) == 2
    net = PRICE_MINOR * UNITS - PRICE_MINOR * UNITS // 10
    due = dict(allocate(net, shares))
    payees = [payee for payee, _share in shares]
    document = ([payee.bytes for payee in payees], [share_ppb for _payee, share_ppb in shares])
    chain.contracts.send("SplitVault", "distribute", *document, coin)
    wallets = {cast.bob.pk: address_of(bobs), cast.alice.pk: address_of(alices)}
    for payee in payees:
        chain.contracts.send("SplitVault", "withdraw", payee.bytes, coin)
        assert balance(chain, wallets[payee]) == due[payee]
    chain.contracts.send("SplitVault", "withdrawHouse", coin)
    turn(chain)
    assert sum(due.values()) == net == 17_991_000
    assert chain.reader.view("SplitVault", "heldOf", coin) == 0
    taken = {move.payee: int(move.amount_units) for move in VaultMove.objects.filter(flow="out")}
    assert taken == due
    assert -house_sum("chain_claims", "USD", "vault:tUSD") == 18_00 - 17_99  # a cent of three fractions
    assert house_sum("chain_escrow", "USD", "treasury:tUSD") == 1_99
    assert check_books() == []


def balance(chain: Chain, wallet: str) -> int:
    coin = chain.suite.tokens["USD"].address
    return int(chain.reader.view("ERC20", "balanceOf", wallet, at=coin))


def test_a_license_that_was_bought_here_is_shown_to_the_contract(chain: Chain, market: Market) -> None:
    grant = licensing.grant(offer=market.offer(), studio=market.cast.studio, source="order-line:1", now=chain.now)
    with pytest.raises(chain_proofs.UnableToProveOnChain, match="not anchored yet"):
        chain_proofs.prove_on_chain(grant)
    ledger.operations.register_keys(now=chain.now)
    ledger.operations.seal(now=chain.now)
    for _ in range(3):
        ledger.operations.anchor(now=chain.now)
        chain.turn()
    proof = chain_proofs.prove_on_chain(grant)
    said = chain.reader.view("LicenseMarket", "verifyGrant", *proof.args)
    body = Entry.objects.get(type="grant").statement
    assert said == (
        grant.pk.bytes,
        grant.offer_id.bytes,
        bytes(16),
        *(bytes.fromhex(body[name]) for name in ("release", "terms", "licensee_commitment", "certificate")),
        json.loads(proof.entry)["stated_at"].encode(),
    )
    # What any other tool does with the call, and what the contract says to bytes that are not the log's.
    answer = ask(
        chain.contracts.place.url, "eth_call", {"to": proof.market, "data": "0x" + proof.data().hex()}, "latest"
    )
    assert decode_result("LicenseMarket", "verifyGrant", bytes.fromhex(answer[2:])) == (said,)
    other = replace(proof, entry=proof.entry.replace(body["release"].encode(), b"0" * 64))
    with pytest.raises(Reverted, match="GrantNotInTheLog"):
        chain.reader.view("LicenseMarket", "verifyGrant", *other.args)


def test_an_offer_that_is_withdrawn_here_is_closed_there(chain: Chain, market: Market) -> None:
    bobs, carols = chain.contracts.wallet(), chain.contracts.wallet()
    row = sign_offer(chain, market, bobs)
    licensing.withdraw_offer(offer=row.offer, now=chain.now)
    # Until the chain has heard of it somebody may still buy; the marketplace names that and keeps it.
    committed = chain_offers.commit_licensee(
        offer=row.offer, studio=market.cast.studio, person=market.cast.carol, now=chain.now
    )
    buy(chain, row, carols, committed.commitment)
    turn(chain)
    assert chain_sales.standing(ChainSale.objects.get()).reason == "withdrawn"
    assert (Grant.objects.count(), VaultMove.objects.get().amount_minor) == (0, PRICE_MINOR)
    assert check_books() == []
    (call,) = calls_about(f"chain-offer:{row.digest}")
    assert standing_of(call).state == "confirmed"
    price = int(row.price_units)
    coin = chain.suite.tokens["USD"].address
    chain.contracts.send("DevelopmentCoin", "mint", address_of(carols), price, at=coin)
    send(chain, carols, coin, chain_offers.allow_data(row))
    with pytest.raises(RpcRefusal) as refusal:
        send(chain, carols, row.market, chain_offers.buy_data(row, licensee=address_of(carols)))
    assert error_of("LicenseMarket", refusal.value.data) == ("OfferIsClosed", (row.licensor, row.nonce))
