"""Packs in a line: `@creator/pack/element:^1.2*0.8`."""

import re
from contextlib import suppress
from dataclasses import dataclass

from marketplace.compositions.notation.findings import Findings, shown
from marketplace.compositions.notation.model import MILLION, Place, Ref
from marketplace.compositions.notation.numbers import is_weight, read_decimal, write_decimal
from marketplace.compositions.notation.signs import HIDDEN, NAME_LIMIT, SLUG, name_end, normal, same, skip
from marketplace.compositions.notation.versions import UnreadableRange, normal_range
from marketplace.ui.words import gettext_noop as _

MOST_SEGMENTS = 3
_VERSION = re.compile(r"[0-9A-Za-z.^~<>=&+*-]*")
_APART = re.compile(r"([A-Za-z0-9-]+)(?: +/ *|/ +|\\)([A-Za-z0-9-]+)(?![\w/])")
_HOUSE_VERSION = re.compile(r"@([0-9]+\.[0-9]+(?:\.[0-9xX*]+)?)(?![\w/-])")
# As other tools write ranges: with blanks or commas between the parts.
_MORE_RANGE = re.compile(r"(?: *,? *(?:[<>]=?|[=^~]) *[0-9][0-9.xX*]*)+")
_OTHER_VERSION = re.compile(r"@([vV]?[0-9][0-9A-Za-z.-]*|latest|newest)(?![\w/-])")
_WEIGHT = re.compile(r" *[*×] *([+-]?[0-9.]+)")
_OTHER_WEIGHT = re.compile(r"%|,[0-9]+(?![0-9.])")
_ENDS_A_WEIGHT = re.compile(r"(?<=[0-9A-Za-z])\*[+-]?[0-9.]")

_NO_REF = _("A pack follows @, as in @creator/pack; write \\@ for the sign itself.")
_ADDRESS = _("%(text)s is no pack, as a point and more text follow; write \\@ for the sign itself.")
_TOO_DEEP = _("%(text)s has too many parts; a pack is @creator/pack or @creator/pack/element.")
_NO_SLUG = _("“%(text)s” cannot name a creator, a pack or an element: use 1 to 40 of a–z, 0–9 and inner hyphens.")
_HIDDEN = _("A sign that cannot be seen (%(sign)s) stands where a pack is named; take it out.")
_NO_VERSION = _("“%(text)s” is no version; write 1.2.0, 1.x, ^1.2, ~1.2.3, >=1.2.0&<2.0.0 or sha256- and 64 digits.")
_NO_SUCH_VERSION = _("No version can be in %(text)s; a range goes from the lower to the higher one.")
_NO_WEIGHT = _("“%(text)s” is no weight; after * write a number from -4 to 4 but 0, with at most 6 decimals.")


@dataclass(slots=True)
class Line:
    """One line that is read: as it is written, with its structure in ASCII, and its number."""

    raw: str
    folded: str
    number: int
    found: Findings

    def at(self, start: int, end: int | None = None) -> Place:
        """This will name the place of these characters, counted from 0 on."""
        return Place(self.number, start + 1, (start + 1 if end is None else end) - start)


def scan_ref(line: Line, start: int) -> tuple[Ref | None, int]:
    """This will read the pack whose @ stands at `start`, and say where it ends; what is wrong goes to the findings."""
    place = skip(line.folded, start + 1)
    segments, end = _segments(line, place)
    if apart := _APART.match(line.folded, place):
        # A creator alone can be a pack, and would be another one than is meant.
        meant = f"@{apart[1]}/{apart[2]}"
        line.found.add(line.at(start, apart.end()), "at-no-ref", _NO_REF, meant)
        return None, apart.end()
    if not segments or not all(segments):
        return None, _refused_path(line, start, end, segments)
    if end < len(line.folded) and HIDDEN.match(line.raw, end):
        sign = f"U+{ord(line.raw[end]):04X}"
        line.found.add(line.at(end), "hidden-sign", _HIDDEN, sign=sign)
        return None, end + 1
    path = _path(line, place, end, segments)
    if path is None:
        return None, end
    version, after = _version(line, start, end, whole=len(segments) > 1)
    weight, last = _weight(line, after)
    if line.folded[last : last + 1] == "." and name_end(line.raw, last + 1) > last + 1:
        text = shown(line.raw[start : name_end(line.raw, last + 1)])
        line.found.add(line.at(start), "at-no-ref", _ADDRESS, "\\@", text=text)
        return None, last + 1
    return (Ref(path, version or "", weight, line.at(start, last)) if version is not None else None), last


def _segments(line: Line, place: int) -> tuple[list[str], int]:
    """Reads names with slashes between them, in ASCII where they have a full-width form, and where they end."""
    segments = []
    while True:
        end = name_end(line.folded, place)
        segments.append(line.folded[place:end])
        if line.folded[end : end + 1] != "/" or len(segments) > MOST_SEGMENTS:
            return segments if segments != [""] else [], end
        place = end + 1


def _refused_path(line: Line, start: int, end: int, segments: list[str]) -> int:
    if end < len(line.raw) and HIDDEN.match(line.raw, end):
        line.found.add(line.at(end), "hidden-sign", _HIDDEN, sign=f"U+{ord(line.raw[end]):04X}")
        return end + 1
    line.found.add(line.at(start), "at-no-ref", _NO_REF, "\\@")
    return max(end, start + 1) if segments else start + 1


def _path(line: Line, start: int, end: int, segments: list[str]) -> tuple[str, ...] | None:
    if len(segments) > MOST_SEGMENTS:
        text = shown(line.raw[start:end])
        line.found.add(line.at(start, end), "ref-too-deep", _TOO_DEEP, "/".join(segments[:MOST_SEGMENTS]), text=text)
        return None
    if len(segments) == 1:
        # An alias or a creator, which is known when the whole text is read.
        return (normal(segments[0]),)
    place = start
    for segment in segments:
        if not SLUG.fullmatch(segment.lower()):
            slug = re.sub(r"[^a-z0-9-]+", "-", segment.lower()).strip("-")[:NAME_LIMIT].strip("-")
            at = line.at(place, place + len(segment))
            line.found.add(at, "ref-name", _NO_SLUG, slug, text=shown(segment))
            return None
        place += len(segment) + 1
    return tuple(segment.lower() for segment in segments)


def _version(line: Line, start: int, end: int, *, whole: bool) -> tuple[str | None, int]:
    """Reads what follows a colon, or the house's own `@1.2.0`; None where it is not readable."""
    house = _HOUSE_VERSION.match(line.folded, end) or _OTHER_VERSION.match(line.folded, end) if whole else None
    if house:
        text, begin, after = house[1], end + 1, house.end()
    elif line.folded[end : end + 1] == ":":
        match = _VERSION.match(line.folded, end + 1)
        text, begin = match[0] if match else "", end + 1
        # A star that a number follows begins the weight; one after a point is an open place.
        weight = _ENDS_A_WEIGHT.search(text)
        text = (text[: weight.start()] if weight else text).rstrip(".")
        after = begin + len(text)
        if more := _MORE_RANGE.match(line.folded, after) if text else None:
            text, after = line.folded[begin : more.end()], more.end()
    else:
        return "", end
    try:
        return normal_range(text), after
    except UnreadableRange as error:
        template = _NO_SUCH_VERSION if error.is_empty else _NO_VERSION
        nearest = _nearest_range(text)
        at = line.at(begin, after) if text else line.at(end)
        if house:
            at, nearest = line.at(end, after), nearest and f":{nearest}"
        line.found.add(at, "version-unreadable", template, nearest, text=shown(text))
        return None, after


def _nearest_range(text: str) -> str:
    if text.lower() in ("latest", "newest"):
        return ">=0"
    parts = re.sub(r"([<>=^~]) +", r"\1", text).replace(",", " ").split()
    with suppress(UnreadableRange):
        return normal_range("&".join(parts))
    numbers = re.findall(r"[0-9]{1,9}", text)[:3]
    if not numbers or len(text) > 40:
        return ""
    return ".".join(str(int(number)) for number in numbers) + (".x" if len(numbers) == 1 else "")


def _weight(line: Line, place: int) -> tuple[int | None, int]:
    match = _WEIGHT.match(line.folded, place)
    if not match:
        if line.folded[place : place + 1] == "*":
            line.found.add(line.at(place), "weight", _NO_WEIGHT, " *", text="*")
            return None, place + 1
        return None, place
    text = match[1].rstrip(".")
    end = match.start(1) + len(text)
    number = read_decimal(text)
    if other := _OTHER_WEIGHT.match(line.folded, end):
        return None, _other_weight(line, match.start(1), number, other)
    if not is_weight(number):
        nearest = "" if number is None or not number else write_decimal(max(-4 * MILLION, min(4 * MILLION, number)))
        line.found.add(line.at(match.start(1), end), "weight", _NO_WEIGHT, nearest, text=shown(text))
        return None, end
    return number, end


def _other_weight(line: Line, start: int, number: int | None, other: re.Match[str]) -> int:
    """Refuses a percentage, and a comma where a point should be: as text, most of it would be lost in the prompt."""
    text = line.folded[start : other.end()]
    meant = number // 100 if number and other[0] == "%" else read_decimal(text.replace(",", "."))
    nearest = write_decimal(meant) if meant is not None and is_weight(meant) else ""
    line.found.add(line.at(start, other.end()), "weight", _NO_WEIGHT, nearest, text=shown(text))
    return other.end()


def write_ref(ref: Ref) -> str:
    """This will write a pack as recipes have it, with its @."""
    version = f":{ref.version}" if ref.version else ""
    weight = f"*{write_decimal(ref.weight_ppm)}" if ref.weight_ppm is not None else ""
    return f"@{'/'.join(ref.path)}{version}{weight}"


def expanded(ref: Ref, aliases: tuple[tuple[str, Ref], ...]) -> Ref:
    """This will write an alias out: the pack that it stands for, under the ref's own version and weight if it has any.

    A ref that is no alias is returned as it is.
    """
    for name, stands_for in aliases:
        if len(ref.path) == 1 and same(name) == same(ref.path[0]):
            weight = stands_for.weight_ppm if ref.weight_ppm is None else ref.weight_ppm
            return Ref(stands_for.path, ref.version or stands_for.version, weight, ref.at)
    return ref
