"""What Stripe's objects say, in our terms. Plain arithmetic and choices: nothing here asks or writes.

An object is a dict as the API answers it. A charge that succeeded goes by its own id (`ch_…`, `py_…`), which refunds,
disputes and balance lines name; while it waits, by the session's, the payment intent's or the invoice's.
"""

from collections.abc import Mapping
from typing import Any

from marketplace.checkout.gateways.base import ACTION, DECLINED, FAILED, PENDING, SUCCEEDED, Charge, Returned
from marketplace.checkout.gateways.stripe import words

Row = Mapping[str, Any]


def id_of(value: Any) -> str:
    """This will give the id of what is an id, an object that was expanded, or nothing."""
    return str(value["id"]) if isinstance(value, Mapping) else str(value or "")


def key_of(row: Row) -> str:
    """This will give the key of the try to be paid that an object is for; empty for what is not ours."""
    return str((row.get("metadata") or {}).get("worldloom_payment", ""))


def charge_of_intent(intent: Row, *, reference: str = "") -> Charge:
    """This will read a PaymentIntent, whatever it waits for; `reference` is how a waiting one is named otherwise."""
    waiting, status = reference or str(intent["id"]), intent["status"]
    if status == "succeeded":
        return Charge(id_of(intent["latest_charge"]), SUCCEEDED, method_token=_kept(intent))
    if status == "requires_action" and (url := _url(intent)):
        return Charge(waiting, ACTION, url=url)
    if status == "canceled":
        return Charge(waiting, DECLINED, reason=words.CALLED_OFF)
    if status == "requires_payment_method":
        error = intent.get("last_payment_error") or {}
        return Charge(waiting, DECLINED, reason=reason_of(error))
    return Charge(waiting, PENDING)


def _kept(intent: Row) -> str:
    """Gives the card that may be charged again: only one that hangs on a customer may."""
    may = intent.get("setup_future_usage") == "off_session" and intent.get("customer")
    return id_of(intent.get("payment_method")) if may else ""


def _url(intent: Row) -> str:
    action = intent.get("next_action") or {}
    return str((action.get("redirect_to_url") or {}).get("url") or "")


def reason_of(error: Row) -> str:
    """This will say an error of a payment in our words."""
    return words.sentence(str(error.get("decline_code") or ""), str(error.get("code") or ""))


def charge_of_session(session: Row) -> Charge:
    """This will read a Checkout Session, whose intents are expanded. A page that is open waits for the buyer, also
    after a card was declined there: they may give another one. One on which a card is only kept has no payment."""
    name, status = str(session["id"]), session.get("status")
    if status == "open":
        return Charge(name, ACTION, url=str(session.get("url") or ""))
    if status == "expired":
        return Charge(name, DECLINED, reason=words.EXPIRED_PAGE)
    intent = session.get("setup_intent" if session["mode"] == "setup" else "payment_intent")
    if not isinstance(intent, Mapping):
        return Charge(name, PENDING)
    if session["mode"] == "setup":
        return charge_of_setup(intent, reference=name)
    return charge_of_intent(intent, reference=name)


def charge_of_setup(intent: Row, *, reference: str) -> Charge:
    """This will read a SetupIntent of a page that is complete."""
    if intent["status"] == "succeeded":
        return Charge(str(intent["id"]), SUCCEEDED, method_token=id_of(intent.get("payment_method")))
    if intent["status"] in ("canceled", "requires_payment_method"):
        return Charge(reference, DECLINED, reason=reason_of(intent.get("last_setup_error") or {}))
    return Charge(reference, PENDING)


def charge_of_invoice(invoice: Row, intent: Row | None) -> Charge:
    """This will read an invoice of ours, with the payment intent that it was tried with, where there is one."""
    name, status = str(invoice["id"]), invoice.get("status")
    if status == "paid" and intent is not None:
        return charge_of_intent(intent, reference=name)
    if status in ("void", "uncollectible"):
        error = (intent or {}).get("last_payment_error") or {}
        return Charge(name, DECLINED, reason=reason_of(error) if error else words.CALLED_OFF)
    if intent is not None and intent["status"] == "requires_payment_method":
        return charge_of_intent(intent, reference=name)
    return Charge(name, PENDING)


def returned_of(refund: Row) -> Returned:
    """This will read a refund: `requires_action` waits for the buyer to say where it goes, `canceled` is none."""
    status, name = refund.get("status"), str(refund["id"])
    if status == "succeeded":
        return Returned(name, SUCCEEDED)
    if status in ("failed", "canceled"):
        why = words.not_returned(str(refund.get("failure_reason") or ""))
        return Returned(name, FAILED, reason=why)
    return Returned(name, PENDING)
