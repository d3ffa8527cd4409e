"""What the catalog has of what files name: one question for all names of a kind. Questions only."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, Func, Q, QuerySet, Value, Window
from django.db.models.functions import RowNumber

from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.catalog.rules import version_key
from marketplace.compositions import resolving_queries

Address = tuple[str, str, str]
"""Creator, pack, version."""
MOST_ASKED = 500
MOST_A_NAME = 20
"""How many files of one name are looked at: that there are many is all that it says."""


class File(NamedTuple):
    """A file of a release, by its path there and its SHA-256."""

    release: Release
    path: str
    sha256: str


def _releases() -> QuerySet[Release]:
    return Release.objects.select_related("pack__creator", "pack__owner").defer("manifest", "summary")


def releases_by_digest(digests: Iterable[str]) -> dict[str, Release]:
    """This will find releases by the digests of their manifests."""
    wanted = sorted(digests)[:MOST_ASKED]
    return {row.digest: row for row in _releases().filter(digest__in=wanted)} if wanted else {}


def releases_by_name(addresses: Iterable[Address]) -> dict[Address, Release]:
    """This will find exact releases by creator, pack and version."""
    wanted = set(list(dict.fromkeys(addresses))[:MOST_ASKED])
    if not wanted:
        return {}
    creators, packs, versions = ({one[place] for one in wanted} for place in range(3))
    rows = _releases().filter(pack__creator__handle__in=creators, pack__handle__in=packs, version__in=versions)
    found = {(row.pack.creator.handle, row.pack.handle, row.version): row for row in rows}
    return {address: row for address, row in found.items() if address in wanted}


def _files() -> QuerySet[ReleaseAsset]:
    rows = ReleaseAsset.objects.filter(role="content")
    rows = rows.select_related("asset", "release__pack__creator", "release__pack__owner")
    return rows.defer("release__manifest", "release__summary", "asset__facts")


def files_in(releases: Sequence[UUID]) -> Mapping[UUID, Sequence[File]]:
    """This will list the content of releases."""
    found: dict[UUID, list[File]] = {}
    for row in _files().filter(release__in=releases) if releases else ():
        found.setdefault(row.release_id, []).append(_file(row))
    return found


def files_by_digits(digits: Iterable[str]) -> Mapping[str, Sequence[File]]:
    """This will find files whose SHA-256 begins with these digits, by them, those of the newest version first."""
    wanted = sorted(digits)[:MOST_ASKED]
    if not wanted:
        return {}
    begin = reduce(operator.or_, (Q(asset__blob__sha256__startswith=one) for one in wanted))
    files = sorted(map(_file, _files().filter(begin)[:MOST_ASKED]), key=lambda one: version_key(one.release.version))
    return {one: found for one in wanted if (found := [file for file in files[::-1] if file.sha256.startswith(one)])}


def files_called(names: Iterable[str]) -> Mapping[str, Sequence[File]]:
    """This will find files by their names without folders, the first published first; of each name some."""
    wanted = sorted(names)[:MOST_ASKED]
    if not wanted:
        return {}
    # As the index catalog_file_names has it.
    name = Func(F("path"), Value("^.*/"), Value(""), function="regexp_replace")
    numbered = Window(RowNumber(), partition_by=F("name"), order_by=[F("release__published_at"), F("id")])
    rows = _files().annotate(name=name).filter(name__in=wanted).annotate(place=numbered).filter(place__lte=MOST_A_NAME)
    found: dict[str, list[File]] = {}
    for row in rows.order_by("place"):
        found.setdefault(row.name, []).append(_file(row))
    return found


def _file(row: ReleaseAsset) -> File:
    return File(row.release, row.path, row.asset.blob_id)


def elements_of(releases: Iterable[UUID]) -> Mapping[UUID, tuple[Mapping[str, Sequence[str]], set[str]]]:
    """This will give, by release, the paths of its elements by their names, and the paths of its weights."""
    wanted = list(dict.fromkeys(releases))
    if not wanted:
        return {}
    weights = resolving_queries.weights_in(wanted)
    elements = resolving_queries.elements_of(Release(pk=one) for one in wanted)
    return {one: ({row.name: row.paths for row in elements[one]}, weights.get(one, set())) for one in wanted}
