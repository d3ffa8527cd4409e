"""Carol's studio gets an invoice for what it used; and the platform says when it is paid out and told of what."""

import pytest
import stripe

from tests.stripe.server import FakeStripe
from tests.stripe.test_billing import carol


def _draft(client: stripe.StripeClient, customer: str, currency: str = "usd") -> str:
    given = {"customer": customer, "currency": currency, "collection_method": "charge_automatically"}
    made = client.v1.invoices.create(given | {"pending_invoice_items_behavior": "exclude", "auto_advance": False})  # type: ignore[arg-type]
    for quantity, price in ((300, "2"), (1, "450")):
        line = {"customer": customer, "invoice": made.id, "currency": currency, "quantity": quantity}
        client.v1.invoice_items.create(line | {"unit_amount_decimal": price, "description": "Layers"})  # type: ignore[arg-type]
    return made.id


def test_a_draft_with_lines_is_numbered_and_paid(fake: FakeStripe, client: stripe.StripeClient) -> None:
    customer = carol(client)
    [card] = client.v1.payment_methods.list({"customer": customer}).data
    draft = _draft(client, customer)
    final = client.v1.invoices.finalize_invoice(draft, {"auto_advance": False})
    assert (final.status, final.total, final.number, [line.amount for line in final.lines.data]) == (
        "open", 1_050, "FAKE-0001", [600, 450],
    )  # fmt: skip
    paid = client.v1.invoices.pay(draft, {"payment_method": card.id, "off_session": True})
    assert (paid.status, paid.amount_paid) == ("paid", 1_050)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoice_items.create({"customer": customer, "invoice": draft, "currency": "usd", "amount": 1})


def test_a_card_that_says_no_leaves_it_open_and_it_is_voided(fake: FakeStripe, client: stripe.StripeClient) -> None:
    customer = carol(client, "pm_card_chargeCustomerFail")
    [card] = client.v1.payment_methods.list({"customer": customer}).data
    draft = _draft(client, customer)
    client.v1.invoices.finalize_invoice(draft)
    with pytest.raises(stripe.CardError) as met:
        client.v1.invoices.pay(draft, {"payment_method": card.id})
    assert met.value.code == "card_declined"
    assert client.v1.invoices.void_invoice(draft).status == "void"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.pay(draft, {"payment_method": card.id})


def test_a_bank_takes_its_time(fake: FakeStripe, client: stripe.StripeClient) -> None:
    customer = carol(client, "pm_usBankAccount_success")
    [method] = client.v1.payment_methods.list({"customer": customer}).data
    draft = _draft(client, customer)
    client.v1.invoices.finalize_invoice(draft)
    assert client.v1.invoices.pay(draft, {"payment_method": method.id}).status == "open"
    fake.advance(5 * 86_400)
    assert client.v1.invoices.retrieve(draft).status == "paid"


def test_the_platform_stops_being_paid_out_by_itself(fake: FakeStripe, client: stripe.StripeClient) -> None:
    assert client.v1.accounts.retrieve_current().id == "acct_platform"

    def interval() -> str | None:
        payouts = client.v1.balance_settings.retrieve().payments.payouts
        assert payouts
        assert payouts.schedule
        return payouts.schedule.interval

    assert interval() == "daily"
    client.v1.balance_settings.update({"payments": {"payouts": {"schedule": {"interval": "manual"}}}})
    assert interval() == "manual"


def test_an_endpoint_says_its_secret_once(fake: FakeStripe, client: stripe.StripeClient) -> None:
    url = "https://worldloom.example/webhooks/stripe"
    made = client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["charge.refunded"], "connect": True})
    assert made.secret == f"whsec_{made.id}"
    changed = client.v1.webhook_endpoints.update(made.id, {"enabled_events": ["charge.refunded", "payout.paid"]})
    assert (changed.secret, changed.enabled_events) == (None, ["charge.refunded", "payout.paid"])
    [kept] = client.v1.webhook_endpoints.list().data
    assert kept.id == made.id
    assert client.v1.webhook_endpoints.delete(made.id).deleted
    assert client.v1.webhook_endpoints.list().data == []


def test_a_refund_may_wait_for_the_bank(fake: FakeStripe, client: stripe.StripeClient) -> None:
    given = {"amount": 5_000, "currency": "usd", "payment_method": "pm_card_pendingRefund", "confirm": True}
    paid = client.v1.payment_intents.create(given)  # type: ignore[arg-type]
    back = client.v1.refunds.create({"payment_intent": paid.id, "amount": 2_000})
    assert back.status == "pending"
    fake.advance(4 * 86_400)
    assert client.v1.refunds.retrieve(back.id).status == "succeeded"
