"""How far the terms of a work made from another may go: no further than what the other one allows."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.lattice import RANKS
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.words import rights_in
from marketplace.ui.words import Values, Words, Written
from marketplace.ui.words import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Excess:
    """One dimension in which terms go further than those of the work they are about was made under.

    `wanted` is what they say there, `said` what the others say, `todo` what to do about it.
    """

    dimension: str
    wanted: Words
    said: Words
    todo: Words


def excesses(terms: Terms, basis: Terms, *, today: str) -> list[Excess]:
    """Return where terms of a derived work go further than its `basis`, one for each dimension, in a fixed order.

    `today` is the day in UTC (2026-11-28) from which licenses can be given. People, sublicenses, transfer and
    exclusivity are about the derived work alone and not compared; nor is the royalty, which `derived_from` owes.
    """
    return [
        Excess(dimension, said_in(terms, dimension), said_in(basis, dimension), Words(todo))
        for dimension, todo in _found(terms, basis, today)
    ]


def said_in(terms: Terms, dimension: str) -> Words:
    """Return the line of terms about a dimension."""
    right = next(right for right in rights_in(terms) if right.dimension == dimension)
    return Words(right.template, right.values)


_LESS = _("allow less there, or get a license of it that allows more")
_TODO: Mapping[str, str] = {
    "banned": _("ban that too, or get a license of it that does not"),
    "credit_required": _("require credit too, or get a license of it that does not"),
    "approval_required": _("require approval too, or get a license of it that does not"),
    "share_alike": _("require the same, or get a license of it that does not"),
    "duration_days": _("take a time within that, or get a license of it that lasts longer"),
}


def _found(terms: Terms, basis: Terms, today: str) -> Iterator[tuple[str, str]]:
    for dimension, is_beyond in _BEYOND.items():
        if is_beyond(terms, basis):
            yield dimension, _TODO.get(dimension, _LESS)
        if dimension == "territory" and outlasts(terms, basis, today=today):
            yield "duration_days", _TODO["duration_days"]


def outlasts(terms: Terms, basis: Terms, *, today: str) -> bool:
    """Return whether a license under terms, given today or later, may hold on a day on which the basis does not."""
    first = max(terms.starts, today)
    if first < basis.starts:
        return True
    if basis.ends and (not terms.ends or terms.ends > basis.ends):
        return True
    if not basis.duration_days:
        return False
    if 0 < terms.duration_days <= basis.duration_days:
        return False
    return not terms.ends or (date.fromisoformat(terms.ends) - date.fromisoformat(first)).days >= basis.duration_days


def _commercial(terms: Terms, basis: Terms) -> bool:
    """Compares by the chain none < personal < limited by cap < full."""
    ranks = RANKS["commercial"]
    return (ranks[terms.commercial], terms.revenue_cap_usd) > (ranks[basis.commercial], basis.revenue_cap_usd)


def _scale(dimension: str) -> Callable[[Terms, Terms], bool]:
    ranks = RANKS[dimension]
    return lambda terms, basis: ranks[getattr(terms, dimension)] > ranks[getattr(basis, dimension)]


def _scope(dimension: str) -> Callable[[Terms, Terms], bool]:
    known = vocabulary.SCOPES[dimension]

    def is_beyond(terms: Terms, basis: Terms) -> bool:
        mine, theirs = getattr(terms, dimension), getattr(basis, dimension)
        return not mine <= theirs and bool((mine - theirs).all_but or (mine - theirs).within(known))

    return is_beyond


_BEYOND: Mapping[str, Callable[[Terms, Terms], bool]] = {
    "commercial": _commercial,
    "derivatives": _scale("derivatives"),
    "ai_training": _scale("ai_training"),
    "redistribution": _scale("redistribution"),
    "fields": _scope("fields"),
    "media": _scope("media"),
    "territory": _scope("territory"),
    "banned": lambda terms, basis: not basis.banned <= terms.banned,
    "output_owner": _scale("output_owner"),
    "credit_required": lambda terms, basis: basis.credit_required and not terms.credit_required,
    "approval_required": lambda terms, basis: basis.approval_required and not terms.approval_required,
    "share_alike": lambda terms, basis: basis.share_alike not in ("", terms.share_alike),
}
"""What is looked at, in the order in which a license says it; time comes after territory."""


ROYALTY = "derived_from"
"""Where a share stands that is less than the royalty of what it relies on."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What somebody may rely on to make something from a release: terms, and which license or offer they are of."""

    terms: Terms
    words: Words


@dataclass(frozen=True, slots=True)
class Parent:
    """A release of another owner that a work is made from: what may be relied on, and the share that it is owed."""

    name: str
    share_ppb: int
    bases: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that keeps offers of a derived work from being made: `where` in its description, and a sentence."""

    where: str
    template: str
    values: Values


def wrong_with(offers: list[Terms], parent: Parent, *, today: str) -> list[Wrong]:
    """Return what is wrong with offering a work under each of these terms, as far as one of its parents goes.

    Each offer may rely on whatever basis allows it; where none does, what is said is what the nearest basis lacks.
    """
    if not offers:
        return []
    if not parent.bases:
        template = _(
            "%(parent)s has no offer to rely on, and you hold no license of it: get one, or leave the offers out."
        )
        return [Wrong("offers", template, {"parent": parent.name})]
    sharing = [basis for basis in parent.bases if basis.terms.derivatives == "share"]
    if not sharing:
        nearest = max(parent.bases, key=lambda basis: RANKS["derivatives"][basis.terms.derivatives])
        template = _(
            "Nothing made from %(parent)s may be sold, for %(basis)s says “%(said)s”: get a license of it that lets"
            " you share what you make, or leave the offers out."
        )
        values: Values = {"parent": parent.name, "basis": nearest.words, "said": said_in(nearest.terms, "derivatives")}
        return [Wrong("offers", template, values)]
    found: list[Wrong] = []
    for terms in offers:
        wrongs = [_under(terms, parent, basis, today) for basis in sharing]
        found += [one for one in min(wrongs, key=len) if one not in found]
    return found


def _under(terms: Terms, parent: Parent, basis: Basis, today: str) -> list[Wrong]:
    beyond = _("The offer “%(offer)s” says “%(wanted)s”, but %(basis)s says “%(said)s”: %(todo)s.")
    wrongs = [
        Wrong(
            "offers",
            beyond,
            {"offer": terms.name, "wanted": one.wanted, "basis": basis.words, "said": one.said, "todo": one.todo},
        )
        for one in excesses(terms, basis.terms, today=today)
    ]
    if basis.terms.royalty_ppb > parent.share_ppb:
        wrongs.append(_owes_more(parent, basis))
    return wrongs


def _owes_more(parent: Parent, basis: Basis) -> Wrong:
    template = _(
        "Of what is made from %(parent)s, %(basis)s says “%(said)s”, and it gets %(share)s here: raise its share."
    )
    values: Values = {
        "basis": basis.words,
        "said": said_in(basis.terms, "royalty_ppb"),
        "parent": parent.name,
        "share": Written("share", parent.share_ppb),
    }
    return Wrong(ROYALTY, template, values)
