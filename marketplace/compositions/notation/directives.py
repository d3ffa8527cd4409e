"""The lines with `%`: settings, variables, words, negotiated shares and aliases."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from marketplace.compositions.notation import choices
from marketplace.compositions.notation.body import Named, scan_body
from marketplace.compositions.notation.findings import Findings, closest, shown
from marketplace.compositions.notation.model import Place, Ref
from marketplace.compositions.notation.refs import Line, scan_ref
from marketplace.compositions.notation.settings import (
    PREFIXES,
    READERS,
    UnreadableSetting,
    read_setting,
    read_share,
)
from marketplace.compositions.notation.signs import (
    NAME_LIMIT,
    hidden_in,
    name_end,
    normal,
    same,
    skip,
    strip_blanks,
)
from marketplace.ui.words import Value
from marketplace.ui.words import gettext_noop as _

MOST_NAMES = 200
"""So many variables, lists of words and aliases, each."""
_KEY = re.compile(r"% *([^=]*)")
_OTHER_SIGN = re.compile(r"([A-Za-z]+)(?: *: *| )(?=[^ ])")
_MEANT = {
    "种子": "seed",
    "尺寸": "size",
    "大小": "size",
    "步数": "steps",
    "采样器": "sampler",
    "采样": "sampler",
    "调度器": "scheduler",
    "模型": "checkpoint",
    "底模": "base",
    "分成": "policy",
    "width": "size",
    "height": "size",
    "model": "checkpoint",
    "cfg scale": "cfg",
    "cfg_scale": "cfg",
    "guidance": "cfg",
    "schedule": "scheduler",
}
"""What other tools and people call our settings."""

_NO_VALUE = _("A setting is %%key=value; “%(text)s” has no value.")
_UNKNOWN = _("There is no setting “%(text)s”; there are %(known)s.")
_TWICE = _("%(key)s stands in line %(line)s already; take one of the two out.")
_NAME = _("“%(text)s” is no name; use 1 to 40 letters and digits of any script, - and single _.")
_HIDDEN = _("The sign %(sign)s, which cannot be seen, cannot stand in a setting; take it out.")
_ALIAS = _("An alias stands for one pack, as in %%@A = creator/pack:^1; “%(text)s” is none.")
_MORE = _("Nothing can stand after the pack that an alias stands for; take “%(text)s” out.")
_TOO_MANY = _("More than %(limit)s of these are too many; take some out.")
_ONLY = _("a variable or a list of words")


@dataclass(slots=True)
class Directives:
    """What the lines said, by name, and where each stands."""

    settings: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: dict[str, Ref] = field(default_factory=dict)
    places: dict[tuple[str, str], Place] = field(default_factory=dict)
    names: list[Named] = field(default_factory=list)

    @staticmethod
    def known() -> list[str]:
        """All keys, prefixes with their point."""
        return [*READERS, *PREFIXES]

    def nodes(self) -> Mapping[tuple[str, str], Place]:
        """Where each variable and list of words stands."""
        return {node: place for node, place in self.places.items() if node[0] in ("var", "words")}

    def read(self, line: Line, start: int) -> None:
        """This will read one line from its % on."""
        match = _KEY.match(line.folded, start)
        end = match.end() if match else start + 1
        begin = match.start(1) if match else start + 1
        key = strip_blanks(line.raw[begin:end])
        at = line.at(begin, begin + len(key)) if key else line.at(start)
        hidden = hidden_in(key)
        if hidden >= 0:
            line.found.add(line.at(begin + hidden), "hidden-sign", _HIDDEN, sign=f"U+{ord(key[hidden]):04X}")
        elif line.folded[begin : begin + 1] == "@":
            self._alias(line, begin, end, at)
        elif line.folded[end : end + 1] != "=" or not strip_blanks(line.raw[end + 1 :]):
            # What should have been the sign of equality: `%seed 42`, `%seed: 42`.
            sign = _OTHER_SIGN.match(line.folded, begin)
            mends = sign and sign[1].lower() in READERS and end == len(line.folded)
            line.found.add(
                line.at(sign.end(1), sign.end()) if sign and mends else at,
                "setting-empty",
                _NO_VALUE,
                "=" if mends else "",
                text=shown(key),
            )
        else:
            self._value(line, at, line.folded[begin : begin + len(key)], key, end + 1)

    def _value(self, line: Line, at: Place, key: str, raw_key: str, begin: int) -> None:
        begin = skip(line.folded, begin)
        text = line.raw[begin:].rstrip()
        prefix = next((one for one in PREFIXES if key.lower().startswith(one)), "")
        if not prefix:
            self._setting(line, at, key.lower(), text, begin)
            return
        name = strip_blanks(raw_key[len(prefix) :])
        if prefix == "share.":
            label = " ".join(normal(name).split())
            label = "style" if label.casefold() in ("style", "风格") else label
            self._kept(line, at, "share", f"share.{label}", label)
            self._read(line, begin, text, lambda: read_share(label, text), f"share.{label}")
            return
        name = normal(strip_blanks(key[len(prefix) :]))
        if not is_name(name):
            line.found.add(at, "name", _NAME, text=shown(name))
            return
        kind = prefix.rstrip(".")
        self._kept(line, at, kind, f"{prefix}{name}", same(name))
        if self._alone(line, begin):
            self._names(line, at, kind, name, text, begin)

    def _names(self, line: Line, at: Place, kind: str, name: str, text: str, begin: int) -> None:
        def problem(start: int, end: int, code: str, template: str, mend: str, values: dict[str, Value]) -> None:
            line.found.add(line.at(begin + shift + start, begin + shift + end), code, template, mend, **values)

        def tally(made: int) -> None:
            line.found.tally(made, at)

        shift = 0
        if kind == "var":
            self.variables[name] = text
            self._used(line, choices.parse(text, problem, tally), begin)
        else:
            options = choices.split_options(text)
            self.words[name] = tuple(one for one, _place in options)
            for one, place in options:
                shift = place
                self._used(line, choices.option_of(one, problem, tally).parts, begin + place)
            if len(options) > choices.OPTIONS_LIMIT:
                values: dict[str, Value] = {"count": len(options), "limit": choices.OPTIONS_LIMIT}
                shift = 0
                problem(0, len(text), "choice-too-many", choices.TOO_MANY, "", values)
        if max(len(self.variables), len(self.words)) > MOST_NAMES:
            line.found.add(at, "too-many-names", _TOO_MANY, limit=MOST_NAMES)

    def _used(self, line: Line, parts: tuple[choices.Part, ...], begin: int) -> None:
        for part in choices.names_in(parts):
            self.names.append((part.name, choices.node(part), line.at(begin + part.start, begin + part.end)))

    def _alone(self, line: Line, begin: int) -> bool:
        """Whether a value is text alone; packs, regions and options in it are noted."""
        before = len(line.found)
        scan_body(line, begin, only=_ONLY)
        return len(line.found) == before

    def _setting(self, line: Line, at: Place, key: str, text: str, begin: int) -> None:
        if key not in READERS:
            meant = _MEANT.get(key) or closest(key, self.known())
            known = ", ".join([*READERS, *(f"{prefix}name" for prefix in PREFIXES)])
            line.found.add(at, "setting-unknown", _UNKNOWN, meant, text=shown(key), known=known)
            return
        self._kept(line, at, "setting", key, key)
        self._read(line, begin, text, lambda: read_setting(key, text), key)

    def _read(self, line: Line, begin: int, text: str, read: Callable[[], str], key: str) -> None:
        try:
            self.settings[key] = read()
        except UnreadableSetting as error:
            at = line.at(begin, begin + len(text))
            line.found.add(at, error.code, error.words.template, error.nearest, **error.words.values)

    def _kept(self, line: Line, at: Place, kind: str, key: str, name: str) -> None:
        first = self.places.setdefault((kind, name), at)
        if first is not at:
            line.found.add(at, "setting-twice", _TWICE, key=f"%{shown(key)}", line=first.line)

    def _alias(self, line: Line, begin: int, end: int, at: Place) -> None:
        first = skip(line.folded, begin + 1)
        last = name_end(line.folded, first)
        name = normal(line.folded[first:last])
        if not is_name(name) or skip(line.folded, last) != end or line.folded[end : end + 1] != "=":
            line.found.add(at, "name", _NAME, text=shown(line.raw[first:end].strip()))
            return
        self._kept(line, at, "alias", f"@{name}", same(name))
        place = skip(line.folded, end + 1)
        text = strip_blanks(line.raw[place:])
        if not text:
            line.found.add(at, "setting-empty", _NO_VALUE, text=shown(f"@{name}"))
            return
        # What a ref begins with may be left out here.
        has_sign = line.folded[place] == "@"
        inner = line if has_sign else Line("@" + line.raw[place:], "@" + line.folded[place:], line.number, Findings())
        ref, after = scan_ref(inner, place if has_sign else 0)
        whole = line.at(place, place + len(text))
        if ref is None or len(ref.path) < 2:
            line.found.add(whole, "alias", _ALIAS, text=shown(text))
        elif rest := strip_blanks(inner.raw[after:]):
            line.found.add(whole, "alias", _MORE, text=shown(rest))
        else:
            self.aliases[name] = Ref(ref.path, ref.version, ref.weight_ppm, whole)
        if len(self.aliases) > MOST_NAMES:
            line.found.add(at, "too-many-names", _TOO_MANY, limit=MOST_NAMES)


def is_name(name: str) -> bool:
    """This will tell whether aliases, variables and words may be called so."""
    fits = 0 < len(name) <= NAME_LIMIT and name_end(name, 0) == len(name)
    return fits and "__" not in name and not name.startswith("_") and not name.endswith("_")
