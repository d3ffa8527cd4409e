"""What connected accounts have at the provider, asked before money is sent to them: never to one below zero."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from marketplace.payouts.connected.accounts import is_gone, record_state
from marketplace.payouts.connected.tables import ConnectedAccount, ConnectedBalance
from marketplace.payouts.currencies import from_stripe
from marketplace.payouts.models import Payout
from marketplace.provider.client import client

_OF = """
SELECT p.id, a.id AS account, a.reference, b.minor, b.at
  FROM payouts_payout p
  JOIN LATERAL (SELECT a.id, a.reference FROM payouts_connected_account a WHERE a.creator_id = p.creator_id
                 ORDER BY a.number DESC LIMIT 1) a ON true
  LEFT JOIN LATERAL (SELECT b.available_minor + least(b.pending_minor, 0) AS minor, b.at
                       FROM payouts_connected_balance b WHERE b.account_id = a.id AND b.currency = p.currency
                      ORDER BY b.id DESC LIMIT 1) b ON true
 WHERE p.id = ANY (%s::uuid[])
"""


def balances_checked(payouts: Sequence[Payout], *, now: datetime) -> list[Payout]:
    """Return the payouts whose creators' accounts are known not to be below zero, in their order; one currency's.

    What was heard within CONNECT_BALANCE_MINUTES counts; of the others it is asked, and kept. An account that does not
    answer is left out, and its payout waits.
    """
    if not payouts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_OF, [[payout.pk for payout in payouts]])
        rows = cursor.fetchall()
    since = now - timedelta(minutes=settings.CONNECT_BALANCE_MINUTES)
    old = {account: reference for _, account, reference, minor, at in rows if minor is None or not since <= at <= now}
    heard = ask_balances(old, currency=payouts[0].currency, now=now)
    sound = {
        payout for payout, account, _, minor, _at in rows if (heard.get(account, -1) if account in old else minor) >= 0
    }
    return [payout for payout in payouts if payout.pk in sound]


def ask_balances(accounts: dict[int, str], *, currency: str, now: datetime) -> dict[int, int]:
    """Ask what accounts (id → reference) have in a currency, keep it, and return id → minor units.

    What counts is what is available, less what is pending below zero. Who does not answer is left out; who is gone is
    kept as closed.
    """
    if not accounts:
        return {}
    with ThreadPoolExecutor(min(settings.CONNECT_THREADS, len(accounts))) as pool:
        found = list(pool.map(_balance, accounts.values()))
    made = []
    for account, said in zip(accounts, found, strict=True):
        if isinstance(said, dict):
            minor = [_in(said.get(part) or [], currency) for part in ("available", "pending")]
            made.append(
                ConnectedBalance(
                    account_id=account, currency=currency, available_minor=minor[0], pending_minor=minor[1], at=now
                )
            )
        elif isinstance(said, Exception) and is_gone(said):
            record_state(account=ConnectedAccount.objects.get(pk=account), body=None, now=now)
    ConnectedBalance.objects.bulk_create(made)
    return {one.account_id: one.available_minor + min(one.pending_minor, 0) for one in made}


def _balance(reference: str) -> dict[str, Any] | Exception:
    try:
        return client().v1.balance.retrieve(None, {"stripe_account": reference}).to_dict()
    except Exception as error:
        return error


def _in(parts: Sequence[dict[str, Any]], currency: str) -> int:
    stripe_minor = sum(part["amount"] for part in parts if part["currency"] == currency.lower())
    return from_stripe(stripe_minor, currency)
