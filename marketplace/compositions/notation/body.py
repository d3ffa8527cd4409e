"""The body of a layer: its prompt, the packs that paint it, where, and how."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from marketplace.compositions.notation import choices
from marketplace.compositions.notation.findings import Findings
from marketplace.compositions.notation.model import MASK, Place, Ref, Region
from marketplace.compositions.notation.refs import Line, scan_ref
from marketplace.compositions.notation.regions import may_be_region, option_key, scan_option, scan_region
from marketplace.compositions.notation.signs import COMMAS, fold, strip_prompt
from marketplace.ui.words import Value, Words
from marketplace.ui.words import gettext_noop as _

MOST_REFS = 8
Named = tuple[str, tuple[str, str], Place]
"""A variable or wildcard that a prompt names: its name, what it leads to (`choices.node`), and where it stands."""
# Escapes are passed over at once, and so is a bracket that cannot begin a region: no word follows it.
_NEXT = re.compile(r"(?:\\.?)+|[@{}|]|\[(?= *(?:[^\W_]|[^\x00-\x7f]|[.(]))")
_LABEL_FOLLOWS = re.compile(r"\| *[^:|@\[\]{}\\,]{1,64}:")
_LAYER_FOLLOWS = re.compile(r"\| *(?:layer|图层) *[^:|@\[\]{}\\,]{0,60}:", re.IGNORECASE)
# What ends a layer for whoever writes several in a line; after a pack, a region or an option it has ended as well.
_ENDING = frozenset(",;。、")
_CLOSING = frozenset(",.;:!?)，。；：！？）、")

_TOO_MANY = _("More than %(limit)s packs paint this layer; part it into two layers.")
_TWO_REGIONS = _("The layer has two regions; take this one out, or make two layers.")
_TWICE = _("The option %(key)s stands here twice; take one of them out.")
_AREA = _("The option area says how much of the picture a mask covers; write it at a layer with a mask.")
_ORDER = _("The layer ends before it begins; from is less than until.")
_INSIDE = _("A pack, region or option cannot be left to chance; write it outside of { and }.")
_NOT_HERE = _("No pack, region or option can stand in %(place)s; write \\%(sign)s for the sign itself.")
_LAYER_HERE = _("Another layer begins here; write it on a line of its own, or \\| for the sign itself.")
_UNCLEAR = _("Without what stands within it, the prompt reads otherwise; write packs, regions and options at its end.")


@dataclass(slots=True)
class Body:
    """What a body holds. `cuts` are the characters that are no prompt, from and to; `names` what it refers to."""

    prompt: str = ""
    refs: list[Ref] = field(default_factory=list)
    region: Region | None = None
    options: dict[str, int] = field(default_factory=dict)
    cuts: list[tuple[int, int]] = field(default_factory=list)
    names: list[Named] = field(default_factory=list)


class _Scanner:
    def __init__(self, line: Line, start: int, only: str) -> None:
        self.line, self.start, self.only = line, start, only
        self.body = Body()
        self.open: list[int] = []

    def scan(self) -> Body:
        folded, place = self.line.folded, self.start
        while not self.line.found.is_full and (match := _NEXT.search(folded, place)):
            sign, here = match[0], match.start()
            if sign[0] == "\\":
                place = match.end()
            elif self._is_structure(sign, here):
                place = self._structure(sign, here)
            else:
                self._plain(sign, here)
                place = here + 1
        return self.body

    def _is_structure(self, sign: str, here: int) -> bool:
        if sign == "[":
            return may_be_region(self.line.folded, here)
        return sign == "@" or (sign == "{" and option_key(self.line.folded, here) is not None)

    def _plain(self, sign: str, here: int) -> None:
        if sign == "{":
            self.open.append(here)
        elif sign == "}" and self.open:
            self.open.pop()
        elif sign == "|" and not self.open and not self.only:
            before = here - 1
            while before > self.start and self.line.folded[before] == " ":
                before -= 1
            ends = self.line.folded[before] in _ENDING or (self.body.cuts and self.body.cuts[-1][1] == before + 1)
            if (_LABEL_FOLLOWS if ends else _LAYER_FOLLOWS).match(self.line.folded, here):
                self.line.found.add(self.line.at(here), "layer-here", _LAYER_HERE, "\n|")

    def _structure(self, sign: str, here: int) -> int:
        found, before = self.line.found, len(self.line.found)
        end = {"@": self._ref, "[": self._region, "{": self._option}[sign](here)
        if len(found) == before and (self.only or self.open):
            if self.only:
                said: dict[str, Value] = {"place": Words(self.only), "sign": sign}
                found.add(self.line.at(here, end), "not-here", _NOT_HERE, "\\" + self.line.raw[here:end], **said)
            elif self.line.folded.find("}", end) < 0:
                found.add(self.line.at(self.open[0]), "choice-unclosed", choices.UNCLOSED, "\\{")
            else:
                found.add(self.line.at(here, end), "in-choice", _INSIDE)
        self.body.cuts.append((here, end))
        return end

    def _ref(self, here: int) -> int:
        ref, end = scan_ref(self.line, here)
        if ref:
            self.body.refs.append(ref)
            if len(self.body.refs) == MOST_REFS + 1:
                self.line.found.add(self.line.at(here, end), "too-many-refs", _TOO_MANY, limit=MOST_REFS)
        return end

    def _region(self, here: int) -> int:
        region, end = scan_region(self.line, here)
        if region and self.body.region:
            self.line.found.add(self.line.at(here, end), "region-twice", _TWO_REGIONS)
        self.body.region = self.body.region or region
        return end

    def _option(self, here: int) -> int:
        option, end = scan_option(self.line, here)
        if option:
            key, value = option
            if key in self.body.options:
                self.line.found.add(self.line.at(here, end), "option-twice", _TWICE, key=key)
            self.body.options[key] = value
        return end


def scan_body(line: Line, start: int, only: str = "") -> Body:
    """This will read a body from `start` to the end of its line; what is wrong goes to the line's findings.

    With `only` it is text alone, as a negative is, and `only` says in sentences what.
    """
    before = len(line.found)
    body = _Scanner(line, start, only).scan()
    pieces = _pieces(line.raw, start, body.cuts)
    tail = [piece for piece, _place in pieces[1:] if strip_prompt(piece)]
    body.prompt, starts = _joined(pieces) if tail else _alone(*pieces[0])
    if len(line.found) == before:
        _check_options(line, start, body)
        body.names = _checked_choices(line, body.prompt, starts) if choices.has_any(body.prompt) else []
    if tail and len(line.found) == before and strip_prompt(pieces[0][0]) + "".join(tail[1:]):
        # What stood between two parts is gone: the whole is read once more, and has to be text alone.
        alone = Line(body.prompt, fold(body.prompt), line.number, Findings())
        again = _Scanner(alone, 0, "").scan()
        if alone.found or again.cuts:
            line.found.add(line.at(*body.cuts[0]), "prompt-unclear", _UNCLEAR)
    return body


def _pieces(raw: str, start: int, cuts: list[tuple[int, int]]) -> list[tuple[str, int]]:
    pieces, place = [], start
    for begin, end in cuts:
        pieces.append((raw[place:begin], place))
        place = end
    return [*pieces, (raw[place:], place)]


def _alone(piece: str, place: int) -> tuple[str, list[tuple[int, int]]]:
    prompt = strip_prompt(piece)
    return prompt, [(0, place + piece.find(prompt))]


def _joined(pieces: list[tuple[str, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Joins what is left of a prompt as people would, and says which place of the line each part began at."""
    out, starts = "", [(0, pieces[0][1])]
    for piece, place in pieces:
        left, right = out.rstrip(), piece.lstrip()
        shift = len(piece) - len(right)
        if not right:
            out += " " if left and piece and not out.endswith(" ") else ""
            continue
        between = ""
        if left and right[0] in _CLOSING:
            if left[-1] in COMMAS and right[0] in COMMAS:
                right, shift = right[1:], shift + 1
        elif left and (shift or len(left) < len(out)):
            between = " "
        starts.append((len(left) + len(between), place + shift))
        out = left + between + right
    prompt = strip_prompt(out)
    gone = out.find(prompt) if prompt else 0
    return prompt, [(max(0, begin - gone), place + max(0, gone - begin)) for begin, place in starts]


def _checked_choices(line: Line, prompt: str, starts: list[tuple[int, int]]) -> list[Named]:
    """Looks whether all choices of a prompt can be made; `starts` says where its parts stand in the line."""
    begins = [begin for begin, _place in starts]

    def at(start: int, end: int) -> Place:
        begin, place = starts[max(0, bisect_right(begins, start) - 1)]
        first = min(place + start - begin, len(line.raw))
        return line.at(first, min(first + max(1, end - start), len(line.raw)))

    def problem(start: int, end: int, code: str, template: str, suggestion: str, values: dict[str, Value]) -> None:
        line.found.add(at(start, end), code, template, suggestion, **values)

    parts = choices.parse(prompt, problem, lambda made: line.found.tally(made, line.at(starts[0][1])))
    return [(part.name, choices.node(part), at(part.start, part.end)) for part in choices.names_in(parts)]


def _check_options(line: Line, start: int, body: Body) -> None:
    options = body.options
    here = line.at(*body.cuts[-1]) if body.cuts else line.at(start)
    if "area" in options and (body.region is None or body.region.kind != MASK):
        line.found.add(here, "option-area", _AREA)
    if options.get("from", 0) >= options.get("until", 1_000_000) and ("from" in options or "until" in options):
        line.found.add(here, "option-order", _ORDER)


def is_empty(body: Body) -> bool:
    """This will tell whether a body says nothing at all."""
    return not body.prompt and not body.refs
