"""Taking bytes in: a file at the door, digested as it arrives."""

import contextlib
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from assets import queries
from assets.inspectors.base import Finding, shown_name
from marketplace.ui.formats import sentence
from marketplace.ui.words import gettext_noop

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A file at the door: its bytes at `path` while the context lasts, and its path in the release.

    `place` is where incoming uploads keep it (assets.storage.base.Incoming), empty for a file of ours.
    """

    path: Path
    name: str
    sha256: str
    size_bytes: int
    place: str = ""


class UnableToReceive(Exception):
    """The file did not arrive; nothing of it is kept."""

    code = "upload-refused"

    def __init__(self, name: str, finding: Finding) -> None:
        super().__init__(name, finding)
        self.name, self.finding, self.findings = name, finding, (finding,)

    def __str__(self) -> str:
        return sentence(self.finding)


@contextlib.contextmanager
def receive(
    *, stream: BinaryIO | None = None, path: Path | None = None, name: str, limit_bytes: int | None = None
) -> Iterator[Received]:
    """Take in the bytes of `stream` or of the file at `path`, digested as they arrive, for as long as it lasts.

    Memory stays flat. The staged file is gone when the context ends, however it ends. Raise UnableToReceive
    when there is nothing, more than `limit_bytes` (ASSET_FILE_LIMIT_BYTES unless given), or no plain file.
    """
    limit_bytes = queries.box().limits.file_bytes if limit_bytes is None else limit_bytes
    staged = staging() / f"{os.getpid()}-{uuid.uuid4().hex}"
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(staged.unlink, missing_ok=True)
        if path is not None:
            stream = cleanup.enter_context(_open_plain(path, name))
        if stream is None:
            raise TypeError("receive() needs a stream or a path")
        sha256, size_bytes = _take(stream, staged, name, limit_bytes)
        yield Received(path=staged, name=name, sha256=sha256, size_bytes=size_bytes)


def staging() -> Path:
    folder = Path(settings.DATA_FOLDER) / "staging"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _open_plain(path: Path, name: str) -> BinaryIO:
    """Open a regular file, never a link, a pipe or a device, without waiting for one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = gettext_noop("it is a link or cannot be opened (%(why)s).")
        raise not_received(name, "file-unreadable", reason, why=str(error.strerror)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise not_received(name, "file-unreadable", gettext_noop("it is not a plain file."))
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
                    raise not_received(name, "file-too-large", reason, limit=limit_bytes)
                digest.update(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[file.write(view) :]
    except OSError as error:
        reason = gettext_noop("it could not be read to its end (%(why)s).")
        raise not_received(name, "file-unreadable", reason, why=str(error.strerror or error)) from error
    if not size_bytes:
        raise not_received(name, "file-empty", gettext_noop("the file is empty."))
    return digest.hexdigest(), size_bytes


def not_received(name: str, code: str, template: str, /, **values: str | int) -> UnableToReceive:
    return UnableToReceive(shown_name(name), Finding(code, template, "", values).in_file(name))
