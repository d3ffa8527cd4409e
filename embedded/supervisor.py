"""The process that starts PostgreSQL and stops it after its last user. Runs as a plain file, not as a module.

It imports the standard library only, and all of it before it gives up root, because afterwards it may not be
able to read the folder that Python lies in. `embedded.postgres` starts it with one JSON argument:

    users, supervisor, server    the lock files (see `embedded.places`)
    data, socket                 PostgreSQL's folder and socket
    account                      [uid, gid] to become, or null
    command                      how to start PostgreSQL; empty to watch over the one that runs already
    answer                       a file descriptor: "ready" is written once the server takes connections
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

PATIENCE_SECONDS = 60.0  # for an orderly stop; after it the server is stopped as by a power cut


def main() -> None:
    """Supervise as the task says, with a second process that stands by."""
    task = json.loads(sys.argv[1])
    if os.fork():  # nobody's child: whoever asked for us may live long and never wait for us
        os._exit(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler, unlike SIG_IGN, is not inherited by the server.
        signal.signal(number, lambda *_: None)
    users, supervisor, server, after = _opened(task)
    locks_of_second = _opened(task)
    if task["account"]:
        uid, gid = task["account"]
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    fcntl.flock(supervisor, fcntl.LOCK_EX)  # waits for a former supervisor that is about to end
    data = Path(task["data"])
    server_process = _start(task, data, server) if task["command"] else None
    second = os.fork()
    if second == 0:
        for lock in (users, supervisor, server, after, task["answer"]):
            os.close(lock)
        _stand_by(task, data, *locks_of_second)
    for lock in locks_of_second:
        os.close(lock)
    os.close(server)
    threading.Thread(
        target=_stop_after_last_user, args=(users, data, task["socket"], server_process), daemon=True
    ).start()
    if server_process is None or _wait_until_ready(data, server_process):
        with contextlib.suppress(BrokenPipeError):
            os.write(task["answer"], b"ready")
    os.close(task["answer"])
    if server_process is not None:
        server_process.wait()
    fcntl.flock(after, fcntl.LOCK_EX)  # until the last process of the server has gone
    os.kill(second, signal.SIGKILL)
    os._exit(0)


def _opened(task: dict[str, str]) -> tuple[int, int, int, int]:
    """Open the locks for users, supervisor and server, and the server's once more, each anew."""
    names = ("users", "supervisor", "server", "server")
    users, supervisor, server, after = (os.open(task[name], os.O_RDWR | os.O_CLOEXEC) for name in names)
    return users, supervisor, server, after


def _stand_by(task: dict[str, str], data: Path, users: int, supervisor: int, server: int, after: int) -> None:
    """Take the place of a supervisor that was killed; whoever kills it may have killed the last user as well."""
    os.close(server)
    fcntl.flock(supervisor, fcntl.LOCK_EX)
    threading.Thread(target=_stop_after_last_user, args=(users, data, task["socket"], None), daemon=True).start()
    fcntl.flock(after, fcntl.LOCK_EX)
    os._exit(0)


def _start(task: dict[str, list[str]], data: Path, server: int) -> "subprocess.Popen[bytes]":
    """Start PostgreSQL, which inherits the server lock and so holds it as long as any process of it lives."""
    fcntl.flock(server, fcntl.LOCK_EX)
    # Nothing of a former server lives, so these are leftovers of a crash. PostgreSQL cannot be that sure: it
    # would refuse to start when the number in its old pid file is some other process by now.
    for stale in (data / "postmaster.pid", Path(f"{task['socket']}.lock"), Path(str(task["socket"]))):
        stale.unlink(missing_ok=True)
    return subprocess.Popen(task["command"], stdin=subprocess.DEVNULL, pass_fds=(server,))


def _wait_until_ready(data: Path, server_process: "subprocess.Popen[bytes]") -> bool:
    while server_process.poll() is None:
        if status(data / "postmaster.pid") == "ready":
            return True
        time.sleep(0.005)
    return False


def _stop_after_last_user(
    users: int, data: Path, socket_path: str, server_process: "subprocess.Popen[bytes] | None"
) -> None:
    """Wait for the exclusive lock, then stop the server, holding back new users until it has gone."""
    fcntl.flock(users, fcntl.LOCK_EX)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:  # again and again: a server that is just starting may not have heard the first signal
        number = signal.SIGINT if time.monotonic() < deadline else signal.SIGQUIT
        with contextlib.suppress(OSError, ValueError, IndexError):
            if server_process is not None:
                server_process.send_signal(number)
            elif accepts(socket_path):  # so the pid file is not a leftover that names some other process
                os.kill(int((data / "postmaster.pid").read_text().split("\n")[0]), number)
        time.sleep(0.5)


def status(pid_file: Path) -> str:
    """Give the eighth line of the pid file: "starting", "ready" or "stopping"; "" when there is none."""
    try:
        return pid_file.read_text().split("\n")[7].strip()
    except (OSError, IndexError):
        return ""


def accepts(socket_path: str) -> bool:
    """Tell whether anybody listens on the socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(socket_path)
        except OSError:
            return False
        return True


if __name__ == "__main__":
    main()
