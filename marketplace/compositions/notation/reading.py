"""A recipe's text as data: line by line, in time that grows with its length, and with every mistake in its place."""

import re
from dataclasses import dataclass, field

from marketplace.compositions.notation import choices, wildcards
from marketplace.compositions.notation.body import Body, is_empty, scan_body
from marketplace.compositions.notation.directives import Directives
from marketplace.compositions.notation.findings import MOST_CHOICES, Findings, closest, shown
from marketplace.compositions.notation.findings import MOST_FINDINGS as MOST_FINDINGS
from marketplace.compositions.notation.findings import Finding as Finding
from marketplace.compositions.notation.findings import UnreadableRecipe as UnreadableRecipe
from marketplace.compositions.notation.finishing import finish
from marketplace.compositions.notation.model import FULL, Layer, Place, Recipe
from marketplace.compositions.notation.places import lines_of
from marketplace.compositions.notation.refs import Line
from marketplace.compositions.notation.signs import (
    FORBIDDEN,
    HIDDEN,
    fold,
    hidden_in,
    normal,
    skip,
    strip_blanks,
    strip_prompt,
)
from marketplace.compositions.notation.writing import layer_line
from marketplace.ui.words import gettext_noop as _

MOST_BYTES = 1024 * 1024
MOST_LINE = 4_000
MOST_LAYERS = 64
LABEL_LIMIT = 64
STYLE_WORDS = ("style", "风格")
_STYLES = frozenset(("風格", "画风", "畫風", "样式", "樣式", "笔风"))
_NEGATIVES = frozenset(("negative", "neg", "负面", "负向", "反向", "不要", "负面提示词", "反向提示词", "负向提示词"))
_NEGATIVE = re.compile(r"([^\W\d_]+)(?: *prompt)? *:?", re.IGNORECASE)
"""Words that people write for those of ours, to say so."""
_DOTS = re.compile(r"\|? *(?:\.{3,}|…+)[ .…]*")
_LABEL = re.compile(r"\| *([^:@\[\]{}|\\=]*)")
_STYLE = re.compile(r"-+ *(?:(style)(?![A-Za-z0-9_])|(风格)) *:?", re.IGNORECASE)
_DASHED = re.compile(r"-+ *([^\W\d_]{1,20})")
_STARTS: dict[str, str] = {"|": "layer", "-": "style", "!": "negative", "%": "setting"}

_TEXT_TOO_LONG = _("The recipe is longer than 1 MiB; part it into several.")
_LINE_TOO_LONG = _("The line is longer than %(limit)s characters; make it shorter.")
_FORBIDDEN = _("The sign %(sign)s, which cannot be seen, cannot stand in a recipe; take it out.")
_NO_LINE = _("The line is none of a recipe; begin it with |label:, - style, !, % or #.")
_NO_LABEL = _("A layer begins with | and its label of 1 to %(limit)s characters, then a colon: |sky: clouds.")
_NO_COLON = _("A colon is missing after the label of the layer: |sky: clouds.")
_LABEL_SIGN = _("The sign %(sign)s, which cannot be seen, cannot stand in a label; take it out.")
_RESERVED = _("“%(label)s” is no label of a layer; write the style of the picture as - style.")
_LABEL_TWICE = _("The label “%(label)s” stands in line %(line)s already; give each layer its own.")
_NO_STYLE = _("A line with - says the style: - style ink wash @creator/pack.")
_STYLE_TWICE = _("The style stands in line %(line)s already; a recipe has one.")
_STYLE_REGION = _("The style is the whole picture's; take the region out.")
_EMPTY = _("The layer says nothing; write a prompt, a pack, or both.")
_NO_LAYER = _("The recipe has no layer; write one, as |layer1: a person @creator/pack.")
_TOO_MANY = _("The recipe has more than %(limit)s layers; take some out.")
_NEGATIVE_TOO_LONG = _("What is not wanted is longer than %(limit)s characters in all; make it shorter.")


@dataclass(slots=True)
class _Reader:
    most_layers: int
    found: Findings
    directives: Directives = field(default_factory=Directives)
    layers: list[Layer] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    style: Layer | None = None
    negative: list[str] = field(default_factory=list)

    def line(self, number: int, raw: str) -> None:
        if len(raw) > MOST_LINE:
            self.found.add(Place(number, MOST_LINE + 1, 0), "line-too-long", _LINE_TOO_LONG, limit=MOST_LINE)
            return
        line = Line(raw, fold(raw), number, self.found)
        start = skip(line.folded, 1 if number == 1 and raw.startswith("\ufeff") else 0)
        sign = line.folded[start : start + 1]
        if not sign or sign == "#" or _DOTS.fullmatch(line.folded, start):
            return
        getattr(self, "_" + _STARTS.get(sign, "unknown"))(line, start)

    def _layer(self, line: Line, start: int) -> None:
        match = _LABEL.match(line.folded, start)
        begin, end = (match.start(1), match.end(1)) if match else (start + 1, start + 1)
        label = " ".join(normal(line.raw[begin:end]).split())
        if line.folded[end : end + 1] != ":" or not label or len(label) > LABEL_LIMIT:
            self._refuse_label(line, start, begin, end, label)
            return
        at = line.at(begin, begin + len(line.raw[begin:end].rstrip()))
        hidden = hidden_in(line.raw[begin:end])
        if hidden >= 0:
            sign = f"U+{ord(line.raw[begin + hidden]):04X}"
            self.found.add(line.at(begin + hidden), "hidden-sign", _LABEL_SIGN, sign=sign)
        elif label.casefold() in STYLE_WORDS:
            self.found.add(line.at(start, end), "label-reserved", _RESERVED, f"- {label}", label=label)
        elif label in self.labels:
            other = self._free(label)
            self.found.add(
                at, "label-twice", _LABEL_TWICE, other, label=shown(label, LABEL_LIMIT), line=self.labels[label]
            )
        self.labels.setdefault(label, line.number)
        before = len(self.found)
        layer = self._made(line, label, at, scan_body(line, end + 1), begin=start)
        if len(self.layers) == self.most_layers and len(self.found) == before:
            self.found.add(line.at(start), "too-many-layers", _TOO_MANY, limit=self.most_layers)
        self.layers.append(layer)

    def _free(self, label: str) -> str:
        """Gives a label that no layer has yet."""
        stem = label.rstrip("0123456789")[: LABEL_LIMIT - 6]
        return next(f"{stem}{number}" for number in range(2, 100_000) if f"{stem}{number}" not in self.labels)

    def _refuse_label(self, line: Line, start: int, begin: int, end: int, label: str) -> None:
        if not label or len(label) > LABEL_LIMIT or line.folded[end : end + 1] in tuple("|\\="):
            at = line.at(begin, end) if label else line.at(start)
            self.found.add(at, "label", _NO_LABEL, limit=LABEL_LIMIT)
            return
        blank = line.folded.find(" ", begin, begin + len(line.folded[begin:end].rstrip(" ")))
        at = line.at(blank) if blank >= 0 else line.at(end, end)
        self.found.add(at, "label-colon", _NO_COLON, ": ")

    def _style(self, line: Line, start: int) -> None:
        match = _STYLE.match(line.folded, start)
        if not match:
            word = _DASHED.match(line.folded, start)
            at = line.at(word.start(1), word.end(1)) if word else line.at(start)
            meant = closest(word[1].lower(), STYLE_WORDS) if word else "- style"
            if not strip_blanks(line.folded[start:]).strip("-"):
                at, meant = line.at(start, len(line.raw)), "..."
            elif word and word[1] in _STYLES:
                meant = "风格"
            elif word and word[1].lower() in _NEGATIVES:
                at, meant = line.at(start, self._negative_end(line, word.start(1))), "!"
            self.found.add(at, "style", _NO_STYLE, meant)
            return
        word_at = match.start(1) if match[1] else match.start(2)
        at = line.at(word_at, word_at + len(match[1] or match[2]))
        if self.style and self.style.at:
            self.found.add(at, "style-twice", _STYLE_TWICE, line=self.style.at.line)
        style = self._made(line, "style", at, scan_body(line, match.end()), begin=start)
        if style.region and style.region.kind != FULL:
            self.found.add(style.region.at or at, "style-region", _STYLE_REGION)
        self.style = self.style or style

    def _made(self, line: Line, label: str, at: Place, body: Body, *, begin: int) -> Layer:
        options = tuple(sorted(body.options.items()))
        self.directives.names += body.names
        layer = Layer(label, body.prompt, tuple(body.refs), body.region, options, at)
        if is_empty(body) and (not body.cuts or not len(self.found)):
            self.found.add(line.at(begin, len(line.raw.rstrip())), "layer-empty", _EMPTY)
        elif len(line.raw) > MOST_LINE - 200 and len(layer_line(layer)) + (label == "style") > MOST_LINE:
            # It could not be read again as it is written from the recipe.
            self.found.add(line.at(begin), "line-too-long", _LINE_TOO_LONG, limit=MOST_LINE)
        return layer

    def _negative(self, line: Line, start: int) -> None:
        body = scan_body(line, start + 1, only=_("what is not wanted"))
        self.directives.names += body.names
        if body.prompt:
            self.negative.append(body.prompt)
        if sum(map(len, self.negative)) + 2 * len(self.negative) > MOST_LINE:
            self.found.add(line.at(start), "line-too-long", _NEGATIVE_TOO_LONG, limit=MOST_LINE)

    def _setting(self, line: Line, start: int) -> None:
        self.directives.read(line, start)

    def _unknown(self, line: Line, start: int) -> None:
        if HIDDEN.match(line.raw, start):
            sign = f"U+{ord(line.raw[start]):04X}"
            self.found.add(line.at(start), "hidden-sign", _FORBIDDEN, sign=sign)
            return
        word = re.match(r"[^\W_]{1,40}", line.folded[start:])
        first = word[0] if word else line.raw[start]
        rest = line.folded[start + len(first) :].lstrip(" ")
        mend, end = "", start + len(first)
        if first[0] in "丨︱│┃ǀ∣¦":
            mend, end = "|", start + 1
        elif first in "*·•" and rest.lower().startswith(STYLE_WORDS):
            mend = "-"
        elif first.lower() in _NEGATIVES:
            mend, end = "!", self._negative_end(line, start)
        elif first.lower() in STYLE_WORDS:
            mend = f"- {first}"
        elif rest.startswith("=") and closest(first.lower(), self.directives.known()):
            mend = f"%{first}"
        elif rest.startswith(":"):
            mend = f"|{first}"
        self.found.add(line.at(start, end), "line-unknown", _NO_LINE, mend)

    @staticmethod
    def _negative_end(line: Line, start: int) -> int:
        match = _NEGATIVE.match(line.folded, start)
        return match.end() if match else start


def read(text: str, *, most_layers: int = MOST_LAYERS) -> Recipe:
    """This will read a recipe, or raise UnreadableRecipe with what is wrong, each in its place.

    What is read can also be chosen by its seed: `wildcards.resolved` has been tried. With more layers, as many more
    choices may be left.
    """
    reader = _Reader(most_layers, Findings(MOST_CHOICES * max(MOST_LAYERS, most_layers) // MOST_LAYERS))
    found = reader.found
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        found.add(Place(1, 1, 0), "text-too-long", _TEXT_TOO_LONG)
        found.refuse()
    lines = lines_of(text)
    is_clean = not FORBIDDEN.search(text)
    for number, raw in enumerate(lines, 1):
        if not raw:
            continue
        sign = None if is_clean else FORBIDDEN.search(raw)
        if sign:
            place = Place(number, sign.start() + 1)
            found.add(place, "forbidden-sign", _FORBIDDEN, sign=f"U+{ord(sign[0]):04X}")
        else:
            reader.line(number, raw)
        if found.is_full:
            break
    if not reader.labels and not len(found):
        found.add(Place(1, 1, 0), "no-layer", _NO_LAYER)
    found.refuse()
    recipe = finish(
        Recipe(tuple(reader.layers), reader.style, strip_prompt(", ".join(reader.negative))),
        reader.directives,
        found,
    )
    found.refuse()
    prompts = [layer.prompt for layer in (*recipe.layers, *((recipe.style,) if recipe.style else ()))]
    if recipe.variables or recipe.words or any(map(choices.has_any, [*prompts, recipe.negative])):
        wildcards.check(recipe, found, reader.directives.nodes())
        found.refuse()
    return recipe
