"""Blocks on disk: a key-value store for py-evm and an index of logs, written one whole block at a time."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eth.db.backends.base import BaseDB

_SCHEMA = """
create table if not exists node (key blob primary key, value blob not null) without rowid;
create table if not exists log (
    block_number integer not null, log_index integer not null, address blob not null,
    topic0 blob, topic1 blob, topic2 blob, topic3 blob, data blob not null, transaction_hash blob not null,
    primary key (block_number, log_index)
) without rowid;
create index if not exists log_by_topic on log (topic0, topic1, block_number);
create table if not exists number (name text primary key, value integer not null) without rowid;
create table if not exists snapshot (
    id integer primary key autoincrement, block_number integer not null, shift_seconds integer not null
);
create table if not exists undo (
    block_number integer not null, key blob not null, value blob, primary key (block_number, key)
) without rowid;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLog:
    """One event: up to four 32-byte topics, and where in the chain it was written."""

    block_number: int
    log_index: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    transaction_hash: bytes


class BlockStore(BaseDB):
    """What py-evm takes for a dict: writes stay in memory until `commit` puts all of them into one transaction.

    A process killed at any moment therefore leaves the chain before a block or after it, never within.
    """

    def __init__(self, path: Path) -> None:
        # One thread at a time: the node holds its lock around every use.
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("pragma journal_mode=wal")
        # The ledger will say "anchored" in another database: a block it has heard of must survive a power cut.
        self._connection.execute("pragma synchronous=full")
        self._connection.executescript(_SCHEMA)
        self._pending: dict[bytes, bytes | None] = {}
        self._has_snapshot = self._any_snapshot()

    def __getitem__(self, key: bytes) -> bytes:
        if key in self._pending:
            value = self._pending[key]
        else:
            row = self._connection.execute("select value from node where key = ?", (key,)).fetchone()
            value = row[0] if row else None
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._pending[key] = value

    def __delitem__(self, key: bytes) -> None:
        self[key]
        self._pending[key] = None

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def empty(self) -> bool:
        """Say whether nothing was ever committed."""
        return self._connection.execute("select 1 from node limit 1").fetchone() is None

    def commit(self, logs: Iterable[StoredLog] = (), *, block_number: int = 0) -> None:
        """Write everything pending, and these logs, at once; while there is a snapshot, also what was there before."""
        rows = [
            (log.block_number, log.log_index, log.address, *_padded(log.topics), log.data, log.transaction_hash)
            for log in logs
        ]
        removed = [(key,) for key, value in self._pending.items() if value is None]
        written = [(key, value) for key, value in self._pending.items() if value is not None]
        run = self._connection
        with self._at_once():
            if self._has_snapshot:
                run.executemany(
                    "insert or ignore into undo values (?1, ?2, (select value from node where key = ?2))",
                    [(block_number, key) for key in self._pending],
                )
            run.executemany("delete from node where key = ?", removed)
            run.executemany("insert or replace into node values (?, ?)", written)
            run.executemany("insert into log values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._pending.clear()

    def number(self, name: str) -> int:
        """Return a number that was kept, 0 if there is none."""
        row = self._connection.execute("select value from number where name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def keep(self, name: str, value: int) -> None:
        """Keep a number from now on."""
        self._connection.execute("insert or replace into number values (?, ?)", (name, value))

    def snapshot(self, block_number: int, shift_seconds: int) -> int:
        """Note that one may want to come back to this block; return the snapshot's id, from 1."""
        added = self._connection.execute(
            "insert into snapshot (block_number, shift_seconds) values (?, ?)", (block_number, shift_seconds)
        )
        self._has_snapshot = True
        return int(added.lastrowid or 0)

    def revert(self, id: int) -> tuple[int, int] | None:
        """Put everything back as it was at a snapshot, and drop that one and all later ones.

        Return its block number and its shift of the clock, or None when there is no such snapshot.
        """
        run = self._connection
        found = run.execute("select block_number, shift_seconds from snapshot where id = ?", (id,)).fetchone()
        if found is None:
            return None
        with self._at_once():
            # What stood there before the first block after the snapshot is what stood there at the snapshot.
            before = "from undo where block_number > ? order by block_number desc"
            for key, value in run.execute(f"select key, value {before}", found[:1]).fetchall():
                if value is None:
                    run.execute("delete from node where key = ?", (key,))
                else:
                    run.execute("insert or replace into node values (?, ?)", (key, value))
            run.execute("delete from undo where block_number > ?", found[:1])
            run.execute("delete from log where block_number > ?", found[:1])
            run.execute("delete from snapshot where id >= ?", (id,))
        self._pending.clear()
        self._has_snapshot = self._any_snapshot()
        return int(found[0]), int(found[1])

    def _any_snapshot(self) -> bool:
        return self._connection.execute("select 1 from snapshot limit 1").fetchone() is not None

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        run = self._connection
        run.execute("begin immediate")
        try:
            yield
            run.execute("commit")
        except BaseException:
            run.execute("rollback")
            raise

    def forget(self) -> None:
        """Drop everything pending."""
        self._pending.clear()

    def logs(
        self,
        *,
        first: int,
        last: int,
        addresses: Sequence[bytes],
        topics: Sequence[Sequence[bytes]],
        limit: int,
    ) -> list[StoredLog]:
        """Return logs of blocks `first` to `last`, in chain order; an empty list at a place matches anything."""
        where = ["block_number between ? and ?"]
        values: list[object] = [first, last]
        choices = [("address", addresses), *((f"topic{place}", wanted) for place, wanted in enumerate(topics))]
        for column, wanted in choices:
            if wanted:
                where.append(f"{column} in ({', '.join('?' * len(wanted))})")
                values.extend(wanted)
        # Only our own column names are pasted; every value is bound.
        query = f"select * from log where {' and '.join(where)} order by block_number, log_index limit ?"
        rows = self._connection.execute(query, [*values, limit]).fetchall()
        return [
            StoredLog(
                block_number=row[0],
                log_index=row[1],
                address=row[2],
                topics=tuple(topic for topic in row[3:7] if topic is not None),
                data=row[7],
                transaction_hash=row[8],
            )
            for row in rows
        ]

    def close(self) -> None:
        """Close the file; what is pending is lost."""
        self._connection.close()


def _padded(topics: tuple[bytes, ...]) -> tuple[bytes | None, ...]:
    return (*topics, *(None,) * (4 - len(topics)))
