"""Small honest files, made in memory, from which the tests of assets start."""

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

SD15_MODULES = {"down_blocks_0": (320, 768), "mid_block": (1280, 1280), "up_blocks_1": (640, 640)}


def header_and_data(header: bytes | str | Mapping[str, Any], data: bytes = b"") -> bytes:
    """Returns length, header and data, whatever they are."""
    if not isinstance(header, bytes):
        header = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(header)) + header + data


def safetensors(
    tensors: Mapping[str, tuple[str, list[int], bytes]], metadata: Mapping[str, str] | None = None
) -> bytes:
    """Returns a well-formed file of {name: (dtype, shape, bytes)}, in the order given."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata is not None else {}
    offset = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    return header_and_data(header, b"".join(data for _, _, data in tensors.values()))


def lora(rank: int = 4, seed: int = 1, metadata: Mapping[str, str] | None = None) -> bytes:
    """Returns a kohya LoRA of Stable Diffusion 1.5's shapes with three modules."""
    rng = random.Random(seed)
    tensors: dict[str, tuple[str, list[int], bytes]] = {}
    for name, (outputs, inputs) in SD15_MODULES.items():
        stem = f"lora_unet_{name}_attn2_to_k"
        tensors[f"{stem}.alpha"] = ("F32", [], struct.pack("<f", rank))
        tensors[f"{stem}.lora_down.weight"] = _numbers(rng, [rank, inputs])
        tensors[f"{stem}.lora_up.weight"] = _numbers(rng, [outputs, rank])
    return safetensors(tensors, metadata)


def _numbers(rng: random.Random, shape: list[int]) -> tuple[str, list[int], bytes]:
    count = shape[0] * shape[1]
    return "F16", shape, struct.pack(f"<{count}e", *(rng.uniform(-1, 1) for _ in range(count)))


def picture(container: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: Any) -> bytes:
    """Returns a gradient."""
    base = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (base, base.rotate(180), base)).convert(mode)
    out = io.BytesIO()
    image.save(out, container, **options)
    return out.getvalue()


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 1, *, place: bool = False) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    if place:
        tags.get_ifd(0x8825)[1] = "N"
    return tags.tobytes()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    *chunks: bytes, width: int = 4, height: int = 4, pixels: bytes | None = None, header: bytes | None = None
) -> bytes:
    """Returns an 8-bit gray PNG of hand-made parts: `chunks` stand between IHDR and IDAT."""
    header = header or struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    raw = b"".join(b"\0" + bytes(width) for _ in range(height))
    body = zlib.compress(raw) if pixels is None else pixels
    parts = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", body), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def webp(chunks: Iterable[bytes]) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def simple_webp_chunk() -> bytes:
    """Returns the VP8 chunk of a real one-picture file."""
    return picture("WEBP", quality=80)[12:]


def zipped(name: str = "evil.txt", data: bytes = b"evil") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
