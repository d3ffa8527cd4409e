"""Closing a month: what each creator had, what it came to, and a root over all of it in the log."""

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from secrets import token_hex
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from ledger.operations import state
from marketplace.payouts.bookkeeping.books import lock_currency
from marketplace.payouts.models import Account
from marketplace.payouts.statement_papers.document import digest_of, document
from marketplace.payouts.statement_papers.reading import Head, Move, Part, Span, heads, moves
from marketplace.payouts.statement_papers.tree import Tree, leaf_document, line_document, root_of
from marketplace.payouts.statements import Statement, StatementPeriod

CLOSING_LOCK = 0x700C6  # the first half of an advisory lock's name; the currency is the second
_INSERT_ROWS = 1000


class UnableToClose(Exception):
    """A month that cannot be closed, or not yet; nothing was written."""

    code = "unable-to-close"

    def __init__(self, period: str, currency: str, why: str) -> None:
        self.period, self.currency, self.why = period, currency, why
        super().__init__(
            _("%(period)s in %(currency)s cannot be closed: %(why)s.")
            % {"period": period, "currency": currency, "why": why}
        )


def month_end(period: str) -> datetime:
    """Return the moment at which the month is over, in UTC; ValueError unless it is written as 2026-11."""
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", period):
        raise ValueError(f"{period[:20]!r} is no month")
    year, month = int(period[:4]), int(period[5:])
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def next_month(period: str) -> str:
    """Return the month after the month."""
    return f"{month_end(period):%Y-%m}"


# Whose postings count are those on creators' accounts: they are numbered in the order of events.
_CREATORS = """
  FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id AND a.currency = %(currency)s
   AND a.owner_id IS NOT NULL JOIN payouts_transaction t ON t.id = p.transaction_id
"""

# The month ends before the first posting that happened after its end. A posting of a clock that ran ahead, later
# than now, says nothing about that.
_CUT = f"""
SELECT coalesce(max(p.id), %(after)s) {_CREATORS}
 WHERE p.id > %(after)s
   AND p.id < coalesce((SELECT min(p.id) {_CREATORS}
                         WHERE p.id > %(after)s AND t.occurred_at >= %(end)s AND t.occurred_at <= %(now)s),
                       9223372036854775807)
"""

_FIRST = f"SELECT t.occurred_at {_CREATORS} ORDER BY p.id LIMIT 1"


def due_month(*, currency: str) -> str | None:
    """Return the month to be closed next in the currency, over or not; None before a creator earned anything in it."""
    last = StatementPeriod.objects.filter(currency=currency).order_by("-period").first()
    if last is not None:
        return next_month(last.period)
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, {"currency": currency})
        row = cursor.fetchone()
    return f"{row[0].astimezone(UTC):%Y-%m}" if row else None


def close_months(*, now: datetime) -> list[StatementPeriod]:
    """Close every month that is over in every currency, the oldest first; each commits by itself."""
    closed = []
    accounts = Account.objects.exclude(owner=None)
    for currency in sorted(set(accounts.order_by().values_list("currency", flat=True).distinct())):
        while (period := due_month(currency=currency)) and month_end(period) <= now:
            closed.append(close_month(period=period, currency=currency, now=now))
    return closed


def close_month(
    *, period: str, currency: str, now: datetime, new_key: Callable[[], str] = lambda: token_hex(32)
) -> StatementPeriod:
    """Write the statements of a month that is over ("2026-11") and state their root in the log, in one transaction.

    Which postings belong to it is found under the currency's lock, by their numbers: those after the month before,
    up to the last one before the first that happened after the month's end. Writing them out keeps nobody else
    waiting. The same month again returns what was closed. `new_key` gives each statement 64 hex digits that nobody
    can guess. Raises UnableToClose for a month that is not over, before the month before it, before anybody earned
    anything, and for what is no month.
    """
    try:
        end = month_end(period)
    except ValueError:
        raise UnableToClose(period[:20], currency[:20], _("write the month as 2026-11")) from None
    if closed := _closed(period, currency):
        return closed
    if end > now:
        raise UnableToClose(period, currency, _("the month is not over"))
    span = _cut(period=period, currency=currency, end=end, now=now)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [CLOSING_LOCK, currency])
        return _closed(period, currency) or _write(span, now=now, new_key=new_key)


def _closed(period: str, currency: str) -> StatementPeriod | None:
    return StatementPeriod.objects.filter(period=period, currency=currency).first()


@transaction.atomic
def _cut(*, period: str, currency: str, end: datetime, now: datetime) -> Span:
    """Find where the month begins and ends; what moves creators' money has committed or comes after it."""
    lock_currency(currency)
    due = due_month(currency=currency)
    if due is None:
        raise UnableToClose(period, currency, _("no creator has earned anything in it"))
    if period > due:
        raise UnableToClose(period, currency, _("%(due)s is to be closed first") % {"due": due})
    if period < due and not _closed(period, currency):
        raise UnableToClose(period, currency, _("nothing had happened yet"))
    last = StatementPeriod.objects.filter(currency=currency).order_by("-period").first()
    after = last.through if last else 0
    with connection.cursor() as cursor:
        cursor.execute(_CUT, {"currency": currency, "after": after, "end": end, "now": now})
        [through] = cursor.fetchone()
    return known_span(currency=currency, after=after, through=through, period=period)


def known_span(*, currency: str, after: int, through: int, period: str = "") -> Span:
    """Return the span between two postings, with the transaction that its last one belongs to."""
    with connection.cursor() as cursor:
        sql = "SELECT t.id, t.occurred_at FROM payouts_posting p JOIN payouts_transaction t"
        cursor.execute(f"{sql} ON t.id = p.transaction_id WHERE p.id = %s", [through])
        found = cursor.fetchone() or (None, None)
    return Span(currency, after, through, period, *found)


def _write(span: Span, *, now: datetime, new_key: Callable[[], str]) -> StatementPeriod:
    with closing(statements_in(span, lambda _creator_id: new_key())) as found:
        rows = list(found)
    root = root_of(leaf_of(row, span.period, span.currency) for row in rows)
    period = StatementPeriod.objects.create(
        period=span.period,
        currency=span.currency,
        after=span.after,
        through=span.through,
        statements=len(rows),
        root=root,
        closed_at=now,
    )
    for row in rows:
        row.period = period
    Statement.objects.bulk_create(rows, batch_size=_INSERT_ROWS)
    body = {"period": span.period, "currency": span.currency, "statements": len(rows), "root": root}
    state(type="royalty-statement", subject=f"royalties:{span.period}:{span.currency}", body=body, now=now)
    return period


def leaf_of(row: Statement, period: str, currency: str) -> dict[str, object]:
    """Return the leaf document of a statement that stands."""
    return leaf_document(
        period=period,
        currency=currency,
        creator_id=row.creator_id,
        opening_minor=row.opening_minor,
        closing_minor=row.closing_minor,
        lines=row.lines,
        lines_root=row.lines_root,
        digest=row.digest,
        key=row.salt,
    )


def statements_in(span: Span, key_of: Callable[[UUID], str]) -> Generator[Statement, None, None]:
    """Return the statements of a span in the order of their creators, not saved yet, each under its creator's key.

    Read them within a transaction: the lines of one stream past and are not kept.
    """
    with closing(moves(span)) as moved, closing(heads(span)) as found:  # or a cursor would outlive its transaction
        groups = groupby(moved, key=lambda move: move.creator_id)
        creator_id, group = next(groups, (None, iter(())))
        place = 0
        for head in found:
            if head.is_silent:
                continue
            is_next = creator_id == head.creator_id
            mine: Iterator[Move] = group if is_next else iter(())
            yield _written(span, head, mine, key=key_of(head.creator_id), place=place)
            place += 1
            if is_next:
                creator_id, group = next(groups, (None, iter(())))


def _written(span: Span, head: Head, mine: Iterator[Move], *, key: str, place: int) -> Statement:
    """Return the statement of one creator, not saved yet, out of their movements."""
    tree = Tree()

    def seen(move: Move, part: Part) -> None:
        tree.add(line_document(move, part, span=span, key=key))

    digest = digest_of(document(span, head, mine, seen))
    return Statement(
        creator_id=head.creator_id,
        place=place,
        opening_minor=head.opening_minor,
        closing_minor=head.closing_minor,
        lines=tree.size,
        lines_root=tree.root(),
        salt=key,
        digest=digest,
    )
