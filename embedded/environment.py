"""The `.venv` of this checkout, holding what a requirements file pins: `python3 environment.py FILE STAMP`.

Run by make with whatever `python3` the machine has, so it must be readable to an older Python, if only to say
that it is too old.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
_UNFINISHED = ROOT / "build" / ".environment.unfinished"
NEEDED = (3, 11)
_NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")


def main() -> None:
    requirements, stamp = Path(sys.argv[1]), Path(sys.argv[2])
    if sys.version_info < NEEDED:
        _again_with_a_newer_python()
    if not _works(VENV / "bin" / "python") and importlib.util.find_spec("ensurepip") is None:
        sys.exit(
            f"{sys.executable} cannot make virtual environments, because its venv module is not complete: "
            "install it (Debian and Ubuntu: apt-get install python3-venv) and run the same command again."
        )
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / ".environment.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make demo` and `make test` may both be the first
        wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
        if _UNFINISHED.exists():  # a run that was killed may have left half a package, which pip takes for a whole one
            shutil.rmtree(VENV, ignore_errors=True)
        if not _works(VENV / "bin" / "python"):
            _make_venv()
        elif stamp.is_file() and stamp.read_text() == wanted:
            stamp.touch()
            return
        _UNFINISHED.touch()
        _install(requirements)
        stamp.write_text(wanted)
        _UNFINISHED.unlink()


def _again_with_a_newer_python() -> None:
    for name in _NAMES:
        path = shutil.which(name)
        if path and _works(Path(path)):
            os.execv(path, [path, *sys.argv])
    sys.exit(
        f"Worldloom needs Python {NEEDED[0]}.{NEEDED[1]} or newer and {sys.executable} is Python "
        f"{sys.version_info[0]}.{sys.version_info[1]}: install a newer one, or name one: make PYTHON=/path/to/it"
    )


def _works(python: Path) -> bool:
    """Tell whether this Python runs (a moved venv does not), is new enough and, if it is the venv's, has pip."""
    asked = f"import sys; sys.exit(sys.version_info < {NEEDED!r})"
    if VENV in python.parents:
        asked = f"import pip, {asked[7:]}"
    try:
        return subprocess.run([str(python), "-c", asked], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def _make_venv() -> None:
    if (VENV / "pyvenv.cfg").exists():
        shutil.rmtree(VENV)
    print("Making .venv …", flush=True)
    if subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False).returncode:
        sys.exit(f"{VENV} could not be made with {sys.executable}; the reason stands above.")


def _install(requirements: Path) -> None:
    print(f"Installing {requirements.name} into .venv (about a minute the first time) …", flush=True)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
    if subprocess.run([*pip, "install", "--require-hashes", "-r", str(requirements)], check=False).returncode:
        sys.exit(f"{requirements.name} could not be installed; the reason stands above.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
