"""One file of several parts that were sent beside one another (tus 1.0.0, extension "concatenation")."""

import contextlib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from assets import queries
from assets.models import Upload
from assets.storage.base import BlobMissing, Overtaken, UnableToStore
from assets.uploads import beginning
from assets.uploads.appending import digest_of
from assets.uploads.finishing import finished
from assets.uploads.refusing import overtaken, refused, refused_for, unknown
from marketplace.people.models import Person
from marketplace.ui.words import gettext_noop

MOST_PARTS = 100
# Long enough for a client that lost the answer to ask again; after it the parts make room.
PARTS_KEPT = timedelta(hours=1)
_CHUNK_BYTES = 1024 * 1024


def join_uploads(
    *,
    owner: Person,
    parts: Sequence[uuid.UUID],
    name: str,
    metadata: str = "",
    said: str = "",
    now: datetime,
) -> Upload:
    """Return a finished upload of the parts' bytes in the order given; the parts expire soon after.

    The digest goes on from the first part's, so that only the others are digested again. `said` is how the sender
    named the parts, which `said_of` gives back. A process that is killed leaves an upload that expires with the parts.
    Raise UnableToUpload: `upload-unknown`, `upload-expired`, `parts-unusable`, and what `begin_upload` raises;
    UnableToStore.
    """
    if not 0 < len(parts) <= MOST_PARTS:
        template = gettext_noop("A file is joined from 1 to %(most)s parts.")
        raise refused("parts-unusable", template, most=MOST_PARTS)
    with transaction.atomic():
        rows = _parts(owner, parts, now)
        upload = beginning.begin_upload(
            owner=owner,
            name=name,
            size_bytes=sum(row.size_bytes for row in rows),
            concatenation=Upload.FINAL,
            metadata=metadata,
            now=now,
        )
        Upload.objects.filter(pk=upload.pk).update(expires_at=now + PARTS_KEPT)
    try:
        sha256 = _copied(rows, upload)
        with transaction.atomic():
            upload.sha256, upload.offset_bytes = sha256, upload.size_bytes
            # The state of a digest that is known has no more use: its room holds what the parts were called.
            upload.digest_state = said.encode()
            changes = {name: getattr(upload, name) for name in ("sha256", "offset_bytes", "digest_state", "expires_at")}
            if not Upload.objects.filter(pk=upload.pk).update(**changes):
                raise overtaken(upload)
            finished(upload, now)
            Upload.objects.filter(pk__in=parts, expires_at__gt=now + PARTS_KEPT).update(expires_at=now + PARTS_KEPT)
    except BaseException:
        with contextlib.suppress(Exception):
            beginning.abort_upload(upload_id=upload.pk, owner=owner)
        raise
    return upload


def said_of(upload: Upload) -> str:
    """Return what `join_uploads` was told of the parts of this upload."""
    return bytes(upload.digest_state).decode()


def _parts(owner: Person, parts: Sequence[uuid.UUID], now: datetime) -> list[Upload]:
    """Return the parts in order, locked in the order of their ids; raise UnableToUpload."""
    rows = {row.pk: row for row in Upload.objects.select_for_update().filter(pk__in=parts, owner=owner).order_by("id")}
    if set(parts) - set(rows):
        raise unknown()
    for row in rows.values():
        if row.expires_at <= now:
            raise refused_for(row, "upload-expired", gettext_noop("this upload expired: send the file again."))
        if row.concatenation != Upload.PARTIAL or not row.sha256:
            template = gettext_noop("only parts that have arrived whole can be joined, and this is none.")
            raise refused_for(row, "parts-unusable", template)
    return [rows[part] for part in parts]


def _copied(rows: Sequence[Upload], upload: Upload) -> str:
    """Copy the parts; raise UnableToUpload when the upload was removed meanwhile."""
    try:
        return _copy(rows, upload)
    except Overtaken:
        raise overtaken(upload) from None


def _copy(rows: Sequence[Upload], upload: Upload) -> str:
    """Write the parts' bytes one after the other, and return the digest of all."""
    incoming = queries.storage().incoming()
    digest = digest_of(rows[0])
    with contextlib.closing(incoming.sink(upload.place, 0)) as sink:
        for number, row in enumerate(rows):
            left = row.size_bytes
            with _opened(row) as file:
                while chunk := file.read(min(left, _CHUNK_BYTES)):
                    sink.write(chunk)
                    if number:
                        digest.update(chunk)
                    left -= len(chunk)
            if left:
                raise UnableToStore(row.place, f"{left} bytes are missing")
        if sink.commit() != upload.size_bytes or digest.size_bytes != upload.size_bytes:
            raise UnableToStore(upload.place, "the joined bytes were not kept whole")
    return digest.hexdigest()


def _opened(row: Upload) -> "contextlib.closing":  # type: ignore[type-arg]
    try:
        return contextlib.closing(queries.storage().incoming().open(row.place))
    except BlobMissing as error:
        raise UnableToStore(row.place, "the part is gone") from error
