"""What the uses of recipes cost: a month's events become charges, sales and royalties, in sets (docs/usage.md)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from marketplace.licensing.rules import PRICE_LIMIT_MINOR
from marketplace.payouts.rules import MAX_AMOUNT_MINOR

log = logging.getLogger(__name__)

MONTHS_BACK = 3
"""How many months are looked at for what was not rated while nobody was there to do it."""
_LOCK = 0x05A6E
"""The name of the advisory lock that lets only one rate at a time."""


class UnableToRate(Exception):
    """The uses of a month could not be priced; nothing was written."""

    code = "month-not-rated"


@dataclass(frozen=True, slots=True)
class Rated:
    """How much one run wrote. `left_out` are licenses whose month comes to more than the books can hold."""

    charges: int
    lines: int
    royalties: int
    left_out: tuple[UUID, ...] = ()


# Uses are counted for each lock and unit first, and then for each license that the lock is painted under: once,
# however many of its layers have that license. `held` is whether a license held at any time in the month and none of
# the same studio took its place in it: then its least is owed without any use.
_CHARGES = """
WITH metered AS (
    SELECT g.id AS grant_id, g.studio_id, g.starts_at, g.ends_at, o.id AS offer_id, o.unit, o.currency,
           greatest(%(begins)s, g.granted_at) AS priced_at
      FROM licensing_grant g JOIN licensing_offer o ON o.id = g.offer_id
     WHERE o.model = 'metered' AND g.granted_at < %(ends)s
       AND NOT EXISTS (SELECT FROM checkout_usagecharge c WHERE c.grant_id = g.id AND c.month = %(month)s)
), painted AS (
    SELECT DISTINCT p.lock_id, p.grant_id, m.unit
      FROM compositions_lockedpack p JOIN metered m ON m.grant_id = p.grant_id
), counted AS (
    SELECT e.lock_id, u.unit, count(e.counts ->> u.unit) AS events, sum((e.counts ->> u.unit)::bigint) AS quantity
      FROM (SELECT DISTINCT lock_id, unit FROM painted) u
      JOIN compositions_usageevent e ON e.lock_id = u.lock_id AND e.month = %(month)s
     GROUP BY e.lock_id, u.unit
), used AS (
    SELECT p.grant_id, sum(c.events) AS events, sum(c.quantity) AS quantity
      FROM painted p JOIN counted c ON c.lock_id = p.lock_id AND c.unit = p.unit
     WHERE c.events > 0 GROUP BY p.grant_id
), priced AS (
    SELECT m.*, p.id AS price_id, p.month_minimum_minor, p.month_cap_minor,
           coalesce(t.price_minor, p.price_minor) AS unit_minor,
           coalesce(u.events, 0) + coalesce(r.reports, 0) AS events,
           coalesce(u.quantity, 0) + coalesce(r.quantity, 0) AS quantity
      FROM metered m
      JOIN LATERAL (SELECT * FROM licensing_offerprice p
                     WHERE p.offer_id = m.offer_id AND (p.starts_at <= m.priced_at OR p.number = 0)
                       AND (p.ends_at IS NULL OR m.priced_at < p.ends_at)
                     ORDER BY p.number DESC LIMIT 1) p ON true
      LEFT JOIN used u ON u.grant_id = m.grant_id
      LEFT JOIN LATERAL (SELECT count(*) AS reports, sum(w.quantity) AS quantity FROM licensing_usagereport w
                          WHERE w.grant_id = m.grant_id AND w.reported_at >= %(begins)s AND w.reported_at < %(ends)s
                            AND p.month_minimum_minor + p.month_cap_minor > 0
                            AND NOT EXISTS (SELECT FROM checkout_orderline l WHERE l.report_id = w.id)) r ON true
      LEFT JOIN LATERAL (SELECT d.people, d.revenue_usd FROM people_sizedeclaration d
                          WHERE d.studio_id = m.studio_id AND d.declared_at < %(ends)s
                          ORDER BY d.id DESC LIMIT 1) z ON p.tiers <> '[]'
      LEFT JOIN LATERAL (SELECT (one ->> 'price_minor')::bigint AS price_minor
                           FROM jsonb_array_elements(p.tiers) WITH ORDINALITY AS tier (one, place)
                          WHERE (one ->> 'up_to_people' = '0' OR z.people <= (one ->> 'up_to_people')::bigint)
                            AND (one ->> 'up_to_revenue_usd' = '0'
                                 OR z.revenue_usd <= (one ->> 'up_to_revenue_usd')::bigint)
                            AND z.people IS NOT NULL
                          ORDER BY place LIMIT 1) t ON true
     WHERE u.grant_id IS NOT NULL OR r.reports > 0 OR p.month_minimum_minor > 0
), held AS (
    SELECT p.*, p.quantity * p.unit_minor AS used_minor,
           p.starts_at < %(ends)s AND (p.ends_at IS NULL OR p.ends_at > %(begins)s)
           AND NOT EXISTS (SELECT FROM licensing_grant f
                            WHERE f.replaces_id = p.grant_id AND f.studio_id = p.studio_id AND f.starts_at < %(ends)s)
           AND (coalesce((SELECT s.status FROM licensing_grantstatus s
                           WHERE s.grant_id = p.grant_id AND s.since <= greatest(%(begins)s, p.starts_at)
                           ORDER BY s.id DESC LIMIT 1), 'active') = 'active'
                OR EXISTS (SELECT FROM licensing_grantstatus s WHERE s.grant_id = p.grant_id AND s.status = 'active'
                              AND s.since > %(begins)s AND s.since < %(ends)s)) AS is_held
      FROM priced p
), charged AS (
    SELECT h.*, CASE WHEN month_cap_minor > 0 THEN least(least_minor, month_cap_minor) ELSE least_minor END AS amount
      FROM (SELECT held.*, CASE WHEN is_held THEN greatest(used_minor, month_minimum_minor) ELSE used_minor END
                   AS least_minor FROM held WHERE events > 0 OR is_held) h
), made AS (
    INSERT INTO checkout_usagecharge (id, grant_id, month, unit, events, quantity, unit_minor, used_minor,
                                      amount_minor, currency, price_id, rated_at)
    SELECT gen_random_uuid(), grant_id, %(month)s, unit, events, quantity, unit_minor, used_minor, amount, currency,
           price_id, %(now)s
      FROM charged WHERE used_minor <= %(books)s AND amount <= %(most)s
    RETURNING id
)
SELECT (SELECT count(*) FROM made),
       ARRAY(SELECT grant_id FROM charged WHERE used_minor > %(books)s OR amount > %(most)s ORDER BY grant_id)
"""

# A composition's contracts come first, each by its fee for each unit; where the month costs less than they come to,
# they share it: rounded down, the units that are left to the largest remainders, ties to the first. The rest is the
# pool. Without contracts there is one line, the license's own.
_FEE = "({0} / 1000000000) * %(fee_ppb)s + (({0} %% 1000000000) * %(fee_ppb)s) / 1000000000"
_LINES = f"""
WITH fresh AS (
    SELECT c.id, c.amount_minor, c.quantity, c.currency, c.unit, g.release_id, r.split_id
      FROM checkout_usagecharge c
      JOIN licensing_grant g ON g.id = c.grant_id JOIN catalog_release r ON r.id = g.release_id
     WHERE c.month = %(month)s
       AND NOT EXISTS (SELECT FROM checkout_usagechargeline l WHERE l.charge_id = c.id)
), contract AS (
    SELECT w.release_id, coalesce(t.one ->> 'currency', a.facts ->> 'currency') AS currency,
           a.facts ->> 'unit' AS unit, (t.one ->> 'amount_minor')::numeric AS fee_minor,
           r.id AS paid_id, r.split_id AS paid_split_id, t.place
      FROM (SELECT DISTINCT release_id FROM fresh) w
      JOIN catalog_releaseasset x ON x.release_id = w.release_id AND x.path = 'composition.json'
      JOIN assets_asset a ON a.id = x.asset_id AND a.facts ->> 'kind' = 'composition'
     CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(a.facts -> 'fees') = 'array'
                                                  THEN a.facts -> 'fees' ELSE '[]' END)
                        WITH ORDINALITY AS t (one, place)
      JOIN catalog_release r ON r.digest = t.one ->> 'release'
), due AS (
    SELECT f.id, f.amount_minor::numeric AS amount_minor, k.paid_id, k.paid_split_id,
           row_number() OVER (PARTITION BY f.id ORDER BY k.place) - 1 AS position,
           k.fee_minor * f.quantity AS due_minor, sum(k.fee_minor * f.quantity) OVER (PARTITION BY f.id) AS owed_minor
      FROM fresh f
      JOIN contract k ON k.release_id = f.release_id AND k.currency = f.currency
                     AND coalesce(k.unit, f.unit) IN ('', f.unit)
), cut AS (
    SELECT due.*,
           CASE WHEN owed_minor > amount_minor THEN div(amount_minor * due_minor, owed_minor)
                ELSE due_minor END AS part,
           CASE WHEN owed_minor > amount_minor THEN mod(amount_minor * due_minor, owed_minor)
                ELSE 0 END AS rest
      FROM due
), ranked AS (
    SELECT cut.*, row_number() OVER (PARTITION BY id ORDER BY rest DESC, position) AS place,
           least(owed_minor, amount_minor) - sum(part) OVER (PARTITION BY id) AS left_over
      FROM cut
), fixed AS (
    SELECT id, position, paid_id, paid_split_id, (part + (place <= left_over)::int)::bigint AS amount_minor FROM ranked
), sums AS (
    SELECT id, count(*) AS lines, sum(amount_minor)::bigint AS amount_minor FROM fixed GROUP BY id
), sales AS (
    SELECT id, position, 'contract' AS kind, paid_id AS release_id, paid_split_id AS split_id, amount_minor FROM fixed
     UNION ALL
    SELECT f.id, coalesce(s.lines, 0), CASE WHEN s.id IS NULL THEN 'license' ELSE 'pool' END, f.release_id, f.split_id,
           f.amount_minor - coalesce(s.amount_minor, 0)
      FROM fresh f LEFT JOIN sums s ON s.id = f.id
)
INSERT INTO checkout_usagechargeline (id, charge_id, position, kind, release_id, split_id, amount_minor, fee_minor)
SELECT gen_random_uuid(), id, position, kind, release_id, split_id, amount_minor, {_FEE.format("amount_minor")}
  FROM sales
"""

# As the books will allocate each line once it is paid: payouts' bookkeeping/royalties.py, bit for bit.
_ROYALTIES = """
WITH due AS (
    SELECT l.id, l.split_id, l.amount_minor - l.fee_minor AS net_minor
      FROM checkout_usagechargeline l JOIN checkout_usagecharge c ON c.id = l.charge_id
     WHERE c.month = %(month)s AND l.amount_minor > l.fee_minor
       AND NOT EXISTS (SELECT FROM checkout_usageroyalty r WHERE r.line_id = l.id)
), cut AS (
    SELECT d.id AS line_id, d.net_minor, h.payee_id, h.share_ppb,
           (d.net_minor / 1000000000) * h.share_ppb + ((d.net_minor %% 1000000000) * h.share_ppb) / 1000000000
           AS amount_minor,
           ((d.net_minor %% 1000000000) * h.share_ppb) %% 1000000000 AS rest
      FROM due d JOIN payouts_split_share h ON h.split_id = d.split_id
), ranked AS (
    SELECT cut.*, row_number() OVER (PARTITION BY line_id ORDER BY rest DESC, payee_id) AS place,
           net_minor - sum(amount_minor) OVER (PARTITION BY line_id)::bigint AS left_over
      FROM cut
)
INSERT INTO checkout_usageroyalty (line_id, payee_id, share_ppb, amount_minor)
SELECT line_id, payee_id, share_ppb, amount_minor + (place <= left_over)::int
  FROM ranked WHERE amount_minor + (place <= left_over)::int > 0
"""


@transaction.atomic
def rate_uses(*, month: date, now: datetime) -> Rated:
    """This will price all uses that were received in a month, given by its first day, and say who earns what of them.

    One charge for a license and month, which is added up once: doing it again, or two at once, writes what is not
    there yet. Divisions round down; what is left goes to the largest remainders. Raises UnableToRate for a month that
    is not over.
    """
    begins, ends = bounds_of(month)
    if month.day != 1 or now < ends:
        raise UnableToRate(
            _("The month of %(day)s is not over, or that is not its first day: rate a month that is.")
            % {"day": month.isoformat()}
        )
    values = {
        "month": month,
        "begins": begins,
        "ends": ends,
        "now": now,
        "fee_ppb": settings.PLATFORM_FEE_PPB,
        "most": PRICE_LIMIT_MINOR,
        "books": MAX_AMOUNT_MINOR,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_CHARGES, values)
        charges, left_out = cursor.fetchone()
        rated = Rated(charges, _written(cursor, _LINES, values), _written(cursor, _ROYALTIES, values), tuple(left_out))
    for grant_id in rated.left_out:
        log.error("the uses of license %s in %s come to more than the books can hold", grant_id, month)
    return rated


def _written(cursor: Any, sql: str, values: Mapping[str, Any]) -> int:
    cursor.execute(sql, values)
    return int(cursor.rowcount)


def month_of(moment: datetime) -> date:
    """This will tell which month, by its first day, a moment is in; in UTC."""
    return moment.astimezone(UTC).date().replace(day=1)


def bounds_of(month: date) -> tuple[datetime, datetime]:
    """This will tell when a month begins and when it is over, in UTC."""
    first = month.replace(day=1)
    return datetime.combine(first, time(), UTC), datetime.combine(month_after(first), time(), UTC)


def month_after(month: date, months: int = 1) -> date:
    """This will give the first day of the month that is so many later, or earlier where it is less than 0."""
    year, index = divmod(month.year * 12 + month.month - 1 + months, 12)
    return date(year, index + 1, 1)


def rate_months(*, now: datetime) -> list[Rated]:
    """This will rate the last months that are over, the oldest first; each commits by itself."""
    this = month_of(now)
    return [rate_uses(month=month_after(this, -back), now=now) for back in range(MONTHS_BACK, 0, -1)]
