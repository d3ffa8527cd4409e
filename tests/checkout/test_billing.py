"""What licensees report is billed once, at the price of the day it was reported, by the card that was kept."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from marketplace.checkout import billing, methods, past_due, placing
from marketplace.checkout import operations as checkout
from marketplace.checkout.gateways.base import Charge
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, OrderLine, SandboxCharge
from marketplace.checkout.subscription_models import PaymentNotice
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.payouts.models import Sale
from marketplace.payouts.queries import check_books
from tests.checkout.shop import Shop, grant_of

NOVEMBER, DECEMBER = datetime(2026, 11, 25, 12, tzinfo=UTC), datetime(2026, 12, 1, 4, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 4, tzinfo=UTC)


def held(shop: Shop, offer: Offer, **more: Any) -> Grant:
    return grant_of(shop.line(offer, **more))


def report(grant: Grant, key: str, quantity: int, at: datetime = NOVEMBER) -> None:
    day = date(2026, 11, 24)
    licensing.report_use(grant=grant, key=key, quantity=quantity, from_day=day, until_day=day, by="carol", now=at)


def test_a_month_is_one_bill_line_by_line(shop: Shop) -> None:
    metered = held(shop, shop.offer("cc-by-4.0", 7, model="metered", unit="image"))
    share = held(shop, shop.offer("openrail-m", 0, model="revenue-share", share_ppb=25_000_000))
    assert not SandboxCharge.objects.exists()  # free to take
    report(metered, "a", 1_000)
    licensing.change_price(
        offer=Offer.objects.get(pk=metered.offer_id), price_minor=9, now=datetime(2026, 11, 25, 14, tzinfo=UTC)
    )
    report(metered, "b", 100, at=datetime(2026, 11, 26, tzinfo=UTC))
    report(share, "c", 99_999, at=datetime(2026, 11, 25, 13, tzinfo=UTC))
    report(metered, "d", 1, at=DECEMBER)

    assert billing.bill_usage(now=DECEMBER) == 1
    assert billing.bill_usage(now=DECEMBER) == 0
    order = Order.objects.get(idempotency_key__startswith="usage:2026-12:")
    assert [(line.kind, line.price_minor, line.replaces) for line in order.lines.all()] == [
        ("usage", 7_000, metered),
        ("usage", 2_499, share),
        ("usage", 900, metered),
    ]
    assert [str(placing.said(line)[0]) for line in order.lines.all()] == [
        "1,000 × 7 USD for image, from 2026-11-24 to 2026-11-24",
        "2.5% of 99999 USD, earned from 2026-11-24 to 2026-11-24",
        "100 × 9 USD for image, from 2026-11-24 to 2026-11-24",
    ]
    assert SandboxCharge.objects.get().amount_minor == 10_399
    assert sorted(Sale.objects.values_list("gross_minor", flat=True)) == [900, 2_499, 7_000]
    assert Grant.objects.count() == 2
    assert check_books() == []
    assert billing.bill_usage(now=JANUARY) == 1
    assert [line.price_minor for line in billing.bills_for([metered])] == [9, 7_000, 900]


def test_a_declined_bill_is_tried_again_and_is_on_the_next_months(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    metered = held(shop, shop.offer("cc-by-4.0", 7, model="metered", unit="image"))
    report(metered, "a", 10)
    refused = Charge(reference="ch_no", state="declined", reason="The card was declined: use another card.")
    with monkeypatch.context() as broken:
        broken.setattr(SandboxGateway, "charge", lambda _self, **_asked: refused)
        assert billing.bill_usage(now=DECEMBER) == billing.bill_usage(now=DECEMBER) == 0
        for day in range(20):
            past_due.chase_payments(now=DECEMBER + timedelta(days=day))
    [line] = OrderLine.objects.filter(kind="usage")
    declined = [row.declined.at - DECEMBER for row in line.order.attempts.select_related("declined")]
    assert [one.days for one in declined] == [0, 1, 3, 5, 7]
    assert line.order.outcome.outcome == "declined"
    assert not Sale.objects.exists()
    assert billing.bill_usage(now=JANUARY) == 1
    assert billing.bill_usage(now=JANUARY) == 0
    assert Sale.objects.get().gross_minor == 70


def test_a_declined_bill_is_paid_by_the_card_that_was_added_since(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    metered = held(shop, shop.offer("cc-by-4.0", 7, model="metered", unit="image"))
    report(metered, "a", 10)
    refused = Charge(reference="ch_no", state="declined", reason="The card was declined: use another card.")
    with monkeypatch.context() as broken:
        broken.setattr(SandboxGateway, "charge", lambda _self, **_asked: refused)
        billing.bill_usage(now=DECEMBER)
    carol = shop.market.cast.carol
    methods.add_card(studio=shop.market.cast.studio, card="4000 0000 0000 5126", by=carol, now=DECEMBER)
    assert past_due.chase_payments(now=DECEMBER) == 1
    assert Sale.objects.get().gross_minor == 70
    assert [row.kind for row in PaymentNotice.objects.all()] == ["declined"]


def test_a_disputed_bill_suspends_the_license_it_is_for(shop: Shop) -> None:
    offer = shop.offer("cc-by-4.0", 7, model="metered", unit="image")
    metered = held(shop, offer, method="4000 0000 0000 0259")
    report(metered, "a", 10)
    billing.bill_usage(now=DECEMBER)
    checkout.collect_events(now=JANUARY)

    assert [one.status for one in metered.statuses.order_by("id")] == ["suspended", "revoked"]
    assert check_books() == []
