"""What a prompt leaves to be chosen: `{a|b}`, `{2$$ and $$a|b|c}`, `{0.7::x|0.3::y}`, `${name}` and `__name__`."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from marketplace.compositions.notation.findings import NotARecipe, shown
from marketplace.compositions.notation.model import MILLION
from marketplace.compositions.notation.numbers import read_decimal
from marketplace.compositions.notation.signs import fold, name_end, normal, plain, same, strip_blanks
from marketplace.ui.words import Value
from marketplace.ui.words import gettext_noop as _

DEPTH_LIMIT = 16
OPTIONS_LIMIT = 100
MOST_WEIGHT_PPM = 1_000 * MILLION
SEPARATOR = ", "
# Escapes are passed over at once, and so is what begins neither a variable nor a wildcard.
_NEXT = re.compile(r"(?:\\.?)+|[{}|]|\$(?=\{)|__(?=[A-Za-z0-9-]|_(?!_)|[^\x00-\x7f])")
_SIGNS = re.compile(r"[{}$_\\｛｝＄＿]")
_COUNT = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?\$\$")
_SEPARATOR = re.compile(r"([^{}|$]*)\$\$")
_WEIGHT = re.compile(r" *([0-9.]{1,40})::")

Problem = Callable[[int, int, str, str, str, dict[str, Value]], None]
"""Told of what is wrong: from and to where, in characters of the prompt, a code, a sentence, a suggestion, values."""
Tally = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Variable:
    """`${name}`: the value that it has in the whole recipe."""

    name: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`__name__`: one of the words of this name."""

    name: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """What a choice may take, and how likely, in ppm of what is written."""

    weight_ppm: int
    parts: "tuple[Part, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    """`low` to `high` of the options, each at most once, with the separator between them."""

    options: tuple[Option, ...]
    low: int = 1
    high: int = 1
    separator: str = SEPARATOR


Part = str | Variable | Wildcard | Choice

UNCLOSED = _("A choice begins here and does not end; close it with } or write \\{ for the sign itself.")
_UNOPENED = _("No choice begins before this }; write \\} for the sign itself.")
_TOO_DEEP = _("Choices stand in each other more than %(limit)s deep; make them simpler.")
TOO_MANY = _("%(count)s choices are too many; at most %(limit)s stand between { and }, or in a list of words.")
_COUNTS = _("%(text)s cannot be chosen from %(count)s choices; ask for 1 to %(count)s, the lower number first.")
_WEIGHTS = _("“%(text)s” is no weight of a choice; write a number above 0 and up to 1000 with at most 6 decimals.")
_NO_NAME = _("A variable is written ${name}; write \\$ for the sign itself.")


class _Stop(NotARecipe):
    """What is wrong leaves no sense to the rest."""


class _Parser:
    def __init__(self, prompt: str, problem: Problem) -> None:
        self.raw, self.folded, self.problem = prompt, fold(prompt), problem
        self.made = 0

    def parts(self, place: int, depth: int) -> tuple[tuple[Part, ...], int]:
        """Reads up to the end of the prompt, or within a choice to the | or } that ends an option."""
        found: list[Part] = []
        begun = place
        while match := _NEXT.search(self.folded, place):
            sign, here = match[0], match.start()
            if sign[0] == "\\":
                place = match.end()
            elif sign in "|}" and depth:
                return (*found, *self._text(begun, here)), here
            elif sign == "|":
                place = here + 1
            elif sign == "}":
                self._stop(here, here + 1, "choice-unopened", _UNOPENED, "\\}")
            else:
                part, place = self._part(sign, here, depth)
                if part is not None:
                    self.made += 1
                    found += [*self._text(begun, here), part]
                    begun = place
        return (*found, *self._text(begun, len(self.raw))), len(self.raw)

    def _text(self, start: int, end: int) -> Iterator[str]:
        if start < end:
            yield plain(self.raw[start:end])

    def _part(self, sign: str, here: int, depth: int) -> tuple[Part | None, int]:
        if sign == "{":
            return self._choice(here, depth + 1)
        if sign == "$":
            end = name_end(self.folded, here + 2)
            if end == here + 2 or self.folded[end : end + 1] != "}":
                self._stop(here, here + 2, "variable-unclosed", _NO_NAME, "\\$\\{")
            return Variable(normal(self.folded[here + 2 : end]), here, end + 1), end + 1
        end = name_end(self.folded, here + 2, joined=True)
        if end == here + 2 or self.folded[end : end + 2] != "__":
            return None, max(end, here + 2)
        return Wildcard(normal(self.folded[here + 2 : end]), here, end + 2), end + 2

    def _choice(self, start: int, depth: int) -> tuple[Choice, int]:
        if depth > DEPTH_LIMIT:
            self._stop(start, start + 1, "choice-too-deep", _TOO_DEEP, limit=DEPTH_LIMIT)
        place, low, high, separator = start + 1, 1, 1, SEPARATOR
        head = _COUNT.match(self.folded, place)
        if head:
            low, place = int(head[1]), head.end()
            high = int(head[2] or head[1])
            between = _SEPARATOR.match(self.folded, place)
            if between:
                separator, place = plain(self.raw[place : between.end(1)]), between.end()
        options = []
        while True:
            weight = _WEIGHT.match(self.folded, place)
            weight_ppm = self._weight(weight[1], weight.start(1), weight.end(1)) if weight else MILLION
            parts, place = self.parts(weight.end() if weight else place, depth)
            options.append(Option(weight_ppm, _trimmed(parts)))
            if place >= len(self.raw):
                self._stop(start, start + 1, "choice-unclosed", UNCLOSED, "\\{")
            place += 1
            if self.folded[place - 1] == "}":
                break
        if len(options) > OPTIONS_LIMIT:
            values: dict[str, Value] = {"count": len(options), "limit": OPTIONS_LIMIT}
            self.problem(start, place, "choice-too-many", TOO_MANY, "", values)
        if head and not 1 <= low <= high <= len(options):
            values = {"text": shown(head[0]), "count": len(options)}
            self.problem(head.start(), head.end(), "choice-count", _COUNTS, f"{len(options)}$$", values)
        return Choice(tuple(options), low, high, separator), place

    def _weight(self, text: str, start: int, end: int) -> int:
        number = read_decimal(text)
        if number is None or not 0 < number <= MOST_WEIGHT_PPM:
            self.problem(start, end, "choice-weight", _WEIGHTS, "1", {"text": shown(text)})
            return MILLION
        return number

    def _stop(self, start: int, end: int, code: str, template: str, suggestion: str = "", **values: Value) -> NoReturn:
        self.problem(start, end, code, template, suggestion, values)
        raise _Stop


def _trimmed(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Takes blanks off both ends of an option."""
    if parts and isinstance(parts[0], str):
        parts = (parts[0].lstrip(), *parts[1:])
    if parts and isinstance(parts[-1], str):
        parts = (*parts[:-1], parts[-1].rstrip())
    return tuple(part for part in parts if part != "")


def ignore(*_said: object) -> None:
    """This will be told of problems of a prompt that has none."""


def has_any(prompt: str) -> bool:
    """This will tell whether a prompt may leave something to be chosen; at once, and never wrongly no."""
    return bool(_SIGNS.search(prompt))


def parse(prompt: str, problem: Problem = ignore, tally: Tally = ignore) -> tuple[Part, ...]:
    """This will read a prompt; what is wrong is told to `problem`, and then what is returned means nothing.

    `tally` is told how many choices, variables and wildcards stand in it.
    """
    if not has_any(prompt):
        return (prompt,) if prompt else ()
    parser = _Parser(prompt, problem)
    try:
        parts, _end = parser.parts(0, 0)
    except _Stop:
        return ()
    tally(parser.made)
    return parts


def split_options(text: str) -> list[tuple[str, int]]:
    """This will part a list of words at each | that stands in no choice: what is between, without blanks, and where."""
    folded, depth, begun, place = fold(text), 0, 0, 0
    found: list[tuple[str, int]] = []

    def ended(end: int) -> None:
        said = strip_blanks(text[begun:end])
        found.append((said, begun + text[begun:end].find(said)))

    while match := _NEXT.search(folded, place):
        sign, here = match[0], match.start()
        place = match.end()
        if sign == "{":
            depth += 1
        elif sign == "}":
            depth = max(0, depth - 1)
        elif sign == "|" and not depth:
            ended(here)
            begun = place
    ended(len(text))
    return found


def option_of(text: str, problem: Problem = ignore, tally: Tally = ignore) -> Option:
    """This will read one of a list of words, which may have a weight as the options of a choice have."""
    weight = _WEIGHT.match(fold(text))
    parser = _Parser(text, problem)
    weight_ppm = parser._weight(weight[1], weight.start(1), weight.end(1)) if weight else MILLION
    try:
        parts, _end = parser.parts(weight.end() if weight else 0, 0)
    except _Stop:
        return Option(weight_ppm, ())
    tally(parser.made)
    return Option(weight_ppm, _trimmed(parts))


def names_in(parts: tuple[Part, ...]) -> Iterator[Variable | Wildcard]:
    """This will give every variable and wildcard of a prompt, also of the options that may not be taken."""
    for part in parts:
        if isinstance(part, Choice):
            for option in part.options:
                yield from names_in(option.parts)
        elif not isinstance(part, str):
            yield part


def node(part: Variable | Wildcard) -> tuple[str, str]:
    """This will name what a variable or wildcard leads to: its kind, and its name in one case."""
    return ("var" if isinstance(part, Variable) else "words", same(part.name))
