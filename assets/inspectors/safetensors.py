"""Weights: a strict reader of the safetensors format that never loads a tensor.

The layout is u64 little-endian header length, JSON header, data; see docs/formats/asset-facts.md for the two
roots. The reference reader accepts duplicate names, leading blanks, foreign fields and huge metadata; this
one refuses them, and refuses all that the reference refuses.
"""

import hashlib
import math
import os
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import rfc8785

from assets.inspectors import networks
from assets.inspectors.base import FACTS_FORMAT, Inspection, Limits, refused, shown_name
from assets.inspectors.strict_json import has_lone_surrogate, read_json

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
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of the header. `begin` and `end` count from the start of the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


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
        raise refused("safetensors-truncated", f"a file of {size_bytes} bytes has no header.", "offset 0")
    (length,) = struct.unpack("<Q", first[:8])
    if length > limits.header_bytes:
        raise refused(
            "safetensors-header-too-long",
            f"the header claims {length} bytes at offset 0, the limit is {limits.header_bytes}.",
            "offset 0",
        )
    if length < 2 or 8 + length > size_bytes:
        raise refused(
            "safetensors-truncated",
            f"the header claims {length} bytes at offset 0, the file has {size_bytes}.",
            "offset 0",
        )
    if first[8:] != b"{":
        message = "the header does not begin with '{' at offset 8."
        raise refused("safetensors-header-start", message, "offset 8")
    raw = first[8:] + file.read(length - 1)
    entries = _entries(raw, limits)
    metadata = _metadata(entries.pop("__metadata__", {}), limits)
    if not entries:
        raise refused("safetensors-empty", "the header names no tensor.", "offset 8")
    if len(entries) > limits.tensors:
        raise refused(
            "safetensors-too-many-tensors",
            f"the header names {len(entries)} tensors, the limit is {limits.tensors}.",
            "offset 8",
        )
    tensors = tuple(_tensor(name, entry, limits) for name, entry in entries.items())
    _check_layout(tensors, data_bytes=size_bytes - 8 - length)
    return Header(tensors, metadata, 8 + length)


def _entries(raw: bytes, limits: Limits) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f"offset {8 + error.start}"
        raise refused("safetensors-not-utf8", f"the header is not UTF-8 at {place}.", place) from None
    # Blanks that pad the header to an alignment stand behind it (safetensors format, "header").
    text = text.rstrip(" ")
    if not text.endswith("}"):
        place = f"offset {8 + len(raw)}"
        raise refused("safetensors-header-end", f"the header does not end with '}}' before {place}.", place)
    entries = read_json(text, depth=3, where="the header")
    assert isinstance(entries, dict)  # It begins with '{'.
    return entries


def _metadata(value: object, limits: Limits) -> dict[str, str]:
    """Return `__metadata__` when it is text to text, no more than the limit, and free of NUL."""
    where = "__metadata__"
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise refused("safetensors-metadata", "__metadata__ must map text to text.", where)
    if sum(len(key) + len(text) for key, text in value.items()) > limits.metadata_bytes:
        message = f"__metadata__ is longer than {limits.metadata_bytes} characters."
        raise refused("safetensors-metadata-too-long", message, where)
    for key, text in value.items():
        if "\0" in key + text or has_lone_surrogate(key + text):
            message = f"__metadata__ holds a character that is no text under {shown_name(key)!r}."
            raise refused("safetensors-metadata", message, where)
        if len(key) > limits.name_characters:
            message = f"__metadata__ has a key longer than {limits.name_characters} characters."
            raise refused("safetensors-metadata-too-long", message, where)
    return value


def _tensor(name: str, entry: object, limits: Limits) -> Tensor:
    """Return the tensor that one entry of the header describes; raise Refused when any field is not so."""
    shown = f"tensor {shown_name(name)!r}"
    if not 0 < len(name) <= limits.name_characters or not name.isprintable():
        message = f"{shown} has an empty, unprintable or too long name."
        raise refused("safetensors-tensor-name", message, shown)
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        message = f"{shown} must have exactly the fields dtype, shape and data_offsets."
        raise refused("safetensors-fields", message, shown)
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        message = f"{shown} has the unknown dtype {shown_name(str(dtype), 24)!r}."
        raise refused("safetensors-dtype", message, shown)
    if not _are_counts(shape) or len(shape) > _MAX_DIMENSIONS:
        message = f"{shown} has a shape that is not a list of at most {_MAX_DIMENSIONS} counts."
        raise refused("safetensors-shape", message, shown)
    if not _are_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        message = f"{shown} has data_offsets that are not a begin and an end."
        raise refused("safetensors-offsets", message, shown)
    needed_bytes = DTYPE_BYTES[dtype]
    for side in shape:
        needed_bytes *= side
        if needed_bytes > _LARGEST:
            raise refused("safetensors-shape-overflow", f"{shown} has a shape that overflows 53 bits.", shown)
    if needed_bytes != offsets[1] - offsets[0]:
        given_bytes = offsets[1] - offsets[0]
        message = f"{shown} needs {needed_bytes} bytes by its shape and has {given_bytes} by its offsets."
        raise refused("safetensors-size", message, shown)
    return Tensor(name, dtype, tuple(shape), offsets[0], offsets[1])


def _are_counts(value: object) -> bool:
    """Say whether `value` is a list of integers from 0 to 2^53 - 1; true and false are no integers."""
    return isinstance(value, list) and all(type(item) is int and 0 <= item <= _LARGEST for item in value)


def _check_layout(tensors: tuple[Tensor, ...], data_bytes: int) -> None:
    """Refuse tensors that overlap, leave a hole, run past the end, or leave bytes behind the last one."""
    end = 0
    for tensor in sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)):
        shown = f"tensor {shown_name(tensor.name)!r}"
        if tensor.begin != end:
            code, word = ("overlap", "overlaps") if tensor.begin < end else ("hole", "leaves a hole behind")
            message = f"{shown} begins at data offset {tensor.begin} and {word} what ends at {end}."
            raise refused(f"safetensors-{code}", message, shown)
        end = tensor.end
        if end > data_bytes:
            message = f"{shown} ends at data offset {end}, the data has {data_bytes} bytes."
            raise refused("safetensors-truncated", message, shown)
    if end != data_bytes:
        message = f"{data_bytes - end} bytes follow the last tensor at data offset {end}."
        raise refused("safetensors-trailing", message, f"data offset {end}")


def _roots(file: BinaryIO, header: Header) -> tuple[str, str]:
    """Return the tensor root and the bag root in hex, reading the data once, front to back.

    Raise Refused when a number is NaN or infinite.
    """
    digests: dict[str, bytes] = {}
    file.seek(header.data_begin)
    for tensor in sorted(header.tensors, key=lambda tensor: (tensor.begin, tensor.end)):
        digest = hashlib.sha256()
        for offset, chunk in _chunks(file, tensor.end - tensor.begin):
            digest.update(chunk)
            _check_finite(tensor, chunk, offset)
        digests[tensor.name] = digest.digest()
    root = hashlib.sha256(b"worldloom/tensor-root/1\n")
    for tensor in sorted(header.tensors, key=lambda tensor: tensor.name.encode()):
        leaf: dict[str, Any] = {
            "dtype": tensor.dtype,
            "name": tensor.name,
            "sha256": digests[tensor.name].hex(),
            "shape": list(tensor.shape),
        }
        root.update(hashlib.sha256(rfc8785.dumps(leaf)).digest())
    bag = hashlib.sha256(b"worldloom/tensor-bag-root/1\n" + b"".join(sorted(digests.values())))
    return root.hexdigest(), bag.hexdigest()


def _chunks(file: BinaryIO, count_bytes: int) -> Iterator[tuple[int, memoryview]]:
    """Yield the next `count_bytes` as (offset, bytes) in pieces of at most 1 MiB, all in one buffer."""
    buffer = memoryview(bytearray(min(_CHUNK_BYTES, count_bytes)))
    offset = 0
    while offset < count_bytes:
        piece = buffer[: min(_CHUNK_BYTES, count_bytes - offset)]
        filled = 0
        while filled < len(piece):
            part = file.read(len(piece) - filled)
            if not part:
                raise refused("safetensors-truncated", "the file became shorter while it was read.", "")
            piece[filled : filled + len(part)] = part
            filled += len(part)
        yield offset, piece
        offset += len(piece)


def _check_finite(tensor: Tensor, chunk: memoryview, offset: int) -> None:
    """Refuse a chunk of floats that holds a NaN or an infinity (for F8_E4M3: a NaN, it has no infinity)."""
    if tensor.dtype not in _EXPONENT:
        return
    kind, mask, bad = _EXPONENT[tensor.dtype]
    bits = np.frombuffer(chunk, dtype=kind) & np.array(mask, dtype=kind)
    if bits.size and int(bits.max()) >= bad:
        index = offset // DTYPE_BYTES[tensor.dtype] + int(bits.argmax())
        shown = f"tensor {shown_name(tensor.name)!r}"
        raise refused("weights-not-finite", f"{shown} is NaN or infinite at number {index}.", shown)
