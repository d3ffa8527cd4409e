"""The site as it is served: granian in processes of its own, as the demo starts it, on the tests' own database."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg.conninfo
from django.db import connection

HOME = Path(__file__).resolve().parents[2]
SECONDS = 60.0


def until(true: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Waits until it is true, and gives what it was."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


class Site:
    """One server, which can be killed and started again on its port."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/portal/uploads/"

    def start(self) -> None:
        database = psycopg.conninfo.make_conninfo(os.environ["DATABASE_URL"], dbname=connection.settings_dict["NAME"])
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--no-ws"),
                *("--port", str(self.port), "--workers", "2", "--blocking-threads", "4"),
                *("--respawn-failed-workers", "marketplace.wsgi:application"),
            ],
            cwd=HOME,
            env={
                **os.environ,
                "DATABASE_URL": database,
                "WORLDLOOM_DATA": str(self.data),
                "WORLDLOOM_DATABASE_POOL": "1",
                "WORLDLOOM_PLAIN_STATIC": "1",
            },
            stdout=(self.data / "web.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until(self._answers)

    def kill(self) -> None:
        """`kill -9` of the server and both its workers."""
        assert self._process
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.data / "web.log").read_text()
        try:
            asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            asked.request("OPTIONS", "/portal/uploads/")
            return asked.getresponse().status == 204
        except OSError:
            return False
