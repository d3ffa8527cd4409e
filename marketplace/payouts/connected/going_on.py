"""How a payout goes on once its money is with the creator's account: to their bank, back from there, and for debts.

Every step is an attempt with a key of its own, and is asked again under the same key until it is answered.
"""

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from marketplace.payouts.attempts import PayoutAttempt
from marketplace.payouts.bookkeeping.attempting import ask_for, begin_next, open_attempts, record_ends, record_refusal
from marketplace.payouts.bookkeeping.unwinding import TO_UNWIND, fail_given_up
from marketplace.payouts.connected.accounts import UnableToConnect, refresh
from marketplace.payouts.kinds import AccountKind
from marketplace.payouts.terms import HOLDS
from marketplace.provider.calls import perform_all
from marketplace.provider.client import ProviderRefused, ProviderUnavailable

log = logging.getLogger(__name__)
Kind = PayoutAttempt.Kind

AT_ONCE = 500

_PASSING = "('balance_insufficient', 'rate_limit')"
TRIED_AGAIN_AFTER = timedelta(hours=20)
"""How long what an account had no money for, or what could not be taken back, is left alone."""

# Transfers that were made, of which something is still with the creator's account, and how they stand there.
_STANDING = f"""
    SELECT t.id, t.payout_id, t.account_id, t.charge, t.amount_minor - coalesce(r.minor, 0) AS left_minor,
           coalesce(s.payouts, false) AS may_pay, coalesce(s.closed, false) AS closed,
           b.id AS bank_id, b.end_state AS bank_end, b.code AS bank_code, b.word AS bank_word
      FROM payouts_attempt t JOIN payouts_attempt_end e ON e.attempt_id = t.id AND e.state = 'done'
      LEFT JOIN LATERAL (SELECT sum(r.amount_minor)::bigint AS minor FROM payouts_transfer_reversal r
                          WHERE r.transfer_id = t.id) r ON true
      LEFT JOIN LATERAL (SELECT s.payouts, s.closed FROM payouts_connected_state s WHERE s.account_id = t.account_id
                          ORDER BY s.id DESC LIMIT 1) s ON true
      LEFT JOIN LATERAL (SELECT b.id, be.state AS end_state, be.code,
                                (SELECT w.state FROM payouts_bank_word w WHERE w.attempt_id = b.id
                                  ORDER BY w.state = 'paid', w.id LIMIT 1) AS word
                           FROM payouts_attempt b LEFT JOIN payouts_attempt_end be ON be.attempt_id = b.id
                          WHERE b.payout_id = t.payout_id AND b.of_id = t.id AND b.kind = 'bank'
                          ORDER BY b.number DESC LIMIT 1) b ON true
     WHERE t.kind = 'transfer'
       AND EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = t.payout_id AND o.state = 'sent')
       AND NOT EXISTS (SELECT FROM payouts_bank_word w JOIN payouts_attempt x ON x.id = w.attempt_id
                        WHERE x.of_id = t.id AND w.state = 'paid'
                          AND NOT EXISTS (SELECT FROM payouts_bank_word f
                                           WHERE f.attempt_id = x.id AND f.state IN ('failed', 'canceled')))
       AND NOT EXISTS (SELECT FROM payouts_attempt x LEFT JOIN payouts_attempt_end xe ON xe.attempt_id = x.id
                        WHERE x.of_id = t.id AND x.kind IN ('bank', 'return', 'recovery')
                          AND (xe.id IS NULL OR xe.state = 'refused' AND xe.at > %(since)s
                               AND (x.kind <> 'bank' OR xe.code IN {_PASSING})))
"""
# To the bank: what was never sent there, or was refused for a reason that passes; not of who is held, and not before
# the charge's money is there.
_TO_BANK = f"""
SELECT t.id, left_minor FROM ({_STANDING}) t JOIN payouts_payout p ON p.id = t.payout_id
 CROSS JOIN LATERAL (SELECT p.creator_id AS owner_id, p.currency) who
 WHERE left_minor > 0 AND may_pay AND NOT closed AND NOT EXISTS (SELECT {HOLDS})
   AND NOT EXISTS (SELECT FROM payouts_charge_available v WHERE v.charge = t.charge AND v.available_at > %(now)s)
   AND (bank_id IS NULL OR bank_end = 'refused' AND bank_code IN {_PASSING})
 ORDER BY t.id LIMIT %(limit)s
"""
# Back from the account: what the bank sent back or will not take, and what is in an account that may do nothing more.
_TO_RETURN = f"""
SELECT id, left_minor FROM ({_STANDING}) t
 WHERE left_minor > 0
   AND (bank_word IN ('failed', 'canceled') OR bank_end = 'refused' AND bank_code NOT IN {_PASSING}
        OR closed AND (bank_id IS NULL OR bank_end = 'refused'))
 ORDER BY id LIMIT %(limit)s
"""


class GoneOn(NamedTuple):
    """What was done: bank payouts that were made, transfers that were taken back, and calls that nobody answered."""

    to_banks: int
    returned: int
    silent: int


def go_on(*, now: datetime) -> GoneOn:
    """Send on to banks what is with creators' accounts, and take back what their banks did not take.

    First whatever was begun before and not answered is asked again. Of a payout of which a part was refused for good
    the other parts are taken back, and then it fails. Not to be called inside a transaction.
    """
    counts = {Kind.BANK: 0, Kind.RETURN: 0, Kind.RECOVERY: 0}
    silent, is_away = _ask(open_attempts(kinds=list(counts), limit=AT_ONCE), counts, now)
    for kind, sql in ((Kind.RETURN, _TO_RETURN), (Kind.RETURN, TO_UNWIND), (Kind.BANK, _TO_BANK)):
        seen: set[int] = set()
        while not is_away:
            of = {one: minor for one, minor in _rows(sql, now) if one not in seen}
            if not of:
                break
            if sql is TO_UNWIND:
                log.error("A part of a payout was refused for good: transfers %s are taken back.", sorted(of))
            seen |= of.keys()
            more, is_away = _ask(begin_next(kind=kind, of=of, now=now), counts, now)
            silent += more
    fail_given_up(now=now)
    return GoneOn(counts[Kind.BANK], counts[Kind.RETURN], silent)


def _rows(sql: str, now: datetime) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"limit": AT_ONCE, "since": now - TRIED_AGAIN_AFTER, "now": now})
        return list(cursor.fetchall())


def _ask(attempts: list[PayoutAttempt], counts: dict[Kind, int], now: datetime) -> tuple[int, bool]:
    """Ask the provider for attempts, keep what it answers and count what was done.

    Return how many it did not answer, and whether it is away altogether.
    """
    if not attempts:
        return 0, False
    ends = perform_all([ask_for(one) for one in attempts], now=now, threads=settings.CONNECT_THREADS)
    ended = list(zip(attempts, ends, strict=True))
    record_ends(ended=ended, funds=AccountKind.PSP_BALANCE, now=now)
    for attempt, end in ended:
        counts[Kind(attempt.kind)] += isinstance(end, dict)
        if isinstance(end, ProviderUnavailable) and end.kind == "config":
            _ask_anew_of(attempt, end, now)
    unheard = [end.kind for end in ends if isinstance(end, ProviderUnavailable) and end.kind != "config"]
    return len(unheard), "unasked" in unheard


def _ask_anew_of(attempt: PayoutAttempt, end: ProviderUnavailable, now: datetime) -> None:
    """Ask how an account stands that we may not act for any more; where it is closed, nothing is done there by us.

    Should an attempt before have been done whose answer was lost, then the account has not got the money any more, and
    taking it back is refused.
    """
    try:
        state = refresh(account=attempt.account, now=now)
    except UnableToConnect:
        log.warning("%s waits: its account does not answer.", attempt.key)
        return
    if state.closed and attempt.kind == Kind.BANK:
        refusal = ProviderRefused({"code": end.provider_code, "message": end.message})
        record_refusal(attempt=attempt, refusal=refusal, now=now)
