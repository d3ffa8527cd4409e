"""To whom a payout is due, by a rail or on chain: by holds, schedules, thresholds, and what is on its way."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from marketplace.payouts.connected.backing_off import BACKS_OFF
from marketplace.payouts.connected.stops import NOTHING_STOPS
from marketplace.payouts.rails.configured import rail_names
from marketplace.payouts.terms import AHEAD, FREE, LAST_DAYS, TERMS, Schedule, standard
from marketplace.people.models import Creator

ON_CHAIN = """
SELECT w.creator_id FROM payouts_way w
 WHERE w.currency = %(currency)s AND w.on_chain
   AND NOT EXISTS (SELECT FROM payouts_way l
                    WHERE l.creator_id = w.creator_id AND l.currency = w.currency AND l.id > w.id)
"""
"""SQL for the creators who are paid on chain in a currency: the newest of their ways says so."""

CHOSEN_RAIL = """
coalesce((SELECT CASE WHEN w.rail = ANY (%(rails)s::text[]) THEN w.rail END FROM payouts_way w
           WHERE w.creator_id = who.owner_id AND w.currency = who.currency ORDER BY w.id DESC LIMIT 1),
         (%(rails)s::text[])[1])
"""
"""SQL for the name of the rail, of those that are set up, by which `who` is paid unless they are on chain."""

# The creators to whom a payout is due, the next of them by id. What a refusal of this run gave back waits for the
# next one.
_DUE = f"""
SELECT who.owner_id, who.balance_minor
  FROM payouts_account who {TERMS}
  LEFT JOIN unnest(%(slot_kinds)s::text[], %(slot_days)s::int[], %(slots)s::timestamptz[]) AS slot (kind, day, since)
         ON slot.kind = terms.schedule AND slot.day = terms.day
 WHERE who.kind = 'creator_available' AND who.currency = %(currency)s AND who.balance_minor > 0
   AND (%(after)s::uuid IS NULL OR who.owner_id > %(after)s)
   AND CASE WHEN %(creator)s::uuid IS NOT NULL THEN who.owner_id = %(creator)s ELSE
           who.balance_minor >= terms.threshold_minor AND terms.schedule <> 'manual'
           AND NOT EXISTS (SELECT FROM payouts_payout p
                            WHERE p.creator_id = who.owner_id AND p.currency = who.currency
                              AND p.reserved_at BETWEEN slot.since AND %(ahead)s)
           AND (%(on_chain)s OR NOT EXISTS (SELECT {BACKS_OFF}))
           AND NOT (%(on_chain)s
                    AND EXISTS (SELECT FROM payouts_chain_account c
                                  JOIN payouts_chain_book b ON b.id = c.book_id AND b.currency = who.currency
                                  JOIN payouts_root_line l ON l.account_id = c.id
                                  JOIN payouts_root r ON r.id = l.root_id
                                 WHERE c.creator_id = who.owner_id
                                   AND r.published_at BETWEEN slot.since AND %(ahead)s)) END
   AND (who.owner_id IN ({ON_CHAIN})) = %(on_chain)s
   AND (%(on_chain)s OR cardinality(%(rails)s::text[]) = 1 OR {CHOSEN_RAIL} = %(rail)s)
   AND {FREE} AND NOT EXISTS (SELECT {{stops}})
   AND NOT EXISTS (SELECT FROM payouts_payout p
                    WHERE p.creator_id = who.owner_id AND p.currency = who.currency
                      AND p.released_through_id = (SELECT max(q.released_through_id) FROM payouts_payout q
                                                    WHERE q.creator_id = who.owner_id AND q.currency = who.currency)
                      AND NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id))
   AND who.owner_id NOT IN (SELECT p.creator_id
                              FROM payouts_payout_outcome o JOIN payouts_payout p ON p.id = o.payout_id
                             WHERE o.id > %(refused_before)s AND o.state = 'failed' AND p.currency = %(currency)s)
 ORDER BY who.owner_id LIMIT %(limit)s
"""


def _slots(now: datetime) -> dict[str, Any]:
    """Return the newest moment of each schedule that has any, as parameters of `_DUE`."""
    schedules = [
        Schedule("daily"),
        *(Schedule(kind, day) for kind, last in LAST_DAYS.items() for day in range(1, last + 1)),
    ]
    return {
        "slot_kinds": [schedule.kind for schedule in schedules],
        "slot_days": [schedule.day for schedule in schedules],
        "slots": [schedule.slot(now) for schedule in schedules],
        "ahead": now + AHEAD,
        "now": now,
    }


def whom_due(
    *,
    currency: str,
    creator: Creator | None,
    after: UUID | None,
    refused_before: int,
    on_chain: bool,
    limit: int | None,
    now: datetime,
    rail: str = "",
    stops: str = NOTHING_STOPS,
) -> list[tuple[UUID, int]]:
    """Return (creator's id, what they have available in minor units) of the next to be paid, by id after `after`.

    `on_chain` asks for those who are paid on chain, else for those who are paid by `rail`, its name; a creator who is
    given is asked about alone, whatever schedule and threshold say. Whom the rail refused after the outcome numbered
    `refused_before` is left out, and whom it cannot pay now by `stops`, its SQL. The currency must be locked.
    """
    params = {
        **standard(),
        **_slots(now),
        "currency": currency,
        "creator": creator and creator.pk,
        "after": after,
        "refused_before": refused_before,
        "on_chain": on_chain,
        "rails": rail_names(),
        "rail": rail,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE.format(stops=stops), params)
        return list(cursor.fetchall())
