"""What names and shapes of weights say: partners, ranks, scales and magnitudes that fit, and a family that is true."""

import hashlib
import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from assets.inspectors import safetensors
from assets.inspectors.base import Limits, Refused
from assets.inspectors.dispatch import inspect_file
from assets.inspectors.networks import Table, check_claims, describe
from assets.inspectors.safetensors import inspect_safetensors
from tests.assets import makers as make

LOHA: Table = {"a.hada_w1_a": (5, 2), "a.hada_w1_b": (2, 3), "a.hada_w2_a": (5, 2), "a.hada_w2_b": (2, 3)}
CONV: Table = {"c.lora_down.weight": (2, 3, 1, 1), "c.lora_up.weight": (5, 2, 1, 1), "c.lora_mid.weight": (2, 2, 3, 3)}


def code_of(table: Table) -> str:
    with pytest.raises(Refused) as refusal:
        describe(table)
    return refusal.value.findings[0].code


@pytest.mark.parametrize(
    ("table", "kind", "ranks", "modules"),
    [
        (CONV, "lora", (2,), 1),
        (LOHA, "loha", (2,), 1),
        (
            {"a.hada_t1": (2, 2, 3, 3), "a.hada_w1_a": (2, 5), "a.hada_w1_b": (2, 3)}
            | {"a.hada_t2": (2, 2, 3, 3), "a.hada_w2_a": (2, 5), "a.hada_w2_b": (2, 3)},
            "loha",
            (2,),
            1,
        ),
        ({"a.lokr_w1_a": (4, 1), "a.lokr_w1_b": (1, 2), "a.lokr_w2": (7, 3)}, "lokr", (1,), 1),
        (
            {"a.lokr_w1": (4, 2), "a.lokr_t2": (3, 3, 3, 3), "a.lokr_w2_a": (3, 7), "a.lokr_w2_b": (3, 6)},
            "lokr",
            (3,),
            1,
        ),
        ({"e.lora_embedding_A": (8, 99), "e.lora_embedding_B": (5, 8)}, "lora", (8,), 1),
        (LOHA | {"b.lora_A.weight": (4, 3), "b.lora_B.weight": (5, 4)}, "lora", (2, 4), 2),
    ],
)
def test_every_kind_of_module_is_put_together(table: Table, kind: str, ranks: tuple[int, ...], modules: int) -> None:
    network = describe(table)

    assert (network.kind, network.ranks, network.modules) == (kind, ranks, modules)


@pytest.mark.parametrize(
    ("code", "table"),
    [
        ("weights-rank-mismatch", CONV | {"c.lora_mid.weight": (3, 2, 3, 3)}),
        ("weights-unpaired", {"c.lora_mid.weight": (2, 2, 3, 3), "c.lora_up.weight": (5, 2, 1, 1)}),
        ("weights-unpaired", {name: shape for name, shape in LOHA.items() if name != "a.hada_w2_b"}),
        ("weights-rank-mismatch", LOHA | {"a.hada_w2_b": (4, 3)}),
        ("weights-shape-mismatch", LOHA | {"a.hada_w2_b": (2, 4)}),
        ("weights-rank-mismatch", LOHA | {"a.hada_t1": (2, 2, 3, 3)}),
        ("weights-unpaired", {"a.lokr_w1": (4, 2)}),
        ("weights-unpaired", {"a.lokr_w1": (4, 2), "a.lokr_w2_a": (7, 2)}),
        ("weights-rank-mismatch", {"a.lokr_w1": (4, 2), "a.lokr_w2_a": (7, 2), "a.lokr_w2_b": (3, 6)}),
        ("weights-shape-mismatch", {"a.lokr_w1": (4, 2), "a.lokr_w1_a": (4, 1), "a.lokr_w2": (7, 3)}),
        ("weights-scale", CONV | {"c.alpha": (2,)}),
        ("weights-shape-mismatch", CONV | {"c.dora_scale": (1, 4, 1, 1)}),
        ("weights-shape-mismatch", {"emb_params": (2, 3), "clip_l": (3, 768)} | {"clip_g": (2, 1280)}),
        ("weights-empty-embedding", {"emb_params": (0, 768)}),
        (
            "weights-shape-mismatch",
            {"model.diffusion_model.out.2.weight": (4, 320, 3, 3), "model.diffusion_model.out.2.bias": (5,)},
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(code: str, table: Table) -> None:
    assert code_of(table) == code


@pytest.mark.parametrize("dora", [(5, 1, 1, 1), (1, 3, 1, 1), (5,)])
def test_a_magnitude_may_stand_on_either_side(dora: tuple[int, ...]) -> None:
    assert describe(CONV | {"c.dora_scale": dora, "c.alpha": (1,)}).modules == 1


@pytest.mark.parametrize(("dtype", "data"), [("I64", struct.pack("<q", 4)), ("BF16", b"\x80\x40"), ("F64", bytes(8))])
def test_a_scale_may_be_of_any_numeric_type(dtype: str, data: bytes, tmp_path: Path) -> None:
    zeros = ("F32", [2, 3], bytes(24))
    up = ("F32", [3, 2], bytes(24))
    file = make.safetensors({"x.alpha": (dtype, [], data), "x.lora_down.weight": zeros, "x.lora_up.weight": up})

    facts = inspect_file(make.written(tmp_path, "f", file), "x.safetensors").facts

    assert (facts["network"], facts["ranks"]) == ("lora", [2])


@pytest.mark.parametrize(
    ("key", "claim", "words"),
    [
        ("ss_base_model_version", "sdxl_base_v1-0", "Stable Diffusion XL"),
        ("modelspec.architecture", "flux-1-dev/lora", "FLUX.1"),
        ("modelspec.architecture", "stable-diffusion-v2-768-v/lora", "Stable Diffusion 2"),
    ],
)
def test_a_base_family_that_the_shapes_deny_is_refused_with_both(
    key: str, claim: str, words: str, tmp_path: Path
) -> None:
    path = make.written(tmp_path, "f", make.lora(metadata={key: claim}))

    with pytest.raises(Refused) as refusal:
        inspect_file(path, "style.safetensors")

    (finding,) = refusal.value.findings
    assert (finding.code, finding.where) == ("weights-base-family", f"style.safetensors: __metadata__ {key}")
    assert finding.message == (
        f"style.safetensors: the metadata says under {key} that it is made for {words}, its tensors are those of"
        " Stable Diffusion 1.5; correct the metadata or choose the other file."
    )


@pytest.mark.parametrize("claim", ["sd_v1", "stable-diffusion-v1/lora", "my own model", "sdxl or sd15", ""])
def test_a_claim_that_agrees_or_says_nothing_is_no_finding(claim: str) -> None:
    check_claims({"ss_base_model_version": claim}, "sd15")


def test_unknown_shapes_deny_no_claim() -> None:
    check_claims({"ss_base_model_version": "sdxl_base_v1-0"}, "unknown")


def test_tensors_across_windows_have_the_digests_of_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safetensors, "_WINDOW_BYTES", 24)
    rng = np.random.default_rng(4)
    tensors = {
        "a": ("U8", [5], rng.bytes(5)),
        "b": ("F32", [20], np.arange(20, dtype="<f4").tobytes()),
        "c": ("F32", [0], b""),
        "d": ("F64", [7], np.arange(7, dtype="<f8").tobytes()),
    }

    facts = inspect_safetensors(io.BytesIO(make.safetensors(tensors)), Limits()).facts

    bag = b"".join(sorted(hashlib.sha256(data).digest() for _dtype, _shape, data in tensors.values()))
    assert facts["tensor_bag_root"] == hashlib.sha256(b"worldloom/tensor-bag-root/1\n" + bag).hexdigest()


@pytest.mark.parametrize("place", [0, 5, 6, 19])
def test_a_number_that_is_none_is_named_wherever_a_window_ends(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safetensors, "_WINDOW_BYTES", 24)
    numbers = np.zeros(20, dtype="<f4")
    numbers[place] = np.nan
    file = make.safetensors({"a": ("F32", [2], bytes(8)), "b": ("F32", [20], numbers.tobytes())})

    with pytest.raises(Refused, match=f"tensor 'b' is NaN or infinite at number {place}."):
        inspect_safetensors(io.BytesIO(file), Limits())


def test_a_name_with_quotes_has_the_leaf_of_rfc_8785() -> None:
    import rfc8785

    name = 'a "quoted" \\ name, 云'
    file = make.safetensors({name: ("U8", [2], b"\1\2")})

    facts = inspect_safetensors(io.BytesIO(file), Limits()).facts

    leaf = {"dtype": "U8", "name": name, "sha256": hashlib.sha256(b"\1\2").hexdigest(), "shape": [2]}
    digest = hashlib.sha256(rfc8785.dumps(leaf)).digest()
    assert facts["tensor_root"] == hashlib.sha256(b"worldloom/tensor-root/1\n" + digest).hexdigest()
    assert json.loads(rfc8785.dumps(leaf))["name"] == name
