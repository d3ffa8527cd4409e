"""Which releases could stand in for those that are refused: other versions, and packs like them. Questions only."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber

from marketplace.catalog.models import Listing, Release
from marketplace.compositions.checking_rows import Offered, offers_of
from marketplace.licensing.alternatives import MOST_PACKS
from marketplace.licensing.holdings import Exclusivity

Kind = tuple[str, str]
"""The kind of a pack, and its base model."""


def offers_instead(releases: Iterable[Release], now: datetime) -> dict[UUID, list[Offered]]:
    """This will find live offers of other versions and of packs like those of releases, by the pack that they suit.

    Like are up to six packs of the same kind and, where it has one, the same base model, the newest first.
    """
    wanted = list(releases)
    packs = {one.pack_id for one in wanted}
    like = _like({(one.pack.kind, one.base_model) for one in wanted}, packs)
    rows = Release.objects.filter(Q(pk__in=[one for found in like.values() for one in found]) | Q(pack__in=packs))
    taken = Exists(Exclusivity.objects.filter(pack=OuterRef("pack"), ended_at=None))
    rows = rows.exclude(pk__in=[one.pk for one in wanted]).annotate(is_taken=taken)
    rows = rows.select_related("pack__creator", "pack__owner")
    others = {row.pk: row for row in rows.defer("manifest", "summary").order_by("-published_at", "-pk")}
    offers = offers_of(others, now)
    return {
        one.pack_id: [
            offer
            for key, other in others.items()
            if other.pack_id == one.pack_id or key in like.get((one.pack.kind, one.base_model), ())
            for offer in offers[key]
        ]
        for one in wanted
    }


def _like(kinds: Collection[Kind], packs: Collection[UUID]) -> dict[Kind, list[UUID]]:
    """Finds releases of packs that are alike, by kind and base model."""
    found: dict[Kind, list[UUID]] = {kind: [] for kind in kinds}
    named = Q(pk__in=[])
    for kind, base_model in kinds:
        named |= Q(kind=kind, base_model=base_model) if base_model else Q(kind=kind)
    numbered = Window(
        RowNumber(), partition_by=[F("kind"), F("base_model")], order_by=[F("published_at").desc(), F("pack").desc()]
    )
    rows = Listing.objects.filter(named).exclude(pack__in=packs).annotate(place=numbered).filter(place__lte=MOST_PACKS)
    listed = rows.order_by("-published_at", "-pack").values_list("kind", "base_model", "release_id")
    for kind, base_model, release in listed:
        for wanted in {(kind, base_model), (kind, "")} & found.keys():
            if len(found[wanted]) < MOST_PACKS:
                found[wanted].append(release)
    return found
