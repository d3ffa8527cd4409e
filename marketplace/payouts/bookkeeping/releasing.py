"""The end of hold periods and of reserves: what creators earned becomes available."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import connection, transaction

from marketplace.payouts.bookkeeping.books import credit, credit_creators, debit, debts_met, lock_currency, post
from marketplace.payouts.bookkeeping.remaining import STILL_PENDING
from marketplace.payouts.bookkeeping.risking import risks_of
from marketplace.payouts.models import Account, AccountKind, HoldRelease, RoyaltyRun, TransactionKind
from marketplace.payouts.policies import ReserveEnd, ReserveLine
from marketplace.payouts.risk_rules import staircase, steps_of
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.terms import terms_of

AT_ONCE = 5_000
"""Creators whose reserves one transaction releases; more take more of them."""


class Reserve(NamedTuple):
    """What is kept back of one creator's money at the end of a hold period, until when, by which policy and risk."""

    amount_minor: int
    until: datetime
    policy_id: int | None
    risk_id: int | None = None


def release_holds(*, now: datetime) -> list[HoldRelease]:
    """Make available what runs whose hold period is over still hold, oldest first.

    Each run commits by itself. What a creator owes back is taken from it first; of the rest, what the policy of the
    creator and currency says is kept in their reserve, rounded down, from now on for its days; and what the creator's
    level of risk says, all of it while that holds it for longer than the run. At each moment the more of both is kept.
    """
    due = RoyaltyRun.objects.filter(available_at__lte=now, release=None).order_by("pk")
    releases = [_release(run=run, now=now) for run in list(due)]
    return [release for release in releases if release is not None]


@transaction.atomic
def _release(*, run: RoyaltyRun, now: datetime) -> HoldRelease | None:
    lock_currency(run.currency)
    if HoldRelease.objects.filter(run=run).exists():
        return None  # another settlement was first
    amounts = _sums(STILL_PENDING, {"run": run.pk})
    reserves = _reserves(run, amounts, now)
    transaction_id = None
    if amounts:
        freed = {
            payee_id: amount - sum(kept.amount_minor for kept in reserves.get(payee_id, []))
            for payee_id, amount in amounts.items()
        }
        transaction_id = post(
            kind=TransactionKind.HOLD_RELEASE,
            source=f"royalty-run:{run.pk}",
            idem_key=f"hold-release:{run.pk}",
            currency=run.currency,
            legs=[
                *(debit(AccountKind.CREATOR_PENDING, amount, payee_id) for payee_id, amount in amounts.items()),
                *(
                    credit(AccountKind.CREATOR_RESERVE, sum(kept.amount_minor for kept in parts), owner)
                    for owner, parts in reserves.items()
                ),
                *credit_creators(currency=run.currency, amounts=freed),
            ],
            now=now,
        )
    release = HoldRelease.objects.create(run=run, transaction_id=transaction_id, released_at=now)
    ReserveLine.objects.bulk_create(
        ReserveLine(release=release, creator_id=owner_id, currency=run.currency, **kept._asdict())
        for owner_id, parts in reserves.items()
        for kept in parts
    )
    return release


def _reserves(run: RoyaltyRun, amounts: Mapping[UUID, int], now: datetime) -> dict[UUID, list[Reserve]]:
    """Return owner → what is kept back of what they are about to get, after what they owe; the currency is locked."""
    asked = terms_of(currency=run.currency, owner_ids=list(amounts), reserving=True)
    terms = {one.owner_id: one for one in asked if one.owner_id}
    risks = risks_of(currency=run.currency, owner_ids=list(amounts), now=now)
    owners = terms.keys() | risks.keys()
    met = debts_met(currency=run.currency, amounts={owner_id: amounts[owner_id] for owner_id in owners})
    found = {}
    for owner_id in sorted(owners):
        left_minor = amounts[owner_id] - met[owner_id]
        policy, risk = terms.get(owner_id), risks.get(owner_id)
        steps = []
        if policy is not None:
            kept_minor = left_minor * policy.reserve_ppb // WHOLE_PPB
            steps.append((kept_minor, now + timedelta(days=policy.reserve_days)))
        if risk is not None:
            steps += steps_of(left_minor, risk, ran_at=run.ran_at, now=now)
        by = (policy.policy_id if policy else None, risk.pk if risk else None)
        if parts := [Reserve(*part, *by) for part in staircase(steps)]:
            found[owner_id] = parts
    return found


def release_reserves(*, now: datetime) -> int:
    """Make available what is still there of reserves whose time is over; return how many ended.

    What refunds and disputes took from a creator's reserve is missing from what is due first: of the balance, what is
    not due yet stays. It goes against what the creator owes, then to available. The reserve of a creator who has
    royalties of a frozen subject waits. Up to 5 000 creators of a currency commit together.
    """
    kept = Account.objects.filter(kind=AccountKind.CREATOR_RESERVE, balance_minor__gt=0)
    ended = 0
    for currency in sorted(set(kept.values_list("currency", flat=True).distinct())):
        after: UUID | None = None
        while True:
            some, after = _end_reserves(currency=currency, after=after, now=now)
            ended += some
            if after is None:
                break
    return ended


# Reserves that have no end, of the next creators who have one that is due, the longest due first; and what of the
# balance those that are not due yet leave.
_DUE = """
WITH waits AS MATERIALIZED (
    SELECT DISTINCT l.payee_id
      FROM payouts_subject_freeze f JOIN payouts_sale s ON s.subject = f.subject
      JOIN payouts_royalty_line l ON l.sale_id = s.id
     WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id)
), kept AS (
    SELECT r.creator_id, a.balance_minor, r.id, r.amount_minor, r.until
      FROM payouts_account a
      JOIN payouts_reserve_line r ON r.creator_id = a.owner_id AND r.currency = a.currency
     WHERE a.kind = 'creator_reserve' AND a.currency = %(currency)s AND a.balance_minor > 0
       AND (%(after)s::uuid IS NULL OR a.owner_id > %(after)s)
       AND a.owner_id NOT IN (SELECT payee_id FROM waits)
       AND NOT EXISTS (SELECT FROM payouts_reserve_end e WHERE e.reserve_id = r.id)
), creators AS (
    SELECT creator_id, min(balance_minor) - coalesce(sum(amount_minor) FILTER (WHERE until > %(now)s), 0) AS free
      FROM kept GROUP BY creator_id HAVING bool_or(until <= %(now)s) ORDER BY creator_id LIMIT %(limit)s
)
SELECT k.id, k.creator_id, k.amount_minor, greatest(c.free, 0)::bigint
  FROM kept k JOIN creators c USING (creator_id) WHERE k.until <= %(now)s ORDER BY k.creator_id, k.until, k.id
"""


@transaction.atomic
def _end_reserves(*, currency: str, after: UUID | None, now: datetime) -> tuple[int, UUID | None]:
    """End what is due of the creators after `after`; return how many, and the last creator where there may be more."""
    lock_currency(currency)
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"currency": currency, "after": after, "now": now, "limit": AT_ONCE})
        rows: Sequence[tuple[int, UUID, int, int]] = cursor.fetchall()
    free: dict[UUID, int] = {}
    amounts: dict[UUID, int] = {}
    ends = []
    for reserve_id, creator_id, amount_minor, free_minor in rows:
        there_minor = min(free.setdefault(creator_id, free_minor), amount_minor)
        free[creator_id] -= there_minor
        amounts[creator_id] = amounts.get(creator_id, 0) + there_minor
        ends.append(ReserveEnd(reserve_id=reserve_id, amount_minor=there_minor, ended_at=now))
    if any(amounts.values()):
        batch = uuid4()
        transaction_id = post(
            kind=TransactionKind.RESERVE_RELEASE,
            source=f"reserves:{batch}",
            idem_key=f"reserve-release:{batch}",
            currency=currency,
            legs=[
                *(debit(AccountKind.CREATOR_RESERVE, amount, owner_id) for owner_id, amount in amounts.items()),
                *credit_creators(currency=currency, amounts=amounts),
            ],
            now=now,
        )
        for end in ends:
            end.transaction_id = transaction_id if end.amount_minor else None
    ReserveEnd.objects.bulk_create(ends)
    return len(ends), rows[-1][1] if len(amounts) == AT_ONCE else None


def _sums(sql: str, params: object) -> dict[UUID, int]:
    """Return payee → minor units, as the statement says."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return dict(cursor.fetchall())
