"""Carol pays with a wallet: what the page says it costs, what it gives the wallet to send, and what came of it."""

import html
import json
import re

import pytest
from django.test import Client
from django.utils import timezone

import ledger.operations
from ledger.chain import typed
from ledger.chain.abi import call_data
from ledger.chain.transaction import address_of
from ledger.models import Checkpoint
from marketplace.checkout import chain_sales
from marketplace.licensing import chain_offers, chain_proofs, queries
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, LicenseeCommitment
from marketplace.ui import onchain
from tests.cast import later
from tests.checkout.chain import CAROLS, anchored, on_chain, record_suite, sold_event


@pytest.fixture(autouse=True)
def _contracts(tmp_path, settings):
    record_suite(tmp_path / "chain", settings)


@pytest.fixture
def row(market):
    offer = next(one for one in queries.live_offers(market.world) if one.terms.name == "studio")
    return on_chain(offer, market.cast.alice, supply=3, now=timezone.now())


@pytest.fixture
def carol(market):
    client = Client()
    client.force_login(market.cast.carol)
    return client


def page_of(row):
    return f"/offers/{row.offer_id}/chain"


def text(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def steps_of(page):
    return json.loads(re.search(r'data-steps="(\[.*?\])"', page)[1])


def test_the_pack_page_says_that_a_wallet_will_do(market, row):
    page = text(Client(), "/packs/alice/yunhai")
    assert page.count(page_of(row)) == 1
    licensing.change_price(offer=row.offer, price_minor=1_00, now=timezone.now())
    assert page_of(row) not in text(Client(), "/packs/alice/yunhai")


def test_carol_prepares_for_her_studio_and_gets_two_transactions(market, row, carol):
    page = text(carol, page_of(row))
    assert "$100.01 in tUSD (100,010,000 units)" in page
    assert "3 of 3" in page
    assert "the checkout takes a card" in page
    assert "data-steps" not in page
    answer = carol.post(page_of(row) + "/prepare", {"studio": market.cast.studio.pk})
    committed = LicenseeCommitment.objects.get()
    assert answer.headers["Location"] == f"{page_of(row)}?for={committed.pk}#buy"
    assert (committed.studio, committed.person) == (market.cast.studio, market.cast.carol)
    page = text(carol, f"{page_of(row)}?for={committed.pk}")
    allow, buy = steps_of(page)
    assert allow["to"] == row.token
    assert allow["data"] == "0x" + call_data("ERC20", "approve", row.market, 100_010_000).hex()
    assert int(allow["unless"]["least"], 16) == 100_010_000
    assert buy["to"] == row.market
    bought = chain_offers.buy_data(row, licensee=onchain.ADDRESS_PLACEHOLDER, commitment=committed.commitment)
    assert buy["data"] == "0x" + bought.hex()


def test_a_commitment_of_another_is_not_shown(market, row, carol):
    committed = chain_offers.commit_licensee(
        offer=row.offer, studio=market.cast.daves_studio, person=market.cast.dave, now=timezone.now()
    )
    assert "data-steps" not in text(carol, f"{page_of(row)}?for={committed.pk}")
    assert carol.post(page_of(row) + "/prepare", {"studio": market.cast.daves_studio.pk}).status_code == 302
    assert LicenseeCommitment.objects.count() == 1


def test_a_stranger_buys_for_the_wallet_alone(row):
    assert "data-steps" not in text(Client(), page_of(row))
    buy = steps_of(text(Client(), page_of(row) + "?alone=1"))[1]
    assert buy["data"] == "0x" + chain_offers.buy_data(row, licensee=onchain.ADDRESS_PLACEHOLDER).hex()
    assert Client().post(page_of(row) + "/prepare").status_code == 302
    assert LicenseeCommitment.objects.count() == 0


def test_what_is_not_sold_there_says_so(market, row):
    licensing.withdraw_offer(offer=row.offer, now=timezone.now())
    page = text(Client(), page_of(row))
    assert "Not sold on a chain now" in page
    assert "data-steps" not in page
    assert Client().get(f"/offers/{market.world.pk}/chain").status_code == 404


def test_what_came_of_it_is_told(market, row, carol):
    assert carol.get("/bought-on-chain?transaction=ink").status_code == 404
    assert "has not confirmed it yet" in text(carol, "/bought-on-chain?transaction=0x" + "0" * 64)
    committed = chain_offers.commit_licensee(
        offer=row.offer, studio=market.cast.studio, person=market.cast.carol, now=timezone.now()
    )
    event = sold_event(row, commitment=committed.commitment, at=timezone.now())
    chain_sales.take_in(now=timezone.now())
    address = f"/bought-on-chain?transaction={event.transaction}"
    license_page = f"/licenses/{Grant.objects.get().pk}"
    assert license_page in text(carol, address)
    assert license_page not in text(Client(), address)


def test_the_wallet_names_the_studio_later(market, row, carol):
    event = sold_event(row, at=timezone.now())
    chain_sales.take_in(now=timezone.now())
    address = f"/bought-on-chain?transaction={event.transaction}"
    assert "Sign in" in text(Client(), address)
    page = text(carol, address)
    assert f"was bought for the wallet {address_of(CAROLS)} alone" in page
    sale = row.sales.get()
    values = {"seq": sale.seq, "licensee": sale.licensee, "studio": market.cast.studio.pk.bytes}
    digest = typed.typed_digest(chain_sales.CLAIM, values, chain_id=31337, contract=sale.market)
    sent = {
        "transaction": event.transaction,
        "sale": sale.pk,
        "studio": market.cast.studio.pk,
        "signature": "0x" + typed.sign_digest(digest, CAROLS).hex(),
    }
    for change in ({"signature": "0x12"}, {"signature": "ink"}, {"studio": market.cast.daves_studio.pk}):
        assert carol.post("/bought-on-chain", sent | change).status_code == 422
    assert Grant.objects.count() == 0
    assert carol.post("/bought-on-chain", sent).status_code == 302
    assert Grant.objects.get().studio == market.cast.studio


def test_a_case_is_not_hidden(market, row, carol):
    event = sold_event(row, at=timezone.now(), price=1)
    chain_sales.take_in(now=timezone.now())
    page = text(carol, f"/bought-on-chain?transaction={event.transaction}")
    assert "The license could not be granted" in page
    assert "not forgotten" in page
    chain_sales.settle_case(sale=row.sales.model.objects.get(), by=None, note="Sent back.", now=timezone.now())
    assert "Sent back." in text(carol, f"/bought-on-chain?transaction={event.transaction}")


def test_a_license_is_shown_to_a_contract_by_whoever_holds_it(market, sealed, carol):
    offer = next(one for one in queries.live_offers(market.world) if one.terms.name == "studio")
    grant = licensing.grant(
        offer=offer, studio=market.cast.studio, source=f"order-line:{market.world.pk}", now=later(hours=2)
    )
    address = f"/licenses/{grant.pk}/chain"
    assert address in text(carol, f"/licenses/{grant.pk}")
    page = text(carol, address)
    assert "is not anchored yet" in page
    assert "cast call" not in page
    ledger.operations.seal(now=later(hours=3))
    anchored(Checkpoint.objects.latest("size"))
    proof = chain_proofs.prove_on_chain(grant)
    assert f"cast call {proof.market} 0x{proof.data().hex()}" in text(carol, address)
    dave = Client()
    dave.force_login(market.cast.dave)
    assert dave.get(address).status_code == 404
    assert Client().get(address).status_code == 302
