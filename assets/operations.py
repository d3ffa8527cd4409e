"""Every write about bytes: receive, admit, preview, sweep."""

import contextlib
import hashlib
import io
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import ledger.operations
from assets import queries
from assets.inspectors import sandbox
from assets.inspectors.base import Finding, Inspection, Refused, shown_name
from assets.models import Asset, Blob, PreviewImage
from assets.storage.base import BlobDamaged, StoredBlob
from assets.storage.folder import remove_older
from marketplace.ui.formats import sentence
from marketplace.ui.words import Words, gettext_noop

PREVIEW_WIDTHS = (480, 960, 1600)
LEFTOVER_AGE = timedelta(hours=1)

_CHUNK_BYTES = 1024 * 1024
# Shared by those who put blobs, until their rows are committed; taken alone by the one who sweeps.
_LOCK = 0x61737365


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A file at the door: its bytes at `path` while `receive` lasts, and its path in the release."""

    path: Path
    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many leftovers a sweep removed: received files, half-put blobs, blobs that no row names."""

    staged: int
    unfinished: int
    blobs: int


class UnableToReceive(Exception):
    """The file did not arrive; nothing of it is kept."""

    code = "upload-refused"

    def __init__(self, name: str, finding: Finding) -> None:
        super().__init__(name, finding)
        self.name, self.finding, self.findings = name, finding, (finding,)

    def __str__(self) -> str:
        return sentence(self.finding)


class UnableToAdmit(Exception):
    """At least one file did not pass; none was stored."""

    code = "file-refused"

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(tuple(findings))
        self.findings = tuple(findings)

    def __str__(self) -> str:
        first, more = sentence(self.findings[0]), len(self.findings) - 1
        if not more:
            return first
        return ngettext("%(first)s (and %(more)d more finding)", "%(first)s (and %(more)d more findings)", more) % {
            "first": first,
            "more": more,
        }


class UnableToPreview(Exception):
    """No preview could be made of the asset."""

    code = "preview-refused"

    def __init__(self, asset: Asset, reason: Words) -> None:
        super().__init__(asset, reason)
        self.asset, self.reason = asset, reason

    def __str__(self) -> str:
        return _("No preview could be made: %(reason)s") % {"reason": sentence(self.reason)}


@contextlib.contextmanager
def receive(
    *, stream: BinaryIO | None = None, path: Path | None = None, name: str, limit_bytes: int | None = None
) -> Iterator[Received]:
    """Take in the bytes of `stream` or of the file at `path`, digested as they arrive, for as long as it lasts.

    Memory stays flat. The staged file is gone when the context ends, however it ends. Raise UnableToReceive
    when there is nothing, more than `limit_bytes` (ASSET_FILE_LIMIT_BYTES unless given), or no plain file.
    """
    limit_bytes = queries.box().limits.file_bytes if limit_bytes is None else limit_bytes
    staged = _staging() / f"{os.getpid()}-{uuid.uuid4().hex}"
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(staged.unlink, missing_ok=True)
        if path is not None:
            stream = cleanup.enter_context(_open_plain(path, name))
        if stream is None:
            raise TypeError("receive() needs a stream or a path")
        sha256, size_bytes = _take(stream, staged, name, limit_bytes)
        yield Received(path=staged, name=name, sha256=sha256, size_bytes=size_bytes)


def admit(*, received: Sequence[Received], now: datetime) -> list[Asset]:
    """Inspect the files and keep all of them, or none; return their assets in the order given.

    Bytes that are kept already are not stored again. Each asset is stated in the ledger once. Raise
    UnableToAdmit with every finding about every file, UnableToStore when storage fails.
    """
    candidates = [sandbox.Candidate(file.path, file.name) for file in received]
    outcomes = sandbox.inspect_files(candidates, queries.box())
    if findings := [f for outcome in outcomes if isinstance(outcome, Refused) for f in outcome.findings]:
        raise UnableToAdmit(findings)
    passed = [outcome for outcome in outcomes if isinstance(outcome, Inspection)]
    return _keep(list(zip(received, passed, strict=True)), now)


def make_previews(*, asset: Asset, now: datetime) -> list[PreviewImage]:
    """Make the WebP copies of a picture for pages, 480, 960 and 1600 pixels wide, none wider than the picture.

    Return them, the narrowest first; those made before are returned, not made again. Raise UnableToPreview
    when the asset is no picture or cannot be drawn, BlobDamaged when its bytes have changed in storage.
    """
    make_all_previews(assets=[asset], now=now)
    return list(PreviewImage.objects.filter(asset=asset).order_by("width"))


def make_all_previews(*, assets: Sequence[Asset], now: datetime) -> int:
    """Make the copies of several pictures by one child, all or none, as `make_previews` does; return how many."""
    made = set(PreviewImage.objects.filter(asset__in=assets).values_list("asset_id", "width"))
    wanted: list[tuple[Asset, int]] = []
    for asset in assets:
        if asset.facts.get("kind") != "picture":
            raise UnableToPreview(asset, Words(gettext_noop("the file is not a picture.")))
        widths = sorted({min(width, asset.facts["width"]) for width in PREVIEW_WIDTHS})
        if not {(asset.pk, width) for width in widths} <= made:
            wanted += [(asset, width) for width in widths]
    if not wanted:
        return 0
    with contextlib.ExitStack() as files:
        copies = _draw(wanted, files)
        with transaction.atomic():
            _put(copies, now)
            rows = [
                PreviewImage(asset=asset, width=width, blob_id=copy.sha256)
                for (asset, width), copy in zip(wanted, copies, strict=True)
            ]
            PreviewImage.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def sweep(*, now: datetime) -> Swept:
    """Remove what crashes left: staged files, half-put blobs and blobs without a row, all older than an hour.

    `now` is the clock's, as files carry the clock's times. Blobs stay when somebody is admitting at this
    moment: the next sweep finds them again.
    """
    before = now - LEFTOVER_AGE
    stored = queries.storage()
    staged = remove_older(_staging(), before)
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


def _staging() -> Path:
    folder = Path(settings.DATA_FOLDER) / "staging"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _open_plain(path: Path, name: str) -> BinaryIO:
    """Open a regular file, never a link, a pipe or a device, without waiting for one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = gettext_noop("it is a link or cannot be opened (%(why)s).")
        raise _not_received(name, "file-unreadable", reason, why=str(error.strerror)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_received(name, "file-unreadable", gettext_noop("it is not a plain file."))
    return os.fdopen(descriptor, "rb")


def _take(stream: BinaryIO, staged: Path, name: str, limit_bytes: int) -> tuple[str, int]:
    """Write the stream to `staged` and return its digest and size; raise UnableToReceive."""
    digest = hashlib.sha256()
    size_bytes = 0
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            while chunk := stream.read(_CHUNK_BYTES):
                size_bytes += len(chunk)
                if size_bytes > limit_bytes:
                    reason = gettext_noop("it is larger than the limit of %(limit)s bytes.")
                    raise _not_received(name, "file-too-large", reason, limit=limit_bytes)
                digest.update(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[file.write(view) :]
    except OSError as error:
        reason = gettext_noop("it could not be read to its end (%(why)s).")
        raise _not_received(name, "file-unreadable", reason, why=str(error.strerror or error)) from error
    if not size_bytes:
        raise _not_received(name, "file-empty", gettext_noop("the file is empty."))
    return digest.hexdigest(), size_bytes


def _not_received(name: str, code: str, template: str, /, **values: str | int) -> UnableToReceive:
    return UnableToReceive(shown_name(name), Finding(code, template, "", values).in_file(name))


def _keep(files: Sequence[tuple[Received, Inspection]], now: datetime) -> list[Asset]:
    """Store the blobs, then the rows, then the facts; in the order of digests, so that no two wait in a ring."""
    keys = [(file.sha256, inspection.media_type) for file, inspection in files]
    ordered = sorted(files, key=lambda pair: (pair[0].sha256, pair[1].media_type))
    with transaction.atomic():
        _put([file for file, _inspection in ordered], now)
        Asset.objects.bulk_create(
            [
                Asset(
                    blob_id=file.sha256,
                    media_type=inspection.media_type,
                    facts=inspection.facts,
                    inspected_at=now,
                )
                for file, inspection in ordered
            ],
            ignore_conflicts=True,
        )
        for file, inspection in ordered:
            ledger.operations.state_once(
                type="asset",
                subject=f"asset:{file.sha256}",
                body={
                    "sha256": file.sha256,
                    "size_bytes": file.size_bytes,
                    "media_type": inspection.media_type,
                },
                now=now,
            )
        rows = Asset.objects.filter(blob_id__in={sha256 for sha256, _type in keys}).select_related("blob")
        found = {(asset.blob_id, asset.media_type): asset for asset in rows}
    return [found[key] for key in keys]


def _put(files: Sequence[Received], now: datetime) -> None:
    """Put the files into storage and their rows beside, in the caller's transaction."""
    _lock("pg_advisory_xact_lock_shared")
    stored = queries.storage()
    ordered = sorted({file.sha256: file for file in files}.values(), key=lambda file: file.sha256)
    for file in ordered:
        stored.put(file.path, file.sha256)
    Blob.objects.bulk_create(
        [Blob(sha256=file.sha256, size_bytes=file.size_bytes, stored_at=now) for file in ordered],
        ignore_conflicts=True,
    )


def _draw(wanted: Sequence[tuple[Asset, int]], files: contextlib.ExitStack) -> list[Received]:
    """Return the assets' WebP copies in these widths, as received files that last as long as `files`."""
    copies = []
    with contextlib.ExitStack() as originals:
        paths = {
            asset.pk: _original(asset, originals) for asset in {asset.pk: asset for asset, _width in wanted}.values()
        }
        drawn = sandbox.make_previews([(paths[asset.pk], width) for asset, width in wanted], queries.box())
        for (asset, _width), data in zip(wanted, drawn, strict=True):
            if isinstance(data, Refused):
                finding = data.findings[0]
                raise UnableToPreview(asset, Words(finding.template, finding.values)) from data
            copies.append(files.enter_context(receive(stream=io.BytesIO(data), name="preview")))
    return copies


def _original(asset: Asset, files: contextlib.ExitStack) -> Path:
    """Return a copy of the asset's bytes that lasts as long as `files`; raise BlobDamaged when they are others."""
    with queries.open_blob(asset.blob_id) as blob:
        original = files.enter_context(receive(stream=blob, name="preview"))
    if original.sha256 != asset.blob_id:
        raise BlobDamaged(asset.blob_id, "their digest is another")
    return original.path


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
