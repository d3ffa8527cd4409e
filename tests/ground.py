"""Loaded by `-p tests.ground` before settings are: translations, a PostgreSQL and a data folder of the run's own."""

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from marketplace.ui.translations import compile_to

MEMORY, ROOM_BYTES = Path("/dev/shm"), 6 * 1024**3


def _room() -> str | None:
    """Names a file system in memory with room for all tests, where nothing waits for a disk; else None."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(MEMORY).free >= ROOM_BYTES and os.access(MEMORY, os.W_OK):
            return str(MEMORY)
    return None


# A run starts dozens of processes that import the same few hundred modules; compiled once, they are there for all.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Workers share the cores already, and numbers as small as ours are quicker in one thread than in two that wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Settings are read on import, so the folder and the server must be there before; parallel workers inherit both.
if "WORLDLOOM_TEST_FOLDER" not in os.environ:
    os.environ["WORLDLOOM_TEST_FOLDER"] = tempfile.mkdtemp(prefix="wl-", dir=_room())
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", os.environ["WORLDLOOM_TEST_FOLDER"])
    atexit.register(shutil.rmtree, os.environ["WORLDLOOM_TEST_FOLDER"], ignore_errors=True)
    for catalog in Path(__file__).resolve().parents[1].glob("locale/*/LC_MESSAGES/django.po"):
        compile_to(catalog)
_FOLDER = Path(os.environ["WORLDLOOM_TEST_FOLDER"])
os.environ["WORLDLOOM_DATA"] = str(_FOLDER / "data")
os.environ["WORLDLOOM_PLAIN_STATIC"] = "1"
_held = contextlib.ExitStack()
if "DATABASE_URL" not in os.environ or "WORLDLOOM_TEST_POSTGRES" in os.environ:
    from embedded.postgres import remove, server

    # Nothing here outlives the run, so nothing waits for the disk.
    if "WORLDLOOM_TEST_POSTGRES" not in os.environ:
        os.environ["WORLDLOOM_TEST_POSTGRES"] = str(_FOLDER / "postgres")
        atexit.register(remove, _FOLDER / "postgres")
    at = _held.enter_context(server(Path(os.environ["WORLDLOOM_TEST_POSTGRES"]), durable=False))
    os.environ["DATABASE_URL"] = at.url("postgres")
    atexit.register(_held.close)
