"""Weights: a strict reader of the safetensors format that never loads a tensor.

The layout is u64 little-endian header length, JSON header, data; see docs/formats/asset-facts.md for the two
roots. The reference reader accepts duplicate names, leading blanks, foreign fields and huge metadata; this
one refuses them, and refuses all that the reference refuses.
"""

import hashlib
import json
import math
import os
import struct
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from assets.inspectors import networks
from assets.inspectors.base import FACTS_FORMAT, Inspection, Limits, Refused, refused, shown_name
from assets.inspectors.strict_json import has_lone_surrogate, read_json
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

MEDIA_TYPE = "application/vnd.safetensors"

DTYPE_BYTES: Mapping[str, int] = (
    dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"), 1)
    | dict.fromkeys(("I16", "U16", "F16", "BF16"), 2)
    | dict.fromkeys(("I32", "U32", "F32"), 4)
    | dict.fromkeys(("I64", "U64", "F64"), 8)
)
# What stands in the exponent of a NaN or an infinity: the mask, and the value below which all is finite.
_EXPONENT: Mapping[str, tuple[str, int, int]] = {
    "F64": ("<u8", 0x7FF0_0000_0000_0000, 0x7FF0_0000_0000_0000),
    "F32": ("<u4", 0x7F80_0000, 0x7F80_0000),
    "F16": ("<u2", 0x7C00, 0x7C00),
    "BF16": ("<u2", 0x7F80, 0x7F80),
    "F8_E5M2": ("<u1", 0x7C, 0x7C),
    "F8_E4M3": ("<u1", 0x7F, 0x7F),
}
_MAX_DIMENSIONS = 8
_LARGEST = 2**53 - 1  # The largest integer that RFC 8785 JSON holds exactly.
_FIELDS = {"dtype", "shape", "data_offsets"}
_WINDOW_BYTES = 2 * 1024 * 1024
_WINDOWS = 3


class Tensor(NamedTuple):
    """One entry of the header. `begin` and `end` count from the start of the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Piece(NamedTuple):
    """A tensor's bytes, or as many of them as fit, at `start` to `stop` of a window; `offset` counts in the tensor."""

    tensor: Tensor
    start: int
    stop: int
    offset: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says. `data_begin` is the offset of the data in the file."""

    tensors: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    data_begin: int


def inspect_safetensors(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a safetensors file, having read all of it once; raise Refused."""
    header = read_header(file, limits)
    table = {tensor.name: tensor.shape for tensor in header.tensors}
    network = networks.describe(table)
    networks.check_claims(header.metadata, network.base_family)
    tensor_root, bag_root = _roots(file, header)
    return Inspection(
        MEDIA_TYPE,
        {
            "format": FACTS_FORMAT,
            "kind": "weights",
            "network": network.kind,
            "key_scheme": network.key_scheme,
            "base_family": network.base_family,
            "modules": network.modules,
            "ranks": list(network.ranks),
            "tensors": len(header.tensors),
            "parameters": sum(math.prod(tensor.shape) for tensor in header.tensors),
            "dtypes": dict(sorted(Counter(tensor.dtype for tensor in header.tensors).items())),
            "header_bytes": header.data_begin - 8,
            "tensor_root": tensor_root,
            "tensor_bag_root": bag_root,
            "metadata_entries": len(header.metadata),
            **networks.claims(header.metadata),
        },
    )


def read_header(file: BinaryIO, limits: Limits) -> Header:
    """Return the checked header of the seekable `file`; raise Refused. Read no tensor."""
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    first = file.read(9)
    if len(first) < 9:
        raise refused(
            "safetensors-truncated", _("a file of %(size)s bytes has no header."), "offset 0", size=size_bytes
        )
    (length,) = struct.unpack("<Q", first[:8])
    if length > limits.header_bytes:
        raise refused(
            "safetensors-header-too-long",
            _("the header claims %(claimed)s bytes at offset 0, the limit is %(limit)s."),
            "offset 0",
            claimed=length,
            limit=limits.header_bytes,
        )
    if length < 2 or 8 + length > size_bytes:
        raise refused(
            "safetensors-truncated",
            _("the header claims %(claimed)s bytes at offset 0, the file has %(size)s."),
            "offset 0",
            claimed=length,
            size=size_bytes,
        )
    if first[8:] != b"{":
        template = _("the header does not begin with '{' at offset 8.")
        raise refused("safetensors-header-start", template, "offset 8")
    raw = first[8:] + file.read(length - 1)
    entries = _entries(raw, limits)
    metadata = _metadata(entries.pop("__metadata__", {}), limits)
    if not entries:
        raise refused("safetensors-empty", _("the header names no tensor."), "offset 8")
    if len(entries) > limits.tensors:
        raise refused(
            "safetensors-too-many-tensors",
            _("the header names %(count)s tensors, the limit is %(limit)s."),
            "offset 8",
            count=len(entries),
            limit=limits.tensors,
        )
    tensors = tuple(_tensor(name, entry, limits) for name, entry in entries.items())
    _check_layout(tensors, data_bytes=size_bytes - 8 - length)
    return Header(tensors, metadata, 8 + length)


def _entries(raw: bytes, limits: Limits) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        offset = 8 + error.start
        template = _("the header is not UTF-8 at offset %(offset)s.")
        raise refused("safetensors-not-utf8", template, f"offset {offset}", offset=offset) from None
    # Blanks that pad the header to an alignment stand behind it (safetensors format, "header").
    text = text.rstrip(" ")
    if not text.endswith("}"):
        offset = 8 + len(raw)
        template = _("the header does not end with '}' before offset %(offset)s.")
        raise refused("safetensors-header-end", template, f"offset {offset}", offset=offset)
    entries = read_json(text, depth=3, where=Words(_("the header")))
    assert isinstance(entries, dict)  # It begins with '{'.
    return entries


def _metadata(value: object, limits: Limits) -> dict[str, str]:
    """Return `__metadata__` when it is text to text, no more than the limit, and free of NUL."""
    where = "__metadata__"
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise refused("safetensors-metadata", _("__metadata__ must map text to text."), where)
    if sum(len(key) + len(text) for key, text in value.items()) > limits.metadata_bytes:
        template = _("__metadata__ is longer than %(limit)s characters.")
        raise refused("safetensors-metadata-too-long", template, where, limit=limits.metadata_bytes)
    for key, text in value.items():
        if "\0" in key + text or has_lone_surrogate(key + text):
            template = _("__metadata__ holds a character that is no text under %(key)s.")
            raise refused("safetensors-metadata", template, where, key=repr(shown_name(key)))
        if len(key) > limits.name_characters:
            template = _("__metadata__ has a key longer than %(limit)s characters.")
            raise refused("safetensors-metadata-too-long", template, where, limit=limits.name_characters)
    return value


def _tensor(name: str, entry: object, limits: Limits) -> Tensor:
    """Return the tensor that one entry of the header describes; raise Refused when any field is not so."""
    if not 0 < len(name) <= limits.name_characters or not name.isprintable():
        template = _("tensor %(tensor)s has an empty, unprintable or too long name.")
        raise _of_tensor("safetensors-tensor-name", template, name)
    if not isinstance(entry, dict) or entry.keys() != _FIELDS:
        template = _("tensor %(tensor)s must have exactly the fields dtype, shape and data_offsets.")
        raise _of_tensor("safetensors-fields", template, name)
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        template = _("tensor %(tensor)s has the unknown dtype %(dtype)s.")
        raise _of_tensor("safetensors-dtype", template, name, dtype=repr(shown_name(str(dtype), 24)))
    if not _are_counts(shape) or len(shape) > _MAX_DIMENSIONS:
        template = _("tensor %(tensor)s has a shape that is not a list of at most %(limit)s counts.")
        raise _of_tensor("safetensors-shape", template, name, limit=_MAX_DIMENSIONS)
    if not _are_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        template = _("tensor %(tensor)s has data_offsets that are not a begin and an end.")
        raise _of_tensor("safetensors-offsets", template, name)
    needed_bytes = DTYPE_BYTES[dtype]
    for side in shape:
        needed_bytes *= side
        if needed_bytes > _LARGEST:
            template = _("tensor %(tensor)s has a shape that overflows 53 bits.")
            raise _of_tensor("safetensors-shape-overflow", template, name)
    if needed_bytes != (given_bytes := offsets[1] - offsets[0]):
        template = _("tensor %(tensor)s needs %(needed)s bytes by its shape and has %(given)s by its offsets.")
        raise _of_tensor("safetensors-size", template, name, needed=needed_bytes, given=given_bytes)
    return Tensor(name, dtype, tuple(shape), offsets[0], offsets[1])


def _of_tensor(code: str, template: str, name: str, /, **values: str | int) -> Refused:
    """Return the refusal of the tensor with this name, which `template` may show as %(tensor)s."""
    tensor = repr(shown_name(name))
    return refused(code, template, f"tensor {tensor}", tensor=tensor, **values)


def _are_counts(value: object) -> bool:
    """Say whether `value` is a list of integers from 0 to 2^53 - 1; true and false are no integers."""
    if not isinstance(value, list):
        return False
    for item in value:  # noqa: SIM110  A header holds thousands of short lists: a generator costs more than they do.
        if type(item) is not int or not 0 <= item <= _LARGEST:
            return False
    return True


def _check_layout(tensors: tuple[Tensor, ...], data_bytes: int) -> None:
    """Refuse tensors that overlap, leave a hole, run past the end, or leave bytes behind the last one."""
    end = 0
    for tensor in sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin < end:
            template = _("tensor %(tensor)s begins at data offset %(begin)s and overlaps what ends at %(end)s.")
            raise _of_tensor("safetensors-overlap", template, tensor.name, begin=tensor.begin, end=end)
        if tensor.begin > end:
            template = _(
                "tensor %(tensor)s begins at data offset %(begin)s and leaves a hole behind what ends at %(end)s."
            )
            raise _of_tensor("safetensors-hole", template, tensor.name, begin=tensor.begin, end=end)
        end = tensor.end
        if end > data_bytes:
            template = _("tensor %(tensor)s ends at data offset %(end)s, the data has %(size)s bytes.")
            raise _of_tensor("safetensors-truncated", template, tensor.name, end=end, size=data_bytes)
    if end != data_bytes:
        template = _("%(count)s bytes follow the last tensor at data offset %(end)s.")
        raise refused("safetensors-trailing", template, f"data offset {end}", count=data_bytes - end, end=end)


def _roots(file: BinaryIO, header: Header) -> tuple[str, str]:
    """Return the tensor root and the bag root in hex, reading the data once, front to back.

    One thread digests a window of the data while another scans the next one. Raise Refused when a number is NaN
    or infinite.
    """
    ordered = sorted(header.tensors, key=lambda tensor: (tensor.begin, tensor.end))
    file.seek(header.data_begin)
    digests = _Digests()
    pending: deque[Future[None]] = deque()
    buffers = [memoryview(bytearray(min(_WINDOW_BYTES, ordered[-1].end))) for _ in range(_WINDOWS)]
    with ThreadPoolExecutor(1) as other:
        for number, pieces in enumerate(_windows(ordered, _WINDOW_BYTES)):
            if len(pending) == _WINDOWS:
                pending.popleft().result()
            window = buffers[number % _WINDOWS][: pieces[-1].stop]
            _fill(file, window)
            pending.append(other.submit(digests.update, window, pieces))
            _check_finite(window, pieces)
        for future in pending:
            future.result()
    return _tensor_root(header, digests.of), _bag_root(digests.of)


def _tensor_root(header: Header, digests: Mapping[str, bytes]) -> str:
    root = hashlib.sha256(b"worldloom/tensor-root/1\n")
    for tensor in sorted(header.tensors, key=lambda tensor: tensor.name.encode()):
        leaf = {
            "dtype": tensor.dtype,
            "name": tensor.name,
            "sha256": digests[tensor.name].hex(),
            "shape": tensor.shape,
        }
        # RFC 8785 for these: the keys stand in order, and a printable name has nothing but quotes to escape.
        text = json.dumps(leaf, ensure_ascii=False, separators=(",", ":"))
        root.update(hashlib.sha256(text.encode()).digest())
    return root.hexdigest()


def _bag_root(digests: Mapping[str, bytes]) -> str:
    return hashlib.sha256(b"worldloom/tensor-bag-root/1\n" + b"".join(sorted(digests.values()))).hexdigest()


class _Digests:
    """The SHA-256 of each tensor's bytes, `of` its name, from windows in their order."""

    def __init__(self) -> None:
        self.of: dict[str, bytes] = {}
        self._open = hashlib.sha256()

    def update(self, window: memoryview, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self._open.update(window[piece.start : piece.stop])
            if piece.offset + piece.stop - piece.start == piece.tensor.end - piece.tensor.begin:
                self.of[piece.tensor.name] = self._open.digest()
                self._open = hashlib.sha256()


def _windows(ordered: Sequence[Tensor], size_bytes: int) -> Iterator[list[Piece]]:
    """Yield the data, of tensors that follow each other, in windows of at most `size_bytes`, cut between numbers."""
    pieces: list[Piece] = []
    filled = 0
    for tensor in ordered:
        offset, length = 0, tensor.end - tensor.begin
        while True:
            room = size_bytes - filled
            taken = min(length - offset, room - room % DTYPE_BYTES[tensor.dtype])
            if taken or not length:
                pieces.append(Piece(tensor, filled, filled + taken, offset))
                filled, offset = filled + taken, offset + taken
            if offset == length:
                break
            yield pieces
            pieces, filled = [], 0
    if pieces:
        yield pieces


def _fill(file: BinaryIO, window: memoryview) -> None:
    filled = 0
    while filled < len(window):
        count = file.readinto(window[filled:])  # type: ignore[attr-defined]
        if not count:
            raise refused("safetensors-truncated", _("the file became shorter while it was read."))
        filled += count


def _check_finite(window: memoryview, pieces: Sequence[Piece]) -> None:
    """Refuse floats that hold a NaN or an infinity (for F8_E4M3: a NaN, it has no infinity)."""
    first = 0
    for place, piece in enumerate(pieces):
        dtype = piece.tensor.dtype
        if place + 1 < len(pieces) and pieces[place + 1].tensor.dtype == dtype:
            continue
        # Neighbors of one dtype are scanned as one run; only when there is something in it, one by one.
        if dtype in _EXPONENT and _not_finite(window[pieces[first].start : piece.stop], dtype) is not None:
            _refuse_not_finite(window, pieces[first : place + 1])
        first = place + 1


def _refuse_not_finite(window: memoryview, pieces: Sequence[Piece]) -> None:
    for piece in pieces:
        found = _not_finite(window[piece.start : piece.stop], piece.tensor.dtype)
        if found is not None:
            index = piece.offset // DTYPE_BYTES[piece.tensor.dtype] + found
            template = _("tensor %(tensor)s is NaN or infinite at number %(index)s.")
            raise _of_tensor("weights-not-finite", template, piece.tensor.name, index=index)


def _not_finite(data: memoryview, dtype: str) -> int | None:
    """Return the place of the first number of the largest exponent when that one stands for no number."""
    kind, mask, bad = _EXPONENT[dtype]
    bits = np.frombuffer(data, dtype=kind) & np.array(mask, dtype=kind)
    return int(bits.argmax()) if bits.size and int(bits.max()) >= bad else None
