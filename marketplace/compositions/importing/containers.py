"""The texts that pictures carry, taken out without decoding a pixel: chunks of PNG, Exif of WebP and JPEG.

Everything is bounded, and every length is checked against the bytes that there are. No Django in here.
"""

import re
import zlib
from collections.abc import Iterator, Mapping

from marketplace.compositions.importing import exif
from marketplace.compositions.importing.exif import MOST_TEXT_BYTES
from marketplace.compositions.importing.refusals import DAMAGED, TOO_MUCH, UnableToImport, refuse
from marketplace.ui.words import gettext_noop as _

MOST_BYTES = 32 * 1024 * 1024
MOST_PARTS = 50_000
KEYS = ("prompt", "workflow", "worldloom", "parameters")
"""The entries that are read: ComfyUI's two, our own, and that of stable-diffusion-webui."""
PNG = b"\x89PNG\r\n\x1a\n"
_EXIF_IN_JPEG = b"Exif\x00\x00"
_MOST_EXIF = 64
_FILLED = re.compile(rb"\xff*")
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_TWICE = _("The file has two entries “%(key)s” that say different things: nobody can tell which one holds.")


class Texts:
    """What was found, each entry once, and how much of it."""

    def __init__(self) -> None:
        self.by_key: dict[str, str] = {}
        self.size = 0

    def add(self, key: str, text: str) -> None:
        """This will keep an entry that is read, and refuse one that is there with another text."""
        self.room(len(text))
        if key in KEYS and self.by_key.setdefault(key, text) != text:
            refuse(_TWICE, key=key)

    def room(self, size: int) -> None:
        """This will count bytes against the limit."""
        self.size += size
        if self.size > MOST_TEXT_BYTES:
            refuse(TOO_MUCH, most=MOST_TEXT_BYTES)


def png(data: bytes) -> Mapping[str, str]:
    """This will read the texts of a PNG: tEXt, zTXt, iTXt, eXIf, and `comf`, as ComfyUI writes in animations."""
    texts = Texts()
    for kind, at, body in _png_chunks(data):
        match kind:
            case b"tEXt" | b"comf":
                key, found, text = body.partition(b"\0")
                if found:
                    texts.add(key.decode("latin-1"), _text(text))
            case b"zTXt":
                key, found, rest = body.partition(b"\0")
                if found and rest[:1] == b"\0" and key.decode("latin-1") in KEYS:
                    texts.add(key.decode("latin-1"), _text(_inflated(rest[1:], texts, at)))
            case b"iTXt":
                _international(body, texts, at)
            case b"eXIf":
                _from_exif(body, texts)
    return texts.by_key


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Gives the chunks that can hold texts, each whole and with its checksum; all others are only passed over."""
    at, count = len(PNG), 0
    while True:
        length = int.from_bytes(data[at : at + 4], "big")
        kind, end = data[at + 4 : at + 8], at + 12 + length
        count += 1
        is_first_wrong = count == 1 and kind != b"IHDR"
        if end > len(data) or length > 2**31 - 1 or count > MOST_PARTS or is_first_wrong or not kind.isalpha():
            refuse(DAMAGED, kind="PNG", at=at)
        if kind not in (b"IDAT", b"fdAT"):
            if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
                refuse(DAMAGED, kind="PNG", at=at)
            yield kind, at, data[at + 8 : end - 4]
        if kind == b"IEND":
            return
        at = end


def _international(body: bytes, texts: Texts, at: int) -> None:
    key, found, rest = body.partition(b"\0")
    name = key.decode("latin-1")
    if not found or name not in KEYS or len(rest) < 2:
        return
    is_packed, rest = rest[0] == 1, rest[2:]
    text = rest.split(b"\0", 2)[-1]
    raw = _inflated(text, texts, at) if is_packed else text
    try:
        texts.add(name, raw.decode())
    except UnicodeDecodeError:
        refuse(DAMAGED, kind="PNG", at=at)


def _inflated(packed: bytes, texts: Texts, at: int) -> bytes:
    """Unpacks at most what there is room for: a bomb is not blown up before it is refused."""
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(packed, MOST_TEXT_BYTES - texts.size + 1)
    except zlib.error:
        refuse(DAMAGED, kind="PNG", at=at)
    if len(found) > MOST_TEXT_BYTES - texts.size:
        refuse(TOO_MUCH, most=MOST_TEXT_BYTES)
    if not unpacker.eof:
        refuse(DAMAGED, kind="PNG", at=at)
    return found


def _text(raw: bytes) -> str:
    """Reads what should be Latin-1, and is UTF-8 from some tools."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def webp(data: bytes) -> Mapping[str, str]:
    """This will read the texts in the Exif of a WebP."""
    end, at, texts = 8 + int.from_bytes(data[4:8], "little"), 12, Texts()
    if end > len(data) or end < at:
        refuse(DAMAGED, kind="WebP", at=4)
    for _count in range(MOST_PARTS):
        if at >= end:
            break
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > end:
            refuse(DAMAGED, kind="WebP", at=at)
        if data[at : at + 4] == b"EXIF":
            _from_exif(data[at + 8 : at + 8 + length], texts)
        at += 8 + length + length % 2
    else:
        refuse(DAMAGED, kind="WebP", at=at)
    return texts.by_key


def jpeg(data: bytes) -> Mapping[str, str]:
    """This will read the texts in the Exif of a JPEG, which stands before its pixels."""
    at, texts = 2, Texts()
    for _count in range(MOST_PARTS):
        at = max(at, _FILLED.match(data, at).end() - 1)  # type: ignore[union-attr]
        if data[at : at + 1] != b"\xff" or at + 4 > len(data):
            refuse(DAMAGED, kind="JPEG", at=at)
        marker = data[at + 1]
        if marker in (0xDA, 0xD9):  # The pixels begin, or the picture ends.
            return texts.by_key
        if marker in _ALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(data):
            refuse(DAMAGED, kind="JPEG", at=at)
        body = data[at + 4 : at + 2 + length]
        if marker == 0xE1 and body.startswith(_EXIF_IN_JPEG):
            _from_exif(body, texts)
        at += 2 + length
    raise UnableToImport(DAMAGED, {"kind": "JPEG", "at": at})


def _from_exif(body: bytes, texts: Texts) -> None:
    # A file has one such block: reading very many takes long, however little they say.
    texts.room(MOST_TEXT_BYTES // _MOST_EXIF)
    for key, text in exif.texts(body.removeprefix(_EXIF_IN_JPEG)):
        texts.add(key, text)
