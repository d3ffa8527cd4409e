"""Small packs for stories: real files, written by the same libraries that artists use."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import orjson
from PIL import Image

WHOLE = 1_000_000_000


def picture(color: str = "#3a6ea5", size: tuple[int, int] = (640, 360), form: str = "PNG") -> bytes:
    """A picture of one color with a lighter corner, so that it is not empty to the eye."""
    image = Image.new("RGB", size, color)
    image.paste("#e8eef5", (0, 0, size[0] // 3, size[1] // 3))
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def lora(seed: int = 1) -> bytes:
    """A LoRA of rank 1 for one attention matrix of SD 1.5, in kohya's key scheme, float16."""
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    shapes = {f"{name}.alpha": [], f"{name}.lora_down.weight": [1, 320], f"{name}.lora_up.weight": [320, 1]}
    header: dict[str, object] = {"__metadata__": {"ss_network_dim": "1"}}
    data = b""
    for key, shape in shapes.items():
        count = 1
        for side in shape:
            count *= side
        values = b"".join(struct.pack("<e", ((place * 7 + seed) % 13 - 6) / 64) for place in range(count))
        header[key] = {"dtype": "F16", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
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
    parents: Sequence[tuple[str, int]] = (),
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
    lines += [f'[[derived_from]]\nrelease = "{release}"\nshare_ppb = {share}' for release, share in parents]
    lines += [f'[[offers]]\nterms = "{terms}"\nprice = "{price}"\ncurrency = "{cur}"' for terms, price, cur in offers]
    (folder / "pack.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
