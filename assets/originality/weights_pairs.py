"""Which layer of one file is to be compared with which of another: by name, or by what they hold."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from assets.originality.sketch import Projection
from assets.originality.weights_layers import Layer, Matrix, Weights

NAMES, CONTENT = "names", "content"
_SIDE = 32
_MOST_LAYERS = 2_000
_SAMPLE = 128
"""So many layers are compared; the medians of more are the same, and a large network has seven hundred."""
_EMBEDDING_ROWS = 512

Load = Callable[[], Layer]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The layers to compare, each loaded when its turn comes.

    `mine` and `theirs` count all layers of the files, `paired` those that found a partner, of which the `pairs` are a
    sample.
    """

    mine: int
    theirs: int
    paired: int
    by: str
    pairs: tuple[tuple[Load, Load], ...]

    def load(self) -> Iterator[tuple[Layer, Layer]]:
        """Yield the pairs whose shapes agree."""
        for mine, theirs in self.pairs:
            first, second = mine(), theirs()
            if first.shape == second.shape:
                yield first, second


def pair_by_names(first: Weights, second: Weights) -> Pairs:
    """Return the layers with one name in both files."""
    mine, theirs = first.named(), second.named()
    common = sorted(set(mine) & set(theirs))
    return Pairs(len(mine), len(theirs), len(common), NAMES, _sample([(mine[name], theirs[name]) for name in common]))


def pair_by_content(first: Weights, second: Weights) -> Pairs:
    """Return layers of one shape that are most alike, each with at most one other.

    For files whose names have nothing in common. Likeness is the cosine of small sketches, the most alike pair goes
    first; what pairs this way by chance, containment tells apart afterwards.
    """
    mine, theirs = first.named(), second.named()
    found: list[tuple[Load, Load]] = []
    groups = _signatures(mine)
    for shape, others in _signatures(theirs).items():
        if shape in groups:
            (names, units), (other_names, other_units) = groups[shape], others
            found += [(mine[names[i]], theirs[other_names[j]]) for i, j in _best(np.abs(units @ other_units.T))]
    return Pairs(len(mine), len(theirs), len(found), CONTENT, _sample(found))


def _sample(pairs: list[tuple[Load, Load]]) -> tuple[tuple[Load, Load], ...]:
    """Return at most 128 of the pairs, evenly spread over their order."""
    count = min(len(pairs), _SAMPLE)
    return tuple(pairs[index * len(pairs) // count] for index in range(count))


def _best(likeness: Matrix) -> Iterator[tuple[int, int]]:
    """Yield (row, column) from the largest entry down, no row or column twice."""
    rows, columns = set[int](), set[int]()
    for index in np.argsort(-likeness, axis=None, kind="stable"):
        row, column = divmod(int(index), likeness.shape[1])
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            yield row, column
            if len(rows) == min(likeness.shape):
                return


def _signatures(layers: Mapping[str, Load]) -> dict[tuple[int, int], tuple[list[str], Matrix]]:
    """Return by shape the names and the unit sketches of the layers."""
    projection = Projection(b"pairs", _SIDE)
    found: dict[tuple[int, int], tuple[list[str], list[Matrix]]] = defaultdict(lambda: ([], []))
    for name, load in list(layers.items())[:_MOST_LAYERS]:
        layer = load()
        with np.errstate(over="ignore", invalid="ignore"):
            _up, change = projection.squeeze(layer)
            change = change.ravel() / (np.abs(change).max(initial=0) or 1)
            length = float(np.linalg.norm(change))
        if np.isfinite(length) and length > 0:
            names, units = found[layer.shape]
            names.append(name)
            units.append(change / np.float32(length))
    return {shape: (names, np.stack(units)) for shape, (names, units) in found.items()}


def are_embeddings(weights: Weights) -> bool:
    """Say whether a file holds a few vectors and no layers: a textual inversion."""
    tensors = weights.header.tensors
    return len(tensors) <= 8 and all(
        len(t.shape) == 1 or (len(t.shape) == 2 and t.shape[0] <= _EMBEDDING_ROWS and t.shape[0] < t.shape[1])
        for t in tensors
    )


def vectors_of(weights: Weights) -> dict[int, Matrix]:
    """Return the vectors of a textual inversion by their width, of length one; those of zeros are left out."""
    found: dict[int, list[Matrix]] = defaultdict(list)
    for tensor in weights.header.tensors:
        if tensor.shape and tensor.shape[-1] > 1 and tensor.begin < tensor.end:
            rows = weights.read(tensor).reshape(-1, tensor.shape[-1]).astype(np.float64)
            lengths = np.linalg.norm(rows, axis=1)
            found[tensor.shape[-1]].append((rows / np.where(lengths > 0, lengths, 1)[:, None])[lengths > 0])
    return {width: np.concatenate(rows) for width, rows in found.items()}
