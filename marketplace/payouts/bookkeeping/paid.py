"""What goes back of what a buyer paid, whether it was sold at once or paid ahead: one name for both.

What was sold at once is reversed by refunds.py and disputes.py; what was paid ahead by deferral_reversing.py.
"""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction

from marketplace.payouts.bookkeeping import deferral_reversing, disputes, refunds
from marketplace.payouts.bookkeeping.deferral_left import deferral_of
from marketplace.payouts.deferral_models import DeferralReversal, DeferralReversalOutcome
from marketplace.payouts.reversals import Reversal, ReversalOutcome


class GoneBack(Protocol):
    """A refund or a dispute, of either kind."""

    key: str
    amount_minor: int
    tax_minor: int


class Ended(Protocol):
    """How one ended."""

    outcome: str
    closed_at: datetime


@transaction.atomic
def refund(*, source: str, amount_minor: int, key: str, reason: str, now: datetime, beyond: bool = False) -> GoneBack:
    """Book that a buyer gets money back of what a source names, in minor units of its currency.

    Of a sale it is as `refunds.refund` says. Of what was paid ahead, tax and the rest give by what is left of each;
    the rest is taken from the end of the time: parts that are not earned yet, the last first, of which nobody had a
    royalty, then the sales that were made, the newest first. `key` names the refund once: with the same content it
    returns the first. Raises UnableToRefund as that does, and for more than is left, which is the house's loss with
    `beyond`.
    """
    asked: dict[str, Any] = {"amount_minor": amount_minor, "key": key, "reason": reason, "now": now, "beyond": beyond}
    if (paid := deferral_of(source)) is None:
        return refunds.refund(source=source, **asked)
    return deferral_reversing.refund(deferral=paid, **asked)


@transaction.atomic
def fail_refund(*, key: str, now: datetime) -> Ended:
    """Book that a refund could not be delivered: all of it comes back to where it was taken from.

    The same key again returns the first end; a key that names no refund raises UnableToRefund.
    """
    given = DeferralReversal.objects.filter(key=key, kind=DeferralReversal.REFUND).first()
    if given is None:
        return refunds.fail_refund(key=key, now=now)
    return deferral_reversing.fail_refund(reversal=given, now=now)


@transaction.atomic
def open_dispute(*, source: str, now: datetime, amount_minor: int | None = None, key: str = "") -> GoneBack:
    """Book that the buyer's bank took money back of what a source names; without an amount, all that is left.

    Of a sale it is as `disputes.open_dispute` says. What was paid ahead gives as for a refund, and beyond what is left
    the house loses; while the dispute is open, nothing of the parts that it asks becomes a sale. Without a key it is
    "dispute:" and the source. Raises UnableToDispute as that does.
    """
    if (paid := deferral_of(source)) is None:
        return disputes.open_dispute(source=source, now=now, amount_minor=amount_minor, key=key)
    return deferral_reversing.open_dispute(
        deferral=paid, amount_minor=amount_minor, key=key or f"dispute:{source}", now=now
    )


@transaction.atomic
def close_dispute(*, source: str, outcome: str, now: datetime, key: str = "") -> Ended:
    """Book how a dispute ended: "won" gives everything back, "lost" takes it for good.

    The same outcome again returns the first; the other one, or a source or key without a dispute, raises
    UnableToCloseDispute.
    """
    if (paid := deferral_of(source)) is None:
        return disputes.close_dispute(source=source, outcome=outcome, now=now, key=key)
    return deferral_reversing.close_dispute(deferral=paid, key=key or f"dispute:{source}", outcome=outcome, now=now)


@transaction.atomic
def record_dispute_fee(*, source: str, fee_minor: int, key: str, now: datetime, currency: str = "") -> UUID:
    """Book what the payment provider charges the house for a dispute; return the transaction's id.

    In the currency of what was paid, or in `currency` where the provider keeps our balance in another. Raises
    UnableToDispute for a source that nothing was paid for and a fee that is not above zero, and UnableToPost for a key
    that was booked before with other content.
    """
    if (paid := deferral_of(source)) is None:
        return disputes.record_dispute_fee(source=source, fee_minor=fee_minor, key=key, now=now, currency=currency)
    return deferral_reversing.record_dispute_fee(
        deferral=paid, fee_minor=fee_minor, key=key, now=now, currency=currency
    )


def dispute_state(*, source: str, key: str = "") -> str:
    """Return how a dispute stands, "open", "won" or "lost"; nothing where none was opened."""
    named = key or f"dispute:{source}"
    ahead = DeferralReversal.objects.filter(key=named, kind=DeferralReversal.DISPUTE).first()
    if ahead is not None:
        done = DeferralReversalOutcome.objects.filter(reversal=ahead).first()
        return done.outcome if done else "open"
    at_once = Reversal.objects.filter(key=named, kind=Reversal.DISPUTE).first()
    if at_once is None:
        return ""
    ended = ReversalOutcome.objects.filter(reversal=at_once).first()
    return ended.outcome if ended else "open"
