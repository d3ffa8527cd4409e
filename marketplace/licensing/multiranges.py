"""Sets of numbers as PostgreSQL keeps them (int4multirange), so that an exclusion constraint can compare them."""

from typing import Any

from django.db import models
from psycopg.types.multirange import Int4Multirange


class IntegerMultirangeField(models.Field):  # type: ignore[type-arg]
    """An `int4multirange`; in Python a psycopg `Int4Multirange`."""

    def db_type(self, connection: Any) -> str:
        return "int4multirange"

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None else Int4Multirange(list(value))
