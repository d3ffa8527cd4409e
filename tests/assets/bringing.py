"""How the tests publish and bring files to be compared: inspected and fingerprinted within the test's own process."""

import hashlib
import io
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import numpy as np

from assets import queries
from assets.inspectors.base import Limits
from assets.inspectors.dispatch import inspect_file
from assets.keeping.admitting import keep
from assets.models import Asset
from assets.operations import receive
from assets.originality.base import Match
from assets.originality.compare import Compared, find_matches
from assets.originality.fingerprints import fingerprints_of
from tests.assets.denoiser import LAYERS, Factors
from tests.assets.door import NOW


def published(files: Sequence[tuple[str, bytes]]) -> list[Asset]:
    """Keeps files and fingerprints as intake does, and returns their assets."""
    key = queries.fingerprint_key()
    with ExitStack() as door:
        received = [door.enter_context(receive(stream=io.BytesIO(data), name=name)) for name, data in files]
        passed = [inspect_file(file.path, file.name) for file in received]
        prints = [
            fingerprints_of(file.path, file.name, inspection.facts, key, Limits())
            for file, inspection in zip(received, passed, strict=True)
        ]
        return keep(files=list(zip(received, passed, strict=True)), fingerprints=prints, now=NOW)


def compared(folder: Path, name: str, data: bytes) -> Compared:
    """Returns the file as `find_matches` takes it."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / f"brought-{sha256[:12]}"
    path.write_bytes(data)
    facts = inspect_file(path, name).facts
    return Compared(path, name, facts, sha256, fingerprints_of(path, name, facts, queries.fingerprint_key(), Limits()))


def brought(folder: Path, name: str, data: bytes, exclude: Collection[UUID] = ()) -> list[Match]:
    """Returns what is found of one file."""
    (matches,) = find_matches([compared(folder, name, data)], exclude)
    return matches


def factors(seed: int, rank: int = 8) -> Factors:
    """Returns the factors of a LoRA of its own, by chance."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found: Factors = {}
    for layer in LAYERS:
        rows, columns = (192, 96) if layer.endswith("up") else (96, 192) if layer.endswith("down") else (96, 96)
        up = rng.standard_normal((rows, rank)).astype(np.float32) * np.float32(0.1)
        found[layer] = up, rng.standard_normal((rank, columns)).astype(np.float32)
    return found
