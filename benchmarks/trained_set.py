"""A trained set of toy LoRAs, stolen copies of them, and who owes whom nothing; made anew in every run."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations
from multiprocessing import get_context

import numpy as np

from benchmarks.figure import Figures
from tests.assets import denoiser, loras
from tests.assets.denoiser import SUBJECTS, Factors, Study

FIGURES: Figures = {}  # `benchmarks.originality_weights` measures on this

COMMON_SEED = 42
_BASE_SEED, _BASE_STEPS = 9, 700
_FURTHER = (0.1, 0.5, 1.0)


@dataclass(frozen=True)
class Stolen:
    """A file made from others: what was done, and from which studies."""

    attack: str
    file: bytes
    sources: tuple[Study, ...]


@dataclass(frozen=True)
class TrainedSet:
    """Adapters by study, those that were stolen and trained further, and which studies are stolen from."""

    trained: Mapping[Study, Factors]
    further: tuple[tuple[str, Study, Factors], ...]
    victims: tuple[Study, ...]

    def stolen(self) -> Iterator[Stolen]:
        """Yields every stolen copy; of a merge both parts are sources."""
        rng = np.random.Generator(np.random.PCG64(3))
        for index, victim in enumerate(self.victims):
            factors = self.trained[victim]
            for attack, file in loras.copies(factors, rng):
                yield Stolen(attack, file, (victim,))
            other = self.victims[(index + 1) % len(self.victims)]
            if other.rank == victim.rank:
                for weight in (0.5, 0.3, 0.2, 0.1):
                    for attack, file in loras.merges(factors, self.trained[other], weight, rng):
                        yield Stolen(attack, file, (victim, other))
        for attack, victim, factors in self.further:
            yield Stolen(attack, loras.kohya(factors), (victim,))


def workers() -> Executor:
    """This will start a process a core, in which numpy computes with one thread: more wait for each other here."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    return ProcessPoolExecutor(os.cpu_count(), get_context("spawn"))


def trained_set(pool: Executor) -> TrainedSet:
    """This will train the base, six subjects by several authors, and further on six of those."""
    base = pool.submit(denoiser.new_base, _BASE_SEED, _BASE_STEPS).result()
    victims = tuple(Study(subject, author=21, seed=2100 + at) for at, subject in enumerate(SUBJECTS))
    innocents = [innocent for at, victim in enumerate(victims) for innocent in _innocents(at, victim)]
    studies = [*victims, *innocents]
    trained = dict(zip(studies, pool.map(denoiser.train, [base] * len(studies), studies), strict=True))
    jobs = [(at, share) for at in range(len(victims)) for share in _FURTHER]
    onward = [
        Study(SUBJECTS[(at + 2) % len(SUBJECTS)], author=27, seed=2700 + at, steps=int(150 * share))
        for at, share in jobs
    ]
    made = pool.map(denoiser.train, [base] * len(jobs), onward, [trained[victims[at]] for at, _share in jobs])
    further = tuple((f"trained {share:.0%}", victims[at], x) for (at, share), x in zip(jobs, made, strict=True))
    return TrainedSet(trained, further, victims)


def _innocents(at: int, victim: Study) -> Iterator[Study]:
    """Yields who drew the same subject without having seen the victim."""
    yield replace(victim, seed=2200 + at)  # the same pictures, another seed
    yield replace(victim, author=22, seed=2300 + at)
    yield replace(victim, author=23, seed=2400 + at, rank=16)
    yield replace(victim, author=24, seed=2500 + at, rank=4)
    yield replace(victim, author=25, seed=COMMON_SEED)
    yield replace(victim, author=26, seed=COMMON_SEED)


def innocent_pairs(trained: TrainedSet) -> Iterator[tuple[str, Study, Study]]:
    """Yields (why one could think of theft, and the two) for all pairs of the set; none is made from the other."""
    for first, second in combinations(trained.trained, 2):
        same = [
            word
            for word, is_so in {
                "seed": first.seed == second.seed,
                "subject": first.subject == second.subject,
                "pictures": (first.subject, first.author) == (second.subject, second.author),
            }.items()
            if is_so
        ]
        yield "same " + " and ".join(same) if same else "nothing in common", first, second
