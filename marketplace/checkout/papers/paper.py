"""An invoice, a receipt or a credit note on A4, in one language, made from its document alone."""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.checkout.papers.model import PaperDocument, PaperLine, digest_of, read_paper
from marketplace.checkout.papers.words import KINDS, LINE_KINDS, REASONS, SENTENCES, STATES
from marketplace.checkout.taxes.rules import TaxSum
from marketplace.licensing.words import TERMS
from marketplace.ui.formats import (
    choose_title,
    country_text,
    date_text,
    moment_text,
    money_text,
    number_text,
    percent_text,
    say,
)
from marketplace.ui.typesetting import BODY, HEADLINE, MARGIN, NAME, SMALL, TITLE, WIDTH, Paper, Style, lines, width_of

_RIGHT = WIDTH - MARGIN
_TAX = _RIGHT - 92
_TEXT_WIDTH = _TAX - 84 - MARGIN
_MIDDLE = WIDTH - MARGIN - 232
_HALF = 215
_BOLD = Style("bold", 10, 14)
_FLOOR = MARGIN + 34


def paper_pdf(document: bytes, *, language: str) -> bytes:
    """Return a paper as PDF in "en" or "zh-hans"; the same document gives the same bytes. Raises UnreadablePaper."""
    paper = read_paper(document)
    with translation.override(language):
        return _Setting(paper, digest_of(document), is_han=language != "en").pdf()


class _Setting:
    """The pages as they are filled."""

    def __init__(self, paper: PaperDocument, digest: str, *, is_han: bool) -> None:
        self.paper, self.is_han = paper, is_han
        self.sheet = Paper(
            title=f"{say(KINDS, paper.kind)} {paper.number}",
            author=paper.seller.name,
            language="zh-Hans" if is_han else "en",
            made_at=paper.issued_at,
            foot=f"{paper.number} · SHA-256 {digest}",
        )

    def pdf(self) -> bytes:
        self._head()
        self._parties()
        self._columns()
        for line in self.paper.lines:
            self._line(line)
        self._sums()
        self._notes()
        return self.sheet.pdf()

    def _style(self, style: Style) -> Style:
        return style.in_han if self.is_han else style

    def _money(self, amount_minor: int) -> str:
        return money_text(amount_minor, self.paper.currency)

    def _right(self, text: str, style: Style, edge: float, y: float) -> None:
        self.sheet.line(text, self._style(style), edge - width_of(text, self._style(style)), y)

    def _head(self) -> None:
        sheet, paper = self.sheet, self.paper
        for line in lines(paper.seller.name, NAME, WIDTH - 2 * MARGIN):
            sheet.line(line, self._style(NAME), MARGIN, sheet.y - 11)
            sheet.y -= NAME.leading
        sheet.y -= 16
        sheet.text(say(KINDS, paper.kind), self._style(TITLE))
        sheet.text(f"{paper.number} · {date_text(paper.issued_at)}", self._style(HEADLINE))
        if paper.corrects is not None:
            told = _("Corrects %(number)s.") % {"number": paper.corrects.number}
            sheet.text(f"{told} {paper.corrects.reason}".strip(), self._style(BODY))
        if paper.replaces is not None:
            told = _("Takes the place of the receipt %(number)s.") % {"number": paper.replaces.number}
            sheet.text(told, self._style(BODY))
        sheet.y -= 8

    def _parties(self) -> None:
        """Sets seller and buyer beside each other, and goes on below the longer one."""
        seller, buyer = self.paper.seller, self.paper.buyer
        sold_by = [seller.name, *seller.address, *_country(seller.country), *seller.tax_ids]
        sold_to = [buyer.name, *buyer.address, *_country(buyer.country)]
        if buyer.vat_id:
            sold_to.append(_("VAT id %(number)s") % {"number": buyer.vat_id})
        sold_to += [text for text in (buyer.email, buyer.reference) if text]
        top, page = self.sheet.y, len(self.sheet.pages)
        bottoms = []
        for left, name, texts in ((MARGIN, _("Seller"), sold_by), (_MIDDLE, _("Buyer"), sold_to)):
            self.sheet.y = top
            self.sheet.text(name, self._style(SMALL), left=left)
            for text in texts:
                self.sheet.text(text, self._style(BODY), left=left, width=_HALF)
            bottoms.append(self.sheet.y)
        if len(self.sheet.pages) == page:
            self.sheet.y = min(bottoms)
        self.sheet.y -= 8
        self.sheet.text(_("Order %(order)s") % {"order": self.paper.order}, self._style(SMALL))
        self.sheet.y -= 6

    def _columns(self) -> None:
        sheet = self.sheet
        sheet.room_for(60)
        sheet.y -= SMALL.leading
        sheet.line(_("What"), self._style(SMALL), MARGIN, sheet.y)
        self._right(_("Tax"), SMALL, _TAX, sheet.y)
        name = _("Price with tax") if self.paper.prices_include_tax else _("Price")
        self._right(name, SMALL, _RIGHT, sheet.y)
        sheet.y -= 4
        sheet.rule()

    def _line(self, line: PaperLine) -> None:
        named = {"kind": say(LINE_KINDS, line.kind), "title": choose_title(dict(line.title))[0]}
        title = _("%(kind)s: %(title)s") % named
        rows = _broken(title, BODY)
        details = [text for told in self._told(line) for text in _broken(told, SMALL)]
        price = line.gross_minor if self.paper.prices_include_tax else line.net_minor
        # A line stays together where a page has room for it.
        self._room(min(len(rows) * BODY.leading + len(details) * SMALL.leading, 400))
        for place, text in enumerate(rows):
            self._room(BODY.leading)
            self.sheet.y -= BODY.leading
            self.sheet.line(text, self._style(BODY), MARGIN, self.sheet.y)
            if not place:
                self._right(_rates(line), SMALL, _TAX, self.sheet.y)
                self._right(self._money(price), BODY, _RIGHT, self.sheet.y)
        for text in details:
            self._room(SMALL.leading)
            self.sheet.y -= SMALL.leading
            self.sheet.line(text, self._style(SMALL), MARGIN, self.sheet.y)
        self.sheet.y -= 4

    def _room(self, height: float) -> None:
        if self.sheet.y - height < _FLOOR:
            self.sheet.new_page()
            self._columns()

    def _told(self, line: PaperLine) -> Iterator[str]:
        yield f"{line.pack} {line.version} · {say(TERMS, line.terms)}"
        yield _("Sold for %(creator)s") % {"creator": line.sold_for}
        if line.seats:
            yield ngettext("%(count)s seat", "%(count)s seats", line.seats) % {"count": number_text(line.seats)}
        if line.starts_at and line.ends_at:
            days = {"start": _day(line.starts_at), "end": _day(line.ends_at)}
            yield _("From %(start)s to %(end)s") % days
        yield from line.details.get("zh-Hans" if self.is_han else "en", ())
        if line.certificate:
            yield _("License %(number)s") % {"number": line.certificate}

    def _sums(self) -> None:
        self.sheet.room_for(70)
        self.sheet.rule()
        self._sum(_("Net"), self.paper.net_minor, BODY)
        for one in self.paper.taxes:
            self._sum(self._tax(one), one.tax_minor, BODY)
        self._sum(_("Total"), self.paper.gross_minor, _BOLD)
        self.sheet.y -= 8

    def _tax(self, one: TaxSum) -> str:
        name = f"{one.name or _('Tax')} {one.jurisdiction}".strip()
        if one.reason:
            return f"{name}: {say(REASONS, one.reason)}"
        values = {"tax": name, "rate": percent_text(one.rate_ppb), "base": self._money(one.base_minor)}
        return _("%(tax)s, %(rate)s of %(base)s") % values

    def _sum(self, name: str, amount_minor: int, style: Style) -> None:
        for place, text in enumerate(lines(name, style, _RIGHT - MARGIN - 120)):
            self.sheet.room_for(style.leading)
            self.sheet.y -= style.leading
            self.sheet.line(text, self._style(style), MARGIN, self.sheet.y)
            if not place:
                self._right(self._money(amount_minor), style, _RIGHT, self.sheet.y)

    def _notes(self) -> None:
        paper = self.paper
        told = [say(STATES, paper.state) % {"day": moment_text(paper.paid_at)}]
        if paper.supplied_at is not None:
            told.append(_("Supplied on %(day)s.") % {"day": moment_text(paper.supplied_at)})
        if paper.reference:
            told.append(_("The payment’s reference: %(reference)s") % {"reference": paper.reference})
        told += [say(SENTENCES, reason) for reason in dict.fromkeys(one.reason for one in paper.taxes if one.reason)]
        if not paper.taxes:
            told.append(_("No tax is calculated on this paper."))
        if not paper.seller.address:
            told.append(_("The seller’s address is not named yet."))
        told.append(_("The SHA-256 at the foot is that of this paper as JSON, which its order’s page has."))
        for text in told:
            self.sheet.text(text, self._style(SMALL))


@lru_cache(maxsize=4096)
def _broken(text: str, style: Style) -> tuple[str, ...]:
    """Breaks a text to the first column; most fit as they are, and many lines of a long paper are the same."""
    if "\n" not in text and width_of(text, style) <= _TEXT_WIDTH:
        return (text,)
    return tuple(lines(text, style, _TEXT_WIDTH))


def _country(code: str) -> list[str]:
    return [country_text(code)] if code else []


def _day(text: str) -> str:
    try:
        return date_text(date.fromisoformat(text))
    except ValueError:
        return text


def _rates(line: PaperLine) -> str:
    """Writes the rates of a line, or why it has none."""
    said = [say(REASONS, part.reason) if part.reason else percent_text(part.rate_ppb) for part in line.taxes]
    return " + ".join(said) if said else "—"
