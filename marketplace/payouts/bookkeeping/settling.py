"""Booking by the thousand that the payment provider settled sales."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import array_of, lock_currency
from marketplace.payouts.bookkeeping.providing import UnableToRecordSettlement, record_settled
from marketplace.payouts.ids import time_ordered_ids


@dataclass(frozen=True, slots=True)
class Collected:
    """One sale whose money the provider gave us: its fee in the sale's currency, and the provider's own name for it."""

    source: str
    fee_minor: int
    reference: str


# What `record_settled` writes for one sale, for all of them in one statement: what is in clearing of each, its
# transaction with the digest that `content_sha256` gives, its postings, and the fact. A sale of which nothing is left
# and that cost nothing has none. What is asked for is looked up by its key, each (`LATERAL` with `OFFSET 0`): however
# large the tables are, and whatever the planner thinks of them, they are never read as a whole.
_SETTLE = """
WITH asked AS MATERIALIZED (
    SELECT s.id AS sale_id, s.source, s.currency, s.transaction_id, l.fee, l.reference, l.named
      FROM unnest(%(sources)s::text[], %(fees)s::bigint[], %(references)s::text[], %(ids)s::uuid[])
           AS l (source, fee, reference, named)
     CROSS JOIN LATERAL (SELECT * FROM payouts_sale s
                          WHERE s.source = l.source AND s.paid_from = 'psp_clearing' OFFSET 0) s
     WHERE (SELECT true FROM payouts_provider_settlement v WHERE v.sale_id = s.id) IS NULL
), given AS MATERIALIZED (
    SELECT a.sale_id, r.id AS reversal_id, r.transaction_id
      FROM asked a CROSS JOIN LATERAL (SELECT id, transaction_id FROM payouts_reversal r
                                        WHERE r.sale_id = a.sale_id AND r.kind <> 'takedown' OFFSET 0) r
), held AS MATERIALIZED (
    SELECT x.sale_id, sum(p.amount_minor)::bigint AS moved
      FROM (SELECT a.sale_id, a.transaction_id FROM asked a
             UNION ALL
            SELECT g.sale_id, g.transaction_id FROM given g
             UNION ALL
            SELECT g.sale_id, o.transaction_id FROM given g
             CROSS JOIN LATERAL (SELECT transaction_id FROM payouts_reversal_outcome o
                                  WHERE o.reversal_id = g.reversal_id OFFSET 0) o) x
     CROSS JOIN LATERAL (SELECT p.amount_minor FROM payouts_posting p JOIN payouts_account c ON c.id = p.account_id
                          WHERE p.transaction_id = x.transaction_id AND c.kind = 'psp_clearing' OFFSET 0) p
     GROUP BY x.sale_id
), due AS MATERIALIZED (
    SELECT a.*, coalesce(h.moved, 0) AS moved FROM asked a LEFT JOIN held h ON h.sale_id = a.sale_id
     WHERE coalesce(h.moved, 0) <> 0 OR a.fee <> 0
), legs AS MATERIALIZED (
    SELECT d.named, d.currency, v.kind, v.amount
      FROM due d, LATERAL (VALUES ('psp_balance', d.moved - d.fee), ('psp_clearing', -d.moved), ('psp_fee', d.fee)
                          ) AS v (kind, amount)
     WHERE v.amount <> 0
), made AS (
    INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
    SELECT d.named, 'psp_settled', d.source, 'psp-settled:' || d.sale_id,
           encode(sha256(convert_to(concat(
               'psp_settled', chr(10), d.source, chr(10),
               CASE WHEN d.moved <> d.fee THEN 'psp_balance::' || d.currency || ' ' || (d.moved - d.fee) || chr(10) END,
               CASE WHEN d.moved <> 0 THEN 'psp_clearing::' || d.currency || ' ' || (-d.moved) || chr(10) END,
               CASE WHEN d.fee <> 0 THEN 'psp_fee::' || d.currency || ' ' || d.fee || chr(10) END
           ), 'UTF8')), 'hex'), %(now)s
      FROM due d ORDER BY d.source
    RETURNING id
), posted AS (
    INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
    SELECT m.id, c.id, l.amount FROM made m JOIN legs l ON l.named = m.id
      JOIN payouts_account c ON c.kind = l.kind AND c.currency = l.currency AND c.owner_id IS NULL AND c.detail = ''
    RETURNING 1
), settled AS (
    INSERT INTO payouts_provider_settlement (sale_id, fee_minor, reference, settled_at, transaction_id)
    SELECT d.sale_id, d.fee, d.reference, %(now)s, m.id FROM made m JOIN due d ON d.named = m.id
    RETURNING 1
)
SELECT (SELECT count(*) FROM settled), (SELECT count(*) FROM posted)
"""
_STANDS = """
SELECT l.source, s.id IS NOT NULL, s.paid_from, v.fee_minor = l.fee AND v.reference = l.reference
  FROM unnest(%(sources)s::text[], %(fees)s::bigint[], %(references)s::text[]) AS l (source, fee, reference)
  LEFT JOIN LATERAL (SELECT id, paid_from FROM payouts_sale s WHERE s.source = l.source OFFSET 0) s ON true
  LEFT JOIN LATERAL (SELECT id, fee_minor, reference FROM payouts_provider_settlement v
                      WHERE v.sale_id = s.id OFFSET 0) v ON true
 WHERE s.id IS NULL OR s.paid_from <> 'psp_clearing' OR v.id IS NOT NULL
"""
_CURRENCIES = """
SELECT DISTINCT s.currency FROM unnest(%s::text[]) AS l (source)
 CROSS JOIN LATERAL (SELECT currency FROM payouts_sale s WHERE s.source = l.source OFFSET 0) s ORDER BY s.currency
"""
_OPEN = """
SELECT payouts_open_accounts(array_agg(c.currency), array_agg(k.kind), array_fill(NULL::uuid, ARRAY[count(*)::int]),
                             array_fill(''::text, ARRAY[count(*)::int]))
  FROM unnest(%s::text[]) AS c (currency), unnest('{psp_balance,psp_clearing,psp_fee}'::text[]) AS k (kind)
"""


@transaction.atomic
def record_settlements(*, settled: Sequence[Collected], now: datetime) -> int:
    """Book that the provider settled any number of sales, all or none; return how many are new.

    Each is booked as `record_settled` does, which books what is no sale; the same again changes nothing. A sale of
    which nothing is left, and that cost no fee, is passed by. Raises UnableToRecordSettlement for the first that
    cannot be booked; then none of them is.
    """
    for one in settled:
        if one.fee_minor < 0:
            raise UnableToRecordSettlement(one.source, _("a fee is zero or more"))
        if not 0 < len(one.reference) <= 200:
            raise UnableToRecordSettlement(one.source, _("its reference is empty, too long or of another sale"))
    if not settled:
        return 0
    asked = {
        "sources": array_of(one.source for one in settled),
        "fees": array_of(one.fee_minor for one in settled),
        "references": array_of(one.reference for one in settled),
        "ids": array_of(time_ordered_ids(len(settled))),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CURRENCIES, [asked["sources"]])
        currencies = [currency for (currency,) in cursor.fetchall()]
        for currency in currencies:
            lock_currency(currency)
        cursor.execute(_STANDS, asked)
        others = _others(cursor.fetchall())
        if currencies:
            cursor.execute(_OPEN, [currencies])
        cursor.execute(_SETTLE, asked)
        (made, _postings) = cursor.fetchone()
    for one in settled:
        if one.source in others:
            record_settled(source=one.source, fee_minor=one.fee_minor, reference=one.reference, now=now)
            made += 1
    return int(made)


def _others(rows: Sequence[tuple[str, bool, str | None, bool | None]]) -> set[str]:
    """Return the sources that are no sales; raise UnableToRecordSettlement for one that is settled otherwise."""
    others = set()
    for source, is_sale, paid_from, is_same in rows:
        if not is_sale:
            others.add(source)
        elif paid_from != "psp_clearing":
            raise UnableToRecordSettlement(source, _("it was not paid through the provider"))
        elif not is_same:
            raise UnableToRecordSettlement(source, _("it was settled before with other content"))
    return others
