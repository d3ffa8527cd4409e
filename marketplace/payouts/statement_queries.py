"""What creators ask about their statements: which there are, and what they say."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.closing import known_span, month_end
from marketplace.payouts.statement_papers.document import digest_of, document
from marketplace.payouts.statement_papers.paper import About, statement_pdf
from marketplace.payouts.statement_papers.reading import Head, Span, head_of, moves
from marketplace.payouts.statement_papers.table import csv_lines
from marketplace.payouts.statements import Statement, StatementPeriod
from marketplace.people.models import Creator

MONTHS_SHOWN = 36


class NoStatement(Exception):
    """There is no such statement, or none yet."""

    code = "no-statement"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(_("There is no such statement: %(why)s.") % {"why": why})


@dataclass(frozen=True, slots=True)
class Month:
    """One closed month of a creator in one currency, in minor units; `lines` is how many royalty lines are in it."""

    period: str
    currency: str
    opening_minor: int
    closing_minor: int
    lines: int


@dataclass(frozen=True, slots=True)
class Paper:
    """A statement that can be written out: what it spans, its sums and, where the month is closed, its row."""

    creator: Creator
    span: Span
    head: Head
    row: Statement | None

    @property
    def root(self) -> str:
        """The root over the statements of the month, which is in the log; nothing while the month runs."""
        return self.row.period.root if self.row else ""

    def pieces(self) -> Iterator[bytes]:
        """Return the document's bytes in pieces; read them within a transaction."""
        return document(self.span, self.head, moves(self.span, self.creator.pk))

    def digest(self) -> str:
        """Return the SHA-256 of the document, in hex."""
        if self.row:
            return self.row.digest
        with transaction.atomic():
            return digest_of(self.pieces())


def months_of(creator: Creator, *, before: str = "", limit: int = MONTHS_SHOWN) -> list[Month]:
    """Return the creator's closed months, the newest first, each with its currencies; `before` a month."""
    rows = Statement.objects.filter(creator=creator)
    if before:
        rows = rows.filter(period__period__lt=before)
    values = rows.order_by("-period__period", "period__currency").values_list(
        "period__period", "period__currency", "opening_minor", "closing_minor", "lines"
    )
    return [Month(*value) for value in values[:limit]]


def positions_of(creator: Creator) -> list[tuple[str, int]]:
    """Return (currency, what the creator has by now in minor units) for each in which they ever had money; one query.

    What they owe back counts below zero.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.currency, sum(CASE a.kind WHEN 'creator_receivable' THEN -a.balance_minor"
            " ELSE a.balance_minor END)::bigint FROM payouts_account a WHERE a.owner_id = %s"
            " AND EXISTS (SELECT FROM payouts_posting p WHERE p.account_id = a.id)"
            " GROUP BY a.currency ORDER BY a.currency",
            [creator.pk],
        )
        return cursor.fetchall()


def closed(creator: Creator, *, period: str, currency: str) -> Paper:
    """Return the statement of a closed month; raise NoStatement where the month has none of the creator."""
    row = (
        Statement.objects.select_related("period")
        .filter(creator=creator, period__period=period, period__currency=currency)
        .first()
    )
    if row is None:
        raise NoStatement(_("the month is not closed, or nothing was there and nothing moved"))
    return _paper(creator, span_of(row.period), row)


def running(creator: Creator, *, currency: str) -> Paper:
    """Return the statement since the last closed month, through the creator's last transaction in the currency."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(last) FROM payouts_account a CROSS JOIN LATERAL"
            " (SELECT max(p.id) AS last FROM payouts_posting p WHERE p.account_id = a.id) l"
            " WHERE a.owner_id = %s AND a.currency = %s",
            [creator.pk, currency],
        )
        [through] = cursor.fetchone()
    newest = StatementPeriod.objects.filter(currency=currency).order_by("-period").first()
    after = newest.through if newest else 0
    if through is None:
        raise NoStatement(_("you have never had money in %(currency)s") % {"currency": currency[:20]})
    return _paper(creator, known_span(currency=currency, after=after, through=max(after, through)), None)


def through(creator: Creator, *, currency: str, transaction_id: UUID, after: UUID | None = None) -> Paper:
    """Return the statement up to and with a transaction, since its own month (UTC) began or since `after`.

    Both name transactions that moved creators' money in the currency, whoever's; others have no place in the order
    of events, and raise NoStatement. Which months are closed is not asked: that would be another statement tomorrow.
    """
    last, at = _place_of(currency, transaction_id)
    if after:
        first, _at = _place_of(currency, after)
        if first > last:
            raise NoStatement(_("it would end before it begins"))
    else:
        first = _before_month(currency, last, at)
    return _paper(creator, known_span(currency=currency, after=first, through=last), None)


def _place_of(currency: str, transaction_id: UUID) -> tuple[int, datetime]:
    """Return the number of a transaction's last posting on a creator's account, and when it happened."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, t.occurred_at FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id"
            " JOIN payouts_transaction t ON t.id = p.transaction_id"
            " WHERE p.transaction_id = %s AND a.owner_id IS NOT NULL AND a.currency = %s ORDER BY p.id DESC LIMIT 1",
            [transaction_id, currency],
        )
        found = cursor.fetchone()
    if found is None:
        why = _("transaction %(id)s moved no creator’s money in %(currency)s")
        raise NoStatement(why % {"id": transaction_id, "currency": currency[:20]})
    return found


_CREATORS = """
  FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id AND a.owner_id IS NOT NULL
   AND a.currency = %(currency)s
"""

# The posting before the first one of the month. Numbers up to `last` have all committed, so the answer never changes;
# a month that is closed ends there too, unless the clock of that first posting was ahead of the closing itself.
_BEFORE_MONTH = f"""
SELECT coalesce(max(p.id), 0) {_CREATORS}
 WHERE p.id < (SELECT min(p.id) {_CREATORS} JOIN payouts_transaction t ON t.id = p.transaction_id
                WHERE p.id <= %(last)s AND t.occurred_at >= %(start)s AND t.occurred_at < %(end)s)
"""


def _before_month(currency: str, last: int, at: datetime) -> int:
    """Return the number of creators' last posting before the month of `at` began, 0 where there was none."""
    start = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    params = {"currency": currency, "last": last, "start": start, "end": month_end(f"{start:%Y-%m}")}
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE_MONTH, params)
        return int(cursor.fetchone()[0])


def span_of(period: StatementPeriod) -> Span:
    """Return what a closed month spans."""
    return known_span(currency=period.currency, after=period.after, through=period.through, period=period.period)


def _paper(creator: Creator, span: Span, row: Statement | None) -> Paper:
    return Paper(creator, span, head_of(span, creator.pk), row)


def written_as(paper: Paper, form: str, *, language: str, site: str) -> Iterator[bytes]:
    """Return the statement as "json", "csv" or "pdf", the last two in "en" or "zh-hans", in pieces.

    Read them within a transaction. `site` is where it says how it is checked.
    """
    if form == "json":
        return paper.pieces()
    found = moves(paper.span, paper.creator.pk)
    if form == "csv":
        return (line.encode() for line in csv_lines(paper.span, paper.head, found, language=language))
    about = About(paper.creator.display_name, paper.creator.handle, paper.digest(), paper.root, site)
    return iter([statement_pdf(paper.span, paper.head, found, about, language=language)])
