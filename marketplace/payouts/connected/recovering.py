"""Taking back what creators owe from money that is still in their accounts with the provider."""

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from marketplace.database.locks import alone
from marketplace.payouts.attempts import PayoutAttempt
from marketplace.payouts.bookkeeping.attempting import ask_for, begin_next, record_ends
from marketplace.payouts.connected.balances import ask_balances
from marketplace.payouts.kinds import AccountKind
from marketplace.provider.calls import perform_all
from marketplace.provider.client import ProviderUnavailable

log = logging.getLogger(__name__)

AT_ONCE = 500

RECOVERING_LOCK = 0x2EC0FE  # the first half of an advisory lock's name: one at a time reads debts and takes them back

# Who owes since before a moment: since the newest posting that found nothing owed, or the first of all.
_DEBTORS = """
SELECT o.owner_id, o.currency, o.balance_minor
  FROM payouts_account o
 CROSS JOIN LATERAL (
     SELECT min(x.occurred_at) AS since
       FROM (SELECT t.occurred_at, p.id, sum(p.amount_minor) OVER (ORDER BY p.id) AS owed
               FROM payouts_posting p JOIN payouts_transaction t ON t.id = p.transaction_id
              WHERE p.account_id = o.id) x
      WHERE x.id > coalesce((SELECT max(y.id)
                               FROM (SELECT p.id, sum(p.amount_minor) OVER (ORDER BY p.id) AS owed
                                       FROM payouts_posting p WHERE p.account_id = o.id) y
                              WHERE y.owed <= 0), 0)) d
 WHERE o.kind = 'creator_receivable' AND o.balance_minor > 0 AND d.since < %(before)s
 ORDER BY o.currency, o.owner_id LIMIT %(limit)s
"""

# Transfers to their accounts of which something is left, the newest first, without any that is being taken back or that
# is a part of a payout that was not sent whole.
_TRANSFERS = """
SELECT t.id, t.account_id, a.reference, t.amount_minor - coalesce(r.minor, 0) AS left_minor
  FROM payouts_payout p JOIN payouts_attempt t ON t.payout_id = p.id AND t.kind = 'transfer'
  JOIN payouts_attempt_end e ON e.attempt_id = t.id AND e.state = 'done'
  JOIN payouts_connected_account a ON a.id = t.account_id
  JOIN LATERAL (SELECT s.closed FROM payouts_connected_state s WHERE s.account_id = a.id
                 ORDER BY s.id DESC LIMIT 1) s ON NOT s.closed
  LEFT JOIN LATERAL (SELECT sum(r.amount_minor)::bigint AS minor FROM payouts_transfer_reversal r
                      WHERE r.transfer_id = t.id) r ON true
 WHERE p.creator_id = %(creator)s AND p.currency = %(currency)s
   AND EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id AND o.state = 'sent')
   AND t.amount_minor > coalesce(r.minor, 0)
   AND NOT EXISTS (SELECT FROM payouts_attempt x
                    WHERE x.of_id = t.id AND NOT EXISTS (SELECT FROM payouts_attempt_end xe WHERE xe.attempt_id = x.id))
 ORDER BY t.id DESC
"""


class Recovered(NamedTuple):
    """What was taken back, in how many parts, and how many calls nobody answered."""

    parts: int
    silent: int


def recover_debts(*, now: datetime, days: int | None = None) -> Recovered:
    """Take back from creators' accounts with the provider what they owe since `days`, as far as it is there.

    By the setting RECOVER_DEBTS_DAYS where no days are given; 0 recovers nothing. What a creator earned meanwhile has
    met the debt first; what comes back beyond it is theirs. While another does so, this one takes nothing. Not to be
    called inside a transaction.
    """
    days = settings.RECOVER_DEBTS_DAYS if days is None else days
    if not days:
        return Recovered(0, 0)
    with alone(RECOVERING_LOCK, "debts") as is_mine:
        if not is_mine:
            log.info("Debts are being taken back by another; this one leaves them alone.")
            return Recovered(0, 0)
        return _recover(days, now)


def _recover(days: int, now: datetime) -> Recovered:
    with connection.cursor() as cursor:
        cursor.execute(_DEBTORS, {"before": now - timedelta(days=days), "limit": AT_ONCE})
        debtors = cursor.fetchall()
    of: dict[int, int] = {}
    for creator_id, currency, owed_minor in debtors:
        of |= _parts(creator_id, currency, owed_minor, now)
    attempts = begin_next(kind=PayoutAttempt.Kind.RECOVERY, of=of, now=now)
    if not attempts:
        return Recovered(0, 0)
    ends = perform_all([ask_for(one) for one in attempts], now=now, threads=settings.CONNECT_THREADS)
    record_ends(ended=list(zip(attempts, ends, strict=True)), funds=AccountKind.PSP_BALANCE, now=now)
    return Recovered(
        sum(isinstance(end, dict) for end in ends), sum(isinstance(end, ProviderUnavailable) for end in ends)
    )


def _parts(creator_id: object, currency: str, owed_minor: int, now: datetime) -> dict[int, int]:
    """Return how much is taken back of which transfers: no more than is owed, nor than their accounts have."""
    with connection.cursor() as cursor:
        cursor.execute(_TRANSFERS, {"creator": creator_id, "currency": currency})
        transfers = cursor.fetchall()
    there = ask_balances({account: name for _, account, name, _ in transfers}, currency=currency, now=now)
    parts = {}
    for transfer, account, _name, left_minor in transfers:
        part_minor = min(owed_minor, left_minor, there.get(account, 0))
        if part_minor > 0:
            parts[transfer] = part_minor
            owed_minor -= part_minor
            there[account] -= part_minor
    return parts
