"""The demo as a process: however it ends nothing is left running, and the next one goes on with the same data."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded import postgres
from embedded.places import Places, is_held

HOME = Path(__file__).resolve().parents[2]
SECONDS = 120.0
GONE_SECONDS = 15.0
RUNS = re.compile(r"runs at (\S+)  \((.+)\)")

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to see what is left")


def until(true: Callable[[], Any], seconds: float = SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return value


class Demo:
    """Demos on one data folder, one after the other, and what they say."""

    def __init__(self, data: Path, module: str) -> None:
        self.data, self._module, self._said = data, module, data.with_suffix(".said")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WORLDLOOM_", "DATABASE_"))}
        with open(self._said, "wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._module, *words],
                cwd=HOME,
                env={**kept, "WORLDLOOM_DATA": str(self.data), "WORLDLOOM_PLAIN_STATIC": "1"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def said(self) -> str:
        return self._said.read_text()

    def hear(self, pattern: str) -> "re.Match[str]":
        """Wait until the demo says it; fails at once when it ends before."""
        assert self.process
        found = until(lambda: re.search(pattern, self.said()) or self.process.poll() is not None)
        found = re.search(pattern, self.said())
        assert found, f"it ended without saying {pattern}: {self.said()}"
        return found

    def end(self, number: int) -> int:
        """Send the signal, and give the exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def left(self) -> list[str]:
        """Command lines of what runs for this folder, PostgreSQL aside, which hides its environment."""
        mark, found = f"WORLDLOOM_DATA={self.data}\0".encode(), []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in environment.read_bytes():
                    found.append(environment.with_name("cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found

    def is_gone(self) -> bool:
        return not self.left() and not is_held(Places.of(self.data / "postgres").server_lock)

    def close(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
        until(self.is_gone, GONE_SECONDS)
        postgres.remove(self.data / "postgres")


@pytest.fixture
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Demo]:
    made = Demo(tmp_path / "demo", getattr(request, "param", "tests.demo.small"))
    yield made
    made.close()


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.deep
def test_one_demo_after_the_other_goes_on_with_the_same_data_and_leaves_nothing_running(demo: Demo) -> None:
    port = free_port()
    demo.start("--port", port)
    base, outcome = demo.hear(RUNS.pattern).groups()
    assert base == f"http://127.0.0.1:{port}/"
    assert outcome == "packs=2 grants=4 entries=31 anchors=1 paid_minor: USD=18002"
    second = Demo(demo.data, "tests.demo.small")
    second._said = demo.data.with_suffix(".second")
    second.start()
    assert second.process.wait(SECONDS) == 1
    assert second.said() == (
        f"demo failed: another demo runs on {demo.data}: stop it first, or set WORLDLOOM_DATA to another folder.\n"
    )
    assert demo.end(signal.SIGINT) == 0
    assert demo.said().endswith("Stopped. Nothing is left running; `make demo` continues with the same data.\n")
    until(demo.is_gone, GONE_SECONDS)  # the kernel takes a moment to bury the last of them

    demo.start("--port", port)
    assert demo.hear(RUNS.pattern).group(2) == outcome
    demo.end(signal.SIGKILL)
    # Nobody waits before typing the same again.
    demo.start("--port", port)
    assert demo.hear(RUNS.pattern).group(2) == outcome
    demo.end(signal.SIGKILL)
    until(demo.is_gone, GONE_SECONDS)


def test_what_goes_wrong_is_one_sentence_with_the_step_and_the_log(demo: Demo) -> None:
    (demo.data / "keys").mkdir(parents=True)
    (demo.data / "chain").write_text("not a folder")
    demo.start("--check")
    assert demo.process.wait(SECONDS) == 1
    last = demo.said().splitlines()[-1]
    log = demo.data / "logs" / "demo.log"
    assert (
        last
        == f"demo failed at “the start”: FileExistsError: [Errno 17] File exists: '{demo.data}/chain' (log: {log})."
    )
    assert "Traceback" not in demo.said()
    assert "Traceback" in log.read_text()


def test_a_port_that_is_taken_is_said_at_once(demo: Demo) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo.start("--port", str(port))
        assert demo.process.wait(SECONDS) == 1
    assert demo.said() == (
        f"demo failed: port {port} cannot be used (Address already in use): stop what uses it, "
        f"or run `make demo PORT={port + 1}`.\n"
    )


@pytest.mark.deep
@pytest.mark.parametrize("demo", ["demo"], indirect=True)
def test_the_whole_demo_killed_in_nine_places_comes_to_its_end(demo: Demo) -> None:
    steps = ["migrating", "building", "deploying", "people", "publishes neon-harbor", "publishes yunhai-night"]
    for step in [*steps, "licenses bob/ink-neon", "creators are paid", "starting web"]:
        demo.start("--check")
        demo.hear(step)
        demo.end(signal.SIGKILL)
    demo.start("--check")
    assert demo.process.wait(SECONDS) == 0, demo.said()
    ended = r"^demo ok: packs=8 grants=8 entries=120 anchors=1 paid_minor: USD=177930 in [0-9.]+ s$"
    assert re.match(ended, demo.said().splitlines()[-1])
