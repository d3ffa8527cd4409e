"""Bytes on from an offset: to storage and through the digest, and both acknowledged together."""

import contextlib
import hashlib
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from assets import queries
from assets.models import Upload
from assets.storage.base import Overtaken, Sink, UnableToStore
from assets.uploads import beginning, resumable
from assets.uploads.feeding import Feed, Readable
from assets.uploads.finishing import finished
from assets.uploads.refusing import overtaken, refused_for, too_long
from marketplace.people.models import Person
from marketplace.ui.words import gettext_noop

CHECKSUMS = ("sha1", "sha256", "md5")
# What a crash can cost a sender is what arrived since the last acknowledgement: at most this much, or this long.
ACKNOWLEDGED_BYTES = 32 * 1024 * 1024
ACKNOWLEDGED_SECONDS = 1.0
_TICK_SECONDS = 0.5
_TICKS_BETWEEN_LOOKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What the bytes of one request must digest to; `algorithm` is one of CHECKSUMS."""

    algorithm: str
    digest: bytes


def append(
    *,
    upload_id: uuid.UUID,
    owner: Person,
    offset: int,
    stream: Readable,
    checksum: Checksum | None = None,
    length_bytes: int | None = None,
    now: datetime,
) -> Upload:
    """Take what the stream gives, from `offset` on, and return the upload as it stands then.

    The stream may end early, as a line that breaks does: what arrived is kept. Whoever wrote before is stopped, after
    the moment that a request whose line has ended needs to keep what arrived. `length_bytes` is how many bytes were
    announced, where that is known. Nothing of the stream counts when it is longer than the upload or has another
    checksum. Raise UnableToUpload: `upload-unknown`, `upload-expired`, `upload-is-final`, `offset-wrong`,
    `upload-too-long`, `checksum-unknown`, `checksum-wrong`, `upload-overtaken`; UnableToStore when storage fails: then
    all counts that was acknowledged before.
    """
    with contextlib.ExitStack() as stack:
        with beginning.taking_turns(upload_id, owner, now) as upload:
            _check(upload, offset, checksum, length_bytes)
            sink: Sink | None = None
            if not upload.sha256:
                beginning.take_over(upload, uuid.uuid4())
                # Inside the row's lock, so that row and place are taken over in one order by everybody.
                sink = queries.storage().incoming().sink(upload.place, upload.offset_bytes)
                stack.callback(sink.close)
        if sink is None:
            if stream.read(1):
                raise too_long(upload.name, upload.size_bytes)
            return upload
        writer = upload.writer
        try:
            return _Writing(upload, sink, checksum, now).take_all(stream)
        except BaseException as error:
            with contextlib.suppress(Exception):
                Upload.objects.filter(pk=upload.pk, writer=writer).update(writer=beginning.NOBODY)
            if isinstance(error, Overtaken):
                raise overtaken(upload) from None
            raise


def _check(upload: Upload, offset: int, checksum: Checksum | None, length_bytes: int | None) -> None:
    if upload.concatenation == Upload.FINAL:
        template = gettext_noop("it was joined from parts, and takes no more bytes.")
        raise refused_for(upload, "upload-is-final", template)
    if offset != upload.offset_bytes:
        template = gettext_noop("%(here)s bytes have arrived, and you go on at %(offset)s: go on at %(here)s.")
        raise refused_for(upload, "offset-wrong", template, here=upload.offset_bytes, offset=offset)
    if length_bytes is not None and offset + length_bytes > upload.size_bytes:
        raise too_long(upload.name, upload.size_bytes)
    if checksum is not None and checksum.algorithm not in CHECKSUMS:
        template = gettext_noop("the checksum %(algorithm)s is unknown: use sha1, sha256 or md5.")
        raise refused_for(upload, "checksum-unknown", template, algorithm=checksum.algorithm[:20])


class _Writing:
    """One request's turn at an upload."""

    def __init__(self, upload: Upload, sink: Sink, checksum: Checksum | None, now: datetime) -> None:
        self._upload, self._sink, self._checksum = upload, sink, checksum
        self._began, self._now = time.monotonic(), now
        self._start = upload.offset_bytes
        self._offset = self._acknowledged = self._start
        self._sum = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        self._digest = digest_of(upload)
        self._start_state = bytes(upload.digest_state)
        self._acknowledged_at = self._began

    def take_all(self, stream: Readable) -> Upload:
        """Take the whole stream, or as much of it as arrives."""
        beginning.let_go_of_the_database()
        with Feed(stream) as feed:
            try:
                self._take_each(feed)
            finally:
                # A line that hangs is waited for, whatever became of its upload: with no connection in hand.
                beginning.let_go_of_the_database()
        if self._checksum and self._sum and self._sum.digest() != self._checksum.digest:
            self._upload.offset_bytes = self._start
            template = gettext_noop("the bytes from %(offset)s on arrived damaged: send them again.")
            raise refused_for(self._upload, "checksum-wrong", template, offset=self._start)
        self._acknowledge(is_last=True)
        return self._upload

    def _take_each(self, feed: Feed) -> None:
        ticks = 0
        while (piece := feed.take(_TICK_SECONDS)) != b"":
            if piece is not None:
                ticks = 0
                self._take(piece)
                continue
            ticks += 1
            if ticks % _TICKS_BETWEEN_LOOKS == 1:
                self._look()

    def _take(self, piece: bytes) -> None:
        if self._offset + len(piece) > self._upload.size_bytes:
            self._take_back()
            raise too_long(self._upload.name, self._upload.size_bytes)
        self._sink.write(piece)
        self._digest.update(piece)
        if self._sum:
            self._sum.update(piece)
        self._offset += len(piece)
        late = time.monotonic() - self._acknowledged_at > ACKNOWLEDGED_SECONDS
        if late or self._offset - self._acknowledged >= ACKNOWLEDGED_BYTES:
            self._acknowledge()

    def _look(self) -> None:
        """Use a pause of the line: acknowledge what there is, or see whether the upload is still ours."""
        self._acknowledge()
        if not Upload.objects.filter(pk=self._upload.pk, writer=self._upload.writer).exists():
            raise Overtaken
        beginning.let_go_of_the_database()

    def _acknowledge(self, *, is_last: bool = False) -> None:
        """Make the bytes last in storage, then their number and digest in the row, if it is still ours.

        Bytes under a checksum count only when all of them are here.
        """
        self._acknowledged_at = time.monotonic()
        # The last byte finishes the upload, which nothing takes back: it waits until the stream has ended.
        waits = self._checksum or self._offset in (self._acknowledged, self._upload.size_bytes)
        if waits and not is_last:
            return
        if (kept := self._sink.commit()) != self._offset:
            raise UnableToStore(self._upload.place, f"{kept} bytes were kept instead of {self._offset}")
        self._acknowledged = self._offset
        self._record(self._offset, self._digest.state(), is_last=is_last)
        if not is_last:
            beginning.let_go_of_the_database()

    def _take_back(self) -> None:
        """Undo what was acknowledged of this request."""
        if self._acknowledged > self._start:
            self._record(self._start, self._start_state)

    def _record(self, offset: int, state: bytes, *, is_last: bool = False) -> None:
        now = self._now + timedelta(seconds=time.monotonic() - self._began)
        is_whole = offset == self._upload.size_bytes
        changes = {
            "offset_bytes": offset,
            "digest_state": state,
            "sha256": self._digest.hexdigest() if is_whole else "",
            "touched_at": now,
            "expires_at": beginning.expiry(now),
            "writer": beginning.NOBODY if is_last else self._upload.writer,
        }
        with transaction.atomic():
            mine = Upload.objects.filter(pk=self._upload.pk, writer=self._upload.writer)
            if not mine.update(**changes):
                raise Overtaken
            for name, value in changes.items():
                setattr(self._upload, name, value)
            if is_whole:
                finished(self._upload, now)


def digest_of(upload: Upload) -> resumable.ResumableDigest:
    """Return the digest of what was acknowledged; the bytes are read again where its state cannot be used."""
    if not upload.offset_bytes:
        return resumable.begun()
    with queries.storage().incoming().open(upload.place) as prefix:
        try:
            return resumable.resumed(bytes(upload.digest_state), upload.offset_bytes, prefix)
        except resumable.UnableToResume:
            prefix.seek(0)
        try:
            return resumable.resumed(b"", upload.offset_bytes, prefix)
        except resumable.UnableToResume as error:
            raise UnableToStore(upload.place, str(error)) from error
