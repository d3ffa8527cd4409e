"""How long the demo takes, and how many questions its pages ask the database."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.apart import environment, remove_database, told_by
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
            remove_database(folder)
    against = f"{os.cpu_count()} cores, empty data folder (with data: {again:.1f} s)"
    yield Figure("demo-warm", new, "s", against, DEMO_GOAL_SECONDS)


def _timed(command: list[str], folder: str) -> float:
    began = time.monotonic()
    ended = subprocess.run(command, cwd=HOME, env=environment(folder), capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"{' '.join(command)} ended with {ended.returncode}: {ended.stderr.strip()}")
    return time.monotonic() - began


def journey_queries() -> Iterator[Figure]:
    """Counts the questions of the pages that a buyer passes, with the demo's data behind them: the most of a page."""
    queries = told_by("benchmarks.journey")
    against = ", ".join(f"{page} {count}" for page, count in queries.items())
    yield Figure("journey-queries", max(queries.values()), "queries", against, QUERIES_GOAL)


FIGURES: Figures = {"demo-warm": demo_warm, "journey-queries": journey_queries}
