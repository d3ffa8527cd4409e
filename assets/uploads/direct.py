"""Uploads whose parts the sender puts into storage itself, each under a signature for those bytes alone."""

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import ProtectedError

from assets import queries
from assets.models import Upload
from assets.storage.base import DirectUpload, PartsChanged, PartsMissing, SentPart, SignedRequest, UnableToStore
from assets.uploads import beginning
from assets.uploads.finishing import finished
from assets.uploads.refusing import refused, refused_for, too_large, unknown
from marketplace.people.models import Person
from marketplace.ui.words import gettext_noop

MOST_PARTS_AT_ONCE = 100
EXPIRES_SECONDS = 3600
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectState:
    """Where a direct upload stands. Every part has `part_bytes` but the last, which has the rest."""

    upload: Upload
    part_bytes: int
    parts: Sequence[SentPart] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPart:
    """What to send as part `number`, and how."""

    number: int
    size_bytes: int
    request: SignedRequest


def begin_direct(*, owner: Person, name: str, size_bytes: int, now: datetime) -> DirectState:
    """Make room for a file of that many bytes, whose parts its owner will send to storage.

    The limits are those of `begin_upload`. Raise UnableToUpload: `direct-unavailable` where storage takes no parts
    from others, and as `begin_upload` does; UnableToStore.
    """
    direct = _direct()
    name = beginning.usable_name(name)
    if size_bytes <= 0:
        raise refused("file-empty", gettext_noop("%(file)s: the file is empty."), file=name)
    if size_bytes > settings.ASSET_FILE_LIMIT_BYTES:
        raise too_large(name, settings.ASSET_FILE_LIMIT_BYTES)
    upload = Upload(
        owner=owner,
        name=name,
        size_bytes=size_bytes,
        writer=beginning.NOBODY,
        created_at=now,
        touched_at=now,
        expires_at=beginning.expiry(now),
    )
    place = ""
    try:
        with transaction.atomic():
            beginning.check_limits(owner, size_bytes)
            begun = direct.begin(upload.pk.hex, size_bytes)
            upload.place = place = begun.place
            upload.save(force_insert=True)
    except BaseException:
        if place:
            direct.abort(place)
        raise
    return DirectState(upload=upload, part_bytes=begun.part_bytes)


def sign_parts(
    *, upload_id: uuid.UUID, owner: Person, sha256s: Mapping[int, str], now: datetime
) -> Sequence[SignedPart]:
    """Return how to send the parts of these numbers and SHA-256s, in their order; each holds for an hour.

    The upload expires later by it. Raise UnableToUpload: `upload-unknown`, `upload-expired`, `upload-is-finished`,
    `parts-too-many`, `part-unknown`, `part-digest-malformed`; UnableToStore.
    """
    direct = _direct()
    with transaction.atomic():
        upload = _unfinished(upload_id, owner, now)
        if len(sha256s) > MOST_PARTS_AT_ONCE:
            template = gettext_noop("%(most)s parts are signed at once, and you ask for %(asked)s: ask in turns.")
            raise refused_for(upload, "parts-too-many", template, most=MOST_PARTS_AT_ONCE, asked=len(sha256s))
        part_bytes = direct.part_bytes(upload.place)
        sizes = {number: _size_of_part(upload, number, part_bytes) for number in sorted(sha256s)}
        for number in sizes:
            if not _DIGEST.fullmatch(sha256s[number]):
                template = gettext_noop("part %(part)s: its SHA-256 must be 64 digits of lower-case hex.")
                raise refused_for(upload, "part-digest-malformed", template, part=number)
        upload.touched_at, upload.expires_at = now, beginning.expiry(now)
        upload.save(update_fields=["touched_at", "expires_at"])
    return [
        SignedPart(
            number=number,
            size_bytes=size_bytes,
            request=direct.sign_part(
                upload.place,
                number,
                size_bytes=size_bytes,
                sha256=sha256s[number],
                expires_seconds=EXPIRES_SECONDS,
            ),
        )
        for number, size_bytes in sizes.items()
    ]


def list_sent(*, upload_id: uuid.UUID, owner: Person) -> DirectState:
    """Return which parts of the upload have arrived; none are listed once it is finished.

    Raise UnableToUpload: `upload-unknown`; UnableToStore.
    """
    direct = _direct()
    upload = Upload.objects.filter(pk=upload_id, owner=owner).first()
    if upload is None:
        raise unknown()
    return DirectState(
        upload=upload, part_bytes=direct.part_bytes(upload.place), parts=tuple(direct.parts(upload.place))
    )


def finish_direct(*, upload_id: uuid.UUID, owner: Person, sha256: str, now: datetime) -> Upload:
    """Join the parts and read all of them once: the digest is what was read, and `sha256` must be the same.

    Idempotent; not for a transaction. Raise UnableToUpload: `upload-unknown`, `upload-expired`; `parts-missing` or
    `parts-changed`, and the upload goes on; `digest-wrong`, and nothing of it is kept. UnableToStore.
    """
    direct = _direct()
    with transaction.atomic():
        upload = beginning.locked(upload_id, owner, now)
    found = upload.sha256 or _digest_of_all(direct, upload)
    if found != sha256:
        template = gettext_noop("the bytes that arrived have another SHA-256 than you sent: send the file again.")
        if not upload.sha256:
            _let_go(direct, upload, owner)
        raise refused_for(upload, "digest-wrong", template)
    with transaction.atomic():
        upload = beginning.owned(upload_id, owner)
        if not upload.sha256:
            upload.sha256, upload.offset_bytes = found, upload.size_bytes
            upload.touched_at, upload.expires_at = now, beginning.expiry(now)
            upload.save(update_fields=["sha256", "offset_bytes", "touched_at", "expires_at"])
            finished(upload, now)
    return upload


def _digest_of_all(direct: DirectUpload, upload: Upload) -> str:
    try:
        direct.complete(upload.place)
    except PartsMissing as error:
        template = gettext_noop(
            "parts are missing (%(count)s), and the first is part %(part)s: send them, then finish again."
        )
        count, first = len(error.numbers), error.numbers[0]
        raise refused_for(upload, "parts-missing", template, count=count, part=first) from error
    except PartsChanged as error:
        template = gettext_noop("a part that arrived is not the one you had signed last: sign and send all of them.")
        raise refused_for(upload, "parts-changed", template) from error
    try:
        with queries.storage().incoming().open(upload.place) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnableToStore(upload.place, str(error).rstrip(".")) from error


def _let_go(direct: DirectUpload, upload: Upload, owner: Person) -> None:
    """Remove the upload; where a submission holds its row, at least the bytes."""
    try:
        beginning.abort_upload(upload_id=upload.pk, owner=owner)
    except ProtectedError:
        direct.abort(upload.place)


def _direct() -> DirectUpload:
    if (direct := queries.storage().direct()) is None:
        template = gettext_noop("Files are kept where only this site can write: send the file through the site.")
        raise refused("direct-unavailable", template)
    return direct


def _unfinished(upload_id: uuid.UUID, owner: Person, now: datetime) -> Upload:
    upload = beginning.locked(upload_id, owner, now)
    if upload.sha256:
        raise refused_for(upload, "upload-is-finished", gettext_noop("it has arrived whole and takes no more parts."))
    return upload


def _size_of_part(upload: Upload, number: int, part_bytes: int) -> int:
    last = -(-upload.size_bytes // part_bytes)
    if not 1 <= number <= last:
        template = gettext_noop("there is no part %(part)s: this file has the parts 1 to %(last)s.")
        raise refused_for(upload, "part-unknown", template, part=number, last=last)
    return min(part_bytes, upload.size_bytes - (number - 1) * part_bytes)
