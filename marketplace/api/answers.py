"""Turning rows into the shapes of `serializers.py`."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.urls import reverse

import ledger.queries
from ledger.models import Entry
from marketplace.catalog.models import Listing, Release
from marketplace.licensing import pricing_queries
from marketplace.licensing import queries as licensing
from marketplace.licensing.bargains import Collection
from marketplace.licensing.holding_queries import taken_against
from marketplace.licensing.models import Grant, Offer, OfferPrice
from marketplace.licensing.pricing import PERIODS, read_tiers
from marketplace.licensing.terms.words import ALLOWS, FORBIDS, REQUIRES, rights_in
from marketplace.licensing.trials import trial_days
from marketplace.ui.formats import sentence

Shape = dict[str, Any]
# Makes a path into an address that can be followed as it is.
Site = Callable[[str], str]


def pack(listing: Listing, offer: Offer | None, site: Site) -> Shape:
    """This will describe a listed pack with the offer that costs the least now, if any has a price beforehand."""
    release = listing.release
    return {
        "pack": str(listing.pack),
        "version": release.version,
        "release": release.digest,
        "kind": listing.kind,
        "title": release.title,
        "creator": listing.pack.creator.display_name,
        "elements": listing.element_kinds,
        "base_model": listing.base_model or None,
        "ai_training": listing.ai_training,
        "published_at": release.published_at,
        "from_price_minor": offer.now.price_minor if offer else None,  # type: ignore[attr-defined]
        "currency": offer.currency if offer else None,
        "url": site(reverse("api-pack", args=[listing.pack.creator.handle, listing.pack.handle])),
    }


def offer(row: Offer, now: datetime) -> Shape:
    """This will describe an offer that has `.now` and `.regular_minor`: its price, its terms as data and in words."""
    price: OfferPrice = row.now  # type: ignore[attr-defined]
    terms = licensing.terms_of(row.terms)
    words = [(right.kind, sentence(right)) for right in rights_in(terms)]
    taken = taken_against(offer=row, studio=None, now=now)
    return {
        "id": row.pk,
        "terms": row.terms.name,
        "terms_sha256": row.terms_id,
        "document": json.loads(bytes(row.terms.document)),
        "model": row.model,
        "price_minor": price.price_minor,
        "regular_minor": row.regular_minor,  # type: ignore[attr-defined]
        "price_kind": price.kind,
        "price_ends_at": price.ends_at,
        "currency": row.currency,
        "unit": row.unit,
        "share_ppb": row.share_ppb,
        "tiers": [asdict(tier) for tier in read_tiers(price.tiers, model=row.model)],
        "month_minimum_minor": price.month_minimum_minor,
        "month_cap_minor": price.month_cap_minor,
        "trial_days": trial_days(row) if row.model in PERIODS else 0,
        "exclusive": terms.exclusive,
        "available": taken is None,
        "taken_until": taken.during.upper if taken else None,
        "allows": [text for kind, text in words if kind == ALLOWS],
        "forbids": [text for kind, text in words if kind == FORBIDS],
        "requires": [text for kind, text in words if kind == REQUIRES],
    }


def collection(row: Collection) -> Shape:
    """This will describe several offers at one price."""
    return {
        "id": row.pk,
        "title": row.title,
        "price_minor": row.price_minor,
        "currency": row.currency,
        "offers": [one.pk for one in row.offers],  # type: ignore[attr-defined]
    }


def proof(entry: Entry | None) -> Shape:
    """This will say where a statement stands: pending, sealed or anchored."""
    leaf = ledger.queries.leaf_of(entry) if entry else None
    if entry is None or leaf is None:
        return {
            "state": "pending",
            "index": None,
            "entry_sha256": entry.digest if entry else None,
            "transaction": None,
        }
    anchor = ledger.queries.latest_anchor_covering(leaf.index)
    return {
        "state": "anchored" if anchor else "sealed",
        "index": leaf.index,
        "entry_sha256": entry.digest,
        "transaction": anchor.transaction if anchor else None,
    }


def _priced(row: Release, now: datetime) -> list[Offer]:
    offers = pricing_queries.priced_offers(row, now)
    for one in offers:
        one.release = row
    return offers


def release(row: Release, now: datetime) -> Shape:
    """This will describe a release: manifest, what it is sold under and together with, proof."""
    entries = ledger.queries.entries_about(f"release:{row.digest}")
    return {
        "release": row.digest,
        "manifest": json.loads(bytes(row.manifest)),
        "offers": [offer(found, now) for found in _priced(row, now)],
        "collections": [collection(found) for found in pricing_queries.collections_of(pack=row.pack)],
        "proof": proof(entries[0] if entries else None),
    }


def grant(row: Grant, site: Site) -> Shape:
    """This will describe a license held, with `.status` and `.state` as queries give them."""
    counted = hasattr(row, "seats_used")
    return {
        "id": row.pk,
        "pack": str(row.release.pack),
        "version": row.release.version,
        "release": row.release.digest,
        "offer": row.offer_id,
        "terms": row.terms.name,
        "terms_sha256": row.terms_id,
        "licensee": row.licensee_name,
        "licensee_country": row.licensee_country,
        "licensee_registration": row.licensee_registration,
        "project": row.project_id,
        "project_name": row.project.name if row.project else None,
        "seats": row.seats,
        "seats_used": row.seats_used if counted else row.assignments.filter(released_at=None).count(),  # type: ignore[attr-defined]
        "exclusive": licensing.terms_of(row.terms).exclusive,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "kind": row.kind,
        "replaces": row.replaces_id,
        "price_minor": row.price_minor,
        "currency": row.currency,
        "downloads": row.download_count if counted else row.downloads.count(),  # type: ignore[attr-defined]
        "status": row.status,  # type: ignore[attr-defined]
        "state": row.state,  # type: ignore[attr-defined]
        "granted_at": row.granted_at,
        "certificate": row.certificate,
        "certificate_sha256": row.certificate_sha256,
        "certificate_page": site(f"/certificates/{row.pk}"),
        "url": site(reverse("api-grant", args=[row.pk])),
        "download": site(reverse("api-download", args=[row.pk])),
    }


def verdict(digest: str, entry: Entry | None, releases: Iterable[Release], site: Site) -> Shape:
    """This will say whether bytes match what was registered here."""
    found = [
        {
            "pack": str(release.pack),
            "version": release.version,
            "release": release.digest,
            "creator": release.pack.creator.display_name,
            "published_at": release.published_at,
            "url": site(reverse("api-release", args=[release.digest])),
        }
        for release in releases
    ]
    return {
        "sha256": digest,
        "matches": bool(entry and found),
        "registered_at": entry.stated_at if entry else None,
        "releases": found,
        "proof": proof(entry) if entry else None,
    }
