"""A picture of a motion: its skeleton in a few poses through time, by forward kinematics."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from assets.inspectors.base import Limits, refused
from assets.inspectors.motion import Motion, frames_of, read_motion
from marketplace.ui.words import gettext_noop as _

POSES = 5
_ASPECT = 9 / 16
_SMOOTH = 3  # Drawn larger and shrunk, for lines without steps.
# The look's sand and indigo scales, light.
_PAGE, _GROUND, _LINE = (249, 249, 248), (218, 217, 214), (62, 99, 221)
_PALE = (190, 198, 226)
_JOINT = (33, 32, 28)
_MAX_BONES = 5_000

Array = np.ndarray[Any, Any]


def draw_skeleton(path: Path, width: int, limits: Limits | None = None) -> Image.Image:
    """Return the motion of an inspected BVH at `path` as a picture, 16 : 9, `width` pixels wide.

    Five poses, evenly spread through time, stand side by side, seen from a little to the right of the front and
    drawn to one scale; the earlier ones are paler. The travel of the root over the ground is left out. Raise
    Refused where the file is no BVH or, with `preview-not-drawn`, has no bones to draw.
    """
    with path.open("rb") as file:
        motion = read_motion(file, limits or Limits())
        numbers = sorted({round(part * (motion.frames - 1) / (POSES - 1)) for part in range(POSES)})
        frames = frames_of(file, motion, numbers)
    return draw_poses([_pose(motion, frame) for frame in frames], _bones(motion), width)


def draw_poses(poses: Sequence[Array], bones: Sequence[tuple[int, int]], width: int) -> Image.Image:
    """Return poses side by side, each as points (n × 3, y up, facing +z), 16 : 9, with `bones` joining two points.

    Raise Refused with `preview-not-drawn` where there are no bones, or so many that nothing could be seen.
    """
    if not bones or len(bones) > _MAX_BONES:
        raise refused("preview-not-drawn", _("the skeleton has no bones to draw, or too many."))
    if not all(np.isfinite(pose).all() for pose in poses):
        raise refused("preview-not-drawn", _("the skeleton is too large to be drawn."))
    return _draw([_flat(pose) for pose in poses], bones, width)


def _bones(motion: Motion) -> list[tuple[int, int]]:
    """Return which points are joined: joints come first, in their order, then all end sites."""
    bones = [(joint.parent, index) for index, joint in enumerate(motion.joints) if joint.parent >= 0]
    point = len(motion.joints)
    for index, joint in enumerate(motion.joints):
        for _end in joint.ends:
            bones.append((index, point))
            point += 1
    return bones


def _pose(motion: Motion, frame: Array) -> Array:
    """Return where the points are in one frame, as rows x, y, z; the root stands above the origin."""
    turns: list[Array] = []
    points: list[Array] = []
    ends: list[Array] = []
    first = 0
    for joint in motion.joints:
        channels = joint.channels or ()
        values = frame[first : first + len(channels)]
        first += len(channels)
        move, turn = np.array(joint.offset, dtype=np.float64), np.eye(3)
        moved = {name[0]: value for name, value in zip(channels, values, strict=True) if name.endswith("position")}
        for axis, letter in enumerate("XYZ"):
            if letter in moved:
                # Channels replace the offset, and the root's way over the ground is not shown.
                move[axis] = moved[letter] if joint.parent >= 0 or letter == "Y" else 0.0
        for name, value in zip(channels, values, strict=True):
            if name.endswith("rotation"):
                turn = turn @ _turn("XYZ".index(name[0]), math.radians(value))
        if joint.parent >= 0:
            move = points[joint.parent] + turns[joint.parent] @ move
            turn = turns[joint.parent] @ turn
        points.append(move)
        turns.append(turn)
        ends += [move + turn @ np.array(end) for end in joint.ends]
    return np.array(points + ends)


def _turn(axis: int, angle: float) -> Array:
    cos, sin = math.cos(angle), math.sin(angle)
    found = np.eye(3)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    found[a, a] = found[b, b] = cos
    found[a, b], found[b, a] = -sin, sin
    return found


def _flat(points: Array) -> Array:
    """Return the points as seen from 30° to the right of the front and 8° above: right, up, depth."""
    view = _turn(0, math.radians(8)) @ _turn(1, math.radians(-30))
    flat: Array = points @ view.T
    return flat


def _draw(poses: list[Array], bones: Sequence[tuple[int, int]], width: int) -> Image.Image:
    height = round(width * _ASPECT)
    big_width, big_height = width * _SMOOTH, height * _SMOOTH
    picture = Image.new("RGB", (big_width, big_height), _PAGE)
    pen = ImageDraw.Draw(picture)
    low, high = min(pose[:, 1].min() for pose in poses), max(pose[:, 1].max() for pose in poses)
    reach = max((pose[:, 0].max() - pose[:, 0].min()) for pose in poses)
    room = big_width * 0.92 / len(poses)
    scale = min(big_height * 0.74 / max(high - low, 1e-9), room * 0.94 / max(reach, 1e-9))
    if not math.isfinite(scale):
        raise refused("preview-not-drawn", _("the skeleton is too large to be drawn."))
    floor = big_height / 2 + (high - low) * scale / 2
    pen.line([(big_width * 0.04, floor), (big_width * 0.96, floor)], fill=_GROUND, width=max(1, big_width // 640))
    thick = max(2, big_width // 220)
    for number, pose in enumerate(poses):
        middle = big_width * 0.04 + room * (number + 0.5)
        left = middle - (pose[:, 0].max() + pose[:, 0].min()) / 2 * scale
        seen = [(left + x * scale, floor - (y - low) * scale) for x, y, _depth in pose]
        color = _blend(_PALE, _LINE, (number + 1) / len(poses))
        for start, end in sorted(bones, key=lambda bone: pose[bone[1], 2]):
            pen.line([seen[start], seen[end]], fill=color, width=thick, joint="curve")
        for x, y in seen:
            _dot(pen, x, y, thick * 0.85, color)
        _dot(pen, *seen[0], thick * 1.4, _JOINT)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _dot(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, color: tuple[int, int, int]) -> None:
    pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=color)


def _blend(one: tuple[int, int, int], other: tuple[int, int, int], part: float) -> tuple[int, int, int]:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue
