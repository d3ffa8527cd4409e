"""Weights are known again whatever their factors, scale, names and container are."""

import io
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.inspectors.base import Limits
from assets.inspectors.safetensors import inspect_safetensors
from assets.originality import sketch, unmix, weights
from assets.originality.base import TENSOR_BAG, TENSOR_ROOT, WEIGHTS_SKETCH
from assets.originality.sketch import NAMED, RAW, SHAPED, read_sketch
from assets.originality.weights_keys import layer_name, places
from assets.originality.weights_layers import Weights
from tests.assets import loras
from tests.assets.denoiser import LAYERS

KEY = b"k" * 32
LIMITS = Limits()


def sketch_of(file: bytes) -> sketch.Sketch:
    return read_sketch(next(p.value for p in prints_of(file) if p.kind == WEIGHTS_SKETCH))


def prints_of(file: bytes) -> list[Any]:
    """Returns the prints with roots that are none, so that what inspection refuses is tried all the same."""
    return weights.prints_of(io.BytesIO(file), KEY, LIMITS, {"tensor_root": "00", "tensor_bag_root": "00"})


def cosine(first: sketch.Sketch, second: sketch.Sketch, channel: int = NAMED) -> float:
    return float(first.units[channel] @ second.units[channel])


def layers_of(file: bytes) -> dict[str, np.ndarray]:
    found = Weights(io.BytesIO(file), LIMITS).layers()
    return {layer.name: layer.up if layer.down is None else layer.up @ layer.down for layer in found}


ATTENTION = "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"


@pytest.mark.parametrize(
    "stem, name",
    [
        ("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q", f"unet.{ATTENTION}"),
        (f"lora_unet_{ATTENTION}", f"unet.{ATTENTION}"),
        ("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q", f"unet.{ATTENTION}"),
        ("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q", f"unet.{ATTENTION}"),
        ("base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q", f"unet.{ATTENTION}"),
        ("model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q", f"unet.{ATTENTION}"),
        ("lycoris_input_blocks_4_1_transformer_blocks_0_attn1_to_q", f"unet.{ATTENTION}"),
        ("unet:18", f"unet.{ATTENTION}"),
        ("unet:143", "unet.mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0"),
        ("unet.up_blocks.0.attentions.2.proj_in", "unet.up_blocks_0_attentions_2_proj_in"),
        ("lora_unet_output_blocks_2_1_proj_in", "unet.up_blocks_0_attentions_2_proj_in"),
        ("lora_unet_output_blocks_2_2_conv", "unet.up_blocks_0_upsamplers_0_conv"),
        ("lora_unet_output_blocks_5_2_conv", "unet.up_blocks_1_upsamplers_0_conv"),
        ("lora_unet_input_blocks_3_0_op", "unet.down_blocks_0_downsamplers_0_conv"),
        ("lora_unet_input_blocks_7_0_in_layers_2", "unet.down_blocks_2_resnets_0_conv1"),
        ("lora_unet_input_blocks_7_0_skip_connection", "unet.down_blocks_2_resnets_0_conv_shortcut"),
        ("lora_unet_middle_block_1_proj_out", "unet.mid_block_attentions_0_proj_out"),
        ("lora_unet_middle_block_2_out_layers_3", "unet.mid_block_resnets_1_conv2"),
        ("lora_unet_time_embed_0", "unet.time_embedding_linear_1"),
        ("lora_te_text_model_encoder_layers_3_mlp_fc1", "te1.encoder_layers_3_mlp_fc1"),
        ("text_encoder.text_model.encoder.layers.3.mlp.fc1", "te1.encoder_layers_3_mlp_fc1"),
        ("lora_te2_text_model_encoder_layers_3_mlp_fc1", "te2.encoder_layers_3_mlp_fc1"),
        ("text_encoder_2.text_model.encoder.layers.3.mlp.fc1", "te2.encoder_layers_3_mlp_fc1"),
        ("conditioner.embedders.1.model.transformer.resblocks.3.mlp.c_fc", "te2.encoder_layers_3_mlp_fc1"),
        ("text_encoder:14", "te1.encoder_layers_3_self_attn_q_proj"),
        ("lora_unet_double_blocks_7_img_mlp_0", "unet.transformer_blocks_7_ff_net_0_proj"),
        ("transformer.transformer_blocks.7.ff.net.0.proj", "unet.transformer_blocks_7_ff_net_0_proj"),
        ("transformer.single_transformer_blocks.7.proj_out", "unet.single_transformer_blocks_7_proj_out"),
        ("lora_unet_single_blocks_7_linear2", "unet.single_transformer_blocks_7_proj_out"),
    ],
)
def test_one_layer_has_one_name(stem: str, name: str) -> None:
    assert layer_name(stem) == name


def test_a_fused_layer_is_the_layers_it_fuses() -> None:
    found = places("lora_unet_single_blocks_0_linear1", 70)
    block = "unet.single_transformer_blocks_0_"
    assert [(place.name.removeprefix(block), place.begin, place.end) for place in found] == [
        ("attn_to_q", 0, 10),
        ("attn_to_k", 10, 20),
        ("attn_to_v", 20, 30),
        ("proj_mlp", 30, 70),
    ]
    rng = np.random.default_rng(0)
    up, down = rng.standard_normal((30, 4)).astype(np.float32), rng.standard_normal((4, 24)).astype(np.float32)
    fused = loras.paired({"x": (up, down)}, loras.PEFT, lambda _: "diffusion_model.double_blocks.0.img_attn.qkv")
    names = dict(zip(("to_q", "to_k", "to_v"), np.split(up, 3), strict=True))
    split = loras.paired(
        {name: (part, down) for name, part in names.items()},
        loras.PEFT,
        lambda name: f"transformer.transformer_blocks.0.attn.{name}",
    )
    assert cosine(sketch_of(fused), sketch_of(split)) == pytest.approx(1, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rank=st.integers(1, 6),
    sides=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    scale=st.sampled_from([1e-6, 0.5, -1.0, 1e6]),
)
def test_gauge_scale_and_names_leave_the_sketch_alone(
    seed: int, rank: int, sides: tuple[int, int], scale: float
) -> None:
    factors = loras.random_factors(seed, rank, 3, sides)
    mine = sketch_of(loras.kohya(factors, dtype="F32"))
    rng = np.random.Generator(np.random.PCG64(seed))
    scaled = loras.changed(loras.gauged(factors, rng), lambda up, down: (up * np.float32(scale), down))
    theirs = sketch_of(loras.paired(scaled, loras.PEFT, loras.diffusers_name, dtype="F32"))
    for channel in (NAMED, SHAPED):
        assert abs(cosine(mine, theirs, channel)) == pytest.approx(1, abs=2e-3)
        assert theirs.norms[channel] / mine.norms[channel] == pytest.approx(abs(scale), rel=2e-2)
    other_names = sketch_of(loras.kohya(factors, dtype="F32", name=lambda layer: "new_" + layer))
    assert cosine(mine, other_names, SHAPED) == pytest.approx(1, abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), weight=st.floats(0.05, 0.95))
def test_the_sketch_is_linear(seed: int, weight: float) -> None:
    first, second = loras.random_factors(seed), loras.random_factors(seed + 1)
    parts = [(first, weight), (second, 1 - weight)]
    mine, theirs = (sketch_of(loras.kohya(x, dtype="F32")) for x in (first, second))
    merged = sketch_of(loras.kohya(loras.concatenated(parts), dtype="F32"))
    expected = mine.vectors[:2] * weight + theirs.vectors[:2] * (1 - weight)
    assert np.abs(merged.vectors[:2] - expected).max() <= 2e-3 * np.abs(expected).max()
    summed = sketch_of(loras.kohya(loras.summed(parts), dtype="F32"))
    expected = mine.vectors[RAW] * weight + theirs.vectors[RAW] * (1 - weight)
    assert np.abs(summed.vectors[RAW] - expected).max() <= 2e-3 * np.abs(expected).max()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), width=st.sampled_from([1, 64, 512, 4096]))
def test_folding_is_linear_and_keeps_inner_products(seed: int, width: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    units = rng.standard_normal((2, 3, 4096)).astype(np.float32)
    units /= np.linalg.norm(units, axis=-1, keepdims=True)
    folded = sketch.fold(units, width)
    assert folded.shape == (2, 3, width)
    assert np.allclose(sketch.fold(units[0] + 2 * units[1], width), folded[0] + 2 * folded[1], atol=1e-5)
    if width >= 512:
        near = np.abs((folded[0] * folded[1]).sum(-1) - (units[0] * units[1]).sum(-1))
        assert near.max() <= 6 / np.sqrt(width)


def test_folding_to_what_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="does not divide"):
        sketch.fold(np.zeros((3, 4096), np.float32), 1000)


def test_the_sketch_errs_by_one_over_the_root_of_its_width() -> None:
    made = [loras.random_factors(seed, 2, 6) for seed in range(12)]
    shared = [loras.concatenated([(made[0], 0.7), (one, 0.5)]) for one in made]
    sketches = [sketch_of(loras.kohya(x)) for x in shared]
    wholes = [np.concatenate([(up @ down).ravel() for up, down in x.values()]) for x in shared]
    errors = []
    for i, j in product(range(12), range(12)):
        if i < j:
            exact = wholes[i] @ wholes[j] / np.linalg.norm(wholes[i]) / np.linalg.norm(wholes[j])
            errors.append(cosine(sketches[i], sketches[j]) - exact)
    assert np.sqrt(np.mean(np.square(errors))) <= 2 / 64
    assert np.abs(errors).max() <= 6 / 64


def test_another_key_gives_another_sketch_and_says_so() -> None:
    file = loras.kohya(loras.random_factors(1))
    mine = sketch_of(file)
    other = weights.prints_of(io.BytesIO(file), b"another", LIMITS)[-1].value
    theirs = read_sketch(other)
    assert mine.key_id == sketch.key_id_of(KEY) != theirs.key_id
    assert abs(cosine(mine, theirs)) < 0.1
    for broken in (b"", other[:-1], b"\2" + other[1:]):
        with pytest.raises(ValueError, match="not a weights sketch"):
            read_sketch(broken)


def test_a_sketch_stays_what_it_is_for_ever() -> None:
    waves = {
        name: (np.sin(np.arange(200, dtype=np.float32) * at).reshape(50, 4), np.cos(np.arange(160) / at).reshape(4, 40))
        for at, name in enumerate(LAYERS[:4], 1)
    }
    value = next(p.value for p in prints_of(loras.kohya(waves, dtype="F32")) if p.kind == WEIGHTS_SKETCH)
    stored = read_sketch(value)
    assert len(value) == sketch.VALUE_BYTES == 24_597
    assert [round(float(norm), 1) for norm in stored.norms] == [76.2, 78.3, 20.1]
    assert [int(np.abs(stored.units[channel]).argmax()) for channel in range(3)] == [2814, 2284, 3991]


def test_a_merge_is_unmixed_into_its_sources_and_weights() -> None:
    published = [sketch_of(loras.kohya(loras.random_factors(seed))) for seed in range(40)]
    parts = [(loras.random_factors(3), 0.5), (loras.random_factors(17), 0.3), (loras.random_factors(100), 0.2)]
    merged = sketch_of(loras.kohya(loras.concatenated(parts)))
    found = unmix.unmix(merged, published, 20_000)
    assert [index for index, _weight in found] == [3, 17]
    assert [weight for _index, weight in found] == [
        pytest.approx(500_000, abs=25_000),
        pytest.approx(300_000, abs=25_000),
    ]
    summed = sketch_of(loras.kohya(loras.summed(parts)))
    found = unmix.unmix(summed, published, 20_000)
    assert [index for index, _weight in found] == [3, 17]
    assert [weight for _index, weight in found] == [
        pytest.approx(500_000, abs=25_000),
        pytest.approx(300_000, abs=25_000),
    ]


def test_a_renamed_merge_is_unmixed_by_shapes() -> None:
    published = [sketch_of(loras.kohya(loras.random_factors(seed, layers=3))) for seed in range(10)]
    merged = loras.concatenated([(loras.random_factors(2, layers=3), 0.6), (loras.random_factors(5, layers=3), 0.4)])
    found = unmix.unmix(sketch_of(loras.kohya(merged, name=lambda layer: "z" + layer)), published, 1000)
    assert [index for index, _weight in found] == [2, 5]


def test_strangers_are_no_sources() -> None:
    published = [sketch_of(loras.kohya(loras.random_factors(seed))) for seed in range(40)]
    for seed in range(200, 220):
        assert unmix.unmix(sketch_of(loras.kohya(loras.random_factors(seed))), published, 20_000) == []
    assert unmix.unmix(published[0], [], 0) == []


def test_what_is_explained_leaves_the_rest() -> None:
    first, second = (sketch_of(loras.kohya(loras.random_factors(seed))) for seed in (1, 2))
    merged = sketch_of(
        loras.kohya(loras.concatenated([(loras.random_factors(1), 0.9), (loras.random_factors(2), 0.1)]))
    )
    left = unmix.residual(merged.units, first.units[None])
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    assert abs(left[NAMED] @ second.units[NAMED]) > 0.9
    assert abs(left[NAMED] @ first.units[NAMED]) < 0.01


def test_prints_take_the_roots_from_the_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    file = loras.kohya(loras.random_factors(1))
    facts = inspect_safetensors(io.BytesIO(file), LIMITS).facts
    alone = weights.prints_of(io.BytesIO(file), KEY, LIMITS)
    monkeypatch.setattr(weights, "inspect_safetensors", None)
    assert weights.prints_of(io.BytesIO(file), KEY, LIMITS, facts) == alone
    assert [p.kind for p in alone] == [TENSOR_ROOT, TENSOR_BAG, WEIGHTS_SKETCH]
    assert alone[0].value.hex() == facts["tensor_root"]
    assert alone[1].value.hex() == facts["tensor_bag_root"]


def test_hadamard_kronecker_and_three_way_factors_are_what_they_multiply_to() -> None:
    rng = np.random.Generator(np.random.PCG64(1))

    def numbers(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    a1, b1, a2, b2 = numbers(12, 3), numbers(3, 10), numbers(12, 3), numbers(3, 10)
    big = [numbers(12, 20), numbers(20, 10), numbers(12, 20), numbers(20, 10)]
    w1, w2a, w2b, w2 = numbers(3, 2), numbers(4, 2), numbers(2, 5), numbers(4, 5, 3, 3)
    up, mid, down = numbers(12, 4, 1, 1), numbers(4, 4, 3, 3), numbers(4, 6, 1, 1)
    core, side = numbers(3, 3, 3, 3), [numbers(3, 12), numbers(3, 10)]
    dense = {
        "unet.loha": (a1 @ b1) * (a2 @ b2) * 2 / 3,
        "unet.big": (big[0] @ big[1]) * (big[2] @ big[3]),
        "unet.lokr": np.kron(w1, w2a @ w2b) / 2,
        "unet.conv": np.einsum("ab,cdhw->acbdhw", w1, w2).reshape(12, -1),
        "unet.tucker": np.einsum("oa,abhw,bi->oihw", up[:, :, 0, 0], mid, down[:, :, 0, 0]).reshape(12, -1),
        "unet.core": np.square(np.einsum("abhw,ao,bi->oihw", core, *side)).reshape(12, -1),
    }
    written = {"loha.hada_w1_a": a1, "loha.hada_w1_b": b1, "loha.hada_w2_a": a2, "loha.hada_w2_b": b2}
    written |= dict(zip((f"big.hada_w{i}_{h}" for i, h in ("1a", "1b", "2a", "2b")), big, strict=True))
    written |= {"loha.alpha": np.float32(2), "lokr.alpha": np.float32(1)}
    written |= {"lokr.lokr_w1": w1, "lokr.lokr_w2_a": w2a, "lokr.lokr_w2_b": w2b}
    written |= {"conv.lokr_w1": w1, "conv.lokr_w2": w2, "loha.dora_scale": numbers(12, 1)}
    written |= {"tucker.lora_up.weight": up, "tucker.lora_mid.weight": mid, "tucker.lora_down.weight": down}
    for i in "12":
        written |= {f"core.hada_t{i}": core, f"core.hada_w{i}_a": side[0], f"core.hada_w{i}_b": side[1]}
    file = loras.safetensors_of({name: ("F32", np.asarray(x, np.float32)) for name, x in written.items()})
    found = layers_of(file)
    assert found.keys() == dense.keys()
    for name, expected in dense.items():
        assert np.allclose(found[name], expected, atol=1e-4), name
    spread = loras.safetensors_of({name: ("F32", x.astype(np.float32)) for name, x in dense.items()})
    assert cosine(sketch_of(file), sketch_of(spread)) == pytest.approx(1, abs=1e-3)


def test_every_number_type_is_read() -> None:
    numbers = np.array([[0.5, -2.0, 1.0, 0.0], [1.5, 3.0, -0.25, 448.0]], np.float32)
    for dtype in ("F32", "F16", "BF16", "F8_E4M3"):
        file = loras.safetensors_of({"w": loras.cast(numbers, dtype)})
        assert layers_of(file)["unet.w"].tolist() == numbers.tolist(), dtype
    for dtype, kind in {"F64": "<f8", "I64": "<i8", "I8": "i1", "U8": "u1", "U16": "<u2"}.items():
        file = loras.safetensors_of({"w": (dtype, np.arange(6).reshape(2, 3).astype(kind))})
        assert layers_of(file)["unet.w"].tolist() == [[0, 1, 2], [3, 4, 5]], dtype
    file = loras.safetensors_of({"w": ("F8_E5M2", np.array([[0x3C, 0xC0]], np.uint8))})
    assert layers_of(file)["unet.w"].tolist() == [[1.0, -2.0]]


def test_a_lora_baked_into_a_model_is_unmixed_when_its_base_is_known() -> None:
    base, lora = loras.random_factors(1, 40), loras.random_factors(2)
    baked = {
        name: (np.concatenate([up, 0.1 * lora[name][0]], axis=1), np.concatenate([down, lora[name][1]]))
        for name, (up, down) in base.items()
    }
    published = [
        sketch_of(loras.model(base, 0, 0)),
        sketch_of(loras.kohya(lora)),
        sketch_of(loras.kohya(loras.random_factors(3))),
    ]
    (first, second) = unmix.unmix(sketch_of(loras.model(baked, 0, 0)), published, 20_000)
    assert first == (0, pytest.approx(1_000_000, abs=5_000))
    assert second == (1, pytest.approx(100_000, abs=20_000))
