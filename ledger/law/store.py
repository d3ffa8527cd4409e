"""What the law remembers of the entries before: a SQLite file, so that memory stays small and a monitor can resume."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ledger.law.findings import Finding

_VERSION = 1
_PAIRS_AT_ONCE = 10_000
_CACHE_KIB = 128 * 1024
_TABLES = f"""
PRAGMA user_version = {_VERSION};
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE finding (leaf INTEGER, rule TEXT, what TEXT);
CREATE TABLE waiting (key BLOB, leaf INTEGER, PRIMARY KEY (key, leaf)) WITHOUT ROWID;
CREATE TABLE bucket (prefix INTEGER PRIMARY KEY, records BLOB, node BLOB);
"""


class UnableToReadState(Exception):
    """A state file that is not one of this version, or is in use."""

    code = "state-unreadable"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"The state file {self.path} cannot be used: {self.reason}."


class Store:
    """Facts by name, findings, and the nodes of the index; kept in `path`, or for this process alone."""

    def __init__(self, path: Path | None = None) -> None:
        shown = str(path) if path else "in memory"
        try:
            self._db = sqlite3.connect(path or "", isolation_level=None, timeout=2)
            self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0 and not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
                self._db.executescript(_TABLES)
            elif version != _VERSION:
                raise UnableToReadState(shown, "it is not a monitor's, or of another version")
            self._db.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            raise UnableToReadState(shown, str(error)) from None
        self._run: Callable[..., sqlite3.Cursor] = self._db.execute
        self._unwritten: list[tuple[bytes, int]] = []

    def commit(self) -> None:
        """Keep all that was written since the last commit."""
        self._write_waiting()
        self._db.execute("COMMIT")
        self._db.execute("BEGIN EXCLUSIVE")

    def close(self) -> None:
        """Forget what was not committed, and let the file go."""
        self._db.execute("ROLLBACK")
        self._db.close()

    # --- facts -------------------------------------------------------------------------------------------
    def add(self, name: str) -> bool:
        """Remember the name; return whether it is new."""
        return self._run("INSERT OR IGNORE INTO fact VALUES (?, NULL)", (name,)).rowcount == 1

    def knows(self, name: str) -> bool:
        """Whether the name was added or set."""
        return self._run("SELECT 1 FROM fact WHERE name = ?", (name,)).fetchone() is not None

    def get(self, name: str) -> Any:
        """Return the JSON value that was set under the name, None without."""
        row = self._run("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row and row[0] is not None else None

    def set(self, name: str, value: Any) -> None:
        """Set a JSON value under the name."""
        self._run("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, json.dumps(value)))

    # --- findings ----------------------------------------------------------------------------------------
    def report(self, finding: Finding) -> None:
        """Remember a finding."""
        self._run("INSERT INTO finding VALUES (?, ?, ?)", (finding.index, finding.rule, finding.what))

    def count_findings(self) -> int:
        """Return how many findings there are."""
        return int(self._run("SELECT count(*) FROM finding").fetchone()[0])

    def findings(self, limit: int = 1_000) -> list[Finding]:
        """Return the first findings in the order of their leaves."""
        rows = self._run("SELECT rule, leaf, what FROM finding ORDER BY leaf, rowid LIMIT ?", (limit,))
        return [Finding(*row) for row in rows]

    # --- the index ---------------------------------------------------------------------------------------
    def wait(self, pairs: Iterable[tuple[bytes, int]]) -> None:
        """Remember (key hash, leaf) pairs for the next index root."""
        self._unwritten += pairs
        if len(self._unwritten) >= _PAIRS_AT_ONCE:
            self._write_waiting()

    def _write_waiting(self) -> None:
        # Sorted, so that each page of the table is touched once.
        self._db.executemany("INSERT OR IGNORE INTO waiting VALUES (?, ?)", sorted(self._unwritten))
        self._unwritten = []

    def waiting(self, size: int) -> Iterator[tuple[bytes, int]]:
        """Yield the pairs of the first `size` leaves by key and leaf."""
        self._write_waiting()
        yield from self._run("SELECT key, leaf FROM waiting WHERE leaf < ? ORDER BY key, leaf", (size,))

    def drop_waiting(self, size: int) -> None:
        """Forget the pairs of the first `size` leaves."""
        self._run("DELETE FROM waiting WHERE leaf < ?", (size,))

    def bucket(self, prefix: int) -> bytes:
        """Return the records of a bucket of the index."""
        row = self._run("SELECT records FROM bucket WHERE prefix = ?", (prefix,)).fetchone()
        return row[0] if row else b""

    def set_buckets(self, buckets: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Replace buckets of the index: prefix, records, node."""
        self._db.executemany("INSERT OR REPLACE INTO bucket VALUES (?, ?, ?)", buckets)

    def bucket_nodes(self) -> Iterator[tuple[int, bytes]]:
        """Yield prefix and node of each bucket of the index."""
        yield from self._run("SELECT prefix, node FROM bucket")
