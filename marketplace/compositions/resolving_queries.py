"""What the catalog has of what a recipe names: a query for all refs at once. Questions only."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, Value, Window
from django.db.models.functions import RowNumber

from marketplace.catalog.models import Element, Pack, Release, ReleaseAsset
from marketplace.licensing.models import Grant, Offer
from marketplace.people.models import Creator, Studio

Address = tuple[str, str]
MOST_NAMED = 7
"""How many packs of a creator are looked at, to say that there are several."""
MOST_NEAR = 200
"""How many names are compared with one that is not there."""
WEIGHTS = "application/vnd.safetensors"


def releases_in(addresses: Collection[Address], studio: Studio | None) -> dict[Address, list[Release]]:
    """This will find all releases of packs by (creator, pack), each with `.is_sold` and `.is_held` by the studio."""
    if not addresses:
        return {}
    sold = Exists(Offer.objects.filter(release=OuterRef("pk"), withdrawal=None))
    held = Exists(Grant.objects.filter(release=OuterRef("pk"), studio=studio)) if studio else Value(False)
    # Handles by themselves find a little more than asked for, which is cheaper than a condition for each pair.
    found = (
        Release.objects.filter(
            pack__creator__handle__in={creator for creator, _pack in addresses},
            pack__handle__in={pack for _creator, pack in addresses},
        )
        .select_related("pack__creator", "pack__owner")
        .defer("manifest", "summary")
        .annotate(is_sold=sold, is_held=held)
    )
    by_pack: dict[Address, list[Release]] = {}
    for release in found:
        address = (release.pack.creator.handle, release.pack.handle)
        if address in addresses:
            by_pack.setdefault(address, []).append(release)
    return by_pack


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


def elements_of(releases: Iterable[Release]) -> dict[UUID, tuple[Element, ...]]:
    """This will list the elements of releases by the release's id, in their order."""
    found: dict[UUID, list[Element]] = {release.pk: [] for release in releases}
    if found:
        for element in Element.objects.filter(release__in=list(found)).order_by("position", "id"):
            found[element.release_id].append(element)
    return {key: tuple(rows) for key, rows in found.items()}


def weights_in(releases: Iterable[UUID]) -> dict[UUID, set[str]]:
    """This will list the paths of the weights in releases, by the release's id."""
    rows = ReleaseAsset.objects.filter(release__in=list(releases), role="content", asset__media_type=WEIGHTS)
    found: dict[UUID, set[str]] = {}
    for release, path in rows.values_list("release_id", "path"):
        found.setdefault(release, set()).add(path)
    return found
