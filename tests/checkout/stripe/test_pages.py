"""Carol in her browser, Stripe at the endpoint, and the months after: page, message, renewal, the bank's question."""

import re
import time
from datetime import timedelta
from typing import Any

from django.test import Client

from marketplace.checkout import renewing
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.models import Order, Subscription
from marketplace.checkout.order_states import state_of
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.models import Sale
from marketplace.payouts.rules import Money
from marketplace.provider.inbox import handle_events
from marketplace.provider.models import ProviderEvent
from tests.cast import later
from tests.checkout.stripe.store import Store
from tests.storefront.market import browser_of
from tests.stripe.webhooks import Pump, body_of, signature


def at_the_endpoint(body: bytes, header: str) -> int:
    """Posts as Stripe does, without a session and without a form's token."""
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        "/webhooks/stripe", body, content_type="application/json", headers={"Stripe-Signature": header}
    )
    return answer.status_code


def ordered(carol: Client, store: Store) -> tuple[Any, str]:
    """Sends the checkout form as the page hands it out; gives the answer and the order's page."""
    page = carol.get("/checkout", {"offer": store.offers[0].pk}).content.decode()
    form = dict(re.findall(r'<input type="hidden" name="(offer|idempotency_key|studio)" value="([^"]+)"', page))
    assert 'name="card"' not in page
    return carol.post("/checkout", form), f"/orders/{Order.objects.get().pk}/pay"


def test_the_way_to_stripes_page_and_back(store: Store) -> None:
    carol = browser_of(store.cast.carol)
    answer, page = ordered(carol, store)
    assert answer["Location"] == f"{page}?go=1"
    session = store.page_of(Order.objects.get())
    address = f"https://checkout.stripe.test/c/pay/{session}"
    leads = carol.get(f"{page}?go=1").content.decode()
    assert f'<meta http-equiv="refresh" content="0; url={address}">' in leads
    assert browser_of(store.cast.dave).get(page).status_code == 404

    row = store.fake.world.rows[session]
    assert (row["success_url"], row["cancel_url"]) == (
        f"http://127.0.0.1:8000{page}?returned=1", f"http://127.0.0.1:8000{page}",
    )  # fmt: skip
    store.pays(Order.objects.get())
    back = carol.get(f"{page}?returned=1")
    assert back["Location"] == f"/licenses/{Grant.objects.get().pk}"


def test_stripe_is_heard_at_the_endpoint_before_carol_returns(store: Store) -> None:
    carol = browser_of(store.cast.carol)
    _answer, page = ordered(carol, store)
    store.pays(Order.objects.get())
    pump = Pump(store.fake, at_the_endpoint)
    assert {status for _type, status in pump.deliver(copies=2, shuffled=True)} == {200}
    assert ProviderEvent.objects.count() == len(store.fake.world.events)
    handle_events(now=store.now + timedelta(days=60))
    assert (state_of(Order.objects.get()), Sale.objects.count()) == ("paid", 1)
    assert carol.get(f"{page}?returned=1")["Location"] == f"/licenses/{Grant.objects.get().pk}"

    body = body_of(store.fake.world.events[0])
    for header in (signature(body, int(time.time()), "whsec_other"), signature(body, int(time.time()) + 900), ""):
        assert at_the_endpoint(body, header) == 400


def test_a_subscription_is_renewed_with_the_card_that_was_kept(store: Store) -> None:
    offer = licensing.offer(
        release=store.offers[0].release, terms=READY["enterprise"], price=Money(1_000, "USD"), model="monthly",
        now=later(hours=1),
    )  # fmt: skip
    order = store.buy(offer)
    store.pays(order)
    store.hears()
    subscription = Subscription.objects.get(offer=offer)
    assert PaymentMethod.objects.get().studio == store.cast.studio
    ends = Grant.objects.get(offer=offer).ends_at
    assert ends is not None
    store.forward(seconds=int((ends - store.now).total_seconds()) - 60)
    assert renewing.renew_subscriptions(now=store.now) == 1
    renewal = Order.objects.get(idempotency_key=f"subscription:{subscription.pk}:1")
    assert state_of(renewal) == "paid"
    intents = [row for row in store.fake.world.all("payment_intent") if row["metadata"].get("worldloom_off_session")]
    assert [(row["amount"], row["status"]) for row in intents] == [(1_000, "succeeded")]
    assert renewing.renew_subscriptions(now=store.now) == 0
    store.hears(copies=2, shuffled=True)
    store.sound()


def test_a_renewal_that_the_bank_asks_about_is_answered_at_a_page(store: Store) -> None:
    offer = licensing.offer(
        release=store.offers[0].release, terms=READY["enterprise"], price=Money(1_000, "USD"), model="monthly",
        now=later(hours=1),
    )  # fmt: skip
    order = store.buy(offer)
    store.pays(order)
    store.hears()
    token = PaymentMethod.objects.get().token
    store.fake.world.hidden[token]["goes"] = "authenticates"
    ends = Grant.objects.get(offer=offer).ends_at
    assert ends is not None
    store.forward(seconds=int((ends - store.now).total_seconds()) - 60)
    renewing.renew_subscriptions(now=store.now)
    renewal = Order.objects.get(idempotency_key__startswith="subscription:")
    store.hears(copies=2, shuffled=True)
    assert state_of(renewal) == "action"
    store.pays(renewal)
    store.hears(copies=2, shuffled=True)
    assert state_of(renewal) == "paid"
    assert Grant.objects.filter(offer=offer).count() == 2
    store.sound()
