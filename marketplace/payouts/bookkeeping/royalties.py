"""From sales to creators: royalties are allocated, and held."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction

from marketplace.payouts.bookkeeping.books import credit, debit, lock_currency, post
from marketplace.payouts.models import (
    AccountKind,
    AwaitingAllocation,
    RoyaltyRun,
    Sale,
    TransactionKind,
)
from marketplace.payouts.terms import hold_days

# What awaits its allocation in one currency and is not frozen.
_DUE = """
      FROM payouts_awaiting_allocation w JOIN payouts_sale s ON s.id = w.sale_id
     WHERE w.currency = %(currency)s
       AND s.subject NOT IN (SELECT f.subject FROM payouts_subject_freeze f
                              WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id))
"""

_ONE = """
      FROM payouts_awaiting_allocation w JOIN payouts_sale s ON s.id = w.sale_id
     WHERE w.sale_id = %(sale)s
"""

# `rules.allocate` in SQL, bit for bit. net * share can pass a bigint, so the net is cut at the whole first:
# net * share / W = (net / W) * share + ((net % W) * share) / W, and each term fits. What is left of a sale
# goes to its largest remainders, ties to the lower payee id. Lines of zero are not written.
_ALLOCATE = """
WITH due AS (
    SELECT s.id, s.split_id, s.net_minor,
           s.net_minor / 1000000000 AS wholes, s.net_minor %% 1000000000 AS part
      {due}
), cut AS (
    SELECT d.id AS sale_id, d.net_minor, h.payee_id, h.share_ppb,
           d.wholes * h.share_ppb + (d.part * h.share_ppb) / 1000000000 AS amount_minor,
           (d.part * h.share_ppb) %% 1000000000 AS rest
      FROM due d JOIN payouts_split_share h ON h.split_id = d.split_id
), ranked AS (
    SELECT cut.*, row_number() OVER (PARTITION BY sale_id ORDER BY rest DESC, payee_id) AS place,
           net_minor - sum(amount_minor) OVER (PARTITION BY sale_id)::bigint AS left_over
      FROM cut
), lines AS (
    INSERT INTO payouts_royalty_line (run_id, sale_id, payee_id, share_ppb, amount_minor)
    SELECT %(run)s, sale_id, payee_id, share_ppb, amount_minor + (place <= left_over)::int
      FROM ranked WHERE amount_minor + (place <= left_over)::int > 0
    RETURNING payee_id, amount_minor
)
SELECT payee_id, sum(amount_minor)::bigint FROM lines GROUP BY payee_id
"""


def allocate_royalties(*, now: datetime) -> list[RoyaltyRun]:
    """Give every sale that awaits it its royalty lines, in one run and one transaction a currency.

    Sales of a frozen subject wait until it is thawed. Lines become available after the
    hold period that the policy of the currency says.
    Each currency commits by itself; a currency without anything to allocate has no run.
    """
    currencies = AwaitingAllocation.objects.order_by("currency").values_list("currency", flat=True).distinct()
    runs = [allocate_currency(currency=currency, now=now) for currency in list(currencies)]
    return [run for run in runs if run is not None]


@transaction.atomic
def allocate_currency(*, currency: str, now: datetime) -> RoyaltyRun | None:
    """Allocate what awaits it in one currency and return the run, or None where nothing does."""
    return _run(currency=currency, due=_DUE, params={"currency": currency}, now=now)


@transaction.atomic
def allocate_sale(*, sale: Sale, now: datetime) -> RoyaltyRun | None:
    """Allocate one sale in a run of its own, and nothing else that waits; return None where it does not wait.

    For what reverses a sale: a reversal follows lines. The database refuses it for a sale of a frozen subject that
    nothing reverses.
    """
    return _run(currency=sale.currency, due=_ONE, params={"sale": sale.pk}, now=now)


def _run(*, currency: str, due: str, params: dict[str, object], now: datetime) -> RoyaltyRun | None:
    """Allocate what is due in one run and one transaction."""
    lock_currency(currency)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT {due})", params)
        if not cursor.fetchone()[0]:
            return None
    run = RoyaltyRun.objects.create(
        currency=currency,
        ran_at=now,
        available_at=now + timedelta(days=hold_days(currency)),
        transaction_id=uuid4(),  # posted below, when the lines have said what it moves
    )
    earned = _sums(_ALLOCATE.format(due=due), {**params, "run": run.pk})
    post(
        kind=TransactionKind.ROYALTY_RUN,
        source=f"royalty-run:{run.pk}",
        idem_key=f"royalty-run:{run.pk}",
        currency=currency,
        legs=[
            debit(AccountKind.ROYALTY_UNALLOCATED, sum(earned.values())),
            *(credit(AccountKind.CREATOR_PENDING, amount, payee_id) for payee_id, amount in earned.items()),
        ],
        now=now,
        transaction_id=run.transaction_id,
    )
    return run


def _sums(sql: str, params: object) -> dict[UUID, int]:
    """Return payee → minor units, as the statement says."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return dict(cursor.fetchall())
