"""Small honest models and motions, made in memory, from which the tests of 3D start."""

import copy
import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

from tests.assets import makers as make

FLOAT, UBYTE, USHORT, UINT = 5126, 5121, 5123, 5125
Root = dict[str, Any]
_SIZES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_LETTERS = {FLOAT: "f", UBYTE: "B", USHORT: "H", UINT: "I"}
BONES = ["hips", "spine", "head"] + [
    side + bone
    for side in ("left", "right")
    for bone in ("UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand")
]


class Bin:
    """Collects the bytes of BIN with their views and accessors."""

    def __init__(self) -> None:
        self.data, self.views, self.accessors = b"", [], []  # type: ignore[var-annotated]

    def view(self, data: bytes) -> int:
        self.data += bytes(-len(self.data) % 4)
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)})
        self.data += data
        return len(self.views) - 1

    def accessor(
        self, kind: str, component: int, numbers: Sequence[float], *, bounds: bool = False, **more: Any
    ) -> int:
        width = _SIZES[kind]
        data = struct.pack(f"<{len(numbers)}{_LETTERS[component]}", *numbers)
        count = len(numbers) // width
        accessor = {"bufferView": self.view(data), "componentType": component, "count": count, "type": kind} | more
        if bounds:
            accessor |= {"min": [min(numbers[n::width]) for n in range(width)]}
            accessor |= {"max": [max(numbers[n::width]) for n in range(width)]}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def chunk(kind: bytes, data: bytes, pad: bytes) -> bytes:
    data += pad * (-len(data) % 4)
    return struct.pack("<I4s", len(data), kind) + data


def glb(root: Root | str | bytes, data: bytes | None = None, *, tail: bytes = b"", version: int = 2) -> bytes:
    """Returns a GLB of a JSON root, or of any text in its place, and of BIN, when there is any."""
    text = root if isinstance(root, bytes) else (root if isinstance(root, str) else json.dumps(root)).encode()
    body = chunk(b"JSON", text, b" ") + (chunk(b"BIN\0", data, b"\0") if data is not None else b"") + tail
    return struct.pack("<4sII", b"glTF", version, 12 + len(body)) + body


def _attributes(bin_: Bin) -> dict[str, int]:
    positions = [-0.5, 0, 0, 0.5, 0, 0, 0.5, 2, 0, -0.5, 2, 0]
    return {
        "POSITION": bin_.accessor("VEC3", FLOAT, positions, bounds=True),
        "NORMAL": bin_.accessor("VEC3", FLOAT, [0, 0, 1] * 4),
        "TEXCOORD_0": bin_.accessor("VEC2", FLOAT, [0, 1, 1, 1, 1, 0, 0, 0]),
        "JOINTS_0": bin_.accessor("VEC4", UBYTE, [0, 0, 0, 0] * 2 + [1, 0, 0, 0] * 2),
        "WEIGHTS_0": bin_.accessor("VEC4", FLOAT, [1, 0, 0, 0] * 4),
    }


def parts() -> tuple[Root, bytes]:
    """Returns the root and BIN of a banner 1 m wide and 2 m high, with a texture, a skin, a morph and a motion."""
    bin_ = Bin()
    attributes = _attributes(bin_)
    indices = bin_.accessor("SCALAR", USHORT, [0, 1, 2, 0, 2, 3])
    stand = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
    inverse = bin_.accessor("MAT4", FLOAT, [*stand, 0, -1, 0, 1, *stand, 0, -1.5, 0, 1])
    times = bin_.accessor("SCALAR", FLOAT, [0, 0.5, 1.25], bounds=True)
    turns = bin_.accessor("VEC4", FLOAT, [0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1])
    sparse = {
        "count": 1,
        "indices": {"bufferView": bin_.view(struct.pack("<H", 2)), "componentType": USHORT},
        "values": {"bufferView": bin_.view(struct.pack("<3f", 0, 0.25, 0))},
    }
    morph = {"componentType": FLOAT, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [0, 0.25, 0]}
    bin_.accessors.append(morph | {"sparse": sparse})
    picture = bin_.view(make.picture(size=(40, 30)))
    root: Root = {
        "asset": {"version": "2.0", "generator": "tests", "copyright": "© Alice"},
        "scene": 0,
        "scenes": [{"nodes": [0, 3]}],
        "nodes": [
            {"name": "旗", "children": [1]},
            {"name": "low", "translation": [0, 1, 0], "children": [2]},
            {"name": "high", "translation": [0, 0.5, 0]},
            {"name": "banner", "mesh": 0, "skin": 0},
        ],
        "meshes": [
            {
                "primitives": [
                    {
                        "attributes": attributes,
                        "indices": indices,
                        "material": 0,
                        "targets": [{"POSITION": len(bin_.accessors) - 1}],
                    }
                ]
            }
        ],
        "skins": [{"joints": [1, 2], "inverseBindMatrices": inverse}],
        "materials": [
            {"name": "cloth", "doubleSided": True, "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
        ],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{}],
        "images": [{"bufferView": picture, "mimeType": "image/png"}],
        "animations": [
            {
                "samplers": [{"input": times, "output": turns}],
                "channels": [{"sampler": 0, "target": {"node": 2, "path": "rotation"}}],
            }
        ],
        "accessors": bin_.accessors,
        "bufferViews": bin_.views,
        "buffers": [{"byteLength": len(bin_.data)}],
    }
    return root, bin_.data


def model(change: Callable[[Root], object] | None = None) -> bytes:
    """Returns the banner as GLB, after `change` has been made to its root."""
    root, data = parts()
    if change:
        change(root)
    return glb(root, data)


META_1 = {
    "name": "Lin 林",
    "authors": ["Alice", "Bob"],
    "version": "1.2",
    "references": [],
    "licenseUrl": "https://vrm.dev/licenses/1.0/",
}
META_0 = {
    "title": "Lin",
    "author": "Alice",
    "allowedUserName": "Everyone",
    "violentUssageName": "Disallow",
    "sexualUssageName": "Disallow",
    "commercialUssageName": "Allow",
    "licenseName": "CC_BY_NC",
    "otherPermissionUrl": "",
}


def _figure(extension: str, body: dict[str, Any]) -> tuple[Root, bytes]:
    root, data = parts()
    first = len(root["nodes"])
    root["nodes"] += [{"name": bone} for bone in BONES]
    root["scenes"][0]["nodes"] += range(first, first + len(BONES))
    root["extensionsUsed"] = [extension]
    root["extensions"] = {extension: copy.deepcopy(body)}
    return root, data


def bones_1(first: int = 4) -> dict[str, Any]:
    return {"humanBones": {bone: {"node": first + n} for n, bone in enumerate(BONES)}}


def vrm1(change: Callable[[Root], object] | None = None, **meta: Any) -> bytes:
    """Returns the banner as VRM 1.0, with more fields in its meta."""
    body = {"specVersion": "1.0", "meta": META_1 | meta, "humanoid": bones_1()}
    root, data = _figure("VRMC_vrm", body)
    if change:
        change(root)
    return glb(root, data)


def vrm0(change: Callable[[Root], object] | None = None, **meta: Any) -> bytes:
    """Returns the banner as VRM 0.x, with other fields in its meta."""
    bones = [{"bone": bone, "node": 4 + n, "useDefaultValues": True} for n, bone in enumerate(BONES)]
    root, data = _figure("VRM", {"specVersion": "0.0", "meta": META_0 | meta, "humanoid": {"humanBones": bones}})
    if change:
        change(root)
    return glb(root, data)


def vrma(change: Callable[[Root], object] | None = None) -> bytes:
    """Returns a VRM animation of a humanoid without meshes."""
    body = {"specVersion": "1.0", "humanoid": bones_1()}
    root, data = _figure("VRMC_vrm_animation", body)
    for key in ("meshes", "skins", "materials", "textures", "images", "samplers"):
        del root[key]
    root["nodes"][3] = {"name": "empty"}
    root["animations"][0]["channels"][0]["target"]["node"] = 4
    if change:
        change(root)
    return glb(root, data)


BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0.0 0.0 0.0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Chest
  {
    OFFSET 0 10 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 5 0
    }
  }
  JOINT Left Leg
  {
    OFFSET 3 -10 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -8 1
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.0333333
0 90 0 0 0 0 0 0 0 0 0 0
1.5 90 -2e-1 0 0 10 5 0 0 0 20 0
3 90.25 -.4 0 0 20 10 0 0 0 -20 +0.5
"""


def bvh(*changes: tuple[str, str]) -> bytes:
    """Returns the motion above with texts replaced, each of which must be in it."""
    text = BVH
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()
