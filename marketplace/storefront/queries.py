"""Questions that only the pages ask, put together from those of the apps below; none writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Min, Q

import assets.queries
import ledger.queries
from assets.models import PreviewImage
from ledger.models import AnchorReceipt, Checkpoint, Entry, Leaf
from marketplace.catalog.models import Derivation, Release, ReleaseAsset
from marketplace.licensing.models import Grant


@dataclass(frozen=True)
class Standing:
    """Where a statement stands: stated, then sealed under `index` of the log, then anchored on a chain."""

    entry: Entry
    index: int | None = None
    sealed_at: datetime | None = None
    anchor: AnchorReceipt | None = None


@dataclass(frozen=True)
class Registered:
    """How many files of a release the ledger heard of, how many of those are sealed, and since when."""

    stated: int
    sealed: int
    first_at: datetime | None


def standing(entry: Entry) -> Standing:
    """This will tell how far an entry has come; four queries at most."""
    leaf = ledger.queries.leaf_of(entry)
    if leaf is None:
        return Standing(entry)
    checkpoint = Checkpoint.objects.filter(size__gt=leaf.index).order_by("size").first()
    return Standing(
        entry,
        leaf.index,
        checkpoint.sealed_at if checkpoint else None,
        ledger.queries.latest_anchor_covering(leaf.index),
    )


def entry_about(kind: str, subject: str) -> Entry | None:
    """This will find the first entry of one type about a subject."""
    return next((entry for entry in ledger.queries.entries_about(subject) if entry.type == kind), None)


def registered(files: Iterable[ReleaseAsset]) -> Registered:
    """This will count what the ledger knows of the files of a release."""
    subjects = {f"asset:{row.asset.blob_id}" for row in files}
    found = Entry.objects.filter(type="asset", subject__in=subjects).aggregate(
        stated=Count("pk"), sealed=Count("leaf"), first_at=Min("stated_at")
    )
    return Registered(**found)


def _sealed(kind: str, subjects: Iterable[str]) -> set[str]:
    rows = Leaf.objects.filter(entry__type=kind, entry__subject__in=list(subjects))
    return set(rows.values_list("entry__subject", flat=True))


def sealed_releases(releases: Iterable[Release]) -> set[UUID]:
    """This will tell which releases are in the log, in one query."""
    by_subject = {f"release:{release.digest}": release.pk for release in releases}
    return {by_subject[subject] for subject in _sealed("release", by_subject)}


def sealed_grants(grants: Iterable[Grant]) -> set[UUID]:
    """This will tell which grants are in the log, in one query."""
    by_subject = {f"grant:{grant.pk}": grant.pk for grant in grants}
    return {by_subject[subject] for subject in _sealed("grant", by_subject)}


def newest_leaves(size: int = 20) -> Sequence[Leaf]:
    """This will list the newest entries of the log, the newest first."""
    return list(Leaf.objects.select_related("entry").order_by("-index")[:size])


def public_preview(sha256: str) -> PreviewImage | None:
    """This will find a preview image that some release shows to everybody: of its previews, or drawn of a file."""
    shown = ReleaseAsset.objects.filter(Q(role="preview") | assets.queries.is_drawn("asset__")).values("asset")
    return PreviewImage.objects.filter(Q(blob_id=sha256), asset__in=shown).first()


def derived_from(release: Release, size: int = 20) -> Sequence[Derivation]:
    """This will list the releases made with one, and the share that each owes it, the newest first."""
    rows = Derivation.objects.filter(parent=release).select_related("release__pack__creator")
    return list(rows.order_by("-release__published_at", "-release")[:size])
