"""Alice signs on a page what is sold on a chain, and stops it; whose it is not sees none of it."""

import html
import json
import re

import pytest
from django.test import Client
from django.utils import timezone

from ledger.chain.transaction import address_of
from ledger.chain_models import ChainCall
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries
from marketplace.licensing.models import ChainOffer
from marketplace.payouts.bookkeeping.chain_sales import book_vault
from tests.checkout.chain import ALICES, DAVES, on_chain, record_suite, sign_shown, sold_event
from tests.storefront.conftest import market as market


@pytest.fixture
def contracts(tmp_path, settings):
    record_suite(tmp_path / "chain", settings)


def signed_in(who):
    client = Client()
    client.force_login(who)
    return client


@pytest.fixture
def alice(market):
    return signed_in(market.cast.alice.person)


@pytest.fixture
def offer(market):
    return next(one for one in queries.live_offers(market.world) if one.terms.name == "studio")


def page_of(offer):
    return f"/portal/offers/{offer.pk}/chain"


def shown(client, address):
    page = client.get(address)
    assert page.status_code == 200
    return page.content.decode()


def signature_of(page, key):
    """Signs what the page gives the wallet, with the wallet's own address in it."""
    document = json.loads(html.unescape(re.search(r'data-typed="([^"]+)"', page)[1]))
    assert document["message"]["licensor"] == "$address"
    limits = html.unescape(re.search(r'name="limits" value="([^"]+)"', page)[1])
    return {"limits": limits, "address": address_of(key), "signature": "0x" + sign_shown(document, key).hex()}


def test_she_signs_and_it_is_for_sale(contracts, alice, offer):
    page = shown(alice, page_of(offer) + "?days=30&supply=5")
    answer = alice.post(page_of(offer), signature_of(page, ALICES))
    assert answer.status_code == 302
    row = ChainOffer.objects.get()
    assert (row.offer, row.supply, (row.deadline - row.not_before).days) == (offer, 5, 30)
    page = shown(alice, page_of(offer))
    assert "For sale" in page
    assert "0 of 5" in page
    assert "Development chain" in page
    assert shown(alice, f"/portal/offers/{offer.pk}").count(page_of(offer)) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"signature": "0x12"}, "The signature is not of this offer"),
        ({"signature": "ink"}, "hexadecimal digits"),
        ({"limits": "ink"}, "open it again"),
        ({"address": address_of(DAVES)}, "The signature is not of this offer"),
        ({"address": "0x"}, "no address"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_signed(contracts, alice, offer, change, told):
    page = shown(alice, page_of(offer))
    answer = alice.post(page_of(offer), signature_of(page, ALICES) | change)
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert ChainOffer.objects.count() == 0


def test_she_stops_it(contracts, alice, offer, market):
    alice.post(page_of(offer), signature_of(shown(alice, page_of(offer)), ALICES))
    row = ChainOffer.objects.get()
    assert alice.post(page_of(offer), {"do": "stop", "row": row.pk}).status_code == 302
    assert row.closing.reason == "asked"
    assert ChainCall.objects.get().function == "withdrawOffer"
    page = shown(alice, page_of(offer))
    assert "You stopped it." in page
    assert "Waiting to be sent" not in page  # the words are ours: closed
    assert alice.post(page_of(offer), {"do": "stop", "row": "9"}).status_code == 404


def test_an_offer_that_cannot_be_sold_there_says_why(contracts, alice, market):
    free = next(one for one in queries.live_offers(market.world) if one.terms.name == "personal")
    page = shown(alice, page_of(free))
    assert "costs nothing" in page
    assert "data-typed" not in page


def test_without_contracts_the_page_says_so(alice, offer, settings, tmp_path):
    (tmp_path / "torn.json").write_text("{")
    for name in ("none.json", "torn.json"):
        settings.CHAIN_SUITE = str(tmp_path / name)
        page = shown(alice, page_of(offer))
        assert "No chain here" in page
        assert "data-typed" not in page


def test_it_is_nobody_elses(contracts, market, offer):
    assert signed_in(market.cast.bob.person).get(page_of(offer)).status_code == 404
    assert Client().get(page_of(offer)).status_code == 302
    licensing.withdraw_offer(offer=offer, now=offer.created_at)
    assert "no longer sold" in shown(signed_in(market.cast.alice.person), page_of(offer))


def test_what_was_sold_on_the_chain_is_on_her_page_of_earnings(contracts, alice, offer, market):
    assert "Sold on a chain" not in shown(alice, "/portal/earnings")
    row = on_chain(offer, market.cast.alice, now=timezone.now())
    sold_event(row, at=timezone.now())
    assert book_vault(now=timezone.now()) == 1
    page = shown(alice, "/portal/earnings")
    assert "Sold on a chain" in page
    # $100.01 less a tenth are 90.009, of which 70 % are hers and the rest is Mo's.
    assert "63.006300\N{NO-BREAK SPACE}tUSD" in page
    assert "27.002700\N{NO-BREAK SPACE}tUSD" in shown(signed_in(market.cast.mo.person), "/portal/earnings")
    assert "Sold on a chain" not in shown(signed_in(market.cast.bob.person), "/portal/earnings")


def test_money_for_another_split_is_no_sale_of_the_release(contracts, offer, market):
    row = on_chain(offer, market.cast.alice, now=timezone.now())
    sold_event(row, at=timezone.now(), split=market.derived.split_id)
    book_vault(now=timezone.now())
    page = shown(signed_in(market.cast.bob.person), "/portal/earnings")
    assert "Paid to the split, without a sale here" in page
