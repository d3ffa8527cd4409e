"""What comes back of a dispute in several parts: the books after each of them, within the caller's transaction.

After the first part all that the bank took is there again in the books, and what did not come back is taken once more,
as a refund that the bank made: that can come back. A further part gives it back and takes what is still missing. So the
books say after each part what they would say had all that came back come in one.
"""

from collections.abc import Sequence
from datetime import datetime

from marketplace.checkout import line_money
from marketplace.checkout.disputes import Dispute, DisputePart, DisputeStep
from marketplace.checkout.models import OrderLine
from marketplace.checkout.refunds import RefundIntent, RefundStep
from marketplace.licensing import pricing
from marketplace.payouts.left_queries import amount_taken, loss_of
from marketplace.payouts.operations import dispute_state


def divided(lines: Sequence[OrderLine], amount_minor: int | None) -> list[int]:
    """This will divide an amount over lines by what is left of each, largest remainder first, ties by position.

    None is all that is left. What is more than is left goes to the first line.
    """
    left = [line_money.left_of_line(line) or 0 for line in lines]
    if amount_minor is None or not lines:
        return left
    there_minor = min(amount_minor, sum(left))
    parts = pricing.shared_out(there_minor, left) if there_minor else [0] * len(lines)
    parts[0] += amount_minor - there_minor
    return parts


def came_back(dispute: Dispute) -> list[DisputeStep]:
    """This will list the parts of a dispute that came back, in the order in which they were heard."""
    return list(dispute.steps.filter(state__in=DisputeStep.CAME_BACK).order_by("id"))


def missing_minor(dispute: Dispute) -> int:
    """This will tell how much of what a dispute took has not come back."""
    return dispute.amount_minor - sum(step.amount_minor for step in came_back(dispute))


def take_rest(dispute: Dispute, parts: Sequence[DisputePart], now: datetime) -> None:
    """This will book that what did not come back of a dispute yet is taken, once all that it took is there again."""
    if not (rest_minor := missing_minor(dispute)):
        return
    number = len(came_back(dispute))
    for part, lost_minor in zip(parts, divided([part.line for part in parts], rest_minor), strict=True):
        if lost_minor:
            line_money.refund_money(
                line=part.line,
                amount_minor=lost_minor,
                key=part.rest_key(number),
                reason=f"dispute:{dispute.reference}",
                now=now,
                beyond=True,
            )


def is_final(dispute: Dispute) -> bool:
    """This will tell whether what did not come back first was booked as lost for good: so it was before further parts
    were known."""
    parts = dispute.parts.select_related("line")
    return any(dispute_state(source=part.line.source, key=part.rest_key(1)) for part in parts)


def gained_minor(order_id: object) -> int:
    """This will tell how much more refunds of an order that came back have met than the house has lost by it: a further
    part brought what they met before. An operator owes it to the creators."""
    rows = RefundIntent.objects.filter(line__order=order_id, steps__state=RefundStep.FAILED).distinct()
    met_minor = sum(amount_taken(intent.met_key) for intent in rows)
    return max(0, met_minor - sum(loss_of(line.source) for line in OrderLine.objects.filter(order=order_id)))


def take_in(step: DisputeStep, now: datetime) -> None:
    """This will book a further part, whose step is written: what was missing comes back, and what is missing still is
    taken."""
    dispute = step.dispute
    parts = list(dispute.parts.select_related("line__order", "dispute"))
    number = len(came_back(dispute))
    for part in parts:
        key = part.rest_key(number - 1)
        if amount_taken(key):
            line_money.fail_refund_money(line=part.line, key=key, now=now)
    take_rest(dispute, parts, now)
