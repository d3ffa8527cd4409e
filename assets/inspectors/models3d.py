"""3D models: GLB, VRM 0.x and 1.0, VRM animations; all they need is in the file, and all of it is looked at."""

import math
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from assets.inspectors import gltf_fields as fields
from assets.inspectors import vrm
from assets.inspectors.base import FACTS_FORMAT, Facts, Inspection, Limits, shown_name
from assets.inspectors.gltf_animations import check_animations
from assets.inspectors.gltf_buffers import Buffers, read_buffers
from assets.inspectors.gltf_container import read_glb
from assets.inspectors.gltf_extensions import check_extensions
from assets.inspectors.gltf_fields import wrong
from assets.inspectors.gltf_materials import WEBP_TEXTURES, check_materials
from assets.inspectors.gltf_meshes import QUANTIZATION, Mesh, read_meshes
from assets.inspectors.gltf_nodes import Forest, joint_matrices, read_forest, world_matrices
from marketplace.ui.words import gettext_noop as _

MEDIA_TYPE = "model/gltf-binary"
_PROFILES = {"": "glb", vrm.VRM0: "vrm0", vrm.VRM1: "vrm1", vrm.VRMA: "vrma"}
# Extensions that a model may need: they change how what we have checked is drawn, and hide nothing.
_KNOWN_EXTENSIONS = frozenset(
    [
        "KHR_lights_punctual",
        "KHR_materials_anisotropy",
        "KHR_materials_clearcoat",
        "KHR_materials_dispersion",
        "KHR_materials_emissive_strength",
        "KHR_materials_ior",
        "KHR_materials_iridescence",
        "KHR_materials_pbrSpecularGlossiness",
        "KHR_materials_sheen",
        "KHR_materials_specular",
        "KHR_materials_transmission",
        "KHR_materials_unlit",
        "KHR_materials_variants",
        "KHR_materials_volume",
        "KHR_texture_transform",
        "KHR_xmp_json_ld",
        "VRM",
        "VRMC_materials_hdr_emissiveMultiplier",
        "VRMC_materials_mtoon",
        "VRMC_node_constraint",
        "VRMC_springBone",
        "VRMC_vrm",
        "VRMC_vrm_animation",
        QUANTIZATION,
        WEBP_TEXTURES,
    ]
)
# Extensions whose data only their own decoder can read, so that nothing here has looked at it.
_OPAQUE_EXTENSIONS = frozenset(
    ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression", "KHR_texture_basisu"]
)
_NAMES_SHOWN = 100
_CLAIM_CHARACTERS = 500
_LARGEST_MM = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Model:
    """A checked model, for those who draw it or tell about it."""

    root: dict[str, Any]
    buffers: Buffers
    meshes: tuple[Mesh, ...]
    forest: Forest


def inspect_glb(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a GLB, whatever its profile; raise Refused."""
    return _inspect(file, limits)


def inspect_vrm(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a VRM 0.x or 1.0; raise Refused, also when it is a GLB without the extension."""
    found = _inspect(file, limits)
    if found.facts["profile"] not in ("vrm0", "vrm1"):
        template = _("the model has neither the extension VRM nor VRMC_vrm; name it .glb or export it as VRM.")
        raise wrong("vrm-missing", template, "extensions")
    return found


def inspect_vrma(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a VRM animation; raise Refused, also when it is a GLB without the extension."""
    found = _inspect(file, limits)
    if found.facts["profile"] != "vrma":
        template = _("the file has no extension VRMC_vrm_animation; name it .glb or export it as VRMA.")
        raise wrong("vrm-missing", template, "extensions")
    return found


def read_model(file: BinaryIO, limits: Limits) -> Model:
    """Return the model's checked buffers, meshes and nodes; raise Refused."""
    container = read_glb(file, limits)
    root = container.root
    _check_version(root)
    fields.check_whole(root, limits)
    _check_extensions(root)
    buffers = read_buffers(container)
    meshes = read_meshes(root, buffers, limits.model_objects)
    return Model(root, buffers, meshes, read_forest(root, buffers, meshes))


def _inspect(file: BinaryIO, limits: Limits) -> Inspection:
    model = read_model(file, limits)
    root, buffers, meshes = model.root, model.buffers, model.meshes
    animation_ms = check_animations(root, buffers, model.forest.nodes, meshes, limits.model_objects)
    pixels = check_materials(root, buffers, limits)
    check_extensions(root)
    if not meshes and "animations" not in root:
        raise wrong("gltf-empty", _("the model has neither a mesh nor an animation."), "JSON")
    profile = vrm.profile_of(root)
    special = vrm.check_vrm(root, profile) if profile else {}
    claims = _claims(root) | special.pop("claims", {})
    if profile == vrm.VRMA and "animations" not in root:
        raise wrong("gltf-empty", _("the VRM animation has no animation."), "animations")
    primitives = [primitive for mesh in meshes for primitive in mesh.primitives]
    positions = {one.attributes["POSITION"].place: one.attributes["POSITION"].count for one in primitives}
    facts: Facts = {
        "format": FACTS_FORMAT,
        "kind": "model",
        "profile": _PROFILES[profile],
        "meshes": len(meshes),
        "primitives": len(primitives),
        "triangles": sum(primitive.triangles for primitive in primitives),
        "vertices": sum(positions.values()),
        "morph_targets": sum(mesh.targets for mesh in meshes),
        **{key: len(fields.values(root, key)) for key in ("nodes", "skins", "materials", "textures", "images")},
        "image_pixels": pixels,
        "joints": len({joint for skin in model.forest.skins for joint in skin.joints}),
        "animations": len(fields.values(root, "animations")),
        "animation_ms": animation_ms,
        "box_mm": _box_mm(model, limits),
        "extensions": sorted(shown_name(name, 60) for name in fields.names(root, "extensionsUsed"))[:_NAMES_SHOWN],
        "unused_bytes": buffers.unused_bytes,
        **special,
        "claims": claims,
    }
    return Inspection(MEDIA_TYPE, facts)


def _check_version(root: dict[str, Any]) -> None:
    asset = fields.mapping(root.get("asset"), "asset")
    for key in ("version", "minVersion"):
        version = fields.text(asset, key, "asset")
        if version != "2.0" and (key == "version" or version is not None):
            raise wrong("gltf-version", _("%(place)s must be 2.0."), f"asset.{key}")


def _check_extensions(root: dict[str, Any]) -> None:
    used, required = (fields.names(root, key) for key in ("extensionsUsed", "extensionsRequired"))
    for name in required:
        shown = repr(shown_name(name, 60))
        if name not in used:
            template = _("the extension %(name)s is required and not in extensionsUsed.")
            raise wrong("gltf-extension", template, "extensionsRequired", name=shown)
        if name not in _KNOWN_EXTENSIONS and name not in _OPAQUE_EXTENSIONS:
            template = _("the model requires the extension %(name)s, which is not known here; save it without.")
            raise wrong("gltf-extension", template, "extensionsRequired", name=shown)
    for name in used:
        if name in _OPAQUE_EXTENSIONS:
            template = _("the extension %(name)s packs data so that it cannot be inspected; save the model without.")
            raise wrong("gltf-extension", template, "extensionsUsed", name=repr(name))


def _claims(root: dict[str, Any]) -> dict[str, str]:
    """Return what the model says of itself in `asset`, as text."""
    found = {}
    for key in ("generator", "copyright"):
        value = fields.text(root["asset"], key, "asset")
        if value:
            found[key] = shown_name(value, _CLAIM_CHARACTERS)
    return found


def _box_mm(model: Model, limits: Limits) -> list[int] | None:
    """Return width, height and depth in mm of the box around the boxes of all drawn meshes, None without any.

    A skinned mesh stands where its joints put its box in the pose that the nodes are in.
    """
    forest, world = model.forest, world_matrices(model.forest)
    skins: dict[tuple[int, int], np.ndarray[Any, Any]] = {}
    low, high = np.full(3, math.inf), np.full(3, -math.inf)
    work = 0
    for index in forest.drawn:
        node = forest.nodes[index]
        if node.mesh is None:
            continue
        corners = _corners(model.meshes[node.mesh])
        with np.errstate(over="ignore", invalid="ignore"):
            if node.skin is None:
                placed = corners @ world[index].T
            else:
                pair = (node.mesh, node.skin)
                if pair in skins:
                    continue
                work += len(forest.skins[node.skin].joints)
                if work > 10 * limits.model_objects:
                    template = _("the model has more than %(limit)s joints in all its skins.")
                    raise wrong("gltf-too-many", template, "skins", limit=10 * limits.model_objects)
                matrices = joint_matrices(forest.skins[node.skin], world, model.buffers)
                skins[pair] = placed = (matrices @ corners.T).transpose(0, 2, 1).reshape(-1, 4)
        if not np.isfinite(placed).all():
            raise wrong("gltf-too-large", _("the model is too large to be measured."), f"nodes[{index}]")
        low, high = np.minimum(low, placed[:, :3].min(axis=0)), np.maximum(high, placed[:, :3].max(axis=0))
    if not np.isfinite(low).all():
        return None
    sides = (high - low) * 1000
    if not (sides < _LARGEST_MM).all():
        raise wrong("gltf-too-large", _("the model is too large to be measured."), "nodes")
    return [round(float(side)) for side in sides]


def _corners(mesh: Mesh) -> np.ndarray[Any, Any]:
    """Return the eight corners of a mesh's box, as rows x, y, z, 1."""
    return np.array(
        [(x, y, z, 1.0) for x in (mesh.low[0], mesh.high[0]) for y in (mesh.low[1], mesh.high[1])
         for z in (mesh.low[2], mesh.high[2])]
    )  # fmt: skip
