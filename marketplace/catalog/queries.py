"""Questions about packs; none writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import Count, F, Prefetch, Q, QuerySet, prefetch_related_objects

from marketplace.catalog import rules
from marketplace.catalog.models import Derivation, Listing, Release, ReleaseAsset

PAGE_SIZE = 24


@dataclass(frozen=True)
class Filter:
    """What a visitor narrows the catalog to. Empty fields narrow nothing."""

    text: str = ""
    kind: str = ""
    element: str = ""
    base_model: str = ""
    ai_training: str = ""
    creator: str = ""


@dataclass(frozen=True)
class Page:
    """One page of listings; `after` names the place behind its last row, None on the last page."""

    listings: Sequence[Listing]
    after: str | None
    facets: dict[str, dict[str, int]] = field(default_factory=dict)


def _covers(assets: str = "release__assets") -> Prefetch:
    covers = ReleaseAsset.objects.filter(is_cover=True).select_related("asset").prefetch_related("asset__previews")
    return Prefetch(assets, queryset=covers, to_attr="covers")


def with_covers(releases: Iterable[Release]) -> list[Release]:
    """This will give releases their `.covers`, the pictures that stand for them; two queries for all together."""
    found = list(releases)
    prefetch_related_objects(found, _covers("assets"))
    return found


def _matching(chosen: Filter) -> QuerySet[Listing]:
    rows = Listing.objects.all()
    if chosen.kind:
        rows = rows.filter(kind=chosen.kind)
    if chosen.element:
        rows = rows.filter(element_kinds__contains=[chosen.element])
    if chosen.base_model:
        rows = rows.filter(base_model=chosen.base_model)
    if chosen.ai_training:
        rows = rows.filter(ai_training=chosen.ai_training)
    if chosen.creator:
        rows = rows.filter(pack__creator__handle=chosen.creator)
    if query := rules.search_query(chosen.text):
        rows = rows.filter(search=SearchQuery(query, config="simple", search_type="raw"))
    elif chosen.text.strip():
        rows = rows.none()
    return rows


def place(cursor: str) -> tuple[datetime, UUID] | None:
    """This will read a keyset cursor, `<moment>~<id>`; one that nobody gave out is as good as none."""
    try:
        moment, _, key = cursor.partition("~")
        at, row = datetime.fromisoformat(moment), UUID(key)
    except ValueError:
        return None
    return (at, row) if at.tzinfo else None


def browse(chosen: Filter, *, after: str = "", size: int = PAGE_SIZE) -> Page:
    """This will list packs, newest first, by keyset over (published_at, pack)."""
    rows = _matching(chosen).select_related("release", "pack__creator").prefetch_related(_covers())
    if at := place(after):
        rows = rows.filter(Q(published_at__lt=at[0]) | Q(published_at=at[0], pack__lt=at[1]))
    found = list(rows.order_by("-published_at", "-pack")[: size + 1])
    more = len(found) > size
    found = found[:size]
    last = found[-1] if found else None
    return Page(found, f"{last.published_at.isoformat()}~{last.pk}" if more and last else None)


def best(chosen: Filter, *, size: int = PAGE_SIZE) -> list[Listing]:
    """This will list the packs that fit the words best, for completion and for the first page of a search."""
    query = rules.search_query(chosen.text)
    rows = _matching(chosen).select_related("release", "pack__creator").prefetch_related(_covers())
    if query:
        rank = SearchRank(F("search"), SearchQuery(query, config="simple", search_type="raw"))
        return list(rows.annotate(rank=rank).order_by("-rank", "-published_at", "-pack")[:size])
    return list(rows.order_by("-published_at", "-pack")[:size])


def facets(chosen: Filter) -> dict[str, dict[str, int]]:
    """This will count, for each filter, what each of its values would show with the other filters kept."""
    without = {
        "kind": Filter(**{**chosen.__dict__, "kind": ""}),
        "base_model": Filter(**{**chosen.__dict__, "base_model": ""}),
        "ai_training": Filter(**{**chosen.__dict__, "ai_training": ""}),
    }
    counts: dict[str, dict[str, int]] = {}
    for name, narrowed in without.items():
        rows = _matching(narrowed).values_list(name).annotate(n=Count("pk")).order_by(name)
        counts[name] = {value: n for value, n in rows if value}
    elements = _matching(Filter(**{**chosen.__dict__, "element": ""})).values_list("element_kinds", flat=True)
    totals: dict[str, int] = {}
    for kinds in elements[:10_000]:
        for kind in kinds:
            totals[kind] = totals.get(kind, 0) + 1
    counts["element"] = totals
    return counts


def newest(*, size: int = 8, kind: str = "") -> Sequence[Listing]:
    """This will list the newest packs, of one kind if asked."""
    return browse(Filter(kind=kind), size=size).listings


def release(creator: str, pack: str, version: str = "") -> Release | None:
    """This will find a release by name; without a version, the one that is listed. One query a relation, no more."""
    if "\0" in creator + pack + version:
        return None
    rows = (
        Release.objects.filter(pack__creator__handle=creator, pack__handle=pack)
        .select_related("pack__creator", "pack__owner", "split")
        .prefetch_related(
            "elements",
            Prefetch("assets", queryset=_assets()),
            Prefetch("parents", queryset=Derivation.objects.select_related("parent__pack__creator")),
        )
    )
    return rows.filter(version=version).first() if version else rows.filter(pk=F("pack__listing__release")).first()


def _assets() -> QuerySet[ReleaseAsset]:
    return ReleaseAsset.objects.select_related("asset__blob").prefetch_related("asset__previews")


def release_by_digest(digest: str) -> Release | None:
    """This will find a release by the digest of its manifest."""
    return Release.objects.select_related("pack__creator").filter(digest=digest).first()


def releases_with(sha256: str) -> Sequence[Release]:
    """This will list the releases that hold these bytes, first published first."""
    return list(
        Release.objects.filter(assets__asset__blob_id=sha256)
        .select_related("pack__creator")
        .order_by("published_at", "id")
        .distinct()
    )


def first_release_with(asset_id: UUID) -> Release | None:
    """This will find the release that held an asset first, with its creator and its files' previews at hand."""
    return (
        Release.objects.filter(assets__asset=asset_id)
        .select_related("pack__creator")
        .prefetch_related("assets__asset__previews")
        .order_by("published_at", "id")
        .first()
    )


def versions_of(release: Release) -> list[Release]:
    """This will list all versions of a release's pack, highest first."""
    rows = Release.objects.filter(pack_id=release.pack_id)
    return sorted(rows, key=lambda row: rules.version_key(row.version), reverse=True)


def packs_of(creator_id: UUID) -> Sequence[Listing]:
    """This will list a creator's packs, newest first."""
    return list(
        Listing.objects.filter(pack__creator_id=creator_id)
        .select_related("release", "pack__creator")
        .prefetch_related(_covers())
        .order_by("-published_at", "-pack")
    )


def packs_owned_by(owner_id: UUID) -> Sequence[Listing]:
    """This will list the packs that a creator owns, whoever's name they stand under, newest first."""
    return list(
        Listing.objects.filter(pack__owner_id=owner_id)
        .select_related("release", "pack__creator")
        .prefetch_related(_covers())
        .order_by("-published_at", "-pack")
    )


def packs_total() -> int:
    """This will count the packs on sale."""
    return Listing.objects.count()


def creators_with(chosen: Filter, *, size: int = 30) -> list[tuple[str, str, int]]:
    """This will count, with the other filters kept, what each creator would show: (handle, name, packs), most first."""
    rows = (
        _matching(Filter(**{**chosen.__dict__, "creator": ""}))
        .values_list("pack__creator__handle", "pack__creator__display_name")
        .annotate(n=Count("pk"))
        .order_by("-n", "pack__creator__handle")
    )
    return list(rows[:size])


def cover_of(release: Release) -> ReleaseAsset | None:
    """This will find the picture that stands for a release, with its previews."""
    return _assets().filter(release=release, is_cover=True).first()
