"""What is left of what a buyer paid, whether it was sold at once or paid ahead, and what went back of it."""

from collections.abc import Iterable

from django.db import connection
from django.db.models import Sum

from marketplace.payouts.bookkeeping.deferral_left import LEFT_OF_PARTS
from marketplace.payouts.bookkeeping.remaining import REMAINING_OF_LINES, REMAINING_OF_SALES
from marketplace.payouts.deferral_models import DeferralReversal
from marketplace.payouts.reversals import Reversal


def _of_sold(sql: str) -> str:
    """Returns SQL that asks about given sales as it asks about those that are found in `sold`."""
    return sql.replace("ANY (%(sales)s::uuid[])", "ANY (SELECT id FROM sold)")


_LEFT = f"""
WITH paid AS (SELECT id, source, tax_minor FROM payouts_deferral WHERE source = ANY (%(sources)s)),
sold AS (
    SELECT id, source, net_minor FROM payouts_sale
     WHERE source = ANY (%(sources)s) AND source NOT IN (SELECT source FROM paid)
     UNION ALL
    SELECT s.id, d.source, s.net_minor
      FROM paid d JOIN payouts_deferral_part p ON p.deferral_id = d.id
      JOIN payouts_recognized_part r ON r.part_id = p.id JOIN payouts_sale s ON s.id = r.sale_id)
SELECT source, sum(amount_minor)::bigint
  FROM (SELECT source, tax_minor AS amount_minor FROM paid
         UNION ALL
        SELECT d.source, -v.tax_minor
          FROM paid d JOIN payouts_deferral_reversal v ON v.deferral_id = d.id
          LEFT JOIN payouts_deferral_reversal_outcome o ON o.reversal_id = v.id
         WHERE o.id IS NULL OR o.outcome = 'lost'
         UNION ALL
        SELECT d.source, p.amount_minor
          FROM paid d JOIN ({LEFT_OF_PARTS} WHERE p.deferral_id IN (SELECT id FROM paid)) p ON p.deferral_id = d.id
         UNION ALL
        SELECT s.source, r.tax_minor + r.fee_minor + r.pot_minor
          FROM sold s JOIN ({_of_sold(REMAINING_OF_SALES)}) r ON r.sale_id = s.id
         UNION ALL
        SELECT s.source, l.amount_minor FROM sold s JOIN ({_of_sold(REMAINING_OF_LINES)}) l ON l.sale_id = s.id
         UNION ALL
        SELECT s.source, s.net_minor
          FROM sold s JOIN payouts_awaiting_allocation a ON a.sale_id = s.id) of_them
 GROUP BY source
"""
# One statement, so that no money is missed or counted twice that moves meanwhile: from what awaits its allocation to
# lines, from a part to its sale. While a sale awaits its allocation it has no lines, and all of its net is left.


def left_of_sales(sources: Iterable[str]) -> dict[str, int]:
    """Return how many minor units of each source can still be given back to its buyer; what was not paid is not there.

    Of what was paid ahead that is what is not earned yet, and what is left of the sales that were made of it. One
    query, however many they are.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, {"sources": list(sources)})
        return dict(cursor.fetchall())


def left_of_sale(source: str) -> int | None:
    """Return how many minor units can still be given back to the buyer; None where nothing was paid."""
    return left_of_sales([source]).get(source)


def amount_taken(key: str) -> int:
    """Return how much went back with the refund or dispute that a key names, in minor units; 0 where none did."""
    for table in (DeferralReversal, Reversal):
        if found := table.objects.filter(key=key).values_list("amount_minor", flat=True).first():
            return int(found)
    return 0


def loss_of(source: str) -> int:
    """Return what the house bore of refunds and lost disputes of what a source names, beyond what was left of it."""
    found = 0
    for rows in (
        Reversal.objects.filter(sale__source=source),
        DeferralReversal.objects.filter(deferral__source=source),
    ):
        stands = rows.exclude(outcome__outcome__in=["won", "failed"]).exclude(kind="dispute", outcome=None)
        found += stands.aggregate(all=Sum("loss_minor"))["all"] or 0
    return found


def tax_taken(key: str) -> int:
    """Return how much tax went back with the refund or dispute that a key names, in minor units; 0 where none did."""
    for table in (DeferralReversal, Reversal):
        if found := table.objects.filter(key=key).values_list("tax_minor", flat=True).first():
            return int(found)
    return 0
