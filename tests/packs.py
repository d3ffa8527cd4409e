"""Small packs for stories: real files, written by the same libraries that artists use."""

import io
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson
from PIL import Image

WHOLE = 1_000_000_000
SHARED = (("enterprise", "100.01", "USD"),)
"""What others may make works from and sell these: the default offer lets nobody share what they make."""


def picture(color: str = "#3a6ea5", size: tuple[int, int] = (640, 360), form: str = "PNG") -> bytes:
    """A picture of one color with a lighter corner, so that it is not empty to the eye."""
    image = Image.new("RGB", size, color)
    image.paste("#e8eef5", (0, 0, size[0] // 3, size[1] // 3))
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def lora(seed: int = 1, *, metadata: Mapping[str, str] | None = None, scale: float = 1.0, rank: int = 4) -> bytes:
    """A LoRA for two attention matrices of SD 1.5, in kohya's key scheme, float16; no two seeds are alike."""
    block = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1"
    chance = np.random.default_rng(seed)
    header: dict[str, object] = {"__metadata__": dict(metadata or {"ss_network_dim": str(rank)})}
    data = b""
    for name in (f"{block}_to_k", f"{block}_to_q"):
        values = {
            f"{name}.alpha": np.array(rank, np.float16),
            f"{name}.lora_down.weight": chance.normal(0, 0.1, (rank, 320)).astype(np.float16),
            f"{name}.lora_up.weight": (chance.normal(0, 0.1, (320, rank)) * scale).astype(np.float16),
        }
        for key, value in values.items():
            begin, data = len(data), data + value.tobytes()
            header[key] = {"dtype": "F16", "shape": list(value.shape), "data_offsets": [begin, len(data)]}
    text = orjson.dumps(header)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def write(
    folder: Path,
    *,
    handle: str,
    title: str = "Sea of Clouds",
    version: str = "1.0.0",
    kind: str = "world",
    seed: int = 1,
    split: Sequence[tuple[str, int]] = (),
    parents: Sequence[tuple[str, int] | tuple[str, int, str]] = (),
    offers: Sequence[tuple[str, str, str]] = (("studio", "100.01", "USD"),),
) -> Path:
    """Writes a folder with a pack.toml, a cover, a LoRA and a prompt set."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cover.png").write_bytes(picture(f"#{(seed * 1234567) % 0xFFFFFF:06x}"))
    (folder / "style.safetensors").write_bytes(lora(seed))
    (folder / "prompts.txt").write_text(f"a pier above the clouds, take {seed}\n云海上的栈桥\n", encoding="utf-8")
    lines = [
        'format = "worldloom/pack/1"',
        f'handle = "{handle}"',
        f'version = "{version}"',
        f'kind = "{kind}"',
        'tags = ["clouds"]',
        'cover = "cover.png"',
        'base_model = "sd15"',
        f'title = {{ en = "{title}", zh-Hans = "云海" }}',
        'summary = { en = "A world above the weather." }',
        '[[elements]]\nname = "ink"\nkind = "style"\ntitle = { en = "Ink" }\nfiles = ["style.safetensors"]',
        '[[files]]\npath = "cover.png"\nrole = "preview"',
        '[[files]]\npath = "style.safetensors"',
        '[[files]]\npath = "prompts.txt"',
    ]
    lines += [f'[[split]]\ncreator = "{creator}"\nshare_ppb = {share}' for creator, share in split]
    for release, share, *mode in parents:
        lines += [f'[[derived_from]]\nrelease = "{release}"\nshare_ppb = {share}', *(f'mode = "{one}"' for one in mode)]
    lines += [f'[[offers]]\nterms = "{terms}"\nprice = "{price}"\ncurrency = "{cur}"' for terms, price, cur in offers]
    (folder / "pack.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
