"""Folding the split of a work made with others, whose shares are relative or absolute.

A **relative** share is of what absolute shares leave of one work's earnings; what the work itself is made with lives
inside it. An **absolute** share is of the whole of every sale, of the work and of all that is ever made from it. So a
published work keeps, beside the shares that sales follow, its *rest*, which is how it divides what absolute shares
leave, and the absolute shares themselves. docs/formats/split.md says the rule.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic

import rfc8785

from marketplace.payouts.rules import WHOLE_PPB, P, ShareOutOfRange, fold_split, split_digest
from marketplace.ui.words import Listed, Values, Words, Written
from marketplace.ui.words import gettext_noop as _

RELATIVE = "relative"
ABSOLUTE = "absolute"
MODES = (RELATIVE, ABSOLUTE)
"""How a work has its share in another that is made with it."""

MAX_ABSOLUTE_SHARES = 256
"""The most absolute shares that may reach one work; more are refused, never cut."""

DIVISION_FORMAT = "worldloom/division/1"


@dataclass(frozen=True, slots=True)
class AbsoluteShare(Generic[P]):
    """What one work gets of every sale of another, however far down.

    `subject` names the work as sales do ("release:<digest>"); `rest` is how it divides what it gets.
    """

    subject: str
    share_ppb: int
    rest: Sequence[tuple[P, int]]


@dataclass(frozen=True, slots=True)
class Parent(Generic[P]):
    """A published work that another is made with, and its share in that: its rest, and the absolute shares in it."""

    subject: str
    share_ppb: int
    rest: Sequence[tuple[P, int]]
    mode: str = RELATIVE
    absolute: Sequence[AbsoluteShare[P]] = ()


@dataclass(frozen=True, slots=True)
class Folded(Generic[P]):
    """How a work's earnings are divided: `shares` are final and all that sales read.

    They are the absolute shares, each divided as its work does, and the rest of the whole, divided by `rest`.
    """

    shares: tuple[tuple[P, int], ...]
    rest: tuple[tuple[P, int], ...]
    absolute: tuple[AbsoluteShare[P], ...]


class UnknownMode(Exception):
    """A share is neither relative nor absolute."""

    code = "unknown-share-mode"
    template = _("“%(mode)s” is no way to share: use relative or absolute.")

    def __init__(self, mode: object) -> None:
        self.mode = mode
        self.values: Values = {"mode": str(mode)[:40]}
        super().__init__(self.template % self.values)


class AbsoluteSharesTakeTooMuch(Exception):
    """The absolute shares that reach a work are more than the whole; `shares` are (subject, ppb)."""

    code = "absolute-shares-take-too-much"
    template = _("The absolute shares in this work are %(sum)s together (%(shares)s): they must stay below the whole.")

    def __init__(self, shares: Sequence[tuple[str, int]]) -> None:
        self.shares = tuple(shares)
        self.values: Values = {"sum": Written("share", _sum(shares)), "shares": listed_shares(shares)}
        super().__init__(self.template % self.values)


class NothingLeft(Exception):
    """The absolute shares that reach a work are exactly the whole; `shares` are (subject, ppb)."""

    code = "nothing-left-to-share"
    template = _("%(shares)s are absolute shares in this work and leave nothing for its makers: agree on less.")

    def __init__(self, shares: Sequence[tuple[str, int]]) -> None:
        self.shares = tuple(shares)
        self.values: Values = {"shares": listed_shares(shares)}
        super().__init__(self.template % self.values)


class TooManyAbsoluteShares(Exception):
    """More absolute shares reach a work than one work may carry."""

    code = "too-many-absolute-shares"
    template = _("%(count)s absolute shares reach this work; %(limit)s is the most that one work may carry.")

    def __init__(self, count: int) -> None:
        self.count, self.limit = count, MAX_ABSOLUTE_SHARES
        self.values: Values = {"count": count, "limit": MAX_ABSOLUTE_SHARES}
        super().__init__(self.template % self.values)


def _sum(shares: Sequence[tuple[str, int]]) -> int:
    return sum(share_ppb for _subject, share_ppb in shares)


def listed_shares(shares: Sequence[tuple[str, int]]) -> Listed:
    """Return who takes what in words, the first twenty of them: names and parts per billion."""
    template = _("%(work)s: %(share)s")
    return Listed(
        tuple(Words(template, {"work": subject, "share": Written("share", ppb)}) for subject, ppb in shares[:20])
    )


def reaching(parents: Iterable[Parent[P]]) -> tuple[AbsoluteShare[P], ...]:
    """Return the absolute shares in a work that is made with these, by subject.

    They are those of its absolute parents and those in any parent, relative or absolute. A work that reaches by
    several ways has one share: the highest of them, so that nobody gets less for what a descendant agreed elsewhere.
    """
    found: dict[str, AbsoluteShare[P]] = {}
    for parent in parents:
        own = (AbsoluteShare(parent.subject, parent.share_ppb, parent.rest),) if parent.mode == ABSOLUTE else ()
        for one in (*own, *parent.absolute):
            there = found.get(one.subject)
            if there is None or one.share_ppb > there.share_ppb:
                found[one.subject] = one
    return tuple(found[subject] for subject in sorted(found))


def check_absolute(shares: Sequence[tuple[str, int]]) -> int:
    """Return what absolute shares (subject, ppb) take together, or raise where they leave nothing or are too many."""
    if len(shares) > MAX_ABSOLUTE_SHARES:
        raise TooManyAbsoluteShares(len(shares))
    taken_ppb = _sum(shares)
    if taken_ppb > WHOLE_PPB:
        raise AbsoluteSharesTakeTooMuch(shares)
    if taken_ppb == WHOLE_PPB:
        raise NothingLeft(shares)
    return taken_ppb


def fold_work(own: Mapping[P, int], parents: Sequence[Parent[P]]) -> Folded[P]:
    """Return how the earnings of a work are divided that its makers made with these parents.

    `own` is payee → ppb, summing to the whole: the makers divide what relative parents leave of the rest. Absolute
    shares come first and are counted once each; nothing is scaled. Integers throughout: the rest and the final shares
    are each rounded once, to the largest remainders, ties to the payee who sorts first. Raises
    AbsoluteSharesTakeTooMuch, NothingLeft, TooManyAbsoluteShares, UnknownMode, and what `fold_split` raises.
    """
    for parent in parents:
        if parent.mode not in MODES:
            raise UnknownMode(parent.mode)
        if type(parent.share_ppb) is not int or not 1 <= parent.share_ppb <= WHOLE_PPB:
            raise ShareOutOfRange(Words(_("a work this one is derived from")), parent.share_ppb)
    absolute = reaching(parents)
    check_absolute([(one.subject, one.share_ppb) for one in absolute])
    rest = fold_split(own, [(one.share_ppb, one.rest) for one in parents if one.mode == RELATIVE])
    return Folded(divide(rest, absolute), rest, absolute)


def divide(rest: Sequence[tuple[P, int]], absolute: Sequence[AbsoluteShare[P]]) -> tuple[tuple[P, int], ...]:
    """Return the final shares: absolute ones first, and what they leave by the rest."""
    return fold_split(dict(rest), [(one.share_ppb, one.rest) for one in absolute])


def division_document(
    shares: Sequence[tuple[P, int]], rest: Sequence[tuple[P, int]], absolute: Sequence[AbsoluteShare[P]]
) -> dict[str, Any]:
    """Return the public document of how a work is divided (docs/formats/split.md); splits stand in it by digest."""
    return {
        "format": DIVISION_FORMAT,
        "split": split_digest(shares),
        "rest": split_digest(rest),
        "absolute": [
            {"subject": one.subject, "share_ppb": one.share_ppb, "rest": split_digest(one.rest)}
            for one in sorted(absolute, key=lambda one: one.subject)
        ],
    }


def document_digest(document: Mapping[str, Any]) -> str:
    """Return the name of a division: SHA-256, in hex, of its document's RFC 8785 bytes."""
    return sha256(rfc8785.dumps(document)).hexdigest()


def counted_ppb(*, of_rest_ppb: int, of_whole_ppb: int, taken_ppb: int, own_taken_ppb: int) -> int:
    """Return what a work gets of another, as the share in parts per billion that it would be without absolute shares.

    `of_rest_ppb` is its part of what absolute shares leave and `of_whole_ppb` its part of the whole; `taken_ppb` is
    what absolute shares take of the other work, `own_taken_ppb` what they take of itself. Those in itself are its own
    burden and do not count against it; the others do. Rounded down.
    """
    part = of_rest_ppb * (WHOLE_PPB - taken_ppb) + of_whole_ppb * WHOLE_PPB
    return part // (WHOLE_PPB - own_taken_ppb)
