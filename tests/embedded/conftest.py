"""Processes that hold an embedded server: as the account that runs the tests and, for root, as an ordinary user."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from embedded import postgres
from embedded.places import Places, is_held
from embedded.programs import PACKAGE

HOME = Path(__file__).resolve().parents[2]
HOLDER = Path(__file__).with_name("holder.py")
NOBODY = 65534  # some account without any right of its own
DEADLINE_SECONDS = 20.0


def until(true: Callable[[], Any]) -> Any:
    """Wait for the value to be true and give it; fail when it takes too long."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (value := true()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return value


def commands() -> dict[int, str]:
    """The command line of every process of this machine, by process number."""
    found = {}
    if Path("/proc/self/cmdline").exists():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                found[int(path.parent.name)] = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return found
    listed = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        number, _, command = line.strip().partition(" ")
        found[int(number)] = command
    return found


class Holder:
    """One process that holds, or waits to hold, the server of a folder."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def up(self) -> str:
        """Wait until it holds the server, and give the URL of the database `postgres`."""
        return self._answer()["url"]

    def refused(self) -> str:
        """Wait until it was refused, and give the sentence."""
        return self._answer()["refused"]

    def leave(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(DEADLINE_SECONDS) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _answer(self) -> dict[str, str]:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())


class World:
    """Folders of one account, and the processes that hold their servers."""

    def __init__(self, top: Path, python: str, packages: list[Path], uid: int) -> None:
        self.top = top
        self.uid = uid
        self._python = python
        self._script = packages[-1] / "holder.py" if (packages[-1] / "holder.py").exists() else HOLDER
        self._environment = {"PYTHONPATH": os.pathsep.join(map(str, packages)), "PATH": os.defpath}
        self._holders: list[Holder] = []
        self._names: set[str] = set()

    def places(self, name: str = "database") -> Places:
        folder = self.top / name
        self._names.add(name)
        return Places.of(folder) if self.uid == os.geteuid() else Places.inside(folder)

    def hold(self, name: str = "database", *, durable: bool = False) -> Holder:
        other = {} if self.uid == os.geteuid() else {"user": self.uid, "group": self.uid, "extra_groups": []}
        process = subprocess.Popen(
            [self._python, self._script, self.places(name).folder, "durable" if durable else "fast"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
            cwd="/",
            **other,
        )
        self._holders.append(Holder(process))
        return self._holders[-1]

    def processes(self, name: str = "database") -> dict[str, int]:
        """Process numbers of "supervisor", "second" (the one that stands by) and "postmaster", as far as they live."""
        data, found = str(self.places(name).data), {}
        for number, command in sorted(commands().items()):
            if f"-D {data} " in command:
                found.setdefault("postmaster", number)  # a later one is a child that has not renamed itself yet
            elif "supervisor.py" in command and f'"{data}"' in command:
                found["second" if "supervisor" in found else "supervisor"] = number
        return found

    def kill_supervisors(self, name: str = "database") -> None:
        """Kill the one that stands by, then the one that it stands by for."""
        found = self.processes(name)
        for number in (found["second"], found["supervisor"]):
            os.kill(number, signal.SIGKILL)
        until(lambda: not self.supervised(name))

    def stopped(self, name: str = "database") -> bool:
        return not is_held(self.places(name).server_lock) and not self.supervised(name)

    def supervised(self, name: str = "database") -> bool:
        return is_held(self.places(name).supervisor_lock)

    def end_holders(self) -> None:
        """Kill whoever still holds a server, and wait until all servers have stopped."""
        for holder in self._holders:
            holder.kill()
            for end in (holder.process.stdin, holder.process.stdout):
                with contextlib.suppress(OSError):
                    end.close()
        self._holders.clear()
        until(lambda: all(self.stopped(name) for name in self._names))

    def remove(self) -> None:
        for name in self._names:
            postgres.remove(self.top / name)


@pytest.fixture(name="until")
def _until() -> Callable[[Callable[[], Any]], Any]:
    return until


@pytest.fixture(name="commands")
def _commands() -> Callable[[], dict[int, str]]:
    return commands


@pytest.fixture(scope="session")
def _own_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("own"), sys.executable, [HOME], os.geteuid())
    yield world
    world.remove()


@pytest.fixture(scope="session")
def _ordinary_world(_reachable: tuple[str, Path]) -> Iterator[World]:
    python, packages = _reachable
    with tempfile.TemporaryDirectory(prefix="worldloom-", dir="/tmp") as name:
        uid = os.geteuid() or NOBODY
        os.chown(name, uid, -1)
        world = World(Path(name), python, [packages], uid)
        yield world
        world.remove()


@pytest.fixture
def own(_own_world: World) -> Iterator[World]:
    """The account that runs the tests; folders keep their databases from test to test, but nobody holds them."""
    yield _own_world
    _own_world.end_holders()


@pytest.fixture
def ordinary(_ordinary_world: World) -> Iterator[World]:
    """An account that is not root: another one when root runs the tests."""
    yield _ordinary_world
    _ordinary_world.end_holders()


@pytest.fixture(params=["own", "ordinary"])
def world(request: pytest.FixtureRequest) -> World:
    """Both: the story must be the same."""
    if request.param == "ordinary" and os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user already")
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def _reachable() -> Iterator[tuple[str, Path]]:
    """A Python, and a folder with our launcher and PostgreSQL, that every account can reach."""
    with tempfile.TemporaryDirectory(prefix="worldloom-packages-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        site = Path(psycopg.__file__).parents[1]
        skipped = shutil.ignore_patterns("include", "__pycache__")
        for found in [HOME / "embedded", *site.glob(f"{PACKAGE.replace('-', '_')}*")]:
            shutil.copytree(found, folder / found.name, ignore=skipped)
        shutil.copy(HOLDER, folder)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        yield _python_for_all(), folder


def _python_for_all() -> str:
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                [python, "-c", "import sys; assert sys.version_info >= (3, 11)"],
                check=True,
                stderr=subprocess.DEVNULL,
                cwd="/",
                **({} if os.geteuid() else {"user": NOBODY, "group": NOBODY, "extra_groups": []}),
            )
            return python
    pytest.skip("no Python 3.11 that an ordinary user can run")


@pytest.fixture
def run_sql() -> Callable[..., Any]:
    """One statement on a server; gives the first column of the first row, None when there is no row."""

    def run(url: str, statement: str) -> Any:
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    return run
