"""Asking the books in SQL."""

from collections.abc import Mapping
from typing import Any

from django.db import connection


def rows_of(sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a question, each by its columns' names."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
