"""Blobs in a folder: blobs/ab/cd/abcd…, read-only, each put by one atomic rename."""

import contextlib
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from assets.storage.base import BlobMissing, StoredBlob, UnableToStore
from assets.storage.folder_incoming import FolderIncoming, sync_folder

_NAME = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = "unfinished"


class FolderStorage:
    """The embedded default of the storage port, in DATA_FOLDER/blobs unless another folder is given."""

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            from django.conf import settings

            folder = Path(settings.DATA_FOLDER) / "blobs"
        self.folder = folder

    def put(self, path: Path, sha256: str) -> None:
        """See Storage.put. The file is linked, not copied, when it is on the same file system."""
        self._store(path, sha256, vouched=False)

    def adopt(self, path: Path, sha256: str) -> None:
        """Put as `put` does, without reading the bytes: the caller digested them and nobody can write to them.

        A copy, which a link into another file system needs, is digested all the same.
        """
        self._store(path, sha256, vouched=True)

    def incoming(self) -> FolderIncoming:
        """See Storage.incoming: the folder `incoming` beside the blobs, so that a blob is a link."""
        return FolderIncoming(self.folder.with_name("incoming"), self.adopt)

    def direct(self) -> None:
        """See Storage.direct: nobody but this house writes to its folder."""

    def _store(self, path: Path, sha256: str, *, vouched: bool) -> None:
        if not _NAME.fullmatch(sha256):
            raise UnableToStore(sha256, "the name is no SHA-256 in lower-case hex")
        place = self._place(sha256)
        try:
            if place.is_file() and place.stat().st_size == path.stat().st_size:
                os.utime(place)
                return
            self._bring(path, place, sha256, vouched=vouched)
        except OSError as error:
            raise UnableToStore(sha256, error.strerror or type(error).__name__) from error

    def open(self, sha256: str) -> BinaryIO:
        """See Storage.open."""
        try:
            return self._place(sha256).open("rb")
        except FileNotFoundError as error:
            raise BlobMissing(sha256) from error

    def size(self, sha256: str) -> int:
        """See Storage.size."""
        try:
            return self._place(sha256).stat().st_size
        except FileNotFoundError as error:
            raise BlobMissing(sha256) from error

    def exists(self, sha256: str) -> bool:
        """See Storage.exists."""
        return bool(_NAME.fullmatch(sha256)) and self._place(sha256).is_file()

    def delete(self, sha256: str) -> None:
        """See Storage.delete."""
        with contextlib.suppress(BlobMissing):
            self._place(sha256).unlink(missing_ok=True)

    def iter(self) -> Iterator[StoredBlob]:
        """See Storage.iter. Files that are not named as blobs are passed over."""
        for path in sorted(self.folder.glob("??/??/*")):
            if _NAME.fullmatch(path.name):
                with contextlib.suppress(FileNotFoundError):
                    stat = path.stat()
                    touched_at = datetime.fromtimestamp(stat.st_mtime, UTC)
                    yield StoredBlob(sha256=path.name, size_bytes=stat.st_size, touched_at=touched_at)

    def forget_unfinished(self, *, before: datetime) -> int:
        """See Storage.forget_unfinished."""
        return remove_older(self.folder / _UNFINISHED, before)

    def _place(self, sha256: str) -> Path:
        if not _NAME.fullmatch(sha256):
            raise BlobMissing(sha256)
        return self.folder / sha256[:2] / sha256[2:4] / sha256

    def _bring(self, path: Path, place: Path, sha256: str, *, vouched: bool) -> None:
        """Give `place` the file's bytes by a rename of a name that nobody reads, having checked them there.

        Bytes that were vouched for are read only when they had to be copied.
        """
        unfinished = self.folder / _UNFINISHED / f"{os.getpid()}-{uuid.uuid4().hex}"
        unfinished.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            try:
                os.link(path, unfinished)
            except OSError:  # Another file system, or one without hard links.
                shutil.copyfile(path, unfinished)
                vouched = False
            with unfinished.open("rb") as file:
                if not vouched and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    raise UnableToStore(sha256, "the file changed after it was received")
                os.fchmod(file.fileno(), 0o444)
                os.utime(file.fileno())
                os.fsync(file.fileno())
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)
        for folder in (place.parent, place.parent.parent, self.folder):
            sync_folder(folder)


def remove_older(folder: Path, before: datetime) -> int:
    """Remove the files of `folder` last written before that time, and return how many were removed."""
    removed = 0
    for path in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before.timestamp():
                path.unlink()
                removed += 1
    return removed
