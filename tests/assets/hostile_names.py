"""Hostile names, and kinds that are not taken whatever they are called."""

import io
import pickle
import tarfile

from tests.assets import makers as make
from tests.assets.hostile_file import RLO, Hostile


def _kinds() -> list[Hostile]:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    weights = pickle.dumps({"a": 1})
    good = b"a cat"
    return [
        Hostile("pickle as .ckpt", "model.ckpt", "pickle-refused", weights),
        Hostile("pickle as .PT", "model.PT", "pickle-refused", weights),
        Hostile("pickle as .bin", "pytorch_model.bin", "pickle-refused", weights),
        Hostile("pickle as .png", "model.png", "pickle-refused", weights),
        Hostile("numpy objects", "model.npy", "pickle-refused", b"\x93NUMPY\x01\0"),
        Hostile("7z", "world.7z", "archive-refused", b"7z\xbc\xaf\x27\x1c" + bytes(20)),
        Hostile("rar", "world.rar", "archive-refused", b"Rar!\x1a\x07\0" + bytes(20)),
        Hostile("jar", "world.jar", "archive-refused", make.zipped()),
        Hostile("7z as .zip", "world.zip", "archive-refused", b"7z\xbc\xaf\x27\x1c" + bytes(20)),
        Hostile("tar as .zip", "world.zip", "archive-refused", tar.getvalue()),
        Hostile("PNG as .zip", "world.zip", "content-not-as-named", make.png()),
        Hostile("zip as .png", "world.png", "archive-refused", make.zipped()),
        Hostile("gzip as .txt", "world.txt", "archive-refused", b"\x1f\x8b\x08" + bytes(20)),
        Hostile("tar as .json", "world.json", "archive-refused", tar.getvalue()),
        Hostile("SVG", "art.svg", "markup-refused", b"<svg/>"),
        Hostile("HTML", "page.html", "markup-refused", b"<html>"),
        Hostile("Windows program", "setup.exe", "executable-refused", b"MZ\x90\0" + bytes(60)),
        Hostile("Windows program as .txt", "readme.txt", "executable-refused", b"MZ\x90\0" + bytes(60)),
        Hostile("GIF", "art.gif", "type-not-accepted", make.picture("GIF")),
        Hostile("GLB as .png", "hero.png", "content-not-as-named", b"glTF\x02\0\0\0" + bytes(20)),
        Hostile("PNG as .glb", "hero.glb", "content-not-as-named", make.png()),
        Hostile("text as .bvh", "walk.bvh", "content-not-as-named", good),
        Hostile("text glTF", "hero.gltf", "type-not-accepted", b'{"asset": {"version": "2.0"}}'),
        Hostile("FBX", "hero.fbx", "type-not-accepted", b"Kaydara FBX Binary  \0\x1a\0"),
        Hostile("video", "walk.mp4", "type-not-accepted", b"\0\0\0\x20ftypisom" + bytes(40)),
        Hostile("HEIF as .avif", "art.avif", "type-not-accepted", b"\0\0\0\x20ftypheic" + bytes(40)),
        Hostile("TIFF", "art.tif", "type-not-accepted", b"II*\0" + bytes(20)),
        Hostile("HDF5 weights", "model.h5", "type-not-accepted", b"\x89HDF\r\n\x1a\n" + bytes(20)),
        Hostile("Java class as .txt", "a.txt", "executable-refused", b"\xca\xfe\xba\xbe\0\0\0\x34"),
        Hostile("WebAssembly as .json", "a.json", "executable-refused", b"\0asm\x01\0\0\0"),
        Hostile("Mach-O as .png", "a.png", "executable-refused", b"\xcf\xfa\xed\xfe" + bytes(28)),
        Hostile("ELF as .zip", "world.zip", "executable-refused", b"\x7fELF" + bytes(60)),
        Hostile("Python", "run.py", "executable-refused", b"print(1)"),
        Hostile("JavaScript", "run.js", "executable-refused", b"alert(1)"),
        Hostile("SVG as .yaml", "art.yaml", "markup-refused", b"<svg/>"),
        Hostile("compressed SVG", "art.svgz", "markup-refused", b"\x1f\x8b\x08" + bytes(20)),
        Hostile("XML", "art.xml", "markup-refused", b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'a'>]><x/>"),
        Hostile("joblib", "model.joblib", "pickle-refused", weights),
        Hostile("pickle as .zip", "model.zip", "pickle-refused", weights),
        Hostile("pickle as .glb", "hero.glb", "pickle-refused", weights),
        Hostile("text pickle as .yaml", "p.yaml", "pickle-refused", b"cos\nsystem\n(S'id'\ntR."),
        Hostile("path of dots", "a/.../b.txt", "path-reserved", good),
        Hostile("blank before the ending", "a .txt/b.txt ", "path-reserved", good),
        Hostile("soft hyphen name", "a\u00adb.txt", "path-hidden-character", good),
        Hostile("GGUF", "model.gguf", "type-not-accepted", b"GGUF" + bytes(20)),
        Hostile("no ending", "prompts", "type-not-accepted", good),
        Hostile("double ending", "prompts.txt.exe", "executable-refused", good),
    ]


def _disguises() -> list[Hostile]:
    long_pickle = b"cos\nsystem\n(S'id'\ntR0" + b"".join(b"S'%s'\n0" % (b"a" * 300) for _line in range(5000)) + b"N."
    return [
        Hostile("text pickle longer than a megabyte", "world.txt", "pickle-refused", long_pickle),
        Hostile("frame as .txt", "world.txt", "markup-refused", b'<iframe src="https://example.org/">'),
        Hostile("picture of a page as .txt", "world.txt", "markup-refused", b"\n <img src=x onerror=alert(1)>"),
        Hostile("style as .yaml", "world.yaml", "markup-refused", b"<style>*{}</style>"),
        Hostile("short PHP as .txt", "world.txt", "markup-refused", b"<?=`$_GET[0]`?>"),
    ]


def _names() -> list[Hostile]:
    good = b"a cat"
    return [
        Hostile("climbing name", "../prompts.txt", "path-climbs", good),
        Hostile("absolute name", "/etc/prompts.txt", "path-absolute", good),
        Hostile("backslash name", "a\\b.txt", "path-backslash", good),
        Hostile("NUL name", "a\0.txt", "path-hidden-character", good),
        Hostile("bidi name", f"a{RLO}gnp.txt", "path-hidden-character", good),
        Hostile("decomposed name", "e\u0301.txt", "path-not-nfc", good),
        Hostile("long name", "n" * 197 + ".txt", "path-too-long", good),
        Hostile("device name", "con.txt", "path-reserved", good),
        Hostile("drive name", "c:a.txt", "path-reserved", good),
        Hostile("empty name", "", "path-empty", good),
    ]


def names_and_kinds() -> list[Hostile]:
    return [*_kinds(), *_disguises(), *_names()]
