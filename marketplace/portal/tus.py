"""The words of tus 1.0.0, a protocol for resumable uploads: what its headers say, read strictly."""

import base64
import re
from collections.abc import Mapping
from uuid import UUID

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration,concatenation"
BYTES_TYPE = "application/offset+octet-stream"
CHECKSUM_MISMATCH = 460
# What a client may call the name of its file, the first that says something counting.
NAMES = ("filename", "name")
_NUMBER = re.compile(r"[0-9]{1,18}")
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,100}")
_UPLOAD = re.compile(r"(?:https?://[^/\s]+)?/portal/uploads/([0-9a-fA-F-]{32,36})/?")


class Unreadable(Exception):
    """A header is missing or cannot be read; `header` says which."""

    code = "header-unreadable"

    def __init__(self, header: str) -> None:
        super().__init__(header)
        self.header = header


def read_number(headers: Mapping[str, str], name: str) -> int:
    """This will read a non-negative integer below 10^18, or raise Unreadable."""
    text = headers.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise Unreadable(name)
    return int(text)


def read_metadata(text: str) -> dict[str, str]:
    """This will read Upload-Metadata: pairs set apart by commas, of an ASCII key and a value of UTF-8 in Base64.

    A value may hold other bytes, which come out replaced, unless it names the file. Raise Unreadable for such a name,
    for a key that stands twice or is none, and for sloppy Base64.
    """
    found: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else []:
        key, _space, value = pair.strip(" ").partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise Unreadable("Upload-Metadata")
        errors = "strict" if key in NAMES else "replace"
        try:
            found[key] = _unpacked(value, "Upload-Metadata").decode(errors=errors)
        except UnicodeDecodeError:
            raise Unreadable("Upload-Metadata") from None
    return found


def write_metadata(filename: str) -> str:
    """This will write Upload-Metadata for what is kept of it, the name of the file."""
    return f"filename {base64.b64encode(filename.encode()).decode()}"


def read_checksum(text: str) -> tuple[str, bytes]:
    """This will read Upload-Checksum, an algorithm and a digest in Base64, or raise Unreadable."""
    algorithm, _space, digest = text.partition(" ")
    if not algorithm or not digest:
        raise Unreadable("Upload-Checksum")
    return algorithm.lower(), _unpacked(digest, "Upload-Checksum")


def read_concat(text: str) -> tuple[str, list[UUID]]:
    """This will read Upload-Concat: `partial`, or `final;` and the addresses of the parts, or raise Unreadable.

    Returns "whole", "partial" or "final", and the parts' ids.
    """
    if not text:
        return "whole", []
    if text == "partial":
        return "partial", []
    kind, _semicolon, addresses = text.partition(";")
    found = [match for address in addresses.split() if (match := _UPLOAD.fullmatch(address))]
    if kind != "final" or not found or len(found) != len(addresses.split()):
        raise Unreadable("Upload-Concat")
    try:
        return "final", [UUID(match[1]) for match in found]
    except ValueError:
        raise Unreadable("Upload-Concat") from None


def _unpacked(text: str, header: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error among them; other words than ASCII are none.
        raise Unreadable(header) from None
