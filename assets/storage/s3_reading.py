"""Reading objects of a bucket as one file: ranged requests, more at once the longer one reads on."""

import bisect
import io
from collections.abc import Sequence
from typing import BinaryIO, cast

from assets.storage.s3_bucket import Bucket, Gone, StorageFailed

FIRST_BYTES, MOST_BYTES = 256 * 1024, 8 * 1024**2
_BUFFER_BYTES = 64 * 1024


def open_pieces(bucket: Bucket, pieces: Sequence[tuple[str, int]]) -> BinaryIO:
    """Return the beginnings of these objects, each key with a length in bytes, as one file, seekable.

    At most 8 MiB of it are in memory. Reading raises StorageFailed, an OSError.
    """
    return cast(BinaryIO, io.BufferedReader(_Pieces(bucket, pieces), _BUFFER_BYTES))


class _Pieces(io.RawIOBase):
    def __init__(self, bucket: Bucket, pieces: Sequence[tuple[str, int]]) -> None:
        self._bucket = bucket
        self._pieces = [(key, length) for key, length in pieces if length]
        self._starts = [0]
        for _key, length in self._pieces:
            self._starts.append(self._starts[-1] + length)
        self._at = 0
        self._ahead, self._ahead_at, self._next_bytes = b"", 0, FIRST_BYTES

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        if self._at >= self._starts[-1] or not len(into):
            return 0
        if not self._ahead_at <= self._at < self._ahead_at + len(self._ahead):
            self._fetch()
        skip = self._at - self._ahead_at
        taken = memoryview(self._ahead)[skip : skip + len(into)]
        into[: len(taken)] = taken
        self._at += len(taken)
        return len(taken)

    def _fetch(self) -> None:
        """Bring what lies ahead: twice as much as before when one reads on, little after a leap."""
        reads_on = self._at == self._ahead_at + len(self._ahead)
        self._next_bytes = min(self._next_bytes * 2, MOST_BYTES) if reads_on else FIRST_BYTES
        self._ahead = b""
        number = bisect.bisect_right(self._starts, self._at) - 1
        key, length = self._pieces[number]
        skip = self._at - self._starts[number]
        wanted = min(self._next_bytes, length - skip)
        try:
            self._ahead, self._ahead_at = self._bucket.get(key, skip, wanted), self._at
        except Gone as error:
            raise StorageFailed("the bytes were removed while they were read") from error
