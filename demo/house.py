"""The house of the demo: database, chain, web and worker on one machine, each on a leash."""

import contextlib
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from embedded.leash import Leash, Leashed
from embedded.postgres import ensure_database, server

HOME = Path(__file__).resolve().parent.parent
START_SECONDS = 60
Say = Callable[[str], None]


class Unready(Exception):
    """A part of the house did not come up."""


class House:
    """The running parts; `wait` returns when one of them ends by itself."""

    def __init__(self, parts: Sequence[Leashed]) -> None:
        self.parts = parts

    def wait(self) -> None:
        while all(part.poll() is None for part in self.parts):
            time.sleep(0.5)


def prepare(data: Path, stack: contextlib.ExitStack, say: Say) -> None:
    """This will bring up database and chain, migrate, build static files and deploy the contract."""
    if not os.environ.get("DATABASE_URL"):
        say("starting PostgreSQL")
        ensure_database(stack.enter_context(server(data / "postgres")), "worldloom")
    chain = None
    if not os.environ.get("WORLDLOOM_CHAIN_RPC_URL"):
        say("starting the development chain")
        (data / "chain").mkdir(exist_ok=True)
        (data / "chain" / "endpoint").unlink(missing_ok=True)
        command = [sys.executable, "-m", "ledger.chain.devchain", "--folder", str(data / "chain")]
        chain = Leash.start("chain", command, cwd=HOME, log=data / "logs" / "chain.log")
        stack.callback(chain.stop)
    import django

    django.setup()
    from django.core.management import call_command

    say("migrating the database")
    call_command("migrate", verbosity=0, interactive=False)
    call_command("messages", compile=True, verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    if chain is not None:
        _await(lambda: (data / "chain" / "endpoint").exists(), chain, data)
    say("deploying the contract")
    from django.utils import timezone

    from ledger.chain.deployment import deploy_anchor

    deploy_anchor(now=timezone.now())


def serve(data: Path, port: int, stack: contextlib.ExitStack, say: Say) -> House:
    """This will start the web server and the worker, and wait until the first page is answered."""
    say("starting web and worker")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "WORLDLOOM_DATABASE_POOL": "1"}
    web = Leash.start(
        "web",
        [
            *[
                sys.executable,
                "-m",
                "granian",
                "--interface",
                "wsgi",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ],
            *["--workers", "2", "--blocking-threads", "4", "--no-ws", "marketplace.wsgi:application"],
        ],
        env=environment,
        cwd=HOME,
        log=data / "logs" / "web.log",
    )
    stack.callback(web.stop)
    worker = Leash.start(
        "worker",
        [sys.executable, "manage.py", "procrastinate", "worker", "--delete-jobs", "successful"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        cwd=HOME,
        log=data / "logs" / "worker.log",
    )
    stack.callback(worker.stop)
    _await(lambda: _answers(f"http://127.0.0.1:{port}/"), web, data)
    return House([web, worker])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        raise Unready(f"The home page answers {error.code}; see .data/logs/web.log.") from None
    except OSError:
        return False


def _await(ready: Callable[[], bool], part: Leashed, data: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not ready():
        if part.poll() is not None or time.monotonic() > end:
            raise Unready(f"The {part.name} did not come up; see {data / 'logs' / (part.name + '.log')}.")
        time.sleep(0.05)
