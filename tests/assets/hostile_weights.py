"""Hostile weights: headers that lie, tensors that overlap, numbers that are none."""

import pickle
import struct

from tests.assets import makers as make
from tests.assets.hostile_file import RLO, Hostile


def _entry(dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def _one(entry: object, data: bytes = bytes(4), name: str = "t") -> bytes:
    return make.header_and_data({name: entry}, data)


def _headers() -> list[Hostile]:
    pair = '"dtype":"F32","shape":[1],"data_offsets":[0,4]'
    many = {f"t{n}": _entry(shape=[0], offsets=[0, 0]) for n in range(20_001)}
    cases = [
        ("seven bytes", "safetensors-truncated", b"1234567"),
        ("length of 2^64-1", "safetensors-header-too-long", b"\xff" * 8 + b"{}"),
        ("length of 9 MiB", "safetensors-header-too-long", struct.pack("<Q", 9 << 20) + b"{}"),
        ("length past the end", "safetensors-truncated", struct.pack("<Q", 4096) + b"{}" + bytes(20)),
        ("length of zero", "safetensors-truncated", bytes(8) + b"{}"),
        ("leading blank", "safetensors-header-start", make.header_and_data(f' {{"t":{{{pair}}}}}', bytes(4))),
        ("leading BOM", "safetensors-header-start", make.header_and_data("\ufeff{}", bytes(4))),
        ("header is a list", "safetensors-header-start", make.header_and_data("[1,2]", bytes(4))),
        ("text behind header", "safetensors-header-end", make.header_and_data(f'{{"t":{{{pair}}}}}x', bytes(4))),
        ("newline padding", "safetensors-header-end", make.header_and_data(f'{{"t":{{{pair}}}}}\n', bytes(4))),
        ("unclosed header", "safetensors-header-end", make.header_and_data('{"t":', bytes(4))),
        ("broken JSON", "json-malformed", make.header_and_data("{'t':1}", bytes(4))),
        ("two JSON values", "json-malformed", make.header_and_data("{}{}", bytes(4))),
        ("bad UTF-8", "safetensors-not-utf8", make.header_and_data(b'{"\xff\xfe":1}', bytes(4))),
        (
            "duplicate tensor",
            "json-duplicate-key",
            make.header_and_data(f'{{"t":{{{pair}}},"t":{{{pair}}}}}', bytes(4)),
        ),
        ("duplicate field", "json-duplicate-key", make.header_and_data(f'{{"t":{{"shape":[9],{pair}}}}}', bytes(4))),
        (
            "duplicate metadata",
            "json-duplicate-key",
            make.header_and_data(f'{{"__metadata__":{{"a":"1","a":"2"}},"t":{{{pair}}}}}', bytes(4)),
        ),
        ("deep JSON", "json-too-deep", make.header_and_data('{"t":' + "[" * 100_000 + "]" * 100_000 + "}")),
        ("deep unclosed JSON", "json-too-deep", make.header_and_data('{"t":' + '{"a":' * 100_000 + "}")),
        ("NaN in header", "json-number", make.header_and_data('{"t":NaN}')),
        ("number of 5000 digits", "json-number", make.header_and_data('{"t":' + "9" * 5000 + "}")),
        ("minus zero offset", "json-number", make.header_and_data('{"t":{"data_offsets":[-0,4]}}')),
        ("no tensor", "safetensors-empty", make.header_and_data("{}")),
        ("only metadata", "safetensors-empty", make.header_and_data({"__metadata__": {"a": "b"}})),
        ("20 001 tensors", "safetensors-too-many-tensors", make.header_and_data(many)),
        ("number in metadata", "safetensors-metadata", _with_metadata({"a": 1})),
        ("nested metadata", "safetensors-metadata", _with_metadata({"a": {"b": "c"}})),
        ("metadata is a list", "safetensors-metadata", _with_metadata(["a"])),
        ("NUL in metadata", "safetensors-metadata", _with_metadata({"a": "b\0c"})),
        ("half a surrogate", "safetensors-metadata", _with_metadata({"a": "\ud800"})),
        ("metadata of 5 MiB", "safetensors-metadata-too-long", _with_metadata({"a": "x" * (5 << 20)})),
        ("metadata key of 1000", "safetensors-metadata-too-long", _with_metadata({"k" * 1000: "x"})),
    ]
    return [Hostile(trick, "model.safetensors", code, data) for trick, code, data in cases]


def _tensors() -> list[Hostile]:
    two = {"a": _entry(offsets=[0, 4]), "b": _entry(offsets=[0, 4])}
    hole = {"a": _entry(offsets=[0, 4]), "b": _entry(offsets=[8, 12])}
    nan, infinity = struct.pack("<f", float("nan")), struct.pack("<f", float("-inf"))
    unpaired = {"x.lora_down.weight": ("F32", [2, 3], bytes(24))}
    unequal = unpaired | {"x.lora_up.weight": ("F32", [3, 4], bytes(48))}
    loha = {"x.hada_w1_a": ("F32", [3, 2], bytes(24)), "x.hada_w1_b": ("F32", [4, 3], bytes(48))}
    polyglot_tensor = make.zipped() + bytes(-len(make.zipped()) % 4)
    cases = [
        ("empty tensor name", "safetensors-tensor-name", _one(_entry(), name="")),
        ("tensor name with bidi", "safetensors-tensor-name", _one(_entry(), name=f"a{RLO}b")),
        ("tensor name of 600", "safetensors-tensor-name", _one(_entry(), name="n" * 600)),
        ("foreign field", "safetensors-fields", _one({**_entry(), "code": "x"})),
        ("missing field", "safetensors-fields", _one({"dtype": "F32", "shape": [1]})),
        ("entry is text", "safetensors-fields", _one("tensor")),
        ("unknown dtype", "safetensors-dtype", _one(_entry(dtype="OBJECT"))),
        ("dtype is a list", "safetensors-dtype", _one(_entry(dtype=["F32"]))),
        ("negative side", "safetensors-shape", _one(_entry(shape=[-1]))),
        ("fractional side", "safetensors-shape", _one(_entry(shape=[1.0]))),
        ("side is true", "safetensors-shape", _one(_entry(shape=[True]))),
        ("shape is text", "safetensors-shape", _one(_entry(shape="1"))),
        ("nine dimensions", "safetensors-shape", _one(_entry(shape=[1] * 9))),
        ("shape overflow", "safetensors-shape-overflow", _one(_entry(shape=[2**31, 2**31, 4]))),
        ("overflow that wraps to 4", "safetensors-shape-overflow", _one(_entry(shape=[2**52, 2**52, 1]))),
        ("one offset", "safetensors-offsets", _one(_entry(offsets=[0]))),
        ("negative offset", "safetensors-offsets", _one(_entry(offsets=[-4, 0]))),
        ("backward offsets", "safetensors-offsets", _one(_entry(offsets=[4, 0]))),
        ("size against shape", "safetensors-size", _one(_entry(shape=[2]))),
        ("overlap", "safetensors-overlap", make.header_and_data(two, bytes(4))),
        ("hole", "safetensors-hole", make.header_and_data(hole, bytes(12))),
        ("hole at the start", "safetensors-hole", _one(_entry(offsets=[4, 8]), bytes(8))),
        ("trailing bytes", "safetensors-trailing", _one(_entry(), bytes(8))),
        ("truncated data", "safetensors-truncated", _one(_entry(), bytes(3))),
        ("NaN weight", "weights-not-finite", _one(_entry(), nan)),
        ("infinite weight", "weights-not-finite", _one(_entry(), infinity)),
        ("NaN half", "weights-not-finite", _one(_entry("F16", [2], [0, 4]), b"\0\0\x01\x7e")),
        ("NaN bfloat", "weights-not-finite", _one(_entry("BF16", [2], [0, 4]), b"\0\0\xc0\x7f")),
        ("NaN float8", "weights-not-finite", _one(_entry("F8_E4M3", [4], [0, 4]), b"\0\0\xff\0")),
        ("half a pair", "weights-unpaired", make.safetensors(unpaired)),
        ("ranks that differ", "weights-rank-mismatch", make.safetensors(unequal)),
        ("loha ranks that differ", "weights-rank-mismatch", make.safetensors(loha)),
        ("zip appended", "polyglot", make.lora() + make.zipped()),
        ("zip inside a tensor", "polyglot", make.safetensors({"t": ("U8", [len(polyglot_tensor)], polyglot_tensor)})),
        ("renamed pickle", "pickle-refused", pickle.dumps({"a": list(range(100))})),
        ("renamed torch zip", "pickle-refused", make.zipped("archive/data.pkl")),
    ]
    return [Hostile(trick, "model.safetensors", code, data) for trick, code, data in cases]


def _families() -> list[Hostile]:
    """Returns weights of Stable Diffusion 1.5 that say they were made for another, as tools of all kinds spell it."""
    claims = {
        "ss_base_model_version": ("SD 2.1", "sd_v2_768_v", "SD XL", "SDXL 1.0", "SD 3", "SD3.5", "Flux.1 D"),
        "modelspec.architecture": ("Stable Diffusion XL", "stable diffusion 2", "stable_diffusion_3_medium"),
    }
    return [
        Hostile(f"for {claim}, it says", "model.safetensors", "weights-base-family", make.lora(metadata={key: claim}))
        for key, spellings in claims.items()
        for claim in spellings
    ]


def _with_metadata(metadata: object) -> bytes:
    return make.header_and_data({"__metadata__": metadata, "t": _entry()}, bytes(4))


def weights() -> list[Hostile]:
    return [*_headers(), *_tensors(), *_families()]
