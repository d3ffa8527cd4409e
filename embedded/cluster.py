"""A database cluster: PostgreSQL's data folder, how it is made, and what the server is told."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from embedded.places import PORT, Places
from embedded.programs import Programs

USER = "worldloom"  # owns everything
APPLICATION = "worldloom_app"  # owns nothing: what it may do, `migrate` sets
NEW_DATA_MIN_BYTES = 120 * 1024**2
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_CONF = (
    "listen_addresses=",
    "max_connections=200",
    "shared_buffers=256MB",
    "random_page_cost=1.1",
    "jit=off",
)
_CONF_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
# Without a UTF-8 LC_CTYPE pg_trgm finds no trigram in Chinese text; macOS has no C.UTF-8 to name.
_LOCALE = (
    "--encoding=UTF8",
    "--locale=" + ("C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"),
    *(f"--lc-{category}=C" for category in ("messages", "monetary", "numeric", "time")),
    "--locale-provider=builtin",
    "--builtin-locale=PG_UNICODE_FAST",
)


class UnableToStart(Exception):
    """Raised when the embedded PostgreSQL cannot be had; carries the folder, the log and the reason."""

    code = "unable-to-start-postgres"

    def __init__(self, folder: Path, log: Path, reason: str) -> None:
        super().__init__(folder, log, reason)
        self.folder, self.log, self.reason = folder, log, reason

    def __str__(self) -> str:
        return f"The embedded PostgreSQL in {self.folder} did not start: {self.reason} (log: {self.log})."


def prepare(places: Places, programs: Programs, start: BinaryIO, durable: bool) -> None:
    """Make a new cluster, or see that the one that is there suits the programs. `start` is the start lock.

    Raises UnableToStart, OSError.
    """
    if not places.data.exists():
        _make(places, programs, start, durable)
    version_file = places.data / "PG_VERSION"
    if not version_file.is_file():
        raise UnableToStart(
            places.folder,
            places.log,
            "its data folder is damaged, PG_VERSION is missing; restore it, or delete it with `make clean`",
        )
    if (found := version_file.read_text().strip()) != programs.major:
        raise UnableToStart(
            places.folder,
            places.log,
            f"its data was written by PostgreSQL {found} and this is PostgreSQL {programs.major}; "
            "move it with pg_dump of the old version, or delete it with `make clean`",
        )


def command(places: Places, programs: Programs, durable: bool, conf: Sequence[str]) -> list[str]:
    """Give the command line of the server."""
    settings = [*_CONF, *(() if durable else _CONF_NOT_DURABLE), *conf]
    words = [str(programs.folder / "postgres"), "-D", str(places.data)]
    words += ["-k", str(places.socket_folder), "-p", str(PORT)]
    return words + [word for setting in settings for word in ("-c", setting)]


def reason(said: str) -> str:
    """Pick from PostgreSQL's output what went wrong, for the end of a sentence."""
    if "No space left on device" in said:
        return "there is no space left on its disk"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for word in ("PANIC:", "FATAL:", "error:"):
        for line in reversed(lines):
            if word in line:
                return line.partition(word)[2].strip().rstrip(".")
    return lines[0].removeprefix("postgres:").strip().rstrip(".") if lines else "it ended without a word"


def _make(places: Places, programs: Programs, start: BinaryIO, durable: bool) -> None:
    if shutil.disk_usage(places.home).free < NEW_DATA_MIN_BYTES:
        needed = f"a new database needs {NEW_DATA_MIN_BYTES // 1024**2} MB"
        raise UnableToStart(places.folder, places.log, f"there is no space left for it, {needed}")
    # Under another name until it is whole: a cluster that was half made looks much like one that is damaged.
    new = places.home / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    account = programs.account
    if account:
        os.chown(new, account.uid, account.gid)
    made = subprocess.run(
        [str(programs.folder / "initdb"), "-D", str(new), "-U", USER, "--auth=trust", *_LOCALE]
        + ([] if durable else ["--no-sync"]),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd="/",
        pass_fds=(start.fileno(),),  # if we are killed, the next starter waits until this has ended too
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if made.returncode:
        places.log.write_text(made.stdout + made.stderr)
        raise UnableToStart(places.folder, places.log, reason(made.stderr))
    new.rename(places.data)
    home = os.open(places.home, os.O_RDONLY)
    os.fsync(home)  # or a power cut could lose the name of a folder whose contents are safe
    os.close(home)
