"""The demo's LoRA files: honest in shape and words, readable by the reference reader, merged exactly."""

import io

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load

from assets.inspectors.base import Limits
from assets.inspectors.safetensors import inspect_safetensors
from demo import weights
from demo.worlds.contents import INK_WEIGHT, NEON_WEIGHT, PACKS

MODELS = {f"{pack.name}/{path}": make for pack in PACKS for path, make in pack.models.items()}


def model(end: str) -> bytes:
    (make,) = (make for name, make in MODELS.items() if name.endswith(end))
    return make()


@pytest.mark.parametrize("name", MODELS)
def test_a_lora_is_what_it_says(name: str, tmp_path) -> None:
    data = MODELS[name]()
    rank, family = (8 if "ink-neon" in name else 4), ("sdxl" if "sdxl" in name else "sd15")
    (tmp_path / "lora.safetensors").write_bytes(data)

    with safe_open(tmp_path / "lora.safetensors", framework="numpy") as file:
        metadata = file.metadata()
        assert len(list(file.keys())) == 3 * 56
    facts = inspect_safetensors(io.BytesIO(data), Limits()).facts

    assert len(data) <= 2_000_000
    assert int.from_bytes(data[:8], "little") % 8 == 0
    assert (facts["network"], facts["key_scheme"], facts["base_family"]) == ("lora", "kohya", family)
    assert (facts["modules"], facts["ranks"], facts["dtypes"]) == (56, [rank], {"F16": 3 * 56})
    assert metadata["modelspec.description"] == weights.NOTE
    assert metadata["ss_steps"] == "0"


def test_the_widths_are_those_of_stable_diffusion() -> None:
    tensors = load(model("yunhai-sd15.safetensors"))
    first = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn"

    assert tensors[f"{first}1_to_q.lora_down.weight"].shape == (4, 320)
    assert tensors[f"{first}2_to_k.lora_down.weight"].shape == (4, 768)
    assert tensors[f"{first}2_to_k.lora_up.weight"].shape == (320, 4)
    assert float(tensors[f"{first}1_to_q.alpha"]) == 4.0


def test_the_merged_lora_is_the_weighted_sum_of_its_parents() -> None:
    merged, ink, neon = (load(model(f"{name}-sd15.safetensors")) for name in ("ink-neon", "ink-style", "neon-harbor"))
    stems = [name.removesuffix(".alpha") for name in merged if name.endswith(".alpha")]

    assert len(stems) == 56
    for stem in stems[::7]:
        expected = INK_WEIGHT * weights.dense(ink, stem) + NEON_WEIGHT * weights.dense(neon, stem)
        np.testing.assert_allclose(weights.dense(merged, stem), expected, rtol=0, atol=1e-7)
        assert np.abs(expected).max() > 1e-4


def test_the_same_seed_gives_the_same_file_and_another_seed_another() -> None:
    one, again, other = (weights.demonstration("sd15", 4, seed) for seed in ("a", "a", "b"))
    said = weights.metadata("sd15", 4, "T", "alice", "t")

    assert weights.safetensors_bytes(one, said) == weights.safetensors_bytes(again, said)
    assert weights.safetensors_bytes(one, said) != weights.safetensors_bytes(other, said)
