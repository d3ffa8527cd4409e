"""The books beside the gateway's balance: an equation for each currency with what explains it, and what is wrong."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic_ns
from typing import Any

from django.db import connection, transaction

from marketplace.checkout.reconciling.operations import reconcile
from marketplace.checkout.reconciling.ports.base import BalanceLines, Standing
from marketplace.checkout.reconciling.reading import (
    OnlyOurs,
    OpenLine,
    Suspended,
    in_suspense,
    only_ours,
    open_lines,
    sums,
)
from marketplace.checkout.reconciling.rules import ALONE
from marketplace.checkout.reconciling.tables import CreatorBalance, DailyEquation, Reconciliation
from marketplace.checkout.reconciling.telling import tell
from marketplace.payouts.models import AccountKind
from marketplace.payouts.queries import house_sums

TRIES = 3
LONG_OVERLAP = timedelta(days=3)

# What lines say that our balance is; where the gateway was another one before, its part comes from its lines alone.
_LINES = """
SELECT gateway, currency, sum(CASE WHEN is_aside THEN 0 ELSE amount_minor - fee_minor END)::bigint
  FROM checkout_provider_line GROUP BY gateway, currency
"""
# What was sent to a creator's account, less what was taken back from there and what its bank has.
_SENT = """
SELECT c.reference, p.currency,
       sum(CASE a.kind WHEN 'transfer' THEN a.amount_minor WHEN 'bank' THEN -a.amount_minor ELSE 0 END)::bigint
       - coalesce((SELECT sum(r.amount_minor) FROM payouts_transfer_reversal r
                     JOIN payouts_attempt t ON t.id = r.transfer_id JOIN payouts_payout q ON q.id = t.payout_id
                    WHERE t.account_id = c.id AND q.currency = p.currency), 0)::bigint
  FROM payouts_attempt a JOIN payouts_connected_account c ON c.id = a.account_id
  JOIN payouts_payout p ON p.id = a.payout_id JOIN payouts_attempt_end e ON e.attempt_id = a.id AND e.state = 'done'
 WHERE NOT EXISTS (SELECT FROM payouts_bank_word w WHERE w.attempt_id = a.id AND w.state IN ('failed', 'canceled'))
 GROUP BY c.id, c.reference, p.currency
"""


@dataclass(frozen=True, slots=True)
class Look:
    """Everything as it is in one moment: our accounts, the gateway's lines, and the three sets."""

    house: Mapping[tuple[str, str], int]
    lines: Mapping[tuple[str, str], int]
    opened: Sequence[OpenLine]
    ours: Sequence[OnlyOurs]
    suspended: Sequence[Suspended]


def look() -> Look:
    """Return how both sides are now, all of it as of one moment."""
    with _one_moment():
        house: dict[tuple[str, str], int] = defaultdict(int)
        for (currency, kind, _detail), amount_minor in house_sums().items():
            house[kind, currency] += amount_minor
        with connection.cursor() as cursor:
            cursor.execute(_LINES)
            lines = {(gateway, currency): net for gateway, currency, net in cursor.fetchall()}
        opened = open_lines()
        return Look(house, lines, opened, only_ours(opened), in_suspense())


def prove(
    *, port: BalanceLines, now: datetime, since: datetime | None = None, creators: bool = False
) -> Reconciliation:
    """This will read and match the gateway's lines and write how the books stand beside its balance.

    What is wrong is written with it, and the operators are told when that begins, daily while it lasts, and when it is
    over. With `creators`, each creator's account with the provider is compared as well. Raises UnableToRead.
    """
    began = monotonic_ns()
    for _ in range(TRIES):
        reconcile(port=port, now=now, since=since, overlap=LONG_OVERLAP)
        balances = port.balances()
        found = look()
        if not any(_unread(found, port.gateway, balances).values()):
            break  # else something moved between the two: read what it was
    accounts = _accounts(port) if creators else []
    equations = [
        _equation(found, port.gateway, currency, balances.get(currency, Standing(0)))
        for currency in sorted(_currencies(found, balances))
    ]
    problems = [*_problems(found, equations, now), *_creator_problems(accounts)]
    with transaction.atomic():
        made = Reconciliation.objects.create(
            gateway=port.gateway, ran_at=now, took_ms=(monotonic_ns() - began) // 1_000_000, problems=problems
        )
        for equation in equations:
            equation.reconciliation, equation.day = made, now.date()
        DailyEquation.objects.bulk_create(equations)
        for account in accounts:
            account.reconciliation = made
        CreatorBalance.objects.bulk_create(accounts)
        tell(made)
    return made


@contextmanager
def _one_moment() -> Iterator[None]:
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _currencies(found: Look, balances: Mapping[str, Standing]) -> set[str]:
    held = {currency for (kind, currency), net in found.house.items() if net and kind in _ACCOUNTS}
    return (
        held
        | {currency for _gateway, currency in found.lines}
        | {one for one, there in balances.items() if there.total_minor}
    )


_ACCOUNTS = (AccountKind.PSP_BALANCE, AccountKind.PSP_CLEARING, AccountKind.SUSPENSE)


def _unread(found: Look, gateway: str, balances: Mapping[str, Standing]) -> dict[str, int]:
    """Return currency → what of the gateway's balance no line told us."""
    currencies = {*balances, *(currency for name, currency in found.lines if name == gateway)}
    return {
        currency: balances.get(currency, Standing(0)).total_minor - found.lines.get((gateway, currency), 0)
        for currency in currencies
    }


def _equation(found: Look, gateway: str, currency: str, there: Standing) -> DailyEquation:
    former_minor = sum(net for (name, each), net in found.lines.items() if each == currency and name != gateway)
    alone = sums((one.line.currency, one.net_minor) for one in found.opened if one.state == ALONE)
    apart = [one.apart_minor(currency) for one in found.opened if one.state != ALONE]
    ours = sums((one.currency, one.amount_minor) for one in found.ours)
    suspended = sums((one.currency, one.amount_minor) for one in found.suspended)
    equation = DailyEquation(
        currency=currency,
        balance_minor=found.house.get((AccountKind.PSP_BALANCE, currency), 0),
        clearing_minor=found.house.get((AccountKind.PSP_CLEARING, currency), 0),
        available_minor=there.available_minor + former_minor,
        pending_minor=there.pending_minor,
        reserved_minor=there.reserved_minor,
        only_ours=ours.get(currency, (0, 0))[0],
        only_ours_minor=ours.get(currency, (0, 0))[1],
        only_theirs=alone.get(currency, (0, 0))[0],
        only_theirs_minor=alone.get(currency, (0, 0))[1],
        differing=sum(one != 0 for one in apart),
        differing_minor=sum(apart),
        suspense_minor=suspended.get(currency, (0, 0))[1],
        unread_minor=_unread(found, gateway, {currency: there}).get(currency, 0),
    )
    equation.unexplained_minor = (
        equation.difference_minor
        - equation.only_ours_minor
        + equation.only_theirs_minor
        - equation.differing_minor
        + equation.unread_minor
    )
    return equation


def _problems(found: Look, equations: Sequence[DailyEquation], now: datetime) -> list[dict[str, Any]]:
    """Return what somebody must look at, a row for each sort and currency: how many, how much, since when."""
    old = [(one.currency, one.amount_minor, one.at) for one in found.ours if one.is_old(now)]
    alone = [
        (one.line.currency, one.net_minor, one.at) for one in found.opened if one.state == ALONE and one.is_old(now)
    ]
    apart = [(one.line.currency, one.off_minor, one.at) for one in found.opened if one.state != ALONE]
    suspended = [(one.currency, one.amount_minor, one.at) for one in found.suspended]
    rows = []
    for what, items in (("only-ours", old), ("only-theirs", alone), ("differs", apart), ("suspense", suspended)):
        for currency, (count, amount_minor) in sorted(sums((each, amount) for each, amount, _at in items).items()):
            since = min(at for each, _amount, at in items if each == currency)
            rows.append(_problem(what, currency, count, amount_minor, since))
    for equation in equations:
        for what, amount_minor in (("unread", equation.unread_minor), ("unexplained", equation.unexplained_minor)):
            if amount_minor:
                rows.append(_problem(what, equation.currency, 1, amount_minor, now))
    return rows


def _problem(what: str, currency: str, count: int, amount_minor: int, since: datetime) -> dict[str, Any]:
    return {
        "what": what,
        "currency": currency,
        "count": count,
        "amount_minor": amount_minor,
        "since": since.isoformat(timespec="seconds"),
    }


def _accounts(port: BalanceLines) -> list[CreatorBalance]:
    """Return what is in each creator's account that is open to us, beside what should be."""
    with connection.cursor() as cursor:
        cursor.execute(_SENT)
        sent: dict[str, dict[str, int]] = defaultdict(dict)
        for reference, currency, amount_minor in cursor.fetchall():
            sent[reference][currency] = amount_minor
    rows = []
    for reference, there in port.accounts(sorted(sent)):
        for currency in sorted(sent[reference].keys() | {each for each, amount in there.items() if amount}):
            ours_minor, theirs_minor = sent[reference].get(currency, 0), there.get(currency, 0)
            rows.append(
                CreatorBalance(account=reference, currency=currency, ours_minor=ours_minor, theirs_minor=theirs_minor)
            )
    return rows


def _creator_problems(accounts: Sequence[CreatorBalance]) -> list[dict[str, Any]]:
    return [
        {
            "what": "creator",
            "currency": one.currency,
            "count": 1,
            "amount_minor": one.ours_minor - one.theirs_minor,
            "account": one.account,
        }
        for one in accounts
        if one.ours_minor != one.theirs_minor
    ]
