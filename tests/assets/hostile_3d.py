"""Hostile models and motions, each named for its trick; the form is that of hostile.py."""

import json
import struct
from collections.abc import Callable
from typing import Any

from tests.assets import makers as make
from tests.assets import makers_3d as make3d
from tests.assets.hostile_file import RLO, Hostile
from tests.assets.makers_3d import Root, glb, model

Case = tuple[str, str, bytes]


def _root() -> Root:
    return make3d.parts()[0]


def _data() -> bytes:
    return make3d.parts()[1]


def _changed(path: str, value: Any) -> Callable[[Root], None]:
    """Returns what puts `value` where `path`, such as "nodes.0.children", leads; ... takes it away."""

    def change(root: Root) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        part: Any = root
        for step in way:
            part = part[step]
        if value is ...:
            del part[last]
        else:
            part[last] = value

    return change


def _put(path: str, value: Any) -> bytes:
    return model(_changed(path, value))


def _with_bytes(view: int, data: bytes, offset: int = 0) -> bytes:
    """Returns the banner with other bytes in one of its views."""
    root, whole = make3d.parts()
    begin = root["bufferViews"][view]["byteOffset"] + offset
    return glb(root, whole[:begin] + data + whole[begin + len(data) :])


def _with_picture(data: bytes, media_type: str = "image/png") -> bytes:
    root, whole = make3d.parts()
    whole += bytes(-len(whole) % 4)
    root["bufferViews"].append({"buffer": 0, "byteOffset": len(whole), "byteLength": len(data)})
    root["images"][0] = {"bufferView": len(root["bufferViews"]) - 1, "mimeType": media_type}
    root["buffers"][0]["byteLength"] = len(whole) + len(data)
    return glb(root, whole + data)


def _containers() -> list[Case]:
    good = model()
    text = json.dumps(_root()).encode()
    header = struct.pack("<4sII", b"glTF", 2, 20)
    odd = make3d.chunk(b"JSON", text, b" ")
    return [
        ("twelve bytes", "glb-truncated", good[:12]),
        ("version 1", "glb-version", glb(_root(), _data(), version=1)),
        ("version 2^32-1", "glb-version", glb(_root(), _data(), version=2**32 - 1)),
        ("trailing text", "glb-trailing", good + b"hello"),
        ("cut in half", "glb-truncated", good[: len(good) // 2]),
        ("length that overflows", "glb-truncated", good[:8] + b"\xff\xff\xff\xff" + good[12:]),
        ("chunk past the end", "glb-truncated", good[:12] + b"\xf0\xff\xff\xff" + good[16:]),
        ("empty JSON chunk", "gltf-json", header + struct.pack("<I4s", 0, b"JSON")),
        ("chunk of odd length", "glb-alignment", struct.pack("<4sII", b"glTF", 2, 23) + b"\x03\0\0\0JSON{} "),
        ("BIN first", "glb-chunk", good[:16] + b"BIN\0" + good[20:]),
        ("unknown chunk", "glb-chunk", glb(_root(), _data(), tail=make3d.chunk(b"EVIL", b"hidden", b"\0"))),
        ("second JSON", "glb-chunk", glb(_root(), _data(), tail=odd)),
        ("unknown chunk for BIN", "glb-chunk", glb(_root(), None, tail=make3d.chunk(b"EVIL", _data(), b"\0"))),
        ("half a chunk header behind BIN", "glb-chunk", glb(_root(), _data(), tail=b"\0\0\0\0")),
        ("zip appended", "polyglot", good + make.zipped()),
        ("zip in BIN", "polyglot", glb(_root(), _data() + make.zipped())),
        ("PDF in the JSON", "polyglot", _put("asset.generator", "%PDF-1.7 1 0 obj")),
        ("PNG named GLB", "content-not-as-named", make.png()),
        ("glTF JSON named GLB", "content-not-as-named", text),
    ]


def _documents() -> list[Case]:
    text = json.dumps(_root())
    return [
        ("JSON is a list", "gltf-json", glb("[1]", _data())),
        ("text behind JSON", "gltf-json", glb(text + "x", _data())),
        ("NUL padding", "gltf-json", glb(text + "\0\0\0\0", _data())),
        ("bad UTF-8", "gltf-not-utf8", glb(b'{"a":"\xff\xfe"}', _data())),
        ("broken JSON", "json-malformed", glb("{'asset':1}", _data())),
        ("duplicate key", "json-duplicate-key", glb('{"meshes":[],' + text[1:], _data())),
        ("100 000 brackets", "json-too-deep", glb('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", _data())),
        ("NaN in JSON", "json-number", glb('{"a":NaN,' + text[1:], _data())),
        ("infinite number", "json-number", glb('{"a":1e999,' + text[1:], _data())),
        ("number beyond floats", "gltf-shape", _put("nodes.1.translation", [0, 1e39, 0])),
        ("half a surrogate", "gltf-text", _put("nodes.0.name", "\ud800")),
        ("NUL in a name", "gltf-text", _put("nodes.0.name", "a\0b")),
        ("name is a number", "gltf-shape", _put("nodes.0.name", 7)),
        ("glTF 1.0", "gltf-version", _put("asset.version", "1.0")),
        ("glTF 2.1 at least", "gltf-version", _put("asset.minVersion", "2.1")),
        ("no asset", "gltf-shape", _put("asset", ...)),
        ("buffer elsewhere", "gltf-uri", _put("buffers.0.uri", "https://127.0.0.1/steal")),
        ("buffer on the disk", "gltf-uri", _put("buffers.0.uri", "../../etc/passwd")),
        ("data: buffer", "gltf-uri", _put("buffers.0.uri", "data:application/octet-stream;base64,AAAA")),
        ("data: picture", "gltf-uri", _put("images.0", {"uri": "data:image/png;base64,AAAA"})),
        ("URI in capitals", "gltf-uri", _put("images.0.URI", "x")),
        ("data: in extras", "gltf-uri", _put("nodes.0.extras", {"page": "DATA:text/html,<script>"})),
        ("Draco", "gltf-extension", _put("extensionsUsed", ["KHR_draco_mesh_compression"])),
        ("needs what nobody knows", "gltf-extension", _needs("EVIL_script")),
        ("unannounced extension", "gltf-extension", _put("nodes.0.extensions", {"EVIL_script": {}})),
        ("extension twice", "gltf-twice", _put("extensionsUsed", ["A_b", "A_b"])),
        ("200 001 nodes", "gltf-too-many", _put("nodes", [{}] * 200_001)),
        ("600 001 objects in extras", "gltf-too-many", _put("extras", {"a": [{}] * 600_001})),
        ("nothing to see", "gltf-empty", glb({"asset": {"version": "2.0"}})),
    ]


def _needs(extension: str) -> bytes:
    def change(root: Root) -> None:
        root["extensionsUsed"] = root["extensionsRequired"] = [extension]

    return model(change)


def _buffers() -> list[Case]:
    nan = struct.pack("<f", float("nan"))
    huge = {"componentType": 5126, "count": 2**40, "type": "VEC3"}
    many = [{"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"}] * 100
    return [
        ("two buffers", "gltf-buffer", _put("buffers", [{"byteLength": 8}] * 2)),
        ("buffer longer than BIN", "gltf-buffer", _put("buffers.0.byteLength", 99_999)),
        ("buffer shorter than BIN", "gltf-buffer", _put("buffers.0.byteLength", 16)),
        ("bytes for padding", "gltf-buffer", glb(*_padded(b"x"))),
        ("BIN without a buffer", "gltf-buffer", _put("buffers", ...)),
        ("buffer without BIN", "gltf-buffer", glb(_root())),
        ("view past the end", "gltf-view-bounds", _put("bufferViews.0.byteLength", 99_999)),
        ("view at 2^52", "gltf-view-bounds", _put("bufferViews.0.byteOffset", 2**52)),
        ("negative offset", "gltf-shape", _put("bufferViews.0.byteOffset", -4)),
        ("fractional offset", "gltf-shape", _put("bufferViews.0.byteOffset", 4.5)),
        ("offset is true", "gltf-shape", _put("bufferViews.0.byteOffset", True)),
        ("stride of 3", "gltf-stride", _put("bufferViews.0.byteStride", 3)),
        ("stride of 256", "gltf-stride", _put("bufferViews.0.byteStride", 256)),
        ("stride within an element", "gltf-stride", _put("bufferViews.0.byteStride", 4)),
        ("stride past the view", "gltf-accessor-bounds", _put("bufferViews.0.byteStride", 16)),
        ("strided indices", "gltf-stride", _put("bufferViews.5", {"buffer": 0, "byteLength": 40, "byteStride": 4})),
        ("accessor past its view", "gltf-accessor-bounds", _put("accessors.0.count", 5)),
        ("count that overflows", "gltf-accessor-bounds", _put("accessors.0.count", 2**53 - 1)),
        ("no elements", "gltf-accessor", _put("accessors.0.count", 0)),
        ("a terabyte of zeros", "gltf-accessor", model(lambda root: root["accessors"].append(huge))),
        ("unknown component", "gltf-choice", _put("accessors.0.componentType", 5124)),
        ("unknown type", "gltf-choice", _put("accessors.0.type", "VEC5")),
        ("view that is not there", "gltf-index", _put("accessors.0.bufferView", 99)),
        ("view of minus one", "gltf-index", _put("accessors.0.bufferView", -1)),
        ("odd offset of floats", "gltf-alignment", _put("bufferViews.0.byteOffset", 2)),
        ("NaN position", "gltf-not-finite", _with_bytes(0, nan, 16)),
        ("NaN in an unused accessor", "gltf-not-finite", _unused_nan()),
        ("infinite weight", "gltf-not-finite", _with_bytes(4, struct.pack("<f", float("inf")))),
        ("positions without bounds", "gltf-bounds", _put("accessors.0.min", ...)),
        ("bounds that lie", "gltf-bounds", _put("accessors.0.max", [1000, 2, 0])),
        ("normalized floats", "gltf-accessor", _put("accessors.1.normalized", True)),
        ("sparse place behind the end", "gltf-sparse", _with_bytes(9, b"\x09\0")),
        ("more replaced than there are", "gltf-sparse", _put("accessors.9.sparse.count", 5)),
        ("sparse without values", "gltf-shape", _put("accessors.9.sparse.values", ...)),
        ("one view read 20 000 times", "gltf-too-many", _often(many)),
    ]


def _padded(padding: bytes) -> tuple[Root, bytes]:
    root, data = make3d.parts()
    data += bytes(-len(data) % 4) + b"\0\0\0"
    root["buffers"][0]["byteLength"] = len(data)
    return root, data + padding


def _unused_nan() -> bytes:
    root, data = make3d.parts()
    data += bytes(-len(data) % 4)
    root["bufferViews"].append({"buffer": 0, "byteOffset": len(data), "byteLength": 4})
    last = len(root["bufferViews"]) - 1
    root["accessors"].append({"bufferView": last, "componentType": 5126, "count": 1, "type": "SCALAR"})
    root["buffers"][0]["byteLength"] = len(data) + 4
    return glb(root, data + struct.pack("<f", float("nan")))


def _often(accessors: list[dict[str, Any]]) -> bytes:
    """Returns a banner of 64 KiB whose accessors would read 1.2 GiB of it."""
    root, data = make3d.parts()
    data += bytes(-len(data) % 4)
    root["bufferViews"].append({"buffer": 0, "byteOffset": len(data), "byteLength": 65536})
    one = {"bufferView": len(root["bufferViews"]) - 1, "componentType": 5126, "count": 16384, "type": "SCALAR"}
    root["accessors"] += [one] * (len(accessors) * 200)
    root["buffers"][0]["byteLength"] = len(data) + 65536
    return glb(root, data + bytes(65536))


def _scenes() -> list[Case]:
    deep = [{"children": [n + 1]} for n in range(9999)] + [{"children": [0]}]
    spline = "animations.0.samplers.0.interpolation"
    return [
        ("index of a fifth vertex", "gltf-indices", _with_bytes(5, b"\x04\0")),
        ("index that restarts", "gltf-indices", _with_bytes(5, b"\xff\xff")),
        ("float indices", "gltf-indices", _put("meshes.0.primitives.0.indices", 1)),
        ("no position", "gltf-mesh", _put("meshes.0.primitives.0.attributes.POSITION", ...)),
        ("no primitives", "gltf-shape", _put("meshes.0.primitives", [])),
        ("attribute of its own", "gltf-attribute", _put("meshes.0.primitives.0.attributes.EVIL", 0)),
        ("normals for positions", "gltf-attribute", _put("meshes.0.primitives.0.attributes.TANGENT", 1)),
        ("fewer normals", "gltf-mesh", _put("accessors.1.count", 3)),
        ("joints without weights", "gltf-mesh", _put("meshes.0.primitives.0.attributes.WEIGHTS_0", ...)),
        ("mode 7", "gltf-choice", _put("meshes.0.primitives.0.mode", 7)),
        ("accessor that is not there", "gltf-index", _put("meshes.0.primitives.0.attributes.NORMAL", 99)),
        ("two weights for one morph", "gltf-shape", _put("meshes.0.weights", [0, 1])),
        ("own parent", "gltf-node-graph", _put("nodes.0.children", [0])),
        ("ring of 10 000 nodes", "gltf-node-graph", _put("nodes", [*_root()["nodes"], *_moved(deep, 4)])),
        ("two parents", "gltf-node-graph", _put("nodes.3.children", [1])),
        ("child in the scene", "gltf-node-graph", _put("scenes.0.nodes", [0, 1])),
        ("child twice", "gltf-twice", _put("nodes.0.children", [1, 1])),
        ("matrix and parts", "gltf-node", _put("nodes.1.matrix", [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])),
        ("matrix of perspective", "gltf-node", _put("nodes.0.matrix", [1, 0, 0, 1] * 4)),
        ("rotation of length 9", "gltf-node", _put("nodes.0.rotation", [9, 0, 0, 0])),
        ("beyond all bounds", "gltf-too-large", _put("nodes.1.scale", [3e38, 3e38, 3e38])),
        ("skin without joints", "gltf-shape", _put("skins.0.joints", [])),
        ("joint behind the skin", "gltf-skin", _put("skins.0.joints", [1])),
        ("skin without a mesh", "gltf-skin", _put("nodes.0.skin", 0)),
        ("too few bind matrices", "gltf-skin", _put("accessors.6.count", 1)),
        ("times that fall", "gltf-animation", _with_bytes(7, struct.pack("<f", 2.0))),
        ("times below zero", "gltf-animation", _with_bytes(7, struct.pack("<f", -1.0))),
        ("fewer values than times", "gltf-animation", _put("accessors.8.count", 2)),
        ("spline with a value a time", "gltf-animation", _put(spline, "CUBICSPLINE")),
        ("unknown path", "gltf-choice", _put("animations.0.channels.0.target.path", "script")),
        ("one thing moved twice", "gltf-animation", model(_twice)),
        ("texture that is not there", "gltf-index", _put("textures.0.source", 9)),
        ("deep texture that is not there", "gltf-index", _put("materials.0.x", {"y": {"aTexture": {"index": 9}}})),
        ("picture that is none", "gltf-image", _with_picture(b"no picture at all")),
        ("JPEG called PNG", "gltf-image", _with_picture(make.picture("JPEG"))),
        ("SVG for a picture", "gltf-choice", _with_picture(b"<svg/>", "image/svg+xml")),
        ("picture and a secret", "picture-trailing", _with_picture(make.png() + b"secret")),
        ("PHP in a picture", "picture-active-metadata", _with_picture(_png_with_php())),
        ("bomb in a picture", "picture-too-many-pixels", _with_picture(_bomb())),
    ]  # fmt: skip


def _moved(nodes: list[dict[str, list[int]]], by: int) -> list[dict[str, list[int]]]:
    return [{"children": [child + by for child in node["children"]]} for node in nodes]


def _twice(root: Root) -> None:
    root["animations"][0]["channels"] *= 2


def _png_with_php() -> bytes:
    return make.png(make.png_chunk(b"tEXt", b"C\0<?php x()"))


def _bomb() -> bytes:
    return make.png(header=struct.pack(">IIBBBBB", 15_000, 15_000, 8, 0, 0, 0, 0))


def _figures() -> list[Case]:
    one, zero = "extensions.VRMC_vrm", "extensions.VRM"

    def both(root: Root) -> None:
        root["extensions"]["VRM"] = {}
        root["extensionsUsed"].append("VRM")

    return [
        ("GLB named VRM", "vrm-missing", model()),
        ("animation named VRM", "vrm-missing", make3d.vrma()),
        ("two licenses in two versions", "vrm-two-versions", make3d.vrm1(both)),
        ("a beta's version", "vrm-version", make3d.vrm1(_changed(f"{one}.specVersion", "1.0-beta"))),
        ("no meta", "vrm-meta", make3d.vrm1(_changed(f"{one}.meta", ...))),
        ("no meta in 0.x", "vrm-meta", make3d.vrm0(_changed(f"{zero}.meta", ...))),
        ("no license", "vrm-meta", make3d.vrm1(_changed(f"{one}.meta.licenseUrl", ...))),
        ("license that is a script", "vrm-meta", make3d.vrm1(licenseUrl="javascript:alert(1)")),
        ("no authors", "vrm-meta", make3d.vrm1(authors=[])),
        ("authors that are numbers", "gltf-shape", make3d.vrm1(authors=[1])),
        ("usage of its own", "gltf-choice", make3d.vrm1(commercialUsage="everything")),
        ("flag that is a word", "gltf-choice", make3d.vrm1(allowRedistribution="true")),
        ("flag that is one", "gltf-choice", make3d.vrm1(allowRedistribution=1)),
        ("license of its own in 0.x", "gltf-choice", make3d.vrm0(licenseName="WTFPL")),
        ("no license in 0.x", "gltf-choice", make3d.vrm0(_changed(f"{zero}.meta.licenseName", ...))),
        ("no word on violence in 0.x", "gltf-choice", make3d.vrm0(_changed(f"{zero}.meta.violentUssageName", ...))),
        ("title of 30 000", "vrm-meta", make3d.vrm1(name="x" * 30_000)),
        ("no hips", "vrm-humanoid", make3d.vrm1(_changed(f"{one}.humanoid.humanBones.hips", ...))),
        ("a tail for a bone", "vrm-humanoid", make3d.vrm1(_changed(f"{one}.humanoid.humanBones.tail", {"node": 1}))),
        ("two bones on one node", "vrm-humanoid", make3d.vrm1(_changed(f"{one}.humanoid.humanBones.hips.node", 5))),
        ("bone on no node", "gltf-index", make3d.vrm1(_changed(f"{one}.humanoid.humanBones.hips.node", 999))),
        ("bone twice in 0.x", "vrm-humanoid", make3d.vrm0(_changed(f"{zero}.humanoid.humanBones.0.bone", "head"))),
        ("expression of no material", "gltf-index", make3d.vrm1(_changed(f"{one}.expressions", {"material": 9}))),
        ("thumbnail that is not there", "gltf-index", make3d.vrm1(thumbnailImage=9)),
        ("spring on no node in 0.x", "gltf-index", make3d.vrm0(_changed(f"{zero}.springs", {"bones": [9999]}))),
    ]  # fmt: skip


def _animations() -> list[Case]:
    one = "extensions.VRMC_vrm_animation"
    return [
        ("GLB named VRMA", "vrm-missing", model()),
        ("figure named VRMA", "vrm-missing", make3d.vrm1()),
        ("no animation", "gltf-empty", make3d.vrma(_changed("animations", ...))),
        ("no humanoid", "gltf-shape", make3d.vrma(_changed(f"{one}.humanoid", ...))),
        ("draft version", "vrm-version", make3d.vrma(_changed(f"{one}.specVersion", "1.0-draft"))),
    ]  # fmt: skip


def _motions() -> list[Case]:
    bvh = make3d.bvh
    many = "".join(f"JOINT j{n}\n{{\nOFFSET 0 0 0\nCHANNELS 0\n}}\n" for n in range(2000))
    deep = "".join(f"JOINT j{n}\n{{\nOFFSET 0 0 0\nCHANNELS 0\n" for n in range(2000)) + "}\n" * 2000
    last = "-20 +0.5"
    chest = "CHANNELS 3 Zrotation Xrotation Yrotation"
    return [
        ("only a word", "motion-truncated", b"HIERARCHY\n"),
        ("no root", "motion-grammar", bvh(("ROOT Hips", "JOINT Hips"))),
        ("two roots", "motion-grammar", bvh(("MOTION", "ROOT Tail\n{\nOFFSET 0 0 0\nCHANNELS 0\n}\nMOTION"))),
        ("root without a name", "motion-name", bvh(("ROOT Hips", "ROOT"))),
        ("name with a return in it", "motion-grammar", bvh(("JOINT Chest", "JOINT Ch\nest"))),
        ("name with bidi", "motion-name", bvh(("JOINT Chest", f"JOINT C{RLO}hest"))),
        ("name of 500", "motion-name", bvh(("JOINT Chest", "JOINT " + "n" * 500))),
        ("name twice", "motion-name", bvh(("Left Leg", "Chest"))),
        ("line of 5000", "motion-line", bvh(("JOINT Chest", "JOINT " + "n" * 5000))),
        ("line without end", "motion-line", b"HIERARCHY" + b" " * 5_000_000),
        ("bad UTF-8", "motion-not-utf8", bvh().replace(b"Chest", b"Ch\xff\xfe")),
        ("no offset", "motion-grammar", bvh(("    OFFSET 0 10 0\n", ""))),
        ("offset of two", "motion-grammar", bvh(("OFFSET 0 10 0", "OFFSET 0 10"))),
        ("offset that is NaN", "motion-number", bvh(("OFFSET 0 10 0", "OFFSET 0 nan 0"))),
        ("offset in hex", "motion-number", bvh(("OFFSET 0 10 0", "OFFSET 0 0x10 0"))),
        ("offset of 10^99", "motion-number", bvh(("OFFSET 0 10 0", "OFFSET 0 1e99 0"))),
        ("offset of 5000 digits", "motion-line", bvh(("OFFSET 0 10 0", "OFFSET 0 " + "9" * 5000 + " 0"))),
        ("channel of its own", "motion-channels", bvh((chest, "CHANNELS 3 Zrotation Xrotation Xscript"))),
        ("channel twice", "motion-channels", bvh((chest, "CHANNELS 3 Zrotation Zrotation Yrotation"))),
        ("count of channels that lies", "motion-channels", bvh((chest, "CHANNELS 4 Zrotation Xrotation Yrotation"))),
        ("channels twice", "motion-grammar", bvh((chest, f"{chest}\n{chest}"))),
        ("2001 joints", "motion-joints", bvh(("  JOINT Left", many + "  JOINT Left"))),
        ("2000 levels", "motion-joints", bvh(("  JOINT Left", deep + "  JOINT Left"))),
        ("missing bracket", "motion-grammar", bvh(("}\nMOTION", "MOTION"))),
        ("bracket too many", "motion-grammar", bvh(("}\nMOTION", "}\n}\nMOTION"))),
        ("no frames", "motion-frames", bvh(("Frames: 3", "Frames: 0"))),
        ("negative frames", "motion-grammar", bvh(("Frames: 3", "Frames: -3"))),
        ("a billion frames", "motion-frames", bvh(("Frames: 3", "Frames: 1000000000"))),
        ("frames of 5000 digits", "motion-line", bvh(("Frames: 3", "Frames: " + "9" * 5000))),
        ("a million frames promised", "motion-truncated", bvh(("Frames: 3", "Frames: 1000000"))),
        ("no time", "motion-frame-time", bvh(("0.0333333", "0"))),
        ("time of an hour", "motion-frame-time", bvh(("0.0333333", "3600"))),
        ("time that is NaN", "motion-grammar", bvh(("0.0333333", "nan"))),
        ("time of 10^-999", "motion-frame-time", bvh(("0.0333333", "1e-999"))),
        ("fewer frames", "motion-truncated", bvh(("Frames: 3", "Frames: 4"))),
        ("more frames", "motion-trailing", bvh(("Frames: 3", "Frames: 2"))),
        ("number missing", "motion-frame", bvh((last, "-20"))),
        ("number too many", "motion-frame", bvh((last, f"{last} 1"))),
        ("NaN frame", "motion-number", bvh((last, "-20 nan"))),
        ("infinite frame", "motion-number", bvh((last, "-20 inf"))),
        ("infinity by exponent", "motion-number", bvh((last, "-20 1e999"))),
        ("number of two points", "motion-number", bvh((last, "-20 1.2.3"))),
        ("two points and half a number", "motion-number", bvh(("20 0\n3 90", "2.0.1 -\n3 90"))),
        ("number and a script", "motion-number", bvh((last, "-20 <script>"))),
        ("NUL in a frame", "motion-number", bvh((last, "-20 \0"))),
        ("blank line between frames", "motion-frame", bvh(("1.5 90", "\n1.5 90"))),
        ("text behind the frames", "motion-number", bvh() + b"#!/bin/sh\n"),
        ("zip appended", "polyglot", bvh() + make.zipped()),
        ("PDF in a name", "polyglot", bvh(("JOINT Chest", "JOINT %PDF-1.7"))),
        ("GLB named BVH", "content-not-as-named", model()),
        ("byte-order mark", "content-not-as-named", b"\xef\xbb\xbf" + bvh()),
    ]  # fmt: skip


def _named(name: str, *groups: list[Case]) -> list[Hostile]:
    return [Hostile(trick, name, code, data) for group in groups for trick, code, data in group]


HOSTILE_MODELS = [
    *_named("model.glb", _containers(), _documents(), _buffers(), _scenes()),
    *_named("figure.vrm", _figures()),
    *_named("wave.vrma", _animations()),
]
HOSTILE_MOTIONS = _named("walk.bvh", _motions())
HOSTILE_3D = HOSTILE_MODELS + HOSTILE_MOTIONS
