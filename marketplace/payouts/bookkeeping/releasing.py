"""The end of hold periods: what creators earned becomes available."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from marketplace.payouts.bookkeeping.books import credit_creators, debit, lock_currency, post
from marketplace.payouts.models import AccountKind, HoldRelease, RoyaltyRun, TransactionKind

# What of a run still stands in its payees' pending accounts: its lines less what disputes took from there or from
# a hold, unless the dispute was won and gave it back, and less what is held for a claim.
_STILL_PENDING = """
SELECT payee_id, sum(amount_minor)::bigint
  FROM (SELECT payee_id, amount_minor FROM payouts_royalty_line WHERE run_id = %(run)s
         UNION ALL
        SELECT l.payee_id, -r.amount_minor
          FROM payouts_royalty_line l JOIN payouts_reversal_line r ON r.line_id = l.id
          LEFT JOIN payouts_dispute_outcome o ON o.dispute_id = r.dispute_id
         WHERE l.run_id = %(run)s AND r.bucket IN ('creator_pending', 'creator_claim_hold')
           AND o.outcome IS DISTINCT FROM 'won'
         UNION ALL
        SELECT l.payee_id, -k.amount_minor
          FROM payouts_royalty_line l JOIN payouts_claim_hold_line k ON k.line_id = l.id
         WHERE l.run_id = %(run)s AND NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)) moved
 GROUP BY payee_id HAVING sum(amount_minor) > 0
"""


def release_holds(*, now: datetime) -> list[HoldRelease]:
    """Make available what runs whose hold period is over still hold, oldest first.

    Each run commits by itself. What a creator owes back is taken from it first.
    """
    due = RoyaltyRun.objects.filter(available_at__lte=now, release=None).order_by("pk")
    releases = [_release(run=run, now=now) for run in list(due)]
    return [release for release in releases if release is not None]


@transaction.atomic
def _release(*, run: RoyaltyRun, now: datetime) -> HoldRelease | None:
    lock_currency(run.currency)
    if HoldRelease.objects.filter(run=run).exists():
        return None  # another settlement was first
    amounts = _sums(_STILL_PENDING, {"run": run.pk})
    transaction_id = None
    if amounts:
        transaction_id = post(
            kind=TransactionKind.HOLD_RELEASE,
            source=f"royalty-run:{run.pk}",
            idem_key=f"hold-release:{run.pk}",
            currency=run.currency,
            legs=[
                *(debit(AccountKind.CREATOR_PENDING, amount, payee_id) for payee_id, amount in amounts.items()),
                *credit_creators(currency=run.currency, amounts=amounts),
            ],
            now=now,
        )
    return HoldRelease.objects.create(run=run, transaction_id=transaction_id, released_at=now)


def _sums(sql: str, params: object) -> dict[UUID, int]:
    """Return payee → minor units, as the statement says."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return dict(cursor.fetchall())
