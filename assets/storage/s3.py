"""Blobs in a bucket behind the S3 API: blobs/ab/cd/abcd…, written once, checked part by part on their way."""

import contextlib
import hashlib
import heapq
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from assets.storage.base import BlobMissing, StoredBlob, UnableToStore
from assets.storage.s3_bucket import PART_BYTES, PARTS_LIMIT, Bucket, Changed, Gone, Part, StorageFailed
from assets.storage.s3_direct import S3Direct
from assets.storage.s3_incoming import S3Incoming
from assets.storage.s3_reading import open_pieces

_NAME = re.compile(r"[0-9a-f]{64}")
_BLOBS, _TOUCHED = "blobs/", "touched/"
_COPIES_AT_ONCE = 4


class S3Storage:
    """The storage port on the bucket that settings.S3 names. It has no state of its own: any machine can go on.

    A blob is an object that nobody writes to again. That it was put once more is the time of an empty object
    beside it, below touched/: an object cannot be touched, and copying it on itself would move all its bytes.
    """

    def __init__(self, bucket: Bucket | None = None) -> None:
        if bucket is None:
            from django.conf import settings

            bucket = Bucket.of_settings(settings.S3)
        self.bucket = bucket

    def put(self, path: Path, sha256: str) -> None:
        """See Storage.put. The file is read once; one part of it, 16 MiB, is in memory at a time."""
        if not _NAME.fullmatch(sha256):
            raise UnableToStore(sha256, "the name is no SHA-256 in lower-case hex")
        try:
            if not self._touch(sha256, path.stat().st_size):
                self._send(path, sha256)
        except StorageFailed as error:
            raise UnableToStore(sha256, error.reason) from error
        except OSError as error:
            raise UnableToStore(sha256, error.strerror or type(error).__name__) from error
        except (Gone, Changed) as error:
            raise UnableToStore(sha256, "its multipart upload was aborted by somebody else") from error

    def incoming(self) -> S3Incoming:
        """See Storage.incoming."""
        return S3Incoming(self.bucket, keep=self._keep)

    def direct(self) -> S3Direct:
        """See Storage.direct."""
        return S3Direct(self.bucket)

    def open(self, sha256: str) -> BinaryIO:
        """See Storage.open. Reading raises StorageFailed, an OSError."""
        return open_pieces(self.bucket, [(_key(sha256), self.size(sha256))])

    def size(self, sha256: str) -> int:
        """See Storage.size; raise StorageFailed, an OSError, when the object store does not answer."""
        found = self.bucket.head(_key(sha256)) if _NAME.fullmatch(sha256) else None
        if found is None:
            raise BlobMissing(sha256)
        return found[0]

    def exists(self, sha256: str) -> bool:
        """See Storage.exists; raise StorageFailed as `size`."""
        with contextlib.suppress(BlobMissing):
            self.size(sha256)
            return True
        return False

    def delete(self, sha256: str) -> None:
        """See Storage.delete; raise StorageFailed as `size`."""
        if _NAME.fullmatch(sha256):
            self.bucket.delete([_key(sha256), _key(sha256, _TOUCHED)])

    def iter(self) -> Iterator[StoredBlob]:
        """See Storage.iter. Objects that are not named as blobs are passed over."""
        both = heapq.merge(self._named(_BLOBS), self._named(_TOUCHED), key=lambda one: one[0])
        for sha256, found in groupby(both, key=lambda one: one[0]):
            times, sizes = [], []
            for _sha256, prefix, size_bytes, modified_at in found:
                times.append(modified_at)
                if prefix == _BLOBS:
                    sizes.append(size_bytes)
            if sizes:
                yield StoredBlob(sha256=sha256, size_bytes=sizes[0], touched_at=max(times))

    def forget_unfinished(self, *, before: datetime) -> int:
        """See Storage.forget_unfinished: abort our multipart uploads whose last part came before that time."""
        removed = 0
        for key, id, begun_at in self.bucket.list_unfinished(_BLOBS):
            with contextlib.suppress(Gone):
                if begun_at < before and self.bucket.last_sent_at(key, id, begun_at) < before:
                    self.bucket.abort_parts(key, id)
                    removed += 1
        return removed

    def _named(self, prefix: str) -> Iterator[tuple[str, str, int, datetime]]:
        for one in self.bucket.list(prefix):
            sha256 = one.key.rpartition("/")[2]
            if _NAME.fullmatch(sha256) and one.key == _key(sha256, prefix):
                yield sha256, prefix, one.size_bytes, one.modified_at

    def _touch(self, sha256: str, size_bytes: int) -> bool:
        """Note that the blob was put again, if it is there and has that size; say whether it has."""
        found = self.bucket.head(_key(sha256))
        if found is None or found[0] != size_bytes:
            return False
        self.bucket.put(_key(sha256, _TOUCHED), b"")
        return True

    def _send(self, path: Path, sha256: str) -> None:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            data = file.read(PART_BYTES)
            digest.update(data)
            if len(data) < PART_BYTES:
                _check(digest.hexdigest(), sha256)
                self.bucket.put(_key(sha256), data)
                return
            with _multipart(self.bucket, _key(sha256)) as (id, parts):
                while data:
                    if len(parts) == PARTS_LIMIT:
                        raise StorageFailed(f"it is larger than {PARTS_LIMIT} parts of {PART_BYTES} bytes")
                    parts.append(self.bucket.send_part(_key(sha256), id, len(parts) + 1, data))
                    data = file.read(PART_BYTES)
                    digest.update(data)
                _check(digest.hexdigest(), sha256)

    def _keep(self, pieces: Sequence[tuple[str, int]], sha256: str) -> None:
        """Join the beginnings of these objects, inside the object store, as the blob of that name.

        Every piece but those behind the last full one has at least 5 MiB; those are read back and sent as one,
        which is never more than 16 MiB.
        """
        size_bytes = sum(length for _key, length in pieces)
        if self._touch(sha256, size_bytes):
            return
        key, limit = _key(sha256), self.bucket.copy_limit_bytes
        if len(pieces) == 1 and self._is_whole(*pieces[0]) and size_bytes <= limit:
            self.bucket.call("copy_object", Key=key, CopySource={"Bucket": self.bucket.name, "Key": pieces[0][0]})
            return
        large = [piece for piece in pieces if piece[1] >= PART_BYTES]
        ranges = [
            (source, start, min(limit, length - start)) for source, length in large for start in range(0, length, limit)
        ]
        with _multipart(self.bucket, key) as (id, parts), ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
            parts += pool.map(
                lambda numbered: self.bucket.copy_part(key, id, numbered[0], *numbered[1]), enumerate(ranges, 1)
            )
            if rest := b"".join(self.bucket.get(source, 0, length) for source, length in pieces[len(large) :]):
                parts.append(self.bucket.send_part(key, id, len(parts) + 1, rest))

    def _is_whole(self, key: str, length: int) -> bool:
        found = self.bucket.head(key)
        return found is not None and found[0] == length


@contextlib.contextmanager
def _multipart(bucket: Bucket, key: str) -> Iterator[tuple[str, list[Part]]]:
    """Complete a multipart upload with the parts that its user collects, or abort it."""
    id, parts = bucket.begin_parts(key), list[Part]()
    try:
        yield id, parts
        bucket.complete_parts(key, id, parts)
    except BaseException:
        with contextlib.suppress(StorageFailed):
            bucket.abort_parts(key, id)
        raise


def _check(found: str, sha256: str) -> None:
    if found != sha256:
        raise UnableToStore(sha256, "the file changed after it was received")


def _key(sha256: str, prefix: str = _BLOBS) -> str:
    return f"{prefix}{sha256[:2]}/{sha256[2:4]}/{sha256}"
