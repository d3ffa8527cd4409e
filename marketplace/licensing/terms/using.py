"""Which uses can be judged."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.model import (
    CAP_LIMIT_USD,
    LINE_LENGTH,
    SEATS_LIMIT,
    UNLIMITED_DEPTH,
    Scope,
    Use,
    shown,
)
from marketplace.ui.words import Values, Words
from marketplace.ui.words import gettext_noop as _

_SCALES: Mapping[str, tuple[str, ...]] = {**vocabulary.SCALES, "output_owner": vocabulary.OUTPUT_OWNERS}
_NUMBERS = (("revenue_usd", CAP_LIMIT_USD), ("seats", SEATS_LIMIT), ("sublicense_depth", UNLIMITED_DEPTH))
_FLAGS = ("transferable", "exclusive", "approved", "credited")
_DAYS = ("starts", "ends")
_MISSING: Mapping[str, str] = {
    "territory": _("Say in which countries; a use that is nowhere cannot be judged."),
    "fields": _("Say for which fields of use; a use for nothing cannot be judged."),
    "media": _("Say in which media; a use that has no form cannot be judged."),
}


class UnreadableUse(ValueError):
    """A question that cannot be judged, by the first thing that is wrong: in which dimension, and why."""

    code = "use-refused"

    def __init__(self, dimension: str, template: str, values: Values | None = None) -> None:
        self.dimension, self.template, self.values = dimension, template, values or {}
        super().__init__(str(Words(template, self.values)))

    @property
    def where(self) -> str:
        """The dimension, as findings name their place."""
        return self.dimension

    @property
    def findings(self) -> tuple["UnreadableUse"]:
        """Itself, as the one place that is wrong."""
        return (self,)


def check_use(use: Use) -> None:
    """Raise UnreadableUse for the first thing that is wrong with a use."""
    for mistake in _mistakes(use):
        raise mistake


def use_document(use: Use) -> dict[str, Any]:
    """Return a use as the API writes it: every dimension, a scope as {"only": […]} or {"all_but": […]}."""
    return {field.name: _plain(getattr(use, field.name)) for field in fields(use)}


def _plain(value: Any) -> Any:
    if isinstance(value, Scope):
        return {"all_but" if value.all_but else "only": sorted(value.codes)}
    return sorted(value) if isinstance(value, frozenset) else value


def use_from(document: Mapping[str, Any]) -> Use:
    """Return the use that `use_document` wrote, or that says less of it; raise UnreadableUse for anything else.

    A scope may also be a bare list.
    """
    known = {field.name: field.default for field in fields(Use)}
    values: dict[str, Any] = {}
    for name, value in document.items():
        if name not in known:
            raise UnreadableUse(shown(name), _("A use does not speak of it."))
        values[name] = _read(name, value, known[name])
    use = Use(**values)
    check_use(use)
    return use


def _read(name: str, value: Any, default: object) -> Any:
    if not isinstance(default, Scope | frozenset):
        return value
    kind, codes = "only", value
    if isinstance(default, Scope) and isinstance(value, Mapping) and len(value) == 1:
        ((kind, codes),) = value.items()
    if not isinstance(codes, list) or kind not in ("only", "all_but") or not all(isinstance(one, str) for one in codes):
        raise UnreadableUse(name, _("It must be a list of words."))
    return Scope(frozenset(codes), kind == "all_but") if isinstance(default, Scope) else frozenset(codes)


def _mistakes(use: Use) -> Iterator[UnreadableUse]:
    for dimension, words in _SCALES.items():
        if (value := getattr(use, dimension)) not in words:
            template = _("It must be one of %(words)s, not “%(value)s”.")
            yield UnreadableUse(dimension, template, {"words": ", ".join(words), "value": shown(value)})
    for dimension, most in _NUMBERS:
        if type(value := getattr(use, dimension)) is not int or not 0 <= value <= most:
            yield UnreadableUse(dimension, _("It must be a whole number from 0 to %(most)d."), {"most": most})
    for dimension in _FLAGS:
        if type(getattr(use, dimension)) is not bool:
            yield UnreadableUse(dimension, _("It must be true or false."))
    for dimension, known in vocabulary.SCOPES.items():
        yield from _wrong_scope(dimension, getattr(use, dimension), known)
    yield from _unknown("content", use.content, vocabulary.BANNED)
    label = use.share_alike
    if label and (not isinstance(label, str) or len(label) > LINE_LENGTH or not label.isprintable()):
        template = _("It must be one line of at most %(most)d characters.")
        yield UnreadableUse("share_alike", template, {"most": LINE_LENGTH})
    yield from _wrong_days(use)


def _wrong_scope(dimension: str, scope: Scope, known: frozenset[str]) -> Iterator[UnreadableUse]:
    yield from _unknown(dimension, scope.codes, known)
    if len(scope.codes) == (len(known) if scope.all_but else 0):
        yield UnreadableUse(dimension, _MISSING[dimension])


def _unknown(dimension: str, codes: frozenset[str], known: frozenset[str]) -> Iterator[UnreadableUse]:
    if not codes <= known:
        word = shown(min(str(code) for code in codes - known))
        yield UnreadableUse(dimension, _("“%(word)s” is no word that it knows."), {"word": word})


def _wrong_days(use: Use) -> Iterator[UnreadableUse]:
    for dimension in _DAYS:
        value = getattr(use, dimension)
        try:
            wrong = value != "" and date.fromisoformat(value).isoformat() != value
        except (TypeError, ValueError):
            wrong = True
        if wrong:
            yield UnreadableUse(dimension, _("It must be a day such as 2026-11-28, or empty."))
    if use.starts and use.ends and use.starts > use.ends:
        yield UnreadableUse("ends", _("The last day is before the first one."))
