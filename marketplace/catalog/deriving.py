"""What a release is made with: its sources, and the absolute shares that reach it through them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from marketplace.catalog.manifests import ManifestAbsolute, ManifestDivision
from marketplace.catalog.models import Release
from marketplace.catalog.rules import WHOLE_PPB, Draft, DraftParent, Finding
from marketplace.payouts.bookkeeping.splits import parents_of
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
    fold_work,
)
from marketplace.people.models import Creator

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
        Release.objects.select_related("pack__creator", "split")
        .filter(pack__creator__handle=parent.creator, pack__handle=parent.pack, version=parent.version)
        .first()
    )


def derived_of(draft: Draft) -> list[Derived]:
    """This will find what a draft is made with, in its order; strangers are left out. One query a parent."""
    found = [(parent, release_of(parent)) for parent in draft.derived_from]
    return [Derived(release, parent.share_ppb, parent.mode) for parent, release in found if release]


def derived_from(release: Release) -> list[Derived]:
    """This will list what a published release is made with; one query."""
    links = release.parents.select_related("parent__pack__creator")
    return [Derived(link.parent, link.share_ppb, link.mode) for link in links]


def sources_of(derived: Iterable[Derived]) -> list[Source]:
    """This will give sources as the books fold them."""
    return [
        Source(f"{SUBJECT}{one.release.digest}", one.release.split_id, one.share_ppb, one.mode, one.release.division_id)
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


def left_to_makers(parents: Sequence[DraftParent]) -> int:
    """This will say what sources leave to the makers of a release, in ppb, rounded down; 0 where they take too much.

    Sources that are not published count as they are named. A query each, and one.
    """
    found = [(parent, release_of(parent)) for parent in parents]
    derived = [Derived(release, parent.share_ppb, parent.mode) for parent, release in found if release]
    unknown = [parent.share_ppb for parent, release in found if release is None and parent.mode == ABSOLUTE]
    taken_ppb = sum(absolute_shares(derived).values()) + sum(unknown)
    relative_ppb = sum(parent.share_ppb for parent in parents if parent.mode != ABSOLUTE)
    return max(WHOLE_PPB - taken_ppb, 0) * max(WHOLE_PPB - relative_ppb, 0) // WHOLE_PPB


def absolute_share_of(release: Release) -> int:
    """This will say what absolute shares take of a published release together, in parts per billion."""
    if release.division_id is None:
        return 0
    return sum(ppb for _subject, ppb in absolute_in([release.division_id])[release.division_id])


def absolute_releases(derived: Sequence[Derived]) -> list[tuple[Release, int]]:
    """This will give the releases with an absolute share in what is made with these, the largest share first."""
    shares = absolute_shares(derived)
    rows = Release.objects.filter(digest__in=shares).select_related("pack__creator")
    return sorted(((row, shares[row.digest]) for row in rows), key=lambda one: (-one[1], str(one[0])))


def folded_of(creator: Creator, derived: Sequence[Derived]) -> tuple[tuple[UUID, int], ...]:
    """This will work out who would get what of something that a creator alone makes with these: (payee, ppb).

    Raises what `splitting.fold_work` raises; nothing is written.
    """
    return fold_work({creator.pk: WHOLE_PPB}, parents_of(sources_of(derived))).shares


def absolute_findings(derived: Sequence[Derived]) -> list[Finding]:
    """This will list why absolute shares keep something from being made with these: more than there is, or all of it.

    Asked when a release is published and never when money comes; nothing is scaled.
    """
    try:
        check_absolute([(str(release), ppb) for release, ppb in absolute_releases(derived)])
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
    told = absolute_in([release.division_id])[release.division_id]
    shares = {subject.removeprefix(SUBJECT): ppb for subject, ppb in told}
    sources = set(release.parents.filter(mode=ABSOLUTE).values_list("parent__digest", flat=True))
    rows = Release.objects.filter(digest__in=shares).select_related("pack__creator")
    found = [Absolute(row, shares[row.digest], row.digest in sources) for row in rows]
    return sorted(found, key=lambda one: (-one.share_ppb, str(one.release)))
