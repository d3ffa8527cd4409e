"""Commands that end with the process that started them, however that ends: `kill -9` included.

    web = Leash.start("web", ["granian", "marketplace.wsgi:application"], log=Path(".data/web.log"))
    ...
    web.stop(grace_seconds=5)

A second process of this file stands between: it holds one end of a socket pair whose other end only the
parent has, so the kernel tells it at once when the parent is gone. It then ends the command's whole process
group, with all that the command forked. Processes that leave the group (setsid) slip the leash.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_SECONDS = 10.0
_SIGNALLED = 128  # a command that a signal ended exits like a shell says it: 128 + the signal's number


class UnableToLeash(Exception):
    """Raised when a command could not be started; carries its name and the reason."""

    code = "unable-to-leash"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name} could not be started: {self.reason}."


class Leashed:
    """A command that runs on a leash."""

    def __init__(self, name: str, pid: int, process: "subprocess.Popen[bytes]", line: socket.socket) -> None:
        self.name = name
        self.pid = pid
        self._process = process
        self._line = line

    def poll(self) -> int | None:
        """Give the exit code once the command and all that it forked have gone, else None.

        A command that a signal ended has 128 + its number.
        """
        code = self._process.poll()
        if code is None:
            return None
        _let_go(self)
        if code < 0:  # the leash itself was killed, so we do its work
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            return _SIGNALLED - code
        return code

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> int:
        """Ask the group to end (SIGTERM), kill what is left of it after the grace, and give the exit code."""
        with contextlib.suppress(OSError):
            self._line.sendall(f"{grace_seconds}\n".encode())
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds + 10)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        code = self.poll()
        assert code is not None
        return code


class Leash:
    """Starts commands on a leash."""

    @staticmethod
    def start(
        name: str,
        argv: Sequence[str | os.PathLike[str]],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        *,
        log: Path,
        grace_seconds: float = GRACE_SECONDS,
        holding: Sequence[int] = (),
    ) -> Leashed:
        """Start the command, with its output added to the log and nothing to read.

        It runs in a session of its own: a Ctrl-C in the terminal reaches this process alone, which decides. The
        grace is what it gets when this process dies; `stop` names its own. The leash inherits the descriptors in
        `holding` and closes them after the last of the group: a lock behind one tells when all is over.
        Raises UnableToLeash.
        """
        ours, theirs = socket.socketpair()
        words = [os.fspath(word) for word in argv]
        task = json.dumps({"line": theirs.fileno(), "argv": words, "grace_seconds": grace_seconds})
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with theirs, open(log, "ab") as output:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__, task],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=env,
                    cwd=cwd,
                    pass_fds=(theirs.fileno(), *holding),
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise UnableToLeash(name, _words(error)) from error
        answer = json.loads(_line_from(ours) or '{"error": "its leash was killed"}')
        if "error" in answer:
            process.wait()
            ours.close()
            raise UnableToLeash(name, answer["error"])
        leashed = Leashed(name, answer["pid"], process, ours)
        _leashed.add(leashed)
        return leashed


# A fork without exec would inherit our ends and keep the commands alive after we are gone.
_leashed: set[Leashed] = set()
os.register_at_fork(after_in_child=lambda: _let_go(*_leashed))


def _let_go(*leashed: Leashed) -> None:
    for one in leashed:
        one._line.close()
    _leashed.difference_update(leashed)


def main() -> None:
    """Be the leash: start the command, wait for its end or for the parent's, then end its group."""
    task = json.loads(sys.argv[1])
    line = socket.socket(fileno=task["line"])
    line.set_inheritable(False)
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # a handler wakes the select below and is not inherited
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # or the command's orphans stay as zombies where init does not reap
    try:
        command = _Command(task["argv"])
    except (OSError, subprocess.SubprocessError) as error:
        line.sendall(json.dumps({"error": _words(error)}).encode() + b"\n")
        sys.exit(1)
    with contextlib.suppress(OSError):
        line.sendall(json.dumps({"pid": command.pid}).encode() + b"\n")
    grace_seconds = task["grace_seconds"]
    while command.exit_code is None:
        readable = select.select([line.fileno(), wake], [], [])[0]
        command.reap()
        if line.fileno() in readable:  # the parent says how to stop, or has gone
            with contextlib.suppress(OSError, ValueError):
                grace_seconds = float(_line_from(line))
            break
        if set(os.read(wake, 64)) != {signal.SIGCHLD}:
            break
    command.end_group(grace_seconds)
    os._exit(command.exit_code if command.exit_code is not None else _SIGNALLED + signal.SIGKILL)


class _Command:
    """The command and its group, as the leash sees them."""

    def __init__(self, argv: list[str]) -> None:
        # With the prctl even a killed leash takes its command along; elsewhere `Leashed.poll` sees to that.
        self._process = subprocess.Popen(
            argv, start_new_session=True, preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        )
        self.pid = self._process.pid
        self.exit_code: int | None = None

    def reap(self) -> None:
        """Reap whatever ended, adopted orphans too, and note how the command itself did."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.pid:
                    code = os.waitstatus_to_exitcode(ended[1])
                    self.exit_code = code if code >= 0 else _SIGNALLED - code

    def end_group(self, grace_seconds: float) -> None:
        """Send SIGTERM, after the grace SIGKILL, and return when the group is empty.

        The kernel gives the group's number to nobody else while a member lives.
        """
        deadline = time.monotonic() + grace_seconds
        last = deadline + 5  # only a process that hangs in the kernel outlives that
        number = signal.SIGTERM
        # macOS says PermissionError of a group that has only zombies left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
            while time.monotonic() < last:
                self.reap()
                if number == signal.SIGTERM and time.monotonic() >= deadline:
                    number = signal.SIGKILL
                    os.killpg(self.pid, number)
                os.killpg(self.pid, 0)
                time.sleep(0.01)
        self.reap()


def _line_from(line: socket.socket) -> str:
    """Read up to the first newline; "" when the other side is gone."""
    said = b""
    while not said.endswith(b"\n") and (some := line.recv(4096)):
        said += some
    return said.decode()


def _words(error: Exception) -> str:
    return f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)


_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork


def _prctl(option: int, value: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main()
