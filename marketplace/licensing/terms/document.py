"""Terms as documents (docs/formats/terms.md): written, read back strictly, and read from what people write."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import rfc8785

from marketplace.licensing.terms.model import (
    DIMENSIONS,
    ContradictoryTerms,
    Scope,
    Terms,
    lone_mistakes,
    mistakes,
    shown,
)
from marketplace.licensing.terms.ready import READY
from marketplace.ui.words import Values
from marketplace.ui.words import gettext_noop as _

FORMAT = "worldloom/terms/2"
FORMAT_1 = "worldloom/terms/1"
MOST_BYTES = 16_384
UNNAMED = "custom"
"""What terms are called that start from no ready-made ones, before the digits of their digest."""

_DIMENSIONS_1 = (
    "commercial",
    "revenue_cap_usd",
    "derivatives",
    "ai_training",
    "redistribution",
    "seats",
    "credit_required",
)
_COMMERCIAL_1 = ("none", "limited", "full")
_DEFAULTS: Mapping[str, Any] = {field.name: field.default for field in fields(Terms)}


class UnableToReadTerms(ValueError):
    """A document, or what somebody wrote, is no terms; `findings` say where and why, each by its dimension."""

    code = "terms-unreadable"

    def __init__(self, findings: Iterable[ContradictoryTerms]) -> None:
        self.findings = tuple(findings)
        super().__init__(" ".join(f"{one.where}: {one}" if one.where else str(one) for one in self.findings))


def terms_document(terms: Terms) -> bytes:
    """Return terms as `worldloom/terms/2`, RFC 8785 JSON."""
    said = {dimension: _plain(getattr(terms, dimension)) for dimension in DIMENSIONS}
    return rfc8785.dumps({"format": FORMAT, "name": terms.name, **said})


def digest_of(terms: Terms) -> str:
    """Return the SHA-256 of the terms' document in hex, by which offers and grants name them."""
    return hashlib.sha256(terms_document(terms)).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Scope):
        return {"all_but" if value.all_but else "only": sorted(value.codes)}
    return sorted(value) if isinstance(value, frozenset) else value


@lru_cache(maxsize=4096)
def read_terms(document: bytes) -> Terms:
    """Return the terms in a document of format 2 or 1, or raise UnableToReadTerms.

    It must be what `terms_document` writes, to the byte: RFC 8785, every member of its format and no other.
    """
    found = _canonical(document)
    match found.pop("format", None):
        case "worldloom/terms/2":
            names, base = DIMENSIONS, {}
        case "worldloom/terms/1":
            # Format 1 is silent about what it did not know yet: all of that is as in ready-made `personal`.
            names, base = _DIMENSIONS_1, {name: getattr(READY["personal"], name) for name in DIMENSIONS}
            if found.get("commercial") == "personal":
                raise _unreadable("commercial", _("Format 1 does not know “personal”."))
        case _:
            template = _("It must be “%(newest)s” or “%(oldest)s”.")
            raise _unreadable("format", template, {"newest": FORMAT, "oldest": FORMAT_1})
    members = {"name", *names}
    if missing := sorted(members - found.keys()):
        raise _unreadable(missing[0], _("It is missing from the document."))
    if unknown := sorted(found.keys() - members):
        raise _unreadable(shown(unknown[0]), _("The format does not know it."))
    return _checked(base, found, _strict)


def _canonical(document: bytes) -> dict[str, Any]:
    """Return the members of a JSON object written as RFC 8785 does; repeated names and other spellings differ."""
    if len(document) > MOST_BYTES:
        raise _unreadable("", _("It is larger than %(most)d bytes, which no terms need."), {"most": MOST_BYTES})
    try:
        found = json.loads(document.decode())
        canonical = rfc8785.dumps(found) == document
    except (ValueError, RecursionError):
        raise _unreadable("", _("It is no JSON in UTF-8 with integers that RFC 8785 can write.")) from None
    if not isinstance(found, dict):
        raise _unreadable("", _("It must be a JSON object."))
    if not canonical:
        raise _unreadable("", _("It is not written as RFC 8785 says: sorted names, each once, and no blanks."))
    return found


def terms_from(written: Mapping[str, Any]) -> Terms:
    """Return the terms that somebody wrote in TOML, JSON or a request: ready-made ones with changes.

    `{"base": "studio", "seats": 5, "territory": {"only": ["CN"]}}`; without `base` nothing is allowed but what it
    says. A scope is also a bare list, and a day also a date. A revenue cap that the change of `commercial` leaves
    without a use goes. Without `name` it is the base's name and the digest's first six digits. All mistakes are
    raised together as UnableToReadTerms.
    """
    wrong: list[ContradictoryTerms] = []
    base = written.get("base", "")
    if base != "" and (not isinstance(base, str) or base not in READY):
        values = {"name": shown(base), "known": ", ".join(READY)}
        wrong.append(ContradictoryTerms("base", _("“%(name)s” names no terms: use one of %(known)s."), values))
    ready = READY.get(base) if isinstance(base, str) else None
    start = _as_dict(ready) if ready else {**_DEFAULTS, "name": UNNAMED}
    changes = {name: value for name, value in written.items() if name != "base"}
    if changes.get("commercial", "limited") != "limited":
        changes.setdefault("revenue_cap_usd", 0)
    for name in [name for name in changes if name not in _DEFAULTS]:
        wrong.append(_unknown(name))
        del changes[name]
    try:
        terms = _checked(start, changes, _loose)
    except UnableToReadTerms as error:
        raise UnableToReadTerms([*wrong, *error.findings]) from None
    if not wrong and "name" in changes and terms != READY.get(terms.name.strip().lower(), terms):
        wrong.append(ContradictoryTerms("name", _("Ready-made terms have this name; take another.")))
    if wrong:
        raise UnableToReadTerms(wrong)
    return terms if "name" in changes or terms == ready else named(terms)


def named(terms: Terms) -> Terms:
    """Return terms under their name and the first six digits of their digest, which no others are likely to have."""
    return replace(terms, name=f"{terms.name}-{digest_of(terms)[:6]}")


def _checked(base: Mapping[str, Any], given: Mapping[str, Any], read: Callable[[str, Any], Any]) -> Terms:
    """Makes terms of the base's values and those given; raises UnableToReadTerms with every mistake in them."""
    values, wrong = dict(base), []
    for name, value in given.items():
        try:
            values[name] = read(name, value)
        except ContradictoryTerms as mistake:
            wrong.append(mistake)
    # What could not be read has no value to check, and nothing can be said of how it goes with the others.
    if wrong:
        readable = SimpleNamespace(**{**_DEFAULTS, "name": UNNAMED, **values})
        raise UnableToReadTerms([*wrong, *lone_mistakes(readable)])
    if wrong := list(mistakes(SimpleNamespace(**values))):
        raise UnableToReadTerms(wrong)
    return Terms(**values)


def _strict(dimension: str, value: Any) -> Any:
    """Reads a member of a document: as `_plain` writes it and in no other way."""
    read = _typed(dimension, value)
    if _plain(read) != value:
        raise ContradictoryTerms(dimension, _("Its words must be sorted, each once."))
    return read


def _loose(dimension: str, value: Any) -> Any:
    if isinstance(_DEFAULTS[dimension], Scope) and isinstance(value, list):
        value = {"only": value}
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = value.isoformat()
    return _typed(dimension, value)


def _typed(dimension: str, value: Any) -> Any:
    """Reads a value of the dimension's type, raises ContradictoryTerms for another; the words are checked later."""
    default = _DEFAULTS[dimension]
    if isinstance(default, Scope):
        if not isinstance(value, dict) or len(value) != 1 or not {"only", "all_but"} >= value.keys():
            raise ContradictoryTerms(dimension, _('It must be {"only": […]} or {"all_but": […]}.'))
        ((kind, codes),) = value.items()
        return Scope(_codes(dimension, codes), kind == "all_but")
    if isinstance(default, frozenset):
        return _codes(dimension, value)
    if type(default) is int and type(value) is not int:
        raise ContradictoryTerms(dimension, _("It must be a whole number."))
    if type(default) is bool and type(value) is not bool:
        raise ContradictoryTerms(dimension, _("It must be true or false."))
    if not isinstance(default, int) and not isinstance(value, str):
        raise ContradictoryTerms(dimension, _("It must be text."))
    return value


def _codes(dimension: str, value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        raise ContradictoryTerms(dimension, _("It must be a list of words."))
    return frozenset(value)


def _unknown(name: str) -> ContradictoryTerms:
    """Says that no dimension has this name, and which one may be meant."""
    if near := get_close_matches(name[:40], DIMENSIONS, 1):
        return ContradictoryTerms(shown(name), _("Terms do not speak of it; is “%(near)s” meant?"), {"near": near[0]})
    return ContradictoryTerms(shown(name), _("Terms do not speak of it."))


def _as_dict(terms: Terms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in _DEFAULTS}


def _unreadable(where: str, template: str, values: Values | None = None) -> UnableToReadTerms:
    return UnableToReadTerms([ContradictoryTerms(where, template, values)])
