"""The application's role, as which the product runs: nobody's superuser, owner of nothing."""

import contextlib

import psycopg
from django.db import connection, transaction

from embedded.postgres import APPLICATION
from marketplace.database.rights import secure_functions, set_rights


def limit() -> str:
    """Makes the role where it is missing, gives it the application's rights in this database, and returns its name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [APPLICATION])
        if not cursor.rowcount:
            with contextlib.suppress(psycopg.errors.UniqueViolation), transaction.atomic():  # a worker was first
                connection.cursor().connection.execute(f"CREATE ROLE {APPLICATION} LOGIN")
    secure_functions()
    set_rights(role=APPLICATION)
    return APPLICATION


def become(role: str) -> None:
    """Lets the statements of this thread's connection run as the role, until RESET ROLE or a rollback."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
