"""Turning rows into the shapes of `serializers.py`."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.urls import reverse

import ledger.queries
from ledger.models import Entry
from marketplace.catalog.models import Listing, Release
from marketplace.checkout.models import Order
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.words import ALLOWS, FORBIDS, REQUIRES, rights_in
from marketplace.ui.formats import sentence

Shape = dict[str, Any]
# Makes a path into an address that can be followed as it is.
Site = Callable[[str], str]


def pack(listing: Listing, offer: Offer | None, site: Site) -> Shape:
    """This will describe a listed pack with its lowest price."""
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
        "from_price_minor": offer.price_minor if offer else None,
        "currency": offer.currency if offer else None,
        "url": site(reverse("api-pack", args=[listing.pack.creator.handle, listing.pack.handle])),
    }


def offer(row: Offer) -> Shape:
    """This will describe an offer, with its terms in words."""
    words = [(right.kind, sentence(right)) for right in rights_in(licensing.terms_of(row.terms))]
    return {
        "id": row.pk,
        "terms": row.terms.name,
        "terms_sha256": row.terms_id,
        "price_minor": row.price_minor,
        "currency": row.currency,
        "allows": [text for kind, text in words if kind == ALLOWS],
        "forbids": [text for kind, text in words if kind == FORBIDS],
        "requires": [text for kind, text in words if kind == REQUIRES],
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


def release(row: Release) -> Shape:
    """This will describe a release: manifest, offers, proof."""
    entries = ledger.queries.entries_about(f"release:{row.digest}")
    return {
        "release": row.digest,
        "manifest": json.loads(bytes(row.manifest)),
        "offers": [offer(found) for found in licensing.live_offers(row)],
        "proof": proof(entries[0] if entries else None),
    }


def grant(row: Grant, site: Site) -> Shape:
    """This will describe a license held."""
    return {
        "id": row.pk,
        "pack": str(row.release.pack),
        "version": row.release.version,
        "release": row.release.digest,
        "offer": row.offer_id,
        "terms": row.terms.name,
        "terms_sha256": row.terms_id,
        "licensee": row.licensee_name,
        "seats": row.seats,
        "status": row.status,  # type: ignore[attr-defined]
        "granted_at": row.granted_at,
        "certificate": row.certificate,
        "certificate_sha256": row.certificate_sha256,
        "url": site(reverse("api-grant", args=[row.pk])),
        "download": site(reverse("api-download", args=[row.pk])),
    }


def order(row: Order, status: str, grants: Iterable[Grant], site: Site) -> Shape:
    """This will describe an order and what became of it."""
    return {
        "id": row.pk,
        "status": status,
        "total_minor": row.total_minor,
        "currency": row.currency,
        "placed_at": row.placed_at,
        "grants": [grant(found, site) for found in grants],
        "url": site(reverse("api-order", args=[row.pk])),
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
