"""What the catalog has of what a recipe names: a query for all refs at once. Questions only."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from marketplace.catalog.models import Element, Pack, Release, ReleaseAsset
from marketplace.compositions.rows import asked, columns, cut
from marketplace.people.models import Creator, Studio

Address = tuple[str, str]
MOST_NAMED = 7
"""How many packs of a creator are looked at, to say that there are several."""
MOST_NEAR = 200
"""How many names are compared with one that is not there."""
WEIGHTS = "application/vnd.safetensors"


_RELEASES = """
SELECT {release}, {pack}, {creator},
       EXISTS (SELECT FROM licensing_offer f WHERE f.release_id = r.id
                AND NOT EXISTS (SELECT FROM licensing_offerwithdrawal w WHERE w.offer_id = f.id)),
       EXISTS (SELECT FROM licensing_grant g WHERE g.release_id = r.id AND g.studio_id = %s),
       EXISTS (SELECT FROM licensing_exclusivity x WHERE x.pack_id = p.id AND x.ended_at IS NULL)
  FROM unnest(%s::text[], %s::text[]) AS wanted (creator, pack)
  JOIN people_creator c ON c.handle = wanted.creator
  JOIN catalog_pack p ON p.creator_id = c.id AND p.handle = wanted.pack
  JOIN catalog_release r ON r.pack_id = p.id
"""


def releases_in(addresses: Collection[Address], studio: Studio | None) -> dict[Address, list[Release]]:
    """This will find all releases of packs by (creator, pack), with `pack.creator` and `pack.owner` at hand.

    Each has `.is_sold`, `.is_held` (by the studio, whether that holds or not) and `.is_taken` (exclusively, in part).
    """
    if not addresses:
        return {}
    parts = (columns(Release, "r", "manifest", "summary"), columns(Pack, "p"), columns(Creator, "c"))
    sql = _RELEASES.format(release=parts[0].sql, pack=parts[1].sql, creator=parts[2].sql)
    wanted = sorted(addresses)
    rows = asked(sql, [studio.pk if studio else None, [one for one, _two in wanted], [two for _one, two in wanted]])
    packs: dict[UUID, Pack] = {}
    creators: dict[UUID, Creator] = {}
    found: dict[Address, list[Release]] = {}
    for row in rows:
        release_values, pack_values, creator_values, about = cut(row, *parts)
        release = parts[0].made(release_values)
        release.is_sold, release.is_held, release.is_taken = about  # type: ignore[attr-defined]
        if release.pack_id not in packs:
            pack = packs[release.pack_id] = parts[1].made(pack_values)
            if pack.creator_id not in creators:
                creators[pack.creator_id] = parts[2].made(creator_values)
            pack.creator = creators[pack.creator_id]
        release.pack = packs[release.pack_id]
        found.setdefault((release.pack.creator.handle, release.pack.handle), []).append(release)
    _with_owners(packs.values(), creators)
    return found


def _with_owners(packs: Iterable[Pack], creators: Mapping[UUID, Creator]) -> None:
    """Gives packs the creators that own them, who seldom are others than those that made them."""
    strangers = {pack.owner_id for pack in packs} - creators.keys()
    known = {**creators, **(Creator.objects.in_bulk(strangers) if strangers else {})}
    for pack in packs:
        pack.owner = known[pack.owner_id]


def packs_of(creators: Collection[str]) -> dict[str, list[str]]:
    """This will list the handles of some packs of creators by their handles; a creator without any has an empty list.

    A creator that is not there is not in the answer.
    """
    if not creators:
        return {}
    numbered = Window(RowNumber(), partition_by=F("creator_id"), order_by=F("handle").asc())
    rows = Pack.objects.filter(creator__handle__in=creators).annotate(place=numbered).filter(place__lte=MOST_NAMED)
    found: dict[str, list[str]] = {handle: [] for handle in _creators(creators)}
    for creator, pack in rows.values_list("creator__handle", "handle").order_by("creator__handle", "handle"):
        found.setdefault(creator, []).append(pack)
    return found


def _creators(handles: Collection[str]) -> Iterable[str]:
    return Creator.objects.filter(handle__in=handles).values_list("handle", flat=True)


def near(creator: str, pack: str) -> list[str]:
    """This will list addresses that may have been meant: of that creator, of that name, or that begin like it."""
    rows = Pack.objects.filter(
        Q(creator__handle=creator)
        | Q(handle=pack)
        | Q(handle__startswith=pack[:3] or "-", creator__handle__startswith=creator[:1] or "-")
    )
    pairs = rows.order_by("creator__handle", "handle").values_list("creator__handle", "handle")[:MOST_NEAR]
    return ["/".join(pair) for pair in pairs]


_ELEMENTS = "SELECT {element} FROM catalog_element e WHERE e.release_id = ANY(%s) ORDER BY e.position, e.id"


def elements_of(releases: Iterable[Release]) -> dict[UUID, tuple[Element, ...]]:
    """This will list the elements of releases by the release's id, in their order."""
    found: dict[UUID, list[Element]] = {release.pk: [] for release in releases}
    if found:
        wanted = columns(Element, "e")
        for row in asked(_ELEMENTS.format(element=wanted.sql), [list(found)]):
            element = wanted.made(row)
            found[element.release_id].append(element)
    return {key: tuple(rows) for key, rows in found.items()}


def weights_in(releases: Iterable[UUID]) -> dict[UUID, set[str]]:
    """This will list the paths of the weights in releases, by the release's id."""
    rows = ReleaseAsset.objects.filter(release__in=list(releases), role="content", asset__media_type=WEIGHTS)
    found: dict[UUID, set[str]] = {}
    for release, path in rows.values_list("release_id", "path"):
        found.setdefault(release, set()).add(path)
    return found
