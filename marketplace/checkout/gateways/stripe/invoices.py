"""Invoices at Stripe for what is charged without its buyer: lines with quantities, a number of theirs, a receipt."""

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from marketplace.checkout.gateways.base import DECLINED, PENDING, SUCCEEDED, Asked, Charge, GatewayUnavailable
from marketplace.checkout.gateways.stripe import reading, words
from marketplace.checkout.gateways.stripe.asking import invoice_line_params, invoice_params, lines_of
from marketplace.checkout.gateways.stripe.reaching import ask, change, is_missing, look
from marketplace.checkout.gateways.stripe.refusals import declined
from marketplace.payouts.currencies import to_stripe
from marketplace.provider.client import ProviderRefused

log = logging.getLogger(__name__)
Row = dict[str, Any]


def charge(payment: Asked, customer: str, *, now: datetime) -> Charge | None:
    """This will write an invoice and have it paid by the card that is kept; one that is not paid is void.

    None where Stripe wants another amount than we do, such as after a credit that was given in its dashboard: then
    there is no invoice, and the credit stays. Raises GatewayUnavailable, UnsayableAmount.
    """
    lines, due = lines_of(payment), to_stripe(payment.amount_minor, payment.currency)
    subject = f"order:{payment.order_id}"
    try:
        draft = ask(
            key=payment.key,
            operation="invoices.create",
            params=invoice_params(payment, customer),
            subject=subject,
            now=now,
        )
        invoice = str(draft["id"])
        for number, (line, amount) in enumerate(lines, 1):
            ask(
                key=f"{payment.key}:line:{number}",
                operation="invoice_items.create",
                params=invoice_line_params(payment, customer, invoice, line, amount),
                subject=subject,
                now=now,
            )
        if not _goes_on(payment, invoice, due, now):
            return None
        final = change(
            key=f"{payment.key}:final",
            operation=f"invoices.finalize_invoice:{invoice}",
            params={"auto_advance": False},
            subject=subject,
            now=now,
            done=lambda client: _unless(client.v1.invoices.retrieve(invoice), "draft"),
        )
    except ProviderRefused as refused:
        log.error("%s has no invoice: %s", payment.key, refused)
        return declined(refused, payment, customer, now=now)
    if final["amount_due"] != due:
        log.critical("%s: invoice %s is for %s", payment.key, invoice, final["amount_due"])
        _undo(payment, customer, final, now)
        return None
    return _paid(payment, customer, invoice, now)


def _goes_on(payment: Asked, invoice: str, due: int, now: datetime) -> bool:
    """Tells whether a draft may become final. One that a customer's credit or debt at Stripe would change is removed
    while it is a draft and has used none of it; so is one that we removed before, whose answer was lost."""
    draft = _there(invoice)
    if draft is None:
        return False
    if draft["status"] != "draft" or (draft["amount_due"] == due and not draft.get("starting_balance")):
        return True
    log.error("%s has no invoice: its customer has a balance at Stripe", payment.key)
    with suppress(ProviderRefused):  # it is final already: then that is what counts
        change(
            key=f"{payment.key}:drop",
            operation=f"invoices.delete:{invoice}",
            subject=f"order:{payment.order_id}",
            now=now,
            done=lambda client: None if _there(invoice) else {"id": invoice, "deleted": True},
        )
        return False
    return True


def _undo(payment: Asked, customer: str, final: Row, now: datetime) -> None:
    """Ends an invoice that is for another amount than ours. Void, it gives back the credit that it used; where a credit
    given a moment ago paid all of it, it cannot be void, and we give that back."""
    if final["status"] != "paid":
        void(payment, str(final["id"]), now=now)
        return
    used = int(final.get("ending_balance") or 0) - int(final.get("starting_balance") or 0)
    if used:
        ask(
            key=f"{payment.key}:credit",
            operation=f"customers.balance_transactions.create:{customer}",
            params={"amount": -used, "currency": payment.currency.lower()},
            subject=f"order:{payment.order_id}",
            now=now,
        )


def _there(invoice: str) -> Row | None:
    """Reads an invoice; None for a draft that was removed. Raises GatewayUnavailable."""
    try:
        return look(lambda client: client.v1.invoices.retrieve(invoice))
    except GatewayUnavailable as error:
        if is_missing(error):
            return None
        raise


def _paid(payment: Asked, customer: str, invoice: str, now: datetime) -> Charge:
    try:
        change(
            key=f"{payment.key}:pay",
            operation=f"invoices.pay:{invoice}",
            params={"payment_method": payment.method, "off_session": True},
            subject=f"order:{payment.order_id}",
            now=now,
            done=lambda client: _only(client.v1.invoices.retrieve(invoice), "paid", "void"),
        )
    except ProviderRefused as refused:
        after = void(payment, invoice, now=now)
        if after.state != DECLINED:
            return after
        return replace(declined(refused, payment, customer, now=now), reference=invoice)
    return reading.charge_of_invoice(*seen_with_intent(invoice))


def void(payment: Asked, invoice: str, *, now: datetime) -> Charge:
    """This will end an invoice that is not paid; nobody can pay it afterwards. How it stands. Raises
    GatewayUnavailable."""
    return void_for(payment.key, invoice, subject=f"order:{payment.order_id}", now=now)


def void_for(key: str, invoice: str, *, subject: str, now: datetime) -> Charge:
    """This will do as `void` for the try to be paid that has this key.

    While its bank decides it cannot be ended: then it is PENDING, and asked to end anew, under another key, when the
    bank has said no.
    """
    if _there(invoice) is None:
        return Charge(invoice, DECLINED, reason=words.CALLED_OFF)
    row, intent = seen_with_intent(invoice)
    if row["status"] == "draft":  # it does not go on by itself
        return Charge(invoice, DECLINED, reason=words.CALLED_OFF)
    if row["status"] != "open":
        return reading.charge_of_invoice(row, intent)
    try:
        change(
            key=f"{key}:void:{intent['status'] if intent else 'untried'}",
            operation=f"invoices.void_invoice:{invoice}",
            subject=subject,
            now=now,
            done=lambda client: _only(client.v1.invoices.retrieve(invoice), "paid", "void"),
        )
    except ProviderRefused as refused:
        log.warning("%s: invoice %s stays: %s", key, invoice, refused)
    row, intent = seen_with_intent(invoice)
    found = reading.charge_of_invoice(row, intent)
    return Charge(found.reference, PENDING) if row["status"] == "open" else found


def seen_with_intent(invoice: str) -> tuple[Row, Row | None]:
    """This will read an invoice and the payment intent that it was tried with, where there is one."""
    row = look(lambda client: client.v1.invoices.retrieve(invoice, {"expand": ["payments"]}))
    payments = (row.get("payments") or {}).get("data") or []
    names = [reading.id_of(one["payment"].get("payment_intent")) for one in payments]
    named = [name for name in names if name]
    if not named:
        return row, None
    rows = [look(lambda client, name=name: client.v1.payment_intents.retrieve(name)) for name in named]  # type: ignore[misc]
    return row, next((intent for intent in rows if intent["status"] == SUCCEEDED), rows[-1])


def _unless(found: Any, *states: str) -> Any:
    return None if found.status in states else found


def _only(found: Any, *states: str) -> Any:
    return found if found.status in states else None
