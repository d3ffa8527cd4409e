"""What comes to less than Stripe takes by card is said before anything is sent; what is free stays free."""

from datetime import datetime
from typing import Any

import pytest

from marketplace.checkout import billing, renewing
from marketplace.checkout.asking import Ask, UnableToBuySoLittle
from marketplace.checkout.gateways.base import DECLINED, SUCCEEDED, AskedLine, Charge
from marketplace.checkout.gateways.stripe import words
from marketplace.checkout.gateways.stripe.gateway import StripeGateway
from marketplace.checkout.gateways.stripe.least import LEAST
from marketplace.checkout.models import Order, PaymentAttempt, Subscription, SubscriptionEnd
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.currencies import CURRENCIES, to_stripe
from marketplace.payouts.rules import Money
from tests.cast import later
from tests.checkout.stripe.shop import Till
from tests.checkout.stripe.store import Store
from tests.checkout.stripe.test_usage import metered, to_december, used
from tests.stripe import payments


def offered(
    store: Store, minor: int, currency: str = "USD", model: str = "one-off", terms: str = "enterprise"
) -> Offer:
    return licensing.offer(
        release=store.offers[0].release,
        terms=READY[terms],
        price=Money(minor, currency),
        model=model,
        now=later(hours=1),
    )


def test_the_table_is_stripes_in_its_own_units() -> None:
    assert {code.lower(): to_stripe(minor, code) for code, minor in LEAST.items()} == payments.SMALLEST
    port = StripeGateway()
    assert [port.least_minor(code) for code in ("USD", "GBP", "JPY", "HKD", "MXN", "KWD")] == [50, 30, 50, 400, 1000, 1]
    assert set(CURRENCIES) - set(LEAST) == {"CNY", "KRW", "KWD", "MOP", "TWD", "VND"}


@pytest.mark.parametrize(
    ("currency", "minor", "said"),
    [
        ("USD", 49, "This comes to $0.49, and the least that can be paid by card is $0.50."),
        ("GBP", 29, "This comes to £0.29, and the least that can be paid by card is £0.30."),
        ("JPY", 49, "This comes to ¥49, and the least that can be paid by card is ¥50."),
        ("MXN", 999, "This comes to MX$9.99, and the least that can be paid by card is MX$10.00."),
    ],
)
def test_an_order_for_less_is_not_placed(store: Store, currency: str, minor: int, said: str) -> None:
    offer = offered(store, minor, currency)
    before = len(store.fake.asked)
    with pytest.raises(UnableToBuySoLittle) as refused:
        store.buy(offer)
    assert refused.value.reason == said
    assert (len(store.fake.asked), Order.objects.count(), PaymentAttempt.objects.count()) == (before, 0, 0)


def test_the_least_itself_is_taken_and_what_is_free_stays_free(store: Store) -> None:
    order = store.bought(offered(store, 50))
    assert store.fake.world.rows[store.charge_of(order)]["amount"] == 50
    before = len(store.fake.asked)
    free = store.buy(offered(store, 0, model="free", terms="cc-by-4.0"), method=" ")
    assert (store.outcome(free), len(store.fake.asked)) == ("free", before)
    store.sound()


def test_together_they_may_be_enough(store: Store) -> None:
    small = offered(store, 30)
    with pytest.raises(UnableToBuySoLittle):
        store.buy(small)
    other = licensing.offer(
        release=store.offers[1].release, terms=READY["enterprise"], price=Money(20, "USD"), now=later(hours=1)
    )
    assert store.bought(small, other).total_minor == 50


@pytest.mark.parametrize("off_session", [False, True])
def test_what_was_ordered_all_the_same_is_declined_unasked(till: Till, settings: Any, off_session: bool) -> None:
    settings.STRIPE_INVOICES = True
    token = till.kept_card()
    before = len(till.fake.asked)
    asked = till.asked(AskedLine("Moss", "Alice", 49), method=token, off_session=off_session)
    assert till.charge(asked) == Charge("", DECLINED, reason=words.SMALL)
    assert till.charge(till.asked(AskedLine("Moss", "Alice", 49))).state == DECLINED
    assert len(till.fake.asked) == before
    assert till.charge(till.asked(AskedLine("Moss", "Alice", 50), method=token)).state == SUCCEEDED


def test_stripe_may_want_more_where_it_pays_out_in_another_currency(till: Till, monkeypatch: Any) -> None:
    token = till.kept_card()
    monkeypatch.setitem(payments.SMALLEST, "usd", 60)
    asked = till.asked(AskedLine("Moss", "Alice", 55), method=token)
    assert (till.charge(asked).state, till.charge(asked).reason) == (DECLINED, words.SMALL)
    page = till.asked(AskedLine("Moss", "Alice", 55))
    assert (till.charge(page).state, till.charge(page).reason) == (DECLINED, words.SMALL)


# -- what is charged without its buyer -----------------------------------------------------------------------------


def subscribed(store: Store, minor: int) -> Subscription:
    store.bought(Ask(offered(store, minor, model="monthly"), seats=1))  # type: ignore[arg-type]
    return Subscription.objects.get()


def renewed(store: Store) -> tuple[int, datetime]:
    ends = Grant.objects.order_by("-ends_at")[0].ends_at
    assert ends is not None
    store.after(seconds=int((ends - store.now).total_seconds()) - 600)
    return renewing.renew_subscriptions(now=store.now), ends


def test_a_renewal_for_less_ends_its_subscription_with_the_reason(store: Store) -> None:
    subscription = subscribed(store, 1_000)
    licensing.change_price(offer=subscription.offer, price_minor=40, now=store.after(days=1))
    before = len(store.fake.asked)
    count, ends = renewed(store)
    assert (count, len(store.fake.asked)) == (0, before)
    end = SubscriptionEnd.objects.get()
    assert (end.cause, end.reason) == (
        "refused",
        "This comes to $0.40, and the least that can be paid by card is $0.50.",
    )
    assert (Grant.objects.count(), Grant.objects.get().ends_at, Order.objects.count()) == (1, ends, 1)


def test_a_seat_for_less_is_not_added(store: Store) -> None:
    subscription = subscribed(store, 1_000)
    grant = Grant.objects.get()
    assert grant.ends_at is not None
    store.after(seconds=int((grant.ends_at - store.now).total_seconds()) - 24 * 3600)
    more = {"subscription": subscription, "by": store.cast.carol, "now": store.now}
    with pytest.raises(UnableToBuySoLittle, match=r"\$0\.3\d"):
        renewing.change_seats(seats=2, idempotency_key="one-more", **more)
    assert (Order.objects.count(), Grant.objects.count()) == (1, 1)
    assert renewing.change_seats(seats=4, idempotency_key="three-more", **more) is not None


def test_a_bill_for_less_waits_for_the_next_month(store: Store) -> None:
    grant = metered(store)
    store.after(days=3)
    used(store, grant, "a", 7)
    now = to_december(store)
    before = len(store.fake.asked)
    assert (billing.bill_usage(now=now), len(store.fake.asked)) == (0, before)
    assert not Order.objects.filter(idempotency_key__startswith="usage:").exists()
    store.after(minutes=1)
    used(store, grant, "b", 1)
    now = store.after(days=31)
    assert billing.bill_usage(now=now) == 1
    assert Order.objects.get(idempotency_key__startswith="usage:").total_minor == 56
