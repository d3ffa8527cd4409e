"""Prices and codes that only so many may have, seats and credit: exact, however many come at once."""

from collections.abc import Callable
from datetime import date
from typing import Any

from marketplace.checkout import billing, renewing
from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import Ask
from marketplace.checkout.models import Order, OrderLine, SubscriptionEnd
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from marketplace.payouts.deferral_models import Deferral
from marketplace.payouts.models import Sale
from marketplace.payouts.queries import check_books
from tests.cast import later
from tests.checkout.shop import Shop, grant_of

AtOnce = Callable[..., list[Any]]


def test_the_first_three_are_early_and_no_fourth(committed: None, shop: Shop, at_once: AtOnce) -> None:
    offer = shop.offer()
    licensing.change_price(offer=offer, price_minor=1_000, kind="early-bird", most_sales=3, now=later(hours=1))
    said = at_once(*[lambda: shop.buy(offer)] * 8)

    assert [one for one in said if not isinstance(one, Order)] == []
    assert sorted(OrderLine.objects.values_list("price_minor", flat=True)) == [1_000] * 3 + [5_000] * 5
    assert (Grant.objects.count(), check_books()) == (8, [])


def test_a_code_for_two_is_used_twice(committed: None, shop: Shop, at_once: AtOnce) -> None:
    offer = shop.offer()
    licensing.add_code(
        creator=shop.market.cast.alice, code="TWO", percent_ppb=500_000_000, most_uses=2, now=later(hours=1)
    )
    said = at_once(*[lambda: shop.buy(Ask(offer, code="TWO"))] * 6)

    refused = [str(one) for one in said if not isinstance(one, Order)]
    assert refused == ["The code “TWO” is used up."] * 4
    assert list(OrderLine.objects.values_list("price_minor", flat=True)) == [2_500, 2_500]
    assert Grant.objects.count() == 2


def test_a_month_is_paid_once_and_a_report_billed_once(committed: None, shop: Shop, at_once: AtOnce) -> None:
    shop.buy(shop.offer("enterprise", 1_000, model="monthly"))
    metered = grant_of(shop.line(shop.offer("cc-by-4.0", 7, model="metered", unit="image")))
    day = date(2026, 11, 22)
    licensing.report_use(
        grant=metered, key="a", quantity=10, from_day=day, until_day=day, by="carol", now=later(hours=3)
    )
    at_once(*[lambda: renewing.renew_subscriptions(now=later(days=30, hours=2))] * 3)
    at_once(*[lambda: billing.bill_usage(now=later(days=30))] * 3)

    assert not SubscriptionEnd.objects.exists()
    assert [grant.kind for grant in Grant.objects.order_by("granted_at")] == ["new", "new", "renewal"]
    assert [sale.gross_minor for sale in Sale.objects.all()] == [70]
    assert [paid.gross_minor for paid in Deferral.objects.all()] == [1_000, 1_000]
    assert check_books() == []


def test_credit_is_given_once(committed: None, shop: Shop, at_once: AtOnce) -> None:
    held, larger = grant_of(shop.line(shop.market.offer())), shop.offer("enterprise", 30_000)
    said = at_once(*[lambda: shop.buy(Ask(larger, kind="upgrade", replaces=held))] * 4)

    assert len([one for one in said if isinstance(one, Order)]) == 1, said
    refused = [one for one in said if not isinstance(one, Order)]
    assert all(isinstance(one, checkout.UnableToBuy | licensing.UnableToGrant) for one in refused), said
    assert OrderLine.objects.filter(credit_minor=10_001).count() == 1
    assert (Grant.objects.count(), check_books()) == (2, [])
