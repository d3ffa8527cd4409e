"""Outputs of other tools, written as they write them."""

import io
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from marketplace.compositions.exports.forms import export
from marketplace.compositions.lockfile import Lock

SITE = "https://worldloom.example"
SETTINGS = "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 512x384"


def canvas() -> Image.Image:
    return Image.new("RGB", (64, 48), "#3a6ea5")


def png(entries: Mapping[str, Any] | None = None, **texts: str) -> bytes:
    """A PNG as SaveImage writes it: an entry of text for the prompt, and one for each of `extra_pnginfo`."""
    info = PngInfo()
    for key, value in (entries or {}).items():
        info.add_text(key, json.dumps(value))
    for key, text in texts.items():
        info.add_text(key, text)
    file = io.BytesIO()
    canvas().save(file, "PNG", pnginfo=info, compress_level=4)
    return file.getvalue()


def animated_png(entries: Mapping[str, Any]) -> bytes:
    """An animation as SaveAnimatedPNG writes it: private chunks `comf` behind the pixels."""
    info = PngInfo()
    for key, value in entries.items():
        info.add(b"comf", key.encode("latin-1") + b"\0" + json.dumps(value).encode("latin-1"), after_idat=True)
    file = io.BytesIO()
    canvas().save(file, "PNG", pnginfo=info, save_all=True, duration=166, append_images=[Image.new("RGB", (64, 48))])
    return file.getvalue()


def with_exif(entries: Mapping[str, Any], form: str = "WEBP") -> bytes:
    """A picture as SaveAnimatedWEBP writes it: the prompt as Model, the others from Make on downwards."""
    picture = canvas()
    exif = picture.getexif()
    if "prompt" in entries:
        exif[0x0110] = "prompt:{}".format(json.dumps(entries["prompt"]))
    tag = 0x010F
    for key, value in entries.items():
        if key != "prompt":
            exif[tag] = f"{key}:{json.dumps(value)}"
            tag -= 1
    file = io.BytesIO()
    picture.save(file, form, exif=exif)
    return file.getvalue()


def commented(text: str, form: str = "JPEG") -> bytes:
    """A picture as A1111 writes it where there are no chunks: the settings as a comment in Exif."""
    picture = canvas()
    exif = picture.getexif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
    file = io.BytesIO()
    picture.save(file, form, exif=exif)
    return file.getvalue()


def entries_of(lock: Lock, form: str = "comfyui-api", site: str = SITE) -> dict[str, Any]:
    """What ComfyUI keeps of an export: of a request its prompt and our entry, of a graph the graph and its prompt."""
    document = json.loads(export(lock, form, site=site).data)
    if form == "comfyui-api":
        return {"prompt": document["prompt"], **document["extra_data"]["extra_pnginfo"]}
    if form == "comfyui-prompt":
        return {"prompt": document}
    prompt = json.loads(export(lock, "comfyui-prompt").data)
    return {"prompt": prompt, "workflow": document}


def rendered(lock: Lock, site: str = SITE) -> bytes:
    """What ComfyUI saves when it runs a lock."""
    return png(entries_of(lock, site=site))


def prompt(*loras: str, text: str = "a pier", **more: str) -> dict[str, Any]:
    """A workflow of one sampler, with LoRAs one behind the other."""
    nodes: dict[str, Any] = {"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "base.safetensors"}}}
    before = "1"
    for place, name in enumerate(loras):
        key = str(10 + place)
        inputs = {"lora_name": name, "strength_model": 0.8, "strength_clip": 0.8}
        nodes[key] = {"class_type": "LoraLoader", "inputs": {**inputs, "model": [before, 0], "clip": [before, 1]}}
        before = key
    words = {"2": text, "3": more.get("negative", "lowres")}
    for key, said in words.items():
        nodes[key] = {"class_type": "CLIPTextEncode", "inputs": {"text": said, "clip": [before, 1]}}
    nodes["4"] = {
        "class_type": "KSampler",
        "inputs": {"seed": 7, "steps": 12, "cfg": 5.5, "sampler_name": "euler", "scheduler": "normal",
                   "model": [before, 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["5", 0]},
    }  # fmt: skip
    nodes["5"] = {"class_type": "EmptyLatentImage", "inputs": {"width": 832, "height": 1216, "batch_size": 1}}
    return nodes


def chunk(kind: bytes, body: bytes, checksum: int | None = None) -> bytes:
    """A chunk of a PNG; its checksum is right unless another one is given."""
    mark = zlib.crc32(kind + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", mark)


def png_of(*chunks: bytes) -> bytes:
    """A PNG of these chunks between its first and its last one."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def riff(*chunks: tuple[bytes, bytes], length: int | None = None) -> bytes:
    """A WebP of these chunks; its length is right unless another one is given."""
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body
