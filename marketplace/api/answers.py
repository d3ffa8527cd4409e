"""Turning rows into the shapes of `serializers.py`."""

import base64
import json
from typing import Any

from django.utils.translation import gettext as _

import ledger.queries
from ledger.models import Entry
from marketplace.catalog.models import Listing, Release
from marketplace.licensing import queries as licensing
from marketplace.licensing import rules as terms_rules
from marketplace.licensing.models import Grant, Offer

Shape = dict[str, Any]


def cursor(place: str | None) -> str | None:
    """This will hide a place in a list behind an opaque cursor."""
    return base64.urlsafe_b64encode(place.encode()).decode() if place else None


def place(cursor: str) -> str:
    """This will read a cursor; one that we never gave out leads to the first page."""
    try:
        return base64.urlsafe_b64decode(cursor.encode()).decode()
    except ValueError:
        return ""


def pack(listing: Listing, offer: Offer | None) -> Shape:
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
        "base_model": listing.base_model,
        "ai_training": listing.ai_training,
        "published_at": release.published_at,
        "from_price_minor": offer.price_minor if offer else None,
        "currency": offer.currency if offer else None,
        "url": f"/api/v1/packs/{listing.pack}",
    }


def offer(row: Offer) -> Shape:
    """This will describe an offer, with its terms in words."""
    rights = terms_rules.rights_in(licensing.terms_of(row.terms))
    words = [(right.allowed, _(right.template) % right.values_dict()) for right in rights]
    return {
        "id": row.pk,
        "terms": row.terms.name,
        "terms_sha256": row.terms_id,
        "price_minor": row.price_minor,
        "currency": row.currency,
        "allows": [text for allowed, text in words if allowed],
        "forbids": [text for allowed, text in words if not allowed],
    }


def proof(entry: Entry | None) -> Shape:
    """This will say where a statement stands: pending, sealed or anchored."""
    leaf = ledger.queries.leaf_of(entry) if entry else None
    if entry is None or leaf is None:
        return {"state": "pending", "index": None, "entry_sha256": entry and entry.digest, "transaction": None}
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


def license(row: Grant) -> Shape:
    """This will describe a license held."""
    return {
        "id": row.pk,
        "pack": str(row.release.pack),
        "version": row.release.version,
        "release": row.release.digest,
        "terms": row.terms.name,
        "terms_sha256": row.terms_id,
        "licensee": row.licensee_name,
        "seats": row.seats,
        "status": row.status,  # type: ignore[attr-defined]
        "granted_at": row.granted_at,
        "certificate": row.certificate,
        "certificate_sha256": row.certificate_sha256,
        "download": f"/api/v1/licenses/{row.pk}/download",
    }
