"""Payouts of several parts of which one was refused for good: the others come back, then the payout fails.

Until it fails the books have all of it in flight, so what comes back of its parts moves nothing in them.
"""

import logging
from datetime import datetime

from django.db import connection

from marketplace.payouts.bookkeeping.outcomes import record_refused
from marketplace.payouts.models import Payout

log = logging.getLogger(__name__)

WAITS = frozenset(
    [
        "account_closed",
        "account_invalid",
        "balance_insufficient",
        "insufficient_capabilities_for_transfer",
        "payouts_not_allowed",
        "resource_missing",
    ]
)
"""Stripe's words for a refusal that says nothing against the payout: it waits, and is tried under the next number."""

GIVEN_UP = f"""
      FROM payouts_attempt gt JOIN payouts_attempt_end ge ON ge.attempt_id = gt.id AND ge.state = 'refused'
     WHERE gt.payout_id = p.id AND gt.kind = 'transfer' AND gt.charge = ''
       AND ge.code NOT IN ({", ".join(f"'{code}'" for code in sorted(WAITS))})
"""
"""SQL for the refusals after which nothing more of `p`, a payout, is transferred, to be selected from."""

_OPEN_TRANSFERS = """
      FROM payouts_attempt ot
     WHERE ot.payout_id = p.id AND ot.kind = 'transfer'
       AND NOT EXISTS (SELECT FROM payouts_attempt_end oe WHERE oe.attempt_id = ot.id)
"""
_LEFT = """
      FROM payouts_attempt t JOIN payouts_attempt_end e ON e.attempt_id = t.id AND e.state = 'done'
      LEFT JOIN LATERAL (SELECT sum(r.amount_minor)::bigint AS minor FROM payouts_transfer_reversal r
                          WHERE r.transfer_id = t.id) back ON true
     WHERE t.payout_id = p.id AND t.kind = 'transfer'
"""
_ENDING = f"""
      FROM payouts_payout p
     WHERE NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)
       AND EXISTS (SELECT {GIVEN_UP}) AND NOT EXISTS (SELECT {_OPEN_TRANSFERS})
"""

TO_UNWIND = f"""
SELECT t.id, t.left_minor
  FROM (SELECT p.id {_ENDING}) p
 CROSS JOIN LATERAL (SELECT t.id, t.amount_minor - coalesce(back.minor, 0) AS left_minor {_LEFT}) t
 WHERE t.left_minor > 0
   AND NOT EXISTS (SELECT FROM payouts_attempt x LEFT JOIN payouts_attempt_end xe ON xe.attempt_id = x.id
                    WHERE x.of_id = t.id AND (xe.id IS NULL OR xe.state = 'refused' AND xe.at > %(since)s))
 ORDER BY t.id LIMIT %(limit)s
"""
"""SQL for the parts (transfer, minor units) that are to come back, by `since` and `limit`.

Once every part has an answer; what could not be taken back after `since` is left alone.
"""

_OVER = f"""
SELECT p.id, (SELECT coalesce(nullif(ge.reason, ''), ge.code) {GIVEN_UP} ORDER BY ge.id DESC LIMIT 1)
  FROM (SELECT p.id {_ENDING} AND (%(payout)s::uuid IS NULL OR p.id = %(payout)s)) p
 WHERE NOT EXISTS (SELECT {_LEFT} AND t.amount_minor > coalesce(back.minor, 0))
"""


def fail_given_up(*, now: datetime, payout: Payout | None = None) -> int:
    """Fail payouts that were given up and of which nothing is with an account any more; return how many.

    All of them, or one. Their creators have the money again. Not to be called inside a transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OVER, {"payout": payout and payout.pk})
        over = cursor.fetchall()
    payouts = Payout.objects.in_bulk([key for key, _why in over])
    for key, why in over:
        record_refused(payout=payouts[key], why=why, now=now)
    return len(over)


def is_given_up(payout: Payout) -> bool:
    """Whether a payout has no outcome yet, and no more of it is transferred because a part was refused for good."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT EXISTS (SELECT FROM payouts_payout p
                            WHERE p.id = %s AND EXISTS (SELECT {GIVEN_UP})
                              AND NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id))
            """,
            [payout.pk],
        )
        return bool(cursor.fetchone()[0])
