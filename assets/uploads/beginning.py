"""Making room for an upload within its owner's limits, finding it again, and letting go of it."""

import contextlib
import logging
import time
import unicodedata
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import ProtectedError, Sum

from assets import queries
from assets.models import Upload
from assets.storage.base import UnableToStore
from assets.uploads.refusing import refused, refused_for, too_large, unknown
from marketplace.people.models import Person
from marketplace.ui.words import gettext_noop

log = logging.getLogger(__name__)
NAME_CHARACTERS = 300
# What stands as the writer of an upload that no request writes to.
NOBODY = uuid.UUID(int=0)
# Who asks where an upload stands may come before the request whose line broke has put away what arrived: it has this
# long. That is longer than a line may be silent before its bytes are acknowledged.
PATIENCE_SECONDS = 1.0
_LOOK_SECONDS = 0.02


def begin_upload(
    *,
    owner: Person,
    name: str,
    size_bytes: int,
    concatenation: str = Upload.WHOLE,
    metadata: str = "",
    now: datetime,
) -> Upload:
    """Make room for a file of that many bytes, which only its owner can send; `metadata` is kept as it is.

    Raise UnableToUpload: `name-unusable`, `file-empty`, `file-too-large`, `too-many-uploads`, `uploads-too-large`;
    UnableToStore when storage has no room. Two at once do not pass a limit together.
    """
    name = usable_name(name)
    if not size_bytes:
        raise refused("file-empty", gettext_noop("%(file)s: the file is empty."), file=name)
    if size_bytes > settings.ASSET_FILE_LIMIT_BYTES:
        raise too_large(name, settings.ASSET_FILE_LIMIT_BYTES)
    upload = Upload(
        owner=owner,
        name=name,
        metadata=metadata,
        concatenation=concatenation,
        size_bytes=size_bytes,
        writer=NOBODY,
        created_at=now,
        touched_at=now,
        expires_at=expiry(now),
    )
    incoming = queries.storage().incoming()
    try:
        with transaction.atomic():
            check_limits(owner, size_bytes)
            upload.place = incoming.begin(upload.pk.hex, size_bytes)
            upload.save(force_insert=True)
    except BaseException:
        if upload.place:
            incoming.discard(upload.place)
        raise
    return upload


def check_limits(owner: Person, size_bytes: int) -> None:
    """Raise UnableToUpload when that many more bytes would cross a limit; holds the owner until the transaction ends.

    Bytes that were linked and not sent take no room.
    """
    Person.objects.select_for_update(no_key=True).get(pk=owner.pk)
    mine = Upload.objects.filter(owner=owner)
    if mine.count() >= settings.UPLOADS_LIMIT:
        template = gettext_noop("You have %(limit)s uploads already: publish or remove some of them first.")
        raise refused("too-many-uploads", template, limit=settings.UPLOADS_LIMIT)
    taken = mine.exclude(place="").aggregate(bytes=Sum("size_bytes"))["bytes"] or 0
    if size_bytes and taken + size_bytes > settings.UPLOADS_LIMIT_BYTES:
        template = gettext_noop(
            "Your uploads may hold %(limit)s bytes together, and %(left)s are left: publish or remove some first."
        )
        left = max(settings.UPLOADS_LIMIT_BYTES - taken, 0)
        raise refused("uploads-too-large", template, limit=settings.UPLOADS_LIMIT_BYTES, left=left)


def resume_upload(*, upload_id: uuid.UUID, owner: Person, now: datetime) -> Upload:
    """Return the upload as it stands, stopping whoever writes to it: its owner has come back and goes on from there.

    A request whose line has ended is given the moment that it needs to keep what arrived. Raise UnableToUpload:
    `upload-unknown`, `upload-expired`.
    """
    with taking_turns(upload_id, owner, now) as upload:
        if is_written(upload):
            take_over(upload, NOBODY)
            queries.storage().incoming().overtake(upload.place)
    return upload


@contextlib.contextmanager
def taking_turns(upload_id: uuid.UUID, owner: Person, now: datetime) -> Iterator[Upload]:
    """Give one's own upload, `locked` in a transaction, once nobody writes to it or PATIENCE_SECONDS are over."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        with transaction.atomic():
            upload = locked(upload_id, owner, now)
            if not is_written(upload) or time.monotonic() >= until:
                yield upload
                return
        let_go_of_the_database()
        time.sleep(_LOOK_SECONDS)


def is_written(upload: Upload) -> bool:
    """Say whether a request writes to the upload, or did when its server was killed."""
    return upload.writer != NOBODY and not upload.sha256


def take_over(upload: Upload, writer: uuid.UUID) -> None:
    """Make `writer` the upload's only one; the row is locked."""
    upload.writer = writer
    upload.save(update_fields=["writer"])


def let_go_of_the_database() -> None:
    """Give the connection back, as the end of a request would: a slow line may last for hours."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def abort_upload(*, upload_id: uuid.UUID, owner: Person) -> None:
    """Remove the upload and its bytes, and stop whoever writes to it. Raise UnableToUpload:
    `upload-unknown`, `upload-in-use`.
    """
    with transaction.atomic():
        upload = owned(upload_id, owner)
        try:
            with transaction.atomic():
                Upload.objects.filter(pk=upload_id).delete()
        except ProtectedError:
            template = gettext_noop("it belongs to something that waits to be published: remove it there first.")
            raise refused_for(upload, "upload-in-use", template) from None
    if upload.place:
        try:
            queries.storage().incoming().discard(upload.place)
        except UnableToStore as error:
            log.warning("the bytes of an upload that was removed go with the next sweep", exc_info=error)


def owned(upload_id: uuid.UUID, owner: Person) -> Upload:
    """Return one's own upload with its row locked; raise UnableToUpload, the same for another's as for none."""
    upload = Upload.objects.select_for_update(of=("self",)).filter(pk=upload_id, owner=owner).first()
    if upload is None:
        raise unknown()
    return upload


def locked(upload_id: uuid.UUID, owner: Person, now: datetime) -> Upload:
    """Return one's own upload, as `owned` does, when it has not expired."""
    upload = owned(upload_id, owner)
    if upload.expires_at <= now:
        template = gettext_noop("this upload expired: send the file again.")
        raise refused_for(upload, "upload-expired", template)
    return upload


def expiry(now: datetime) -> datetime:
    """Return when what was touched now is removed."""
    return now + timedelta(hours=settings.UPLOAD_EXPIRES_HOURS)


def usable_name(name: str) -> str:
    """Return the name in NFC; raise UnableToUpload when no file can be called that."""
    normal = unicodedata.normalize("NFC", name).strip()
    if not normal or len(normal) > NAME_CHARACTERS or any(unicodedata.category(c) in ("Cc", "Cs") for c in normal):
        template = gettext_noop("A file needs a name of 1 to %(most)s characters, without control characters.")
        raise refused("name-unusable", template, most=NAME_CHARACTERS)
    return normal
