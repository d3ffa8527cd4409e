"""Carol pays: at once, after her bank's question, days later, by a page, or not at all."""

import pytest
import stripe

from tests.stripe import payments, sessions
from tests.stripe.conftest import NOW, charged
from tests.stripe.server import FakeStripe
from tests.stripe.world import DAY


def kinds(fake: FakeStripe) -> list[str]:
    return [event["type"] for event in fake.world.events]


def test_a_card_pays_and_the_money_waits_two_days(fake: FakeStripe, client: stripe.StripeClient) -> None:
    charge = client.v1.charges.retrieve(charged(client, transfer_group="order_1"), {"expand": ["balance_transaction"]})

    line = charge.balance_transaction
    assert (charge.status, charge.amount, charge.transfer_group) == ("succeeded", 10_000, "order_1")
    assert (line.amount, line.fee, line.net, line.status) == (10_000, 320, 9_680, "pending")
    assert (line.type, line.reporting_category, line.available_on) == ("charge", "charge", NOW + 2 * DAY)
    assert kinds(fake) == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
    balance = client.v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 9_680)
    fake.advance(2 * DAY)
    balance = client.v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (9_680, 0)


@pytest.mark.parametrize(
    ("card", "code", "decline"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
    ],
)
def test_a_declined_card_takes_nothing(
    fake: FakeStripe, client: stripe.StripeClient, card: str, code: str, decline: str
) -> None:
    with pytest.raises(stripe.CardError) as refused:
        charged(client, card=card)

    assert (refused.value.http_status, refused.value.code) == (402, code)
    assert refused.value.error.decline_code == decline
    assert refused.value.request_id == "req_00000001"
    [intent] = client.v1.payment_intents.list().data
    assert (intent.status, intent.last_payment_error.decline_code) == ("requires_payment_method", decline)
    assert list(client.v1.balance_transactions.list()) == []
    assert kinds(fake) == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


@pytest.mark.parametrize(("agreed", "status"), [(True, "succeeded"), (False, "requires_payment_method")])
def test_the_bank_asks_the_buyer(fake: FakeStripe, client: stripe.StripeClient, agreed: bool, status: str) -> None:
    intent = client.v1.payment_intents.create(
        {"amount": 700, "currency": "usd", "payment_method": "pm_card_threeDSecure2Required", "confirm": True}
    )
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")

    payments.authenticated(fake.world, intent.id, agreed)

    assert client.v1.payment_intents.retrieve(intent.id).status == status
    assert client.v1.balance.retrieve().pending[0].amount == (650 if agreed else 0)


def test_a_card_that_asks_is_declined_where_nobody_is_there(fake: FakeStripe, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as refused:
        charged(client, card="pm_card_authenticationRequired", off_session=True)

    assert refused.value.code == "authentication_required"


@pytest.mark.parametrize(
    ("method", "status", "pending"),
    [("pm_usBankAccount_success", "succeeded", 9_680), ("pm_usBankAccount_insufficientFunds", "failed", 0)],
)
def test_a_bank_takes_days(
    fake: FakeStripe, client: stripe.StripeClient, method: str, status: str, pending: int
) -> None:
    charge = charged(client, card=method, allowed_payment_method_types=["us_bank_account"])
    assert client.v1.charges.retrieve(charge).status == "pending"

    fake.advance(4 * DAY)

    assert client.v1.charges.retrieve(charge).status == status
    assert client.v1.balance.retrieve().available[0].amount == pending


def test_confirming_twice_is_refused(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create({"amount": 500, "currency": "usd", "payment_method": "pm_card_visa"})
    assert client.v1.payment_intents.confirm(intent.id).status == "succeeded"

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.confirm(intent.id)

    assert refused.value.code == "payment_intent_unexpected_state"
    assert len(client.v1.charges.list().data) == 1


def session(client: stripe.StripeClient, amount: int = 2_500, **more: object) -> stripe.checkout.Session:
    price = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "Moss"}}
    return client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price_data": price, "quantity": 2}],  # type: ignore[list-item]
            "success_url": "https://worldloom.example/thanks",
            "client_reference_id": "order-7",
            **more,  # type: ignore[typeddict-item]
        }
    )


def test_carol_pays_on_the_page(fake: FakeStripe, client: stripe.StripeClient) -> None:
    made = session(client, payment_intent_data={"transfer_group": "order-7"})
    assert (made.status, made.payment_status, made.amount_total, made.payment_intent) == ("open", "unpaid", 5_000, None)

    sessions.completed(fake.world, made.id)

    done = client.v1.checkout.sessions.retrieve(made.id, {"expand": ["payment_intent.latest_charge"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert done.payment_intent.latest_charge.transfer_group == "order-7"
    assert kinds(fake)[-1] == "checkout.session.completed"
    assert [item.quantity for item in client.v1.checkout.sessions.line_items.list(made.id)] == [2]


def test_a_page_stays_open_after_a_declined_card_and_closes_after_a_day(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    made = session(client)
    with pytest.raises(Exception, match="declined"):
        sessions.completed(fake.world, made.id, "pm_card_chargeDeclined")
    assert client.v1.checkout.sessions.retrieve(made.id).status == "open"

    fake.advance(DAY)

    assert client.v1.checkout.sessions.retrieve(made.id).status == "expired"
    assert kinds(fake)[-1] == "checkout.session.expired"


def test_a_page_completes_before_a_bank_has_paid(fake: FakeStripe, client: stripe.StripeClient) -> None:
    made = session(client, allowed_payment_method_types=["us_bank_account"])
    sessions.completed(fake.world, made.id, "pm_usBankAccount_insufficientFunds")
    assert client.v1.checkout.sessions.retrieve(made.id).payment_status == "unpaid"

    fake.advance(4 * DAY)

    assert kinds(fake)[-1] == "checkout.session.async_payment_failed"


def test_carol_saves_a_card_and_is_charged_when_she_is_away(fake: FakeStripe, client: stripe.StripeClient) -> None:
    carol = client.v1.customers.create({"email": "carol@example.com"})
    made = client.v1.checkout.sessions.create(
        {"mode": "setup", "customer": carol.id, "currency": "usd", "success_url": "https://worldloom.example/"}
    )
    sessions.completed(fake.world, made.id)
    [card] = client.v1.payment_methods.list({"customer": carol.id, "type": "card"}).data

    charge = client.v1.charges.retrieve(charged(client, 900, card.id, customer=carol.id, off_session=True))

    assert (charge.customer, charge.payment_method, charge.payment_method_details.card.last4) == (
        carol.id, card.id, "4242",
    )  # fmt: skip
