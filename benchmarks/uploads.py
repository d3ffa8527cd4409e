"""How fast 2 GB go up through tus, against a bare copy-and-hash of the same file, and how much memory that takes.

`python -m benchmarks.uploads` does it on an empty data folder and prints what it measured as one line of JSON.
"""

import contextlib
import functools
import hashlib
import http.client
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.apart import told_by
from benchmarks.figure import Figure, Figures

HOME = Path(__file__).resolve().parent.parent
SIZE_BYTES = int(os.environ.get("WORLDLOOM_BENCH_UPLOAD_BYTES", 2 * 10**9))
ROUNDS = 3
THROUGHPUT_GOAL = 0.7
MEMORY_GOAL_MB = 150
_CHUNK_BYTES = 1024 * 1024


def upload_throughput() -> Iterator[Figure]:
    """Compares a PATCH of 2 GB over loopback with reading, hashing and writing the same file and waiting for the disk.

    Both wait until the bytes are on the disk; the sender, which takes its share of the same processors, is counted in.
    """
    told = _measured()
    against = (
        f"tus {told['upload_mb_s']:.0f} MB/s, copy-and-hash {told['copy_mb_s']:.0f} MB/s"
        f" (medians of {ROUNDS}, {SIZE_BYTES / 10**9:g} GB), {os.cpu_count()} cores"
    )
    yield Figure("upload-throughput", told["ratio"], "of copy-and-hash", against, THROUGHPUT_GOAL, at_least=True)


def upload_memory() -> Iterator[Figure]:
    """Takes the highest resident memory of the server's worker during those uploads, less what it had before them."""
    told = _measured()
    against = f"idle {told['idle_mb']:.0f} MB, {SIZE_BYTES / 10**9:g} GB"
    yield Figure("upload-memory", told["above_idle_mb"], "MB above idle", against, MEMORY_GOAL_MB)


@functools.cache
def _measured() -> dict[str, float]:
    """Measures in a process of its own, because settings are read once."""
    told: dict[str, float] = told_by("benchmarks.uploads")
    return told


def main() -> None:
    """This will bring up database and server, upload, copy, and print what that took."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    os.environ["WORLDLOOM_PLAIN_STATIC"] = "1"
    from embedded.postgres import ensure_database, server

    data = Path(os.environ["WORLDLOOM_DATA"])
    with contextlib.ExitStack() as stack:
        ensure_database(stack.enter_context(server(data / "postgres")), "worldloom")
        key = _creators_key(stack)
        source = data / "source"
        _fill(source)
        port = _served(data, stack)
        print(json.dumps(_compare(source, data, port, key)))


def _creators_key(stack: contextlib.ExitStack) -> str:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections
    from django.utils import timezone

    from marketplace.people import operations as people

    stack.callback(connections.close_all)
    call_command("migrate", verbosity=0, interactive=False)
    now = timezone.now()
    alice = people.sign_up(email="alice@example.com", password=secrets.token_hex(), display_name="Alice", now=now)
    creator = people.become_creator(person=alice, handle="alice", now=now)
    return people.issue_creator_key(creator=creator, name="benchmark", now=now)[1]


def _fill(path: Path) -> None:
    """Writes bytes that nothing can compress, a block of them again and again under a running number."""
    block = os.urandom(_CHUNK_BYTES - 8)
    with path.open("wb") as file:
        for number in range(SIZE_BYTES // _CHUNK_BYTES + 1):
            file.write((number.to_bytes(8, "big") + block)[: SIZE_BYTES - number * _CHUNK_BYTES])
        file.flush()
        os.fsync(file.fileno())


def _served(data: Path, stack: contextlib.ExitStack) -> int:
    """Starts the server as the demo does, and gives its port once it answers."""
    from embedded.leash import Leash

    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    words = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws"]
    words += ["--workers", "2", "--blocking-threads", "4", "marketplace.wsgi:application"]
    web = Leash.start(
        "web",
        [sys.executable, *words],
        env={**os.environ, "WORLDLOOM_DATABASE_POOL": "1"},
        cwd=HOME,
        log=data / "web.log",
    )
    stack.callback(web.stop)
    for _try in range(600):
        with contextlib.suppress(OSError):
            http.client.HTTPConnection("127.0.0.1", port, timeout=60).request("OPTIONS", "/portal/uploads/")
            return port
        time.sleep(0.1)
    raise SystemExit(f"The server did not come up; see {data / 'web.log'}.")


def _compare(source: Path, data: Path, port: int, key: str) -> dict[str, float]:
    """Copies and uploads by turns; the first round of each, a small one, only warms up."""
    for _worker in range(8):
        _upload(source, port, key, _CHUNK_BYTES)
    workers = _workers()
    idle = {pid: _memory_kb(pid, "VmRSS") for pid in workers}
    for pid in workers:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the highest mark starts anew (proc(5))
    copies, uploads = [], []
    for _round in range(ROUNDS):
        copies.append(_copy(source, data / "copy"))
        uploads.append(_upload(source, port, key, SIZE_BYTES))
    above = {pid: _memory_kb(pid, "VmHWM") - idle[pid] for pid in workers}
    busiest = max(above, key=above.__getitem__)
    return {
        "copy_mb_s": SIZE_BYTES / median(copies) / 10**6,
        "upload_mb_s": SIZE_BYTES / median(uploads) / 10**6,
        "ratio": median(copies) / median(uploads),
        "above_idle_mb": above[busiest] * 1024 / 10**6,
        "idle_mb": idle[busiest] * 1024 / 10**6,
    }


def _copy(source: Path, target: Path) -> float:
    """Gives the seconds that reading, hashing and writing take, with the bytes on the disk at the end."""
    began = time.monotonic()
    digest = hashlib.sha256()
    with source.open("rb", buffering=0) as read, target.open("wb", buffering=0) as write:
        while chunk := read.read(_CHUNK_BYTES):
            digest.update(chunk)
            write.write(chunk)
        os.fsync(write.fileno())
    took = time.monotonic() - began
    target.unlink()
    return took


def _upload(source: Path, port: int, key: str, size_bytes: int) -> float:
    """Gives the seconds from the creation to the acknowledgement of the last byte; the upload is removed after that."""
    always = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {key}"}
    began = time.monotonic()
    created = _ask(port, "POST", "/portal/uploads/", always | {"Upload-Length": str(size_bytes)} | _NAMED)
    at = created.headers["Location"]
    with socket.create_connection(("127.0.0.1", port)) as line, source.open("rb") as file:
        headers = always | {
            "Host": f"127.0.0.1:{port}",
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(size_bytes),
            "Upload-Offset": "0",
        }
        lines = [f"PATCH {at} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        line.sendall("\r\n".join([*lines, "", ""]).encode())
        line.sendfile(file, 0, size_bytes)
        answer = http.client.HTTPResponse(line)
        answer.begin()
        took = time.monotonic() - began
        if (answer.status, answer.headers["Upload-Offset"]) != (204, str(size_bytes)):
            raise SystemExit(f"The upload was answered with {answer.status}.")
    _ask(port, "DELETE", at, always)
    return took


_NAMED = {"Upload-Metadata": "filename aW5rLnNhZmV0ZW5zb3Jz"}


def _ask(port: int, method: str, at: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    to = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    to.request(method, at, headers=headers)
    answer = to.getresponse()
    answer.read()
    if answer.status not in (201, 204):
        raise SystemExit(f"{method} {at} was answered with {answer.status}.")
    return answer


def _workers() -> list[int]:
    """Gives the processes that this one started, and theirs, and so on, that serve."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(status.parent.name)] = int(status.read_text().rsplit(")", 1)[1].split()[1])
    found = []
    for pid in parents:
        above: Any = pid
        while above in parents and above != os.getpid():
            above = parents[above]
        with contextlib.suppress(OSError):
            if above == os.getpid() and b"granian" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def _memory_kb(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


FIGURES: Figures = {"upload-throughput": upload_throughput, "upload-memory": upload_memory}

if __name__ == "__main__":
    main()
