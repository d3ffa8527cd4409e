"""Materials, textures and pictures of a glTF model: every picture in the file passes the inspector of pictures.

glTF 2.0, sections 3.8 "Texture data" and 3.9 "Materials", and the extension EXT_texture_webp.
"""

import io
from typing import Any

from assets.inspectors import gltf_fields as fields
from assets.inspectors import pictures
from assets.inspectors.base import Limits, Refused, shown_name
from assets.inspectors.gltf_buffers import Buffers
from assets.inspectors.gltf_fields import wrong
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

WEBP_TEXTURES = "EXT_texture_webp"
_INSPECTORS = {
    "image/png": pictures.inspect_png,
    "image/jpeg": pictures.inspect_jpeg,
    "image/webp": pictures.inspect_webp,
}
# What all pictures of a model may have together, in pictures of the largest size alone.
_PICTURES_OF_MOST_PIXELS = 10
# How a texture is read (glTF 2.0, 5.26); the first is what stands for nothing said.
_SAMPLING = {
    "wrapS": (10497, 33071, 33648),
    "wrapT": (10497, 33071, 33648),
    "magFilter": (9728, 9729),
    "minFilter": (9728, 9729, 9984, 9985, 9986, 9987),
}
_OBJECTS = {"pbrMetallicRoughness", "extensions"}
_FACTORS = {"baseColorFactor": 4, "emissiveFactor": 3}


def check_materials(root: dict[str, Any], buffers: Buffers, limits: Limits) -> int:
    """Return how many pixels the pictures of a model have in all, having decoded each; raise Refused."""
    pixels = _check_images(root, buffers, limits)
    images, samplers = (len(fields.values(root, key)) for key in ("images", "samplers"))
    for place, sampler in fields.items(root, "samplers"):
        for key, choices in _SAMPLING.items():
            fields.choice(sampler, key, place, choices, default=choices[0])
    textures = fields.items(root, "textures")
    for place, texture in textures:
        fields.index(texture, "sampler", place, samplers)
        fields.index(texture, "source", place, images)
        webp = fields.child(fields.child(texture, "extensions", place), WEBP_TEXTURES, f"{place}.extensions")
        fields.index(webp, "source", f"{place}.extensions.{WEBP_TEXTURES}", images)
    for place, material in fields.items(root, "materials"):
        _check_material(place, material, len(textures))
    return pixels


def _check_material(place: str, material: dict[str, Any], textures: int) -> None:
    fields.choice(material, "alphaMode", place, ("OPAQUE", "MASK", "BLEND"), default="OPAQUE")
    fields.choice(material, "doubleSided", place, (True, False), default=False)
    if "alphaCutoff" in material:
        fields.number(material["alphaCutoff"], f"{place}.alphaCutoff")
    todo: list[tuple[str, dict[str, Any]]] = [(place, material)]
    while todo:
        where, part = todo.pop()
        for key, value in part.items():
            if key in _FACTORS:
                fields.numbers(part, key, where, _FACTORS[key])
            if key == "extras":
                continue
            if key.endswith("Texture"):
                info = fields.mapping(value, f"{where}.{key}")
                fields.needed_index(info, "index", f"{where}.{key}", textures)
                fields.count(info, "texCoord", f"{where}.{key}", 0)
            if key in _OBJECTS:
                fields.mapping(value, f"{where}.{key}")
            if isinstance(value, dict):
                todo.append((f"{where}.{shown_name(key, 60)}", value))


def _check_images(root: dict[str, Any], buffers: Buffers, limits: Limits) -> int:
    """Inspect every picture, those that share their bytes once; return their pixels in all."""
    allowed = ["image/png", "image/jpeg"]
    if WEBP_TEXTURES in fields.names(root, "extensionsUsed"):
        allowed.append("image/webp")
    most = _PICTURES_OF_MOST_PIXELS * limits.pixels
    seen: dict[tuple[int, int], str] = {}
    pixels = size_bytes = 0
    for place, image in fields.items(root, "images"):
        view = buffers.views[fields.needed_index(image, "bufferView", place, len(buffers.views))]
        media_type = fields.choice(image, "mimeType", place, tuple(allowed))
        if view.stride_bytes:
            raise wrong("gltf-stride", _("%(place)s has a stride."), place)
        key = (view.begin, view.length)
        if seen.get(key) == media_type:
            continue
        seen[key] = media_type
        size_bytes += view.length
        pixels += _pixels(place, buffers.data[view.begin : view.begin + view.length], media_type, limits)
        # Pictures may share bytes: without this, one file could ask for more decoding than it has bytes.
        if pixels > most or size_bytes > 2 * len(buffers.data):
            template = _("the pictures up to %(place)s have %(pixels)s pixels, the limit for a model is %(limit)s.")
            raise wrong("gltf-too-many", template, place, pixels=pixels, limit=most)
    return pixels


def _pixels(place: str, data: memoryview, media_type: str, limits: Limits) -> int:
    """Return how many pixels a picture has; raise Refused with what is wrong with it."""
    if not _begins(data, media_type):
        template = _("%(place)s is no %(media_type)s by its first bytes.")
        raise wrong("gltf-image", template, place, media_type=media_type)
    for padding in range(4):
        try:
            facts = _INSPECTORS[media_type](io.BytesIO(data[: len(data) - padding]), limits).facts
            break
        except Refused as refusal:
            finding = refusal.findings[0]
            # Some exporters count the zeros that fill a view to a multiple of 4 bytes as its own.
            if finding.code == "picture-trailing" and padding < 3 and data[len(data) - padding - 1] == 0:
                continue
            template = _("%(place)s: %(finding)s")
            reason = Words(finding.template, finding.values)
            raise wrong(finding.code, template, place, finding=reason) from None
    return int(facts["width"]) * int(facts["height"])


def _begins(data: memoryview, media_type: str) -> bool:
    head = bytes(data[:12])
    return {
        "image/png": head[:8] == b"\x89PNG\r\n\x1a\n",
        "image/jpeg": head[:3] == b"\xff\xd8\xff",
        "image/webp": head[:4] == b"RIFF" and head[8:] == b"WEBP",
    }[media_type]
