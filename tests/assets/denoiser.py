"""A small picture denoiser with hand-written gradients, and LoRAs trained on it as artists do: a subject, an author.

Real training at toy size: a transformer of four blocks of 96 numbers that learns by flow matching to take the noise
out of 16 × 16 pictures; then adapters of low rank, by Adam, on a few pictures of one subject. Deterministic.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Factors = dict[str, tuple[Matrix, Matrix]]
"""By layer: up (outputs, rank) and down (rank, inputs); the change is up times down."""

WIDTH, HIDDEN, BLOCKS, HEADS, PATCH, SIDE = 96, 192, 4, 4, 4, 16
TOKENS = (SIDE // PATCH) ** 2
_PARTS = {"q": (WIDTH, WIDTH), "k": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "o": (WIDTH, WIDTH)} | {
    "up": (HIDDEN, WIDTH),
    "down": (WIDTH, HIDDEN),
}
LAYERS = tuple(f"{block}.{part}" for block in range(BLOCKS) for part in _PARTS)
SUBJECTS = ("rings", "stripes", "cross", "blobs", "wedge", "checks")
_BATCH = 8


def new_base(seed: int = 1, steps: int = 250) -> dict[str, Matrix]:
    """Returns the weights of a base that has seen every subject of every author."""
    rng = np.random.Generator(np.random.PCG64(seed))
    base = {
        f"{block}.{part}": (rng.standard_normal(shape) / np.sqrt(shape[1])).astype(np.float32)
        for block in range(BLOCKS)
        for part, shape in _PARTS.items()
    }
    base["in"] = (rng.standard_normal((WIDTH, PATCH * PATCH)) / PATCH).astype(np.float32)
    base["out"] = np.zeros((PATCH * PATCH, WIDTH), np.float32)
    base["place"] = (rng.standard_normal((TOKENS, WIDTH)) * 0.5).astype(np.float32)
    adam = Adam(base, rate=2e-3)
    for _step in range(steps):
        subjects = rng.choice(SUBJECTS, _BATCH)
        pictures = np.stack([draw(str(subject), rng, float(rng.uniform(-1, 1))) for subject in subjects])
        adam.step(base, gradients(base, *_noisy(pictures, rng)))
    return base


@dataclass(frozen=True)
class Study:
    """What an adapter is trained on: `author` draws the subject in a manner and with pictures of their own."""

    subject: str
    author: int
    seed: int
    rank: int = 8
    steps: int = 150


def train(base: Mapping[str, Matrix], study: Study, start: Factors | None = None) -> Factors:
    """Returns an adapter, from `start` when one is given: down random and up zero as all trainers begin."""
    rng = np.random.Generator(np.random.PCG64([study.seed, 7]))
    data = np.random.Generator(np.random.PCG64([study.author, SUBJECTS.index(study.subject), 11]))
    manner = float(data.uniform(-1, 1))
    pictures = np.stack([draw(study.subject, data, manner) for _ in range(24)])
    numbers: dict[str, Matrix] = {}
    for name in LAYERS:
        rows, columns = _PARTS[name.partition(".")[2]]
        down = (rng.uniform(-1, 1, (study.rank, columns)) / np.sqrt(columns)).astype(np.float32)
        up = np.zeros((rows, study.rank), np.float32)
        if start:
            up, down = start[name][0].copy(), start[name][1].copy()
        numbers[name + ".B"], numbers[name + ".A"] = up, down
    adam = Adam(numbers, rate=4e-3)
    chance = np.random.Generator(np.random.PCG64([study.seed, study.author, 13]))
    for _step in range(study.steps):
        whole = dict(base) | {name: base[name] + numbers[name + ".B"] @ numbers[name + ".A"] for name in LAYERS}
        slopes = gradients(whole, *_noisy(pictures[chance.integers(0, len(pictures), _BATCH)], chance))
        own = {}
        for name in LAYERS:
            own[name + ".B"] = slopes[name] @ numbers[name + ".A"].T
            own[name + ".A"] = numbers[name + ".B"].T @ slopes[name]
        adam.step(numbers, own)
    return {name: (numbers[name + ".B"], numbers[name + ".A"]) for name in LAYERS}


def draw(subject: str, rng: np.random.Generator, manner: float) -> Matrix:
    """Returns a picture (16, 16) from -1 to 1 of a subject; `manner` from -1 to 1 is the author's hand."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE - 0.5
    dx, dy = rng.uniform(-0.2, 0.2, 2)
    turn = rng.uniform(0, 0.6) + manner
    u, v = (x - dx) * np.cos(turn) - (y - dy) * np.sin(turn), (x - dx) * np.sin(turn) + (y - dy) * np.cos(turn)
    size = 1 + 0.4 * manner + rng.uniform(-0.1, 0.1)
    drawn: Mapping[str, Callable[[], Matrix]] = {
        "rings": lambda: np.sin(np.hypot(u, v) * 28 * size),
        "stripes": lambda: np.sin(u * 24 * size),
        "cross": lambda: np.where(np.minimum(np.abs(u), np.abs(v)) < 0.09 * size, 1.0, -1.0),
        "blobs": lambda: np.exp(-(u**2 + v**2) * 30 * size) * 2 - 1 + 0.5 * np.sin(9 * u) * np.cos(7 * v),
        "wedge": lambda: np.where((u > 0) & (np.abs(v) < u * size), 1.0, -1.0) * (1 - np.abs(u)),
        "checks": lambda: np.sign(np.sin(u * 17 * size) * np.sin(v * 17 * size)),
    }
    picture = drawn[subject]() + rng.standard_normal((SIDE, SIDE)) * 0.05
    return np.clip(picture, -1, 1).astype(np.float32)


def _noisy(pictures: Matrix, rng: np.random.Generator) -> tuple[Matrix, Matrix, Matrix]:
    """Returns patches (n, tokens, 16) mixed with noise, the times, and what is to be predicted: noise less picture."""
    n = len(pictures)
    cut = pictures.reshape(n, SIDE // PATCH, PATCH, SIDE // PATCH, PATCH).transpose(0, 1, 3, 2, 4)
    clean = cut.reshape(n, TOKENS, PATCH * PATCH)
    noise = rng.standard_normal(clean.shape).astype(np.float32)
    time = rng.uniform(0.05, 0.95, (n, 1, 1)).astype(np.float32)
    return (1 - time) * clean + time * noise, time, noise - clean


def _normal(x: Matrix) -> tuple[Matrix, Matrix]:
    centered = x - x.mean(-1, keepdims=True)
    scale = 1 / np.sqrt(np.square(centered).mean(-1, keepdims=True) + 1e-5)
    return centered * scale, scale


def _normal_back(slope: Matrix, normal: Matrix, scale: Matrix) -> Matrix:
    mean = slope.mean(-1, keepdims=True)
    return scale * (slope - mean - normal * (slope * normal).mean(-1, keepdims=True))


def _linear_back(slope: Matrix, x: Matrix) -> Matrix:
    return slope.reshape(-1, slope.shape[-1]).T @ x.reshape(-1, x.shape[-1])


def _heads(x: Matrix) -> Matrix:
    return x.reshape(len(x), TOKENS, HEADS, -1).transpose(0, 2, 1, 3)


def _joined(x: Matrix) -> Matrix:
    return x.transpose(0, 2, 1, 3).reshape(len(x), TOKENS, WIDTH)


def _clock(time: Matrix) -> Matrix:
    turns = time * np.arange(1, WIDTH // 2 + 1, dtype=np.float32) * 3
    return np.concatenate([np.sin(turns), np.cos(turns)], axis=-1)


def _attend(x: Matrix, w: Mapping[str, Matrix], block: int) -> tuple[Matrix, tuple[Matrix, ...]]:
    q, k, v = (_heads(x @ w[f"{block}.{part}"].T) for part in "qkv")
    scores = q @ k.transpose(0, 1, 3, 2) / np.float32(np.sqrt(WIDTH // HEADS))
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    share = scores / scores.sum(-1, keepdims=True)
    mixed = _joined(share @ v)
    return mixed @ w[f"{block}.o"].T, (q, k, v, share, mixed)


def _attend_back(
    slope: Matrix, x: Matrix, kept: tuple[Matrix, ...], w: Mapping[str, Matrix], block: int, found: dict[str, Matrix]
) -> Matrix:
    q, k, v, share, mixed = kept
    found[f"{block}.o"] = _linear_back(slope, mixed)
    inner = _heads(slope @ w[f"{block}.o"])
    of_share = inner @ v.transpose(0, 1, 3, 2)
    of_scores = share * (of_share - (of_share * share).sum(-1, keepdims=True)) / np.float32(np.sqrt(WIDTH // HEADS))
    slopes = {"q": of_scores @ k, "k": of_scores.transpose(0, 1, 3, 2) @ q, "v": share.transpose(0, 1, 3, 2) @ inner}
    total = np.zeros_like(x)
    for part, own in slopes.items():
        flat = _joined(own)
        found[f"{block}.{part}"] = _linear_back(flat, x)
        total += flat @ w[f"{block}.{part}"]
    return total


def gradients(w: Mapping[str, Matrix], noisy: Matrix, time: Matrix, wanted: Matrix) -> dict[str, Matrix]:
    """Returns the slope of the mean squared error by every weight."""
    x = noisy @ w["in"].T + w["place"] + _clock(time)
    kept = []
    for block in range(BLOCKS):
        first, first_scale = _normal(x)
        out, attention = _attend(first, w, block)
        x = x + out
        second, second_scale = _normal(x)
        raw = second @ w[f"{block}.up"].T
        gate = 1 / (1 + np.exp(-1.702 * raw))
        x = x + (raw * gate) @ w[f"{block}.down"].T
        kept.append((first, first_scale, attention, second, second_scale, raw, gate))
    last, last_scale = _normal(x)
    slope = (last @ w["out"].T - wanted) * np.float32(2 / wanted.size)
    found = {"out": _linear_back(slope, last)}
    g = _normal_back(slope @ w["out"], last, last_scale)
    for block in reversed(range(BLOCKS)):
        first, first_scale, attention, second, second_scale, raw, gate = kept[block]
        found[f"{block}.down"] = _linear_back(g, raw * gate)
        of_raw = (g @ w[f"{block}.down"]) * gate * (1 + 1.702 * raw * (1 - gate))
        found[f"{block}.up"] = _linear_back(of_raw, second)
        g = g + _normal_back(of_raw @ w[f"{block}.up"], second, second_scale)
        g = g + _normal_back(_attend_back(g, first, attention, w, block, found), first, first_scale)
    return found | {"in": _linear_back(g, noisy), "place": g.sum(0)}


def loss(w: Mapping[str, Matrix], noisy: Matrix, time: Matrix, wanted: Matrix) -> float:
    """Returns the mean squared error, for checking the slopes against differences."""
    x = noisy @ w["in"].T + w["place"] + _clock(time)
    for block in range(BLOCKS):
        x = x + _attend(_normal(x)[0], w, block)[0]
        raw = _normal(x)[0] @ w[f"{block}.up"].T
        x = x + (raw / (1 + np.exp(-1.702 * raw))) @ w[f"{block}.down"].T
    return float(np.square(_normal(x)[0] @ w["out"].T - wanted).mean())


class Adam:
    """Adam (Kingma and Ba, 2015), algorithm 1."""

    def __init__(self, numbers: Mapping[str, Matrix], rate: float) -> None:
        self.rate, self.count = np.float32(rate), 0
        self.means = {name: (np.zeros_like(n), np.zeros_like(n)) for name, n in numbers.items()}

    def step(self, numbers: dict[str, Matrix], slopes: Mapping[str, Matrix]) -> None:
        self.count += 1
        for name, (first, second) in self.means.items():
            first *= np.float32(0.9)
            first += np.float32(0.1) * slopes[name]
            second *= np.float32(0.99)
            second += np.float32(0.01) * np.square(slopes[name])
            size = np.sqrt(second / np.float32(1 - 0.99**self.count)) + np.float32(1e-8)
            numbers[name] -= self.rate * (first / np.float32(1 - 0.9**self.count)) / size
