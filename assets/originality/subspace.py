"""How one layer of one file contains the same layer of another: the proof, which no choice of factors can change."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.originality.weights_layers import Layer, Matrix

Wide = NDArray[np.float64]

_WEAKEST = 0.003
"""Directions weaker than this share of the strongest are rounding, not training."""
_ROUNDING = 1e-13
_FEWEST_DIRECTIONS = 4
_CROWDED = 0.5
"""Where chance alone would contain half of a space, containment says nothing."""
_MOST_FACTORS = 192
"""Above this inner size, and for layers that are spread out, only the strongest directions are found."""
_LEADING = 64


@dataclass(frozen=True, slots=True)
class Spectral:
    """A layer by its directions: orthonormal `out` (outputs, rank) and `into` (inputs, rank), and the strengths."""

    layer: Layer
    out: Matrix
    into: Matrix
    strengths: Matrix


@dataclass(frozen=True, slots=True)
class Likeness:
    """How one layer is like another.

    `dot`, `first`, `second` are the inner product and the two squared lengths of the changes; `rank` is the lesser
    rank, and `numbers` how many the lesser factor has. `rows` and `columns` are the corrected containments of the
    spaces read and written; `down` and `up` the cosines of the factors number by number, and `faint` that of up in
    all but the strongest quarter of the directions that the second writes; None where they cannot be told. `joint` is
    the cosine of one change and what the other does between the spaces that the first reads and writes.
    """

    name: str
    dot: float
    first: float
    second: float
    rank: int
    numbers: int
    rows: float | None
    columns: float | None
    down: float | None
    up: float | None
    faint: float | None
    joint: float

    @property
    def contained(self) -> float | None:
        """The lesser of the two containments: an equal seed shows in one, an equal subject in the other."""
        return None if self.rows is None or self.columns is None else min(self.rows, self.columns)


def spectral(layer: Layer) -> Spectral | None:
    """Return the directions of a layer; None when it changes nothing or overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        up, down = _thin(layer)
        if not (np.isfinite(up).all() and np.isfinite(down).all() and up.any() and down.any()):
            return None
    up_basis, up_core = _orthogonal(up)
    down_basis, down_core = _orthogonal(down.T)
    left, strengths, right = np.linalg.svd(up_core @ down_core.T, full_matrices=False)
    rank = int((strengths > _WEAKEST * strengths[0]).sum())
    if not rank:
        return None
    out = up_basis @ left[:, :rank]
    into = down_basis @ right[:rank].T
    return Spectral(layer, out.astype(np.float32), into.astype(np.float32), strengths[:rank].astype(np.float32))


def _orthogonal(factor: Matrix) -> tuple[Wide, Wide]:
    """Return an orthonormal basis of the columns, and the core by which it gives the factor: Q and R, up to scale.

    By the small Gram matrix, in half the time of a QR; in float64, so that its square of a condition does no harm.
    Columns are divided by the largest number first, so that neither tiny nor huge factors leave the range.
    """
    wide = factor.astype(np.float64) / float(np.abs(factor).max())
    squares, turn = np.linalg.eigh(wide.T @ wide)
    kept = squares > _ROUNDING * squares[-1]
    lengths, turn = np.sqrt(squares[kept]), turn[:, kept]
    return wide @ (turn / lengths), lengths[:, None] * turn.T


def _thin(layer: Layer) -> tuple[Matrix, Matrix]:
    """Return the layer as thin factors: its own, or those of its leading part.

    That part is found by random probes (Halko, Martinsson and Tropp, 2011, algorithm 4.4).
    """
    if layer.down is not None and len(layer.down) <= _MOST_FACTORS:
        return layer.up, layer.down
    parts = (layer.up,) if layer.down is None else (layer.up, layer.down)
    if not all(np.isfinite(part).all() for part in parts):
        return parts[0], parts[-1]
    rank = min(_LEADING, *layer.shape)
    basis = np.random.Generator(np.random.PCG64(0)).standard_normal((layer.shape[1], rank), np.float32)
    for turn in range(3):
        for part in reversed(parts):
            basis = _scaled(part @ basis)
        basis, _rest = np.linalg.qr(basis)
        if turn < 2:
            for part in parts:
                basis = _scaled(part.T @ basis)
    down = basis.T
    for part in parts:
        down = down @ part
    return basis, down


def _scaled(matrix: Matrix) -> Matrix:
    return matrix / (float(np.abs(matrix).max(initial=0)) or 1.0)


def compare(first: Spectral, second: Spectral) -> Likeness:
    """Return how two layers of the same shape are alike."""
    a, b = first.layer, second.layer
    return Likeness(
        a.name,
        _dot(a, b),
        _dot(a, a),
        _dot(b, b),
        min(len(first.strengths), len(second.strengths)),
        min(a.up.size, (a.up if a.down is None else a.down).size),
        _contained(first.into, second.into),
        _contained(first.out, second.out),
        _cosine(a.down, b.down),
        None if a.down is None or b.down is None else _cosine(a.up, b.up),
        None if a.down is None or b.down is None else _faint(a.up, b.up),
        _joint(first, second),
    )


def _contained(first: Matrix, second: Matrix) -> float | None:
    """Return how much of the smaller space the larger holds: 0 for what chance gives, 1 for all."""
    larger, smaller = max(first.shape[1], second.shape[1]), min(first.shape[1], second.shape[1])
    chance = larger / first.shape[0]
    if chance > _CROWDED:
        return None
    share = float(np.square(first.T @ second).sum()) / smaller
    return (share - chance) / (1 - chance)


def _joint(first: Spectral, second: Spectral) -> float:
    """Return how alike two changes are where both act: 1 for a part of something, little for an equal frame alone."""
    strengths, others = (one.strengths / np.linalg.norm(one.strengths) for one in (first, second))
    out, into = second.out.T @ first.out, first.into.T @ second.into
    between, back = (out * strengths) @ into, (out.T * others) @ into.T
    least = min(float(np.linalg.norm(between)), float(np.linalg.norm(back)))
    return min(abs(float(np.vdot(between.diagonal(), others))) / least, 1.0) if least > 0 else 0.0


def _dot(first: Layer, second: Layer) -> float:
    """Return the inner product of two changes without spreading out a product."""
    if first.down is None:
        first, second = second, first
    if first.down is None:
        return _inner(first.up, second.up)
    if second.down is None:
        return _inner(first.up.T.astype(np.float64) @ second.up, first.down)
    across = first.down.astype(np.float64) @ second.down.T
    return _inner(first.up.T.astype(np.float64) @ second.up, across)


def _inner(first: Matrix | Wide, second: Matrix | Wide) -> float:
    return float(np.vdot(first.astype(np.float64), second.astype(np.float64)))


def _cosine(first: Matrix | Wide | None, second: Matrix | Wide | None) -> float | None:
    if first is None or second is None or first.shape != second.shape:
        return None
    lengths = math.sqrt(_inner(first, first)) * math.sqrt(_inner(second, second))
    return _inner(first, second) / lengths if lengths else 0.0


def _faint(first: Matrix, second: Matrix) -> float | None:
    """Return the cosine of two factors in the directions of the second that a subject does not dictate."""
    if first.shape != second.shape:
        return None
    basis, core = _orthogonal(second)
    if len(core) < _FEWEST_DIRECTIONS:
        return None
    strengths = np.square(core).sum(axis=1)
    kept = basis[:, np.argsort(-strengths, kind="stable")[len(strengths) // 4 :]]
    return _cosine(kept.T @ first, kept.T @ second)
