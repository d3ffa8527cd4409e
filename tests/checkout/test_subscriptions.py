"""Subscriptions by the calendar: renewed, cancelled, declined, with more and fewer seats, each to the second."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketplace.checkout import operations as checkout
from marketplace.checkout import placing, queries, renewing
from marketplace.checkout.asking import Ask, UnableToBuyYet
from marketplace.checkout.gateways.base import Charge, GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, Subscription, SubscriptionEnd
from marketplace.licensing import operations as licensing
from marketplace.licensing.granting import UnableToGrant
from marketplace.licensing.models import Grant, Offer
from marketplace.payouts.queries import check_books
from tests.checkout.shop import Shop

FIRST = datetime(2026, 12, 31, 9, 0, tzinfo=UTC)
SECOND, THIRD = datetime(2027, 1, 31, 9, 0, tzinfo=UTC), datetime(2027, 2, 28, 9, 0, tzinfo=UTC)
FOURTH = datetime(2027, 3, 31, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def subscribed(shop: Shop, seats: int = 2, model: str = "monthly", at: datetime = FIRST, **more: Any) -> Subscription:
    offer = shop.offer("enterprise", 1_000, model=model)
    shop.buy(Ask(offer, seats=seats), now=at, **more)
    return Subscription.objects.get(offer=offer)


def periods(subscription: Subscription) -> list[tuple[str, datetime, datetime | None, int, int]]:
    rows = Grant.objects.filter(offer=subscription.offer).order_by("granted_at", "starts_at")
    return [(row.kind, row.starts_at, row.ends_at, row.seats, row.price_minor) for row in rows]


def test_a_month_ends_where_the_next_begins(shop: Shop) -> None:
    subscription = subscribed(shop)
    assert renewing.renew_subscriptions(now=SECOND - timedelta(hours=2)) == 0
    licensing.change_price(offer=Offer.objects.get(pk=subscription.offer_id), price_minor=1_500, now=FIRST + MINUTE)
    assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 1
    assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 0
    assert renewing.renew_subscriptions(now=THIRD + MINUTE) == 1

    assert periods(subscription) == [
        ("new", FIRST, SECOND, 2, 2_000),
        ("renewal", SECOND, THIRD, 2, 3_000),  # at the price of that day
        ("renewal", THIRD, FOURTH, 2, 3_000),
    ]
    keys = Order.objects.order_by("placed_at").values_list("idempotency_key", flat=True)
    assert list(keys)[1:] == [f"subscription:{subscription.pk}:{number}" for number in (1, 2)]
    [told] = queries.subscriptions_of(shop.market.cast.studio)
    assert (told.grant.starts_at, told.renews_with) == (THIRD, 2)  # type: ignore[attr-defined]
    assert queries.subscription_of(Grant.objects.get(starts_at=SECOND)) == subscription
    assert check_books() == []


def test_a_year_from_the_leap_day_ends_on_the_last_of_february(shop: Shop) -> None:
    leap = datetime(2028, 2, 29, tzinfo=UTC)
    subscription = subscribed(shop, model="yearly", at=leap)
    renewing.renew_subscriptions(now=datetime(2029, 2, 28, tzinfo=UTC))

    assert [one[1:3] for one in periods(subscription)] == [
        (leap, datetime(2029, 2, 28, tzinfo=UTC)),
        (datetime(2029, 2, 28, tzinfo=UTC), datetime(2030, 2, 28, tzinfo=UTC)),
    ]


def test_cancelled_is_never_renewed_and_runs_to_its_end(shop: Shop) -> None:
    subscription, cast = subscribed(shop), shop.market.cast
    with pytest.raises(checkout.UnableToBuy, match="cannot buy for"):
        renewing.cancel_subscription(subscription=subscription, by=cast.dave, now=FIRST + MINUTE)
    cancelled = renewing.cancel_subscription(subscription=subscription, by=cast.carol, now=FIRST + MINUTE)
    again = renewing.cancel_subscription(subscription=subscription, by=cast.carol, now=FIRST + 2 * MINUTE)

    assert cancelled is not None
    assert (again, cancelled.at) == (cancelled, FIRST + MINUTE)
    assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 0
    assert not SubscriptionEnd.objects.exists()
    assert renewing.renew_subscriptions(now=SECOND) == 0
    assert SubscriptionEnd.objects.get().cause == "cancelled"
    assert periods(subscription) == [("new", FIRST, SECOND, 2, 2_000)]
    assert not Grant.objects.get().statuses.exists()


def test_who_resumes_before_the_end_goes_on(shop: Shop) -> None:
    subscription, cast = subscribed(shop), shop.market.cast
    asked: dict[str, Any] = {"subscription": subscription, "by": cast.carol}
    assert renewing.resume_subscription(**asked, now=FIRST) is None
    renewing.cancel_subscription(**asked, now=FIRST + MINUTE)
    with pytest.raises(checkout.UnableToBuy, match="cannot buy for"):
        renewing.resume_subscription(subscription=subscription, by=cast.dave, now=FIRST + MINUTE)
    assert renewing.resume_subscription(**asked, now=FIRST + 2 * MINUTE) is not None
    assert renewing.resume_subscription(**asked, now=FIRST + 3 * MINUTE) is None
    assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 1
    renewing.cancel_subscription(**asked, now=SECOND + MINUTE)
    assert renewing.renew_subscriptions(now=THIRD) == 0
    with pytest.raises(checkout.UnableToBuy, match="has ended"):
        renewing.resume_subscription(**asked, now=THIRD + MINUTE)
    assert len(periods(subscription)) == 2


def test_a_silent_gateway_is_waited_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = subscribed(shop)

    def silent(_self: SandboxGateway, **_asked: Any) -> Charge:
        raise GatewayUnavailable("The gateway did not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(SandboxGateway, "charge", silent)
        assert renewing.renew_subscriptions(now=SECOND) == renewing.renew_subscriptions(now=SECOND) == 0
    assert not SubscriptionEnd.objects.exists()
    assert checkout.finish_orders(now=SECOND + MINUTE) == 1
    assert [one[1] for one in periods(subscription)] == [FIRST, SECOND]


def test_an_offer_that_is_not_sold_any_more_is_not_renewed(shop: Shop) -> None:
    subscription = subscribed(shop)
    licensing.withdraw_offer(offer=Offer.objects.get(pk=subscription.offer_id), now=FIRST + MINUTE)

    assert renewing.renew_subscriptions(now=SECOND) == 0
    assert SubscriptionEnd.objects.get().cause == "withdrawn"
    assert len(periods(subscription)) == 1


def test_who_comes_back_late_pays_for_what_is_left(shop: Shop) -> None:
    subscription = subscribed(shop)
    middle = datetime(2027, 3, 16, 9, 0, tzinfo=UTC)  # 15 of the 31 days from February 28 are left
    assert renewing.renew_subscriptions(now=middle) == 1

    assert periods(subscription)[1] == ("renewal", middle, FOURTH, 2, 2_000 * 15 // 31)


def test_more_seats_are_there_at_once_for_the_rest_of_the_month(shop: Shop) -> None:
    subscription, carol = subscribed(shop), shop.market.cast.carol
    middle = datetime(2027, 1, 16, 9, 0, tzinfo=UTC)  # 15 of 31 days are left
    asked: dict[str, Any] = {"subscription": subscription, "by": carol, "now": middle}
    order = renewing.change_seats(seats=5, idempotency_key="more", **asked)
    again = renewing.change_seats(seats=5, idempotency_key="more", **asked)

    assert order is not None
    assert (again, order.total_minor) == (order, 3_000 * 15 // 31)
    assert str(placing.said(order.lines.get())[-1]) == f"For the rest of the period: {3_000 * 15 // 31} USD"
    former, now_held = Grant.objects.order_by("granted_at")
    assert (former.statuses.get().status, now_held.kind, now_held.seats) == ("superseded", "upgrade", 5)
    assert (now_held.starts_at, now_held.ends_at) == (middle, SECOND)
    with pytest.raises(checkout.KeyUsedOtherwise):
        renewing.change_seats(seats=6, idempotency_key="more", **asked)
    assert renewing.renew_subscriptions(now=SECOND) == 1
    assert periods(subscription)[-1] == ("renewal", SECOND, THIRD, 5, 5_000)
    assert check_books() == []


def test_fewer_seats_are_from_the_next_month_on_and_never_below_use(shop: Shop) -> None:
    subscription, carol = subscribed(shop, seats=3), shop.market.cast.carol
    asked: dict[str, Any] = {"subscription": subscription, "by": carol, "now": FIRST + MINUTE}
    licensing.assign_seat(grant=Grant.objects.get(), person=carol, by=carol, now=FIRST + MINUTE)
    with pytest.raises(checkout.UnableToBuy, match="are in use"):
        renewing.change_seats(seats=0, idempotency_key="0", **asked)
    with pytest.raises(checkout.UnableToBuy, match="cannot buy for"):
        renewing.change_seats(seats=1, idempotency_key="1", **(asked | {"by": shop.market.cast.dave}))
    assert renewing.change_seats(seats=1, idempotency_key="1", **asked) is None
    assert [one[3] for one in periods(subscription)] == [3]
    renewing.renew_subscriptions(now=SECOND)

    assert periods(subscription)[1] == ("renewal", SECOND, THIRD, 1, 1_000)
    renewal = Grant.objects.get(kind="renewal")
    assert [one.person for one in renewal.assignments.filter(released_at=None)] == [carol]


def test_seats_beyond_the_terms_or_on_a_bad_card_change_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    offer = shop.offer("studio", 1_000, model="monthly")
    shop.buy(Ask(offer, seats=2), now=FIRST)
    asked: dict[str, Any] = {
        "subscription": Subscription.objects.get(),
        "by": shop.market.cast.carol,
        "now": FIRST + MINUTE,
    }
    with pytest.raises(UnableToGrant, match="at most 30 seats"):
        renewing.change_seats(seats=31, idempotency_key="31", **asked)
    refused = Charge(reference="ch_no", state="declined", reason="The card was declined: use another card.")
    monkeypatch.setattr(SandboxGateway, "charge", lambda _self, **_asked: refused)
    with pytest.raises(checkout.PaymentDeclined):
        renewing.change_seats(seats=3, idempotency_key="3", **asked)
    assert (Grant.objects.get().seats, Grant.objects.get().statuses.count()) == (2, 0)
    [told] = queries.subscriptions_of(shop.market.cast.studio)
    assert told.renews_with == 2  # type: ignore[attr-defined]


def test_an_upgrade_to_another_offer_ends_the_subscription(shop: Shop) -> None:
    subscription = subscribed(shop)
    held = Grant.objects.get()
    middle = datetime(2027, 1, 16, 9, 0, tzinfo=UTC)
    line = shop.line(Ask(shop.offer("cc-by-4.0", 30_000), kind="upgrade", replaces=held), now=middle)

    assert line.credit_minor == 2_000 * 15 // 31
    assert SubscriptionEnd.objects.get(subscription=subscription).cause == "replaced"
    assert renewing.renew_subscriptions(now=SECOND) == 0


def test_from_months_to_years_what_is_left_of_the_month_is_credited(shop: Shop) -> None:
    months = subscribed(shop)
    middle = datetime(2027, 1, 16, 9, 0, tzinfo=UTC)
    yearly = shop.offer("enterprise", 10_000, model="yearly")
    line = shop.line(Ask(yearly, kind="upgrade", replaces=Grant.objects.get()), now=middle)

    assert (line.seats, line.list_minor, line.credit_minor) == (2, 20_000, 2_000 * 15 // 31)
    years = Subscription.objects.get(offer=yearly)
    assert (years.anchor_at, line.ends_at) == (middle, datetime(2028, 1, 16, 9, 0, tzinfo=UTC))
    assert SubscriptionEnd.objects.get().subscription == months
    assert [one for one in queries.subscriptions_of(shop.market.cast.studio) if not hasattr(one, "end")] == [years]


def test_a_renewal_that_comes_after_the_end_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription, carol = subscribed(shop), shop.market.cast.carol
    listed = [subscription]
    renewing.cancel_subscription(subscription=subscription, by=carol, now=FIRST + MINUTE)
    assert renewing.renew_subscriptions(now=SECOND) == 0
    monkeypatch.setattr(renewing, "each", lambda _rows, _by: listed)  # looked up before it ended

    assert renewing.renew_subscriptions(now=SECOND) == 0
    assert (Order.objects.count(), SubscriptionEnd.objects.get().cause) == (1, "cancelled")


def test_a_charge_that_is_taken_back_ends_what_it_paid_for(shop: Shop) -> None:
    subscription = subscribed(shop, method="4000 0000 0000 0259")
    checkout.collect_events(now=FIRST + timedelta(days=20))
    assert SubscriptionEnd.objects.get(subscription=subscription).cause == "revoked"
    assert Grant.objects.get().statuses.order_by("-id").first().status == "revoked"  # type: ignore[union-attr]
    assert renewing.renew_subscriptions(now=SECOND) == 0
    assert check_books() == []


def test_what_passes_by_itself_ends_no_subscription(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The price changed in the second in which a remote service was asked for the taxes: the next run asks anew."""
    subscription = subscribed(shop)

    def too_late(**_asked: Any) -> Order:
        raise UnableToBuyYet("The price changed while the taxes were asked for.")

    with monkeypatch.context() as changed:
        changed.setattr(renewing, "place", too_late)
        assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 0
    assert not SubscriptionEnd.objects.exists()
    assert (Order.objects.count(), len(periods(subscription))) == (1, 1)
    assert renewing.renew_subscriptions(now=SECOND) == 1
