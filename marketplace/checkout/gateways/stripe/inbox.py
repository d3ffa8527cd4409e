"""What Stripe tells by webhook: the object is fetched as it is now, and checkout hears what became of it.

Objects of another site on the same account are passed by: they carry no key of ours, or one that no order here has.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from marketplace.checkout import hearing, methods
from marketplace.checkout.attempts import PaymentAttempt
from marketplace.checkout.gateways.base import DECLINED, Charge
from marketplace.checkout.gateways.stripe import invoices, reading
from marketplace.checkout.gateways.stripe.customers import NAME, is_kept, keep_card, studio_of
from marketplace.checkout.gateways.stripe.disputing import Disputed, disputed_of
from marketplace.checkout.gateways.stripe.paying import is_to_confirm
from marketplace.checkout.gateways.stripe.reaching import seen, seen_all
from marketplace.checkout.inquiries import hear_inquiry
from marketplace.payouts.currencies import UnsayableAmount, from_stripe
from marketplace.provider.inbox import About, on

log = logging.getLogger(__name__)
Row = dict[str, Any]

TYPES = (
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "setup_intent.succeeded",
    "payment_method.attached",
    "payment_method.detached",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.voided",
    "invoice.marked_uncollectible",
)
"""The types of events that are listened to here, as an endpoint names them."""


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment as it stands, and the card that may be charged again, if it may."""

    key: str
    charge: Charge
    card: Row | None = None
    customer: str = ""


def listen() -> None:
    """This will let the inbox bring what is told to the verbs of checkout; again it changes nothing."""
    on("checkout.session.", fetch=fetch_session, apply=hear_paid)
    on("payment_intent.", fetch=fetch_intent, apply=hear_paid)
    on("invoice.", fetch=fetch_invoice, apply=hear_paid)
    on("charge.refunded", fetch=fetch_refunds, apply=hear_refunds)
    on("charge.refund.", fetch=fetch_refund, apply=hear_refunds)
    on("refund.", fetch=fetch_refund, apply=hear_refunds)
    on("charge.dispute.", fetch=fetch_dispute, apply=hear_dispute)
    on("setup_intent.succeeded", fetch=fetch_setup, apply=hear_card)
    on("payment_method.", fetch=fetch_card, apply=hear_card)


def _of_our_account(fetch: Callable[[About], Any]) -> Callable[[About], Any]:
    """Passes by what happens on creators' accounts: reversed transfers are refunds there."""

    @wraps(fetch)
    def ours(about: About) -> Any:
        return None if about.account else fetch(about)

    return ours


# -- payments ---------------------------------------------------------------------------------------------------------


@_of_our_account
def fetch_session(about: About) -> Paid | None:
    """This will read a Checkout Session of an order; one that only keeps a card is heard by its setup intent."""
    where = {"expand": ["payment_intent.payment_method", "setup_intent.payment_method"]}
    session = seen(lambda client: client.v1.checkout.sessions.retrieve(about.object_id, where))
    return _paid_at_page(session)


def _paid_at_page(session: Row) -> Paid | None:
    key = reading.key_of(session)
    if not key:
        return None
    intent = session.get("setup_intent" if session["mode"] == "setup" else "payment_intent")
    charge = reading.charge_of_session(session)
    return Paid(key, charge, _card_of(intent, charge), reading.id_of(session.get("customer")))


def _card_of(intent: Any, charge: Charge) -> Row | None:
    card = intent.get("payment_method") if isinstance(intent, Mapping) else None
    return dict(card) if charge.method_token and isinstance(card, Mapping) else None


@_of_our_account
def fetch_intent(about: About) -> Paid | None:
    """This will read a PaymentIntent; one of a page is read by its page, where a declined card is not the end.

    One that was tried without its buyer and must be confirmed, or was called off after that, goes on at a page.
    """
    where = {"expand": ["payment_method"]}
    intent = seen(lambda client: client.v1.payment_intents.retrieve(about.object_id, where))
    key, said = reading.key_of(intent), intent.get("metadata") or {}
    if not key:
        return None
    if said.get("worldloom_page"):
        asked = {"payment_intent": about.object_id, "limit": 1, "expand": ["data.payment_intent.payment_method"]}
        pages = seen(lambda client: client.v1.checkout.sessions.list(asked))["data"]
        return _paid_at_page(pages[0]) if pages else None
    charge = reading.charge_of_intent(intent)
    goes_on = intent["status"] == "canceled" or is_to_confirm(intent.get("last_payment_error") or {})
    if said.get("worldloom_off_session") and charge.state == DECLINED and goes_on:
        return None
    return Paid(key, charge, _card_of(intent, charge), reading.id_of(intent.get("customer")))


@_of_our_account
def fetch_invoice(about: About) -> Paid | None:
    """This will read an invoice of ours, and end one whose payment failed: it is tried anew under another key."""
    invoice = seen(lambda client: client.v1.invoices.retrieve(about.object_id))
    key = reading.key_of(invoice)
    if not key or invoice["status"] == "draft":
        return None
    invoice_row, intent = invoices.seen_with_intent(about.object_id)
    if invoice_row["status"] == "open" and intent is None:
        return None  # nobody has tried to be paid by it yet: the try that wrote it goes on, or writes it off
    charge = reading.charge_of_invoice(invoice_row, intent)
    if charge.state == DECLINED and is_to_confirm((intent or {}).get("last_payment_error") or {}):
        return None
    if charge.state == DECLINED and invoice_row["status"] == "open":
        order = (invoice.get("metadata") or {}).get("worldloom_order", "")
        ended = invoices.void_for(key, about.object_id, subject=f"order:{order}", now=about.created_at)
        charge = charge if ended.state == DECLINED else ended
    return Paid(key, charge)


def hear_paid(paid: Paid, about: About, *, now: datetime) -> None:
    """This will take in a payment, and keep the card that its buyer let us keep."""
    if not PaymentAttempt.objects.filter(key=paid.key, gateway=NAME).exists():
        log.info("%s is of no order here", paid.key)
        return
    hearing.hear_payment(key=paid.key, charge=paid.charge, now=now)
    studio = studio_of(paid.customer) if paid.card else None
    if paid.card and studio and not is_kept(str(paid.card["id"])):
        keep_card(paid.card, studio=studio, now=now)


# -- money that goes back ---------------------------------------------------------------------------------------------


@_of_our_account
def fetch_refunds(about: About) -> tuple[Row, list[Row]]:
    """This will read all refunds of a charge, also those that were made in Stripe's dashboard, and the charge."""
    asked = {"charge": about.object_id, "limit": 100}
    charge = seen(lambda client: client.v1.charges.retrieve(about.object_id))
    return charge, seen_all(lambda client: client.v1.refunds.list(asked))


@_of_our_account
def fetch_refund(about: About) -> tuple[Row, list[Row]] | None:
    """This will read a refund and its charge."""
    refund = seen(lambda client: client.v1.refunds.retrieve(about.object_id))
    name = reading.id_of(refund.get("charge"))
    if not name:
        return None
    return seen(lambda client: client.v1.charges.retrieve(name)), [refund]


def hear_refunds(found: tuple[Row, list[Row]], about: About, *, now: datetime) -> None:
    """This will take in where refunds of a charge are, those first that were made first."""
    charge, refunds = found
    if not _is_ours(charge):
        return
    for refund in sorted(refunds, key=lambda one: (one["created"], one["id"])):
        hearing.hear_refund(
            refund_reference=refund["id"],
            charge_reference=charge["id"],
            amount_minor=from_stripe(refund["amount"], refund["currency"].upper()),
            state=reading.returned_of(refund).state,
            key=str((refund.get("metadata") or {}).get("worldloom_key", "")),
            now=now,
        )


def _is_ours(charge: Row) -> bool:
    """Tells whether a charge is for an order here: by its key, or as an invoice's, which has none, by what it paid.

    One that paid nothing here yet may do so while a payment of as much from the same customer has not ended. Whatever
    else is taken from a customer of ours was taken by hand, in Stripe's dashboard, and is no order's.
    """
    if key := reading.key_of(charge):
        return PaymentAttempt.objects.filter(key=key, gateway=NAME).exists()
    if hearing.is_known(charge["id"]):
        return True
    studio, currency = studio_of(reading.id_of(charge.get("customer"))), charge["currency"].upper()
    running = PaymentAttempt.objects.filter(gateway=NAME, order__studio=studio, declined=None, order__outcome=None)
    try:
        amount_minor = from_stripe(charge["amount"], currency)
    except (KeyError, UnsayableAmount):
        return False  # no order is of such an amount
    return running.filter(order__currency=currency, order__total_minor=amount_minor).exists()


@_of_our_account
def fetch_dispute(about: About) -> tuple[Row, Disputed]:
    """This will read a dispute and its charge."""
    dispute = seen(lambda client: client.v1.disputes.retrieve(about.object_id))
    disputed = disputed_of(dispute)
    return seen(lambda client: client.v1.charges.retrieve(disputed.charge_reference)), disputed


def hear_dispute(found: tuple[Row, Disputed], about: About, *, now: datetime) -> None:
    """This will take in a dispute; of one in which no money moves, operators are told."""
    charge, disputed = found
    if not _is_ours(charge):
        return
    if not disputed.state:
        hear_inquiry(gateway=NAME, disputed=disputed, now=now)
        return
    hearing.hear_dispute(
        charge_reference=disputed.charge_reference,
        dispute_reference=disputed.reference,
        state=disputed.state,
        amount_minor=disputed.amount_minor,
        returned=disputed.returned,
        fee_minor=disputed.fee_minor,
        fee_currency=disputed.fee_currency,
        due_by=disputed.due_by,
        reason=disputed.reason,
        now=now,
    )


# -- cards ------------------------------------------------------------------------------------------------------------


@_of_our_account
def fetch_setup(about: About) -> Row | None:
    """This will read the card that was given to be kept."""
    intent = seen(lambda client: client.v1.setup_intents.retrieve(about.object_id, {"expand": ["payment_method"]}))
    card = intent.get("payment_method")
    return dict(card) if intent["status"] == "succeeded" and isinstance(card, Mapping) else None


@_of_our_account
def fetch_card(about: About) -> Row:
    """This will read a card as it is now: a studio's, or nobody's any more."""
    return seen(lambda client: client.v1.payment_methods.retrieve(about.object_id))


def hear_card(card: Row, about: About, *, now: datetime) -> None:
    """This will keep a card that a studio of ours gave to be kept, and use no more one that hangs on nobody.

    That one hangs on a customer alone does not say that its holder wants it kept: a payment that asked for it does.
    """
    if card.get("customer") is None:
        methods.gone(gateway=NAME, token=str(card["id"]), now=now)
        return
    studio = studio_of(reading.id_of(card["customer"])) if about.kind == "setup_intent" else None
    if studio is not None and not is_kept(str(card["id"])):
        keep_card(card, studio=studio, now=now)
