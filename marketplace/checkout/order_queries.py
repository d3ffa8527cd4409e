"""Questions about the orders of studios, with what was refunded, disputed and written about them; none writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from marketplace.checkout.disputes import Dispute, DisputeStep
from marketplace.checkout.models import Order, OrderLine
from marketplace.checkout.refunds import RefundIntent, RefundOutcome
from marketplace.checkout.tax_models import OrderTax
from marketplace.checkout.taxes.base import TaxPart
from marketplace.checkout.taxes.rules import TaxSum, summed
from marketplace.people.models import Studio

PAGE_SIZE = 24


def orders_of(studios: Iterable[Studio], *, after: str = "", size: int = PAGE_SIZE) -> tuple[list[Order], str | None]:
    """This will list what studios ordered, newest first, by keyset over (placed_at, id), and where to go on.

    Each order has its first lines at hand; a place that nobody gave out is the beginning.
    """
    rows = (
        Order.objects.filter(studio__in=list(studios)).select_related("studio", "buyer").order_by("-placed_at", "-id")
    )
    if at := _place(after):
        rows = rows.extra(where=["(checkout_order.placed_at, checkout_order.id) < (%s, %s)"], params=list(at))
    found = list(rows[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return found[:size], f"{last.placed_at.isoformat()}~{last.pk}" if last else None


def _place(text: str) -> tuple[datetime, UUID] | None:
    moment, _sign, key = text.partition("~")
    try:
        at, name = datetime.fromisoformat(moment), UUID(key)
    except ValueError:
        return None
    return (at, name) if at.tzinfo is not None else None


def first_lines(orders: Iterable[Order]) -> dict[UUID, OrderLine]:
    """This will find the first line of each order, with what it licenses, and how many follow it as `.more`."""
    rows = OrderLine.objects.filter(order__in=[order.pk for order in orders], position=0)
    rows = rows.annotate(more=Count("order__lines") - 1)
    return {row.order_id: row for row in rows.select_related("offer__release__pack__creator", "offer__terms")}


def taxes_of(order: Order) -> list[TaxSum]:
    """This will add up the taxes of an order, one sum for each tax."""
    lines: dict[UUID, list[TaxPart]] = {}
    for row in OrderTax.objects.filter(line__order=order).order_by("line__position", "position"):
        part = TaxPart(row.jurisdiction, row.name, row.rate_ppb, row.base_minor, row.tax_minor, row.reason)
        lines.setdefault(row.line_id, []).append(part)
    return summed(list(lines.values()))


@dataclass(frozen=True, slots=True)
class Back:
    """Money of an order that went back, or is on its way: "open", "pending", "given-back", "refused" or "failed"."""

    line: OrderLine
    amount_minor: int
    reason: str
    state: str
    at: datetime


def refunds_of(order: Order) -> list[Back]:
    """This will list the refunds of an order, the oldest first."""
    rows = RefundIntent.objects.filter(line__order=order).select_related(
        "outcome", "line__offer__release__pack__creator"
    )
    found = []
    for row in rows.prefetch_related("steps").order_by("intended_at", "id"):
        outcome = getattr(row, "outcome", None)
        steps = {step.state: step for step in row.steps.all()}
        state, at = "open", row.intended_at
        if outcome is not None:
            state = "refused" if outcome.outcome == RefundOutcome.REFUSED else "given-back"
            at = outcome.at
        if "failed" in steps:
            state, at = "failed", steps["failed"].at
        elif "pending" in steps and "succeeded" not in steps and state == "given-back":
            state = "pending"
        found.append(Back(row.line, row.amount_minor, row.reason, state, at))
    return found


def disputes_of(order: Order) -> list[Dispute]:
    """This will list the disputes of an order, each with its newest state as `.newest`: of one that was won in part,
    "part-won"."""
    found = list(Dispute.objects.filter(order=order).prefetch_related("steps").order_by("opened_at", "id"))
    for dispute in found:
        steps = list(dispute.steps.all())
        newest = next((one.state for one in reversed(steps) if one.state != DisputeStep.RETURNED), "opened")
        back_minor = sum(one.amount_minor for one in steps if one.state in DisputeStep.CAME_BACK)
        in_part = newest == "won" and back_minor < dispute.amount_minor
        dispute.newest = "part-won" if in_part else newest  # type: ignore[attr-defined]
    return found
