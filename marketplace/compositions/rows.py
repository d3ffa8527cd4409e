"""Rows that a question in SQL found, as the models have them: a check asks while somebody types, and Django would take
longer to write its questions than the database to answer them.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Model

Row = TypeVar("Row", bound=Model)


class Columns(Generic[Row]):
    """The columns of a model under an alias, in the order in which `made` takes their values, but some."""

    def __init__(self, model: type[Row], alias: str, without: Iterable[str] = ()) -> None:
        left_out = set(without)
        kept = [field for field in model._meta.concrete_fields if field.attname not in left_out]
        self.model = model
        self.names = [field.attname for field in kept]
        self.sql = ", ".join(f'{alias}."{field.column}"' for field in kept)
        self.read = [(place, field) for place, field in enumerate(kept) if hasattr(field, "from_db_value")]

    def __len__(self) -> int:
        return len(self.names)

    def made(self, values: Sequence[Any]) -> Row:
        """This will make a row of the model of what was found; what was left out is asked for when it is looked at."""
        found = list(values)
        for place, field in self.read:
            found[place] = field.from_db_value(found[place], None, connection)
        made: Row = self.model.from_db(connection.alias, self.names, found)
        return made


@cache
def columns(model: type[Row], alias: str, *without: str) -> Columns[Row]:
    """This will give the columns of a model, worked out once."""
    return Columns(model, alias, without)


def asked(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """This will ask the database."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def cut(row: Sequence[Any], *parts: Columns[Any]) -> list[Sequence[Any]]:
    """This will part a row into the values of each model's columns, and what follows them."""
    found, start = [], 0
    for part in parts:
        found.append(row[start : start + len(part)])
        start += len(part)
    return [*found, row[start:]]
