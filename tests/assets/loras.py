"""Weights files and what is done to stolen ones: the arithmetic of the tools that resize, merge and cast LoRAs."""

import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from tests.assets.denoiser import LAYERS, Factors, Matrix

# The toy's layers under names that real networks have, so that renaming takes the road of real renaming.
_BLOCKS = {
    "0": (4, "down_blocks_1_attentions_0"),
    "1": (5, "down_blocks_1_attentions_1"),
    "2": (7, "down_blocks_2_attentions_0"),
    "3": (8, "down_blocks_2_attentions_1"),
}
_PARTS = {"q": "attn1_to_q", "k": "attn1_to_k", "v": "attn1_to_v", "o": "attn1_to_out_0"}
_PARTS |= {"up": "ff_net_0_proj", "down": "ff_net_2"}


def random_factors(seed: int, rank: int = 4, layers: int = 6, sides: tuple[int, int] = (48, 40)) -> Factors:
    """Returns factors of independent normal numbers, which no training made."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return {
        name: (
            rng.standard_normal((sides[0], rank)).astype(np.float32),
            rng.standard_normal((rank, sides[1])).astype(np.float32),
        )
        for name in LAYERS[:layers]
    }


def kohya_name(layer: str) -> str:
    block, part = layer.split(".")
    return f"lora_unet_input_blocks_{_BLOCKS[block][0]}_1_transformer_blocks_0_{_PARTS[part]}"


def diffusers_name(layer: str) -> str:
    block, part = layer.split(".")
    dotted = _BLOCKS[block][1].replace("_attentions_", ".attentions.").replace("down_blocks_", "down_blocks.")
    part = _PARTS[part].replace("attn1_", "attn1.").replace("_out_0", "_out.0").replace("ff_net_", "ff.net.")
    return f"unet.{dotted}.transformer_blocks.0.{part.replace('0_proj', '0.proj')}"


def safetensors_of(arrays: Mapping[str, tuple[str, np.ndarray]], metadata: Mapping[str, str] | None = None) -> bytes:
    """Returns the file of {name: (dtype, numbers as that dtype's bits)}."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    pieces, offset = [], 0
    for name, (dtype, array) in arrays.items():
        data = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + len(data)]}
        pieces.append(data)
        offset += len(data)
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + b"".join(pieces)


def cast(numbers: Matrix, dtype: str) -> tuple[str, np.ndarray]:
    """Returns the numbers as F32, F16, BF16 or F8_E4M3, rounded to nearest."""
    if dtype == "BF16":
        bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
        return dtype, ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    if dtype == "F8_E4M3":
        exponent = np.clip(np.floor(np.log2(np.maximum(np.abs(numbers), 1e-30))), -6, 8)
        steps = np.rint(np.abs(numbers) / 2.0 ** (exponent - 3)).astype(np.int64)
        patterns = steps + ((exponent + 6) * 8).astype(np.int64)
        return dtype, (np.minimum(patterns, 0x7E) | np.where(numbers < 0, 0x80, 0)).astype(np.uint8)
    return dtype, numbers.astype({"F32": np.float32, "F16": np.float16}[dtype])


def kohya(
    factors: Factors,
    *,
    dtype: str = "F16",
    alpha: float | None = None,
    whole_alpha: bool = False,
    name: Callable[[str], str] = kohya_name,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Returns a file as kohya's trainer writes it; `alpha` scales the factors so that the change stays the same."""
    arrays: dict[str, tuple[str, np.ndarray]] = {}
    for layer, (up, down) in factors.items():
        rank = down.shape[0]
        scale = rank if alpha is None else alpha
        number = np.array(scale, np.int64 if whole_alpha else np.float32)
        arrays[name(layer) + ".alpha"] = ("I64" if whole_alpha else "F32", number)
        arrays[name(layer) + ".lora_down.weight"] = cast(down, dtype)
        arrays[name(layer) + ".lora_up.weight"] = cast(up * np.float32(rank / scale), dtype)
    return safetensors_of(arrays, metadata)


def paired(factors: Factors, endings: tuple[str, str], name: Callable[[str], str], *, dtype: str = "F16") -> bytes:
    """Returns a file without alpha whose (down, up) carry these endings."""
    arrays = {}
    for layer, (up, down) in factors.items():
        arrays[name(layer) + endings[0]] = cast(down, dtype)
        arrays[name(layer) + endings[1]] = cast(up, dtype)
    return safetensors_of(arrays)


def changed(factors: Factors, change: Callable[[Matrix, Matrix], tuple[Matrix, Matrix]]) -> Factors:
    return {layer: change(up, down) for layer, (up, down) in factors.items()}


def gauged(factors: Factors, rng: np.random.Generator) -> Factors:
    """Returns the same change by other factors: up G and G⁻¹ down."""

    def turn(up: Matrix, down: Matrix) -> tuple[Matrix, Matrix]:
        gauge = rng.standard_normal((down.shape[0],) * 2) + np.eye(down.shape[0]) * 2
        return (up @ gauge).astype(np.float32), np.linalg.solve(gauge, down.astype(np.float64)).astype(np.float32)

    return changed(factors, turn)


def resized(factors: Factors, rank: int | None = None, kept: float | None = None) -> Factors:
    """Returns each change cut to `rank`, or to the directions that hold the share `kept` of its length."""

    def cut(up: Matrix, down: Matrix) -> tuple[Matrix, Matrix]:
        left, strengths, right = np.linalg.svd(up @ down, full_matrices=False)
        if kept is not None:
            # The rule of "sv_fro": as many as hold this share of the Frobenius norm.
            lengths = np.sqrt(np.cumsum(np.square(strengths)) / np.square(strengths).sum())
            size = int(np.searchsorted(lengths, kept)) + 1
        else:
            size = rank or down.shape[0]
        return left[:, :size] * strengths[:size], right[:size]

    return changed(factors, cut)


def noised(factors: Factors, share: float, rng: np.random.Generator) -> Factors:
    def add(x: Matrix) -> Matrix:
        return (x + share * x.std() * rng.standard_normal(x.shape)).astype(np.float32)

    return changed(factors, lambda up, down: (add(up), add(down)))


def dropped(factors: Factors, share: float, rng: np.random.Generator) -> Factors:
    layers = sorted(factors)
    kept = set(rng.permutation(len(layers))[round(len(layers) * share) :].tolist())
    return {layer: factors[layer] for index, layer in enumerate(layers) if index in kept}


def weighted_by_block(factors: Factors, rng: np.random.Generator) -> Factors:
    """Returns each layer at a weight of its own, as block weights do."""
    return changed(factors, lambda up, down: (up * np.float32(rng.uniform(0.1, 1)), down))


def concatenated(parts: Sequence[tuple[Factors, float]], *, shuffle: np.random.Generator | None = None) -> Factors:
    """Returns a merge by concatenation: the weight is applied to up alone, ranks add up."""

    def join(layer: str) -> tuple[Matrix, Matrix]:
        up = np.concatenate([factors[layer][0] * np.float32(weight) for factors, weight in parts], axis=1)
        down = np.concatenate([factors[layer][1] for factors, _weight in parts])
        order = np.arange(len(down)) if shuffle is None else shuffle.permutation(len(down))
        return up[:, order], down[order]

    return {layer: join(layer) for layer in parts[0][0]}


def summed(parts: Sequence[tuple[Factors, float]]) -> Factors:
    """Returns a merge of up with up and down with down, each at its weight, as merging without concatenation does."""
    return {
        layer: (
            sum((f[layer][0] * np.float32(w) for f, w in parts), np.float32(0)),
            sum((f[layer][1] * np.float32(w) for f, w in parts), np.float32(0)),
        )
        for layer in parts[0][0]
    }


def svd_merged(parts: Sequence[tuple[Factors, float]], rank: int) -> Factors:
    """Returns the weighted sum of the changes, cut to `rank`."""
    return resized(concatenated(parts), rank)


def model(base: Factors, change: float, seed: int, dtype: str = "F16") -> bytes:
    """Returns a whole model: the base's numbers, changed a little everywhere."""
    rng = np.random.Generator(np.random.PCG64(seed))
    wholes = {name: up @ down for name, (up, down) in base.items()}
    return safetensors_of(
        {
            f"model.diffusion_model.{kohya_name(name).removeprefix('lora_unet_')}.weight": cast(
                (whole + change * whole.std() * rng.standard_normal(whole.shape)).astype(np.float32), dtype
            )
            for name, whole in wholes.items()
        }
    )


PEFT = (".lora_A.weight", ".lora_B.weight")
PROCESSOR = ("_lora.down.weight", "_lora.up.weight")


def copies(factors: Factors, rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Yields (what was done, the file) for one stolen LoRA that is altered alone."""
    yield "metadata", kohya(factors, metadata={"modelspec.title": "my own", "ss_seed": "1"})
    yield "re-split", kohya(changed(factors, lambda up, down: (up * np.float32(8), down / np.float32(8))), alpha=1.0)
    yield "whole alpha", kohya(factors, alpha=4, whole_alpha=True)
    yield "half strength", kohya(changed(factors, lambda up, down: (up * np.float32(0.5), down)))
    yield "sign", kohya(changed(factors, lambda up, down: (-up, down)))
    for dtype in ("F32", "BF16", "F8_E4M3"):
        yield dtype, kohya(factors, dtype=dtype)
    order = rng.permutation(next(iter(factors.values()))[1].shape[0])
    yield "shuffled ranks", kohya(changed(factors, lambda up, down: (up[:, order], down[order])))
    yield "gauge", kohya(gauged(factors, rng))
    yield (
        "padded",
        kohya(changed(factors, lambda up, down: (np.pad(up, ((0, 0), (0, 8))), np.pad(down, ((0, 8), (0, 0)))))),
    )
    yield "diffusers names", paired(factors, PEFT, diffusers_name)
    yield "any names", kohya(factors, name=lambda layer: f"x{sum(layer.encode()) * 37 % 1009}_{layer[::-1]}")
    ranks = min(down.shape[0] for _up, down in factors.values())
    for rank in (ranks // 2, ranks // 4):
        yield f"cut to 1/{ranks // rank}", kohya(resized(factors, rank))
    yield "cut to 90 %", kohya(resized(factors, kept=0.9))
    for share in (0.1, 0.5):
        yield f"noise {share:.0%}", kohya(noised(factors, share, rng))
    yield "half the layers", kohya(dropped(factors, 0.5, rng))
    yield "block weights", kohya(weighted_by_block(factors, rng))


def merges(factors: Factors, other: Factors, weight: float, rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Yields (what was done, the file) for a merge of `factors` at `weight` with another LoRA of the same rank."""
    parts = [(factors, weight), (other, 1 - weight)]
    rank = next(iter(factors.values()))[1].shape[0]
    yield f"concatenated {weight}", kohya(concatenated(parts))
    yield f"concatenated, shuffled {weight}", kohya(concatenated(parts, shuffle=rng))
    yield f"summed {weight}", kohya(summed(parts))
    yield f"SVD, same rank {weight}", kohya(svd_merged(parts, rank))
    yield f"SVD, double rank {weight}", kohya(svd_merged(parts, 2 * rank), whole_alpha=True)
