"""How long money has stood where it should not stand for ever: owed back, held, in suspense, on its way."""

from dataclasses import dataclass
from datetime import datetime

from marketplace.payouts.rows import rows_of

WHATS = (
    "owed-back",
    "disputed",
    "suspense",
    "frozen",
    "held",
    "reserved",
    "taken-down",
    "waiting",
    "on-the-way",
)
"""What is told by age, in the order in which it is told."""

DAYS = (30, 60, 90)
"""Where one age ends and the next begins, in whole days."""


@dataclass(frozen=True, slots=True)
class Aged:
    """One amount that stands, in minor units, since when and for what.

    `who` is the creator's handle, empty where it is the house's; `name` is the sale, claim, reason or payout that it
    is about; `until` is when it is over by itself, where that is known.
    """

    what: str
    currency: str
    who: str
    name: str
    since: datetime
    until: datetime | None
    amount_minor: int


@dataclass(frozen=True, slots=True)
class AgeSum:
    """The sum of what stands of one sort in one currency: `ages` are up to 30, 60, 90 days, and older."""

    what: str
    currency: str
    items: int
    ages: tuple[int, int, int, int]
    amount_minor: int


# What an account that is summed or kept still has, by the postings that brought it: the first were used first, so what
# is there is the latest of what came, and the oldest of that is older than all that came after.
_LOTS = """
    SELECT a.owner_id, a.currency, t.source AS name, t.occurred_at AS since,
           least(lot.amount_minor, a.there - (lot.through - lot.amount_minor)) AS amount_minor
      FROM ({accounts}) a
      CROSS JOIN LATERAL (
          SELECT p.id, p.transaction_id, abs(p.amount_minor) AS amount_minor,
                 sum(abs(p.amount_minor)) OVER (ORDER BY p.id DESC) AS through
            FROM payouts_posting p WHERE p.account_id = a.id AND sign(p.amount_minor) = a.side) lot
      JOIN payouts_transaction t ON t.id = lot.transaction_id
     WHERE lot.through - lot.amount_minor < a.there
"""

_OWED = _LOTS.format(
    accounts="""SELECT id, owner_id, currency, balance_minor AS there, 1 AS side FROM payouts_account
                 WHERE kind = 'creator_receivable' AND balance_minor > 0"""
)

_SUSPENSE = _LOTS.format(
    accounts="""SELECT a.id, a.owner_id, a.currency, abs(s.amount_minor) AS there, sign(s.amount_minor) AS side
                  FROM payouts_account a
                  CROSS JOIN LATERAL (SELECT sum(p.amount_minor) AS amount_minor FROM payouts_posting p
                                       WHERE p.account_id = a.id) s
                 WHERE a.kind = 'suspense' AND s.amount_minor <> 0"""
)

_ITEMS = f"""
WITH item AS (
    SELECT 'owed-back' AS what, owner_id, currency, name, since, NULL::timestamptz AS until, amount_minor
      FROM ({_OWED}) owed
     UNION ALL
    SELECT 'suspense', owner_id, currency, name, since, NULL, amount_minor FROM ({_SUSPENSE}) unknown
     UNION ALL
    SELECT 'disputed', NULL, s.currency, s.source, r.opened_at, NULL, r.amount_minor
      FROM payouts_reversal r JOIN payouts_sale s ON s.id = r.sale_id
     WHERE r.kind = 'dispute' AND NOT EXISTS (SELECT FROM payouts_reversal_outcome o WHERE o.reversal_id = r.id)
     UNION ALL
    SELECT 'frozen', l.payee_id, s.currency, f.reason, f.frozen_at, NULL, sum(k.amount_minor)
      FROM payouts_claim_hold_line k JOIN payouts_subject_freeze f ON f.id = k.freeze_id
      JOIN payouts_royalty_line l ON l.id = k.line_id JOIN payouts_sale s ON s.id = l.sale_id
     WHERE NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)
     GROUP BY l.payee_id, s.currency, f.id
     UNION ALL
    SELECT 'held', a.owner_id, a.currency, h.reason, h.held_at, NULL, a.balance_minor
      FROM payouts_account a
      JOIN LATERAL (SELECT w.reason, w.held_at
                      FROM (SELECT h.reason, h.held_at FROM payouts_hold h
                             WHERE h.creator_id = a.owner_id AND h.currency IN ('', a.currency)
                               AND NOT EXISTS (SELECT FROM payouts_hold_end e WHERE e.hold_id = h.id)
                             UNION ALL
                            SELECT c.kind || ' ' || c.state, c.at FROM payouts_creator_check c
                             WHERE c.creator_id = a.owner_id AND c.state NOT IN ('passed', 'lifted')
                               AND NOT EXISTS (SELECT FROM payouts_creator_check l WHERE l.creator_id = c.creator_id
                                                  AND l.kind = c.kind AND l.id > c.id)) w
                     ORDER BY w.held_at, w.reason LIMIT 1) h ON true
     WHERE a.kind = 'creator_available' AND a.balance_minor > 0
     UNION ALL
    SELECT 'reserved', v.creator_id, v.currency, 'royalty-run:' || h.run_id, h.released_at, v.until, v.amount_minor
      FROM payouts_reserve_line v JOIN payouts_hold_release h ON h.id = v.release_id
     WHERE NOT EXISTS (SELECT FROM payouts_reserve_end e WHERE e.reserve_id = v.id)
     UNION ALL
    SELECT 'taken-down', NULL, s.currency, r.reason, min(r.opened_at), NULL, sum(r.net_minor - coalesce(u.used, 0))
      FROM payouts_reversal r JOIN payouts_sale s ON s.id = r.sale_id
      LEFT JOIN LATERAL (SELECT sum(later.pot_minor - coalesce(o.pot_minor, 0)) AS used
                           FROM payouts_reversal later
                           LEFT JOIN payouts_reversal_outcome o ON o.reversal_id = later.id
                          WHERE later.sale_id = r.sale_id AND later.kind <> 'takedown') u ON true
     WHERE r.kind = 'takedown' AND NOT EXISTS (SELECT FROM payouts_reversal_outcome o WHERE o.reversal_id = r.id)
       AND NOT EXISTS (SELECT FROM payouts_sale a WHERE a.source = 'award:' || r.reason || ':' || s.currency)
     GROUP BY s.currency, r.reason HAVING sum(r.net_minor - coalesce(u.used, 0)) > 0
     UNION ALL
    SELECT 'waiting', NULL, s.currency, s.source, s.sold_at, NULL, s.net_minor
      FROM payouts_awaiting_allocation w JOIN payouts_sale s ON s.id = w.sale_id
     UNION ALL
    SELECT 'on-the-way', p.creator_id, p.currency, p.idem_key, p.reserved_at, NULL, p.amount_minor
      FROM payouts_payout p
     WHERE NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id AND o.state <> 'sent')
)
"""

_SUMS = f"""{_ITEMS}
SELECT what, currency, count(*) AS items, sum(amount_minor)::bigint AS amount_minor,
       coalesce(sum(amount_minor) FILTER (WHERE %(now)s - since < interval '1 day' * %(first)s), 0)::bigint AS newest,
       coalesce(sum(amount_minor) FILTER (WHERE %(now)s - since >= interval '1 day' * %(first)s
                                            AND %(now)s - since < interval '1 day' * %(second)s), 0)::bigint AS newer,
       coalesce(sum(amount_minor) FILTER (WHERE %(now)s - since >= interval '1 day' * %(second)s
                                            AND %(now)s - since < interval '1 day' * %(third)s), 0)::bigint AS older,
       coalesce(sum(amount_minor) FILTER (WHERE %(now)s - since >= interval '1 day' * %(third)s), 0)::bigint AS oldest
  FROM item GROUP BY what, currency
 ORDER BY array_position(%(whats)s::text[], what), currency
"""

_LIST = f"""{_ITEMS}
SELECT what, currency, coalesce(c.handle, '') AS who, name, since, until, amount_minor::bigint AS amount_minor
  FROM item LEFT JOIN people_creator c ON c.id = item.owner_id
 WHERE %(what)s = '' OR what = %(what)s
 ORDER BY array_position(%(whats)s::text[], what), since, currency, name, who, amount_minor
 LIMIT %(limit)s
"""


def aging(*, now: datetime) -> list[AgeSum]:
    """Return what stands, summed by sort, currency and age at `now`; sorts in the order of WHATS, then by currency."""
    first, second, third = DAYS
    params = {"now": now, "first": first, "second": second, "third": third, "whats": list(WHATS)}
    return [
        AgeSum(
            row["what"],
            row["currency"],
            row["items"],
            (row["newest"], row["newer"], row["older"], row["oldest"]),
            row["amount_minor"],
        )
        for row in rows_of(_SUMS, params)
    ]


def aged(*, what: str = "", limit: int | None = None) -> list[Aged]:
    """Return each amount that stands, the oldest of each sort first; of one sort where `what` names it."""
    return [Aged(**row) for row in rows_of(_LIST, {"what": what, "limit": limit, "whats": list(WHATS)})]
