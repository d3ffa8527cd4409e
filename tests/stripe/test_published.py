"""Stripe's published examples, the types of stripe-python, and the fake agree; where they do not, it is said why."""

import pytest
import stripe
from stripe import billing, checkout

from tests.stripe.oracle import members, wrong
from tests.stripe.published import ABOUT, CHANGED, KINDS, lacking, published
from tests.stripe.routes import ROUTES

CLASSES = {route.kind.OBJECT_NAME: route.kind for route in ROUTES} | {  # type: ignore[attr-defined]
    "application": stripe.Application,
    "bank_account": stripe.BankAccount,
    "billing.meter_event": billing.MeterEvent,
    "capability": stripe.Capability,
    "checkout.session": checkout.Session,
    "event": stripe.Event,
    "invoice_payment": stripe.InvoicePayment,
    "line_item": stripe.InvoiceLineItem,
    "subscription_item": stripe.SubscriptionItem,
}
NEWER = {
    "checkout.session.ui_mode: 'hosted' is not one of its words": "it is called hosted_page since",
    "customer.discount: is not null": "2025-09-30: the coupon of a discount is in its `source`",
    "dispute.evidence_details.submission_method: missing": "added since",
    "dispute.payment_method_details.card.network: missing": "added since",
    "invoice.subscription: unknown to this API version": "2025-03-31: it is in `parent`",
    "invoice.lines.data[0].subtotal: missing": "added since",
    "invoiceitem.quantity_decimal: missing": "added since",
    "line_item.subtotal: missing": "added since",
    "subscription.billing_schedules: missing": "added since",
}
"""How the examples differ from the types of the pinned version, and why."""


def test_whose_they_are() -> None:
    assert "stripe/openapi" in ABOUT["source"]
    assert ABOUT["license"].startswith("MIT")


@pytest.mark.parametrize("kind", KINDS)
def test_the_types_of_the_pinned_version_know_what_is_published(kind: str) -> None:
    found = wrong(published(kind), CLASSES[kind], path=kind)

    assert found == [text for text in NEWER if text.startswith(f"{kind}.")]


def test_the_fake_answers_no_kind_of_which_nothing_is_published() -> None:
    # Examples of these are published, but only as part of the description of the API.
    unpublished = {"balance_settings", "customer_balance_transaction", "item"}
    assert {str(kind) for kind in CLASSES} - set(KINDS) == unpublished


def test_what_an_answer_lacks_is_said_by_path() -> None:
    charge = published("charge")
    assert lacking(charge) == []
    assert lacking(charge | {"amount": "100", "refunds": None, "payment_intent": "pi_1"}) == [
        "charge.amount: '100' is not of the published type int"
    ]
    del charge["currency"], charge["billing_details"]["phone"]
    assert lacking({"object": "list", "data": [charge]}) == [
        "charge.billing_details.phone: the published object has it",
        "charge.currency: the published object has it",
    ]
    charge = published("charge", payment_method_details={"type": "us_bank_account", "us_bank_account": {}})
    assert lacking(charge) == []
    assert lacking({"object": "charge", "id": "ch_1", "deleted": True}) == []


def test_an_object_in_place_of_an_id_is_held_against_its_own_kind() -> None:
    transfer = published("transfer", balance_transaction=published("balance_transaction", net=None))
    assert lacking(transfer) == []
    del transfer["balance_transaction"]["net"]
    assert lacking(transfer) == ["balance_transaction.net: the published object has it"]


def test_each_exception_is_of_something_that_is_published() -> None:
    for path in CHANGED:
        kind, _, name = path.partition(".")
        assert name in published(kind), path
    assert "subscription" not in members(stripe.Invoice)
