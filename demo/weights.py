"""LoRA files of honest shape with demonstration weights: seeded random numbers, never the result of training.

The files follow the safetensors layout (u64 little-endian header length, JSON header, data) and kohya's key names,
with the true widths of the attention modules of Stable Diffusion 1.5 and SDXL.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from demo.art.kit import rng

Half = NDArray[np.float16]
Tensors = dict[str, Half]

NOTE = "Demonstration weights drawn from a seeded generator; not trained on any picture."
SIDES = ("to_q", "to_k", "to_v", "to_out_0")
FAMILIES = {
    "sd15": ("stable-diffusion-v1/lora", "512x512", "sd_v1"),
    "sdxl": ("stable-diffusion-xl-v1-base/lora", "1024x1024", "sdxl_base_v1-0"),
}


def modules(family: str) -> Iterator[tuple[str, int, int]]:
    """Name the attention modules that a demo LoRA changes: (kohya name, inputs, outputs)."""
    if family == "sd15":
        blocks = [
            (f"down_blocks_{i}_attentions_0_transformer_blocks_0", width) for i, width in enumerate((320, 640, 1280))
        ]
        blocks += [("mid_block_attentions_0_transformer_blocks_0", 1280)]
        blocks += [
            (f"up_blocks_{i}_attentions_1_transformer_blocks_0", width) for i, width in ((1, 1280), (2, 640), (3, 320))
        ]
        context = 768
    else:
        blocks = [(f"input_blocks_{i}_1_transformer_blocks_{k}", 640) for i in (4, 5) for k in (0, 1)]
        blocks += [(f"input_blocks_{i}_1_transformer_blocks_0", 1280) for i in (7, 8)]
        blocks += [("middle_block_1_transformer_blocks_0", 1280)]
        context = 2048
    for block, width in blocks:
        for attention in ("attn1", "attn2"):
            for side in SIDES:
                inputs = context if attention == "attn2" and side in ("to_k", "to_v") else width
                yield f"lora_unet_{block}_{attention}_{side}", inputs, width


def demonstration(family: str, rank: int, seed: str) -> Tensors:
    """Draw a LoRA: normal values whose scale halves from one rank to the next; alpha equals the rank."""
    random = rng("lora", family, seed)
    spectrum = (0.5 ** np.arange(rank, dtype=np.float32)).astype(np.float32)
    tensors: Tensors = {}
    for name, inputs, outputs in modules(family):
        down = random.standard_normal((rank, inputs), dtype=np.float32) * np.float32(0.05) * spectrum[:, None]
        up = random.standard_normal((outputs, rank), dtype=np.float32) * np.float32(0.04) * spectrum[None, :]
        tensors[f"{name}.alpha"] = np.array(rank, np.float16)
        tensors[f"{name}.lora_down.weight"] = down.astype(np.float16)
        tensors[f"{name}.lora_up.weight"] = up.astype(np.float16)
    return tensors


def merge(parts: Sequence[tuple[Tensors, float]]) -> Tensors:
    """Add LoRAs by concatenating their ranks: the result's change of each module is the weighted sum of theirs.

    Weights that are powers of two keep the sum exact in float16; alpha equals the new rank, so its scale is one.
    """
    merged: Tensors = {}
    for stem in sorted({key.rsplit(".alpha", 1)[0] for part, _ in parts for key in part if key.endswith(".alpha")}):
        downs, ups = [], []
        for part, weight in parts:
            down, up = part[f"{stem}.lora_down.weight"], part[f"{stem}.lora_up.weight"]
            scale = float(part[f"{stem}.alpha"]) / down.shape[0] * weight
            downs.append(down)
            ups.append((up.astype(np.float32) * np.float32(scale)).astype(np.float16))
        down = np.concatenate(downs, axis=0)
        merged[f"{stem}.alpha"] = np.array(down.shape[0], np.float16)
        merged[f"{stem}.lora_down.weight"] = down
        merged[f"{stem}.lora_up.weight"] = np.concatenate(ups, axis=1)
    return merged


def metadata(family: str, rank: int, title: str, author: str, trigger: str, merged_from: str = "") -> dict[str, str]:
    """Describe the weights truthfully in the keys that kohya's tools and ModelSpec 1.0.1 use."""
    architecture, resolution, base = FAMILIES[family]
    said = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": architecture,
        "modelspec.implementation": "worldloom demo.weights",
        "modelspec.title": title,
        "modelspec.author": author,
        "modelspec.resolution": resolution,
        "modelspec.description": NOTE,
        "modelspec.trigger_phrase": trigger,
        "ss_base_model_version": base,
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(rank),
        "ss_num_train_images": "0",
        "ss_steps": "0",
        "ss_training_comment": NOTE,
    }
    return said | ({"modelspec.merged_from": merged_from} if merged_from else {})


def safetensors_bytes(tensors: Mapping[str, Half], said: Mapping[str, str]) -> bytes:
    """Write a safetensors file: data in the order of names, no holes, header padded so that data starts on 8 bytes."""
    header: dict[str, object] = {}
    data = bytearray()
    for name in sorted(tensors):
        raw = np.ascontiguousarray(tensors[name], "<f2").tobytes()
        shape = list(tensors[name].shape)
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    spoken = dict(said) | {"modelspec.hash_sha256": "0x" + hashlib.sha256(data).hexdigest()}
    text = json.dumps({"__metadata__": dict(sorted(spoken.items())), **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(data)


def dense(tensors: Mapping[str, Half], stem: str) -> NDArray[np.float64]:
    """Multiply out the change that a LoRA makes to one module; shape (outputs, inputs)."""
    down = tensors[f"{stem}.lora_down.weight"].astype(np.float64)
    up = tensors[f"{stem}.lora_up.weight"].astype(np.float64)
    return up @ down * (float(tensors[f"{stem}.alpha"]) / down.shape[0])
