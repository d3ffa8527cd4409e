"""Which registered weights a merge was made of, and how much of each."""

from collections.abc import Sequence

import numpy as np

from assets.originality.sketch import NAMED, RAW, SHAPED, WIDTH, Sketch, noise_floor
from assets.originality.weights_layers import Matrix

MARGIN = 1.3
"""The stop lies so far above what chance reaches in one search, which would else report a source in most of them."""
MOST_SOURCES = 16
_ROUNDING = 0.003
"""What casts and the sketch's own half precision leave of a merge that is explained."""


def unmix(query: Sketch, candidates: Sequence[Sketch], among: int) -> list[tuple[int, int]]:
    """Return (index of the candidate, its weight in ppm) for each source found, the heaviest first.

    This is orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad, 1993) on each channel; the one that leaves
    the least unexplained counts. `among` is the number of weights that were searched, not only of the candidates:
    a source is one that stands out from that many. A weight is of the change for the channels of the change, so a
    factor merge of B with B at .3 has .3 by the raw channel and .09 by the others.
    """
    if not candidates:
        return []
    best: tuple[float, list[tuple[int, float]]] = (1.0, [])
    for channel in (NAMED, RAW, SHAPED):
        found = _pursue(query, candidates, channel, stop_of(among))
        # A later channel must explain clearly more: on ties the layers' names are the better witness.
        if found and found[0] < best[0] - 0.02:
            best = found
    weights = [(index, round(weight * 1_000_000)) for index, weight in best[1]]
    return sorted((w for w in weights if w[1]), key=lambda found: (-abs(found[1]), found[0]))


def stop_of(among: int, width: int = WIDTH) -> float:
    """Return the least cosine that is taken for a source when `among` were searched."""
    return MARGIN * noise_floor(among, width)


def _pursue(
    query: Sketch, candidates: Sequence[Sketch], channel: int, stop: float
) -> tuple[float, list[tuple[int, float]]] | None:
    """Return the share of the query's length left unexplained, and the sources with their weights."""
    if not query.norms[channel] > 0:
        return None
    units = np.stack([candidate.units[channel] for candidate in candidates]).astype(np.float64)
    wanted = query.units[channel].astype(np.float64)
    rest = wanted
    chosen: list[int] = []
    shares = np.empty(0)
    while len(chosen) < min(MOST_SOURCES, len(candidates)):
        length = float(np.linalg.norm(rest))
        if length < _ROUNDING:
            break
        likeness = np.abs(units @ rest) / length
        likeness[chosen] = 0
        index = int(likeness.argmax())
        if likeness[index] < stop:
            break
        chosen.append(index)
        shares, *_ = np.linalg.lstsq(units[chosen].T, wanted, rcond=None)
        rest = wanted - units[chosen].T @ shares
    scale = float(query.norms[channel])
    weights = [scale * float(s) / float(candidates[i].norms[channel]) for i, s in zip(chosen, shares, strict=True)]
    return float(np.linalg.norm(rest)), list(zip(chosen, weights, strict=True))


def residual(query: Matrix, explained: Matrix) -> Matrix:
    """Return what of the units (3, k) the explained ones (m, 3, k) leave, to search for fainter sources with it."""
    left = []
    for channel, wanted in enumerate(query):
        basis = explained[:, channel].T
        shares, *_ = np.linalg.lstsq(basis, wanted, rcond=None)
        left.append(wanted - basis @ shares)
    return np.stack(left).astype(np.float32)
