"""What is left of what was paid ahead: its tax, its parts, and the sales made of them; nothing here writes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Sum

from marketplace.payouts.bookkeeping.reversing import what_remains
from marketplace.payouts.deferral_models import Deferral, DeferralReversal, DeferralReversalOutcome
from marketplace.payouts.models import Sale
from marketplace.payouts.parts import take_part

T = TypeVar("T")

# What a reversal that did not come back took of a part, and what sales were made of it.
LEFT_OF_PARTS = """
SELECT p.id, p.deferral_id, p.number, p.due_at,
       p.amount_minor - coalesce(k.amount_minor, 0)::bigint - coalesce(t.amount_minor, 0)::bigint AS amount_minor,
       p.fee_minor - coalesce(k.fee_minor, 0)::bigint - coalesce(t.fee_minor, 0)::bigint AS fee_minor,
       coalesce(t.is_disputed, false) AS is_disputed, coalesce(k.sales, 0)::int AS sales
  FROM payouts_deferral_part p
  LEFT JOIN LATERAL (
      SELECT sum(s.gross_minor) AS amount_minor, sum(s.fee_minor) AS fee_minor, count(*) AS sales
        FROM payouts_recognized_part r JOIN payouts_sale s ON s.id = r.sale_id WHERE r.part_id = p.id) k ON true
  LEFT JOIN LATERAL (
      SELECT sum(v.amount_minor) AS amount_minor, sum(v.fee_minor) AS fee_minor,
             bool_or(d.kind = 'dispute' AND o.id IS NULL) AS is_disputed
        FROM payouts_deferral_taken v JOIN payouts_deferral_reversal d ON d.id = v.reversal_id
        LEFT JOIN payouts_deferral_reversal_outcome o ON o.reversal_id = d.id
       WHERE v.part_id = p.id AND (o.id IS NULL OR o.outcome = 'lost')) t ON true
"""
_OF_DEFERRAL = f"{LEFT_OF_PARTS} WHERE p.deferral_id = %s ORDER BY p.number"
_OF_PARTS = f"{LEFT_OF_PARTS} WHERE p.id = ANY (%s) ORDER BY p.due_at, p.id"


class PartLeft(NamedTuple):
    """What is left of one part; `sales` were made of it, and none is while it `is_disputed`."""

    id: int
    deferral_id: UUID
    number: int
    due_at: datetime
    amount_minor: int
    fee_minor: int
    is_disputed: bool
    sales: int

    def fee_of(self, amount_minor: int) -> int:
        """Return what of an amount that is taken of it is our fee: by largest remainder over what is left."""
        return take_part([self.fee_minor, self.amount_minor - self.fee_minor], amount_minor)[0]


class SaleLeft(NamedTuple):
    """What is left of one sale that was made of a part."""

    sale: Sale
    amount_minor: int


class Left(NamedTuple):
    """All that is left of one payment, in the order in which it was paid for."""

    tax_minor: int
    parts: tuple[PartLeft, ...]
    sales: tuple[SaleLeft, ...]

    @property
    def net_minor(self) -> int:
        """What is left without the tax."""
        return sum(part.amount_minor for part in self.parts) + sum(one.amount_minor for one in self.sales)

    @property
    def total_minor(self) -> int:
        """All that can be given back to the buyer."""
        return self.tax_minor + self.net_minor

    def taken(self, amount_minor: int) -> "Taken":
        """Divide an amount, at most the total: tax and the rest by largest remainder over what is left of each.

        The rest comes from the end of the time: parts that no sale was made of, the last first, then sales, the newest
        first.
        """
        tax_minor, rest_minor = take_part([self.tax_minor, self.net_minor], amount_minor)
        parts, rest_minor = _from(((part, part.amount_minor) for part in reversed(self.parts)), rest_minor)
        sales, rest_minor = _from(((one.sale, one.amount_minor) for one in reversed(self.sales)), rest_minor)
        return Taken(tax_minor, parts, sales)


class Taken(NamedTuple):
    """An amount as it is divided over what is left of a payment."""

    tax_minor: int
    parts: Sequence[tuple[PartLeft, int]]
    sales: Sequence[tuple[Sale, int]]

    @property
    def deferred_minor(self) -> int:
        """What parts give that no sale was made of."""
        return sum(amount_minor for _, amount_minor in self.parts)

    @property
    def sales_minor(self) -> int:
        """What sales give."""
        return sum(amount_minor for _, amount_minor in self.sales)


def _from(there: Iterable[tuple[T, int]], rest_minor: int) -> tuple[list[tuple[T, int]], int]:
    taken = []
    for one, amount_minor in there:
        if part_minor := min(amount_minor, rest_minor):
            taken.append((one, part_minor))
            rest_minor -= part_minor
    return taken, rest_minor


def deferral_of(source: str) -> Deferral | None:
    """Return the payment that a source names."""
    return Deferral.objects.filter(source=source).first()


def parts_left(deferral: Deferral) -> tuple[PartLeft, ...]:
    """Return what is left of each part, in their order; also of those of which nothing is."""
    return _asked(_OF_DEFERRAL, deferral.pk)


def parts_named(ids: Sequence[int]) -> tuple[PartLeft, ...]:
    """Return what is left of parts, what is due first first."""
    return _asked(_OF_PARTS, list(ids))


def _asked(sql: str, value: object) -> tuple[PartLeft, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [value])
        return tuple(PartLeft(*row) for row in cursor.fetchall())


def left_of(deferral: Deferral) -> Left:
    """Return all that is left of a payment; its row and its currency must be locked, or it is true no longer."""
    stands = DeferralReversal.objects.filter(deferral=deferral).exclude(
        outcome__outcome__in=[DeferralReversalOutcome.WON, DeferralReversalOutcome.FAILED]
    )
    taken_minor = stands.aggregate(all=Sum("tax_minor"))["all"] or 0
    sales = Sale.objects.filter(recognized__part__deferral=deferral).select_related("split")
    rows = sales.order_by("recognized__part__number", "recognized__number")
    return Left(
        deferral.tax_minor - int(taken_minor),
        parts_left(deferral),
        tuple(SaleLeft(sale, what_remains(sale).gross_minor) for sale in rows),
    )
