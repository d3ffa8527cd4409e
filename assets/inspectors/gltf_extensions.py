"""What extensions of a glTF model name by its index: lights, variants, constraints and springs, each of which is there.

KHR_lights_punctual, KHR_materials_variants, VRMC_node_constraint 1.0 and VRMC_springBone 1.0.
"""

from collections.abc import Iterator
from typing import Any

from assets.inspectors import gltf_fields as fields

_LIGHTS, _VARIANTS = "KHR_lights_punctual", "KHR_materials_variants"
_CONSTRAINT, _SPRINGS = "VRMC_node_constraint", "VRMC_springBone"


def check_extensions(root: dict[str, Any]) -> None:
    """Refuse an extension that names a node, a light, a material or the like that the model does not have."""
    nodes = len(fields.values(root, "nodes"))
    _check_nodes(root, nodes)
    _check_variants(root)
    for place, springs in _of(root, "", _SPRINGS):
        _check_springs(place, springs, nodes)


def _of(holder: dict[str, Any], place: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and the object of the extension `name` of what stands at `place`, where it has that."""
    where = f"{place}.extensions".lstrip(".")
    extensions = fields.mapping(holder.get("extensions", {}), where)
    if name in extensions:
        yield f"{where}.{name}", fields.mapping(extensions[name], f"{where}.{name}")


def _check_nodes(root: dict[str, Any], nodes: int) -> None:
    lights = sum(len(fields.values(light, "lights", place)) for place, light in _of(root, "", _LIGHTS))
    for where, node in fields.items(root, "nodes"):
        for place, light in _of(node, where, _LIGHTS):
            fields.needed_index(light, "light", place, lights)
        for place, extension in _of(node, where, _CONSTRAINT):
            constraint = fields.child(extension, "constraint", place)
            for kind in ("roll", "aim", "rotation"):
                if kind in constraint:
                    one = fields.child(constraint, kind, f"{place}.constraint")
                    fields.needed_index(one, "source", f"{place}.constraint.{kind}", nodes)


def _check_variants(root: dict[str, Any]) -> None:
    variants = sum(len(fields.values(one, "variants", place)) for place, one in _of(root, "", _VARIANTS))
    materials = len(fields.values(root, "materials"))
    for mesh_place, mesh in fields.items(root, "meshes"):
        for where, primitive in fields.items(mesh, "primitives", mesh_place):
            for place, extension in _of(primitive, where, _VARIANTS):
                for mapping_place, mapping in fields.items(extension, "mappings", place):
                    fields.needed_index(mapping, "material", mapping_place, materials)
                    fields.indices(mapping, "variants", mapping_place, variants)


def _check_springs(place: str, springs: dict[str, Any], nodes: int) -> None:
    """Refuse springs of joints, colliders or groups that are not there; exporters write empty lists where none are."""

    def objects(holder: dict[str, Any], key: str, where: str) -> list[tuple[str, dict[str, Any]]]:
        return fields.items(holder, key, where) if holder.get(key) != [] else []

    def indices(holder: dict[str, Any], key: str, where: str, length: int) -> None:
        if holder.get(key) != []:
            fields.indices(holder, key, where, length)

    colliders, groups = objects(springs, "colliders", place), objects(springs, "colliderGroups", place)
    for where, collider in colliders:
        fields.needed_index(collider, "node", where, nodes)
    for where, group in groups:
        indices(group, "colliders", where, len(colliders))
    for where, spring in objects(springs, "springs", place):
        fields.index(spring, "center", where, nodes)
        indices(spring, "colliderGroups", where, len(groups))
        for joint_place, joint in objects(spring, "joints", where):
            fields.needed_index(joint, "node", joint_place, nodes)
