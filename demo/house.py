"""The house of the demo: database, chain, artists, web and worker on one machine, each on a leash."""

import contextlib
import fcntl
import hashlib
import logging
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from demo.worlds.contents import Pack
from demo.worlds.write import is_written, place_of, write
from embedded.leash import Leash, Leashed
from embedded.postgres import ensure_database, server, wait_until_stopped

HOME = Path(__file__).resolve().parent.parent
START_SECONDS = 90
LOG_MAX_BYTES = 10 * 1024**2
ARTISTS = 2


class Unready(Exception):
    """A part of the house did not come up, or ended by itself."""


class House:
    """The running parts. Whatever is started here ends with this process, however that ends."""

    def __init__(self, data: Path, say: Callable[[str], None], parts_lock: int) -> None:
        self.data, self._say, self._parts_lock = data, say, parts_lock
        self._parts: list[Leashed] = []
        self._artists: list[Leashed] | None = None

    def prepare(self, stack: contextlib.ExitStack) -> None:
        """This will bring up database and chain, migrate, build static files and deploy the contracts."""
        chain = None
        if not (self.data / "chain" / "deployment.json").exists():
            self._draw_ahead()
        if not os.environ.get("WORLDLOOM_CHAIN_RPC_URL"):
            (self.data / "chain").mkdir(exist_ok=True)
            (self.data / "chain" / "endpoint").unlink(missing_ok=True)
            chain = self._start("chain", ["-m", "ledger.chain.devchain", "--folder", str(self.data / "chain")])
        if not os.environ.get("DATABASE_URL"):
            self._say("starting PostgreSQL")
            folder = self.data / "postgres"
            stack.callback(wait_until_stopped, folder)
            ensure_database(stack.enter_context(server(folder)), "worldloom")
        import django

        self._say("migrating the database")
        django.setup()
        self._log_to_file()
        from django.core.management import call_command
        from django.db import connections

        stack.callback(connections.close_all)
        call_command("migrate", verbosity=0, interactive=False)
        self._say("building static files and translations")
        call_command("messages", compile=True, verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115
        build_static_files()
        self._say("starting the development chain")
        if chain is not None:
            self._await(lambda: (self.data / "chain" / "endpoint").exists(), chain)
        from django.conf import settings
        from django.utils import timezone

        from ledger.chain.suite_deployment import deploy_suite

        self._say("deploying the contracts")
        deploy_suite(now=timezone.now(), pages=f"{settings.SITE_URL}/releases/")

    def drawn(self, pack: Pack) -> Path:
        """This will give the folder of a pack once it stands there whole."""
        worlds = self.data / "demo-worlds"
        while not is_written(worlds, pack):
            if self._artists is None:
                self._draw_ahead()
            elif all(artist.poll() is not None for artist in self._artists):
                write(worlds, [pack])  # says what is wrong, where an artist could not
            else:
                time.sleep(0.02)
        return place_of(worlds, pack)

    def _draw_ahead(self) -> None:
        """Starts artists in processes of their own: drawing is most of the work, and takes every processor there is."""
        worlds = str(self.data / "demo-worlds")
        self._artists = [
            self._start(f"artist-{number}", ["-m", "demo.worlds.write", worlds, str(number), str(ARTISTS)])
            for number in range(ARTISTS)
        ]

    def serve(self, port: int) -> None:
        """This will start the web server and the worker, and wait until the first page is answered."""
        self._say("starting web and worker")
        granian = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws"]
        granian += ["--workers", "2", "--blocking-threads", "32", "--respawn-failed-workers", "marketplace.wsgi"]
        web = self._start("web", [*granian[:-1], "marketplace.wsgi:application"], WORLDLOOM_DATABASE_POOL="1")
        for name, queue in (("worker", "default"), ("intake", "intake"), ("services", "services")):
            worker = ["manage.py", "procrastinate", "worker", "--queues", queue]
            self._start(name, [*worker, "--delete-jobs", "successful"])
        self._await(lambda: self._answers(f"http://127.0.0.1:{port}/"), web)

    def wait(self) -> str:
        """This will return when a part ends by itself, with a sentence that says which."""
        while True:
            for part in self._parts:
                if part not in (self._artists or []) and part.poll() is not None:
                    return f"the {part.name} ended by itself (log: {self._log_of(part.name)})."
            time.sleep(0.3)

    def stop(self) -> None:
        """This will stop every part, the newest first where one leans on another, and return when all have gone."""
        last = [part for part in self._parts if part.name == "chain"]
        for parts in ([part for part in self._parts if part not in last], last):
            with ThreadPoolExecutor(max_workers=max(1, len(parts))) as pool:
                list(pool.map(Leashed.stop, parts))
        self._parts.clear()

    def _start(self, name: str, words: Sequence[str], **environment: str) -> Leashed:
        log = self._log_of(name)
        with contextlib.suppress(FileNotFoundError):
            if log.stat().st_size > LOG_MAX_BYTES:
                log.replace(log.with_suffix(".before.log"))
        part = Leash.start(
            name,
            [sys.executable, *words],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            cwd=HOME,
            log=log,
            holding=[self._parts_lock],
        )
        self._parts.append(part)
        return part

    def _log_of(self, name: str) -> Path:
        return self.data / "logs" / f"{name}.log"

    def _log_to_file(self) -> None:
        """Sends what our own operations log into a file: the screen belongs to the progress."""
        handler = logging.FileHandler(self._log_of("demo"), encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logging.getLogger().handlers[:] = [handler]

    def _answers(self, url: str) -> bool:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            raise Unready(f"The home page answers {error.code}; see {self._log_of('web')}.") from None
        except OSError:
            return False

    def _await(self, ready: Callable[[], bool], part: Leashed) -> None:
        end = time.monotonic() + START_SECONDS
        while not ready():
            if part.poll() is not None or time.monotonic() > end:
                raise Unready(f"The {part.name} did not come up; see {self._log_of(part.name)}.")
            time.sleep(0.02)


def build_static_files() -> None:
    """This will collect the static files, unless they stand there whole as the sources are now.

    A run that was killed may leave half a file, which looks as new as a whole one: without the stamp, all start anew.
    """
    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders
    from django.core.management import call_command

    (HOME / "build").mkdir(exist_ok=True)
    stamp = HOME / "build" / ".static.stamp"
    with open(HOME / "build" / ".static.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
        for finder in get_finders():
            for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
                told = Path(storage.path(name)).stat()
                digest.update(f"{name} {told.st_size} {told.st_mtime_ns}\n".encode())
        is_whole = stamp.exists() and Path(settings.STATIC_ROOT).is_dir()
        if is_whole and stamp.read_text() == digest.hexdigest():
            return
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", verbosity=0, interactive=False, clear=not is_whole)
        stamp.write_text(digest.hexdigest())
