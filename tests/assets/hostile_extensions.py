"""Hostile extensions of 3D models: addresses that lead out of the file, and names of what is not there."""

from typing import Any

from tests.assets import makers_3d as make
from tests.assets.hostile_file import Hostile


def _with(name: str, body: dict[str, Any], *, on: str = "") -> bytes:
    """Returns the banner with an extension of the model or, `on` "nodes" or "meshes", of what stands first there."""

    def change(root: make.Root) -> None:
        holder = {"": root, "nodes": root["nodes"][0], "meshes": root["meshes"][0]["primitives"][0]}[on]
        root["extensionsUsed"] = [name]
        holder["extensions"] = {name: body}

    return make.model(change)


def _vrm(name: str, body: dict[str, Any]) -> bytes:
    def change(root: make.Root) -> None:
        root["extensionsUsed"].append(name)
        root["extensions"][name] = body

    return make.vrm1(change)


def extensions() -> list[Hostile]:
    hubs, constraint, springs = "MOZ_hubs_components", "VRMC_node_constraint", "VRMC_springBone"
    roll = {"constraint": {"roll": {"source": 999, "rollAxis": "X"}}}
    mapping = {"material": 0, "variants": [5]}
    blank = {"name": " data:text/html,<script>"}
    leading_out = [
        ("film from elsewhere", _with(hubs, {"video": {"src": "https://example.org/x.mp4"}})),
        ("link to elsewhere", _with(hubs, {"link": {"href": "//example.org/"}}, on="nodes")),
        ("schema from elsewhere", _with("EXT_structural_metadata", {"schemaUri": "schema.json"})),
        ("file of this machine", _with("KHR_audio", {"audio": [{"url": "file:///etc/passwd"}]})),
        ("script in an extension", _with("EXT_x", {"run": "JavaScript:alert(1)"})),
        ("data address behind a blank", make.model(lambda root: root["nodes"][0].update(blank))),
    ]
    not_there = [
        ("light", "hero.glb", _with("KHR_lights_punctual", {"light": 0}, on="nodes")),
        ("variant", "hero.glb", _with("KHR_materials_variants", {"mappings": [mapping]}, on="meshes")),
        ("source of a constraint", "hero.glb", _with(constraint, roll, on="nodes")),
        ("joint of a spring", "figure.vrm", _vrm(springs, {"springs": [{"joints": [{"node": 999}]}]})),
        ("collider of a group", "figure.vrm", _vrm(springs, {"colliderGroups": [{"colliders": [0]}]})),
        ("group of a spring", "figure.vrm", _vrm(springs, {"springs": [{"joints": [], "colliderGroups": [2]}]})),
        ("node of a collider", "figure.vrm", _vrm(springs, {"colliders": [{"node": -1}]})),
    ]
    return [
        *(Hostile(trick, "hero.glb", "gltf-uri", data) for trick, data in leading_out),
        *(Hostile(f"{what} that is not there", name, "gltf-index", data) for what, name, data in not_there),
    ]
