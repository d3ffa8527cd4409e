"""Papers as PDF on A4: text in every script that our fonts have, QR codes, attached files. It knows no licenses.

The same calls give the same bytes: what varies elsewhere, such as the time, comes from outside.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any
from unicodedata import category

HOME = Path(__file__).resolve().parents[2] / "build" / "fonts"
WIDTH, HEIGHT, MARGIN = 595.0, 842.0, 54.0
INK, QUIET, LINE, MARK = "#1b1b18", "#63635e", "#dad9d6", "#3a5bc7"
# The first has Chinese in full and Latin; the second what it lacks of Latin, Greek and Cyrillic.
_FILES = {"regular": ("NotoSansSC-Regular", "NotoSans-Regular"), "bold": ("NotoSansSC-SemiBold", "NotoSans-SemiBold")}
_LOADING = Lock()

_WIDE = r"\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
_WIDE_IN_HAN = frozenset(map(ord, "“”‘’—…·"))
# A line neither ends with what opens nor begins with what closes.
_OPENS, _CLOSES = "（【《〈「『“‘", "，。、；：？！）】》〉」』”’…"
_UNITS = re.compile(rf"\s+|[{_OPENS}]*(?:[^\s{_WIDE}{_OPENS}{_CLOSES}]+|[{_WIDE}])[{_CLOSES}]*|[{_OPENS}{_CLOSES}]+")
_WORDS = re.compile(rf"[^\s{_WIDE}]+|.", re.DOTALL)

_Fonts = tuple[tuple[str, frozenset[int]], ...]  # names of fonts, the first choice first, and the signs of each


class FontsMissing(Exception):
    """The fonts of papers are not where set-up puts them."""

    code = "fonts-missing"

    def __str__(self) -> str:
        return f"The fonts for PDF papers are not in {HOME}: run `python -m embedded.frontend` first."


@dataclass(frozen=True)
class Style:
    """How text is set: weight, size and distance of lines in points, color.

    `han` text has quotation marks, dashes and ellipses as wide as its other signs.
    """

    weight: str = "regular"
    size: float = 9.5
    leading: float = 14.0
    color: str = INK
    han: bool = False

    @property
    def in_han(self) -> "Style":
        """The same for Chinese text."""
        return replace(self, han=True)


BODY, STRONG, SMALL = Style(), Style("bold", 11, 16), Style(size=8, leading=11.5, color=QUIET)
VALUE, NAME = Style(size=10, leading=14.5), Style("bold", 11, 14)
TITLE, SUBTITLE, HEADLINE = Style("bold", 24, 30), Style("bold", 18, 26), Style("bold", 14, 22)


class Paper:
    """Pages that are filled from the top; the next one begins by itself."""

    def __init__(self, *, title: str, author: str, language: str, made_at: datetime, foot: str) -> None:
        self.title, self.author, self.language, self.foot = title, author, language, foot
        self.made_at = made_at.astimezone(UTC)
        self.pages: list[list[Callable[[Any], None]]] = []
        self.files: dict[str, tuple[str, bytes]] = {}
        self.new_page()

    def new_page(self) -> None:
        """Begin another page."""
        self.pages.append([])
        self.y = HEIGHT - MARGIN

    def room_for(self, height: float) -> None:
        """Begin another page unless there is so much room on this one."""
        if self.y - height < MARGIN + 16:
            self.new_page()

    def text(self, text: str, style: Style, *, left: float = MARGIN, width: float = WIDTH - 2 * MARGIN) -> None:
        """Set a text below what is there, its lines broken to the width."""
        for line in lines(text, style, width):
            self.room_for(style.leading)
            self.y -= style.leading
            self.line(line, style, left, self.y)

    def line(self, text: str, style: Style, left: float, y: float) -> None:
        """Set one line at a place of this page."""
        self.pages[-1].append(lambda canvas: _set(canvas, text, style, left, y))

    def rule(self) -> None:
        """Draw a line across the page."""
        y = self.y
        self.pages[-1].append(lambda canvas: _rule(canvas, y))

    def code(self, target: str, *, left: float, top: float, size: float) -> None:
        """Draw a QR code (ISO/IEC 18004, level M) that leads to an address."""
        self.pages[-1].append(lambda canvas: _code(canvas, target, left, top, size))

    def attach(self, name: str, media_type: str, content: bytes) -> None:
        """Attach a file."""
        self.files[name] = (media_type, content)

    def pdf(self) -> bytes:
        """Return the paper as PDF 1.7, its fonts cut down to what is used."""
        from reportlab.pdfgen.canvas import Canvas

        file = io.BytesIO()
        canvas = Canvas(
            file, pagesize=(WIDTH, HEIGHT), pageCompression=1, invariant=1, pdfVersion=(1, 7), lang=self.language
        )
        canvas.setTitle(self.title)
        canvas.setAuthor(self.author)
        canvas.setSubject("")
        canvas.setCreator(self.author)
        stamp = canvas._doc._timeStamp  # otherwise the year 2000, which all invariant papers say
        stamp.t, stamp.lt = self.made_at.timestamp(), self.made_at.timetuple()
        stamp.YMDhms = tuple(stamp.lt)[:6]
        for number, page in enumerate(self.pages, start=1):
            for draw in (*page, self._foot(number)):
                draw(canvas)
            canvas.showPage()
        _attach(canvas._doc, self.files)
        canvas.save()
        return file.getvalue()

    def _foot(self, number: int) -> Callable[[Any], None]:
        style, page = Style(size=7, leading=9, color=QUIET), f"{number} / {len(self.pages)}"

        def draw(canvas: Any) -> None:
            _set(canvas, self.foot, style, MARGIN, MARGIN - 18)
            _set(canvas, page, style, WIDTH - MARGIN - width_of(page, style), MARGIN - 18)

        return draw


def lines(text: str, style: Style, width: float) -> Iterator[str]:
    """Return the lines of a text, none wider than the width: broken at blanks, beside Chinese, or within long words."""
    for paragraph in text.split("\n"):
        line = ""
        for unit in _UNITS.findall(paragraph):
            if width_of(line + unit.rstrip(), style) <= width:
                line += unit
                continue
            if line.strip():
                yield line.rstrip()
            *whole, line = _pieces(unit.lstrip(), style, width)
            yield from whole
        yield line.rstrip()


def _pieces(word: str, style: Style, width: float) -> list[str]:
    """Cuts a word that may be wider than a line; the last piece is where the next line goes on."""
    pieces = [""]
    for sign in word:
        if width_of(pieces[-1] + sign, style) > width:
            pieces.append("")
        pieces[-1] += sign
    return pieces


def width_of(text: str, style: Style) -> float:
    """Return how wide a text is in points."""
    return style.size * sum(_width(word, style.weight, style.han) for word in _WORDS.findall(text))


@lru_cache(maxsize=8192)
def _width(word: str, weight: str, han: bool) -> float:
    """Measures a word once, in units of the size: a line is measured again with each word that it takes up."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return float(sum(stringWidth(run, font, 1) for font, run in _runs(word, Style(weight, han=han))))


def _runs(text: str, style: Style) -> Iterator[tuple[str, str]]:
    """Cuts a text into runs of one font each: a word in the first that has all of it, else sign by sign.

    A sign that no font has, or that is not seen, is written as its code point.
    """
    for font, group in groupby(_shown(text, _fonts(style.weight)[style.han]), key=lambda one: one[0]):
        yield font, "".join(shown for _font, shown in group)


def _shown(text: str, fonts: _Fonts) -> Iterator[tuple[str, str]]:
    for word in _WORDS.findall(text):
        whole = next((name for name, signs in fonts if signs.issuperset(map(ord, word))), "")
        if whole:
            yield whole, word
            continue
        for sign in word:
            font = next((name for name, signs in fonts if ord(sign) in signs), "")
            yield (font, sign) if font else (fonts[0][0], f"[U+{ord(sign):04X}]")


@lru_cache(maxsize=4)
def _fonts(weight: str) -> tuple[_Fonts, _Fonts]:
    """Loads the fonts of a weight with the signs that each sets in other text and in Chinese: what is wide there.

    Once: half a second for both weights. Raises FontsMissing.
    """
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    found = []
    with _LOADING:
        for name in _FILES[weight]:
            try:
                font = TTFont(name, str(HOME / f"{name}.ttf"))
            except TTFError:
                raise FontsMissing from None
            pdfmetrics.registerFont(font)
            codes = (code for code, glyph in font.face.charToGlyph.items() if glyph)
            signs = frozenset(code for code in codes if not category(chr(code)).startswith("C"))
            found.append((name, signs))
    (first, signs), *others = found
    return ((first, signs - _WIDE_IN_HAN), *others), tuple(found)


def _set(canvas: Any, text: str, style: Style, left: float, y: float) -> None:
    canvas.setFillColor(style.color)
    for font, run in _runs(text, style):
        canvas.setFont(font, style.size)
        canvas.drawString(left, y, run)
        left += canvas.stringWidth(run, font, style.size)


def _rule(canvas: Any, y: float) -> None:
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.6)
    canvas.line(MARGIN, y, WIDTH - MARGIN, y)


def _code(canvas: Any, target: str, left: float, top: float, size: float) -> None:
    import segno

    rows = list(segno.make_qr(target, error="m").matrix_iter(border=0))
    side = size / len(rows)
    path = canvas.beginPath()
    for number, row in enumerate(rows, start=1):
        for start, length in _dark(row):
            path.rect(left + start * side, top - number * side, length * side, side)
    canvas.setFillColor("#000000")
    canvas.drawPath(path, stroke=0, fill=1)


def _dark(row: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Gives start and length of each run of dark modules, so that no gap shows between them."""
    return (
        (found.start(), len(found[0])) for found in re.finditer("1+", "".join("1" if cell else "0" for cell in row))
    )


def _attach(document: Any, files: dict[str, tuple[str, bytes]]) -> None:
    """Puts files into the document (ISO 32000-1, sections 7.11.4 and 7.7.4), sorted by name as its tree asks."""
    from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFStream, PDFString

    if not files:
        return
    named: list[Any] = []
    for name, (media_type, content) in sorted(files.items()):
        about = {"Type": PDFName("EmbeddedFile"), "Subtype": "/" + media_type.replace("/", "#2F")}
        about["Params"] = PDFDictionary({"Size": len(content)})
        stream = document.Reference(PDFStream(PDFDictionary(about), content.decode("latin-1"), []))
        held = PDFDictionary({"F": stream, "UF": stream})
        said = {"Type": PDFName("Filespec"), "F": PDFString(name), "UF": PDFString(name), "EF": held}
        named += [PDFString(name), document.Reference(PDFDictionary(said))]
    tree = PDFDictionary({"EmbeddedFiles": PDFDictionary({"Names": PDFArray(named)})})
    document.Catalog.Names = tree
