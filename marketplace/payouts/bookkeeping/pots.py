"""What takedowns put aside of sales: how much of it is there, and where it belongs when it comes back."""

from django.db import connection

from marketplace.payouts.bookkeeping.reversing import Back
from marketplace.payouts.models import Sale
from marketplace.payouts.parts import take_part
from marketplace.payouts.reversals import Reversal

# Of each line of a sale: what lifted takedowns took of it and did not give back, because a refund or a dispute had
# it by then, less what the ends of those gave back on top of what they took of the line themselves.
_MISSING = """
SELECT l.id, l.payee_id, (coalesce(t.taken, 0) - coalesce(b.given, 0))::bigint
  FROM payouts_royalty_line l
  LEFT JOIN (SELECT v.line_id, sum(v.amount_minor) AS taken FROM payouts_reversal_line v
               JOIN payouts_reversal r ON r.id = v.reversal_id AND r.sale_id = %(sale)s
               JOIN payouts_reversal_outcome o ON o.reversal_id = r.id
              WHERE o.outcome IN ('lifted', 'won', 'failed') GROUP BY v.line_id) t ON t.line_id = l.id
  LEFT JOIN (SELECT b.line_id, sum(b.amount_minor) AS given FROM payouts_returned_line b
               JOIN payouts_reversal_outcome o ON o.id = b.outcome_id
               JOIN payouts_reversal r ON r.id = o.reversal_id AND r.sale_id = %(sale)s
              GROUP BY b.line_id) b ON b.line_id = l.id
 WHERE l.sale_id = %(sale)s ORDER BY l.payee_id
"""


def home_of(sale: Sale, pot_minor: int) -> tuple[int, list[Back]]:
    """Return how much of what comes back of a sale's pot stays there, and what of it its lines get.

    It is in the pot while a takedown of the sale stands. Where all were lifted it goes to the lines that it was taken
    of; what was awarded to somebody else has no lines to go to. The sale's currency must be locked.
    """
    if not pot_minor or Reversal.objects.filter(sale=sale, kind=Reversal.TAKEDOWN, outcome=None).exists():
        return pot_minor, []
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, {"sale": sale.pk})
        lines = cursor.fetchall()
    missing = [missing_minor for _line, _payee, missing_minor in lines]
    to_lines = min(pot_minor, sum(missing))
    parts = take_part(missing, to_lines)
    backs = [Back(line_id, payee_id, part) for (line_id, payee_id, _), part in zip(lines, parts, strict=True) if part]
    return pot_minor - to_lines, backs
