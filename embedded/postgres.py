"""PostgreSQL for a laptop: started by the first process that needs it, stopped after the last one.

    with server(Path(".data/postgres")) as database_server:
        ensure_database(database_server, "worldloom")
        psycopg.connect(database_server.url("worldloom"))

Why it is built this way: docs/decisions/0003-embedded.md.
"""

import argparse
import contextlib
import fcntl
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from embedded import cluster, supervisor
from embedded.cluster import APPLICATION as APPLICATION
from embedded.cluster import USER as USER
from embedded.cluster import UnableToStart as UnableToStart
from embedded.places import PORT as PORT
from embedded.places import Places, is_held, locked, open_lock
from embedded.programs import ProgramsMissing, find_programs

START_SECONDS = 180.0  # a large database needs its time after a power cut
LOG_MAX_BYTES = 10 * 1024**2


class UnableToRemove(Exception):
    """Raised when a database folder cannot be removed; carries the folder and the reason."""

    code = "unable-to-remove-postgres"

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(folder, reason)
        self.folder, self.reason = folder, reason

    def __str__(self) -> str:
        return f"The database in {self.folder} was not removed: {self.reason}."


@dataclass(frozen=True)
class Server:
    """Where to reach a server: there is no password, only a folder that nobody else may enter."""

    socket_folder: Path
    port: int = PORT
    user: str = USER

    def url(self, database: str) -> str:
        """Give the connection URL of one of its databases, for psycopg and for DATABASE_URL."""
        host = quote(str(self.socket_folder), safe="/")
        return f"postgresql://{self.user}@/{quote(database, safe='')}?host={host}&port={self.port}"


def socket_folder_of(folder: Path) -> Path:
    """Tell where the socket of this folder's server is or would be, without touching anything."""
    return Places.of(folder).socket_folder


def running(folder: Path) -> bool:
    """Tell whether this folder's server takes connections."""
    places = Places.of(folder)
    return supervisor.status(places.pid_file) == "ready" and supervisor.accepts(str(places.socket))


@contextlib.contextmanager
def server(folder: Path, *, durable: bool = True, conf: Sequence[str] = ()) -> Iterator[Server]:
    """Hold the folder's server: started if nobody holds it yet, stopped when the last holder has gone.

    Holders may be any number of processes of one account; one that ends by `kill -9` has gone as well, and
    a child that was forked without exec holds on. With `durable` false the server is faster and may lose
    everything at a power cut: for tests. `conf` holds settings such as "work_mem=64MB". Both count for the
    first holder only.

    Raises UnableToStart.
    """
    places = Places.of(folder)
    with contextlib.closing(_join(places, durable, conf)):
        try:
            yield Server(places.socket_folder)
        finally:
            _hand_over(places)


def wait_until_stopped(folder: Path, seconds: float = 30.0) -> bool:
    """Wait until the folder's server has gone, and tell whether it has; one that others hold is not waited for."""
    places = Places.of(folder)
    deadline = time.monotonic() + seconds
    while places.server_lock.exists() and _is_running(places):
        if _in_use(places) or time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def ensure_database(at: Server, name: str) -> bool:
    """Create the database unless it is there, and tell whether this call did. Many may call at once.

    The application's role is made with it, as one that may connect and nothing else.
    """
    import psycopg
    from psycopg import sql

    with psycopg.connect(at.url("postgres"), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext('ensure_database'))")
        if not connection.execute("select from pg_roles where rolname = %s", [APPLICATION]).rowcount:
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(APPLICATION)))
        if connection.execute("select from pg_database where datname = %s", [name]).rowcount:
            return False
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return True


def remove(folder: Path) -> bool:
    """Delete the folder's database, root's under /var/lib too, and tell whether there was one.

    Raises UnableToRemove while anyone uses it.
    """
    found = False
    for places in {Places.of(folder), Places.inside(folder.resolve())}:
        if places.home.is_dir():
            try:
                with locked(places.start_lock, wait=False):
                    found |= _remove(places)
            except BlockingIOError:
                raise UnableToRemove(places.folder, "it is just being started") from None
            except OSError as error:
                raise UnableToRemove(places.folder, _words(error)) from error
            with contextlib.suppress(OSError):  # whatever is not ours stays
                places.home.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()
    return found


def _join(places: Places, durable: bool, conf: Sequence[str]) -> BinaryIO:
    """Become a user of the server, starting what is missing of it; closing the returned file leaves again."""
    try:
        places.make()
        with locked(places.start_lock) as start:
            users = open_lock(places.users_lock)
            try:
                if places.of_root:
                    _match(places)
                fcntl.flock(users, fcntl.LOCK_SH)  # waits for a server that is just stopping
                _bring_up(places, start, durable, conf)
            except BaseException:
                users.close()
                raise
            return users
    except ProgramsMissing as error:
        raise UnableToStart(places.folder, places.log, str(error).rstrip(".")) from error
    except OSError as error:
        raise UnableToStart(places.folder, places.log, _words(error)) from error


def _hand_over(places: Places) -> None:
    """Before leaving, make sure that somebody will stop the server: its supervisor may have been killed."""
    with contextlib.suppress(OSError, UnableToStart):  # BlockingIOError: somebody else sees to it
        with locked(places.start_lock, wait=False):
            if is_held(places.server_lock) and not is_held(places.supervisor_lock):
                _supervise(places, [])


def _match(places: Places) -> None:
    """Set aside root's database of an earlier folder of the same path, which its user has deleted since.

    The folder and root's data carry the same mark. One earlier database is kept, as `data.before`.
    """
    mark, known = places.folder / "mark", places.home / "mark"
    if not mark.exists():
        mark.write_text(secrets.token_hex(16))
    if known.exists() and known.read_text() != mark.read_text() and places.data.exists():
        if is_held(places.server_lock):
            reason = "the folder was deleted or replaced while its database is in use, so end that use first"
            raise UnableToStart(places.folder, places.log, reason)
        before = places.home / "data.before"
        shutil.rmtree(before, ignore_errors=True)
        places.data.rename(before)
    known.write_text(mark.read_text())


def _bring_up(places: Places, start: BinaryIO, durable: bool, conf: Sequence[str]) -> None:
    """Leave with a server that is ready and supervised. Call with the start lock held and as a user."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not is_held(places.server_lock):
            programs = find_programs()
            owner = programs.account
            places.make_socket_folder(owner.uid if owner else os.geteuid(), owner.gid if owner else -1)
            cluster.prepare(places, programs, start, durable)
            _supervise(places, cluster.command(places, programs, durable, conf))
            return
        if not is_held(places.supervisor_lock):
            _supervise(places, [])
        elif running(places.folder):
            return
        time.sleep(0.01)  # what is left of a killed server is just ending
    reason = f"processes of a server that was killed are still there after {START_SECONDS:.0f} seconds"
    raise UnableToStart(places.folder, places.log, reason)


def _supervise(places: Places, command: list[str]) -> None:
    """Start a supervisor with the server, or (no command) for one that runs, and wait until it is ready."""
    owner = places.data.stat()  # PostgreSQL runs as nobody else, and only root can become them
    for lock in (places.supervisor_lock, places.server_lock):
        open_lock(lock).close()
    answer, answer_of_supervisor = os.pipe()
    with open(answer, "rb", buffering=0) as reader, _open_log(places) as log:
        written = log.tell()
        task = {
            "users": str(places.users_lock),
            "supervisor": str(places.supervisor_lock),
            "server": str(places.server_lock),
            "data": str(places.data),
            "socket": str(places.socket),
            "account": [owner.st_uid, owner.st_gid] if os.geteuid() == 0 else None,
            "command": command,
            "answer": answer_of_supervisor,
        }
        try:
            subprocess.run(
                [sys.executable, "-I", "-S", supervisor.__file__, json.dumps(task)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=cluster.ENVIRONMENT,
                cwd="/",
                pass_fds=(answer_of_supervisor,),
                start_new_session=True,
            )
        finally:
            os.close(answer_of_supervisor)
        if not select.select([reader], [], [], START_SECONDS)[0]:
            raise UnableToStart(places.folder, places.log, f"it was not ready after {START_SECONDS:.0f} seconds")
        if reader.read() != b"ready":
            said = places.log.read_bytes()[written:].decode(errors="replace")
            raise UnableToStart(places.folder, places.log, cluster.reason(said))


def _open_log(places: Places) -> BinaryIO:
    with contextlib.suppress(FileNotFoundError):
        if places.log.stat().st_size > LOG_MAX_BYTES and not is_held(places.server_lock):
            places.log.rename(places.log.with_name("log.before"))
    log = open(places.log, "ab")  # noqa: SIM115 (the caller closes it)
    log.seek(0, os.SEEK_END)
    return log


def _words(error: OSError) -> str:
    name = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{name}"


def _remove(places: Places) -> bool:
    """Delete our files in one home. Call with the start lock held."""
    if _in_use(places):
        raise UnableToRemove(places.folder, "it is in use; stop the demo or whatever else uses it first")
    deadline = time.monotonic() + supervisor.PATIENCE_SECONDS + 10
    while is_held(places.server_lock):
        if time.monotonic() > deadline:
            raise UnableToRemove(places.folder, "its server does not stop")
        if not is_held(places.supervisor_lock):
            _supervise(places, [])
        time.sleep(0.01)
    found = places.data.exists()
    for path in (places.data, places.home / "data.new", places.home / "data.before", places.socket_folder):
        if path.is_dir():
            shutil.rmtree(path)
    for path in (places.log, places.home / "log.before", places.home / "mark", places.folder / "mark"):
        path.unlink(missing_ok=True)
    for path in (places.users_lock, places.supervisor_lock, places.server_lock, places.start_lock):
        path.unlink(missing_ok=True)
    return found


def _is_running(places: Places) -> bool:
    """Tell whether any process of the server lives, or its supervisor, which ends right after."""
    with locked(places.start_lock):
        return is_held(places.server_lock) or is_held(places.supervisor_lock)


def _in_use(places: Places) -> bool:
    """Tell whether anyone holds the server; one that is stopping has no holder any more."""
    with open_lock(places.users_lock) as users:
        try:
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False  # only a supervisor that stops the server takes it alone
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def main() -> None:
    """Run `status` or `remove` for a folder."""
    default = Path(os.environ.get("WORLDLOOM_DATA", Path(__file__).resolve().parent.parent / ".data")) / "postgres"
    parser = argparse.ArgumentParser(prog="python -m embedded.postgres", description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["status", "remove"])
    parser.add_argument("--folder", type=Path, default=default, help="the database folder (%(default)s)")
    wanted = parser.parse_args()
    if wanted.verb == "status":
        places = Places.of(wanted.folder)
        where = f"{places.folder} (data: {places.data})"
        if running(wanted.folder):
            print(f"running: {where}, {Server(places.socket_folder).url('worldloom')}")
        else:
            print(f"stopped: {where}" if places.data.exists() else f"nothing there yet: {where}")
        return
    try:
        print("removed the database" if remove(wanted.folder) else "there was no database")
    except UnableToRemove as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
