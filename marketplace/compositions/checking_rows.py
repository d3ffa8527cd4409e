"""What a check of a recipe reads of licenses and offers: one query for all packs of each. Questions only."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from marketplace.catalog.models import Listing, Pack, Release
from marketplace.catalog.rules import COMPOSITION
from marketplace.compositions.models import RecipeMask
from marketplace.licensing.alternatives import MOST_PACKS
from marketplace.licensing.holdings import Exclusivity
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.pricing_queries import with_prices
from marketplace.licensing.queries import with_status
from marketplace.people.models import Studio

_TEXTS = ("terms__text_en", "terms__text_zh_hans")
Kind = tuple[str, str]
"""The kind of a pack, and its base model."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """A studio's licenses of some packs, the newest first, by release and by pack; and those of compositions."""

    of_release: dict[UUID, list[Grant]] = field(default_factory=dict)
    of_pack: dict[UUID, list[Grant]] = field(default_factory=dict)
    compositions: list[Grant] = field(default_factory=list)


def holdings(studio: Studio | None, packs: Collection[UUID]) -> Holdings:
    """This will find what a studio holds of packs, and of compositions, each with `.status`."""
    found = Holdings()
    if studio is None:
        return found
    rows = with_status(Grant.objects.filter(studio=studio))
    rows = rows.filter(Q(release__pack__in=packs) | Q(release__pack__kind=COMPOSITION))
    rows = rows.select_related("offer", "terms", "project", "release__pack__creator", "release__pack__owner")
    rows = rows.defer(*_TEXTS, "certificate", "release__manifest", "release__summary")
    for grant in rows.order_by("-granted_at", "-id"):
        if grant.release.pack.kind == COMPOSITION:
            found.compositions.append(grant)
        found.of_release.setdefault(grant.release_id, []).append(grant)
        found.of_pack.setdefault(grant.release.pack_id, []).append(grant)
    return found


def _live() -> QuerySet[Offer]:
    return Offer.objects.filter(withdrawal=None).select_related("terms").defer(*_TEXTS)


def offers_of(releases: Mapping[UUID, Release], now: datetime) -> dict[UUID, list[Offer]]:
    """This will find the live offers of releases, each with its price now, by the release's id."""
    found: dict[UUID, list[Offer]] = {key: [] for key in releases}
    for offer in with_prices(_live().filter(release__in=list(releases)), now) if releases else ():
        offer.release = releases[offer.release_id]
        found[offer.release_id].append(offer)
    return found


def offers_instead(releases: Iterable[Release], now: datetime) -> dict[UUID, list[Offer]]:
    """This will find live offers of other versions and of packs like those of releases, by the pack that they suit.

    Like are up to six packs of the same kind and, where it has one, the same base model, the newest first.
    """
    wanted = list(releases)
    like = _like({(one.pack.kind, one.base_model) for one in wanted}, {one.pack_id for one in wanted})
    rows = _live().filter(
        Q(release__in=[one for found in like.values() for one in found])
        | Q(release__pack__in={one.pack_id for one in wanted})
    )
    rows = rows.exclude(release__in=[one.pk for one in wanted])
    rows = rows.select_related("terms", "release__pack__creator", "release__pack__owner")
    offers = with_prices(rows.defer(*_TEXTS, "release__manifest", "release__summary").order_by("release_id", "id"), now)
    return {
        one.pack_id: [
            offer
            for offer in offers
            if offer.release.pack_id == one.pack_id or offer.release_id in like.get((one.pack.kind, one.base_model), ())
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


def taken_packs(packs: Iterable[UUID]) -> set[UUID]:
    """This will tell of which packs anything at all is taken exclusively."""
    return set(Exclusivity.objects.filter(pack__in=list(packs), ended_at=None).values_list("pack_id", flat=True))


def masks_by(digests: Iterable[str]) -> dict[str, RecipeMask]:
    """This will find masks by their SHA-256, without their pictures."""
    wanted = list(digests)
    return {row.pk: row for row in RecipeMask.objects.filter(pk__in=wanted).defer("png")} if wanted else {}


def owner_of(pack: Pack) -> str:
    """This will name who sells a pack, and so who gives its licenses."""
    return pack.owner.handle
