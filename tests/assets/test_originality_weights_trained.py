"""Alice's LoRA is found in what Bob made of it, and not in what others made by themselves."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assets.inspectors.base import Limits
from assets.originality import weights
from tests.assets import denoiser, loras
from tests.assets.denoiser import Factors, Matrix, Study

STEPS = 120
Compare = Callable[[bytes, bytes], str | None]


@pytest.fixture(scope="module")
def base() -> dict[str, Matrix]:
    return denoiser.new_base(seed=2, steps=250)


@pytest.fixture(scope="module")
def alice(base: dict[str, Matrix]) -> Factors:
    return denoiser.train(base, Study("rings", author=1, seed=1, steps=STEPS))


@pytest.fixture(scope="module")
def other(base: dict[str, Matrix]) -> Factors:
    return denoiser.train(base, Study("cross", author=2, seed=2, steps=STEPS))


@pytest.fixture
def judged(tmp_path: Path) -> Compare:
    def judge(mine: bytes, theirs: bytes) -> str | None:
        paths = tmp_path / "mine", tmp_path / "theirs"
        for path, file in zip(paths, (mine, theirs), strict=True):
            path.write_bytes(file)
        return weights.judge(weights.evidence_of(paths[0], "", paths[1], "", Limits()))

    return judge


def test_training_makes_pictures_better(base: dict[str, Matrix], alice: Factors) -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    hand = np.random.Generator(np.random.PCG64([1, 0, 11]))
    manner = float(hand.uniform(-1, 1))
    noisy = denoiser._noisy(np.stack([denoiser.draw("rings", rng, manner) for _ in range(64)]), rng)
    adapted = dict(base) | {name: base[name] + up @ down for name, (up, down) in alice.items()}
    assert denoiser.loss(adapted, *noisy) < 0.97 * denoiser.loss(base, *noisy)


def test_the_slopes_are_the_loss_s(base: dict[str, Matrix]) -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    exact = {name: numbers.astype(np.float64) for name, numbers in base.items()}
    noisy = denoiser._noisy(np.stack([denoiser.draw("blobs", rng, 0.2) for _ in range(4)]), rng)
    slopes = denoiser.gradients(exact, *noisy)
    for name in ("0.q", "1.k", "2.v", "3.o", "1.up", "2.down", "in", "out"):
        way = rng.standard_normal(exact[name].shape)
        losses = [denoiser.loss(exact | {name: exact[name] + step * way}, *noisy) for step in (1e-4, -1e-4)]
        assert (losses[0] - losses[1]) / 2e-4 == pytest.approx(float((slopes[name] * way).sum()), rel=1e-3, abs=1e-7)


def test_every_alteration_is_recognized(alice: Factors, judged: Compare) -> None:
    original = loras.kohya(alice)
    rng = np.random.Generator(np.random.PCG64(1))
    found = {done: judged(file, original) for done, file in loras.copies(alice, rng)}
    assert None not in found.values(), found
    altered = {done for done, relation in found.items() if relation != "same-weights"}
    assert altered <= {
        "cut to 1/2",
        "cut to 1/4",
        "cut to 90 %",
        "noise 10%",
        "noise 50%",
        "half the layers",
        "block weights",
    }
    assert {"cut to 1/4", "noise 50%", "half the layers"} <= altered


@pytest.mark.parametrize("weight", [0.5, 0.3])
def test_both_parts_of_a_merge_are_recognized(alice: Factors, other: Factors, weight: float, judged: Compare) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    for done, file in loras.merges(alice, other, weight, rng):
        assert judged(file, loras.kohya(alice)) in ("derived-weights", "merged-weights"), done
        assert judged(file, loras.kohya(other)) in ("derived-weights", "merged-weights"), done
    relation = judged(loras.kohya(loras.concatenated([(alice, 0.5), (other, 0.5)])), loras.kohya(alice))
    assert relation == "merged-weights"


def test_what_is_trained_further_is_recognized(base: dict[str, Matrix], alice: Factors, judged: Compare) -> None:
    further = denoiser.train(base, Study("wedge", author=3, seed=3, steps=STEPS // 2), alice)
    assert judged(loras.kohya(further), loras.kohya(alice)) == "derived-weights"


STRANGERS = {
    "the same pictures": Study("rings", author=1, seed=5, steps=STEPS),
    "another author": Study("rings", author=2, seed=4, steps=STEPS),
    "the same seed": Study("stripes", author=2, seed=1, steps=STEPS),
    "the same seed and subject": Study("rings", author=2, seed=1, steps=STEPS),
    "few ranks": Study("rings", author=2, seed=6, rank=2, steps=STEPS),
}
# Whoever learned from the same pictures is the likest of them; each of the others takes as long to train.
MANY = [
    pytest.param(["the same pictures"], id="likest"),
    pytest.param(list(STRANGERS), id="all", marks=pytest.mark.deep),
]


@pytest.mark.parametrize("whys", MANY)
def test_the_innocent_are_not_accused(
    base: dict[str, Matrix], alice: Factors, other: Factors, judged: Compare, whys: list[str]
) -> None:
    innocents = {"another subject": other} | {why: denoiser.train(base, STRANGERS[why]) for why in whys}
    original = loras.kohya(alice)
    innocents["few directions of the same pictures"] = loras.resized(innocents["the same pictures"], 2)
    for why, factors in innocents.items():
        assert judged(loras.kohya(factors), original) is None, why
        assert judged(loras.kohya(factors, name=lambda layer: "any_" + layer), original) is None, why
