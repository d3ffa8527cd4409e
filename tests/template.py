"""One migrated database a run, of which workers and plays take copies: to migrate anew is to draw every model again."""

import contextlib
import fcntl
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

NAME = "migrated"


def migrated() -> str | None:
    """Returns the name of the database to copy, or None where the server is not the run's own.

    The first who asks makes it, the others wait; it is there under its name only when it is whole.
    """
    if "WORLDLOOM_TEST_POSTGRES" not in os.environ:
        return None
    known = settings.DATABASES["default"]
    named = {name.lower(): known[name] for name in ("HOST", "PORT", "USER", "PASSWORD")}
    with _alone(), psycopg.connect(make_conninfo(**named, dbname="postgres"), autocommit=True) as server:
        if not server.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).rowcount:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(f"{NAME}_soon")))
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"{NAME}_soon")))
            _migrate(f"{NAME}_soon")
            server.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(f"{NAME}_soon"), sql.Identifier(NAME))
            )
    return NAME


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with open(Path(os.environ["WORLDLOOM_TEST_FOLDER"]) / "migrated.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _migrate(database: str) -> None:
    """Migrates it on the connection of this process, which afterwards leads where it led before."""
    name, collecting = connection.settings_dict["NAME"], gc.isenabled()
    connection.close()
    connection.settings_dict["NAME"] = database
    gc.disable()  # thousands of models are drawn and thrown away, and each collection looks at all that lasts
    try:
        call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
        if collecting:
            gc.enable()
