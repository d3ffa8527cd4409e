"""Uploads on their way in, in a folder: one file a place, and beside it the fence that says who may write to it."""

import contextlib
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from assets.storage.base import BlobMissing, Overtaken, UnableToStore

_PLACE = re.compile(r"[0-9a-f]{32}")
_FENCE = ".writer"
_TOKEN_BYTES = 16
# So much is written before the disk is told to begin, so that a commit has little left to wait for.
_PUSHED_BYTES = 8 * 1024 * 1024


class FolderIncoming:
    """See Incoming: `adopt` makes a file a blob, as FolderStorage.adopt does.

    Whoever writes holds a lock on the fence for that one write, and only while the fence bears the token that it
    was opened with. A later sink puts its own token there, so that no earlier one can touch the bytes again; nobody
    waits for longer than one write to the disk, and a process that is killed leaves no lock behind.
    """

    def __init__(self, folder: Path, adopt: Callable[[Path, str], None]) -> None:
        self.folder, self._adopt = folder, adopt

    def begin(self, upload: str, size_bytes: int) -> str:
        """See Incoming.begin. Raise UnableToStore when the disk has not that much room."""
        path = self._path(upload)
        with _storing(upload):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            disk = os.statvfs(self.folder)
            if disk.f_bavail * disk.f_frsize < size_bytes:
                raise UnableToStore(upload, f"there is no room for {size_bytes} bytes")
            for new in (_fence_of(path), path):
                os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            sync_folder(self.folder)
        return upload

    def sink(self, place: str, offset: int) -> "FolderSink":
        """See Incoming.sink."""
        path = self._path(place)
        with contextlib.ExitStack() as stack, _storing(place):
            fence = Fence(_fence_of(path))
            stack.callback(fence.close)
            with fence.taken():
                # Said first: it would not stop root, but the bytes of a blob are nobody's to change.
                if not stat.S_IMODE(path.stat().st_mode) & 0o200:
                    raise UnableToStore(place, "the bytes are kept already")
                file = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                stack.callback(os.close, file)
                if (there := os.fstat(file).st_size) < offset:
                    raise UnableToStore(place, f"{there} bytes are there instead of {offset}")
                os.ftruncate(file, offset)
                os.lseek(file, offset, os.SEEK_SET)
            stack.pop_all()
        return FolderSink(place, file, fence, offset)

    def overtake(self, place: str) -> None:
        """See Incoming.overtake."""
        with contextlib.suppress(FileNotFoundError), contextlib.closing(Fence(_fence_of(self._path(place)))) as fence:
            with fence.taken():
                pass

    def open(self, place: str) -> BinaryIO:
        """See Incoming.open."""
        try:
            return self._path(place).open("rb")
        except FileNotFoundError as error:
            raise BlobMissing(place) from error

    def path(self, place: str) -> Path | None:
        """See Incoming.path."""
        return self._path(place)

    def keep(self, place: str, sha256: str) -> None:
        """See Incoming.keep. From here on the file is read-only, and every sink of it has been overtaken."""
        path = self._path(place)
        with _storing(sha256), contextlib.closing(Fence(_fence_of(path))) as fence, fence.taken():
            path.chmod(0o444)
            self._adopt(path, sha256)

    def discard(self, place: str) -> None:
        """See Incoming.discard."""
        self.overtake(place)
        path = self._path(place)
        path.unlink(missing_ok=True)
        _fence_of(path).unlink(missing_ok=True)

    def iter(self) -> Iterator[tuple[str, datetime]]:
        """See Incoming.iter."""
        found: dict[str, float] = {}
        for path in self.folder.glob("*"):
            name = path.name.removesuffix(_FENCE)
            if _PLACE.fullmatch(name):
                with contextlib.suppress(FileNotFoundError):
                    found[name] = max(path.stat().st_mtime, found.get(name, 0))
        for name in sorted(found):
            yield name, datetime.fromtimestamp(found[name], UTC)

    def _path(self, place: str) -> Path:
        if not _PLACE.fullmatch(place):
            raise BlobMissing(place)
        return self.folder / place


class Fence:
    """Who may write to a place: whoever took it last. Not for several threads."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._token = b""

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take it from whoever has it, and let nobody write as long as the context lasts."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            self._token = secrets.token_bytes(_TOKEN_BYTES)
            os.pwrite(self._descriptor, self._token, 0)
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody take it as long as the context lasts; raise Overtaken when somebody has."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            if os.pread(self._descriptor, _TOKEN_BYTES, 0) != self._token:
                raise Overtaken
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file; the token stays."""
        os.close(self._descriptor)


class FolderSink:
    """See Sink."""

    def __init__(self, place: str, file: int, fence: Fence, offset: int) -> None:
        self._place, self._file, self._fence, self._offset = place, file, fence, offset
        self._pushed, self._is_open = offset, True

    def write(self, data: bytes | memoryview) -> None:
        """See Sink.write."""
        view = memoryview(data)
        with _storing(self._place), self._fence.held():
            while view:
                written = os.write(self._file, view)
                self._offset += written
                view = view[written:]
        if self._offset - self._pushed >= _PUSHED_BYTES:
            self._push()

    def _push(self) -> None:
        """Have the disk begin with what was written, without waiting for it, where the system can be told to.

        Linux, which is told that the pages will not be needed, writes them out and keeps those that it is writing.
        """
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file, self._pushed, self._offset - self._pushed, os.POSIX_FADV_DONTNEED)
        self._pushed = self._offset

    def commit(self) -> int:
        """See Sink.commit. The disk is waited for outside the fence, which then tells whether the bytes still count."""
        with _storing(self._place):
            os.fdatasync(self._file)
            with self._fence.held():
                return self._offset

    def close(self) -> None:
        """See Sink.close."""
        if self._is_open:
            self._is_open = False
            os.close(self._file)
            self._fence.close()


@contextlib.contextmanager
def _storing(name: str) -> Iterator[None]:
    """Say in words of the port what the disk refused."""
    try:
        yield
    except FileNotFoundError as error:
        raise UnableToStore(name, "its place is gone") from error
    except OSError as error:
        raise UnableToStore(name, error.strerror or type(error).__name__) from error


def _fence_of(path: Path) -> Path:
    return path.with_name(path.name + _FENCE)


def sync_folder(folder: Path) -> None:
    """Make the folder's names last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
