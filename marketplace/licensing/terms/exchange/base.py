"""What every form promises: what was read or written, what was lost on the way, and how it refuses."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.lattice import RANKS, least
from marketplace.licensing.terms.model import DIMENSIONS, Terms
from marketplace.ui.words import Listed, Value, Values, Words
from marketplace.ui.words import gettext_noop as _

SIZE_LIMIT_BYTES = 2 * 1024 * 1024
"""More than any license, and than the JSON of any model page that we have seen."""

Source = str | bytes | Mapping[str, Any]

NAMES: Mapping[str, str] = {
    "spdx": "SPDX",
    "cc": "Creative Commons",
    "openrail": "OpenRAIL",
    "vrm": "VRM",
    "civitai": "Civitai",
    "pil": "Story PIL",
    "odrl": "ODRL 2.2",
    "cawg": "CAWG training and data mining",
    "rsl": "RSL 1.0",
}
"""Each form, and what people call it."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What a mapping could not carry: the dimension it is about, and one sentence.

    `dimension` is one of `model.DIMENSIONS`, or what terms have no dimension for: `document` (a text that was not
    read or compared), `patents`, `price`, `notices`.
    """

    dimension: str
    template: str
    values: Values

    def __str__(self) -> str:
        return str(Words(self.template, self.values))


def loss(dimension: str, template: str, /, **values: Value) -> Loss:
    """Return the loss with this sentence."""
    return Loss(dimension, template, values)


@dataclass(frozen=True, slots=True)
class Imported:
    """Terms read from somebody else's license: `source` is what it was taken for, such as `CC-BY-4.0`."""

    terms: Terms
    lost: tuple[Loss, ...]
    source: str
    form: str


@dataclass(frozen=True, slots=True)
class Exported:
    """Terms written in a form of others."""

    text: str
    media_type: str
    lost: tuple[Loss, ...]
    form: str


class UnableToReadLicense(ValueError):
    """The license cannot be read: one sentence says what is wrong with it, where, and what to do."""

    code = "license-unreadable"

    def __init__(self, form: str, template: str, values: Values | None = None) -> None:
        self.form, self.template, self.values = form, template, values or {}
        super().__init__(str(Words(template, self.values)))


class UnableToWriteLicense(ValueError):
    """The form has no license that allows as little as the terms: `lost` says what it would allow beyond them."""

    code = "license-unwritable"

    def __init__(self, form: str, lost: Iterable[Loss]) -> None:
        self.form, self.lost = form, tuple(lost)
        self.template = _("%(form)s has no license that allows as little as these terms do: see %(dimensions)s.")
        self.values: Values = {"form": NAMES[form], "dimensions": Listed(tuple(one.dimension for one in self.lost))}
        super().__init__(str(Words(self.template, self.values)))


def unreadable(form: str, template: str, /, **values: Value) -> UnableToReadLicense:
    """Return the refusal, ready to be raised."""
    return UnableToReadLicense(form, template, values)


def shown(value: object) -> str:
    """Return a stranger's word as it may stand in a sentence: short, on one line, and printable."""
    text = value if isinstance(value, str) else repr(value)
    return "".join(letter if letter.isprintable() else " " for letter in text[:60]).strip()


def text_of(source: Source, form: str) -> str:
    """Return the text of a license file; raise UnableToReadLicense for what is no text or too long."""
    if isinstance(source, Mapping):
        raise unreadable(form, _("A license in %(form)s is a text, not an object."), form=NAMES[form])
    if len(source) > SIZE_LIMIT_BYTES:
        raise unreadable(form, _("The license is longer than 2 MiB; give the license alone."))
    if isinstance(source, str):
        text = source
    else:
        try:
            text = source.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise unreadable(form, _("The license is no text in UTF-8; save it as plain text.")) from None
    if "\0" in text or not text.strip():
        raise unreadable(form, _("The file has no text in it; give the license as plain text or JSON."))
    return text


_DEPTH = 64
# A string, also one without an end, or a bracket; it never tries a place twice.
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def object_of(source: Source, form: str) -> Mapping[str, Any]:
    """Return the JSON object that a source is; raise UnableToReadLicense for what is none.

    Names that stand twice are refused: two readers would see two licenses. Numbers other than JSON's are, too.
    """
    if isinstance(source, Mapping):
        return source
    text = text_of(source, form)
    _check_depth(text, form)
    try:
        found = json.loads(text, object_pairs_hook=partial(_once, form), parse_constant=_no_constant)
    except UnableToReadLicense:
        raise
    except json.JSONDecodeError as error:
        template = _("This is no JSON: it breaks in line %(line)d, column %(column)d.")
        raise unreadable(form, template, line=error.lineno, column=error.colno) from None
    except ValueError:
        raise unreadable(form, _("The JSON has a number that not all readers can read; mend it.")) from None
    if not isinstance(found, dict):
        raise unreadable(form, _("The JSON is no object; give the license as an object with named fields."))
    return found


def _check_depth(text: str, form: str) -> None:
    """Refuse what is nested too deeply before it is parsed: the parser would go as deep as its stack, and beyond."""
    depth = 0
    for found in _STRUCTURE.finditer(text):
        sign = found[0]
        depth += (sign in "[{") - (sign in "]}")
        if depth > _DEPTH:
            raise unreadable(form, _("The JSON is nested too deeply; give the license alone."))


def _once(form: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise unreadable(form, _("The JSON says “%(name)s” twice; keep one of them."), name=shown(name))
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def flag(said: Mapping[str, Any], name: str, form: str) -> bool | None:
    """Return true or false as said, None where nothing is said; raise UnableToReadLicense for anything else."""
    value = said.get(name)
    if value is not None and type(value) is not bool:
        raise unreadable(form, _("“%(field)s” must be true or false."), field=name)
    return value


def wider(one: Terms, other: Terms) -> tuple[str, ...]:
    """Return the dimensions in which `one` allows what `other` does not; none if it allows nothing at all."""
    return () if one.allows_nothing else tuple(dimension for dimension, within in _compared(one, other) if not within)


def _compared(one: Terms, other: Terms) -> Iterator[tuple[str, bool]]:
    for name, ranks in RANKS.items():
        yield name, ranks[getattr(one, name)] <= ranks[getattr(other, name)]
    both_limited = one.commercial == other.commercial == "limited"
    yield "revenue_cap_usd", not both_limited or one.revenue_cap_usd <= other.revenue_cap_usd
    for name in ("seats", "duration_days", "ends"):
        # A limit is within another if it stays as it is where both hold.
        yield name, least([getattr(one, name), getattr(other, name)]) == getattr(one, name)
    for name in ("sublicense_depth", "transferable", "exclusive"):
        yield name, getattr(one, name) <= getattr(other, name)
    for name in vocabulary.SCOPES:
        yield name, getattr(one, name) <= getattr(other, name)
    for name in ("starts", "banned", "approval_required", "credit_required"):
        yield name, getattr(one, name) >= getattr(other, name)
    yield "credit_line", other.credit_line in ("", one.credit_line)
    # Where no changed work may be shared, nothing is to be shared alike.
    yield "share_alike", one.derivatives != "share" or other.share_alike in ("", one.share_alike)
    earns = one.derivatives != "none" and one.commercial != "none"
    yield "royalty_ppb", not earns or one.royalty_ppb >= other.royalty_ppb
    yield "royalty_basis", not earns or not other.royalty_ppb or one.royalty_basis == other.royalty_basis


def differing(one: Terms, other: Terms) -> tuple[str, ...]:
    """Return the dimensions in which two terms differ, in the order of their document."""
    return tuple(dimension for dimension in DIMENSIONS if getattr(one, dimension) != getattr(other, dimension))


def named(lost: Iterable[Loss], before: Terms, after: Terms, form: str) -> tuple[Loss, ...]:
    """Return the losses, with one for each dimension that differs before and after and that none of them names."""
    said = list(lost)
    spoken = {one.dimension for one in said}
    for dimension in differing(before, after):
        if dimension not in spoken:
            template = _("%(form)s cannot say what these terms say here; it says less.")
            said.append(loss(dimension, template, form=NAMES[form]))
    return tuple(said)
