"""What a dispute at Stripe says, in our terms, and how much of an amount an exchanged line is. Plain arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from marketplace.checkout.gateways.stripe.reading import id_of
from marketplace.payouts.currencies import from_stripe

Row = Mapping[str, Any]

_STATES = {
    "needs_response": "opened",
    "under_review": "opened",
    "appeal_needs_response": "opened",
    "appeal_under_review": "opened",
    "won": "won",
    "lost": "lost",
}
_ENDED = ("won", "lost", "warning_closed", "prevented")
_NEARLY = 10_000
"""Rates are said in a few digits: what differs by less than one in so many is the same."""


@dataclass(frozen=True, slots=True)
class Disputed:
    """A dispute as hearing takes it: `state` is opened, won or lost; empty where no money moved. Amounts are ISO minor
    units of `currency`, the charge's; the fee's of `fee_currency`, where our balance is kept in another.
    `returned_minor` is what came back of one that is won; None where all did. `returned` are its parts, by the names of
    the lines of our balance."""

    reference: str
    charge_reference: str
    state: str
    status: str
    amount_minor: int
    fee_minor: int
    currency: str
    reason: str
    due_by: datetime | None
    returned_minor: int | None = None
    returned: tuple[tuple[str, int], ...] = ()
    fee_currency: str = ""


def before_exchange(moved: int, rate: object, whole: int) -> int:
    """This will tell how much of an amount, such as a dispute's, a line in another currency is.

    `moved` is the line's amount and `whole` the other, both in Stripe's units and without sign. All of it, where that
    comes to the line by its rate, as nearly as rates are said; else the line by its rate, to the nearest unit, half up.
    """
    by = Fraction(str(rate))
    due = whole * by
    if abs(due - moved) <= max(Fraction(1), due.__truediv__(_NEARLY)):
        return whole
    return int(Fraction(moved).__truediv__(by) + Fraction("0.5"))


def disputed_of(dispute: Row) -> Disputed:
    """This will read a dispute: the lines of our balance say what was taken and what came back, and so how it ended.

    Its amount is what was really taken. One that is decided for us is won when its money is back, and until then as
    open as before; what came back of one that is lost is won in part. Its fee is what Stripe took beside it: a fee that
    comes or goes with what is given back is of its own. A dispute that the network prevented moves no money, unless
    some was taken: then it ends by what came back.
    """
    currency, status = str(dispute["currency"]), str(dispute["status"])
    lines: Sequence[Row] = dispute.get("balance_transactions") or []
    took = [line for line in lines if line["amount"] < 0]
    taken = sum(_in_charge(line, dispute) for line in took)
    back = sum(_in_charge(line, dispute) for line in lines if line["amount"] > 0)
    kept_in = str(took[0]["currency"]) if took else currency
    due = (dispute.get("evidence_details") or {}).get("due_by")
    state = _state(status, taken, back)
    in_part = state == "won" and 0 < back < taken
    return Disputed(
        reference=str(dispute["id"]),
        charge_reference=id_of(dispute["charge"]),
        state=state,
        status=status,
        amount_minor=from_stripe(taken or int(dispute["amount"]), currency.upper()),
        fee_minor=from_stripe(max(0, sum(line.get("fee") or 0 for line in took)), kept_in.upper()),
        currency=currency.upper(),
        reason=str(dispute.get("reason") or "")[:60],
        due_by=datetime.fromtimestamp(due, UTC) if due else None,
        returned_minor=from_stripe(back, currency.upper()) if in_part else None,
        returned=tuple(
            (str(line["id"]), from_stripe(_in_charge(line, dispute), currency.upper()))
            for line in (lines if state == "won" else ())
            if line["amount"] > 0
        ),
        fee_currency="" if kept_in == currency else kept_in.upper(),
    )


def _state(status: str, taken: int, back: int) -> str:
    if not taken:
        return _STATES.get(status, "")
    if status not in _ENDED:
        return "opened"
    if back:
        return "won"
    return "opened" if status == "won" else "lost"


def _in_charge(line: Row, dispute: Row) -> int:
    """Tells how much of a dispute a line moved, in the charge's currency, without sign."""
    moved, whole = abs(int(line["amount"])), int(dispute["amount"])
    if line["currency"] == dispute["currency"]:
        return moved
    rate = line.get("exchange_rate")
    return before_exchange(moved, rate, whole) if rate else whole
