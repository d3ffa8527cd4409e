"""A PostgreSQL of the test's own, which writes to the disk as a production server does and can be stopped at once."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import connection

from embedded.cluster import ENVIRONMENT
from embedded.places import Places
from embedded.postgres import Server, ensure_database, remove, server
from embedded.programs import find_programs

NAME = "books"


class OwnServer:
    """Runs in a folder of its own, with a copy of the test's database."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._held = folder, contextlib.ExitStack()
        self.at = self._start()

    def _start(self) -> Server:
        before, self._held = self._held, contextlib.ExitStack()
        at = self._held.enter_context(server(self._folder, conf=["shared_buffers=32MB"]))
        before.close()
        return at

    def copy(self, known: dict[str, Any]) -> None:
        """Fills a new database with what the test's holds."""
        ensure_database(self.at, NAME)
        programs = find_programs().folder
        where = ["-h", known["HOST"], "-p", str(known["PORT"]), "-U", known["USER"], "-d", known["NAME"]]
        dump = subprocess.run([programs / "pg_dump", *where], env=ENVIRONMENT, stdout=subprocess.PIPE, check=True)
        target = ["-d", self.at.url(NAME), "-v", "ON_ERROR_STOP=1", "-q", "-o", "/dev/null"]
        subprocess.run([programs / "psql", *target], env=ENVIRONMENT, input=dump.stdout, check=True)

    def stop_at_once(self) -> None:
        """`pg_ctl stop -m immediate`: no checkpoint, no farewell. Starts it again from what was written."""
        programs = find_programs()
        subprocess.run(
            [programs.folder / "pg_ctl", "stop", "-m", "immediate", "-s", "-D", Places.of(self._folder).data],
            env=ENVIRONMENT,
            check=True,
            user=programs.account.uid if programs.account else None,
            group=programs.account.gid if programs.account else None,
            extra_groups=[] if programs.account else None,
            cwd="/",
        )
        self._start()

    def end(self) -> None:
        """Stops it and deletes its data."""
        self._held.close()
        remove(self._folder)


@contextlib.contextmanager
def own_server(folder: Path) -> Iterator[OwnServer]:
    """Leads this process's connection, and those of its children, to a server of its own."""
    known = dict(connection.settings_dict)
    own = OwnServer(folder)
    try:
        own.copy(known)
        connection.close()
        connection.settings_dict.update(
            HOST=str(own.at.socket_folder), PORT=str(own.at.port), USER=own.at.user, NAME=NAME
        )
        yield own
    finally:
        connection.close()
        connection.settings_dict.update({key: known[key] for key in ("HOST", "PORT", "USER", "NAME")})
        own.end()
