"""Carol subscribes: a trial, renewals, what she used, a change in the middle, a card that stops, and the end."""

from datetime import UTC, datetime

import pytest
import stripe

from tests.stripe import sessions
from tests.stripe.conftest import NOW
from tests.stripe.server import FakeStripe
from tests.stripe.subscriptions import after
from tests.stripe.world import DAY

MONTH = 31 * DAY


@pytest.fixture
def price(client: stripe.StripeClient) -> str:
    given = {
        "currency": "usd",
        "unit_amount": 2_000,
        "recurring": {"interval": "month"},
        "product_data": {"name": "All"},
    }
    return client.v1.prices.create(given).id  # type: ignore[arg-type]


def carol(client: stripe.StripeClient, card: str = "pm_card_visa") -> str:
    given = {"email": "carol@example.com", "payment_method": card}
    made = client.v1.customers.create(given)  # type: ignore[arg-type]
    [method] = client.v1.payment_methods.list({"customer": made.id}).data
    client.v1.customers.update(made.id, {"invoice_settings": {"default_payment_method": method.id}})
    return made.id


def begun(client: stripe.StripeClient, customer: str, price: str, **more: object) -> stripe.Subscription:
    items = [{"price": price}]
    return client.v1.subscriptions.create({"customer": customer, "items": items, **more})  # type: ignore


def totals(client: stripe.StripeClient, status: str = "paid") -> list[int]:
    return [row.total for row in client.v1.invoices.list({"status": status})]  # type: ignore[typeddict-item]


def kinds(fake: FakeStripe, prefix: str) -> list[str]:
    return [event["type"] for event in fake.world.events if event["type"].startswith(prefix)]


def test_a_subscription_renews_by_the_month(fake: FakeStripe, client: stripe.StripeClient, price: str) -> None:
    made = begun(client, carol(client), price)
    assert (made.status, totals(client)) == ("active", [2_000])
    end = made["items"].data[0].current_period_end

    fake.advance(end - NOW)

    assert totals(client) == [2_000, 2_000]
    again = client.v1.subscriptions.retrieve(
        made.id, {"expand": ["latest_invoice.payments.data.payment.payment_intent"]}
    )
    invoice = again.latest_invoice
    assert (invoice.billing_reason, invoice.payments.data[0].payment.payment_intent.amount) == (
        "subscription_cycle",
        2_000,
    )
    assert again["items"].data[0].current_period_start == end


def test_a_trial_takes_nothing_until_it_ends(fake: FakeStripe, client: stripe.StripeClient, price: str) -> None:
    made = begun(client, carol(client), price, trial_period_days=14)
    assert (made.status, totals(client)) == ("trialing", [0])

    fake.advance(14 * DAY)

    assert (client.v1.subscriptions.retrieve(made.id).status, totals(client)) == ("active", [2_000, 0])


def test_a_bigger_price_in_the_middle_is_prorated(fake: FakeStripe, client: stripe.StripeClient, price: str) -> None:
    made = begun(client, carol(client), price)
    item = made["items"].data[0]
    dear = client.v1.prices.create(
        {"currency": "usd", "unit_amount": 5_000, "recurring": {"interval": "month"}, "product_data": {"name": "More"}}
    )
    fake.advance((item.current_period_end - NOW) // 2)
    given = {"items": [{"id": item.id, "price": dear.id}], "proration_behavior": "always_invoice"}

    client.v1.subscriptions.update(made.id, given)  # type: ignore[arg-type]

    [invoice, _] = client.v1.invoices.list().data
    assert [(line.amount, line.parent.subscription_item_details.proration) for line in invoice.lines] == [
        (-1_000, True), (2_500, True),
    ]  # fmt: skip
    assert (invoice.total, invoice.status) == (1_500, "paid")


def test_a_smaller_price_becomes_credit(fake: FakeStripe, client: stripe.StripeClient, price: str) -> None:
    customer = carol(client)
    made = begun(client, customer, price)
    item = made["items"].data[0]
    cheap = client.v1.prices.create(
        {"currency": "usd", "unit_amount": 1_000, "recurring": {"interval": "month"}, "product_data": {"name": "Less"}}
    )
    fake.advance((item.current_period_end - NOW) // 2)
    given = {"items": [{"id": item.id, "price": cheap.id}], "proration_behavior": "always_invoice"}
    client.v1.subscriptions.update(made.id, given)  # type: ignore[arg-type]
    assert client.v1.customers.retrieve(customer).balance == -500

    fake.advance((item.current_period_end - NOW) // 2)

    assert client.v1.invoices.list().data[0].amount_paid == 500
    assert client.v1.customers.retrieve(customer).balance == 0


def test_a_card_that_stops_is_tried_again_and_then_given_up(
    fake: FakeStripe, client: stripe.StripeClient, price: str
) -> None:
    customer = carol(client, "pm_card_chargeCustomerFail")
    made = begun(client, customer, price, trial_period_days=1)
    fake.advance(DAY)
    assert client.v1.subscriptions.retrieve(made.id).status == "past_due"

    fake.advance(7 * DAY)

    ended = client.v1.subscriptions.retrieve(made.id)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")
    [invoice, _] = client.v1.invoices.list().data
    assert (invoice.status, invoice.attempt_count, fake.world.held["acct_platform", "usd"]) == ("open", 4, 0)
    assert len(kinds(fake, "invoice.payment_failed")) == 4


def test_another_card_pays_what_is_past_due(fake: FakeStripe, client: stripe.StripeClient, price: str) -> None:
    customer = carol(client, "pm_card_chargeCustomerFail")
    made = begun(client, customer, price, trial_period_days=1)
    fake.advance(DAY)
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    [invoice] = client.v1.invoices.list({"subscription": made.id, "status": "open"}).data

    client.v1.invoices.pay(invoice.id, {"payment_method": card.id})

    assert client.v1.subscriptions.retrieve(made.id).status == "active"


def test_the_end_of_a_period_or_at_once(fake: FakeStripe, client: stripe.StripeClient, price: str) -> None:
    customer = carol(client)
    one, other = begun(client, customer, price), begun(client, customer, price)
    client.v1.subscriptions.update(one.id, {"cancel_at_period_end": True})
    assert client.v1.subscriptions.cancel(other.id).status == "canceled"
    assert client.v1.subscriptions.retrieve(one.id).status == "active"

    fake.advance(MONTH)

    assert client.v1.subscriptions.retrieve(one.id).status == "canceled"
    assert totals(client) == [2_000, 2_000]


def test_what_was_used_is_paid_after_its_period(fake: FakeStripe, client: stripe.StripeClient) -> None:
    meter = client.v1.billing.meters.create(
        {"display_name": "Renders", "event_name": "render", "default_aggregation": {"formula": "sum"}}
    )
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter.id}
    given = {"currency": "usd", "unit_amount": 7, "recurring": recurring, "product_data": {"name": "Renders"}}
    metered = client.v1.prices.create(given)  # type: ignore[arg-type]
    customer = carol(client)
    made = begun(client, customer, metered.id)
    for name, value in (("u1", "10"), ("u2", "32")):
        payload = {"stripe_customer_id": customer, "value": value}
        client.v1.billing.meter_events.create({"event_name": "render", "payload": payload, "identifier": name})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.billing.meter_events.create({"event_name": "render", "payload": payload, "identifier": "u2"})
    assert totals(client) == [0]

    fake.advance(made["items"].data[0].current_period_end - NOW)

    [invoice, _] = client.v1.invoices.list().data
    assert [(line.quantity, line.amount) for line in invoice.lines] == [(42, 294)]


def test_carol_subscribes_on_the_page(fake: FakeStripe, client: stripe.StripeClient, price: str) -> None:
    made = client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": "https://worldloom.example/",
            "subscription_data": {"metadata": {"plan": "all"}},
        }
    )

    sessions.completed(fake.world, made.id)

    done = client.v1.checkout.sessions.retrieve(made.id, {"expand": ["subscription"]})
    assert (done.subscription.status, done.subscription.metadata["plan"]) == ("active", "all")


def test_months_end_where_they_end() -> None:
    def at(*day: int) -> int:
        return int(datetime(*day, tzinfo=UTC).timestamp())  # type: ignore[arg-type,misc]

    anchor = at(2026, 1, 31)

    assert after(anchor, anchor, "month", 1) == at(2026, 2, 28)
    assert after(anchor, at(2026, 2, 28), "month", 1) == at(2026, 3, 31)
    assert after(anchor, anchor, "year", 1) == at(2027, 1, 31)
    assert after(anchor, anchor, "week", 2) == at(2026, 2, 14)
