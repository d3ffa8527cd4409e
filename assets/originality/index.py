"""The index of look-alikes: candidates among all fingerprints of what is published, found in memory.

The table is the truth. Each process holds the rows of a kind in segments under DATA_FOLDER/index, mapped into memory
and shared through the disk's cache, and in a short tail of its own. Every search first asks the database whether it
knows a fingerprint that is in neither, so that one committed a moment ago is found; ids do not commit in their order,
so the question covers the last ten thousand of them. What the index finds is looked up in the table again: a row
that was rolled back is nobody's match. Delete the folder after the database was restored from an older copy.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import Count, Sum
from numpy.typing import NDArray

from assets.models import Fingerprint
from assets.originality import index_files, sketch
from assets.originality.base import PICTURE_PDQ, PROMPTS_MINHASH, TENSOR_BAG, TENSOR_ROOT, WEIGHTS_SKETCH
from assets.originality.index_files import Segment
from assets.originality.index_rows import (
    WIDTHS,
    Found,
    Rows,
    like_pictures,
    like_prompts,
    like_sketches,
    rows_of,
    same_digests,
)

logger = logging.getLogger(__name__)

CANDIDATES = {TENSOR_ROOT: 256, TENSOR_BAG: 256, PICTURE_PDQ: 256, PROMPTS_MINHASH: 256, WEIGHTS_SKETCH: 32}
"""How many are looked at more closely: the nearest, for sketches in each channel."""

_SEGMENT_FINGERPRINTS = 2048
_UNSETTLED_IDS = 10_000
_FETCHED_AT_ONCE = 1024
_SAMPLE = 32
_THREADS = 2

Ids = NDArray[np.int64]


class Index:
    """All fingerprints of one kind. Threads may share it."""

    def __init__(self, folder: Path, kind: str, key_id: bytes) -> None:
        self.folder, self.kind, self.key_id = folder, kind, key_id
        self._lock = threading.Lock()
        self._segments: dict[int, Segment] = {}
        self._tail = Segment(np.empty(0, np.int64), np.empty((0, WIDTHS[kind]), np.uint8))
        self._known: Ids | None = None

    def search(self, near: Callable[[Rows], Found]) -> list[int]:
        """Return the ids of the fingerprints whose rows are near, the nearest first; ties by id."""
        return _nearest(self._refreshed(), near, CANDIDATES[self.kind])

    def count(self) -> int:
        """Return how many fingerprints of this kind there were at the last search, or are when there was none."""
        if self._known is None:
            self._refreshed()
        assert self._known is not None
        return len(self._known)

    def _refreshed(self) -> list[Segment]:
        """Return all rows there are in the database at this moment, and maybe a few more."""
        with self._lock:
            if self._known is None:
                self._known = self._open()
                floor = 0
            else:
                floor = max(0, int(self._known.max(initial=0)) - _UNSETTLED_IDS)
            if not self._is_complete(floor):
                self._complete(floor)
            return [*self._segments.values(), self._tail]

    def _is_complete(self, floor: int) -> bool:
        """Say whether the ids above `floor` are those in the table, by their number and their sum."""
        assert self._known is not None
        known = self._known[np.searchsorted(self._known, floor, "right") :]
        rows = Fingerprint.objects.filter(kind=self.kind, id__gt=floor)
        found = rows.aggregate(count=Count("id"), total=Sum("id"))
        return (len(known), int(known.sum())) == (found["count"], int(found["total"] or 0))

    def _complete(self, floor: int) -> None:
        """Take what the table has above `floor` and the index has not, and forget what the table does not have."""
        assert self._known is not None
        rows = Fingerprint.objects.filter(kind=self.kind, id__gt=floor).order_by("id")
        there = np.fromiter(rows.values_list("id", flat=True).iterator(_FETCHED_AT_ONCE * 8), np.int64)
        gone = self._known[(self._known > floor) & ~np.isin(self._known, there)]
        if len(gone):
            self._known = self._known[~np.isin(self._known, gone)]
            kept = ~np.isin(self._tail.ids, gone)
            self._tail = Segment(self._tail.ids[kept], self._tail.rows[kept])
        missing = there[~np.isin(there, self._known)]
        for start in range(0, len(missing), _FETCHED_AT_ONCE):
            self._take(missing[start : start + _FETCHED_AT_ONCE])

    def _take(self, ids: Ids) -> None:
        """Add the fingerprints with these ids to the tail, and write the tail down when it has become long."""
        assert self._known is not None
        found = Fingerprint.objects.filter(id__in=ids.tolist()).order_by("id").values_list("id", "value")
        parts = [(id_, rows_of(self.kind, bytes(value), self.key_id)) for id_, value in found]
        taken = np.concatenate([np.full(len(rows), id_, np.int64) for id_, rows in parts])
        rows = np.concatenate([self._tail.rows, *(rows for _id, rows in parts)])
        self._tail = Segment(np.concatenate([self._tail.ids, taken]), rows)
        self._known = np.union1d(self._known, taken)
        if len(np.unique(self._tail.ids)) >= _SEGMENT_FINGERPRINTS:
            try:
                self._write_tail()
            except OSError as error:
                logger.warning("The look-alike index stays in memory alone: %s", error)

    def _open(self) -> Ids:
        """Read the segments that are there and return their ids; with any that is damaged or strange, read none."""
        self._segments = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with index_files.alone(self.folder):
                self._adopt()
        except OSError as error:
            logger.warning("The look-alike index cannot use its folder: %s", error)
        known = np.unique(np.concatenate([np.empty(0, np.int64), *(s.ids for s in self._segments.values())]))
        if self._is_of_this_table(known):
            return known
        logger.warning("The look-alike index of %s is of another database; it is made again.", self.kind)
        for number in list(self._segments):
            index_files.remove(self.folder, number)
        self._segments = {}
        return np.empty(0, np.int64)

    def _adopt(self) -> None:
        """Read the segments that others wrote; remove the damaged, whose rows are then missing and come again."""
        for number in index_files.numbers(self.folder):
            if number not in self._segments:
                try:
                    self._segments[number] = index_files.read(self.folder, number, self.kind, WIDTHS[self.kind])
                except ValueError as damage:
                    logger.warning("The look-alike index of %s is made again: %s", self.kind, damage)
                    index_files.remove(self.folder, number)

    def _is_of_this_table(self, known: Ids) -> bool:
        """Say whether the newest fingerprints of the segments are in the table, and are the same there."""
        newest = set(known[-_SAMPLE:].tolist())
        found = dict(Fingerprint.objects.filter(kind=self.kind, id__in=newest).values_list("id", "value"))
        if found.keys() != newest:
            return False
        expected = {id_: rows_of(self.kind, bytes(value), self.key_id) for id_, value in found.items()}
        return all(
            np.array_equal(segment.rows[segment.ids == id_], expected[id_])
            for segment in self._segments.values()
            for id_ in newest.intersection(segment.ids[-_SAMPLE * 32 :].tolist())
        )

    def _write_tail(self) -> None:
        """Write the tail as a segment, unless another process has written most of it meanwhile; raise OSError."""
        with index_files.alone(self.folder):
            self._adopt()
            written = np.unique(np.concatenate([np.empty(0, np.int64), *(s.ids for s in self._segments.values())]))
            self._known = np.union1d(written, np.empty(0, np.int64) if self._known is None else self._known)
            new = ~np.isin(self._tail.ids, written)
            self._tail = Segment(self._tail.ids[new], self._tail.rows[new])
            if len(np.unique(self._tail.ids)) < _SEGMENT_FINGERPRINTS:
                return
            number = max(index_files.numbers(self.folder), default=0) + 1
            index_files.write(self.folder, number, self.kind, self._tail)
            self._tail = Segment(self._tail.ids[:0], self._tail.rows[:0])
            self._adopt()


def _nearest(segments: Sequence[Segment], near: Callable[[Rows], Found], most: int) -> list[int]:
    filled = [segment for segment in segments if len(segment.ids)]
    if not filled:
        return []
    # The arithmetic runs outside the interpreter's lock. Threads of a search's own leave nothing behind in a fork.
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(lambda segment: near(segment.rows), filled))
    all_ids = np.concatenate([segment.ids[at] for segment, (at, _near) in zip(filled, found, strict=True)])
    all_near = np.concatenate([how_near for _at, how_near in found])
    kept: set[int] = set()
    for channel in all_near.T:
        order = np.lexsort((all_ids, -channel))
        kept.update(list(dict.fromkeys(all_ids[order].tolist()))[:most])
    order = np.lexsort((all_ids, -all_near.max(axis=1)))
    return [id_ for id_ in dict.fromkeys(all_ids[order].tolist()) if id_ in kept]


def candidates(kind: str, value: bytes, key_id: bytes) -> list[int]:
    """Return the ids of the fingerprints that may be like this one, the nearest first.

    Raise ValueError when the value is none of its kind.
    """
    if kind == WEIGHTS_SKETCH:
        return sketch_candidates(sketch.read_sketch(value).units, key_id)
    near = {
        TENSOR_ROOT: same_digests,
        TENSOR_BAG: same_digests,
        PICTURE_PDQ: like_pictures,
        PROMPTS_MINHASH: like_prompts,
    }
    return index_of(kind, key_id).search(lambda rows: near[kind](rows, value))


def sketch_candidates(units: NDArray[np.float32], key_id: bytes) -> list[int]:
    """Return the ids of the sketches most like these unit vectors (3, 4096) in any channel."""
    return index_of(WEIGHTS_SKETCH, key_id).search(lambda rows: like_sketches(rows, units))


def index_of(kind: str, key_id: bytes) -> Index:
    """Return this process's index of a kind, for the key whose sketches can be compared."""
    return _index_of(str(settings.DATA_FOLDER), kind, key_id)


@lru_cache(maxsize=16)
def _index_of(data_folder: str, kind: str, key_id: bytes) -> Index:
    return Index(Path(data_folder) / "index" / key_id.hex() / kind, kind, key_id)
