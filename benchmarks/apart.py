"""Measuring in a process, a data folder and a database of a benchmark's own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figure import Figures

FIGURES: Figures = {}
HOME = Path(__file__).resolve().parent.parent


def told_by(module: str) -> Any:
    """Runs a module of the benchmarks with an empty data folder, and reads the line of JSON that it ends with."""
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        try:
            ended = subprocess.run(
                [sys.executable, "-m", module],
                cwd=HOME,
                env=environment(folder),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        finally:
            remove_database(folder)
    return json.loads(ended.stdout.splitlines()[-1])


def environment(folder: str) -> dict[str, str]:
    """Gives the environment without what names another database or another make."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "MAKEFLAGS", "MAKELEVEL")}
    return kept | {"WORLDLOOM_DATA": folder}


def remove_database(folder: str) -> None:
    """Removes the database of a data folder, which for root lies elsewhere."""
    from embedded.postgres import remove

    remove(Path(folder) / "postgres")
