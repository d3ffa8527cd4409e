"""Taking money: at Stripe's page, or from a card that is kept; looking how it stands; and calling it off."""

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.checkout.gateways.base import DECLINED, HOSTED, PENDING, SUCCEEDED, Asked, Charge
from marketplace.checkout.gateways.stripe import invoices, reading, words
from marketplace.checkout.gateways.stripe.asking import card_params, metadata_of, page_params, setup_params
from marketplace.checkout.gateways.stripe.customers import customer_of, formers, is_kept, keep_card, studio_of
from marketplace.checkout.gateways.stripe.least import least_minor
from marketplace.checkout.gateways.stripe.reaching import ask, change, look, look_all, reaching
from marketplace.checkout.gateways.stripe.refusals import declined
from marketplace.payouts.currencies import UnsayableAmount
from marketplace.provider.calls import UnableToAsk
from marketplace.provider.client import ProviderRefused
from marketplace.provider.seeking import seek
from marketplace.ui.words import gettext_noop

log = logging.getLogger(__name__)
UNSAYABLE = gettext_noop("This amount cannot be charged exactly in its currency: nothing was paid.")
TO_CONFIRM = ("authentication_required",)
"""What a bank says that wants its customer to answer, where nobody is there to."""


def charge(payment: Asked, *, invoiced: bool, now: datetime) -> Charge:
    """This will take money once for each key, or say what it waits for; `invoiced` writes an invoice for what is
    charged without its buyer being there.

    A bank that wants its customer then makes a page to pay on of it. Raises GatewayUnavailable.
    """
    customer = customer_of(studio_id=payment.studio_id, email=payment.buyer_email, now=now)
    try:
        return _charged(payment, customer, invoiced, now)
    except UnableToAsk:
        # It was asked for as a customer that was deleted since: what came of that is what counts.
        for former in formers(payment.studio_id, customer):
            with suppress(UnableToAsk):
                return _charged(payment, former, invoiced, now)
        raise


def _charged(payment: Asked, customer: str, invoiced: bool, now: datetime) -> Charge:
    if not payment.amount_minor:
        return _kept_only(payment, customer, now)
    if payment.amount_minor < least_minor(payment.currency):
        log.error("%s is for less than Stripe takes", payment.key)
        return Charge("", DECLINED, reason=words.SMALL)
    try:
        if payment.method == HOSTED:
            return _page(payment, customer, key=payment.key, now=now)
        if invoiced and payment.off_session:
            found = invoices.charge(payment, customer, now=now)
            if found is None:
                return _card(payment, customer, key=f"{payment.key}:card", now=now)
            return _to_page(payment, customer, "", now) if found.reason == words.NOT_CONFIRMED else found
        return _card(payment, customer, key=payment.key, now=now)
    except UnsayableAmount as error:
        log.error("%s cannot be charged: %s", payment.key, error)
        return Charge("", DECLINED, reason=UNSAYABLE)


def _kept_only(payment: Asked, customer: str, now: datetime) -> Charge:
    """Has a card kept that is charged later, such as after a trial; one that is kept already only must be there."""
    if payment.method == HOSTED:
        urls = {"return_url": payment.return_url, "cancel_url": payment.cancel_url}
        params = setup_params(customer=customer, metadata=metadata_of(payment), **urls)
        return _page(payment, customer, key=payment.key, now=now, params=params)
    listed = look_all(lambda client: client.v1.payment_methods.list({"customer": customer, "limit": 100}))
    if payment.method in {card["id"] for card in listed}:
        return Charge("", SUCCEEDED, method_token=payment.method)
    return Charge("", DECLINED, reason=words.sentence("resource_missing"))


def _page(payment: Asked, customer: str, *, key: str, now: datetime, params: dict[str, Any] | None = None) -> Charge:
    try:
        session = ask(
            key=key,
            operation="checkout.sessions.create",
            params=params or page_params(payment, customer),
            subject=_subject(payment.order_id),
            now=now,
        )
    except ProviderRefused as refused:
        return declined(refused, payment, customer, now=now)
    return reading.charge_of_session(session)


def _card(payment: Asked, customer: str, *, key: str, now: datetime) -> Charge:
    try:
        intent = ask(
            key=key,
            operation="payment_intents.create",
            params=card_params(payment, customer),
            subject=_subject(payment.order_id),
            now=now,
        )
    except ProviderRefused as refused:
        if payment.off_session and _wants_buyer(refused.decline_code, refused.provider_code):
            return _to_page(payment, customer, refused.object_id, now)
        return declined(refused, payment, customer, now=now)
    error = intent.get("last_payment_error") or {}
    if payment.off_session and intent["status"] == "requires_payment_method" and is_to_confirm(error):
        return _to_page(payment, customer, intent["id"], now)
    return reading.charge_of_intent(intent)


def is_to_confirm(error: Any) -> bool:
    """This will tell whether a payment's error says that the bank wants its customer."""
    return _wants_buyer(str(error.get("decline_code") or ""), str(error.get("code") or ""))


def _wants_buyer(*codes: str) -> bool:
    return any(code in TO_CONFIRM for code in codes)


def _to_page(payment: Asked, customer: str, intent: str, now: datetime) -> Charge:
    """Lets the buyer answer the bank, or give another card, at a page; the former try can take nothing any more."""
    if intent:
        called_off = _cancel_intent(payment, intent, now)
        if called_off.state != DECLINED:
            return called_off
    there = replace(payment, method=HOSTED, keep_method=True, off_session=False)
    return _page(there, customer, key=f"{payment.key}:page", now=now)


def _subject(order_id: UUID) -> str:
    return f"order:{order_id}"


# -- how it stands ----------------------------------------------------------------------------------------------------


def standing(payment: Asked, reference: str, *, invoiced: bool, now: datetime) -> Charge:
    """This will look what became of a charge; without a reference it is asked for again. Raises GatewayUnavailable."""
    if not reference:
        return charge(payment, invoiced=invoiced, now=now)
    found = _seen(reference)
    if found.method_token and not is_kept(found.method_token):
        card = look(lambda client: client.v1.payment_methods.retrieve(found.method_token))
        if studio := studio_of(reading.id_of(card.get("customer"))):
            keep_card(card, studio=studio, now=now)
    return found


def _seen(reference: str) -> Charge:
    if reference.startswith("cs_"):
        return reading.charge_of_session(look(lambda client: session_of(client, reference)))
    if reference.startswith("in_"):
        return reading.charge_of_invoice(*invoices.seen_with_intent(reference))
    if reference.startswith("pi_"):
        return reading.charge_of_intent(look(lambda client: client.v1.payment_intents.retrieve(reference)))
    taken = look(lambda client: client.v1.charges.retrieve(reference))
    states = {"succeeded": SUCCEEDED, "pending": PENDING}
    return Charge(reference, states.get(taken["status"], DECLINED), reason="")


def session_of(client: Any, reference: str) -> Any:
    """This will read a Checkout Session with its payment intent, or the setup intent of one that only keeps a card."""
    return client.v1.checkout.sessions.retrieve(reference, {"expand": ["payment_intent", "setup_intent"]})


# -- calling off ------------------------------------------------------------------------------------------------------


def cancel(payment: Asked, reference: str, *, invoiced: bool, now: datetime) -> Charge:
    """This will see that a charge takes no money any more; where it has taken it, or its bank decides, it stands.

    A charge of which we know no reference is looked for, and asked for by nobody any more. Raises GatewayUnavailable.
    """
    reference = reference or _sought(payment, now)
    if not reference:
        return Charge("", DECLINED, reason=words.CALLED_OFF)
    if reference.startswith("cs_"):
        return _close_page(payment, reference, now)
    if reference.startswith("in_"):
        return invoices.void(payment, reference, now=now)
    return _cancel_intent(payment, reference, now)


def _sought(payment: Asked, now: datetime) -> str:
    """Names what was made for a charge of which nobody heard: the latest, before which all else was called off."""
    for stage in (":page", ":card", ""):
        try:
            with reaching():
                found = seek(key=f"{payment.key}{stage}", now=now)
        except ProviderRefused as refused:
            found = {"id": refused.object_id}
        if found is not None and found["id"]:
            return str(found["id"])
    return ""


def _close_page(payment: Asked, session: str, now: datetime) -> Charge:
    # Refused: it is used, or closed, already: how it stands says which.
    with suppress(ProviderRefused):
        change(
            key=f"{payment.key}:close:{session}",
            operation=f"checkout.sessions.expire:{session}",
            subject=_subject(payment.order_id),
            now=now,
            done=lambda client: _unless(client.v1.checkout.sessions.retrieve(session), "open"),
        )
    stands = _seen(session)
    if stands.state == DECLINED and stands.reason == words.EXPIRED_PAGE:
        return replace(stands, reason=words.CALLED_OFF)
    return stands


def _cancel_intent(payment: Asked, intent: str, now: datetime) -> Charge:
    # Refused: it has taken money, or its bank decides: how it stands says which.
    with suppress(ProviderRefused):
        change(
            key=f"{payment.key}:cancel:{intent}",
            operation=f"payment_intents.cancel:{intent}",
            params={"cancellation_reason": "abandoned"},
            subject=_subject(payment.order_id),
            now=now,
            done=lambda client: _only(client.v1.payment_intents.retrieve(intent), "canceled", "succeeded"),
        )
    return _seen(intent)


def _unless(found: Any, *states: str) -> Any:
    return None if found.status in states else found


def _only(found: Any, *states: str) -> Any:
    return found if found.status in states else None
