"""Port to storage: blobs by their SHA-256, put once and never changed."""

from collections.abc import Iterator, Sequence
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


class Sink(Protocol):
    """Where the bytes of one upload go on from an offset. Not for several threads."""

    def write(self, data: bytes | memoryview) -> None:
        """Take bytes; raise Overtaken when a later sink of the same upload was opened, UnableToStore."""
        ...

    def commit(self) -> int:
        """Make all that was written last, and return the offset behind it; raise Overtaken or UnableToStore."""
        ...

    def close(self) -> None:
        """Let go; what was written since the last commit may be lost."""
        ...


class Overtaken(Exception):
    """Another request has taken the upload over: this one may not write to it any more."""


class Incoming(Protocol):
    """Where uploads wait until they are published, one place an upload.

    `place` is what `begin` returned. A machine may stop at any moment: what `commit` confirmed is there after it.
    """

    def begin(self, upload: str, size_bytes: int) -> str:
        """Make room for an upload of that size under its id in hex, and return its place."""
        ...

    def sink(self, place: str, offset: int) -> Sink:
        """Go on at `offset`, dropping whatever lies behind it; every earlier sink of the place is overtaken.

        Raise UnableToStore when fewer bytes than `offset` are there.
        """
        ...

    def overtake(self, place: str) -> None:
        """Stop every sink of the place: after this, none of their writes takes effect."""
        ...

    def open(self, place: str) -> BinaryIO:
        """Return what has been committed, open for reading, seekable; raise BlobMissing."""
        ...

    def path(self, place: str) -> Path | None:
        """Return where the bytes lie as a plain file on this machine, or None."""
        ...

    def keep(self, place: str, sha256: str) -> None:
        """Make the place's bytes the blob of that name, which the caller vouches for, without reading them again.

        The place stays readable until `discard`. All or nothing and idempotent, as Storage.put.
        """
        ...

    def discard(self, place: str) -> None:
        """Remove the place and all its bytes; do nothing when there is none."""
        ...

    def iter(self) -> Iterator[tuple[str, datetime]]:
        """Yield every place with the time it was last written to, for the sweep of those that no row names."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectPlace:
    """Where a direct upload waits, and how many bytes each of its parts has; the last may have fewer."""

    place: str
    part_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request that anybody may send, with exactly these headers and the part as its body, until it expires."""

    url: str
    method: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPart:
    """A part that storage has. Numbers count from 1; `sha256` is in lower-case hex."""

    number: int
    size_bytes: int
    sha256: str


class PartRefused(Exception):
    """A part cannot be signed as it was described; nothing was signed."""

    code = "part-refused"

    def __init__(self, place: str, number: int, reason: str) -> None:
        super().__init__(place, number, reason)
        self.place, self.number, self.reason = place, number, reason

    def __str__(self) -> str:
        return f"Part {self.number} cannot be sent: {self.reason}."


class PartsMissing(Exception):
    """The upload cannot be completed: parts of it have not arrived."""

    code = "parts-missing"

    def __init__(self, place: str, numbers: Sequence[int]) -> None:
        super().__init__(place, tuple(numbers))
        self.place, self.numbers = place, tuple(numbers)

    def __str__(self) -> str:
        first = ", ".join(str(number) for number in self.numbers[:10])
        more = f" and {len(self.numbers) - 10} more" if len(self.numbers) > 10 else ""
        return f"Parts have not arrived: {first}{more}. Send them, then finish again."


class PartsChanged(Exception):
    """The upload cannot be completed: a part that arrived is not the one that was signed last."""

    code = "parts-changed"

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place

    def __str__(self) -> str:
        return "A part that arrived is not the one that was signed last. Have them all signed and sent again."


class DirectUpload(Protocol):
    """Uploads whose parts a client sends to storage itself, each under a signature for those bytes alone.

    The place is one of Incoming: it is opened, kept and discarded there. It holds no bytes before `complete`.
    """

    def begin(self, upload: str, size_bytes: int) -> DirectPlace:
        """Make room for an upload of that size under its id in hex; raise UnableToStore."""
        ...

    def sign_part(
        self, place: str, number: int, *, size_bytes: int, sha256: str, expires_seconds: int
    ) -> SignedRequest:
        """Return the request that sends part `number`; storage refuses other bytes than those of that SHA-256.

        Raise PartRefused when the upload has no such part or it has another size, UnableToStore.
        """
        ...

    def part_bytes(self, place: str) -> int:
        """Return how many bytes each part has but the last; raise UnableToStore when there is no such place."""
        ...

    def parts(self, place: str) -> list[SentPart]:
        """Return the parts that have arrived, by number; none once they were completed. Raise UnableToStore."""
        ...

    def complete(self, place: str) -> None:
        """Make the parts one file, which `Incoming.open` then reads; idempotent.

        Raise PartsMissing, PartsChanged, UnableToStore.
        """
        ...

    def abort(self, place: str) -> None:
        """Remove the parts, the place, and the right to send more; do nothing when there is none."""
        ...


class Storage(Protocol):
    """Where blobs live. Every name is a SHA-256 in 64 lower-case hex digits."""

    def put(self, path: Path, sha256: str) -> None:
        """Store the bytes of the file at `path`, which its owner will write to no more.

        All or nothing, and idempotent: bytes that are there already are left there and their `touched_at`
        becomes now. Raise UnableToStore when the bytes do not have that digest or storage fails.
        """
        ...

    def incoming(self) -> Incoming:
        """Return where uploads wait that will become blobs of this storage."""
        ...

    def direct(self) -> DirectUpload | None:
        """Return how clients send parts to this storage themselves, or None where they cannot."""
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
