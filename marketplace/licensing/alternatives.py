"""What could be licensed instead: other offers of the same release, and packs like it. Questions only."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from marketplace.catalog.models import Listing, Release
from marketplace.licensing.models import Offer
from marketplace.licensing.pricing_queries import with_prices
from marketplace.licensing.queries import terms_of
from marketplace.licensing.terms.choosing import OFFER, PACK, Alternative

MOST_PACKS = 6
# What is paid by use or agreed in talks has no price that could be compared beforehand.
PRICED = ("one-off", "per-seat", "monthly", "yearly", "free", "pay-what-you-want")


def alternatives_for(
    layers: Mapping[str, Release], *, now: datetime, except_offers: Sequence[UUID] = ()
) -> dict[str, list[Alternative]]:
    """This will list by layer what it could be used under instead, with the price for one seat as it is now.

    First come the release's own live offers but those that are left out, then live offers of up to six other packs of
    the same kind and, where it has one, the same base model, the newest first. Each `key` is the offer's id. Terms
    forbid AI training where the release does not consent to it, so what is found can be bought as it stands.
    """
    like = {name: _packs_like(release) for name, release in layers.items()}
    wanted = {release.pk for release in layers.values()} | {one.pk for found in like.values() for one in found}
    rows = Offer.objects.filter(release__in=wanted, withdrawal=None, model__in=PRICED).exclude(pk__in=except_offers)
    live = with_prices(
        rows.select_related("terms", "release__pack__owner", "release__pack__creator").order_by("release_id", "id"), now
    )
    of: dict[UUID, list[Offer]] = {}
    for offer in live:
        of.setdefault(offer.release_id, []).append(offer)
    return {
        name: [
            *(_alternative(OFFER, offer) for offer in of.get(release.pk, ())),
            *(_alternative(PACK, offer) for other in like[name] for offer in of.get(other.pk, ())),
        ]
        for name, release in layers.items()
    }


def _packs_like(release: Release) -> list[Release]:
    rows = Listing.objects.filter(kind=release.pack.kind).exclude(pack=release.pack_id)
    if release.base_model:
        rows = rows.filter(base_model=release.base_model)
    rows = rows.select_related("release__pack").order_by("-published_at", "-pack")[:MOST_PACKS]
    return [row.release for row in rows]


def _alternative(kind: str, offer: Offer) -> Alternative:
    terms = terms_of(offer.terms)
    return Alternative(
        kind=kind,
        name=terms.name if kind == OFFER else f"{offer.release.pack}: {terms.name}",
        party=offer.release.pack.owner.handle,
        terms=terms,
        price_minor=offer.now.price_minor,  # type: ignore[attr-defined]
        currency=offer.currency,
        key=str(offer.pk),
    )
