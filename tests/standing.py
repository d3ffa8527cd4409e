"""What many stories begin with is made once a run, and stands there again for each: the same rows and files."""

import copy
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from django.db import connection, transaction
from django.test import override_settings
from psycopg import sql

Made = TypeVar("Made")

# Columns that are not computed, of every table with rows, and where the sequences stand.
_TABLES = """
SELECT c.oid::regclass::text, array_agg(a.attname ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY c.oid ORDER BY 1
"""
_SEQUENCES = """
SELECT quote_ident(sequencename), last_value FROM pg_sequences
WHERE schemaname = 'public' AND last_value IS NOT NULL
"""
_ADVANCE = """
SELECT setval(s.name::regclass, s.value) FROM unnest(%s::text[], %s::bigint[]) AS s (name, value)
WHERE coalesce(pg_sequence_last_value(s.name::regclass), 0) < s.value
"""


@dataclass(frozen=True)
class _Standing:
    """What was made: the objects, the folder, the rows as COPY writes them, and where each sequence was then."""

    made: Any
    folder: Path
    rows: list[tuple[sql.Composed, bytes]]
    sequences: tuple[list[str], list[int]]


_KNOWN: dict[Callable[[Path], Any], _Standing] = {}


def standing(make: Callable[[Path], Made], folder: Path) -> Made:
    """Returns what `make` made of an empty database and folder; nobody's changes to it outlive their test.

    Triggers and constraints judged the rows when they were first made, and are not asked again.
    """
    if make not in _KNOWN:
        _KNOWN[make] = _make(make)
    known = _KNOWN[make]
    shutil.copytree(known.folder, folder, dirs_exist_ok=True)
    with _as_replica() as cursor:
        for statement, rows in known.rows:
            with cursor.copy(statement) as into:
                into.write(rows)
        cursor.execute(_ADVANCE, known.sequences)
    return copy.deepcopy(known.made)


def _make(make: Callable[[Path], Any]) -> _Standing:
    """Makes it in a place of its own, and takes the rows back: every test finds them in the same way."""
    folder = Path(tempfile.mkdtemp(prefix="standing-", dir=os.environ["WORLDLOOM_TEST_FOLDER"]))
    (folder / "data").mkdir()
    block = transaction.atomic()
    block._from_testcase = True  # what is made may ask for a transaction that is the outermost
    with block, override_settings(DATA_FOLDER=folder / "data"):
        _forget_jobs()
        before = _counts()
        made = make(folder)
        connection.check_constraints()
        rows = list(_rows(before))
        with connection.cursor() as cursor:
            cursor.execute(_SEQUENCES)
            sequences = cursor.fetchall()
        transaction.set_rollback(True)
    return _Standing(made, folder, rows, ([name for name, _ in sequences], [value for _, value in sequences]))


def _forget_jobs() -> None:
    """Removes the jobs that committing tests have left: what is taken back stands there as it was."""
    with _as_replica() as cursor:
        cursor.execute("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relname LIKE 'procrastinate%'")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {name}")


def _counts() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = [name for name, _ in cursor.fetchall()]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables))
        return {name: count for name, count in cursor.fetchall() if count}


def _rows(before: dict[str, int]) -> Iterator[tuple[sql.Composed, bytes]]:
    """Gives the rows of each table that got some; what stood in a table before would be told with them."""
    now = _counts()
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for name, columns in cursor.fetchall():
            if now.get(name, 0) == before.get(name, 0):
                continue
            assert name not in before, f"{name} is not empty at the start"
            table = sql.SQL("COPY {} ({})").format(
                sql.Identifier(name.strip('"')), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with cursor.copy(table + sql.SQL(" TO STDOUT")) as out:
                yield table + sql.SQL(" FROM STDIN"), b"".join(bytes(part) for part in out)


@contextmanager
def _as_replica() -> Iterator[Any]:
    """Writes rows that were judged before, past the triggers; afterwards they guard again as they did."""
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SHOW session_replication_role")
        (role,) = cursor.fetchone()
        cursor.execute("SET session_replication_role = replica")
        yield cursor
        cursor.execute("SELECT set_config('session_replication_role', %s, false)", [role])
