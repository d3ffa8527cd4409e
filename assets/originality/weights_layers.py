"""The layers that a weights file changes, one at a time, as the product of two thin matrices wherever it is one."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from assets.inspectors.base import Limits, refused
from assets.inspectors.safetensors import DTYPE_BYTES, Header, Tensor, read_header
from assets.originality.weights_keys import layer_name, places
from marketplace.ui.words import gettext_noop as _

Matrix = NDArray[np.float32]

_HALF = re.compile(
    r"^(?P<stem>.+?)(?:[._:])?(?:lora[._]?)?(?:linear_layer[._])?(?<=[._:])"
    r"(?:(?P<half>down|up|mid)|(?P<peft>[AB])(?:\.(?!weight$)[^.]+)?)(?:\.weight)?$"
)
_ROLE = {"down": "A", "A": "A", "up": "B", "B": "B", "mid": "mid"}
_LYCORIS = re.compile(r"^(?P<stem>.+)\.(?P<part>hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2))$")
_DENSE_NUMBERS = 16 * 1024**2
"""The most numbers of a layer that is spread out: 64 MiB as float32."""
_FACTOR_ROWS = 160
"""Up to this inner size a Hadamard or Kronecker product stays a product; above, spreading it out costs less."""
_SCALAR = re.compile(r"\.(alpha|scale|dora_scale|lora_magnitude_vector|lora_bias|bias)$")


@dataclass(frozen=True, slots=True)
class Layer:
    """What a file adds to one layer: `up` (outputs, rank) times `down` (rank, inputs).

    Without `down`, `up` is the whole (outputs, inputs). A convolution's inputs are channels times kernel.
    """

    name: str
    up: Matrix
    down: Matrix | None

    @property
    def shape(self) -> tuple[int, int]:
        return self.up.shape[0], (self.up if self.down is None else self.down).shape[1]


@dataclass(frozen=True, slots=True)
class _Written:
    """One layer as the file has it: the tensors by their role, and how to make matrices of them."""

    stem: str
    parts: Mapping[str, Tensor]
    make: Callable[["Weights", "_Written"], tuple[Matrix, Matrix | None]]


class Weights:
    """A weights file of which a layer at a time is in memory."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        """Read the header of the seekable `file`; raise Refused when it is none."""
        self.file = file
        self.header: Header = read_header(file, limits)
        self._written = _written(self.header)

    @property
    def is_whole(self) -> bool:
        """Whether most layers are a model's own numbers, of which nearly all are its base's, and not a change."""
        return sum(written.make is _whole for written in self._written) * 2 > len(self._written)

    def layers(self) -> Iterator[Layer]:
        """Yield every layer in the order of the file; one name may come twice."""
        for written in self._written:
            yield from self._layers_of(written)

    def named(self) -> dict[str, Callable[[], Layer]]:
        """Return by name what loads each layer. Of layers with one name the first counts."""
        found: dict[str, Callable[[], Layer]] = {}
        for written in self._written:
            for place in places(written.stem, self._rows(written)):
                found.setdefault(place.name, lambda w=written, n=place.name: self._load(w, n))
        return found

    def read(self, tensor: Tensor) -> Matrix:
        """Return a tensor's numbers in its own shape; raise Refused when the file became shorter."""
        return _floats(self.bytes_of(tensor), tensor.dtype).reshape(tensor.shape)

    def bytes_of(self, tensor: Tensor) -> bytes:
        self.file.seek(self.header.data_begin + tensor.begin)
        data = self.file.read(tensor.end - tensor.begin)
        if len(data) != tensor.end - tensor.begin:
            raise refused("safetensors-truncated", _("the file became shorter while it was read."))
        return data

    def _rows(self, written: _Written) -> int:
        if written.make is _pair:
            return written.parts["B"].shape[0]
        return written.parts["whole"].shape[0] if "whole" in written.parts else 0

    def _load(self, written: _Written, name: str) -> Layer:
        return next(layer for layer in self._layers_of(written) if layer.name == name)

    def _layers_of(self, written: _Written) -> Iterator[Layer]:
        up, down = written.make(self, written)
        split = places(written.stem, up.shape[0]) if self._rows(written) else []
        if not split:
            yield Layer(layer_name(written.stem), up, down)
        for place in split:
            yield Layer(place.name, up[place.begin : place.end], down)

    def scale(self, written: _Written, rank: int) -> np.float32:
        """Return alpha over rank: one where no finite alpha is written."""
        alpha = written.parts.get("alpha")
        if alpha is None or math.prod(alpha.shape) != 1 or not rank:
            return np.float32(1)
        return np.float32(float(self.read(alpha).reshape(-1)[0]) / rank)


def _written(header: Header) -> list[_Written]:
    """Return the layers in the order of the data, the tensors of each brought together by their names."""
    groups: dict[tuple[str, str], dict[str, Tensor]] = {}
    alphas: dict[str, Tensor] = {}
    loose: list[Tensor] = []
    for tensor in sorted(header.tensors, key=lambda tensor: (tensor.begin, tensor.end, tensor.name)):
        if tensor.name.endswith(".alpha"):
            alphas[tensor.name.removesuffix(".alpha")] = tensor
        elif match := _LYCORIS.match(tensor.name):
            groups.setdefault((match["part"][:4], match["stem"]), {})[match["part"]] = tensor
        elif match := _HALF.match(tensor.name):
            groups.setdefault(("pair", match["stem"]), {})[_ROLE[match["half"] or match["peft"]]] = tensor
        elif not _SCALAR.search(tensor.name):
            loose.append(tensor)
    found = []
    for (kind, stem), parts in groups.items():
        make = {"pair": _pair, "hada": _hadamard, "lokr": _kronecker}[kind]
        if _fits(kind, parts):
            extra = {"alpha": alphas[stem]} if stem in alphas else {}
            found.append(_Written(stem, parts | extra, make))
        else:
            loose.extend(parts.values())
    return found + (_neighbors(loose) if not found else _wholes(loose))


def _fits(kind: str, parts: Mapping[str, Tensor]) -> bool:
    """Say whether the tensors of one layer are all there and multiply."""
    shapes = {part: tensor.shape for part, tensor in parts.items()}
    if any(0 in shape or len(shape) < 2 for shape in shapes.values()):
        return False
    if kind == "pair":
        if not {"A", "B"} <= set(shapes) or shapes["A"][0] * shapes.get("mid", (0, 1))[1] == 0:
            return False
        inner = shapes["mid"][:2] if "mid" in shapes else (shapes["A"][0],) * 2
        return shapes["B"][1] == inner[0] and inner[1] == shapes["A"][0] and math.prod(shapes["B"][2:]) == 1
    if kind == "hada":
        names = [f"hada_w{side}_{half}" for side in "12" for half in "ab"]
        return set(names) <= set(shapes) and all(len(shapes[name]) == 2 for name in names) and _hadamard_fits(shapes)
    return _kronecker_fits(shapes)


def _hadamard_fits(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    sizes = set()
    for side in "12":
        first, second, core = (shapes.get(f"hada_{part}") for part in (f"w{side}_a", f"w{side}_b", f"t{side}"))
        assert first is not None
        assert second is not None
        if core is None:
            if first[1] != second[0]:
                return False
            sizes.add((first[0], second[1]))
        else:
            if len(core) < 3 or core[:2] != (first[0], second[0]):
                return False
            sizes.add((first[1], second[1] * math.prod(core[2:])))
    return len(sizes) == 1 and math.prod(sizes.pop()) <= _DENSE_NUMBERS


def _kronecker_fits(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    first, second = _side_numbers(shapes, "1"), _side_numbers(shapes, "2")
    flat = len(shapes.get("lokr_w1", (0, 0))) == 2
    return flat and max(first, second) > 0 and 0 < first * second <= _DENSE_NUMBERS


def _side_numbers(shapes: Mapping[str, tuple[int, ...]], side: str) -> int:
    """Return how many numbers one side of a Kronecker product has spread out, 0 when its parts do not multiply."""
    if whole := shapes.get(f"lokr_w{side}"):
        return math.prod(whole)
    first, second = shapes.get(f"lokr_w{side}_a"), shapes.get(f"lokr_w{side}_b")
    if first is None or second is None or len(first) != 2 or len(second) != 2:
        return 0
    if core := shapes.get("lokr_t2") if side == "2" else None:
        fits = len(core) > 2 and core[:2] == (first[0], second[0])
        return first[1] * second[1] * math.prod(core[2:]) if fits else 0
    return first[0] * second[1] if first[1] == second[0] else 0


def _neighbors(loose: list[Tensor]) -> list[_Written]:
    """Return pairs by shape alone: neighbors in the order of names, for files whose names say nothing."""
    ordered = sorted(loose, key=lambda t: [int(w) if w.isdecimal() else w for w in re.split(r"(\d+)", t.name)])
    matrices = [tensor for tensor in ordered if len(tensor.shape) == 2 and 0 not in tensor.shape]
    found: list[_Written] = []
    paired: set[str] = set()
    at = 0
    while at + 1 < len(matrices):
        first, second = matrices[at], matrices[at + 1]
        for down, up in ((first, second), (second, first)):
            rank = down.shape[0]
            if up.shape[1] == rank and rank < min(down.shape[1], up.shape[0]):
                found.append(_Written(down.name, {"A": down, "B": up}, _pair))
                paired |= {first.name, second.name}
                at += 1
                break
        at += 1
    return found + _wholes([tensor for tensor in loose if tensor.name not in paired])


def _wholes(loose: list[Tensor]) -> list[_Written]:
    return [
        _Written(
            tensor.name.removesuffix(".weight").removesuffix(".diff"),
            {"whole": tensor},
            _difference if tensor.name.endswith(".diff") else _whole,
        )
        for tensor in loose
        if len(tensor.shape) >= 2 and 0 < math.prod(tensor.shape) <= _DENSE_NUMBERS
    ]


def _whole(weights: Weights, written: _Written) -> tuple[Matrix, Matrix | None]:
    tensor = written.parts["whole"]
    return weights.read(tensor).reshape(tensor.shape[0], -1), None


def _difference(weights: Weights, written: _Written) -> tuple[Matrix, Matrix | None]:
    """Return a change that a file spreads out by itself."""
    return _whole(weights, written)


def _pair(weights: Weights, written: _Written) -> tuple[Matrix, Matrix | None]:
    """Return up times down, or up times (mid times down) for a convolution that is factored three ways."""
    parts = written.parts
    up = weights.read(parts["B"])
    up = up.reshape(up.shape[0], -1)
    down = weights.read(parts["A"])
    down = down.reshape(down.shape[0], -1)
    scale = weights.scale(written, parts["A"].shape[0])
    if "mid" in parts:
        mid = weights.read(parts["mid"])
        mid = mid.reshape(*mid.shape[:2], -1)
        down = np.einsum("abk,bi->aik", mid, down, optimize=True).reshape(mid.shape[0], -1)
    return up * scale, down


def _hadamard(weights: Weights, written: _Written) -> tuple[Matrix, Matrix | None]:
    """Return (a1 b1) ∘ (a2 b2): a product of inner size r1 r2, made of the rows' Kronecker products."""
    sides = [_hadamard_side(weights, written, side) for side in "12"]
    (first_up, first_down), (second_up, second_down) = sides
    scale = weights.scale(written, first_up.shape[1])
    if first_up.shape[1] * second_up.shape[1] > _FACTOR_ROWS:
        return (first_up @ first_down) * (second_up @ second_down) * scale, None
    up = (first_up[:, :, None] * second_up[:, None, :]).reshape(first_up.shape[0], -1)
    down = (first_down[:, None, :] * second_down[None, :, :]).reshape(-1, first_down.shape[1])
    return up * scale, down


def _hadamard_side(weights: Weights, written: _Written, side: str) -> tuple[Matrix, Matrix]:
    up = weights.read(written.parts[f"hada_w{side}_a"])
    down = weights.read(written.parts[f"hada_w{side}_b"])
    core = written.parts.get(f"hada_t{side}")
    if core is None:
        return up, down
    kernel = weights.read(core).reshape(*core.shape[:2], -1)
    return up.T, np.einsum("abk,bi->aik", kernel, down, optimize=True).reshape(core.shape[0], -1)


def _kronecker(weights: Weights, written: _Written) -> tuple[Matrix, Matrix | None]:
    """Return w1 ⊗ w2, spread out."""
    first, second = (_kronecker_side(weights, written, side) for side in "12")
    kernel = second.reshape(second.shape[0], second.shape[1], -1)
    whole = np.einsum("oi,pjk->opijk", first, kernel).reshape(first.shape[0] * kernel.shape[0], -1)
    ranks = [written.parts[part].shape[0] for part in ("lokr_w1_b", "lokr_w2_b") if part in written.parts]
    return whole * (weights.scale(written, ranks[0]) if ranks else np.float32(1)), None


def _kronecker_side(weights: Weights, written: _Written, side: str) -> Matrix:
    parts = written.parts
    if whole := parts.get(f"lokr_w{side}"):
        return weights.read(whole)
    up, down = weights.read(parts[f"lokr_w{side}_a"]), weights.read(parts[f"lokr_w{side}_b"])
    if side == "2" and "lokr_t2" in parts:
        core = weights.read(parts["lokr_t2"])
        kernel = core.reshape(*core.shape[:2], -1)
        return np.einsum("abk,ao,bi->oik", kernel, up, down, optimize=True)
    return up @ down


_AS_IS = {
    "F64": "<f8",
    "F32": "<f4",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "<u1",
    "BOOL": "<u1",
}


def _floats(data: bytes, dtype: str) -> Matrix:
    """Return the numbers as float32, those beyond its range as its largest."""
    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    if dtype == "F16":
        return _SIXTEEN_BITS[np.frombuffer(data, "<u2")]
    if dtype in ("F8_E4M3", "F8_E5M2"):
        return _EIGHT_BITS[dtype][np.frombuffer(data, np.uint8)]
    assert dtype in DTYPE_BYTES
    numbers = np.frombuffer(data, _AS_IS[dtype])
    if dtype == "F64":
        largest = np.finfo(np.float32).max
        numbers = np.clip(numbers, -largest, largest)
    return numbers.astype(np.float32)


def _eight_bits(exponent_bits: int, bias: int) -> Matrix:
    """Return the value of each of the 256 patterns of an OCP 8-bit float; no finite file has the special ones."""
    bits = np.arange(256)
    mantissa_bits = 7 - exponent_bits
    exponent = (bits >> mantissa_bits) & (2**exponent_bits - 1)
    mantissa = (bits & (2**mantissa_bits - 1)) / 2**mantissa_bits
    value = np.where(exponent == 0, mantissa * 2.0 ** (1 - bias), (1 + mantissa) * 2.0 ** (exponent - bias))
    return np.where(bits & 0x80, -value, value).astype(np.float32)


_EIGHT_BITS = {"F8_E4M3": _eight_bits(4, 7), "F8_E5M2": _eight_bits(5, 15)}
# Looking a half up costs a third of converting it.
_SIXTEEN_BITS: Matrix = np.arange(65_536, dtype="<u2").view("<f2").astype(np.float32)
