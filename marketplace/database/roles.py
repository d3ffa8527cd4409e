"""Which role this process is in the database, and how to be its owner for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection


def current_role() -> str:
    """Return the name of the role that statements of the default connection run as."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


@contextmanager
def as_owner() -> Iterator[None]:
    """Lead the default connection to the database as `settings.DATABASE_OWNER`; without one, leave it as it is.

    Not to be entered inside a transaction.
    """
    if settings.DATABASE_OWNER is None:
        yield
        return
    before = connection.settings_dict
    connection.close()
    connection.settings_dict = {**before, **settings.DATABASE_OWNER}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before
