"""Which inspector a file goes to: the one on which its name and its bytes agree, else none."""

import contextlib
import io
import os
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, cast

from assets import rules
from assets.inspectors.base import Finding, Inspection, Inspector, Limits, Refused, refused
from marketplace.ui.words import Values, Words
from marketplace.ui.words import gettext_noop as _

_HEAD_BYTES = 4096
_PICKLE_BYTES = 1024 * 1024
_ARCHIVE_BYTES = 1024 * 1024
_ACCEPTED = Words(
    _(
        "Worldloom takes .safetensors, .png, .jpg, .jpeg, .webp, .avif, .glb, .vrm, .vrma, .bvh, .txt, .json, .yaml,"
        " .zip and .charx"
    )
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One accepted kind: its name in words, how it begins, and its inspector, imported when it is needed."""

    words: str
    begins: Callable[[bytes], bool]
    inspector: str


_OTHER_KIND = re.compile(rb"\x89PNG|\xff\xd8\xff|RIFF....WEBP|....ftypavif|glTF", re.DOTALL)


def _is_text(head: bytes) -> bool:
    return not _OTHER_KIND.match(head)


def _is_zip(head: bytes) -> bool:
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


SAFETENSORS = Kind(
    _("safetensors weights"), lambda head: head[8:9] == b"{", "assets.inspectors.safetensors.inspect_safetensors"
)
PNG = Kind(_("a PNG"), lambda head: head[:8] == b"\x89PNG\r\n\x1a\n", "assets.inspectors.pictures.inspect_png")
JPEG = Kind(_("a JPEG"), lambda head: head[:3] == b"\xff\xd8\xff", "assets.inspectors.pictures.inspect_jpeg")
WEBP = Kind(
    _("a WebP"),
    lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    "assets.inspectors.pictures.inspect_webp",
)
TEXT = Kind(_("a text prompt set"), _is_text, "assets.inspectors.prompts.inspect_text")
JSON = Kind(_("a JSON prompt set or character card"), _is_text, "assets.inspectors.prompts.inspect_json")
YAML = Kind(_("a YAML prompt set"), _is_text, "assets.inspectors.prompts.inspect_yaml")
AVIF = Kind(
    _("an AVIF"), lambda head: head[4:12] in (b"ftypavif", b"ftypmif1"), "assets.inspectors.pictures.inspect_avif"
)
GLB = Kind(_("a GLB model"), lambda head: head[:4] == b"glTF", "assets.inspectors.models3d.inspect_glb")
VRM = Kind(_("a VRM model"), lambda head: head[:4] == b"glTF", "assets.inspectors.models3d.inspect_vrm")
VRMA = Kind(_("a VRM animation"), lambda head: head[:4] == b"glTF", "assets.inspectors.models3d.inspect_vrma")
BVH = Kind(_("a BVH motion"), lambda head: head[:9] == b"HIERARCHY", "assets.inspectors.motion.inspect_bvh")
ZIP = Kind(_("a zip archive"), _is_zip, "assets.inspectors.archives.inspect_zip")
CHARX = Kind(_("a character card in a zip archive"), _is_zip, "assets.inspectors.archives.inspect_charx")

_TEXTS = (TEXT, JSON, YAML, BVH)
_ARCHIVES = (ZIP, CHARX)

KINDS: Mapping[str, Kind] = {
    ".safetensors": SAFETENSORS,
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": WEBP,
    ".txt": TEXT,
    ".json": JSON,
    ".yaml": YAML,
    ".yml": YAML,
    ".avif": AVIF,
    ".glb": GLB,
    ".vrm": VRM,
    ".vrma": VRMA,
    ".bvh": BVH,
    ".zip": ZIP,
    ".charx": CHARX,
}

_PACKED = re.compile(rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07[\x00\x01]")
_PICKLE = (
    "pickle-refused",
    _("it is a Python pickle, which can run programs when opened; save it as .safetensors"),
)
_PROGRAM = ("executable-refused", _("it is a program"))
_ARCHIVE = ("archive-refused", _("it is an archive of a kind that is not taken; give its files one by one or as .zip"))
_NESTED = _("it is an archive within an archive; put its files into the outer one.")
_MARKUP = ("markup-refused", _("it is HTML, XML or SVG, which can run scripts; export a PNG, JPEG or WebP"))

_BY_BYTES = _("by its first bytes %(reason)s.")

_REFUSED_NAMES: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys((".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pickle", ".joblib", ".npy", ".npz"), _PICKLE),
    **dict.fromkeys((".exe", ".dll", ".so", ".dylib", ".sh", ".bat", ".cmd", ".ps1", ".py", ".js"), _PROGRAM),
    **dict.fromkeys((".7z", ".rar", ".tar", ".gz", ".tgz", ".xz", ".bz2", ".zst", ".jar"), _ARCHIVE),
    **dict.fromkeys((".svg", ".svgz", ".html", ".htm", ".xhtml", ".xml"), _MARKUP),
}

# Beginnings that decide whatever the name says. A pickle's third byte is an opcode, and 0 is none.
_REFUSED_BEGINNINGS: tuple[tuple[re.Pattern[bytes], tuple[str, str]], ...] = (
    (re.compile(rb"\x80[\x02-\x05][^\x00]"), _PICKLE),
    (re.compile(rb"PK\x03\x04.*data\.pkl", re.DOTALL), _PICKLE),
    (re.compile(rb"\x93NUMPY"), _PICKLE),
    (re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"), _ARCHIVE),
    (re.compile(rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x1f\x8b\x08|\xfd7zXZ\x00|BZh[1-9]1AY"), _ARCHIVE),
    (re.compile(rb"\x28\xb5\x2f\xfd"), _ARCHIVE),
    (re.compile(rb".{257}ustar", re.DOTALL), _ARCHIVE),
    (
        re.compile(rb"\x7fELF|\xca\xfe\xba\xbe|[\xcf\xce]\xfa\xed\xfe|\xfe\xed\xfa[\xce\xcf]|\x00asm"),
        _PROGRAM,
    ),
    (re.compile(rb"MZ(?=.{0,126}\x00)|#!", re.DOTALL), _PROGRAM),
    (
        # What browsers take for HTML (WHATWG MIME Sniffing, 7.1), and a few elements more.
        re.compile(
            rb"(\xef\xbb\xbf)?\s*<(\?xml|\?php|\?=|!doctype|!--|html|svg|script|head|body"
            rb"|(iframe|h[1-6]|div|font|table|a|style|title|b|br|p|img|embed|object|link|meta|base|form)[\s/>])",
            re.IGNORECASE,
        ),
        _MARKUP,
    ),
)
# Real formats that are simply not taken; named, so that the refusal says what the file is.
_OTHER_BEGINNINGS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"GIF8[79]a"), _("a GIF")),
    (
        re.compile(rb"....ftyp(avis|heic|heix|heis|hevc|hevx|mif1|msf1)", re.DOTALL),
        _("a HEIF picture or a moving AVIF"),
    ),
    (re.compile(rb"....ftyp(?!avif)", re.DOTALL), _("a video")),
    (re.compile(rb"II\*\x00|MM\x00\*"), _("a TIFF")),
    (re.compile(rb"%PDF-"), _("a PDF")),
    (re.compile(rb"GGUF"), _("GGUF weights")),
    (re.compile(rb"\x89HDF\r\n"), _("HDF5 weights")),
)


def inspect_file(path: Path, name: str, limits: Limits | None = None) -> Inspection:
    """Return what the file at `path` is, going by its bytes and by `name`, its path in the release.

    Raise Refused, its findings naming `name`. Read nothing but the file, write nothing.
    """
    if findings := rules.path_findings(name):
        raise Refused(findings)
    with path.open("rb") as file, _named(name):
        return _inspect(file, name, limits or Limits())


def inspect_member(file: BinaryIO, name: str, limits: Limits) -> Inspection:
    """Return what one seekable member of an archive is, as `inspect_file` would of a file; an archive is none.

    Raise Refused, its findings naming `name`, the member's path in the archive.
    """
    with _named(name):
        kind = KINDS.get(_suffix(name))
        head = file.read(_HEAD_BYTES)
        if kind in _ARCHIVES or (kind is not SAFETENSORS and _is_zip(head)):
            raise refused("archive-nested", _NESTED, "offset 0")
        return _inspect(file, name, limits)


def load_inspectors(names: Iterable[str]) -> None:
    """Import the inspectors of files with these names, for a process that is about to give up its rights.

    An archive may hold every kind. One that cannot be imported is left for its file, which then does not pass.
    """
    suffixes = {_suffix(name) for name in names} & KINDS.keys()
    if any(KINDS[suffix] in _ARCHIVES for suffix in suffixes):
        suffixes = set(KINDS)
    for suffix in suffixes:
        with contextlib.suppress(ImportError, AttributeError):
            _inspector(KINDS[suffix])


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Put `name` in front of every finding that is raised."""
    try:
        yield
    except Refused as refusal:
        raise Refused([finding.in_file(name) for finding in refusal.findings]) from None


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _inspect(file: BinaryIO, name: str, limits: Limits) -> Inspection:
    size_bytes = file.seek(0, os.SEEK_END)
    if size_bytes == 0:
        raise refused("file-empty", _("the file is empty."), "offset 0")
    if size_bytes > limits.file_bytes:
        template, place = _("the file has %(size)s bytes, the limit is %(limit)s."), f"offset {limits.file_bytes}"
        raise refused("file-too-large", template, place, size=size_bytes, limit=limits.file_bytes)
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    suffix = _suffix(name)
    kind = KINDS.get(suffix)
    if finding := _policy(head, suffix, kind):
        raise Refused([finding])
    if kind is None:
        shown = suffix or Words(_("no ending"))
        template = _("files with %(suffix)s are not taken; %(accepted)s.")
        raise refused("type-not-accepted", template, "name", suffix=shown, accepted=_ACCEPTED)
    if kind is not SAFETENSORS and not kind.begins(head):
        template = _("the bytes at offset 0 are not %(kind)s.")
        raise refused("content-not-as-named", template, "offset 0", kind=Words(kind.words))
    if _is_pickle(file, whole=kind in _TEXTS):
        raise refused(_PICKLE[0], _BY_BYTES, "offset 0", reason=Words(_PICKLE[1]))
    _refuse_second_nature(file, head, is_archive=kind in _ARCHIVES)
    file.seek(0)
    return _inspector(kind)(file, limits)


def _inspector(kind: Kind) -> Inspector:
    module, _dot, function = kind.inspector.rpartition(".")
    return cast(Inspector, getattr(import_module(module), function))


def _policy(head: bytes, suffix: str, kind: Kind | None) -> Finding | None:
    """Return why a file that begins with `head` and ends its name in `suffix` is not even inspected."""
    if suffix in _REFUSED_NAMES:
        code, reason = _REFUSED_NAMES[suffix]
        values: Values = {"suffix": suffix, "reason": Words(reason)}
        return Finding(code, _("the name ends in %(suffix)s: %(reason)s."), "name", values)
    # A header length can spell any magic number, so that weights are not judged by their first bytes.
    if kind is SAFETENSORS and head[8:9] == b"{" and head[4:8] == bytes(4):
        return None
    for pattern, (code, reason) in _REFUSED_BEGINNINGS:
        if pattern.match(head) and not (kind in _ARCHIVES and _is_zip(head)):
            return Finding(code, _BY_BYTES, "offset 0", {"reason": Words(reason)})
    if kind is None or not kind.begins(head) or (kind in _TEXTS and b"\0" in head):
        for pattern, words in _OTHER_BEGINNINGS:
            if pattern.match(head):
                template = _("by its first bytes it is %(kind)s; %(accepted)s.")
                values = {"kind": Words(words), "accepted": _ACCEPTED}
                return Finding("type-not-accepted", template, "offset 0", values)
    return None


def _is_pickle(file: BinaryIO, *, whole: bool) -> bool:
    """Say whether the file, whatever else it is, reads as a pickle that imports something before its STOP.

    Pickles of protocol 0 are all text, and later ones can be built around a safetensors header. Plain text
    can be a pickle by chance ("hello." is one), but then it imports nothing or, with `whole`, goes on behind.
    """
    file.seek(0)
    data = file.read(_PICKLE_BYTES)
    imports, last = False, 0
    stream = io.BytesIO(data)
    try:
        for opcode, argument, position in pickletools.genops(stream):
            last = position or 0
            if opcode.name in {"GLOBAL", "INST"}:
                imports |= all(part.isidentifier() for part in re.split(r"[. ]", str(argument)))
            imports |= opcode.name == "STACK_GLOBAL"
    except Exception:  # Bytes that are no opcodes are no pickle; genops has no single error for that.
        # One that goes on where the reading stopped has been nothing else so far.
        return imports and len(data) == _PICKLE_BYTES and stream.tell() == len(data)
    return imports and not (whole and data[last + 1 :].strip())


def _refuse_second_nature(file: BinaryIO, head: bytes, *, is_archive: bool) -> None:
    """Refuse a file that another program would open as a PDF or, unless it is an archive, as one."""
    if b"%PDF-" in head[:1024]:
        raise refused("polyglot", _("the file is also a PDF, which begins in its first 1024 bytes."), "offset 0")
    if is_archive:
        return
    file.seek(0)
    # Programs that unpack these look for their beginnings in the first megabyte, behind any stub.
    if found := _PACKED.search(file.read(_ARCHIVE_BYTES)):
        template = _("the file is also a RAR or 7z archive, which begins at offset %(offset)s.")
        raise refused("polyglot", template, f"offset {found.start()}", offset=found.start())
    try:
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            members = len(archive.infolist())
    except Exception:  # What zipfile cannot list is no archive; it raises more than BadZipFile.
        return
    if members:
        template = _("the file is also a zip archive of %(count)s members.")
        raise refused("polyglot", template, "end of file", count=members)
