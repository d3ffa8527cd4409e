"""Removing uploads that nobody went on with."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import ProtectedError

from assets import queries
from assets.models import Upload

# A place is made a moment before its row is committed.
_PLACE_AGE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """How many uploads and how many places without one were removed."""

    uploads: int
    places: int


def expire_uploads(*, now: datetime) -> Expired:
    """Remove the uploads that expired, with their bytes, and places older than an hour that no upload names.

    What a submission holds stays until that lets go. `now` is the clock's, as places carry the clock's times.
    """
    uploads = sum(_expire(upload, now) for upload in Upload.objects.filter(expires_at__lte=now).order_by("id"))
    incoming = queries.storage().incoming()
    places = 0
    for place, written_at in incoming.iter():
        if written_at < now - _PLACE_AGE and not Upload.objects.filter(place=place).exists():
            incoming.discard(place)
            places += 1
    return Expired(uploads=uploads, places=places)


def _expire(upload: Upload, now: datetime) -> bool:
    """Remove the row, if it was not touched meanwhile, then the bytes: a crash between leaves a place, not a row."""
    try:
        with transaction.atomic():
            row = Upload.objects.select_for_update().filter(pk=upload.pk, expires_at__lte=now).first()
            if row is None:
                return False
            Upload.objects.filter(pk=row.pk).delete()
    except ProtectedError:
        return False
    if row.place:
        queries.storage().incoming().discard(row.place)
    return True
