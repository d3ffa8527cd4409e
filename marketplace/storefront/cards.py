"""Packs as cards: what browse, home and a creator's page show of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone

from marketplace.catalog.models import Listing
from marketplace.licensing import queries as licensing
from marketplace.storefront import pictures, queries, words


@dataclass(frozen=True)
class Card:
    """One pack on a page; `price_minor` is that of its cheapest license, None when nothing is offered."""

    href: str
    title: Mapping[str, str]
    creator: str
    kind: str
    large: str
    src: str
    srcset: str
    avif: str
    field: str
    price_minor: int | None
    currency: str
    verified: bool


def cards(listings: Iterable[Listing]) -> list[Card]:
    """This will make a card of each listing, with the lowest price of now; a few queries for all of them together."""
    rows = list(listings)
    releases = [row.release for row in rows]
    offers = licensing.lowest_now(releases, timezone.now())
    sealed = queries.sealed_releases(releases)
    made = []
    for row in rows:
        release, creator = row.release, row.pack.creator
        offer = offers.get(release.pk)
        covers = getattr(release, "covers", [])
        previews = covers[0].asset.previews.all() if covers else []
        made.append(
            Card(
                href=reverse("pack", args=[creator.handle, row.pack.handle]),
                title=release.title,
                creator=creator.display_name,
                kind=words.say(words.PACK_KINDS, row.kind),
                large=pictures.src(previews, 960),
                **pictures.shown(previews),
                price_minor=offer.now.price_minor if offer else None,  # type: ignore[attr-defined]
                currency=offer.currency if offer else "",
                verified=release.pk in sealed,
            )
        )
    return made
