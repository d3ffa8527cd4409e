"""What operators take from customers of ours by hand, in Stripe's dashboard, is no order's; what an invoice took is."""

from typing import Any

import pytest

from marketplace.checkout import billing, hearing
from marketplace.checkout.gateways.stripe.inbox import fetch_refund, hear_refunds
from marketplace.checkout.models import Order, StrayPayment
from marketplace.checkout.refunds import RefundIntent
from marketplace.provider.inbox import About, handle_events
from marketplace.provider.models import ProviderEventTrouble
from tests.checkout.stripe.store import Store
from tests.checkout.stripe.test_usage import metered, to_december, used


def test_money_taken_by_hand_and_given_back_is_passed_by(store: Store) -> None:
    store.bought()
    client = store.fake.client()
    [customer] = [one["id"] for one in store.fake.world.all("customer")]
    asked: Any = {"amount": 700, "currency": "usd", "customer": customer, "payment_method": "pm_card_visa"}
    made = client.v1.payment_intents.create({**asked, "confirm": True, "return_url": "https://worldloom.example"})
    client.v1.refunds.create({"payment_intent": made.id})
    store.hears()
    assert not ProviderEventTrouble.objects.exists()
    assert not RefundIntent.objects.exists()
    store.sound()


def test_a_refund_of_an_invoices_charge_is_heard_whichever_is_heard_first(store: Store, settings: Any) -> None:
    """An invoice's charge has no key of ours, and the worker dies before it hears that it was paid."""
    settings.STRIPE_INVOICES = True
    grant = metered(store)
    store.after(days=3)
    used(store, grant, "a", 1_000)
    now = to_december(store)
    with pytest.MonkeyPatch.context() as dies:
        dies.setattr("marketplace.checkout.paying.note", lambda **_asked: None)
        assert billing.bill_usage(now=now) == 0
    order = Order.objects.get(idempotency_key__startswith="usage:")
    [charge] = store.fake.world.all("charge")
    made = store.fake.client().v1.refunds.create({"charge": charge["id"], "amount": 1_000})
    about = About("refund", made.id, "", frozenset({"refund.created"}), now)
    found = fetch_refund(about)
    assert found is not None
    with pytest.raises(hearing.UnableToHear):  # the inbox tells it again
        hear_refunds(found, about, now=now)
    store.hears()
    for _again in range(3):
        store.forward(minutes=5)
        handle_events(now=store.now)
    assert store.outcome(order) == "succeeded"
    [refund] = RefundIntent.objects.all()
    assert (refund.line.order, refund.amount_minor) == (order, 1_000)
    assert not StrayPayment.objects.exists()
    store.sound()
