"""Alice's honest motions with their exact facts; Dave's hostile ones, each refused for its trick."""

import random
import tracemalloc
from pathlib import Path

import pytest

from assets.inspectors.base import Inspection, Limits, Refused
from assets.inspectors.dispatch import inspect_file
from assets.inspectors.motion import frames_of, read_motion, skeleton_of
from tests.assets import makers_3d as make3d
from tests.assets.hostile import Hostile
from tests.assets.hostile_3d import HOSTILE_MOTIONS
from tests.assets.makers import written

FACTS = {
    "format": "worldloom/asset-facts/1",
    "kind": "motion",
    "container": "bvh",
    "joints": 3,
    "end_sites": 2,
    "channels": 12,
    "frames": 3,
    "frame_time_us": 33_333,
    "duration_ms": 100,
    "root": "Hips",
    "skeleton": "unknown",
}


def inspect(folder: Path, data: bytes, limits: Limits | None = None) -> Inspection:
    return inspect_file(written(folder, "file", data), "walk.bvh", limits)


@pytest.mark.parametrize("hostile", HOSTILE_MOTIONS, ids=lambda hostile: f"{hostile.name}: {hostile.trick}")
def test_a_hostile_motion_is_refused_for_its_trick(hostile: Hostile, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        inspect(tmp_path, hostile.data)
    (finding,) = refusal.value.findings
    assert finding.code == hostile.code
    assert finding.message.endswith(".")
    assert len(finding.message) < 600
    assert finding.message.isprintable()


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE_MOTIONS) >= 25
    assert len({one.trick for one in HOSTILE_MOTIONS}) == len(HOSTILE_MOTIONS)


def test_a_motion_shows_what_it_is(tmp_path: Path) -> None:
    inspection = inspect(tmp_path, make3d.bvh())

    assert inspection.media_type == "model/vnd.bvh"
    assert inspection.facts == FACTS


@pytest.mark.parametrize(
    "data",
    [
        make3d.bvh().replace(b"\n", b"\r\n"),
        make3d.bvh().replace(b"  ", b"\t"),
        make3d.bvh().rstrip(b"\n"),
        make3d.bvh() + b"\n \n",
        make3d.bvh(("ROOT Hips\n{", "ROOT Hips {"), ("End Site\n    {", "End Site {")),
        make3d.bvh(("End Site", "End  site"), ("Frames: 3", "Frames:\t3"), ("Frame Time: ", "Frame Time:  ")),
        make3d.bvh(("MOTION", "\nMOTION\n")),
    ],
)
def test_what_programs_write_is_understood(data: bytes, tmp_path: Path) -> None:
    assert inspect(tmp_path, data).facts == FACTS


def test_a_wrong_number_is_found_at_its_line(tmp_path: Path) -> None:
    rows = ["0 90 0 0 0 0 0 0 0 0 0 0\n"] * 150_000
    rows[123_456] = "0 90 0 0 0 0 0 0 0 0 0 0.1.2\n"
    head = make3d.BVH[: make3d.BVH.index("0 90 0")].replace("Frames: 3", f"Frames: {len(rows)}")

    with pytest.raises(Refused) as refusal:
        inspect(tmp_path, (head + "".join(rows)).encode())

    assert refusal.value.findings[0].where == f"walk.bvh: line {head.count(chr(10)) + 123_457}"


def test_a_long_motion_needs_little_memory(tmp_path: Path) -> None:
    frames = 400_000
    head = make3d.BVH[: make3d.BVH.index("0 90 0")].replace("Frames: 3", f"Frames: {frames}")
    path = written(tmp_path, "file", head.encode() + b"0 90 0 0 0 0 0 0 0 0 0 0.125\n" * frames)

    tracemalloc.start()
    facts = inspect_file(path, "walk.bvh").facts
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert facts["duration_ms"] == 13_333_320
    assert peak < 40 * 1024**2


def test_the_limits_are_those_of_the_caller(tmp_path: Path) -> None:
    for limits, code in (
        (Limits(motion_bytes=100), "file-too-large"),
        (Limits(motion_joints=2), "motion-joints"),
        (Limits(motion_frames=2), "motion-frames"),
        (Limits(motion_values=35), "motion-frames"),
    ):
        with pytest.raises(Refused) as refusal:
            inspect(tmp_path, make3d.bvh(), limits)
        assert refusal.value.findings[0].code == code
    assert inspect(tmp_path, make3d.bvh(), Limits(motion_joints=3, motion_frames=3, motion_values=36)).facts == FACTS


@pytest.mark.parametrize(
    ("names", "skeleton"),
    [
        (make3d.BONES, "vrm-humanoid"),
        (["mixamorig:Hips", "mixamorig:Spine"], "mixamo"),
        (["Hips", "LHipJoint", "RHipJoint", "LowerBack", "LeftUpLeg", "RightUpLeg"], "cmu"),
        (["Hips", "Chest"], "unknown"),
    ],
)
def test_the_joints_names_tell_whose_skeleton_it_is(names: list[str], skeleton: str) -> None:
    assert skeleton_of(names) == skeleton


def test_frames_are_read_as_they_stand(tmp_path: Path) -> None:
    with written(tmp_path, "file", make3d.bvh()).open("rb") as file:
        motion = read_motion(file, Limits())
        found = frames_of(file, motion, [2, 0])

    assert found.tolist() == [
        [0, 90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [3, 90.25, -0.4, 0, 0, 20, 10, 0, 0, 0, -20, 0.5],
    ]


def test_no_damage_is_more_than_a_refusal(tmp_path: Path) -> None:
    rng = random.Random(4)
    refusals: list[str] = []
    for _turn in range(400):
        data = bytearray(make3d.bvh())
        at = rng.randrange(9, len(data))
        data[at : at + rng.randrange(2)] = rng.choice([b"\n", b"{", b"}", b"9" * 30, b"e9", b".", b"-", b"\xff", b"{"])
        try:
            assert inspect(tmp_path, bytes(data)).facts["kind"] == "motion"
        except Refused as refusal:
            refusals.append(str(refusal))
    assert len(refusals) > 200
    assert all(words.isprintable() for words in refusals)
