"""What the books say and do about the money of one order line: the one place that knows where a line was booked."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.checkout.models import OrderLine
from marketplace.payouts import operations as payouts
from marketplace.payouts.deferral_models import Deferral
from marketplace.payouts.kinds import AccountKind
from marketplace.payouts.left_queries import left_of_sale, left_of_sales


def left_of_line(line: OrderLine) -> int | None:
    """This will tell how many minor units of a line can still go back to its buyer; None where nothing was sold."""
    return left_of_sale(line.source)


def left_of_lines(lines: Iterable[OrderLine]) -> dict[UUID, int]:
    """This will tell the same of many lines by their ids, in one query; where nothing was sold a line is not there."""
    keys = {line.source: line.pk for line in lines}
    return {keys[source]: left_minor for source, left_minor in left_of_sales(keys).items()}


def refund_money(
    *, line: OrderLine, amount_minor: int, key: str, reason: str, now: datetime, beyond: bool = False
) -> None:
    """This will book that a buyer gets money of a line back; raises UnableToRefund.

    With `beyond`, for money that has gone already, what is more than remains is the house's loss.
    """
    payouts.refund(source=line.source, amount_minor=amount_minor, key=key, reason=reason, now=now, beyond=beyond)


def fail_refund_money(*, line: OrderLine, key: str, now: datetime) -> None:
    """This will book that money of a refund came back to us; raises UnableToRefund."""
    payouts.fail_refund(key=key, now=now)


def meet_loss(*, line: OrderLine, amount_minor: int, key: str, reason: str, now: datetime) -> None:
    """This will book that what is left of a line makes good what the house lost by its order: the buyer has it, from a
    dispute, and the house does not bear it any more. Nothing moves at the gateway. Raises UnableToRefund."""
    refund_money(line=line, amount_minor=amount_minor, key=key, reason=reason, now=now)
    named: dict[str, Any] = {
        "amount_minor": amount_minor,
        "currency": line.order.currency,
        "reference": key,
        "now": now,
    }
    payouts.suspend(**named)
    payouts.clear_suspense(to=AccountKind.DISPUTE_LOSS, **named)
    if Deferral.objects.filter(source=line.source).exists():
        # What was paid ahead gives out of what is collected, and the balance has it.
        payouts.record_collected(**named | {"amount_minor": -amount_minor})


def dispute_money(*, line: OrderLine, amount_minor: int, key: str, now: datetime) -> None:
    """This will book that a bank takes an amount of a line; raises UnableToDispute. Again, it changes nothing."""
    payouts.open_dispute(source=line.source, amount_minor=amount_minor, key=key, now=now)


def close_dispute_money(*, line: OrderLine, outcome: str, key: str, now: datetime) -> None:
    """This will book how a dispute of a line ended, "won" or "lost"; raises UnableToCloseDispute."""
    payouts.close_dispute(source=line.source, outcome=outcome, key=key, now=now)
