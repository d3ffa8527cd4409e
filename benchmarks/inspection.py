"""How long weights wait at the door: the header's check, and the whole inspection beside one SHA-256 of the file."""

import hashlib
import json
import os
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from assets.inspectors.base import Inspection, Limits
from assets.inspectors.safetensors import read_header
from assets.inspectors.sandbox import Candidate, inspect_files
from benchmarks.figure import Figure, Figures

HEADER_GOAL_MS = 15
WHOLE_GOAL = 4
_RANK = 32
_ROUNDS = 5
_HEADER_ROUNDS = 25


def sdxl_modules() -> Iterator[tuple[str, int, int]]:
    """Yields (name, inputs, outputs) of the 722 attention and projection layers that a LoRA of SDXL trains."""
    blocks = [(f"input_blocks_{n}_1", 2, 640) for n in (4, 5)]
    blocks += [(f"input_blocks_{n}_1", 10, 1280) for n in (7, 8)]
    blocks += [("middle_block_1", 10, 1280)]
    blocks += [(f"output_blocks_{n}_1", 10, 1280) for n in (0, 1, 2)]
    blocks += [(f"output_blocks_{n}_1", 2, 640) for n in (3, 4, 5)]
    for block, depth, width in blocks:
        stem = f"lora_unet_{block}"
        yield f"{stem}_proj_in", width, width
        yield f"{stem}_proj_out", width, width
        for place in range(depth):
            for attention, context in (("attn1", width), ("attn2", 2048)):
                layer = f"{stem}_transformer_blocks_{place}_{attention}"
                yield f"{layer}_to_q", width, width
                yield f"{layer}_to_k", context, width
                yield f"{layer}_to_v", context, width
                yield f"{layer}_to_out_0", width, width
            yield f"{stem}_transformer_blocks_{place}_ff_net_0_proj", width, 8 * width
            yield f"{stem}_transformer_blocks_{place}_ff_net_2", 4 * width, width


def write_lora(path: Path, *, rank: int = _RANK) -> int:
    """Writes a LoRA of SDXL's shapes in half precision, 170.6 MB at rank 32; returns its size in bytes."""
    tensors: list[tuple[str, str, list[int]]] = []
    for name, inputs, outputs in sdxl_modules():
        tensors.append((f"{name}.alpha", "F16", []))
        tensors.append((f"{name}.lora_down.weight", "F16", [rank, inputs]))
        tensors.append((f"{name}.lora_up.weight", "F16", [outputs, rank]))
    header: dict[str, object] = {"__metadata__": {"ss_base_model_version": "sdxl_base_v1-0"}}
    offset = 0
    for name, dtype, shape in tensors:
        size_bytes = 2 * int(np.prod(shape, dtype=np.int64))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size_bytes]}
        offset += size_bytes
    text = json.dumps(header).encode()
    numbers = np.random.default_rng(1)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _name, _dtype, shape in tensors:
            drawn = numbers.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
            file.write((drawn if shape else np.float16(rank)).astype("<f2").tobytes())
    return 8 + len(text) + offset


def inspect_lora() -> Iterator[Figure]:
    """Times the header's check and the whole inspection, child process and all, beside one SHA-256 of the file."""
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        path = Path(folder) / "style.safetensors"
        size_bytes = write_lora(path)
        _digest(path)  # Once, so that all that is timed reads from memory.
        # The fastest of many: what others do on the machine only ever adds to so short a time.
        header = min(_timed(_check_header, path) for _ in range(_HEADER_ROUNDS))
        rounds = [(_timed(_digest, path), _timed(_inspect, path)) for _ in range(_ROUNDS)]
    digested, whole = (statistics.median(times) for times in zip(*rounds, strict=True))
    file = f"{size_bytes / 1e6:.1f} MB, {os.cpu_count()} cores"
    yield Figure("inspect-lora", header * 1e3, "ms for the header", file, HEADER_GOAL_MS)
    against = f"one SHA-256 of it in {digested * 1e3:.0f} ms; {file}"
    yield Figure("inspect-lora", whole / digested, "× for all of it", against, WHOLE_GOAL)


def _timed(work: Callable[[Path], None], path: Path) -> float:
    began = time.perf_counter()
    work(path)
    return time.perf_counter() - began


def _digest(path: Path) -> None:
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        read_header(file, Limits())


def _inspect(path: Path) -> None:
    (outcome,) = inspect_files([Candidate(path, path.name)])
    if not isinstance(outcome, Inspection) or outcome.facts["modules"] != 722:
        sys.exit(f"The benchmark's own weights are not accepted: {outcome}")


FIGURES: Figures = {"inspect-lora": inspect_lora}
