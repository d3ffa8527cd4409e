"""Ids that are in the order of time, so that what is written together stands together in an index."""

import secrets
import time
from uuid import UUID


def time_ordered_id() -> UUID:
    """Return a version 7 UUID (RFC 9562): milliseconds since 1970, then 74 random bits.

    Good for locality only: clocks jump, so nothing may read an order of events from it.
    """
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    drawn = secrets.randbits(74)
    return UUID(int=milliseconds << 80 | 7 << 76 | (drawn >> 62) << 64 | 2 << 62 | drawn & (1 << 62) - 1)
