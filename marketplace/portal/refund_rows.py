"""What the operator's desk tells of refunds: what is left of an order line, and what a refund would take from whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Sum

from marketplace.checkout.models import Order, OrderLine
from marketplace.checkout.refunds import RefundIntent
from marketplace.payouts.bookkeeping import deferral_left
from marketplace.payouts.bookkeeping.books import balances
from marketplace.payouts.bookkeeping.deferral_left import deferral_of
from marketplace.payouts.bookkeeping.remaining import LineLeft
from marketplace.payouts.bookkeeping.reversing import sale_of, what_remains
from marketplace.payouts.deferral_models import Deferral
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.models import AccountKind, HoldRelease, Sale
from marketplace.people.models import Creator

LATEST = 20
_SOURCE = "order-line:"
_WHERE = ("offer__terms", "offer__release__pack__creator", "order__studio")


@dataclass(frozen=True, slots=True)
class Gives:
    """What one creator would give of a refund, in minor units; `owed_minor` of it is not there any more."""

    creator: Creator
    amount_minor: int
    owed_minor: int


@dataclass(frozen=True, slots=True)
class Takes:
    """What a refund would take, in minor units: of the tax, our fee, what takedowns put aside, and from creators.

    `ahead_minor` was paid ahead, and nobody has earned it yet.
    """

    tax_minor: int
    fee_minor: int
    pot_minor: int
    creators: Sequence[Gives]
    is_all: bool
    ahead_minor: int = 0


def line_named(text: str) -> OrderLine | None:
    """Return the order line with an id, or as books name it: "order-line:<id>"; None where there is none."""
    name = _uuid(text.strip().removeprefix(_SOURCE))
    return OrderLine.objects.select_related(*_WHERE).filter(pk=name).first() if name else None


def order_named(text: str) -> Order | None:
    """Return the order with an id; None where there is none."""
    name = _uuid(text.strip())
    return Order.objects.select_related("studio").filter(pk=name).first() if name else None


def lines_in(order: Order) -> list[OrderLine]:
    """Return the lines of an order as they stand in it; one query."""
    return list(OrderLine.objects.select_related(*_WHERE).filter(order=order).order_by("position"))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def left_of(line: OrderLine) -> int | None:
    """Return how many minor units of a line can still be asked back; None where nothing was paid.

    What refunds on their way ask is not left any more.
    """
    left_minor = left_of_sale(line.source)
    if left_minor is None:
        return None
    asked = RefundIntent.objects.filter(line=line, outcome=None).aggregate(all=Sum("amount_minor"))["all"] or 0
    return max(0, left_minor - int(asked))


def refunds_of(line: OrderLine) -> list[RefundIntent]:
    """Return the refunds of a line with their outcomes, the first first."""
    return list(
        RefundIntent.objects.select_related("outcome", "mended")
        .prefetch_related("steps")
        .filter(line=line)
        .order_by("intended_at", "id")
    )


def latest_refunds() -> list[RefundIntent]:
    """Return the latest refunds of all, newest first, with lines, outcomes and steps; two queries."""
    rows = RefundIntent.objects.select_related("outcome", "mended", *(f"line__{name}" for name in _WHERE))
    return list(rows.prefetch_related("steps").order_by("-intended_at", "-id")[:LATEST])


def takes_of(line: OrderLine, amount_minor: int) -> Takes:
    """Return what a refund of a line would take now; nothing is locked, so that it may be otherwise when it is booked.

    The amount must not be more than is left of the line, of which something was sold.
    """
    if paid := deferral_of(line.source):
        return _takes_ahead(paid, amount_minor)
    sale = sale_of(line.source)
    if sale is None:
        raise ValueError(f"{line.source} was never sold")
    return _takes_of_sale(sale, amount_minor)


def _takes_ahead(paid: Deferral, amount_minor: int) -> Takes:
    """Tells it of what was paid ahead: of what is not earned yet nobody gives anything but our fee."""
    left = deferral_left.left_of(paid)
    taken = left.taken(amount_minor)
    of_sales = [_takes_of_sale(sale, part_minor) for sale, part_minor in taken.sales]
    gives: dict[UUID, Gives] = {}
    for one in (give for takes in of_sales for give in takes.creators):
        before = gives.get(one.creator.pk, Gives(one.creator, 0, 0))
        gives[one.creator.pk] = Gives(
            one.creator, before.amount_minor + one.amount_minor, before.owed_minor + one.owed_minor
        )
    return Takes(
        taken.tax_minor,
        sum(part.fee_of(part_minor) for part, part_minor in taken.parts) + sum(one.fee_minor for one in of_sales),
        sum(one.pot_minor for one in of_sales),
        sorted(gives.values(), key=lambda one: (-one.amount_minor, str(one.creator.pk))),
        amount_minor == left.total_minor,
        sum(part_minor - part.fee_of(part_minor) for part, part_minor in taken.parts),
    )


def _takes_of_sale(sale: Sale, amount_minor: int) -> Takes:
    remaining = what_remains(sale)
    parts = remaining.part(amount_minor)
    amounts = dict(zip(remaining.lines, parts.lines, strict=True))
    owed = _owed(remaining.lines, amounts, sale.currency)
    creators = Creator.objects.in_bulk([row.payee_id for row in remaining.lines])
    gives = [
        Gives(creators[row.payee_id], part, owed[row.payee_id])
        for row, part in sorted(amounts.items(), key=lambda one: (-one[1], str(one[0].payee_id)))
        if part
    ]
    return Takes(parts.tax_minor, parts.fee_minor, parts.pot_minor, gives, amount_minor == remaining.gross_minor)


def _owed(lines: Sequence[LineLeft], amounts: dict[LineLeft, int], currency: str) -> dict[UUID, int]:
    """Return payee → what of their part is neither held, nor pending, nor kept for them, and so would be owed."""
    released = HoldRelease.objects.filter(run_id__in={row.run_id for row in lines if row.run_id}).exists()
    if not released:
        return dict.fromkeys((row.payee_id for row in lines), 0)
    payees = [row.payee_id for row in lines]
    kept = [
        balances(currency=currency, kind=kind, owner_ids=payees)
        for kind in (AccountKind.CREATOR_RESERVE, AccountKind.CREATOR_AVAILABLE)
    ]
    return {
        row.payee_id: max(0, amounts[row] - row.held_minor - sum(one.get(row.payee_id, 0) for one in kept))
        for row in lines
    }
