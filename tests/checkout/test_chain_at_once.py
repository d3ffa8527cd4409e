"""Two workers, and Alice who withdraws what she signs: each sale once, and nothing open that has ended."""

import pytest

from ledger.chain_models import ChainCall
from marketplace.checkout import chain_sales
from marketplace.checkout.models import ChainSale, ChainSaleStep
from marketplace.licensing import chain_offers
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import ChainOffer, Grant
from marketplace.payouts.bookkeeping.chain_sales import book_vault
from marketplace.payouts.models import Transaction, VaultMove
from marketplace.payouts.queries import check_books, house_sum
from tests.cast import later
from tests.checkout.chain import on_chain, record_suite, sold_event

HOUR, SOLD, SEEN = later(hours=1), later(hours=2), later(hours=3)


@pytest.fixture(autouse=True)
def _contracts(tmp_path, settings):
    record_suite(tmp_path / "chain", settings)


def test_three_workers_take_in_and_book_each_sale_once(committed, market, at_once):
    row = on_chain(market.offer(), market.cast.alice, now=HOUR)
    named = chain_offers.commit_licensee(offer=row.offer, studio=market.cast.studio, person=market.cast.carol, now=HOUR)
    for _ in range(3):
        sold_event(row, commitment=named.commitment, at=SOLD)
    granted = at_once(*[lambda: chain_sales.take_in(now=SEEN)] * 3)
    booked = at_once(*[lambda: book_vault(now=SEEN)] * 3)
    assert (sum(granted), sum(booked)) == (3, 3)
    assert (ChainSale.objects.count(), ChainSaleStep.objects.count(), Grant.objects.count()) == (3, 3, 3)
    assert VaultMove.objects.count() == Transaction.objects.filter(kind="chain_sale").count() == 3
    assert house_sum("chain_escrow", "USD", "vault:tUSD") == 300_03
    assert check_books() == []


def test_what_is_withdrawn_while_it_is_signed_is_closed_or_was_never_signed(committed, market, at_once):
    offer = market.offer()
    at_once(
        lambda: on_chain(offer, market.cast.alice, now=HOUR),
        lambda: licensing.withdraw_offer(offer=offer, now=HOUR),
    )
    rows = ChainOffer.objects.all()
    assert all(row.closing.reason == "withdrawn" for row in rows)
    assert ChainCall.objects.filter(function="withdrawOffer").count() == len(rows)
