"""What creators will earn of what buyers paid ahead; nothing here writes."""

from datetime import date
from typing import NamedTuple

from django.db import connection

from marketplace.people.models import Creator


class Coming(NamedTuple):
    """What a creator will earn in one month (UTC), in one currency."""

    currency: str
    month: date
    amount_minor: int


# What is left of a part when none of it is disputed: such parts alone wait.
_COMING = """
SELECT d.currency, date_trunc('month', w.due_at AT TIME ZONE 'UTC')::date AS month,
       sum(div((p.amount_minor - p.fee_minor - coalesce(k.net_minor, 0) - coalesce(t.net_minor, 0))::numeric
               * h.share_ppb, 1000000000))::bigint
  FROM payouts_split_share h
  JOIN payouts_deferral d ON d.split_id = h.split_id
  JOIN payouts_deferral_part p ON p.deferral_id = d.id
  JOIN payouts_deferral_waiting w ON w.part_id = p.id
  LEFT JOIN LATERAL (
      SELECT sum(s.gross_minor - s.fee_minor) AS net_minor
        FROM payouts_recognized_part r JOIN payouts_sale s ON s.id = r.sale_id WHERE r.part_id = p.id) k ON true
  LEFT JOIN LATERAL (
      SELECT sum(v.amount_minor - v.fee_minor) AS net_minor
        FROM payouts_deferral_taken v LEFT JOIN payouts_deferral_reversal_outcome o ON o.reversal_id = v.reversal_id
       WHERE v.part_id = p.id AND coalesce(o.outcome, 'lost') = 'lost') t ON true
 WHERE h.payee_id = %s GROUP BY 1, 2 ORDER BY 1, 2
"""


def coming_of(creator: Creator) -> list[Coming]:
    """Return what a creator will earn month by month of what is paid ahead and not disputed; one query.

    Each part is rounded down, so that at least so much comes, unless buyers get it back.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COMING, [creator.pk])
        return [Coming(*row) for row in cursor.fetchall()]
