"""How long the demo takes, and how many questions its pages ask the database."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, Figures

HOME = Path(__file__).resolve().parent.parent
DEMO_GOAL_SECONDS = 60
QUERIES_GOAL = 25


def demo_warm() -> Iterator[Figure]:
    """Times `make demo CHECK=1` with everything installed: on an empty data folder, and on the same data again."""
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        try:
            new, again = (_timed(["make", "--no-print-directory", "demo", "CHECK=1"], folder) for _ in range(2))
        finally:
            _remove(folder)
    against = f"{os.cpu_count()} cores, empty data folder (with data: {again:.1f} s)"
    yield Figure("demo-warm", new, "s", against, DEMO_GOAL_SECONDS)


def _timed(command: list[str], folder: str) -> float:
    began = time.monotonic()
    ended = subprocess.run(command, cwd=HOME, env=_environment(folder), capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"{' '.join(command)} ended with {ended.returncode}: {ended.stderr.strip()}")
    return time.monotonic() - began


def journey_queries() -> Iterator[Figure]:
    """Counts the questions of the pages that a buyer passes, with the demo's data behind them: the most of a page."""
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        try:
            counted = subprocess.run(
                [sys.executable, "-m", "benchmarks.journey"],
                cwd=HOME,
                env=_environment(folder),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        finally:
            _remove(folder)
    queries = json.loads(counted.stdout.splitlines()[-1])
    against = ", ".join(f"{page} {count}" for page, count in queries.items())
    yield Figure("journey-queries", max(queries.values()), "queries", against, QUERIES_GOAL)


def _environment(folder: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "MAKEFLAGS", "MAKELEVEL")}
    return kept | {"WORLDLOOM_DATA": folder}


def _remove(folder: str) -> None:
    """Removes the database of a data folder, which for root lies elsewhere."""
    from embedded.postgres import remove

    remove(Path(folder) / "postgres")


FIGURES: Figures = {"demo-warm": demo_warm, "journey-queries": journey_queries}
