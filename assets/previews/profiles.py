"""Color profiles that previews keep: what the colors mean, and nothing else that an ICC file can carry.

ICC.1:2022: a header of 128 bytes, a table of (signature, offset, size), and the tags' data.
"""

import io

from PIL import ImageCms

MAX_BYTES = 4096
_HEADER_BYTES = 128
_NEEDED = (b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
_OPTIONAL = (b"chad",)
# Readers want a description and a copyright; multi-localized text (10.15) with one English record each.
_TEXTS = ((b"desc", "RGB"), (b"cprt", "-"))


def reduced(profile: bytes) -> bytes | None:
    """Return the profile of an RGB display or space with its matrix and curves alone, at most 4096 bytes.

    Return None for every other kind, whose colors are converted instead, and for sRGB, which needs no profile.
    Names, texts, dates, and tags that anybody may add are left behind.
    """
    if profile[12:16] not in (b"mntr", b"spac") or profile[16:24] != b"RGB XYZ " or profile[36:40] != b"acsp":
        return None
    tags = _tags(profile)
    if not set(_NEEDED) <= tags.keys():
        return None
    kept = {name: tags[name] for name in _NEEDED + _OPTIONAL if name in tags}
    if any(data[:4] not in (b"XYZ ", b"curv", b"para", b"sf32") for data in kept.values()):
        return None
    made = _written(profile, {name: _text(text) for name, text in _TEXTS} | kept)
    try:
        description = ImageCms.getProfileDescription(io.BytesIO(profile))
        ImageCms.getOpenProfile(io.BytesIO(made))
    except (ImageCms.PyCMSError, OSError):
        return None
    return None if "sRGB" in description or len(made) > MAX_BYTES else made


def _tags(profile: bytes) -> dict[bytes, bytes]:
    count = int.from_bytes(profile[_HEADER_BYTES : _HEADER_BYTES + 4], "big")
    tags = {}
    for place in range(_HEADER_BYTES + 4, _HEADER_BYTES + 4 + 12 * min(count, 100), 12):
        offset, size = (int.from_bytes(profile[place + at : place + at + 4], "big") for at in (4, 8))
        if 8 <= size <= MAX_BYTES and offset + size <= len(profile):
            tags[profile[place : place + 4]] = profile[offset : offset + size]
    return tags


def _text(text: str) -> bytes:
    words = text.encode("utf-16-be")
    numbers = (1, 12, int.from_bytes(b"enUS", "big"), len(words), 28)
    return b"mluc\0\0\0\0" + b"".join(number.to_bytes(4, "big") for number in numbers) + words


def _written(profile: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return a profile of these tags with the header's fields that tell how to read colors."""
    table, data = len(tags).to_bytes(4, "big"), b""
    begin = _HEADER_BYTES + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + (begin + len(data)).to_bytes(4, "big") + len(value).to_bytes(4, "big")
        data += value + bytes(-len(value) % 4)
    size = (begin + len(data)).to_bytes(4, "big")
    header = size + bytes(4) + profile[8:24] + bytes(12) + b"acsp" + bytes(24) + profile[64:80] + bytes(48)
    return header + table + data
