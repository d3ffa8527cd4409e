"""Putting bytes into storage with their rows, and taking away what no row names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from assets import queries
from assets.keeping.receiving import Received, staging
from assets.models import Blob
from assets.storage.base import StoredBlob
from assets.storage.folder import remove_older

LEFTOVER_AGE = timedelta(hours=1)

# Shared by those who put blobs, until their rows are committed; taken alone by the one who sweeps.
_LOCK = 0x61737365


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many leftovers a sweep removed: received files, half-put blobs, blobs that no row names."""

    staged: int
    unfinished: int
    blobs: int


def put(files: Sequence[Received], now: datetime) -> None:
    """Put the files into storage and their rows beside, in the caller's transaction."""
    _lock("pg_advisory_xact_lock_shared")
    stored = queries.storage()
    ordered = sorted({file.sha256: file for file in files}.values(), key=lambda file: file.sha256)
    for file in ordered:
        if file.place:
            stored.incoming().keep(file.place, file.sha256)
        else:
            stored.put(file.path, file.sha256)
    Blob.objects.bulk_create(
        [Blob(sha256=file.sha256, size_bytes=file.size_bytes, stored_at=now) for file in ordered],
        ignore_conflicts=True,
    )


def sweep(*, now: datetime) -> Swept:
    """Remove what crashes left: staged files, half-put blobs and blobs without a row, all older than an hour.

    `now` is the clock's, as files carry the clock's times. Blobs stay when somebody is admitting at this
    moment: the next sweep finds them again.
    """
    before = now - LEFTOVER_AGE
    stored = queries.storage()
    staged = remove_older(staging(), before)
    unfinished = stored.forget_unfinished(before=before)
    removed = 0
    with transaction.atomic():
        if _lock("pg_try_advisory_xact_lock"):
            old = [blob for blob in stored.iter() if blob.touched_at < before]
            for blob in _without_row(old):
                stored.delete(blob.sha256)
                removed += 1
    return Swept(staged=staged, unfinished=unfinished, blobs=removed)


def forget(*, received: Sequence[Received]) -> int:
    """Remove the blobs of an admission that was rolled back, unless rows name them; return how many went."""
    removed = 0
    with transaction.atomic():
        _lock("pg_advisory_xact_lock")
        digests = {file.sha256 for file in received}
        known = set(Blob.objects.filter(sha256__in=digests).values_list("sha256", flat=True))
        stored = queries.storage()
        for sha256 in sorted(digests - known):
            if stored.exists(sha256):
                stored.delete(sha256)
                removed += 1
    return removed


def _without_row(blobs: Sequence[StoredBlob]) -> Iterator[StoredBlob]:
    for start in range(0, len(blobs), 1000):
        part = blobs[start : start + 1000]
        known = set(Blob.objects.filter(sha256__in=[b.sha256 for b in part]).values_list("sha256", flat=True))
        yield from (blob for blob in part if blob.sha256 not in known)


def _lock(function: str) -> bool:
    """Take the app's lock until the transaction ends; say whether it was had."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_LOCK])
        return cursor.fetchone()[0] is not False
