"""One migrated database a run, of which workers and plays take copies."""

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
    with _alone(), _server() as server:
        if not server.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).rowcount:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(f"{NAME}_soon")))
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"{NAME}_soon")))
            with led_to(f"{NAME}_soon"):
                migrate_all()
            server.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(f"{NAME}_soon"), sql.Identifier(NAME))
            )
    return NAME


def migrate_all() -> None:
    """Migrates where the connection leads, from nothing."""
    collecting = gc.isenabled()
    gc.disable()  # many models are drawn and thrown away, and each collection would look at all that lasts
    try:
        call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    finally:
        if collecting:
            gc.enable()


@contextlib.contextmanager
def led_to(database: str) -> Iterator[None]:
    """Lets the connection of this process lead to another database of the same server."""
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


@contextlib.contextmanager
def created(database: str) -> Iterator[str]:
    """Makes an empty database, and drops it afterwards."""
    with _server() as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        try:
            yield database
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))


def _server() -> psycopg.Connection:
    known = settings.DATABASES["default"]
    named = {name.lower(): known[name] for name in ("HOST", "PORT", "USER", "PASSWORD")}
    return psycopg.connect(make_conninfo(**named, dbname="postgres"), autocommit=True)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with open(Path(os.environ["WORLDLOOM_TEST_FOLDER"]) / "migrated.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
