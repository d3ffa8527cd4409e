"""How many stolen LoRAs are recognized, and how many innocent ones are taken for stolen."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from assets.inspectors.base import Limits
from assets.originality import index_rows, sketch, unmix, weights
from assets.originality.base import WEIGHTS_SKETCH
from assets.originality.sketch import Sketch
from benchmarks.figure import Figure, Figures
from benchmarks.trained_set import Study, TrainedSet, innocent_pairs, trained_set, workers
from tests.assets import loras

RECALL_GOAL, FALSE_GOAL = 0.95, 0
KEY = b"the key of this measurement, 32 b"
STRANGERS = 5_000
FAINT = " 0.1"
"""Merges at this weight are told apart: how low a weight is found is a finding, no promise."""
_MOST_PROOFS = 16
_LIMITS = Limits()


class Outcome(NamedTuple):
    """For each attack how many pairs of a stolen file and its source were found, and of how many; false matches."""

    found: Counter[str]
    pairs: Counter[str]
    false: Counter[str]
    innocent: Counter[str]


class Registry:
    """What is published: the trained set, and five thousand unrelated sketches around it."""

    def __init__(self, folder: Path, trained: TrainedSet) -> None:
        self.folder = folder
        self.studies = list(trained.trained)
        self.paths = [written(folder / f"{at}", loras.kohya(trained.trained[s])) for at, s in enumerate(self.studies)]
        values = [self.print_of(path) for path in self.paths]
        self.sketches = [sketch.read_sketch(value) for value in values]
        self.key_id = self.sketches[0].key_id
        rows = [index_rows.rows_of(WEIGHTS_SKETCH, value, self.key_id) for value in values]
        self.rows = np.concatenate([*rows, _strangers(rows[0].shape[1])])

    def print_of(self, path: Path) -> bytes:
        with path.open("rb") as file:
            return next(p.value for p in weights.prints_of(file, KEY, _LIMITS) if p.kind == WEIGHTS_SKETCH)

    def matches(self, file: bytes) -> set[Study]:
        """Returns whom a file is found to be made from: searched, then proven on the files."""
        path = written(self.folder / f"query-{os.getpid()}", file)
        mine = sketch.read_sketch(self.print_of(path))
        return {self.studies[at] for at in self._likest(mine) if is_proven(path, self.paths[at])}

    def _likest(self, mine: Sketch) -> list[int]:
        """Returns those worth a proof, as the product chooses them: the likest, and what their mixture leaves."""
        known = set(self._candidates(mine.units))
        order = sorted(known)
        sources = unmix.unmix(mine, [self.sketches[at] for at in order], len(self.rows))
        if sources:
            explained = np.stack([self.sketches[order[at]].units for at, _weight in sources])
            left = unmix.residual(mine.units, explained)
            lengths = np.linalg.norm(left, axis=1, keepdims=True)
            known |= set(self._candidates(np.where(lengths > 0.05, left / np.maximum(lengths, 1e-6), 0)))
        order = sorted(known)
        sources = unmix.unmix(mine, [self.sketches[at] for at in order], len(self.rows))
        likest = np.abs(sketch.likeness(mine.units, [self.sketches[at].units for at in order])).max(axis=1)
        enough = unmix.stop_of(len(self.rows))
        near = [int(at) for at in np.argsort(-likest, kind="stable")[:_MOST_PROOFS] if likest[at] >= enough]
        return [order[at] for at in dict.fromkeys([*(at for at, _weight in sources), *near])]

    def _candidates(self, units: np.ndarray) -> list[int]:
        at, _nearness = index_rows.like_sketches(self.rows, units.astype(np.float32))
        return [int(row) for row in at if row < len(self.studies)]


def _strangers(width: int) -> np.ndarray:
    """Returns rows of the index that random sketches have."""
    rng = np.random.Generator(np.random.PCG64(9))
    return np.rint(rng.standard_normal((STRANGERS, width), np.float32) * 127 / 5.5).astype(np.int8).view(np.uint8)


def written(path: Path, file: bytes) -> Path:
    path.write_bytes(file)
    return path


def is_proven(path: Path, other: Path) -> bool:
    """Says whether one file is found to be made from the other."""
    return weights.judge(weights.evidence_of(path, "", other, "", _LIMITS)) is not None


@lru_cache(maxsize=1)
def outcome() -> Outcome:
    """This will train, steal, search and prove."""
    found, pairs, false, innocent = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder, workers() as pool:
        trained = trained_set(pool)
        registry = Registry(Path(folder), trained)
        stolen = list(trained.stolen())
        for one, matches in zip(stolen, pool.map(registry.matches, [s.file for s in stolen], chunksize=8), strict=True):
            # Of a faint merge the faint part alone counts: the rest is all but a copy.
            sources = one.sources[:1] if one.attack.endswith(FAINT) else one.sources
            found[one.attack] += len(matches & set(sources))
            pairs[one.attack] += len(sources)
            false[f"stolen ({one.attack})"] += len(matches - set(one.sources))
        strangers = list(innocent_pairs(trained))
        sides = [[registry.paths[registry.studies.index(pair[side])] for pair in strangers] for side in (1, 2)]
        for (why, *_pair), proven in zip(strangers, pool.map(is_proven, *sides, chunksize=32), strict=True):
            innocent[why] += 1
            false[why] += proven
    return Outcome(found, pairs, false, innocent)


def recall() -> Iterator[Figure]:
    """Measures the share of stolen files' sources that are found, through files, prints, search and proof."""
    result = outcome()
    told = [attack for attack in result.pairs if not attack.endswith(FAINT)]
    total = sum(result.pairs[attack] for attack in told)
    faint = [attack for attack in result.pairs if attack.endswith(FAINT)]
    parts = [f"{attack} {result.found[attack]}/{result.pairs[attack]}" for attack in told + faint]
    against = f"{total} pairs among {STRANGERS} strangers: {', '.join(parts)} (0.1 not counted)"
    yield Figure("lora-recall", sum(result.found[a] for a in told) / total, "share", against, RECALL_GOAL, True)


def false_matches() -> Iterator[Figure]:
    """Counts who is taken for a source and is none: among innocents, each with each, and beside stolen files."""
    result = outcome()
    parts = [f"{why} {result.false[why]}/{count}" for why, count in result.innocent.items()]
    parts += [f"{why} {count}" for why, count in result.false.items() if count and why not in result.innocent]
    yield Figure("lora-false", sum(result.false.values()), "pairs", ", ".join(parts), FALSE_GOAL)


FIGURES: Figures = {"lora-recall": recall, "lora-false": false_matches}
