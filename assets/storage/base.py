"""Port to storage: blobs by their SHA-256, put once and never changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlob:
    """One blob in storage. `touched_at` is when it was last put, aware, in UTC."""

    sha256: str
    size_bytes: int
    touched_at: datetime


class UnableToStore(Exception):
    """The bytes could not be put into storage."""

    code = "storage-refused"

    def __init__(self, sha256: str, reason: str) -> None:
        super().__init__(sha256, reason)
        self.sha256, self.reason = sha256, reason

    def __str__(self) -> str:
        return f"The bytes {self.sha256} could not be stored: {self.reason}."


class BlobMissing(Exception):
    """Storage has no such blob."""

    code = "blob-missing"

    def __init__(self, sha256: str) -> None:
        super().__init__(sha256)
        self.sha256 = sha256

    def __str__(self) -> str:
        return f"There are no bytes {self.sha256} in storage; restore them from a copy."


class BlobDamaged(Exception):
    """What storage holds under the name is not the bytes that were put."""

    code = "blob-damaged"

    def __init__(self, sha256: str, reason: str) -> None:
        super().__init__(sha256, reason)
        self.sha256, self.reason = sha256, reason

    def __str__(self) -> str:
        return f"The stored bytes {self.sha256} are damaged ({self.reason}); restore them from a copy."


class Storage(Protocol):
    """Where blobs live. Every name is a SHA-256 in 64 lower-case hex digits."""

    def put(self, path: Path, sha256: str) -> None:
        """Store the bytes of the file at `path`, which its owner will write to no more.

        All or nothing, and idempotent: bytes that are there already are left there and their `touched_at`
        becomes now. Raise UnableToStore when the bytes do not have that digest or storage fails.
        """
        ...

    def open(self, sha256: str) -> BinaryIO:
        """Return the blob open for reading, seekable, not digested again; raise BlobMissing."""
        ...

    def size(self, sha256: str) -> int:
        """Return the blob's size in bytes; raise BlobMissing."""
        ...

    def exists(self, sha256: str) -> bool:
        """Say whether the blob is there."""
        ...

    def delete(self, sha256: str) -> None:
        """Remove the blob; do nothing when there is none."""
        ...

    def iter(self) -> Iterator[StoredBlob]:
        """Yield every blob, in the order of their names."""
        ...

    def forget_unfinished(self, *, before: datetime) -> int:
        """Remove what puts that never finished left before that time, and return how many."""
        ...
