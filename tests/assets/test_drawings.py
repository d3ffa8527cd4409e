"""Pictures of Alice's models and motions: drawn from what is in them, the same each time, or not at all."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from assets.inspectors.base import Limits, Refused
from assets.inspectors.dispatch import inspect_file
from assets.inspectors.models3d import read_model
from assets.previews import moving, raster
from assets.previews.render import render_glb
from assets.previews.scenery import scenery_of
from assets.previews.skeleton import draw_skeleton
from tests.assets import makers_3d as make3d
from tests.assets.makers import written

INDIGO = (62, 99, 221)


def pixels(picture: Image.Image) -> Any:
    return np.asarray(picture.convert("RGB")).astype(int)


def ink(picture: Image.Image) -> Any:
    """Returns which pixels are neither the ground nor its shadow: they have a color."""
    found = pixels(picture)
    return found.max(axis=2) - found.min(axis=2) > 12


def painted(**changes: Any) -> bytes:
    """Returns the banner with a plain material in place of its texture."""

    def change(root: make3d.Root) -> None:
        root["materials"][0] = {"doubleSided": True, "pbrMetallicRoughness": changes.pop("look")} | changes

    return make3d.model(change)


def test_a_model_is_drawn_in_its_color_in_the_middle(tmp_path: Path) -> None:
    path = written(tmp_path, "file", painted(look={"baseColorFactor": [0.9, 0.05, 0.05, 1]}))

    picture = render_glb(path, 160)

    assert (picture.size, picture.mode) == ((160, 120), "RGB")
    seen = ink(picture)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    # The banner is twice as high as wide and fills 84 % of the height; the view is from 28° to its right.
    assert abs(len(rows) - 0.84 * 120) <= 3
    assert abs(rows.mean() - 59.5) <= 2
    assert abs(columns.mean() - 79.5) <= 2
    assert 35 <= len(columns) <= 52
    red, green, blue = pixels(picture)[60, 80]
    assert red > 150 > 100 > green
    assert red > 150 > 100 > blue


def test_a_texture_lies_the_right_way_up(tmp_path: Path) -> None:
    flag = Image.new("RGB", (8, 8), "red")
    flag.paste("blue", (0, 4, 8, 8))
    root, data = make3d.parts()
    data += bytes(-len(data) % 4)
    out = io.BytesIO()
    flag.save(out, "PNG")
    encoded = out.getvalue()
    root["bufferViews"].append({"buffer": 0, "byteOffset": len(data), "byteLength": len(encoded)})
    root["images"][0]["bufferView"] = len(root["bufferViews"]) - 1
    root["buffers"][0]["byteLength"] = len(data) + len(encoded)
    path = written(tmp_path, "file", make3d.glb(root, data + encoded))

    found = pixels(render_glb(path, 160))

    assert found[30, 80, 0] > found[30, 80, 2] + 80
    assert found[90, 80, 2] > found[90, 80, 0] + 80


def test_a_model_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    path = written(tmp_path, "file", make3d.model())
    assert render_glb(path, 96).tobytes() == render_glb(path, 96).tobytes()


@pytest.mark.parametrize(("mode", "shown"), [("OPAQUE", True), ("MASK", False), ("BLEND", False)])
def test_what_is_clear_is_not_seen(mode: str, shown: bool, tmp_path: Path) -> None:
    path = written(tmp_path, "file", painted(look={"baseColorFactor": [0.9, 0, 0, 0.02]}, alphaMode=mode))
    assert bool(ink(render_glb(path, 96)).any()) is shown


def test_a_back_is_seen_only_where_the_material_has_two_sides(tmp_path: Path) -> None:
    def turned(two_sided: bool) -> bytes:
        def change(root: make3d.Root) -> None:
            look = {"baseColorFactor": [0.9, 0, 0, 1]}
            root["materials"][0] = {"doubleSided": two_sided, "pbrMetallicRoughness": look}
            root["nodes"][3] = {"mesh": 0, "rotation": [0, 1, 0, 0]}

        return make3d.model(change)

    assert ink(render_glb(written(tmp_path, "two", turned(True)), 96)).any()
    assert not ink(render_glb(written(tmp_path, "one", turned(False)), 96)).any()


def test_a_figure_of_version_0_is_seen_from_its_own_front(tmp_path: Path) -> None:
    def one_sided(root: make3d.Root) -> None:
        root["materials"][0] = {"pbrMetallicRoughness": {"baseColorFactor": [0.9, 0, 0, 1]}}

    # The banner looks along +Z, which is the front in VRM 1.0 and the back in 0.x.
    assert ink(render_glb(written(tmp_path, "1", make3d.vrm1(one_sided)), 96)).any()
    assert not ink(render_glb(written(tmp_path, "0", make3d.vrm0(one_sided)), 96)).any()


def test_vertices_stand_where_nodes_and_joints_put_them(tmp_path: Path) -> None:
    def lifted(root: make3d.Root) -> None:
        root["nodes"][2]["translation"] = [0, 1.5, 0]

    with written(tmp_path, "file", make3d.model(lifted)).open("rb") as file:
        scenery = scenery_of(read_model(file, Limits()))

    # The upper two hang on the second joint, which stands a meter higher than where it was bound.
    assert scenery.points.tolist() == [[-0.5, 0, 0], [0.5, 0, 0], [0.5, 3, 0], [-0.5, 3, 0]]
    assert scenery.corners.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert scenery.materials.tolist() == [0, 0]


def test_the_nearest_triangle_is_seen() -> None:
    places = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [2.0, 2.0], [4.0, 2.0], [2.0, 4.0]])
    nearness = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    corners = np.array([[0, 1, 2], [3, 4, 5], [3, 5, 4]])
    screen = raster.empty(8, 8)

    left = raster.draw(screen, places, nearness, corners, np.array([0, 1, 2]), tests=1000)

    seen = screen.seen.reshape(8, 8)
    assert left == 1000 - 8 * 8 - 2 * 2
    assert (seen >= 0).sum() == 36
    assert (seen == 1).sum() == 3
    assert (seen == 2).sum() == 0
    assert seen[0].tolist() == [0] * 8
    assert raster.weights_at(screen, np.array([0]), places, corners).tolist() == [[0.875, 0.0625, 0.0625]]
    with pytest.raises(Refused):
        raster.draw(screen, places, nearness, corners, np.array([0]), tests=63)


@pytest.mark.parametrize("data", [make3d.vrma(), make3d.model(lambda root: root["scenes"][0].update(nodes=[0]))])
def test_what_has_no_triangles_has_no_picture(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        render_glb(written(tmp_path, "file", data), 96)
    assert refusal.value.findings[0].code == "preview-not-drawn"


def test_a_motion_is_drawn_pose_beside_pose(tmp_path: Path) -> None:
    path = written(tmp_path, "file", make3d.bvh())

    picture = draw_skeleton(path, 320)

    assert (picture.size, picture.mode) == ((320, 180), "RGB")
    assert pixels(picture)[0, 0].tolist() == [249, 249, 248]
    # Three frames are three poses: two gaps between them, and the last one in the full color.
    columns = ink(picture).any(axis=0)
    assert int(np.diff(columns.astype(int)).clip(0).sum()) == 3
    assert (np.abs(pixels(picture) - INDIGO).max(axis=2) <= 3).any()
    assert draw_skeleton(path, 320).tobytes() == picture.tobytes()


def test_the_way_over_the_ground_does_not_move_the_poses(tmp_path: Path) -> None:
    here = written(tmp_path, "here", make3d.bvh())
    far = written(tmp_path, "far", make3d.bvh(("\n1.5 90", "\n15000 90"), ("\n3 90.25", "\n-30000 90.25")))
    assert draw_skeleton(here, 160).tobytes() == draw_skeleton(far, 160).tobytes()


def test_a_skeleton_without_bones_has_no_picture(tmp_path: Path) -> None:
    lone = make3d.BVH[: make3d.BVH.index("  JOINT Chest")] + "}\nMOTION\nFrames: 1\nFrame Time: 1\n0 0 0 0 0 0\n"
    with pytest.raises(Refused) as refusal:
        draw_skeleton(written(tmp_path, "file", lone.encode()), 160)
    assert refusal.value.findings[0].code == "preview-not-drawn"


@pytest.mark.parametrize("mode", ["LINEAR", "STEP", "CUBICSPLINE"])
def test_a_vrm_animation_is_drawn_pose_beside_pose(mode: str, tmp_path: Path) -> None:
    def chain(root: make3d.Root) -> None:
        for n in range(4, 18):
            root["nodes"][n] |= {"children": [n + 1], "translation": [0, 0.1, 0]}
        root["scenes"][0]["nodes"] = [0, 3, 4]
        sampler = root["animations"][0]["samplers"][0]
        sampler["interpolation"] = mode
        if mode == "CUBICSPLINE":
            # Three times, and three values for each: into it, itself, out of it.
            root["accessors"][7] |= {"count": 3}
            root["accessors"][8] = {"componentType": 5126, "count": 9, "type": "VEC4"}

    path = written(tmp_path, "file", make3d.vrma(chain))
    assert inspect_file(path, "wave.vrma").facts["animation_ms"] == 1250

    picture = render_glb(path, 320)

    assert picture.size == (320, 180)
    columns = ink(picture).any(axis=0)
    assert int(np.diff(columns.astype(int)).clip(0).sum()) == 5


def test_a_turn_goes_the_shorter_way_round(tmp_path: Path) -> None:
    def half_way(second: float) -> Any:
        with written(tmp_path, "file", make3d.model()).open("rb") as file:
            model = read_model(file, Limits())
        tracks = moving._tracks(model, "animations[0]", model.root["animations"][0])
        return moving._world(model, tracks, second)[2].round(6)

    # From no turn at 0 s to half a turn about y at 0.5 s; a quarter between them looks along x.
    assert half_way(0)[:3, 2].tolist() == [0, 0, 1]
    assert half_way(0.25)[:3, 2].tolist() == [1, 0, 0]
    assert half_way(0.5)[:3, 2].tolist() == [0, 0, -1]
    assert half_way(9)[:3, 2].tolist() == [0, 0, 1]
    assert half_way(0.25)[:3, 3].tolist() == [0, 1.5, 0]
