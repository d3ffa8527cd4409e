"""Where everything of one database folder lies, and the locks by which its processes know of each other.

An ordinary user's database lies wholly in the folder. PostgreSQL refuses to run as root, so root's lies under
`/var/lib/worldloom/data/`, owned by a system account: the folder may be one that no other account can reach,
and opening it up would be wrong. The name there is made of the folder's path, so that no two folders mix.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

ROOT_HOME = Path("/var/lib/worldloom")
PORT = 5432  # only names the socket: nothing listens on TCP
SOCKET_FOLDER_MAX_BYTES = 85  # macOS allows 103 bytes for folder and `/.s.PGSQL.5432.lock`


@dataclass(frozen=True)
class Places:
    """The files of one database folder; nothing here needs to exist.

    Four lock files carry the whole coordination, because the kernel drops a flock however its holder ends:
    `start` is held by whoever starts or removes, `users` is shared by every user, `supervisor` is held by the
    process that stops the server after the last of them, `server` by PostgreSQL itself and all its children.
    """

    folder: Path
    home: Path
    socket_folder: Path

    @classmethod
    def of(cls, folder: Path) -> "Places":
        """The places for the account that asks: root's are elsewhere than everyone else's."""
        folder = folder.resolve()
        return cls._of_root(folder) if os.geteuid() == 0 else cls.inside(folder)

    @classmethod
    def inside(cls, folder: Path) -> "Places":
        """The places of an ordinary user, all in the folder but for the socket when its path is too long."""
        socket_folder = folder / "run"
        if len(os.fsencode(socket_folder)) > SOCKET_FOLDER_MAX_BYTES:
            # Not gettempdir(): two processes of one user may disagree on TMPDIR.
            socket_folder = Path(f"/tmp/worldloom-{_digest(folder)}")
        return cls(folder, folder, socket_folder)

    @classmethod
    def _of_root(cls, folder: Path) -> "Places":
        words = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(folder.parts[-3:])).strip("-")[-24:]
        home = ROOT_HOME / "data" / f"{words}-{_digest(folder)}"
        return cls(folder, home, home / "run")

    @property
    def of_root(self) -> bool:
        return self.home != self.folder

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def start_lock(self) -> Path:
        return self.home / "start.lock"

    @property
    def users_lock(self) -> Path:
        return self.home / "users.lock"

    @property
    def supervisor_lock(self) -> Path:
        return self.home / "supervisor.lock"

    @property
    def server_lock(self) -> Path:
        return self.home / "server.lock"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def socket(self) -> Path:
        return self.socket_folder / f".s.PGSQL.{PORT}"

    def make(self) -> None:
        """Make the folders, touching the permissions of none that was there before.

        Raises OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.of_root:
            for folder in (ROOT_HOME, self.home.parent, self.home):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o755)  # ours alone; the account must pass through whatever root's umask is

    def make_socket_folder(self, owner: int, group: int) -> None:
        """Make the folder of the socket, which only its owner (and root) may enter: that is the password.

        Raises OSError, also when somebody else made it first.
        """
        with contextlib.suppress(FileExistsError):
            self.socket_folder.mkdir(mode=0o700)
            if self.of_root:
                os.chown(self.socket_folder, owner, group)
        found = self.socket_folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
            raise PermissionError(f"{self.socket_folder} belongs to somebody else")
        if stat.S_IMODE(found.st_mode) != 0o700:
            self.socket_folder.chmod(0o700)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[BinaryIO]:
    """Hold the lock file alone.

    Raises BlockingIOError when it is taken and `wait` is false.
    """
    while True:
        file = open_lock(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BaseException:
            file.close()
            raise
        # `remove` deletes lock files: a lock on a deleted one would exclude nobody.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                break
        file.close()
    with file:
        yield file


def open_lock(path: Path) -> BinaryIO:
    """Open a lock file, made with mode 0600 when it is missing. Raises OSError."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")


def is_held(path: Path) -> bool:
    """Tell whether any process holds the lock file. Ask only while holding `start_lock`."""
    try:
        with locked(path, wait=False):
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
