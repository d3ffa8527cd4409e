"""What is asked of Stripe: parameters made of one request for money. Nothing here asks or writes."""

from collections.abc import Sequence
from typing import Any

from marketplace.checkout.gateways.base import Asked, AskedLine
from marketplace.payouts.currencies import UnsayableAmount, to_stripe

Params = dict[str, Any]
MOST_LINES = 100
"""Stripe's limit for the lines of a Checkout Session; an invoice takes 250."""

_NAME, _DESCRIPTION = 250, 500


def metadata_of(asked: Asked) -> dict[str, str]:
    """This will say on each object which order and which try it is for."""
    return {"worldloom_payment": asked.key, "worldloom_order": str(asked.order_id)}


def lines_of(asked: Asked) -> Sequence[tuple[AskedLine, int]]:
    """This will list what is paid with each amount in Stripe's minor units; together they are the whole amount.

    Where Stripe cannot say each line exactly (it counts dinars in steps of ten fils), where they are too many, or are
    not the whole, one line says all. Raises UnsayableAmount where the whole cannot be said either.
    """
    whole = to_stripe(asked.amount_minor, asked.currency)
    alone = [(AskedLine(asked.description, "", asked.amount_minor), whole)]
    if not 0 < len(asked.lines) <= MOST_LINES or any(line.amount_minor < 0 for line in asked.lines):
        return alone
    try:
        said = [(line, to_stripe(line.amount_minor, asked.currency)) for line in asked.lines]
    except UnsayableAmount:
        return alone
    return said if sum(amount for _line, amount in said) == whole else alone


def page_params(asked: Asked, customer: str) -> Params:
    """This will ask for a page to pay on: one line for each of the order's, its seller below it. Prices have their tax
    in them already."""
    currency = asked.currency.lower()
    intent: Params = {
        "transfer_group": asked.transfer_group,
        "description": asked.description[:_DESCRIPTION],
        "metadata": {**metadata_of(asked), "worldloom_page": "1"},
    }
    if asked.keep_method:
        intent["setup_future_usage"] = "off_session"
    return {
        "mode": "payment",
        "customer": customer,
        "client_reference_id": str(asked.order_id),
        "line_items": [
            {"quantity": 1, "price_data": {"currency": currency, "unit_amount": amount, "product_data": _product(line)}}
            for line, amount in lines_of(asked)
        ],
        "metadata": metadata_of(asked),
        "payment_intent_data": intent,
        "success_url": asked.return_url,
        "cancel_url": asked.cancel_url,
    }


def setup_params(*, customer: str, return_url: str, cancel_url: str, metadata: dict[str, str]) -> Params:
    """This will ask for a page on which a card is given to be kept, and nothing is paid."""
    return {
        "mode": "setup",
        "customer": customer,
        "allowed_payment_method_types": ["card"],
        "metadata": metadata,
        "success_url": return_url,
        "cancel_url": cancel_url,
    }


def _product(line: AskedLine) -> Params:
    under = " · ".join(filter(None, (line.seller, f"{line.quantity} {line.unit}" if line.unit else "")))
    return {"name": line.title[:_NAME]} | ({"description": under[:_DESCRIPTION]} if under else {})


def card_params(asked: Asked, customer: str) -> Params:
    """This will ask for money from a card that is kept, at once."""
    params: Params = {
        "amount": to_stripe(asked.amount_minor, asked.currency),
        "currency": asked.currency.lower(),
        "customer": customer,
        "payment_method": asked.method,
        "confirm": True,
        "return_url": asked.return_url,
        "transfer_group": asked.transfer_group,
        "description": asked.description[:_DESCRIPTION],
        "metadata": metadata_of(asked),
    }
    if asked.off_session:
        params["off_session"] = True
        params["metadata"] = {**params["metadata"], "worldloom_off_session": "1"}
    return params


def invoice_params(asked: Asked, customer: str) -> Params:
    """This will ask for an invoice without lines, which nothing but we moves on."""
    return {
        "customer": customer,
        "currency": asked.currency.lower(),
        "collection_method": "charge_automatically",
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "default_payment_method": asked.method,
        "description": asked.description[:_DESCRIPTION],
        "metadata": metadata_of(asked),
    }


def invoice_line_params(asked: Asked, customer: str, invoice: str, line: AskedLine, amount: int) -> Params:
    """This will ask for a line of an invoice: so many of a unit, where the amount is a multiple of one's price."""
    each, rest = divmod(amount, max(1, line.quantity))
    quantity = line.quantity if line.quantity > 0 and not rest else 1
    words = " · ".join(filter(None, (line.title, line.seller)))
    return {
        "customer": customer,
        "invoice": invoice,
        "currency": asked.currency.lower(),
        "quantity": quantity,
        "unit_amount_decimal": str(each if quantity == line.quantity else amount),
        "description": words[:_DESCRIPTION],
    }
