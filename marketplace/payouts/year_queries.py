"""What each creator was credited in a year, month by month: the figures that tax offices ask for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from marketplace.payouts.tax_rules import TaxPerson, read_person
from marketplace.payouts.tax_sealing import unseal
from marketplace.payouts.taxes import TaxDetails
from marketplace.people.models import Creator


@dataclass(frozen=True, slots=True)
class Month:
    """What a creator was credited in one month and currency, in minor units.

    `credited_minor` is their royalty lines; `fee_minor` their part of the sales' fees, so that both together are their
    part of what buyers paid, without tax; `sales` is how many sales these are. `awarded_minor` is what was credited
    because a claim was upheld: no buyer paid it now. `reversed_minor` and `reversed_fee_minor` are what refunds,
    takedowns and lost disputes took back in this month, whenever the sale was, less what came back after all.
    """

    month: int
    sales: int
    credited_minor: int
    fee_minor: int
    awarded_minor: int
    reversed_minor: int
    reversed_fee_minor: int

    @property
    def gross_minor(self) -> int:
        """The creator's part of what buyers paid, without tax, before anything was taken back."""
        return self.credited_minor + self.fee_minor


@dataclass(frozen=True, slots=True)
class Year:
    """A creator's year in one currency; months without anything are left out."""

    creator_id: UUID
    currency: str
    months: tuple[Month, ...]

    def of(self, months: Sequence[int]) -> Month:
        """Return the sum of some months, under the number of the first."""
        mine = [month for month in self.months if month.month in months]
        return Month(
            months[0],
            *(
                sum(getattr(month, name) for month in mine)
                for name in (
                    *("sales", "credited_minor", "fee_minor", "awarded_minor"),
                    *("reversed_minor", "reversed_fee_minor"),
                )
            ),
        )


# What was credited is told by the moment of the royalty run: a sale that a claim froze over the turn of the year is
# credited in the next one, and no year changes after its end. A fee is divided as the net is, by largest remainder
# over the sale's split, ties to the lower payee, so that creators' parts of a sale add up to what was paid for it.
_MONTHS = """
WITH sold AS MATERIALIZED (
    SELECT s.id, s.split_id, s.currency, s.paid_from, s.fee_minor, l.moment
      FROM (SELECT DISTINCT l.sale_id, r.ran_at AS moment
              FROM payouts_royalty_run r JOIN payouts_royalty_line l ON l.run_id = r.id
             WHERE r.ran_at >= %(begins)s AND r.ran_at < %(ends)s) l
      JOIN payouts_sale s ON s.id = l.sale_id
), taken AS MATERIALIZED (
    SELECT v.id, v.sale_id, v.fee_minor, CASE v.kind WHEN 'dispute' THEN o.closed_at ELSE v.opened_at END AS moment
      FROM payouts_reversal v LEFT JOIN payouts_reversal_outcome o ON o.reversal_id = v.id
     WHERE v.kind <> 'dispute' OR o.outcome = 'lost'
), back AS MATERIALIZED (
    SELECT o.id, v.sale_id, o.fee_minor, o.closed_at AS moment
      FROM payouts_reversal_outcome o JOIN payouts_reversal v ON v.id = o.reversal_id AND v.kind <> 'dispute'
     WHERE o.closed_at >= %(begins)s AND o.closed_at < %(ends)s
), item AS (
    SELECT 'sold' AS what, id::text AS id, split_id, currency, fee_minor, moment FROM sold
     UNION ALL
    SELECT 'taken', t.id::text, s.split_id, s.currency, t.fee_minor, t.moment
      FROM taken t JOIN payouts_sale s ON s.id = t.sale_id WHERE t.moment >= %(begins)s AND t.moment < %(ends)s
     UNION ALL
    SELECT 'back', b.id::text, s.split_id, s.currency, b.fee_minor, b.moment
      FROM back b JOIN payouts_sale s ON s.id = b.sale_id
), cut AS (
    SELECT i.what, i.id, i.currency, i.moment, i.fee_minor, h.payee_id,
           (i.fee_minor / 1000000000) * h.share_ppb
               + ((i.fee_minor %% 1000000000) * h.share_ppb) / 1000000000 AS amount_minor,
           ((i.fee_minor %% 1000000000) * h.share_ppb) %% 1000000000 AS rest
      FROM item i JOIN payouts_split_share h ON h.split_id = i.split_id WHERE i.fee_minor > 0
), ranked AS (
    SELECT cut.*, row_number() OVER (PARTITION BY what, id ORDER BY rest DESC, payee_id) AS place,
           fee_minor - sum(amount_minor) OVER (PARTITION BY what, id)::bigint AS left_over
      FROM cut
), told AS (
    SELECT payee_id, currency, moment, 0 AS sales, 0::bigint AS credited, 0::bigint AS awarded, 0::bigint AS reversed,
           CASE what WHEN 'sold' THEN amount_minor + (place <= left_over)::int ELSE 0 END AS fee,
           CASE what WHEN 'taken' THEN amount_minor + (place <= left_over)::int
                     WHEN 'back' THEN -amount_minor - (place <= left_over)::int ELSE 0 END AS reversed_fee
      FROM ranked
     UNION ALL
    SELECT l.payee_id, s.currency, s.moment, (s.paid_from <> 'taken_down')::int,
           CASE s.paid_from WHEN 'taken_down' THEN 0 ELSE l.amount_minor END,
           CASE s.paid_from WHEN 'taken_down' THEN l.amount_minor ELSE 0 END, 0, 0, 0
      FROM sold s JOIN payouts_royalty_line l ON l.sale_id = s.id
     UNION ALL
    SELECT l.payee_id, s.currency, t.moment, 0, 0, 0, v.amount_minor, 0, 0
      FROM taken t JOIN payouts_reversal_line v ON v.reversal_id = t.id
      JOIN payouts_royalty_line l ON l.id = v.line_id JOIN payouts_sale s ON s.id = t.sale_id
     WHERE t.moment >= %(begins)s AND t.moment < %(ends)s
     UNION ALL
    SELECT l.payee_id, s.currency, b.moment, 0, 0, 0, -r.amount_minor, 0, 0
      FROM back b JOIN payouts_returned_line r ON r.outcome_id = b.id
      JOIN payouts_royalty_line l ON l.id = r.line_id JOIN payouts_sale s ON s.id = b.sale_id
)
SELECT payee_id, currency, extract(month FROM moment AT TIME ZONE 'UTC')::int AS month, sum(sales)::bigint,
       sum(credited)::bigint, sum(fee)::bigint, sum(awarded)::bigint, sum(reversed)::bigint, sum(reversed_fee)::bigint
  FROM told GROUP BY payee_id, currency, month ORDER BY payee_id, currency, month
"""


def years_of(year: int) -> list[Year]:
    """Return what everybody was credited in a calendar year in UTC, by creator and currency."""
    begins, ends = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    found: dict[tuple[UUID, str], list[Month]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS, {"begins": begins, "ends": ends})
        for payee_id, currency, *figures in cursor.fetchall():
            found[payee_id, currency].append(Month(*figures))
    return [Year(creator_id, currency, tuple(months)) for (creator_id, currency), months in found.items()]


def tax_details_of(creator: Creator) -> TaxPerson | None:
    """Return the newest of what a creator said for the tax office; raises UnableToUnseal."""
    newest = TaxDetails.objects.filter(creator=creator).order_by("-id").first()
    return read_person(unseal(newest.sealed, creator.pk)) if newest else None


def tax_details(creator_ids: Iterable[UUID]) -> dict[UUID, TaxPerson]:
    """Return creator → the newest of what they said, without those who said nothing; raises UnableToUnseal."""
    rows = TaxDetails.objects.filter(creator__in=list(creator_ids)).order_by("creator", "-id").distinct("creator")
    return {row.creator_id: read_person(unseal(row.sealed, row.creator_id)) for row in rows}
