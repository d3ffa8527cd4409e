"""CPU seconds of a PostgreSQL server process, as the machine counts them."""

import os
from pathlib import Path

from benchmarks.figure import Figures

FIGURES: Figures = {}
_TICKS = os.sysconf("SC_CLK_TCK")


def backend_seconds(pid: int) -> float:
    """This will give what a server process has used, user and system, to a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
