"""Whose money waits, and for what: every creator with money in a currency, for operators."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from marketplace.payouts.bookkeeping.due import CHOSEN_RAIL
from marketplace.payouts.connected.accounts import STRIPE, is_connected_rail
from marketplace.payouts.connected.backing_off import BACKS_OFF
from marketplace.payouts.connected.stops import CONNECT_STOPS, NOTHING_STOPS
from marketplace.payouts.rails.configured import rail_names
from marketplace.payouts.rows import rows_of
from marketplace.payouts.terms import HOLDS, STANDING, UNPASSED


@dataclass(frozen=True, slots=True)
class Waiting:
    """A creator's money in one currency, in minor units, and what its next payout waits for.

    `holds` are the reasons of operators' holds, `checks` “identity needed” and the like, `stop` the code for which
    their account with the provider cannot be paid (see connected/stops.py), or `refused` while the next waits because
    the provider refused the last (connected/backing_off.py), `level` that of their risk.
    """

    creator_id: UUID
    handle: str
    display_name: str
    currency: str
    pending_minor: int
    reserved_minor: int
    available_minor: int
    on_the_way_minor: int
    level: int
    holds: list[str]
    checks: list[str]
    stop: str


_WAITING = """
SELECT c.id AS creator_id, c.handle, c.display_name, who.currency, who.pending_minor, who.reserved_minor,
       who.available_minor, coalesce(o.minor, 0) AS on_the_way_minor, coalesce(risk.level, 0) AS level,
       ARRAY(SELECT h.reason {standing} ORDER BY h.id) AS holds,
       ARRAY(SELECT c.kind || ' ' || c.state {unpassed} ORDER BY c.kind) AS checks,
       coalesce((SELECT stop.code {stops} LIMIT 1), (SELECT 'refused' {backs_off}), '') AS stop
  FROM (SELECT a.owner_id, a.currency,
               coalesce(sum(a.balance_minor) FILTER (WHERE a.kind = 'creator_pending'), 0)::bigint AS pending_minor,
               coalesce(sum(a.balance_minor) FILTER (WHERE a.kind = 'creator_reserve'), 0)::bigint AS reserved_minor,
               coalesce(sum(a.balance_minor) FILTER (WHERE a.kind = 'creator_available'), 0)::bigint AS available_minor
          FROM payouts_account a
         WHERE a.owner_id IS NOT NULL AND a.kind IN ('creator_pending', 'creator_reserve', 'creator_available')
         GROUP BY a.owner_id, a.currency) who
  JOIN people_creator c ON c.id = who.owner_id
  LEFT JOIN LATERAL (SELECT sum(p.amount_minor)::bigint AS minor FROM payouts_payout p
                      WHERE p.creator_id = who.owner_id AND p.currency = who.currency
                        AND NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)) o ON true
  LEFT JOIN LATERAL (SELECT v.level FROM payouts_risk_assessment v
                      WHERE v.creator_id = who.owner_id AND v.currency = who.currency
                      ORDER BY v.id DESC LIMIT 1) risk ON true
 WHERE (%(like)s = '' OR strpos(c.handle, %(like)s) > 0 OR strpos(lower(c.display_name), %(like)s) > 0)
   AND (c.handle, who.currency) > (%(handle)s, %(currency)s)
   AND (NOT %(only_held)s OR EXISTS (SELECT {holds}) OR EXISTS (SELECT {stops}) OR EXISTS (SELECT {backs_off})
        OR risk.level > 0)
 ORDER BY c.handle, who.currency LIMIT %(limit)s
"""


def waiting(
    *, like: str, only_held: bool, after: tuple[str, str] = ("", ""), limit: int, now: datetime
) -> list[Waiting]:
    """Return creators with accounts in the books, by handle and currency after (handle, currency).

    `like` is a part of a handle or a name; `only_held` leaves out those for whose payouts nothing waits but time.
    """
    # Whoever is paid by another rail is not stopped by what their account with the provider lacks.
    stops = f"{CONNECT_STOPS} AND {CHOSEN_RAIL} = '{STRIPE}'" if is_connected_rail() else NOTHING_STOPS
    sql = _WAITING.format(standing=STANDING, unpassed=UNPASSED, holds=HOLDS, stops=stops, backs_off=BACKS_OFF)
    handle, currency = after
    params = {
        "like": like.strip().lower(),
        "only_held": only_held,
        "handle": handle,
        "currency": currency,
        "limit": limit,
        "now": now,
        "rails": rail_names(),
    }
    return [Waiting(**row) for row in rows_of(sql, params)]
