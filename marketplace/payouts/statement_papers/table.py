"""A statement as rows that are added up from the top: for CSV, for paper, for the page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice

from django.utils import translation
from django.utils.translation import gettext as _

from marketplace.payouts.rules import format_amount
from marketplace.payouts.statement_papers.reading import Head, Move, Part, Span
from marketplace.payouts.statement_papers.words import COLUMNS, KINDS, PARTS
from marketplace.ui.formats import say
from marketplace.ui.sheets import Amount, lines_of, moment_cell

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Row:
    """One amount of a statement, and what the creator has after it; a movement without known parts has no part."""

    move: Move
    part: Part | None
    amount_minor: int
    position_minor: int


def rows(head: Head, moves: Iterator[Move]) -> Iterator[Row]:
    """Return a statement's amounts in their order: opening + Σ amounts = closing, whatever the parts are."""
    position = head.opening_minor
    for move in moves:
        first = next(move.parts, None)
        if first is None or first.what == "payout":
            position += move.amount_minor
            yield Row(move, first, move.amount_minor, position)
            continue
        left = move.amount_minor
        for part in chain([first], move.parts):
            position, left = position + part.amount_minor, left - part.amount_minor
            yield Row(move, part, part.amount_minor, position)
        if left:
            position += left
            yield Row(move, None, left, position)


def csv_lines(span: Span, head: Head, moves: Iterator[Move], *, language: str) -> Iterator[str]:
    """Return a statement as CSV (RFC 4180) with a byte order mark, line by line, in "en" or "zh-hans".

    The first row has the opening and the last the closing position; amounts are exact decimals, times RFC 3339. In
    English the columns have the names that programs know.
    """
    with translation.override(language):
        names = list(COLUMNS) if language == "en" else [str(name) for name in COLUMNS.values()]
        opening, closing = _("Opening"), _("Closing")
    yield _BOM
    told = lines_of(names, _table(span, head, moves, opening, closing, language))
    while True:  # the language is set for a row at a time, as others run between two rows of a stream
        with translation.override(language):
            line = next(told, None)
        if line is None:
            return
        yield line


def _table(
    span: Span, head: Head, moves: Iterator[Move], opening: str, closing: str, language: str
) -> Iterator[list[str]]:
    yield _edge(span, opening, "", head.opening_minor)
    for row in rows(head, moves):
        yield _cells(span, row, language)
    yield _edge(span, closing, moment_cell(span.at), head.closing_minor)


def _edge(span: Span, name: str, when: str, position_minor: int) -> list[str]:
    cells = dict.fromkeys(COLUMNS, "") | {"date": when, "kind": name, "currency": span.currency}
    return list((cells | {"position": Amount(format_amount(position_minor, span.currency))}).values())


def _cells(span: Span, row: Row, language: str) -> list[str]:
    move, part = row.move, row.part

    def money(amount_minor: int | None) -> str:
        return "" if amount_minor is None else Amount(format_amount(amount_minor, span.currency))

    def when(moment: datetime | None) -> str:
        return moment_cell(moment)

    is_english = language == "en"
    cells = {
        "date": when(move.occurred_at),
        "kind": move.kind if is_english else say(KINDS, move.kind),
        "what": "" if part is None else part.what if is_english else say(PARTS, part.what),
        "sale": part.sale if part else move.source,
        "sold_at": when(part.sold_at) if part else "",
        "gross": money(part.gross_minor if part else None),
        "tax": money(part.tax_minor if part else None),
        "fee": money(part.fee_minor if part else None),
        "net": money(part.net_minor if part else None),
        "share_ppb": str(part.share_ppb) if part and part.share_ppb else "",
        "split": part.split if part else "",
        "line": str(part.line) if part and part.line else "",
        "reference": part.name if part else "",
        "reason": part.reason if part else "",
        "transaction": str(move.transaction),
        "amount": money(row.amount_minor),
        "position": money(row.position_minor),
        "currency": span.currency,
    }
    return [cells[name] for name in COLUMNS]


def page_of(found: Iterator[Row], *, start: int, length: int) -> tuple[list[Row], bool]:
    """Return `length` rows from the row `start` on, and whether there are more."""
    page = list(islice(found, start, start + length + 1))
    return page[:length], len(page) > length
