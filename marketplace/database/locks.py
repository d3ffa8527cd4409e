"""Advisory locks of a session: who holds one is alone at something, over many transactions."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def alone(lock: int, name: str, *, shared: bool = False) -> Iterator[bool]:
    """Hold a lock for this session, and say whether nobody else does; nobody waits.

    `lock` is a number of 31 bits for the sort of thing, `name` says which. The lock ends with the process, however that
    ends, and a connection that broke has let go of it already. Not to be entered inside a transaction.
    Many hold one together that is `shared`, while nobody holds it alone.
    """
    how = "_shared" if shared else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock{how}(%s, hashtext(%s))", [lock, name])
        is_mine = bool(cursor.fetchone()[0])
    try:
        yield is_mine
    finally:
        if is_mine and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT pg_advisory_unlock{how}(%s, hashtext(%s))", [lock, name])
