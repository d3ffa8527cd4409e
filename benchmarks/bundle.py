"""How much more than one SHA-256 pass it costs to verify a bundle of a gigabyte."""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, Figures

GOAL = 1.5
SIZE_BYTES = 1 << 30
FILES = 8
ROUNDS = 3


def verify_bundle() -> Iterator[Figure]:
    """Times `ledger/verify.py` and a plain SHA-256 pass on the same zip, in turns, and compares the best of each."""
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        path = _bundle(Path(folder) / "bundle.zip")
        plain, verified = [], []
        for _round in range(ROUNDS):
            plain.append(_hashed(path))
            verified.append(_verified(path))
        size = path.stat().st_size
    against = f"one SHA-256 pass over the same {size / 1e9:.2f} GB ({min(plain):.2f} s), start of Python included"
    yield Figure("verify-bundle", min(verified) / min(plain), "×", against, GOAL)


def _hashed(path: Path) -> float:
    began = time.perf_counter()
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return time.perf_counter() - began


def _verified(path: Path) -> float:
    began = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-m", "ledger.verify", str(path), "--json"], capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - began
    if not json.loads(ran.stdout)["ok"]:
        sys.exit(f"The bundle does not verify: {ran.stdout}")
    return took


def _bundle(path: Path) -> Path:
    """Writes a bundle as licensees get it, its members stored, around files of bytes that do not repeat soon."""
    from tests.ledger.makers import BundleMaker

    block = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(1 << 15))
    content = block * (SIZE_BYTES // FILES // len(block))
    files = {f"models/{number}.safetensors": content for number in range(FILES)}
    members = BundleMaker(files=files, credential=True, creator_key={}, for_others={}).members()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return path


FIGURES: Figures = {"verify-bundle": verify_bundle}
