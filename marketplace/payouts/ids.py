"""Ids that are in the order of time, so that what is written together stands together in an index."""

import secrets
import time
from uuid import UUID


def time_ordered_id() -> UUID:
    """Return a version 7 UUID (RFC 9562): milliseconds since 1970, then 74 random bits.

    Good for locality only: clocks jump, so nothing may read an order of events from it.
    """
    return time_ordered_ids(1)[0]


def time_ordered_ids(count: int) -> list[UUID]:
    """Return so many of them, drawn at once."""
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    stem, drawn = milliseconds << 80 | 7 << 76, secrets.token_bytes(16 * count)
    bits = (int.from_bytes(drawn[at : at + 16]) for at in range(0, 16 * count, 16))
    return [UUID(int=stem | (one >> 116) << 64 | 2 << 62 | one & (1 << 62) - 1) for one in bits]
