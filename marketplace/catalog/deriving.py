"""What a release is made with: its sources, and the absolute shares that reach it through them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marketplace.catalog.manifests import ManifestAbsolute, ManifestDivision
from marketplace.catalog.models import Release
from marketplace.catalog.rules import Draft, DraftParent, Finding
from marketplace.payouts.division_queries import absolute_in
from marketplace.payouts.divisions import Division
from marketplace.payouts.operations import Source
from marketplace.payouts.splitting import (
    ABSOLUTE,
    RELATIVE,
    AbsoluteSharesTakeTooMuch,
    NothingLeft,
    TooManyAbsoluteShares,
    check_absolute,
)

SUBJECT = "release:"
"""What sales, freezes and absolute shares call a release by, before its digest."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A published release that another is made with, and its share in that: relative or absolute."""

    release: Release
    share_ppb: int
    mode: str = RELATIVE


@dataclass(frozen=True, slots=True)
class Absolute:
    """A release with an absolute share in another, and whether that is named as a source or comes with one."""

    release: Release
    share_ppb: int
    is_source: bool


def release_of(parent: DraftParent) -> Release | None:
    """This will find the release that a draft names as its parent."""
    return (
        Release.objects.select_related("pack__creator", "split", "division")
        .filter(pack__creator__handle=parent.creator, pack__handle=parent.pack, version=parent.version)
        .first()
    )


def derived_of(draft: Draft) -> list[Derived]:
    """This will find what a draft is made with, in its order; strangers are left out. One query a parent."""
    found = [(parent, release_of(parent)) for parent in draft.derived_from]
    return [Derived(release, parent.share_ppb, parent.mode) for parent, release in found if release]


def derived_from(release: Release) -> list[Derived]:
    """This will list what a published release is made with; one query."""
    links = release.parents.select_related("parent__pack__creator", "parent__split", "parent__division")
    return [Derived(link.parent, link.share_ppb, link.mode) for link in links]


def sources_of(derived: Iterable[Derived]) -> list[Source]:
    """This will give sources as the books fold them."""
    return [
        Source(f"{SUBJECT}{one.release.digest}", one.release.split, one.share_ppb, one.mode, one.release.division)
        for one in derived
    ]


def absolute_shares(derived: Sequence[Derived]) -> dict[str, int]:
    """This will say which absolute shares reach what is made with these: digest → ppb, by digest.

    They are those of absolute sources and those in any source; each release once, at its highest share. One query.
    """
    inherited = absolute_in(one.release.division_id for one in derived if one.release.division_id)
    found: dict[str, int] = {}
    for one in derived:
        shares = [(subject.removeprefix(SUBJECT), ppb) for subject, ppb in inherited.get(one.release.division_id, ())]
        shares += [(one.release.digest, one.share_ppb)] if one.mode == ABSOLUTE else []
        for digest, ppb in shares:
            found[digest] = max(ppb, found.get(digest, 0))
    return dict(sorted(found.items()))


def absolute_share_of(release: Release) -> int:
    """This will say what absolute shares take of a published release together, in parts per billion."""
    if release.division_id is None:
        return 0
    return sum(ppb for _subject, ppb in absolute_in([release.division_id])[release.division_id])


def absolute_findings(derived: Sequence[Derived]) -> list[Finding]:
    """This will list why absolute shares keep something from being made with these: more than there is, or all of it.

    Asked when a release is published and never when money comes; nothing is scaled.
    """
    shares = absolute_shares(derived)
    names = {one.digest: str(one) for one in Release.objects.filter(digest__in=shares).select_related("pack__creator")}
    named = sorted(((names[digest], ppb) for digest, ppb in shares.items()), key=lambda one: (-one[1], one[0]))
    try:
        check_absolute(named)
    except (AbsoluteSharesTakeTooMuch, NothingLeft, TooManyAbsoluteShares) as error:
        return [Finding("derived_from", error.template, error.values)]
    return []


def manifest_division(division: Division | None) -> ManifestDivision | None:
    """This will give a division as a manifest says it."""
    if division is None:
        return None
    rows = division.absolute.order_by("subject")
    told = [ManifestAbsolute(row.subject.removeprefix(SUBJECT), row.share_ppb, row.rest_id) for row in rows]
    return ManifestDivision(division.rest_id, told)


def absolute_of(release: Release) -> list[Absolute]:
    """This will list the releases with an absolute share in a published one, the largest first; three queries."""
    if release.division_id is None:
        return []
    shares = {
        subject.removeprefix(SUBJECT): ppb for subject, ppb in absolute_in([release.division_id])[release.division_id]
    }
    sources = set(release.parents.filter(mode=ABSOLUTE).values_list("parent__digest", flat=True))
    rows = Release.objects.filter(digest__in=shares).select_related("pack__creator")
    found = [Absolute(row, shares[row.digest], row.digest in sources) for row in rows]
    return sorted(found, key=lambda one: (-one.share_ppb, str(one.release)))
