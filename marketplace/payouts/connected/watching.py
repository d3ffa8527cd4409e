"""What is asked every night, because a message may never come: how accounts, their balances and bank payouts stand."""

import logging
from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction

from marketplace.payouts.attempts import PayoutAttempt
from marketplace.payouts.connected.accounts import UnableToConnect, refresh
from marketplace.payouts.connected.balances import ask_balances
from marketplace.payouts.connected.events import apply_transfer, fetch_transfer, hear_bank
from marketplace.payouts.connected.tables import ConnectedAccount
from marketplace.provider.client import client
from marketplace.provider.inbox import About
from marketplace.provider.looking import plain

log = logging.getLogger(__name__)

PROVISIONAL = timedelta(days=10)
"""So long after it was paid a bank payout is looked at: Stripe says that some fail within five business days."""

_NEWEST = """
SELECT a.id, a.reference, array_agg(DISTINCT p.currency) FILTER (WHERE p.currency IS NOT NULL)
  FROM payouts_connected_account a LEFT JOIN payouts_payout p ON p.creator_id = a.creator_id
 WHERE NOT EXISTS (SELECT FROM payouts_connected_account n WHERE n.creator_id = a.creator_id AND n.number > a.number)
   AND NOT coalesce((SELECT s.closed FROM payouts_connected_state s WHERE s.account_id = a.id
                      ORDER BY s.id DESC LIMIT 1), false)
 GROUP BY a.id ORDER BY a.id
"""
_BANKS = """
SELECT b.id, e.reference, a.reference
  FROM payouts_attempt b JOIN payouts_attempt_end e ON e.attempt_id = b.id AND e.state = 'done'
  JOIN payouts_connected_account a ON a.id = b.account_id
 WHERE b.kind = 'bank' AND e.arrives_on < %(today)s
   AND NOT EXISTS (SELECT FROM payouts_bank_word w WHERE w.attempt_id = b.id AND w.state IN ('failed', 'canceled'))
   AND NOT EXISTS (SELECT FROM payouts_bank_word w
                    WHERE w.attempt_id = b.id AND w.state = 'paid' AND w.at < %(settled)s)
 ORDER BY b.id
"""


class Watched(NamedTuple):
    """How many accounts and bank payouts were asked about, and how many of them did not answer."""

    accounts: int
    banks: int
    silent: int


def watch(*, now: datetime) -> Watched:
    """Ask how creators' accounts and the bank payouts that may still fail stand, and keep what is new.

    Not to be called inside a transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        accounts = cursor.fetchall()
        cursor.execute(_BANKS, {"today": now.date(), "settled": now - PROVISIONAL})
        banks = cursor.fetchall()
    silent = 0
    in_currency: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for account, reference, currencies in accounts:
        try:
            state = refresh(account=ConnectedAccount.objects.get(pk=account), now=now)
        except UnableToConnect:
            silent += 1
            continue
        for currency in (currencies or []) if not state.closed else []:
            in_currency[currency][account] = reference
    for currency, those in in_currency.items():
        silent += len(those) - len(ask_balances(those, currency=currency, now=now))
    for attempt, reference, account in banks:
        silent += not _hear(attempt, reference, account, now)
    for attempt in PayoutAttempt.objects.filter(pk__in=_not_taken_back()).select_related("end"):
        silent += not _hear_transfer(attempt.end.reference, now)
    return Watched(len(accounts), len(banks), silent)


def _not_taken_back() -> list[int]:
    """Return transfers that should have come back whole and were refused: perhaps they came back without us."""
    refused = PayoutAttempt.objects.filter(kind=PayoutAttempt.Kind.RETURN, end__state="refused")
    done = PayoutAttempt.objects.filter(kind=PayoutAttempt.Kind.RETURN, end__state="done").values("of")
    return list(refused.exclude(of__in=done).values_list("of", flat=True).distinct())


def _hear_transfer(reference: str, now: datetime) -> bool:
    about = About("transfer", reference, "", frozenset(), now)
    try:
        found = fetch_transfer(about)
    except Exception as error:  # whatever it is, the next night asks again
        log.warning("%s was not heard of: %s", reference, error)
        return False
    if found is not None:
        with transaction.atomic():
            apply_transfer(found, about, now=now)
    return True


def _hear(attempt: int, reference: str, account: str, now: datetime) -> bool:
    try:
        body = plain(client().v1.payouts.retrieve(reference, None, {"stripe_account": account}))
    except Exception as error:  # whatever it is, the next night asks again
        log.warning("%s of %s was not heard of: %s", reference, account, error)
        return False
    found = PayoutAttempt.objects.select_related("payout", "account", "of").get(pk=attempt)
    hear_bank(attempt=found, body=body or {}, now=now)
    return True
