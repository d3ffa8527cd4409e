"""How the surfaces of a model look: base color, texture, cut-out and blending, as its materials say."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from assets.inspectors import gltf_fields as fields
from assets.inspectors import pictures
from assets.inspectors.base import Limits
from assets.inspectors.gltf_materials import WEBP_TEXTURES
from assets.inspectors.models3d import Model

Array = np.ndarray[Any, Any]

_TEXTURE_SIDE = 1024
_CLAMP, _MIRROR = 33071, 33648
_TRANSFORM = "KHR_texture_transform"
_UNLIT = ("KHR_materials_unlit", "VRMC_materials_mtoon")


@dataclass(frozen=True, slots=True)
class Texture:
    """A picture (h × w × 4, linear, 0 to 1), how it repeats, and how texture coordinates are moved before."""

    pixels: Array
    wrap: tuple[int, int]
    uv_set: int
    offset: tuple[float, float]
    scale: tuple[float, float]
    rotation: float


@dataclass(frozen=True, slots=True)
class Surface:
    """One material. `cutoff` is None unless parts are cut out; `lit` from 0 to 1 is how much light shapes it."""

    color: tuple[float, float, float, float]
    glow: tuple[float, float, float]
    texture: Texture | None
    cutoff: float | None
    blended: bool
    two_sided: bool
    lit: float


PLAIN = Surface((0.8, 0.8, 0.8, 1.0), (0.0, 0.0, 0.0), None, None, False, False, 1.0)


def surfaces_of(model: Model, limits: Limits) -> list[Surface]:
    """Return the surface of each material in turn, and behind them the one of what has no material."""
    images: dict[int, Array] = {}
    toon = _toon_names(model)
    found = [
        _surface(place, material, model, limits, images, toon)
        for place, material in fields.items(model.root, "materials")
    ]
    return [*found, PLAIN]


def sample(texture: Texture, uv: Array) -> Array:
    """Return the texture at coordinates (n × 2) as n × 4, between four pixels each (glTF 2.0, 3.8.4)."""
    cos, sin = np.cos(texture.rotation), np.sin(texture.rotation)
    scaled = uv * np.array(texture.scale)
    u = scaled[:, 0] * cos + scaled[:, 1] * sin + texture.offset[0]
    v = scaled[:, 1] * cos - scaled[:, 0] * sin + texture.offset[1]
    height, width = texture.pixels.shape[:2]
    x, y = _wrapped(u, texture.wrap[0]) * width - 0.5, _wrapped(v, texture.wrap[1]) * height - 0.5
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right_part, down_part = (x - left)[:, None].astype(np.float32), (y - top)[:, None].astype(np.float32)
    x0, x1 = (_index(left + n, width, texture.wrap[0]) for n in (0, 1))
    y0, y1 = (_index(top + n, height, texture.wrap[1]) for n in (0, 1))
    pixels = texture.pixels
    upper = pixels[y0, x0] * (1 - right_part) + pixels[y0, x1] * right_part
    lower = pixels[y1, x0] * (1 - right_part) + pixels[y1, x1] * right_part
    found: Array = upper * (1 - down_part) + lower * down_part
    return found


def linear(srgb: Array) -> Array:
    """Return sRGB values from 0 to 1 as light (IEC 61966-2-1)."""
    found: Array = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return found


def encoded(light: Array) -> Array:
    """Return light from 0 to 1 as sRGB values."""
    light = light.clip(0, 1)
    found: Array = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return found


def _surface(
    place: str, material: dict[str, Any], model: Model, limits: Limits, images: dict[int, Array], toon: set[str]
) -> Surface:
    shown = fields.child(material, "pbrMetallicRoughness", place)
    color = fields.numbers(shown, "baseColorFactor", place, 4) or [1.0, 1.0, 1.0, 1.0]
    glow = fields.numbers(material, "emissiveFactor", place, 3) or [0.0, 0.0, 0.0]
    texture = None
    if "baseColorTexture" in shown:
        texture = _texture(shown["baseColorTexture"], model, limits, images)
    if "emissiveTexture" in material:
        glow = [0.0, 0.0, 0.0]
    mode = material.get("alphaMode", "OPAQUE")
    extensions = fields.child(material, "extensions", place)
    flat = any(name in extensions for name in _UNLIT) or material.get("name") in toon
    return Surface(
        (color[0], color[1], color[2], color[3]),
        (glow[0], glow[1], glow[2]),
        texture,
        float(material.get("alphaCutoff", 0.5)) if mode == "MASK" else None,
        mode == "BLEND",
        bool(material.get("doubleSided", False)),
        0.35 if flat else 1.0,
    )


def _toon_names(model: Model) -> set[str]:
    """Return the names of the materials that a VRM 0.x paints like a drawing."""
    vrm = fields.child(fields.child(model.root, "extensions", "glTF"), "VRM", "extensions")
    properties = vrm.get("materialProperties")
    if not isinstance(properties, list):
        return set()
    return {
        one["name"]
        for one in properties
        if isinstance(one, dict) and isinstance(one.get("name"), str) and one.get("shader") != "VRM_USE_GLTFSHADER"
    }


def _texture(info: dict[str, Any], model: Model, limits: Limits, images: dict[int, Array]) -> Texture | None:
    texture = model.root["textures"][info["index"]]
    webp = texture.get("extensions", {}).get(WEBP_TEXTURES, {})
    source = webp.get("source", texture.get("source"))
    if source is None:
        return None
    if source not in images:
        images[source] = _picture(model, source, limits)
    wrap = (10497, 10497)
    if "sampler" in texture:
        sampler = model.root["samplers"][texture["sampler"]]
        wrap = (sampler.get("wrapS", 10497), sampler.get("wrapT", 10497))
    moved = fields.child(fields.child(info, "extensions", "texture"), _TRANSFORM, "texture")
    offset = fields.numbers(moved, "offset", _TRANSFORM, 2) or [0.0, 0.0]
    scale = fields.numbers(moved, "scale", _TRANSFORM, 2) or [1.0, 1.0]
    uv_set = moved.get("texCoord", info.get("texCoord", 0))
    return Texture(
        images[source],
        wrap,
        1 if uv_set == 1 else 0,
        (offset[0], offset[1]),
        (scale[0], scale[1]),
        fields.number(moved.get("rotation", 0), _TRANSFORM),
    )


def _picture(model: Model, source: int, limits: Limits) -> Array:
    """Return a picture of the model as linear light, no side longer than 1024 pixels."""
    view = model.buffers.views[model.root["images"][source]["bufferView"]]
    data = model.buffers.data[view.begin : view.begin + view.length]
    picture = pictures.decode(io.BytesIO(data), limits=limits).convert("RGBA")
    picture.thumbnail((_TEXTURE_SIDE, _TEXTURE_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(picture, np.float32) / 255
    light: Array = np.concatenate([linear(pixels[..., :3]), pixels[..., 3:]], axis=2).astype(np.float32)
    return light


def _wrapped(part: Array, wrap: int) -> Array:
    """Return a coordinate within the picture, from 0 to 1."""
    if wrap == _CLAMP:
        return part.clip(0, 1)
    if wrap == _MIRROR:
        found: Array = 1 - np.abs(part % 2 - 1)
        return found
    return part % 1.0


def _index(index: Array, length: int, wrap: int) -> Array:
    return index.clip(0, length - 1) if wrap in (_CLAMP, _MIRROR) else index % length
