"""From sales to creators: royalties are allocated, and held."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction

from marketplace.payouts.bookkeeping.books import credit, debit, lock_currency, post
from marketplace.payouts.models import AccountKind, RoyaltyRun, Sale, TransactionKind
from marketplace.payouts.terms import hold_days

MOST_IN_A_RUN = 1_000_000
"""The most sales of one run; what is more is for the next. Each run posts once for every payee that it has."""

MOST_AT_ONCE = 100_000
"""The most sales whose lines one statement writes: it fits in memory with all that is checked of it."""

MANY = 5_000
"""From how many sales on a statement goes through tables rather than look each sale up."""

# The currencies in which something awaits its allocation, each found by one step in the index.
_CURRENCIES = """
WITH RECURSIVE found (currency) AS (
    (SELECT currency FROM payouts_awaiting_allocation WHERE NOT frozen ORDER BY currency LIMIT 1)
     UNION ALL
    SELECT (SELECT w.currency FROM payouts_awaiting_allocation w
             WHERE NOT w.frozen AND w.currency > found.currency ORDER BY w.currency LIMIT 1)
      FROM found WHERE found.currency IS NOT NULL
)
SELECT currency FROM found WHERE currency IS NOT NULL
"""

# From where to where the next sales stand in the queue.
_NEXT = """
WITH waiting AS (
    SELECT sale_id FROM payouts_awaiting_allocation
     WHERE currency = %(currency)s AND NOT frozen AND (%(after)s::uuid IS NULL OR sale_id > %(after)s::uuid)
     ORDER BY sale_id LIMIT %(most)s
)
SELECT (SELECT sale_id FROM waiting ORDER BY sale_id LIMIT 1),
       (SELECT sale_id FROM waiting ORDER BY sale_id DESC LIMIT 1), (SELECT count(*) FROM waiting)
"""

# What of it is due. A sale that was booked in the moment of a freeze may stand there unmarked. That the sale's own id
# is in the range is said again so that sales are read in their order, and only these.
_DUE = """
      FROM payouts_awaiting_allocation w JOIN payouts_sale s ON s.id = w.sale_id
     WHERE w.currency = %(currency)s AND NOT w.frozen
       AND w.sale_id BETWEEN %(first)s AND %(last)s AND s.id BETWEEN %(first)s AND %(last)s
       AND s.subject NOT IN (SELECT f.subject FROM payouts_subject_freeze f
                              WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id))
"""

_ONE = """
      FROM payouts_awaiting_allocation w JOIN payouts_sale s ON s.id = w.sale_id
     WHERE w.sale_id = %(sale)s
"""

_SUBJECT = """
      FROM payouts_awaiting_allocation w JOIN payouts_sale s ON s.id = w.sale_id
     WHERE w.currency = %(currency)s AND s.subject = %(subject)s
"""

# `rules.allocate` in SQL, bit for bit. net * share can pass a bigint, so the net is cut at the whole first:
# net * share / W = (net / W) * share + ((net % W) * share) / W, and each term fits. What is left of a sale is the sum
# of its remainders over the whole (`rest` fits an integer, whose sums are quick); it goes to the largest of them, ties
# to the lower payee id. Place and sum are of one window, so that a sale is gone through once. Lines of zero are not
# written.
_ALLOCATE = """
WITH due AS (
    SELECT s.id, s.split_id, s.net_minor / 1000000000 AS wholes, s.net_minor %% 1000000000 AS part
      {due}
), cut AS (
    SELECT d.id AS sale_id, h.payee_id, h.share_ppb,
           d.wholes * h.share_ppb + (d.part * h.share_ppb) / 1000000000 AS amount_minor,
           ((d.part * h.share_ppb) %% 1000000000)::integer AS rest
      FROM due d JOIN payouts_split_share h ON h.split_id = d.split_id
), ranked AS (
    SELECT sale_id, payee_id, share_ppb,
           amount_minor + (row_number() OVER whole <= sum(rest) OVER whole / 1000000000)::int AS amount_minor
      FROM cut
    WINDOW whole AS (PARTITION BY sale_id ORDER BY rest DESC, payee_id
                      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
), lines AS (
    INSERT INTO payouts_royalty_line (run_id, sale_id, payee_id, share_ppb, amount_minor)
    SELECT %(run)s, sale_id, payee_id, share_ppb, amount_minor FROM ranked WHERE amount_minor > 0
    RETURNING payee_id, amount_minor
)
SELECT payee_id, sum(amount_minor)::bigint FROM lines GROUP BY payee_id
"""


def allocate_royalties(*, now: datetime) -> list[RoyaltyRun]:
    """Give every sale that awaits it its royalty lines, in one transaction a run, and one run a currency.

    Sales of a frozen subject wait until it is thawed. Lines become available when the currency's hold days are over.
    More than a million sales of a currency take several runs; each commits by itself, so that what is stopped amid
    them goes on with the next call. A currency without anything to allocate has no run.
    """
    runs = []
    with connection.cursor() as cursor:
        cursor.execute(_CURRENCIES)
        currencies = [currency for (currency,) in cursor.fetchall()]
    for currency in currencies:
        is_full = True
        while is_full:
            run, is_full = _allocate_next(currency=currency, now=now)
            if run is not None:
                runs.append(run)
    return runs


def allocate_currency(*, currency: str, now: datetime) -> RoyaltyRun | None:
    """Allocate what awaits it in one currency, a million sales at most; return the run, or None without anything."""
    return _allocate_next(currency=currency, now=now)[0]


@transaction.atomic
def allocate_sale(*, sale: Sale, now: datetime) -> RoyaltyRun | None:
    """Allocate one sale in a run of its own, and nothing else that waits; return None where it does not wait.

    For what reverses a sale: a reversal follows lines. The database refuses it for a sale of a frozen subject that
    nothing reverses.
    """
    lock_currency(sale.currency)
    if not _is_due(_ONE, {"sale": sale.pk}):
        return None
    run = _begin(currency=sale.currency, now=now)
    _post(run=run, earned=_sums(_ALLOCATE.format(due=_ONE), {"sale": sale.pk, "run": run.pk}), now=now)
    return run


@transaction.atomic
def allocate_subject(*, subject: str, currency: str, now: datetime) -> RoyaltyRun | None:
    """Allocate all that waits of one subject in one currency in a run of its own, as `allocate_sale` does one."""
    lock_currency(currency)
    due = {"subject": subject, "currency": currency}
    if not _is_due(_SUBJECT, due):
        return None
    run = _begin(currency=currency, now=now)
    _post(run=run, earned=_sums(_ALLOCATE.format(due=_SUBJECT), {**due, "run": run.pk}), now=now)
    return run


@transaction.atomic
def _allocate_next(*, currency: str, now: datetime) -> tuple[RoyaltyRun | None, bool]:
    """Return the run over what is next, if anything is, and whether it is full, so that more may wait."""
    lock_currency(currency)
    run, earned, taken, after = None, Counter[UUID](), 0, None
    while taken < MOST_IN_A_RUN:
        most = min(MOST_AT_ONCE, MOST_IN_A_RUN - taken)
        with connection.cursor() as cursor:
            cursor.execute(_NEXT, {"currency": currency, "after": after, "most": most})
            first, last, found = cursor.fetchone()
        batch = {"currency": currency, "first": first, "last": last}
        if found and (run is not None or _is_due(_DUE, batch)):
            run = run or _begin(currency=currency, now=now)
            with _many(found):
                earned.update(_sums(_ALLOCATE.format(due=_DUE), {**batch, "run": run.pk}))
            taken += found
        after = last
        if found < most:
            break
    if run is not None:
        _post(run=run, earned=earned, now=now)
    return run, taken >= MOST_IN_A_RUN


@contextmanager
def _many(sales: int) -> Iterator[None]:
    """Join many sales in one pass: the planner counts a range that both sides have twice, and would go one by one."""
    if sales < MANY:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        yield
        cursor.execute("SET LOCAL enable_nestloop TO DEFAULT")


def _is_due(due: str, params: dict[str, object]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT {due})", params)
        return bool(cursor.fetchone()[0])


def _begin(*, currency: str, now: datetime) -> RoyaltyRun:
    """Write the run whose lines are about to be written; big ones are sorted and checked in memory."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', '64MB', true)")
    return RoyaltyRun.objects.create(
        currency=currency,
        ran_at=now,
        available_at=now + timedelta(days=hold_days(currency)),
        transaction_id=uuid4(),  # posted when the lines have said what it moves
    )


def _post(*, run: RoyaltyRun, earned: dict[UUID, int], now: datetime) -> None:
    """Write the run's transaction: what its lines give each payee."""
    post(
        kind=TransactionKind.ROYALTY_RUN,
        source=f"royalty-run:{run.pk}",
        idem_key=f"royalty-run:{run.pk}",
        currency=run.currency,
        legs=[
            debit(AccountKind.ROYALTY_UNALLOCATED, sum(earned.values())),
            *(credit(AccountKind.CREATOR_PENDING, amount, payee_id) for payee_id, amount in earned.items()),
        ],
        now=now,
        transaction_id=run.transaction_id,
    )


def _sums(sql: str, params: object) -> dict[UUID, int]:
    """Return payee → minor units, as the statement says."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return dict(cursor.fetchall())
