"""The largest request below one that is refused which the same layers allow.

docs/formats/composition.md says each rule with examples.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.asking import days_of
from marketplace.licensing.terms.lattice import RANKS, Composed, Layer, clashes, compose, least
from marketplace.licensing.terms.model import UNLIMITED_DAYS, Terms, Use
from marketplace.licensing.terms.using import check_use
from marketplace.licensing.terms.words import rights_in
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Narrowing:
    """One dimension in which less is asked, or something is promised, and what."""

    dimension: str
    words: Words


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A request that is allowed, and all in which it differs from the one that was asked."""

    use: Use
    changes: tuple[Narrowing, ...]


def narrowed(use: Use, layers: Iterable[Layer]) -> Narrowed | None:
    """Return the largest use not above this one that the layers allow; None where even that does not help.

    It does not help where layers clash, and where no country, field, medium or day is left of what was asked.
    """
    check_use(use)
    composed = compose(layers)
    days = _days(use, composed)
    scopes = {dimension: getattr(use, dimension) & getattr(composed, dimension) for dimension in vocabulary.SCOPES}
    if clashes(composed) or days is None:
        return None
    if any(not scopes[dimension].within(known) for dimension, known in vocabulary.SCOPES.items()):
        return None
    smaller = replace(use, **_scales(use, composed), **_counts(use, composed), **_promises(use, composed), **scopes)
    smaller = replace(smaller, starts=days[0], ends=days[1], content=use.content - composed.banned)
    return Narrowed(smaller, tuple(_changes(use, smaller)))


def _scales(use: Use, composed: Composed) -> Mapping[str, Any]:
    """Returns the lower word of each scale; a revenue is cut only where a cap is what is left."""
    lower: dict[str, Any] = {
        dimension: min(getattr(use, dimension), getattr(composed, dimension), key=ranks.__getitem__)
        for dimension, ranks in RANKS.items()
    }
    if lower["commercial"] != "limited":
        lower["revenue_usd"] = use.revenue_usd if lower["commercial"] == use.commercial else 0
    elif composed.commercial == "limited":
        cap = composed.revenue_cap_usd
        lower["revenue_usd"] = min(use.revenue_usd, cap) if use.commercial == "limited" else cap
    return lower


def _counts(use: Use, composed: Composed) -> Mapping[str, Any]:
    return {
        "seats": least([use.seats, composed.seats]),
        "sublicense_depth": min(use.sublicense_depth, composed.sublicense_depth),
        "transferable": use.transferable and composed.transferable,
        "exclusive": use.exclusive and composed.exclusive,
    }


def _promises(use: Use, composed: Composed) -> Mapping[str, Any]:
    """Returns what must be promised besides; whoever still shares shares as the license says."""
    sharing = min(use.derivatives, composed.derivatives, key=RANKS["derivatives"].__getitem__) == "share"
    return {
        "approved": use.approved or composed.approval_required,
        "credited": use.credited or composed.credit_required,
        "share_alike": (sharing and composed.share_alike) or use.share_alike,
    }


def _days(use: Use, composed: Composed) -> tuple[str, str] | None:
    """Returns the most days that are left, the earliest of them where that is a choice; None where none are.

    None also where a number of days is allowed and neither a first nor a last day says which.
    """
    starts, ends = max(use.starts, composed.starts), least([use.ends, composed.ends])
    if ends and starts > ends:
        return None
    days = composed.duration_days
    if days == UNLIMITED_DAYS or 0 < days_of(replace(use, starts=starts, ends=ends)) <= days:
        return starts, ends
    if starts:
        return starts, _moved(starts, days - 1)
    return (_moved(ends, 1 - days), ends) if ends else None


def _moved(day: str, days: int) -> str:
    """Returns the day so many days later, or the calendar's first or last one."""
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    except OverflowError:
        return (date.max if days > 0 else date.min).isoformat()


def _changes(use: Use, smaller: Use) -> Iterable[Narrowing]:
    """Gives each dimension in which the two differ, said as a license says it."""
    for dimension, shape in _SHAPES.items():
        if dimension == "commercial":
            changed = (use.commercial, use.revenue_usd) != (smaller.commercial, smaller.revenue_usd)
        else:
            changed = getattr(use, dimension) != getattr(smaller, dimension)
        if changed:
            yield Narrowing(dimension, _said(dimension, shape(use, smaller)))


def _said(dimension: str, values: Mapping[str, Any]) -> Words:
    terms = Terms("use", **values)
    place = _RIGHTS.get(dimension, dimension)
    right = next(right for right in rights_in(terms) if right.dimension == place)
    template = _("Promise it: “%(said)s”.") if dimension in _PROMISED else _("Ask for no more than this: “%(said)s”.")
    return Words(template, {"said": Words(right.template, right.values)})


_PROMISED = frozenset({"approved", "credited", "share_alike"})
_RIGHTS: Mapping[str, str] = {
    "starts": "duration_days",
    "ends": "duration_days",
    "content": "banned",
    "approved": "approval_required",
    "credited": "credit_required",
}


def _cap(_use: Use, smaller: Use) -> Mapping[str, Any]:
    cap = smaller.revenue_usd if smaller.commercial == "limited" else 0
    return {"commercial": smaller.commercial, "revenue_cap_usd": cap}


def _same(dimension: str, **beside: Any) -> Any:
    """Returns how a value of the smaller use is written as terms, beside what such terms cannot be without."""
    return lambda _use, smaller: {**beside, dimension: getattr(smaller, dimension)}


_SHAPES: Mapping[str, Any] = {
    "commercial": _cap,
    "derivatives": _same("derivatives"),
    "ai_training": _same("ai_training", derivatives="share"),
    "redistribution": _same("redistribution"),
    "seats": _same("seats"),
    "sublicense_depth": _same("sublicense_depth", redistribution="raw"),
    "transferable": _same("transferable"),
    "exclusive": _same("exclusive"),
    **{dimension: _same(dimension) for dimension in vocabulary.SCOPES},
    "starts": _same("starts"),
    "ends": _same("ends"),
    "content": lambda use, smaller: {"banned": use.content - smaller.content},
    "approved": lambda _use, _smaller: {"approval_required": True},
    "credited": lambda _use, _smaller: {"credit_required": True},
    "output_owner": _same("output_owner"),
    "share_alike": _same("share_alike", derivatives="share"),
}
"""The dimensions of a use in the order of the terms' document, and how what is left is written as terms."""
