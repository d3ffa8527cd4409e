"""Whatever the bytes, an inspector answers or refuses; and what it accepts, the reference reader accepts."""

import io
import json
import random
import struct
from typing import Any

import pytest
import rfc8785
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.inspectors.archives import inspect_charx, inspect_zip
from assets.inspectors.base import Inspection, Limits, Refused
from assets.inspectors.pictures import inspect_jpeg, inspect_png, inspect_webp
from assets.inspectors.prompts import inspect_json, inspect_text, inspect_yaml
from assets.inspectors.safetensors import DTYPE_BYTES, inspect_safetensors, read_header
from tests.assets import makers as make

INTEGERS = sorted(set(DTYPE_BYTES) - {"BOOL", "F8_E5M2", "F8_E4M3", "F16", "BF16", "F32", "F64"})
NAMES = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40).filter(
    lambda name: name != "__metadata__" and name.isprintable() and not name.endswith((":down", ":up"))
)
SHAPES = st.lists(st.integers(0, 5), max_size=4)
LIMITS = Limits(pixels=100_000)


@st.composite
def tensor_tables(draw: Any) -> dict[str, tuple[str, list[int], bytes]]:
    table = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=6, unique=True)):
        dtype, shape = draw(st.sampled_from(INTEGERS)), draw(SHAPES)
        size_bytes = DTYPE_BYTES[dtype]
        for side in shape:
            size_bytes *= side
        table[name] = (dtype, shape, draw(st.binary(min_size=size_bytes, max_size=size_bytes)))
    return table


@given(tensor_tables(), st.none() | st.dictionaries(NAMES, NAMES, max_size=3))
def test_what_was_written_is_read_back(
    table: dict[str, tuple[str, list[int], bytes]], metadata: dict[str, str] | None
) -> None:
    data = make.safetensors(table, metadata)

    header = read_header(io.BytesIO(data), LIMITS)

    assert {
        t.name: (t.dtype, list(t.shape), data[header.data_begin :][t.begin : t.end]) for t in header.tensors
    } == table
    assert header.metadata == (metadata or {})
    assert {name for name, _tensor in safetensors.deserialize(data)} == set(table)


def _outcome(inspect: Any, data: bytes) -> Inspection | Refused:
    """Returns what the inspector says; any exception but Refused fails the test that asked.

    Whatever it accepts has facts that survive RFC 8785, as docs/formats/asset-facts.md says.
    """
    try:
        outcome: Inspection = inspect(io.BytesIO(data), LIMITS)
    except Refused as refusal:
        return refusal
    assert json.loads(rfc8785.dumps(outcome.facts)) == outcome.facts
    return outcome


def _mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed))
        kind = rng.randrange(5)
        if kind == 0:
            changed[at] = rng.randrange(256)
        elif kind == 1:
            del changed[at : at + rng.randint(1, 8)]
        elif kind == 2:
            changed[at:at] = bytes(rng.choices(b'{}[]":,0159eE-+. \\u\0\xff', k=rng.randint(1, 4)))
        elif kind == 3:
            changed[at : at + 1] = bytes([changed[at] ^ (1 << rng.randrange(8))])
        else:
            changed += changed[at : at + rng.randint(1, 16)]
        if not changed:
            changed = bytearray(b"\0")
    return bytes(changed)


@settings(max_examples=400)
@given(st.randoms(use_true_random=False))
def test_a_changed_safetensors_file_is_refused_or_fine_for_the_reference_reader_too(rng: random.Random) -> None:
    table = {"a": ("F32", [2], struct.pack("<2f", 1, 2)), "b\\": ("U8", [0, 3], b""), "ü": ("I64", [], bytes(8))}
    data = _mutated(make.safetensors(table, {"title": "mist", "n": "1"}), rng)

    outcome = _outcome(inspect_safetensors, data)

    if isinstance(outcome, Inspection):
        assert len(safetensors.deserialize(data)) == outcome.facts["tensors"]


@pytest.mark.parametrize(
    ("inspect", "data"),
    [
        (inspect_png, make.picture("PNG", (8, 8), icc_profile=make.srgb_profile())),
        (inspect_jpeg, make.picture("JPEG", (16, 16), exif=make.exif(6))),
        (inspect_webp, make.picture("WEBP", (16, 16), exif=make.exif(3))),
        (inspect_text, "a {color} cat\n云海 __w__\n".encode()),
        (inspect_json, '{"prompts":[{"text":"a cat","lang":"en"},"云海"],"n":[1,2.5e3,null]}'.encode()),
        (inspect_text, b"{2$$ and $$a|b|{c|d}} ${x={e|f}} ${x}, __w__\n"),
        (inspect_yaml, "colors:\n  warm: [red, '{a|b}']\n  cold:\n    - 云\n    - __colors/warm__\n".encode()),
    ],
    ids=["png", "jpeg", "webp", "text", "json", "dynamic", "yaml"],
)
@settings(max_examples=150, deadline=None)
@given(rng=st.randoms(use_true_random=False))
def test_a_changed_file_is_refused_or_accepted_and_nothing_else(inspect: Any, data: bytes, rng: random.Random) -> None:
    outcome = _outcome(inspect, _mutated(data, rng))

    if isinstance(outcome, Refused):
        assert all(finding.message.isprintable() for finding in outcome.findings)


@given(st.binary(max_size=200))
def test_any_bytes_at_all_are_refused_or_accepted(data: bytes) -> None:
    inspectors = (inspect_safetensors, inspect_png, inspect_jpeg, inspect_webp, inspect_text, inspect_json)
    for inspect in (*inspectors, inspect_yaml, inspect_zip, inspect_charx):
        assert isinstance(_outcome(inspect, data), Inspection | Refused)
