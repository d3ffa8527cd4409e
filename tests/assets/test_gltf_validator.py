"""The glTF validator's second opinion: where Node is there it agrees with ours, and where not nobody asks it."""

import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from assets.inspectors import gltf_validator
from assets.inspectors.base import Refused
from assets.inspectors.gltf_validator import second_opinion
from assets.inspectors.sandbox import Box
from tests.assets import makers_3d as make3d
from tests.assets.makers import written

needs_validator = pytest.mark.skipif(
    not (shutil.which("node") and (gltf_validator.HOME / "index.js").is_file()),
    reason="There is no Node or no build/tools/gltf-validator: python -m embedded.frontend",
)


@needs_validator
@pytest.mark.parametrize("make", [make3d.model, make3d.vrm0, make3d.vrm1, make3d.vrma])
def test_it_finds_nothing_in_what_we_accept(make: Any, tmp_path: Path) -> None:
    assert second_opinion(written(tmp_path, "file", make()), "lin.vrm") == []


@needs_validator
def test_it_names_what_we_do_not_look_for(tmp_path: Path) -> None:
    flat = make3d.model(lambda root: root["meshes"][0]["primitives"][0]["attributes"].pop("TEXCOORD_0"))

    (finding,) = second_opinion(written(tmp_path, "file", flat), "banner.glb")

    assert finding.code == "gltf-validator"
    assert finding.where == "banner.glb: /meshes/0/primitives/0/material"
    assert finding.message.startswith(
        "banner.glb: /meshes/0/primitives/0/material: the glTF validator says MESH_PRIMITIVE_TOO_FEW_TEXCOORDS: "
    )


def test_without_node_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert second_opinion(written(tmp_path, "file", b"no model"), "a.glb") == []


def test_without_a_validator_nobody_is_asked(tmp_path: Path) -> None:
    assert second_opinion(written(tmp_path, "file", b"no model"), "a.glb", home=tmp_path) == []


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("exit 1", "it stopped"),
        ("kill -9 $$", "it stopped"),
        ("echo 'no JSON'", "it did not answer in JSON"),
        ("echo '{\"failed\":true}'", "no answer"),
        ("echo '{\"errors\":[[1,2]]}'", "no answer"),
        ("head -c 300000 /dev/zero", "it said too much"),
        ("exec sleep 60", "it took longer than 1 s"),
    ],
)
def test_what_does_not_finish_has_not_passed(
    program: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = written(tmp_path, "bin/node", f"#!/bin/sh\nPATH=/usr/bin:/bin\n{program}\n".encode())
    node.chmod(node.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(node.parent))
    written(tmp_path, "index.js", b"")

    with pytest.raises(Refused) as refusal:
        second_opinion(written(tmp_path, "file", make3d.model()), "a.glb", home=tmp_path, box=Box(seconds=1))

    (finding,) = refusal.value.findings
    assert finding.code == "inspection-did-not-finish"
    assert finding.message == (
        f"a.glb: the inspection did not finish ({reason}); try again, and save the file anew if it fails again."
    )
