"""The syntax of dynamic prompts, read by hand in one pass: {a|b}, {2$$a|b}, {0.7::x|y}, __wild__, ${x=…}, %{a$$b}.

It is the grammar of the dynamicprompts library with one difference: signs that stand alone are plain text, since
prompts are full of them. A backslash takes its meaning from the sign behind it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn, cast

from assets.inspectors.base import refused
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

MAX_DEPTH = 16
MAX_OPTIONS = 1_000
MAX_PICKS = 100

Place = str | Words
"""Where in a file: a path into its JSON, or words for a line."""

_PLAIN = re.compile(r"(?:[^\\{}$%_|#]++|_(?!_))+")
_WILDCARD = re.compile(r"__[~@!]?([^\W_*]|\*{1,2}/|[^\W_][\w/.*-]{0,126}?(?:[^\W_]|\*))(\([^()]{1,500}\))?__")
_VARIABLE = re.compile(r"\$\{\s*([A-Za-z_-][\w-]{0,63})\s*(\?=!?|=!?|:|(?=\}))", re.ASCII)
_BOUND = re.compile(r"\s*+(?:[~@!]\s*+)?(?:(\d{1,6})-(\d{1,6})|(\d{1,6})-|-(\d{1,6})|(\d{1,6}))\$\$(?:([^${}]*)\$\$)?")
# ":{" and "={" at the end of a word are faces, not groups.
_FACE = re.compile(r"(?<=[:;=])\{(?=[\s,)\]]|\Z)")


@dataclass(frozen=True, slots=True)
class Text:
    """`count` characters that stay as they are."""

    count: int


@dataclass(frozen=True, slots=True)
class Choice:
    """From `lower` to `upper` of the options, with a separator of `separator` characters in between."""

    options: "tuple[Sequence, ...]"
    lower: int = 1
    upper: int = 1
    separator: int = 1


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A name to be replaced by one entry of a list, in which `settings` set variables."""

    name: str
    settings: "tuple[Variable, ...]" = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: read, with a default where it has one, or set, when `value` is what it is set to."""

    name: str
    default: "Sequence | None" = None
    value: "Sequence | None" = None


Node = Text | Choice | Wildcard | Variable
Sequence = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Syntax:
    """What a prompt is made of.

    `plain` is the prompt, as long as it was, with the signs that mean nothing replaced by letters: what the
    library would trip over. `constructs` counts what is not text.
    """

    nodes: Sequence
    plain: str
    constructs: int

    @property
    def is_dynamic(self) -> bool:
        """Say whether the prompt has more than text, names in braces and wildcards."""
        return any(isinstance(node, Choice | Variable) and not _is_name(node) for node in walk(self.nodes))


@dataclass(slots=True)
class _Frame:
    """A construct that is still open: its kind, where it began, and its parts up to here."""

    kind: str
    begin: int
    name: str = ""
    lower: int = 1
    upper: int = 0
    separator: int = 1
    done: list[Sequence] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)


def read_syntax(text: str, place: Place, begin: int = 0) -> Syntax:
    """Return what the prompt `text` is made of; `begin` characters stood before it on its line.

    Raise Refused with `prompt-unclosed`, `prompt-too-deep`, `prompt-too-many-variants`, `prompt-bounds` or
    `prompt-syntax`, at a line and a column.
    """
    return _Reader(text, place, begin).read()


def walk(nodes: Sequence) -> Iterator[Node]:
    """Yield every node, the inner ones behind the one they stand in."""
    for node in nodes:
        yield node
        if isinstance(node, Choice):
            for option in node.options:
                yield from walk(option)
        elif isinstance(node, Variable):
            yield from walk(node.default or node.value or ())
        elif isinstance(node, Wildcard):
            yield from walk(node.settings)


def refuse_at(
    code: str, template: str, text: str, at: int, place: Place, begin: int, /, **values: int | str
) -> NoReturn:
    """Raise the refusal of what stands at index `at` of a prompt, which `template` shows as %(place)s, %(column)s."""
    line = text.count("\n", 0, at)
    column = at - text.rfind("\n", 0, at) + (0 if line else begin)
    where = f"{place}, column {column}" if not line else f"{place}, line {line + 1}, column {column}"
    raise refused(code, template, where, place=place, column=column, **values)


def _is_name(node: Node) -> bool:
    return isinstance(node, Choice) and len(node.options) == 1 and node.upper == 1


class _Reader:
    """One pass over a prompt, open constructs on a stack."""

    def __init__(self, text: str, place: Place, begin: int) -> None:
        self._text, self._place, self._begin = text, place, begin
        self._at = 0
        self._constructs = 0
        self._plain: list[str] = []
        self._stack = [_Frame("prompt", 0)]

    def read(self) -> Syntax:
        text = self._text
        while self._at < len(text):
            sign = text[self._at]
            if match := _PLAIN.match(text, self._at):
                self._keep(match.end())
            elif sign == "\\":
                self._literal(2)
            elif text.startswith(("${", "%{"), self._at) or (sign == "{" and not _FACE.match(text, self._at)):
                self._open(sign)
            elif sign == "}" and len(self._stack) > 1:
                self._close()
            elif sign == "|" and self._stack[-1].kind == "choice":
                self._next_option()
            elif text.startswith("$$", self._at) and len(self._stack) > 1:
                self._dollars()
            elif text.startswith("__", self._at):
                self._wildcard()
            elif sign == "|":
                self._keep(self._at + 1)
            else:
                self._literal(1)
        if len(self._stack) > 1:
            template = _("%(place)s opens a { at column %(column)s and never closes it; add a }.")
            self._refuse("prompt-unclosed", template, self._stack[-1].begin)
        return Syntax(tuple(self._stack[0].nodes), "".join(self._plain), self._constructs)

    def _keep(self, end: int) -> None:
        """Take what reaches to `end` as text."""
        self._add_text(end - self._at)
        self._syntax(end)

    def _literal(self, count: int) -> None:
        """Take `count` characters as text that the library would read otherwise."""
        part = self._text[self._at : self._at + count]
        self._add_text(len(part))
        self._plain.append("x" * len(part))
        self._at += len(part)

    def _add_text(self, count: int) -> None:
        nodes = self._stack[-1].nodes
        if nodes and isinstance(nodes[-1], Text):
            count += cast(Text, nodes.pop()).count
        nodes.append(Text(count))

    def _syntax(self, end: int) -> None:
        self._plain.append(self._text[self._at : end])
        self._at = end

    def _open(self, sign: str) -> None:
        begin = self._at
        if len(self._stack) > MAX_DEPTH:
            template = _("%(place)s nests braces deeper than %(limit)s levels at column %(column)s.")
            self._refuse("prompt-too-deep", template, begin, limit=MAX_DEPTH)
        self._constructs += 1
        if sign == "$":
            match = _VARIABLE.match(self._text, begin)
            if match is None:
                self._refuse("prompt-syntax", _("%(place)s has a ${ without a name at column %(column)s."), begin)
            kind = "set" if match[2].startswith(("=", "?")) else "get"
            self._stack.append(_Frame(kind, begin, name=match[1], upper=len(match[2])))
            self._syntax(match.end())
        elif sign == "%":
            self._stack.append(_Frame("wrap", begin))
            self._syntax(begin + 2)
        else:
            self._stack.append(_Frame("choice", begin))
            self._syntax(begin + 1)
            self._read_bound()

    def _read_bound(self) -> None:
        match = _BOUND.match(self._text, self._at)
        if match is None:
            return
        frame = self._stack[-1]
        low, high, least, most, exact = (int(group) if group else None for group in match.groups()[:5])
        frame.lower = low if low is not None else least if least is not None else exact if exact is not None else 1
        frame.upper = high or most or exact or MAX_PICKS
        if high == 0 or exact == 0 or most == 0 or frame.lower > frame.upper or frame.upper > MAX_PICKS:
            template = _(
                "%(place)s asks at column %(column)s for a number of options that cannot be; the most is %(limit)s."
            )
            self._refuse("prompt-bounds", template, self._at, limit=MAX_PICKS)
        frame.separator = len(match[6]) if match[6] is not None else 1
        self._syntax(match.end())

    def _next_option(self) -> None:
        frame = self._stack[-1]
        frame.done.append(tuple(frame.nodes))
        frame.nodes.clear()
        if len(frame.done) >= MAX_OPTIONS:
            template = _("%(place)s has more than %(limit)s options in the braces at column %(column)s.")
            self._refuse("prompt-too-many-variants", template, frame.begin, limit=MAX_OPTIONS)
        self._constructs += 1
        self._syntax(self._at + 1)

    def _dollars(self) -> None:
        frame = self._stack[-1]
        if frame.kind != "wrap" or frame.done:
            template = _("%(place)s has a $$ at column %(column)s that belongs to no number of options.")
            self._refuse("prompt-syntax", template, self._at)
        frame.done.append(tuple(frame.nodes))
        frame.nodes.clear()
        self._syntax(self._at + 2)

    def _wildcard(self) -> None:
        match = _WILDCARD.match(self._text, self._at)
        if match is None:
            run = len(self._text) - self._at - len(self._text[self._at :].lstrip("_"))
            self._literal(max(2, run - 2))
            return
        self._constructs += 1
        settings = []
        for pair in (match[2] or "").strip("()").split(","):
            name, equals, value = pair.partition("=")
            if equals:
                inner = read_syntax(value, self._place)
                self._constructs += 1 + inner.constructs
                settings.append(Variable(name.strip(), value=inner.nodes))
        self._stack[-1].nodes.append(Wildcard(match[1], tuple(settings)))
        self._syntax(match.end())

    def _close(self) -> None:
        frame = self._stack.pop()
        nodes = tuple(frame.nodes)
        into = self._stack[-1].nodes
        if frame.kind == "choice":
            options = (*frame.done, nodes)
            upper = min(frame.upper or 1, len(options)) if not _draws_more(options) else frame.upper or 1
            into.append(Choice(options, min(frame.lower, upper), upper, frame.separator))
        elif frame.kind == "wrap":
            if not frame.done:
                self._refuse("prompt-syntax", _("%(place)s has a %%{ without $$ at column %(column)s."), frame.begin)
            into.append(Choice((frame.done[0] + nodes,)))
        elif frame.kind == "set":
            into.append(Variable(frame.name, value=nodes))
        else:
            into.append(Variable(frame.name, default=nodes if frame.upper else None))
        self._syntax(self._at + 1)

    def _refuse(self, code: str, template: str, at: int, /, **values: int | str) -> NoReturn:
        refuse_at(code, template, self._text, at, self._place, self._begin, **values)


def _draws_more(options: tuple[Sequence, ...]) -> bool:
    """Say whether a choice may draw more often than it has options: from a wildcard, as {2$$__name__} does."""
    return any(isinstance(node, Wildcard) for option in options for node in option)
