"""A statement on A4, in one language: the sums, where the money is, and each amount with what there is after it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain, islice

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.statement_papers.reading import Head, Move, Span
from marketplace.payouts.statement_papers.table import Row, rows
from marketplace.payouts.statement_papers.words import BUCKETS, KINDS, PARTS, in_order
from marketplace.ui.formats import date_text, money_text, month_text, number_text, percent_text, say
from marketplace.ui.typesetting import BODY, HEADLINE, MARGIN, NAME, SMALL, TITLE, WIDTH, Paper, Style, lines, width_of

PAPER_ROWS = 5000
"""The most amounts that are set one by one; what is beyond them is summed in one row."""

_RIGHT = WIDTH - MARGIN
_AMOUNT = _RIGHT - 88
_TEXT = MARGIN + 82
_TEXT_WIDTH = _AMOUNT - 76 - _TEXT
_BOLD = Style("bold", 10, 14)
_FLOOR = MARGIN + 40


@dataclass(frozen=True, slots=True)
class About:
    """Whose statement it is, and what it says of itself: the digest of its document, and the root in the log."""

    name: str
    handle: str
    digest: str
    root: str
    site: str


def statement_pdf(span: Span, head: Head, moves: Iterator[Move], about: About, *, language: str) -> bytes:
    """Return the statement as PDF in "en" or "zh-hans"; the same statement gives the same bytes."""
    with translation.override(language):
        return _Setting(span, head, about, is_han=language != "en").paper(moves)


class _Setting:
    """The pages as they are filled; a page that is full ends with what is carried to the next."""

    def __init__(self, span: Span, head: Head, about: About, *, is_han: bool) -> None:
        self.span, self.head, self.about, self.is_han = span, head, about, is_han
        self.sheet = Paper(
            title=f"{pgettext('money', 'Statement')} {self._when()} {span.currency}",
            author="Worldloom 织界",
            language="zh-Hans" if is_han else "en",
            made_at=span.at or datetime(1970, 1, 1, tzinfo=UTC),
            foot=f"{about.handle} · {span.period or span.transaction} · {span.currency} · SHA-256 {about.digest}",
        )

    def paper(self, moves: Iterator[Move]) -> bytes:
        self._head()
        self._sums()
        self._lines(moves)
        self._how()
        return self.sheet.pdf()

    def _style(self, style: Style) -> Style:
        return style.in_han if self.is_han else style

    def _money(self, amount_minor: int) -> str:
        return money_text(amount_minor, self.span.currency)

    def _when(self) -> str:
        if self.span.period:
            return month_text(date.fromisoformat(self.span.period + "-01"))
        return date_text(self.span.at) if self.span.at else ""

    def _right(self, text: str, style: Style, edge: float, y: float) -> None:
        self.sheet.line(text, style, edge - width_of(text, style), y)

    def _head(self) -> None:
        sheet = self.sheet
        sheet.line("Worldloom 织界", NAME, MARGIN, sheet.y - 11)
        sheet.y -= 30
        sheet.text(pgettext("money", "Statement"), self._style(TITLE))
        title = f"{self._when()} · {self.span.currency}"
        sheet.text(title, self._style(HEADLINE))
        sheet.text(f"{self.about.name} (@{self.about.handle})", self._style(BODY))
        if not self.span.period:
            sheet.text(_("Provisional: not the statement of a closed month."), self._style(BODY))
        sheet.y -= 10

    def _sums(self) -> None:
        head = self.head
        self._sum(_("Opening"), head.opening_minor, _BOLD)
        for kind, amount_minor in in_order(head.by_kind):
            self._sum(say(KINDS, kind), amount_minor, BODY)
        self._sum(_("Closing"), head.closing_minor, _BOLD)
        self.sheet.y -= 10
        self.sheet.text(_("Where the money is"), self._style(HEADLINE))
        for name in BUCKETS:
            if there_minor := head.buckets[name]:
                self._sum(say(BUCKETS, name), -there_minor if name == "owed" else there_minor, BODY)
        if not any(head.buckets.values()):
            self.sheet.text(_("Nothing is left: all of it was paid out or never came to anything."), self._style(BODY))
        self.sheet.y -= 10

    def _sum(self, name: str, amount_minor: int, style: Style) -> None:
        self.sheet.room_for(style.leading)
        self.sheet.y -= style.leading
        self.sheet.line(name, self._style(style), MARGIN, self.sheet.y)
        self._right(self._money(amount_minor), style, _RIGHT, self.sheet.y)

    def _columns(self) -> None:
        sheet, style = self.sheet, self._style(SMALL)
        sheet.y -= style.leading
        sheet.line(_("Date"), style, MARGIN, sheet.y)
        sheet.line(_("What"), style, _TEXT, sheet.y)
        self._right(_("Amount"), style, _AMOUNT, sheet.y)
        self._right(_("Position"), style, _RIGHT, sheet.y)
        sheet.y -= 4
        sheet.rule()

    def _lines(self, moves: Iterator[Move]) -> None:
        self.sheet.room_for(120)
        self.sheet.text(_("Each amount"), self._style(HEADLINE))
        found = rows(self.head, moves)
        first = next(found, None)
        if first is None:
            self.sheet.text(_("Nothing moved in this time."), self._style(BODY))
            return
        self._columns()
        position = self.head.opening_minor
        for row in chain([first], islice(found, PAPER_ROWS - 1)):
            self._row(row, position)
            position = row.position_minor
        count = sum_minor = 0
        for row in found:
            count, sum_minor = count + 1, sum_minor + row.amount_minor
        if count:
            text = ngettext("%(count)s more amount", "%(count)s more amounts", count) % {"count": number_text(count)}
            self._room(28, position)
            self._amounts("", text, sum_minor, position + sum_minor)
            self.sheet.text(_("Each of them is in the CSV and the JSON of this statement."), self._style(SMALL))

    def _row(self, row: Row, position: int) -> None:
        details = [line for text in _details(row, self._money) for line in lines(text, SMALL, _TEXT_WIDTH)]
        self._room(BODY.leading + len(details) * SMALL.leading, position)
        self._amounts(date_text(row.move.occurred_at), _name(row), row.amount_minor, row.position_minor)
        for line in details:
            self.sheet.y -= SMALL.leading
            self.sheet.line(line, self._style(SMALL), _TEXT, self.sheet.y)
        self.sheet.y -= 3

    def _amounts(self, when: str, name: str, amount_minor: int, position_minor: int) -> None:
        self.sheet.y -= BODY.leading
        y = self.sheet.y
        self.sheet.line(when, self._style(BODY), MARGIN, y)
        self.sheet.line(next(lines(name, BODY, _TEXT_WIDTH)), self._style(BODY), _TEXT, y)
        self._right(self._money(amount_minor), BODY, _AMOUNT, y)
        self._right(self._money(position_minor), BODY, _RIGHT, y)

    def _room(self, height: float, position: int) -> None:
        """Goes on with the next page where there is no room, and carries the position over to it."""
        if self.sheet.y - height >= _FLOOR:
            return
        self._carried(_("Carried forward"), position)
        self.sheet.new_page()
        self._columns()
        self._carried(_("Brought forward"), position)

    def _carried(self, name: str, position: int) -> None:
        self.sheet.y -= BODY.leading
        self.sheet.line(name, self._style(_BOLD), _TEXT, self.sheet.y)
        self._right(self._money(position), _BOLD, _RIGHT, self.sheet.y)
        self.sheet.y -= 3

    def _how(self) -> None:
        self.sheet.y -= 8
        self.sheet.room_for(90)
        self.sheet.rule()
        self.sheet.y -= 4
        told = [_("Opening plus all amounts is closing. The SHA-256 at the foot is that of the statement as JSON.")]
        if self.about.root:
            told.append(
                _("The root over all statements of this month and currency is in the log: %(root)s.")
                % {"root": self.about.root}
            )
        told.append(_("How to check it without us: %(site)s") % {"site": self.about.site})
        for text in told:
            self.sheet.text(text, self._style(SMALL))


def _name(row: Row) -> str:
    if row.part is None or row.part.what == "payout":
        return say(KINDS, row.move.kind)
    if row.part.what == "royalty":
        return say(PARTS, row.part.what)
    return f"{say(PARTS, row.part.what)}: {say(KINDS, row.move.kind)}"


def _details(row: Row, money: Callable[[int], str]) -> Iterator[str]:
    """Says in numbers what an amount is made of."""
    part = row.part
    if part is None:
        yield row.move.source
    elif part.what == "royalty":
        yield part.sale
        sums = {"gross": money(part.gross_minor or 0), "tax": money(part.tax_minor or 0)}
        sums |= {"fee": money(part.fee_minor or 0), "net": money(part.net_minor or 0)}
        told = [_("%(gross)s less tax %(tax)s and fee %(fee)s = net %(net)s") % sums]
        if part.share_ppb != WHOLE_PPB:
            told.append(_("%(share)s of it") % {"share": percent_text(part.share_ppb or 0)})
        yield " · ".join(told)
    elif part.what == "payout":
        yield part.name
    else:
        yield part.sale
        yield " · ".join(text for text in (part.name, part.reason) if text)
