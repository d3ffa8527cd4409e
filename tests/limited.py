"""The application's role, as which the product runs: nobody's superuser, owner of nothing."""

import contextlib

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

from embedded.postgres import APPLICATION
from marketplace.database.rights import secure_functions, set_rights


def limit() -> str:
    """Makes the role where it is missing, gives it the application's rights in this database, and returns its name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [APPLICATION])
        if not cursor.rowcount:
            _make()
    secure_functions()
    set_rights(role=APPLICATION)
    return APPLICATION


def _make() -> None:
    """Makes the role at once, for all workers of a run; another may be as fast."""
    named = {name.lower(): connection.settings_dict[name] for name in ("HOST", "PORT", "USER", "PASSWORD")}
    url = make_conninfo(**named, dbname=connection.settings_dict["NAME"])
    made_by_another = (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject)
    with contextlib.suppress(*made_by_another), psycopg.connect(url, autocommit=True) as own:
        own.execute(f"CREATE ROLE {APPLICATION} LOGIN")


def become(role: str) -> None:
    """Lets the statements of this thread's connection run as the role, until RESET ROLE or a rollback."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
