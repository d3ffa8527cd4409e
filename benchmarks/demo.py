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
    """Times `make demo CHECK=1` with everything installed: on an empty data folder, then on the same again."""
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        environment = _environment(folder)
        try:
            for name in ("demo-warm (new data)", "demo-warm (same data)"):
                began = time.monotonic()
                ended = subprocess.run(
                    ["make", "--no-print-directory", "demo", "CHECK=1"],
                    cwd=HOME,
                    env=environment,
                    capture_output=True,
                    text=True,
                )
                if ended.returncode:
                    sys.exit(f"make demo CHECK=1 ended with {ended.returncode}: {ended.stderr.strip()}")
                seconds = time.monotonic() - began
                yield Figure(name, seconds, "s", f"{os.cpu_count()} cores", DEMO_GOAL_SECONDS)
        finally:
            _remove(folder)


def journey_queries() -> Iterator[Figure]:
    """Counts the questions of the pages that a buyer passes, with the demo's data behind them."""
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
    for page, queries in json.loads(counted.stdout.splitlines()[-1]).items():
        yield Figure(f"journey-queries ({page})", queries, "queries", "8 packs, signed in", QUERIES_GOAL)


def _environment(folder: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "MAKEFLAGS", "MAKELEVEL")}
    return kept | {"WORLDLOOM_DATA": folder}


def _remove(folder: str) -> None:
    """Removes the database of a data folder, which for root lies elsewhere."""
    from embedded.postgres import remove

    remove(Path(folder) / "postgres")


FIGURES: Figures = {"demo-warm": demo_warm, "journey-queries": journey_queries}
