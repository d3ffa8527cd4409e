"""A picture of a 3D model by a small renderer of our own: three-quarter view, soft light, neutral ground."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from assets.inspectors.base import Limits, refused
from assets.inspectors.models3d import read_model
from assets.inspectors.vrm import VRM0, profile_of
from assets.previews import raster
from assets.previews.moving import draw_animation
from assets.previews.raster import Screen
from assets.previews.scenery import Scenery, scenery_of
from assets.previews.surfaces import Surface, encoded, sample, surfaces_of
from marketplace.ui.words import gettext_noop as _

Array = np.ndarray[Any, Any]

_ASPECT = 3 / 4
# Drawn larger and shrunk, for edges without steps; as large as memory allows.
_SMOOTH, _WIDEST = 2, 2400
_SHADED_AT_ONCE = 300_000
_YAW, _FIELD = math.radians(28), math.radians(24)
_PITCH, _FLAT_PITCH, _UPRIGHT = math.radians(10), math.radians(32), 0.8
_FILLED = 0.84
_TESTS = 400_000_000
_MAX_BLENDED = 64
_MAX_SHADOWS = 40_000
_CENTER, _RIM = (250, 250, 249), (232, 231, 228)  # Of the look's sand scale.
# Toward the light, in the view's x right, y up, z to the eye: a key from the left above, a fill from the right.
_KEY, _FILL = (-0.48, 0.68, 0.55), (0.8, 0.1, 0.6)
_AMBIENT, _KEY_LIGHT, _FILL_LIGHT = 0.38, 0.62, 0.14


@dataclass(frozen=True, slots=True)
class View:
    """The scene as the eye sees it: vertices in the picture, how near they are, and normals in the view."""

    scenery: Scenery
    surfaces: list[Surface]
    places: Array
    nearness: Array
    normals: Array


def render_glb(path: Path, width: int, limits: Limits | None = None) -> Image.Image:
    """Return the scene of an inspected GLB, VRM or VRMA at `path` as a picture, 4 : 3, `width` pixels wide.

    A file without meshes is drawn as the poses of its animation, 16 : 9.
    Skins stand in the pose of their nodes, morph targets rest, light is one key and one fill without reflections.
    Raise Refused where the file is no such model or, with `preview-not-drawn`, has nothing or too much to draw.
    """
    limits = limits or Limits()
    with path.open("rb") as file:
        model = read_model(file, limits)
    if not model.meshes and "animations" in model.root:
        return draw_animation(model, width)
    height = round(width * _ASPECT)
    wide = max(width, min(width * _SMOOTH, _WIDEST))
    big = (wide, round(wide * _ASPECT))
    scenery = scenery_of(model)
    # A VRM 0.x looks along -Z, every other model along +Z.
    turned = math.pi if profile_of(model.root) == VRM0 else 0.0
    camera = _Camera(scenery, big, turned)
    places, nearness = camera.see(scenery.points)
    view = View(scenery, surfaces_of(model, limits), places, nearness, camera.turn(scenery.normals))
    picture = _background(big, camera, scenery)
    picture.alpha_composite(_drawn(view, big))
    return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


class _Camera:
    """Stands so that the whole scene is in the picture, in front and a little to its right and above."""

    def __init__(self, scenery: Scenery, size: tuple[int, int], turned: float) -> None:
        used = scenery.points[np.unique(scenery.corners)]
        if not np.isfinite(used).all():
            raise refused("preview-not-drawn", _("the model is too large to be drawn."))
        self._matrix = _toward(used.max(axis=0) - used.min(axis=0), turned - _YAW)
        seen = used @ self._matrix.T
        self._middle = (seen.min(axis=0) + seen.max(axis=0)) / 2
        self.radius = max(float(np.linalg.norm(seen - self._middle, axis=1).max()), 1e-9)
        self._distance = self.radius / math.sin(_FIELD / 2)
        self._scale, self._shift = 1.0, np.zeros(2)
        flat, _nearness = self.see(used)
        low, high = flat.min(axis=0), flat.max(axis=0)
        sides = np.maximum(high - low, 1e-9)
        self._scale = _FILLED * float(min(size[0] / sides[0], size[1] / sides[1]))
        self._shift = np.array(size) / 2 - (low + high) / 2 * self._scale
        self.floor = float(used[:, 1].min())

    def see(self, points: Array) -> tuple[Array, Array]:
        """Return where points stand in the picture, y upward, and 1 / their distance, in radii of the scene."""
        seen = points @ self._matrix.T - self._middle
        nearness = self.radius / np.maximum(self._distance - seen[:, 2], 1e-6 * self.radius)
        flat: Array = seen[:, :2] / self.radius * nearness[:, None] * self._scale + self._shift
        return flat, nearness

    def turn(self, normals: Array) -> Array:
        """Return directions as the eye sees them."""
        found: Array = normals @ self._matrix.T.astype(np.float32)
        return found


def _toward(sides: Array, yaw: float) -> Array:
    """Return the rotation that turns a scene to the eye: what is flat is seen from higher above."""
    flatness = 1 - float(sides[1]) / (_UPRIGHT * max(float(sides[0]), float(sides[2]), 1e-30))
    pitch = _PITCH + (_FLAT_PITCH - _PITCH) * min(1.0, max(0.0, flatness))
    around = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    over = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    found: Array = over @ around
    return found


def _drawn(view: View, size: tuple[int, int]) -> Image.Image:
    """Return the scene on a clear ground."""
    screen = raster.empty(*size)
    material = view.scenery.materials
    blended = np.array([surface.blended for surface in view.surfaces])
    solid, glassy = np.flatnonzero(~blended[material]), np.flatnonzero(blended[material])
    tests = _draw(view, screen, solid, _TESTS)
    light, alpha = np.zeros((size[0] * size[1], 3), np.float32), np.zeros(size[0] * size[1], np.float32)
    pixels = np.flatnonzero(screen.seen >= 0)
    light[pixels], alpha[pixels] = _shaded(view, screen, pixels)[:, :3], 1.0
    for group in _layers(view, glassy):
        layer = Screen(*size, screen.nearness.copy(), np.full(size[0] * size[1], -1, np.int64))
        tests = _draw(view, layer, group, tests)
        pixels = np.flatnonzero(layer.seen >= 0)
        found = _shaded(view, layer, pixels)
        part = found[:, 3]
        light[pixels] = light[pixels] * (1 - part)[:, None] + found[:, :3] * part[:, None]
        alpha[pixels] = alpha[pixels] * (1 - part) + part
    whole = np.zeros((size[0] * size[1], 4), np.uint8)
    shown = np.flatnonzero(alpha > 0)
    whole[shown, :3] = encoded(light[shown] / alpha[shown, None]) * 255 + 0.5
    whole[shown, 3] = alpha[shown] * 255 + 0.5
    return Image.fromarray(whole.reshape(size[1], size[0], 4)[::-1], "RGBA")


def _layers(view: View, triangles: Array) -> list[Array]:
    """Return see-through triangles by material, the farthest material first; all in one where there are many."""
    materials = view.scenery.materials[triangles]
    groups = [triangles[materials == material] for material in np.unique(materials)]
    if len(groups) > _MAX_BLENDED:
        return [triangles]
    return sorted(groups, key=lambda group: float(view.nearness[view.scenery.corners[group]].mean()))


def _draw(view: View, screen: Screen, triangles: Array, tests: int) -> int:
    """Draw triangles, cut-outs with their holes and two-sided ones from behind; return the tests that are left."""
    material = view.scenery.materials[triangles]
    two_sided = np.array([surface.two_sided for surface in view.surfaces])[material]
    cut = np.array([surface.cutoff is not None for surface in view.surfaces])[material]
    corners = view.scenery.corners

    def is_there(which: Array, weights: Array) -> Array:
        return _is_there(view, which, weights)

    for behind in (False, True):
        for holes in (False, True):
            chosen = triangles[(cut == holes) & (two_sided if behind else True)]
            order = corners[:, [0, 2, 1]] if behind else corners
            keep = None
            if holes:
                keep = (lambda which, weights: is_there(which, weights[:, [0, 2, 1]])) if behind else is_there
            tests = raster.draw(screen, view.places, view.nearness, order, chosen, tests=tests, keep=keep)
    return tests


def _is_there(view: View, triangles: Array, weights: Array) -> Array:
    """Say which points of triangles are not cut out."""
    found = np.ones(len(triangles), bool)
    material = view.scenery.materials[triangles]
    for number in np.unique(material):
        surface, here = view.surfaces[number], material == number
        if surface.cutoff is not None:
            found[here] = _base(view, surface, triangles[here], _true(view, triangles[here], weights[here]))[:, 3] >= (
                surface.cutoff
            )
    return found


def _true(view: View, triangles: Array, weights: Array) -> Array:
    """Return barycentric coordinates in space for those in the picture: perspective shortens what is far."""
    near = weights * view.nearness[view.scenery.corners[triangles]]
    found: Array = near / near.sum(axis=1, keepdims=True)
    return found


def _mixed(values: Array, corners: Array, weights: Array) -> Array:
    found: Array = np.einsum("nij,ni->nj", values[corners], weights)
    return found


def _base(view: View, surface: Surface, triangles: Array, weights: Array) -> Array:
    """Return the base color (n × 4, light) at points of triangles."""
    corners = view.scenery.corners[triangles]
    color: Array = _mixed(view.scenery.colors, corners, weights) * np.array(surface.color)
    if surface.texture is not None:
        color = color * sample(surface.texture, _mixed(view.scenery.uvs[surface.texture.uv_set], corners, weights))
    return color


def _shaded(view: View, screen: Screen, pixels: Array) -> Array:
    """Return the light (n × 4) that comes from what is seen at pixels."""
    found = np.zeros((len(pixels), 4), np.float32)
    for start in range(0, len(pixels), _SHADED_AT_ONCE):
        part = slice(start, start + _SHADED_AT_ONCE)
        found[part] = _lit(view, screen, pixels[part])
    return found


def _lit(view: View, screen: Screen, pixels: Array) -> Array:
    """Return the light (n × 4) of as many pixels as memory holds at once."""
    triangles = screen.seen[pixels]
    corners = view.scenery.corners
    weights = _true(view, triangles, raster.weights_at(screen, pixels, view.places, corners))
    normals = _mixed(view.normals, corners[triangles], weights)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 1e-20, normals / np.maximum(length, 1e-20), [0.0, 0.0, 1.0])
    normals *= np.where(normals[:, 2:] < 0, -1.0, 1.0)
    key, fill = (np.array(way) / np.linalg.norm(way) for way in (_KEY, _FILL))
    shade = _AMBIENT + _KEY_LIGHT * (normals @ key).clip(0) + _FILL_LIGHT * (normals @ fill).clip(0)
    # A pale sky mirrored at the rims: without it black things would have no form.
    gloss = (0.012 + 0.3 * (1 - normals[:, 2].clip(0, 1)) ** 4) * (0.55 + 0.45 * normals[:, 1])
    gloss += 0.06 * (normals @ _halfway()).clip(0) ** 30
    light = np.zeros((len(pixels), 4), np.float32)
    material = view.scenery.materials[triangles]
    for number in np.unique(material):
        surface, here = view.surfaces[number], material == number
        base = _base(view, surface, triangles[here], weights[here])
        lit = 1 + surface.lit * (shade[here, None] - 1)
        light[here, :3] = base[:, :3] * lit + np.array(surface.glow) + surface.lit * gloss[here, None]
        light[here, 3] = base[:, 3] if surface.blended else 1.0
    return light.clip(0, 1)


def _halfway() -> Array:
    """Return the direction of a surface that mirrors the key light into the eye."""
    halfway = np.array(_KEY) / np.linalg.norm(_KEY) + [0.0, 0.0, 1.0]
    found: Array = halfway / np.linalg.norm(halfway)
    return found


def _background(size: tuple[int, int], camera: _Camera, scenery: Scenery) -> Image.Image:
    """Return the ground, paler in the middle, with the scene's soft shadow on it."""
    across = np.linspace(-1, 1, size[0], dtype=np.float32)[None, :] ** 2
    down = np.linspace(-1.1, 0.9, size[1], dtype=np.float32)[:, None] ** 2
    part = ((across + down) / 2).clip(0, 1)[..., None]
    ground = np.array(_CENTER, np.float32) * (1 - part) + np.array(_RIM, np.float32) * part
    picture = Image.fromarray(ground.astype(np.uint8), "RGB").convert("RGBA")
    fallen = scenery.points.copy()
    fallen[:, 1] = camera.floor
    places, _nearness = camera.see(fallen)
    small = (max(1, size[0] // 4), max(1, size[1] // 4))
    mask = Image.new("L", small, 0)
    pen = ImageDraw.Draw(mask)
    step = max(1, len(scenery.corners) // _MAX_SHADOWS)
    for corners in (places[scenery.corners[::step]] / 4).tolist():
        pen.polygon([(x, small[1] - y) for x, y in corners], fill=96)
    mask = mask.filter(ImageFilter.GaussianBlur(small[0] / 70)).resize(size, Image.Resampling.BILINEAR)
    shadow = Image.new("RGBA", size, (33, 32, 28, 0))
    shadow.putalpha(mask.point(lambda value: value * 0.55))
    picture.alpha_composite(shadow)
    return picture
