"""Files of the look-alike index: segments of rows, each written once, whole or not at all, then mapped into memory.

A segment is a line of JSON, padded to 4096 bytes, the ids as 64-bit little-endian numbers, and behind them the rows,
all of one width. Its name is its number in the folder. Everything here can be made again from the database.
"""

import contextlib
import fcntl
import json
import os
import secrets
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FORMAT = "worldloom/lookalike-segment/1"
_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows (n, width) of bytes, and the id of the fingerprint that each row is of (n); one may have several."""

    ids: NDArray[np.int64]
    rows: NDArray[np.uint8]


def write(folder: Path, number: int, kind: str, segment: Segment) -> None:
    """Write the segment under a number of which there is none yet, lasting before it is seen; raise OSError."""
    ids, rows = np.ascontiguousarray(segment.ids, "<i8"), np.ascontiguousarray(segment.rows)
    crc32 = zlib.crc32(rows.data, zlib.crc32(ids.data)) if len(ids) else 0
    head = {"format": FORMAT, "kind": kind, "rows": len(ids), "width": rows.shape[1], "crc32": crc32}
    part = folder / f".{number:08d}.{secrets.token_hex(8)}"
    try:
        with part.open("xb") as file:
            file.write(json.dumps(head).encode().ljust(_HEAD_BYTES - 1) + b"\n")
            file.write(ids.data)
            file.write(rows.data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(_path(folder, number))
    finally:
        part.unlink(missing_ok=True)


def read(folder: Path, number: int, kind: str, width: int) -> Segment:
    """Return the segment, its rows mapped into memory; raise ValueError when a byte of it is another."""
    try:
        with _path(folder, number).open("rb") as file:
            head = json.loads(file.read(_HEAD_BYTES))
            size_bytes = os.fstat(file.fileno()).st_size
        count = head["rows"]
        if (head["format"], head["kind"], head["width"]) != (FORMAT, kind, width):
            raise ValueError(f"segment {number} is of another kind")
        if count < 1 or size_bytes != _HEAD_BYTES + count * (8 + width):
            raise ValueError(f"segment {number} has {size_bytes} bytes")
        body = np.memmap(_path(folder, number), np.uint8, "r", _HEAD_BYTES)
    except (OSError, KeyError, TypeError) as error:
        raise ValueError(f"segment {number} cannot be read") from error
    if zlib.crc32(body) != head["crc32"]:
        raise ValueError(f"segment {number} has another checksum")
    return Segment(np.array(body[: count * 8].view("<i8")), body[count * 8 :].reshape(count, width))


def numbers(folder: Path) -> list[int]:
    """Return the numbers of the segments there, ascending."""
    return sorted(int(path.stem) for path in folder.glob("*.segment") if path.stem.isdecimal())


def remove(folder: Path, number: int) -> None:
    """Remove the segment; who has it mapped keeps it."""
    _path(folder, number).unlink(missing_ok=True)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep every other process from writing segments of this folder."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.segment"
