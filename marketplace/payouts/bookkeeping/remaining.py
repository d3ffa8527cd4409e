"""What remains of sales: their tax and fee, their royalty lines, and what takedowns put aside of them."""

from typing import NamedTuple
from uuid import UUID

from django.db import connection

from marketplace.payouts.models import Sale
from marketplace.payouts.numbers import held_of, taken_of
from marketplace.payouts.parts import take_part

STILL_PENDING = """
SELECT payee_id, sum(amount_minor)::bigint AS amount_minor
  FROM (SELECT a.owner_id AS payee_id, -p.amount_minor AS amount_minor
          FROM payouts_royalty_run r JOIN payouts_posting p ON p.transaction_id = r.transaction_id
          JOIN payouts_account a ON a.id = p.account_id AND a.kind = 'creator_pending'
         WHERE r.id = %(run)s
         UNION ALL
        SELECT l.payee_id, -v.amount_minor
          FROM payouts_royalty_line l JOIN payouts_reversal_line v ON v.line_id = l.id WHERE l.run_id = %(run)s
         UNION ALL
        SELECT l.payee_id, b.amount_minor
          FROM payouts_royalty_line l JOIN payouts_returned_line b ON b.line_id = l.id WHERE l.run_id = %(run)s
         UNION ALL
        SELECT l.payee_id, -k.amount_minor
          FROM payouts_royalty_line l JOIN payouts_claim_hold_line k ON k.line_id = l.id
         WHERE l.run_id = %(run)s AND NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)) moved
 GROUP BY payee_id HAVING sum(amount_minor) > 0
"""
"""What of a run (%(run)s) that is not released stands in its payees' pending accounts: (payee_id, amount_minor).

All that remains of its lines and is not held for claims. What the lines were is read from what the run posted for each
payee: a release costs what it has payees, not what it has lines.
"""

REMAINING_OF_SALES = """
SELECT s.id AS sale_id,
       (s.tax_minor - coalesce(sum(r.tax_minor - coalesce(o.tax_minor, 0)), 0))::bigint AS tax_minor,
       (s.fee_minor - coalesce(sum(r.fee_minor - coalesce(o.fee_minor, 0)), 0))::bigint AS fee_minor,
       coalesce(sum(CASE r.kind WHEN 'takedown' THEN r.net_minor - coalesce(o.pot_minor, 0)
                    ELSE coalesce(o.pot_minor, 0) - r.pot_minor END), 0)::bigint AS pot_minor
  FROM payouts_sale s
  LEFT JOIN payouts_reversal r ON r.sale_id = s.id
  LEFT JOIN payouts_reversal_outcome o ON o.reversal_id = r.id
 WHERE s.id = ANY (%(sales)s::uuid[]) GROUP BY s.id
"""
"""Of each sale: (sale_id, tax_minor, fee_minor, pot_minor), what remains. What an open dispute asks is not there."""

REMAINING_OF_LINES = f"""
SELECT l.id AS line_id, l.sale_id, l.payee_id, l.run_id, (l.amount_minor - {taken_of("l.id")}) AS amount_minor,
       {held_of("l.id")} AS held_minor
  FROM payouts_royalty_line l WHERE l.sale_id = ANY (%(sales)s::uuid[])
 ORDER BY l.sale_id, l.payee_id
"""
"""Of each line of the sales, by payee: what remains of it, and how much of that is held for claims."""


class LineLeft(NamedTuple):
    """What remains of one royalty line; `held_minor` of that is held for claims."""

    line_id: int
    payee_id: UUID
    run_id: int
    amount_minor: int
    held_minor: int


class Remaining(NamedTuple):
    """What remains of one sale: its tax, its fee, its royalty lines by payee, and the pot of its takedowns."""

    tax_minor: int
    fee_minor: int
    lines: tuple[LineLeft, ...]
    pot_minor: int

    @property
    def gross_minor(self) -> int:
        """All that can be given back to the buyer."""
        return sum(self._parts())

    def part(self, amount_minor: int) -> "Parts":
        """Divide an amount over what remains (see `take_part`); it must not be more."""
        tax_minor, fee_minor, *of_lines, pot_minor = take_part(self._parts(), amount_minor)
        return Parts(tax_minor, fee_minor, tuple(of_lines), pot_minor)

    def _parts(self) -> list[int]:
        return [self.tax_minor, self.fee_minor, *(line.amount_minor for line in self.lines), self.pot_minor]


class Parts(NamedTuple):
    """An amount divided over what remains of a sale; `lines` stand in the order of the remaining lines."""

    tax_minor: int
    fee_minor: int
    lines: tuple[int, ...]
    pot_minor: int

    @property
    def net_minor(self) -> int:
        """What the royalty lines give."""
        return sum(self.lines)

    @property
    def total_minor(self) -> int:
        """All of it."""
        return self.tax_minor + self.fee_minor + self.net_minor + self.pot_minor


def remaining_of(sale: Sale) -> Remaining:
    """Return what remains of an allocated sale; its currency must be locked, or it is true no longer."""
    with connection.cursor() as cursor:
        cursor.execute(REMAINING_OF_SALES, {"sales": [sale.pk]})
        _, tax_minor, fee_minor, pot_minor = cursor.fetchone()
    return Remaining(tax_minor, fee_minor, lines_left(sale), pot_minor)


def lines_left(sale: Sale) -> tuple[LineLeft, ...]:
    """Return what remains of each royalty line of a sale, by payee; also of those of which nothing does."""
    with connection.cursor() as cursor:
        cursor.execute(REMAINING_OF_LINES, {"sales": [sale.pk]})
        return tuple(LineLeft(row[0], *row[2:]) for row in cursor.fetchall())
