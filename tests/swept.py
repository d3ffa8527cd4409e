"""Empties the database after a test that committed: only the tables that it wrote to, past the guards of facts."""

from functools import cache
from typing import Any

from django.db import connection, transaction

# What follows migrations, the same for every test. Tables without a model hold what migrations wrote, and stay too.
_KEPT = {"django_content_type", "auth_permission"}
_JOBS = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'procrastinate%'"


def sweep(*_: Any) -> None:
    """Deletes every row: to truncate a hundred tables, and to write all permissions anew, takes far longer."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in _tables()))
        written = [name for (name,) in cursor.fetchall()]
        cursor.execute("SET LOCAL session_replication_role = replica")
        for name in written:
            cursor.execute(f"DELETE FROM {name}")


@cache
def _tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_JOBS)
        jobs = [name for (name,) in cursor.fetchall()]
    return sorted({*connection.introspection.django_table_names(only_existing=True), *jobs} - _KEPT)
