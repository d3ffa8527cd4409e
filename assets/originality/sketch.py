"""A keyed linear sketch of what a weights file adds to its base, and the search among such sketches.

A layer's change W (outputs × inputs) is squeezed on both sides by keyed count sketches to 128 × 128; the layers are
summed, and the cells hashed into 4096 numbers by h₁(row) + h₂(column), a TensorSketch (Pham and Pagh, 2013) of the
whole change. It is linear, so the sketch of a merge is the same mixture of sketches, and inner products are kept with
an error of about 1/√4096. Only B and A are touched, never their product, so neither the gauge of the factors nor the
way in which the scale is split between them shows. Three channels see three things:

- `NAMED`: each layer is turned and signed by its name, so that only the same layer of another file meets it;
- `SHAPED`: layers differ by their shape alone, so that any renaming leaves the channel as it was;
- `RAW`: the numbers of `up` themselves, which a merge of B with B and A with A mixes linearly, where the change itself
  only holds the square of a weight. `down` is left out: trainers start it from a seed that strangers share.

Keep the key secret: who knows it can make weights that the search does not find.
"""

import hashlib
import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from assets.originality.weights_layers import Layer, Matrix

VERSION = 1
WIDTH = 4096
NAMED, SHAPED, RAW = 0, 1, 2
CHANNELS = 3
_SIDE = 128
_LONGEST_SIDE = 65_536
"""A layer with a longer side is left out; no known network has one, and a hostile file could have thousands."""
_HEAD = struct.Struct("<B8s3f")
VALUE_BYTES = _HEAD.size + 2 * CHANNELS * WIDTH


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a stored value says: unit vectors (3, 4096), or zero where a channel saw nothing, and their lengths (3)."""

    units: Matrix
    norms: Matrix
    key_id: bytes

    @property
    def vectors(self) -> Matrix:
        """The channels at their full lengths, float32 (3, 4096)."""
        return self.units * self.norms[:, None]


class Projection:
    """The keyed hashes by which layers are squeezed to `side` × `side`."""

    def __init__(self, key: bytes, side: int = _SIDE) -> None:
        self.key, self.side = key, side
        self._sides = lru_cache(maxsize=64)(self._side)

    def squeeze(self, layer: Layer) -> tuple[Matrix, Matrix]:
        """Return up, or the whole change, as (side, rank or side), and the change as (side, side)."""
        rows, columns = layer.shape
        up = self._rows(layer.up, *self._sides(f"out {rows} {columns}", rows))
        across = self._sides(f"in {rows} {columns}", columns)
        if layer.down is None:
            change = self._columns(up, *across)
            return change, change
        return up, up @ self._columns(layer.down, *across)

    def _rows(self, matrix: Matrix, order: NDArray[np.int64], signs: Matrix) -> Matrix:
        mixed = matrix[order]
        mixed *= signs[:, None]
        return mixed.reshape(-1, self.side, matrix.shape[1]).sum(axis=0)

    def _columns(self, matrix: Matrix, order: NDArray[np.int64], signs: Matrix) -> Matrix:
        mixed = matrix[:, order]
        mixed *= signs
        return mixed.reshape(matrix.shape[0], -1, self.side).sum(axis=1)

    def _side(self, label: str, count: int) -> tuple[NDArray[np.int64], Matrix]:
        """Return a keyed order of `count` numbers, padded to whole rows of `side`, and their signs, 0 for padding."""
        padded = -(-count // self.side) * self.side
        order = np.argsort(_stream(self.key, "order " + label, padded, "<u4"), kind="stable")
        signs = (_stream(self.key, "sign " + label, padded, "u1") & 1).astype(np.float32) * 2 - 1
        signs[order >= count] = 0
        return np.minimum(order, count - 1), signs

    def turn(self, name: str) -> tuple[int, int, int]:
        """Return by how much the layer with this name is turned down and across, and its sign."""
        down, across, sign = (int(number) for number in _stream(self.key, "turn " + name, 3, "<u4"))
        return down % self.side, across % self.side, 1 - 2 * (sign & 1)


def _stream(key: bytes, label: str, count: int, dtype: str) -> NDArray[np.unsignedinteger]:
    """Return `count` numbers of SHAKE256 (FIPS 202), which no version of a library will change."""
    seed = len(key).to_bytes(4, "big") + key + label.encode()
    return np.frombuffer(hashlib.shake_256(seed).digest(count * np.dtype(dtype).itemsize), dtype)


def key_id_of(key: bytes) -> bytes:
    """Return the eight bytes that tell sketches under one key from those under another."""
    return hashlib.sha256(b"worldloom/weights-sketch/1\n" + key).digest()[:8]


def sketch_of(layers: Iterable[Layer], key: bytes) -> bytes | None:
    """Return the stored value of these layers; None when they change nothing that can be seen.

    A layer that overflows float32 counts as nothing: no base could bear it.
    """
    projection = Projection(key)
    sums = np.zeros((CHANNELS, _SIDE, _SIDE), np.float32)
    for layer in layers:
        if max(layer.shape) <= _LONGEST_SIDE and min(layer.shape) > 0:
            _add(sums, layer, projection)
    with np.errstate(over="ignore", invalid="ignore"):
        vectors = np.stack([_hashed(sums[channel], channel, key) for channel in range(CHANNELS)])
        norms = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(norms).all() or not norms[NAMED] > 0:
        return None
    units = vectors / np.where(norms > 0, norms, 1)[:, None]
    return _HEAD.pack(VERSION, key_id_of(key), *norms.tolist()) + units.astype("<f2").tobytes()


def _add(sums: Matrix, layer: Layer, projection: Projection) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        up, change = projection.squeeze(layer)
        if not math.isfinite(float(np.abs(change).sum())) or not math.isfinite(float(np.abs(up).sum())):
            return
        down, across, sign = projection.turn(layer.name)
        sums[NAMED] += sign * np.roll(change, (down, across), (0, 1))
        sums[SHAPED] += change
        if layer.down is not None:
            numbers = np.zeros((_SIDE, -(-up.shape[1] // _SIDE) * _SIDE), np.float32)
            numbers[:, : up.shape[1]] = up
            numbers = numbers.reshape(_SIDE, -1, _SIDE).sum(axis=1)
            sums[RAW] += sign * np.roll(numbers, (down, across), (0, 1))


def _hashed(cells: Matrix, channel: int, key: bytes) -> Matrix:
    """Return the 128 × 128 cells hashed into 4096 numbers by the sum of a hash of the row and one of the column."""
    places, signs = _cells(channel, key)
    return np.bincount(places, weights=(cells.ravel() * signs), minlength=WIDTH).astype(np.float32)


@lru_cache(maxsize=8)
def _cells(channel: int, key: bytes) -> tuple[NDArray[np.int64], Matrix]:
    numbers = _stream(key, f"cells {channel}", 4 * _SIDE, "<u4").astype(np.int64).reshape(4, _SIDE)
    places = (numbers[0][:, None] + numbers[1][None, :]) % WIDTH
    signs = ((numbers[2][:, None] ^ numbers[3][None, :]) & 1) * 2 - 1
    return places.ravel(), signs.ravel().astype(np.float32)


def read_sketch(value: bytes) -> Sketch:
    """Return what a stored value says; raise ValueError when it is not one of this version."""
    if len(value) != VALUE_BYTES or value[0] != VERSION:
        raise ValueError("not a weights sketch of version 1")
    _version, key_id, *norms = _HEAD.unpack_from(value)
    units = np.frombuffer(value, "<f2", offset=_HEAD.size).reshape(CHANNELS, WIDTH).astype(np.float32)
    return Sketch(units, np.array(norms, np.float32), key_id)


def fold(units: Matrix, width: int) -> Matrix:
    """Return (…, 4096) as (…, `width`), a sketch of the same things with an error of about 1/√width.

    `width` divides 4096. Numbers are added as they lie modulo `width`: their places and signs are random already.
    """
    if width < 1 or units.shape[-1] % width:
        raise ValueError(f"{width} does not divide {units.shape[-1]}")
    return units.reshape(*units.shape[:-1], -1, width).sum(axis=-2)


def likeness(query: Matrix, units: Sequence[Matrix] | Matrix) -> Matrix:
    """Return the cosines (n, 3) between the query's units (3, 4096) and others'."""
    return np.einsum("ck,nck->nc", query, np.asarray(units, np.float32).reshape(-1, CHANNELS, query.shape[-1]))


def noise_floor(among: int, width: int = WIDTH) -> float:
    """Return the cosine that the luckiest of `among` unrelated sketches is expected to reach, √(2 ln n / width)."""
    return math.sqrt(2 * math.log(max(among, 2)) / width)
