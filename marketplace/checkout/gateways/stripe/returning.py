"""Giving money back, and looking what became of it."""

from datetime import datetime

from marketplace.checkout.gateways.base import FAILED, Returned
from marketplace.checkout.gateways.stripe import reading, words
from marketplace.checkout.gateways.stripe.paying import UNSAYABLE
from marketplace.checkout.gateways.stripe.reaching import look, reaching
from marketplace.payouts.currencies import UnsayableAmount, to_stripe
from marketplace.provider.calls import perform
from marketplace.provider.client import ProviderRefused

PASSES = ("balance_insufficient", "insufficient_funds")


def refund(*, key: str, charge_reference: str, amount_minor: int, currency: str, now: datetime) -> Returned:
    """This will give money of a charge back once for each key. Raises GatewayUnavailable."""
    try:
        params = {
            "charge": charge_reference,
            "amount": to_stripe(amount_minor, currency),
            "reason": "requested_by_customer",
        }
        with reaching():
            made = perform(
                key=key,
                operation="refunds.create",
                params=params,
                subject=key,
                now=now,
            )
    except UnsayableAmount:
        return Returned("", FAILED, reason=UNSAYABLE)
    except ProviderRefused as refused:
        code = refused.provider_code
        return Returned("", FAILED, reason=words.not_returned(code), passes=code in PASSES)
    return reading.returned_of(made)


def refund_standing(*, reference: str) -> Returned:
    """This will look what became of a refund. Raises GatewayUnavailable."""
    return reading.returned_of(look(lambda client: client.v1.refunds.retrieve(reference)))
