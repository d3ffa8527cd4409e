"""What the look-alike index keeps of a fingerprint, by kind, and how it is searched.

The index finds candidates and may find too many; whether they match is decided on the whole fingerprints.
"""

import numpy as np
from numpy.typing import NDArray

from assets.originality import pictures, prompts, sketch
from assets.originality.base import (
    PICTURE_PDQ,
    PROMPTS_MINHASH,
    TENSOR_BAG,
    TENSOR_ROOT,
    WEIGHTS_SKETCH,
)

_FOLDED = 512
WIDTHS = {
    TENSOR_ROOT: 8,
    TENSOR_BAG: 8,
    PICTURE_PDQ: 32,
    PROMPTS_MINHASH: 128,
    WEIGHTS_SKETCH: sketch.CHANNELS * _FOLDED,
}
"""Bytes of a row, by kind. pHash has none: it confirms what PDQ finds."""

_SCALE = 127 * _FOLDED**0.5 / 5.5
"""Numbers of a folded unit vector are about 1/√512 large; the few of more than 5.5 times that are cut."""
_HASHES_AT_ONCE, _MINIMA_AT_ONCE, _SKETCHES_AT_ONCE = 16_384, 8_192, 256
# Of PDQ's 256 waves the 64 lowest, eight bytes of the 32, change least in a copy: a first sieve.
_LOW_WAVES = (31, 29, 27, 25, 23, 21, 19, 17)
_ORDER = (*_LOW_WAVES, *(byte for byte in range(32) if byte not in _LOW_WAVES))
_LOW_BITS = 20
# Adds up the eight bytes of a 64-bit number in its highest byte.
_EACH_BYTE, _HIGHEST_BYTE = np.uint64(0x0101010101010101), np.uint64(56)

Rows = NDArray[np.uint8]
Found = tuple[NDArray[np.int64], NDArray[np.float32]]
"""The indices of rows (n), and how near each is in each channel (n, channels); the greater, the nearer."""


def rows_of(kind: str, value: bytes, key_id: bytes) -> Rows:
    """Return the (n, width) rows, at least one, under which a fingerprint is found; raise ValueError when it is none.

    A sketch made under another key is a row of zeros, which nothing is like.
    """
    if kind in (TENSOR_ROOT, TENSOR_BAG):
        return np.frombuffer(value[:8], np.uint8).reshape(1, 8)
    if kind == PICTURE_PDQ:
        return np.ascontiguousarray(pictures.crops_of(kind, value)[:, _ORDER])
    if kind == PROMPTS_MINHASH:
        return (prompts.read_minima(value) & 0xFF).astype(np.uint8).reshape(1, -1)
    found = sketch.read_sketch(value)
    units = found.units if found.key_id == key_id else np.zeros_like(found.units)
    cells = np.rint(sketch.fold(units, _FOLDED) * _SCALE).clip(-127, 127)
    return cells.astype(np.int8).view(np.uint8).reshape(1, -1)


def same_digests(rows: Rows, value: bytes) -> Found:
    """Return the rows that begin like this digest."""
    at = np.flatnonzero(rows.view("<u8")[:, 0] == np.frombuffer(value[:8], "<u8")[0])
    return at, np.ones((len(at), 1), np.float32)


def like_pictures(rows: Rows, value: bytes) -> Found:
    """Return the rows that differ from one of the print's looks in so few bits that pHash may confirm it."""
    looks = np.ascontiguousarray(pictures.looks_of(PICTURE_PDQ, value)[:, _ORDER]).view("<u8")
    hashes = rows.view("<u8")
    found, near = [], []
    for start in range(0, len(hashes), _HASHES_AT_ONCE):
        low = np.ascontiguousarray(hashes[start : start + _HASHES_AT_ONCE, 0])
        passed = np.flatnonzero(np.bitwise_count(low ^ looks[:, :1]) <= _LOW_BITS)
        if len(passed):
            look, row = np.divmod(passed, len(low))
            differing = np.bitwise_count(hashes[start + row] ^ looks[look]).sum(axis=1, dtype=np.int64)
            close = differing <= pictures.PDQ_BITS_IF_CONFIRMED
            found.append(start + row[close])
            near.append(-differing[close].astype(np.float32))
    return _joined(found, near)


def like_prompts(rows: Rows, value: bytes) -> Found:
    """Return the rows with so many of the print's 128 minima that one set may contain the other.

    Only the last byte of each minimum is kept, so that one in 256 is equal by chance.
    """
    wanted = (prompts.read_minima(value) & 0xFF).astype(np.uint8)
    found, near = [], []
    for start in range(0, len(rows), _MINIMA_AT_ONCE):
        equal = (rows[start : start + _MINIMA_AT_ONCE] == wanted).view("<u8").sum(axis=1)
        counts = (equal * _EACH_BYTE) >> _HIGHEST_BYTE
        at = np.flatnonzero(counts >= prompts.LEAST_EQUAL)
        found.append(start + at)
        near.append(counts[at].astype(np.float32))
    return _joined(found, near)


def like_sketches(rows: Rows, units: NDArray[np.float32], most: int = 32) -> Found:
    """Return the `most` rows of each channel most like these unit vectors (3, 4096); signs do not matter."""
    wanted = sketch.fold(units, _FOLDED)
    cells = rows.view(np.int8).reshape(-1, sketch.CHANNELS, _FOLDED)
    alike = np.empty((sketch.CHANNELS, len(cells)), np.float32)
    for start in range(0, len(cells), _SKETCHES_AT_ONCE):
        part = cells[start : start + _SKETCHES_AT_ONCE].astype(np.float32)
        for channel in range(sketch.CHANNELS):
            alike[channel, start : start + len(part)] = part[:, channel] @ wanted[channel]
    np.abs(alike, out=alike)
    best = [np.argpartition(-one, min(most, len(one)) - 1)[:most] for one in alike]
    at = np.unique(np.concatenate(best))
    return at, alike[:, at].T


def _joined(found: list[NDArray[np.int64]], near: list[NDArray[np.float32]]) -> Found:
    if not found:
        return np.empty(0, np.int64), np.empty((0, 1), np.float32)
    return np.concatenate(found), np.concatenate(near)[:, None]
