"""What Carol's studio used in a month becomes an invoice at Stripe, for the card that was kept at Stripe's page."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from marketplace.checkout import billing, methods, past_due
from marketplace.checkout.asking import Ask
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.models import Order, Subscription
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.models import Sale
from marketplace.payouts.rules import Money
from tests.cast import later
from tests.checkout.stripe.store import Store

DECEMBER = datetime(2026, 12, 1, 4, tzinfo=UTC)


def metered(store: Store) -> Grant:
    """Carol takes a license that costs by the image, and gives her card at Stripe's page."""
    offer = licensing.offer(
        release=store.offers[0].release,
        terms=READY["cc-by-4.0"],
        price=Money(7, "USD"),
        model="metered",
        unit="image",
        now=later(hours=1),
    )
    order = store.buy(offer)
    assert order.method == "hosted"
    store.pays(order)
    store.hears()
    assert store.outcome(order) == "free"
    return Grant.objects.get(offer=offer)


def used(store: Store, grant: Grant, key: str, quantity: int) -> None:
    day = date(2026, 11, 24)
    licensing.report_use(
        grant=grant, key=key, quantity=quantity, from_day=day, until_day=day, by="carol", now=store.now
    )


def to_december(store: Store) -> datetime:
    return store.after(seconds=int((DECEMBER - store.now).total_seconds()))


@pytest.mark.parametrize("invoiced", [True, False])
def test_a_month_of_use_is_charged_to_the_card_that_was_kept(store: Store, settings: Any, invoiced: bool) -> None:
    settings.STRIPE_INVOICES = invoiced
    grant = metered(store)
    card = PaymentMethod.objects.get()
    store.after(days=3)
    used(store, grant, "a", 1_000)
    store.after(minutes=1)
    used(store, grant, "b", 30)
    now = to_december(store)
    pages = store.count("checkout.session")

    assert billing.bill_usage(now=now) == 1
    assert billing.bill_usage(now=now) == 0
    assert store.count("checkout.session") == pages
    order = Order.objects.get(idempotency_key__startswith="usage:")
    assert (order.method, order.total_minor, store.outcome(order)) == (card.token, 7_210, "succeeded")
    charge = store.fake.world.rows[store.charge_of(order)]
    assert (charge["amount"], charge["payment_method"]) == (7_210, card.token)
    invoices = [
        (row["status"], row["amount_paid"], [(one["quantity"], one["amount"]) for one in row["lines"]["data"]])
        for row in store.fake.world.all("invoice")
    ]
    assert invoices == ([("paid", 7_210, [(1_000, 7_000), (30, 210)])] if invoiced else [])
    assert sorted(Sale.objects.values_list("gross_minor", flat=True)) == [210, 7_000]
    store.hears()
    store.sound()


def test_a_card_that_was_removed_since_is_not_charged_but_the_default_is(store: Store) -> None:
    studio = metered(store).studio
    first = PaymentMethod.objects.get()
    other = methods.keep(studio=studio, gateway="stripe", token="pm_other", now=store.after(days=1))
    assert methods.to_charge(studio, "hosted") == first.token
    methods.gone(gateway="stripe", token=first.token, now=store.now)
    assert methods.to_charge(studio, first.token) == methods.to_charge(studio, "hosted") == other.token
    assert methods.to_charge(studio, "pm_of_nobody_here") == "pm_of_nobody_here"


def test_a_subscription_that_names_no_card_is_renewed_by_the_one_that_is_kept(store: Store) -> None:
    offer: Offer = licensing.offer(
        release=store.offers[0].release,
        terms=READY["enterprise"],
        price=Money(1_000, "USD"),
        model="monthly",
        now=later(hours=1),
    )
    store.bought(Ask(offer, seats=1))  # type: ignore[arg-type]
    subscription = Subscription.objects.get()
    card = PaymentMethod.objects.get()
    assert past_due.token_for_renewal(subscription) == card.token
    subscription.method = "hosted"
    assert past_due.token_for_renewal(subscription) == card.token
    methods.gone(gateway="stripe", token=card.token, now=store.now + timedelta(days=1))
    assert past_due.token_for_renewal(subscription) == "hosted"
