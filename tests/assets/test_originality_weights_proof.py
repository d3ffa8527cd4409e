"""One weights file is found in another whatever was done to it, and no file breaks the comparison."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.inspectors.base import Limits, Refused
from assets.originality import sketch, weights
from assets.originality.base import TENSOR_BAG, TENSOR_ROOT, WEIGHTS_SKETCH
from assets.originality.sketch import NAMED, read_sketch
from assets.originality.weights_layers import Weights
from tests.assets import loras

KEY = b"k" * 32
LIMITS = Limits()
SAMPLE = Path(__file__).resolve().parents[3] / "shared/samples/analog_svd_rank4.safetensors"


def sketch_of(file: bytes) -> sketch.Sketch:
    return read_sketch(next(p.value for p in prints_of(file) if p.kind == WEIGHTS_SKETCH))


def prints_of(file: bytes) -> list[Any]:
    """Returns the prints with roots that are none, so that what inspection refuses is tried all the same."""
    return weights.prints_of(io.BytesIO(file), KEY, LIMITS, {"tensor_root": "00", "tensor_bag_root": "00"})


def cosine(first: sketch.Sketch, second: sketch.Sketch, channel: int = NAMED) -> float:
    return float(first.units[channel] @ second.units[channel])


def evidence(folder: Path, mine: bytes, theirs: bytes) -> dict[str, Any]:
    paths = folder / "mine.safetensors", folder / "theirs.safetensors"
    for path, file in zip(paths, (mine, theirs), strict=True):
        path.write_bytes(file)
    return weights.evidence_of(paths[0], "", paths[1], "", LIMITS)


def hostile_files() -> dict[str, bytes]:
    def of(**arrays: np.ndarray) -> bytes:
        named = {name.replace("__", "."): array for name, array in arrays.items()}
        return loras.safetensors_of({n: ("F32", np.asarray(a, np.float32)) for n, a in named.items()})

    zeros, ones = np.zeros((8, 2)), np.ones((2, 8))
    return {
        "zeros": of(a__lora_up__weight=zeros, a__lora_down__weight=ones),
        "rank one": of(a__lora_up__weight=np.ones((1, 1)), a__lora_down__weight=np.ones((1, 1))),
        "overflow": of(a__lora_up__weight=np.full((8, 2), 3e38), a__lora_down__weight=np.full((2, 8), 3e38)),
        "tiny": of(a__lora_up__weight=np.full((8, 2), 1e-40), a__lora_down__weight=np.full((2, 8), 1e-40)),
        "no scale": of(a__lora_up__weight=ones.T, a__lora_down__weight=ones, a__alpha=np.zeros(())),
        "long alpha": of(a__lora_up__weight=ones.T, a__lora_down__weight=ones, a__alpha=np.zeros(9)),
        "nothing in it": of(a=np.zeros((0, 4)), b=np.zeros(())),
        "half a pair": of(a__lora_up__weight=zeros, b=ones),
        "unlike ranks": of(a__lora_up__weight=zeros, a__lora_down__weight=np.ones((3, 8))),
        "long and thin": of(a__lora_up__weight=np.ones((70_000, 1)), a__lora_down__weight=np.ones((1, 3))),
        "broken hadamard": of(a__hada_w1_a=zeros, a__hada_w1_b=ones, a__hada_w2_a=zeros, a__hada_w2_b=zeros),
        "flat core": of(
            a__hada_t1=ones.T @ ones, a__hada_w1_a=ones, a__hada_w1_b=ones, a__hada_w2_a=zeros, a__hada_w2_b=ones
        ),
        "broken kronecker": of(a__lokr_w1=np.ones((2, 2, 2)), a__lokr_w2=ones),
        "huge kronecker": of(a__lokr_w1=np.ones((600, 600)), a__lokr_w2=np.ones((600, 2))),
        "odd digits": loras.safetensors_of(
            {n: ("F32", np.ones((2, 4), np.float32)) for n in ("a²", "a2", "٣", "unet:9" * 9)}
        ),
        "many": of(**{f"l{i}__lora_{half}__weight": np.ones((1, 1)) for i in range(3000) for half in ("up", "down")}),
        "equal names": of(
            lora_unet_x__lora_up__weight=ones.T,
            lora_unet_x__lora_down__weight=ones,
            unet__x__lora_up__weight=ones.T,
            unet__x__lora_down__weight=ones,
        ),
    }


def test_no_file_breaks_the_prints_or_the_comparison(tmp_path: Path) -> None:
    honest = loras.kohya(loras.random_factors(1))
    for trick, file in hostile_files().items():
        prints = prints_of(file)
        assert [p.kind for p in prints[:2]] == [TENSOR_ROOT, TENSOR_BAG], trick
        for mine, theirs in ((file, honest), (honest, file), (file, file)):
            found = evidence(tmp_path, mine, theirs)
            assert json.loads(json.dumps(found)) == found
            assert mine is theirs or weights.judge(found) is None, trick
            assert 0 <= weights.score_ppm(found) <= 1_000_000
    for trick in ("zeros", "overflow", "no scale", "nothing in it", "long and thin"):
        assert [p.kind for p in prints_of(hostile_files()[trick])] == [TENSOR_ROOT, TENSOR_BAG], trick


def test_evidence_is_whole_numbers_and_text(tmp_path: Path) -> None:
    def check(value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                assert isinstance(key, str)
                check(inner)
        elif isinstance(value, list):
            for inner in value:
                check(inner)
        else:
            assert value is None or type(value) in (int, str)

    file = loras.kohya(loras.random_factors(1))
    found = evidence(tmp_path, file, file)
    check(found)
    assert found["measure"] == weights.MEASURE
    assert found["cosine_ppm"] == found["containment_ppm"] == found["aligned_ppm"] == 1_000_000
    assert 990_000 <= found["identical_bytes_ppm"] < 1_000_000  # The alphas are too small to count.
    assert weights.judge(found) == "same-weights"


def test_names_that_say_nothing_are_paired_by_content(tmp_path: Path) -> None:
    factors = loras.random_factors(1)
    names = {layer: f"t{at}" for at, layer in enumerate(sorted(factors, reverse=True))}
    renamed = loras.kohya(factors, name=lambda layer: names[layer])
    found = evidence(tmp_path, renamed, loras.kohya(factors))
    assert (found["paired_by"], weights.judge(found)) == ("content", "same-weights")
    nameless = loras.safetensors_of(
        {
            f"{at:03}{half}": loras.cast(array, "F16")
            for at, pair in enumerate(factors.values())
            for half, array in zip("xy", pair, strict=True)
        }
    )
    found = evidence(tmp_path, nameless, loras.kohya(factors))
    assert (found["paired_by"], weights.judge(found)) == ("content", "same-weights")
    assert weights.judge(evidence(tmp_path, renamed, loras.kohya(loras.random_factors(2)))) is None


def test_members_of_archives_are_compared(tmp_path: Path) -> None:
    file = loras.kohya(loras.random_factors(1))
    path, other = tmp_path / "pack.zip", tmp_path / "lora.safetensors"
    other.write_bytes(file)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/lin.safetensors", file)
    found = weights.evidence_of(path, "weights/lin.safetensors", other, "", LIMITS)
    assert weights.judge(found) == "same-weights"
    with pytest.raises(Refused) as refusal:
        weights.evidence_of(other, "", path, "weights/mei.safetensors", LIMITS)
    assert refusal.value.findings[0].code == "archive-member-missing"


def test_embeddings_are_compared_vector_by_vector(tmp_path: Path) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    vectors = rng.standard_normal((4, 768)).astype(np.float32)
    mine = loras.safetensors_of({"emb_params": loras.cast(vectors * 2, "F32")})
    theirs = loras.safetensors_of({"<lin>": loras.cast(vectors[::-1], "F16")})
    found = evidence(tmp_path, mine, theirs)
    assert found["vectors_ppm"] >= 999_000
    assert weights.judge(found) == "derived-weights"
    near = (vectors + rng.standard_normal(vectors.shape) * 1.0).astype(np.float32)
    found = evidence(tmp_path, mine, loras.safetensors_of({"emb_params": loras.cast(near, "F32")}))
    assert weights.judge(found) is None


def test_models_tuned_from_one_base_are_not_taken_for_each_other(tmp_path: Path) -> None:
    base = loras.random_factors(1, 40)
    original = loras.model(base, 0, 0)
    found = evidence(tmp_path, loras.model(base, 0.02, 1), loras.model(base, 0.02, 2))
    assert found["cosine_ppm"] > 998_000
    assert (found["form"], weights.judge(found)) == ("whole", None)
    assert weights.judge(evidence(tmp_path, loras.model(base, 0, 0, "F32"), original)) == "same-weights"
    assert weights.judge(evidence(tmp_path, loras.model(base, 0, 0, "BF16"), original)) is not None


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample is not here")
def test_a_real_numbered_lora_is_known_under_its_layers_names(tmp_path: Path) -> None:
    file = SAMPLE.read_bytes()
    weights_file = Weights(io.BytesIO(file), LIMITS)
    layers = {layer.name: layer for layer in weights_file.layers()}
    assert len(layers) == 192
    assert all(
        ("attn2_to_k" in n or "attn2_to_v" in n) == (x.shape[1] == 768) for n, x in layers.items() if "unet" in n
    )
    factors = {name: (x.up, x.down) for name, x in layers.items() if x.down is not None}
    names = {name: name.replace("unet.", "lora_unet_").replace("te1.", "lora_te_text_model_") for name in factors}
    kohya = loras.kohya(factors, dtype="BF16", name=lambda name: names[name])
    assert cosine(sketch_of(file), sketch_of(kohya)) == pytest.approx(1, abs=1e-3)
    found = evidence(tmp_path, kohya, file)
    assert (found["paired_by"], weights.judge(found)) == ("names", "same-weights")
    gauged = loras.gauged(factors, np.random.Generator(np.random.PCG64(1)))
    found = evidence(tmp_path, loras.kohya(gauged, name=lambda name: "q" + name.replace(".", "_")), file)
    assert (found["paired_by"], weights.judge(found)) == ("content", "same-weights")


def _begun_with_the_base(seed: int, rank: int = 8) -> loras.Factors:
    """A LoRA that began with the base's own strongest directions (PiSSA), as it is shared: less what it began with."""
    base = np.random.Generator(np.random.PCG64(1))
    own = np.random.Generator(np.random.PCG64(seed))
    found = {}
    for layer in loras.LAYERS:
        left, strengths, right = np.linalg.svd(base.standard_normal((96, 128)))
        scale = np.sqrt(strengths[:rank])
        up, down = left[:, :rank] * scale, scale[:, None] * right[:rank]
        trained = up + own.normal(0, 0.2, up.shape), down + own.normal(0, 0.2, down.shape)
        found[layer] = (
            np.concatenate([trained[0], -up], axis=1).astype(np.float32),
            np.concatenate([trained[1], down]).astype(np.float32),
        )
    return found


def test_two_who_began_with_the_strongest_directions_of_one_base_are_strangers(tmp_path: Path) -> None:
    mine, theirs = _begun_with_the_base(2), _begun_with_the_base(3)
    shown = evidence(tmp_path, loras.kohya(mine), loras.kohya(theirs))
    assert shown["containment_ppm"] > shown["containment_needed_ppm"]
    assert shown["aligned_ppm"] > shown["aligned_needed_ppm"]
    assert shown["joint_ppm"] < shown["joint_needed_ppm"]
    assert weights.judge(shown) is None


def test_what_is_cut_out_of_such_a_one_or_merged_with_it_is_found(tmp_path: Path) -> None:
    mine, other = _begun_with_the_base(2), _begun_with_the_base(3)
    for made in (loras.resized(mine, 8), loras.svd_merged([(mine, 0.5), (other, 0.5)], 16)):
        shown = evidence(tmp_path, loras.kohya(made), loras.kohya(mine))
        assert shown["joint_ppm"] > 600_000
        assert weights.judge(shown) in ("derived-weights", "merged-weights")
