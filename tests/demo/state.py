"""What a play leaves behind, told without what no two plays share: ids, keys, times, and digests over them."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

import ledger.queries
from assets.models import Blob
from assets.operations import sweep
from assets.queries import storage
from ledger.models import AnchorIntent, AnchorReceipt, Checkpoint, Entry, Leaf
from marketplace.catalog.models import Listing, Release
from marketplace.checkout.models import GatewayEvent, Order, SandboxCharge
from marketplace.compositions.models import RecipeLock, RecipeText
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.payouts.models import Account, Payout, RecordedTransfer
from marketplace.payouts.queries import check_books, trial_balance
from marketplace.people.models import Creator, Person, Seat


def state() -> dict[str, Any]:
    """Gives everything that must be the same after any play; JSON, lists sorted."""
    head = ledger.queries.published()
    return {
        "people": sorted(Person.objects.values_list("email", flat=True)),
        "seats": Seat.objects.count(),
        "manifests": sorted(_manifest(release) for release in Release.objects.all()),
        "listed": sorted(str(row.pack) for row in Listing.objects.select_related("pack__creator")),
        "offers": _sorted(Offer.objects.values_list("release__pack__handle", "terms__name", "price_minor")),
        "orders": _sorted(Order.objects.values_list("idempotency_key", "total_minor", "outcome__outcome")),
        "charges": _sorted(SandboxCharge.objects.values_list("amount_minor", "method", "succeeded")),
        "events": _sorted(GatewayEvent.objects.values_list("kind", "handled__effect")),
        "grants": sorted(
            f"{grant.release.pack} {grant.terms.name} {grant.licensee_name} {licensing.status_of(grant)}"
            for grant in Grant.objects.select_related("release__pack__creator", "terms")
        ),
        "recipes": _sorted(RecipeText.objects.values_list("number", "title", "recipe__studio__name")),
        "locks": _sorted(RecipeLock.objects.values_list("title", "recipe__author__email", "packs__share_ppb")),
        "balances": _sorted(Account.objects.values_list("owner__handle", "kind", "currency", "balance_minor")),
        "trial": sorted(str(row) for row in trial_balance()),
        "payouts": _sorted(
            Payout.objects.values_list("creator__handle", "currency", "amount_minor", "outcomes__state")
        ),
        "transfers": _sorted(RecordedTransfer.objects.values_list("currency", "amount_minor")),
        "books": check_books(),
        "entries": Counter(Entry.objects.values_list("type", flat=True)),
        "sealed": [Leaf.objects.count(), _pending(), head.head.size if head else 0],
        "checkpoints": Checkpoint.objects.count(),
        "anchors": [AnchorIntent.objects.count(), AnchorReceipt.objects.count(), _on_chain()],
        "blobs": _blobs(),
    }


def _sorted(rows: Any) -> list[list[Any]]:
    return sorted(([*row] for row in rows), key=str)


def _manifest(release: Release) -> str:
    """Spells a manifest with names for the digests that hang on ids and times."""
    said = json.loads(bytes(release.manifest))
    handles = {str(creator.pk): creator.handle for creator in Creator.objects.all()}
    del said["published_at"]
    said["split"] = sorted(
        (handles[str(payee)], share) for payee, share in release.split.shares.values_list("payee_id", "share_ppb")
    )
    for parent in said["derived_from"]:
        del parent["release"]
    return json.dumps(said, sort_keys=True)


def _pending() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_pending")
        return int(cursor.fetchone()[0])


def _on_chain() -> int:
    sheet = Path(settings.DATA_FOLDER) / "chain.json"
    return len(json.loads(sheet.read_text())) if sheet.exists() else 0


def _blobs() -> dict[str, Any]:
    """What is kept: files by digest, and how many pictures were drawn, whose signatures are never the same twice.

    A picture that a kill left without a row is not made again with the same bytes: the hourly sweep takes it away.
    """
    sweep(now=timezone.now() + timedelta(hours=2))
    rows = set(Blob.objects.values_list("sha256", flat=True))
    files = set(Blob.objects.filter(assets__isnull=False).values_list("sha256", flat=True))
    stored = {blob.sha256 for blob in storage().iter()}
    return {"files": sorted(files), "drawn": len(rows - files), "unlike": sorted(rows ^ stored)}
