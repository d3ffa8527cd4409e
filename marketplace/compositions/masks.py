"""Masks: pictures of strangers that say where a layer is painted, decoded in the sandbox and kept as gray PNG."""

import hashlib
import io
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image

from assets.inspectors.base import Limits, Refused
from assets.inspectors.sandbox import Box, decode_picture
from marketplace.compositions.models import RecipeMask
from marketplace.compositions.notation.model import MILLION
from marketplace.people.models import Person
from marketplace.ui.formats import sentence

MOST_BYTES = 2 * 1024 * 1024
MOST_PIXELS = 4096 * 4096
_CONTAINERS = ("png", "jpeg", "webp")
_BOX = Box(limits=Limits(picture_bytes=MOST_BYTES, pixels=MOST_PIXELS), memory_bytes=1024**3, seconds=30)


class UnableToAddMask(Exception):
    """The picture cannot be a mask; nothing was written."""

    code = "mask-refused"


@dataclass(frozen=True, slots=True)
class Measured:
    """A mask as it is kept; `area_ppm` is how much of it is white, a gray pixel counting as the part that it is."""

    png: bytes
    width: int
    height: int
    area_ppm: int


def measured(data: bytes) -> Measured:
    """This will decode a picture in the sandbox, gray and upright, and measure it; raises UnableToAddMask."""
    if not 0 < len(data) <= MOST_BYTES:
        raise UnableToAddMask(_("A mask is a picture of at most %d bytes: save it smaller.") % MOST_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask"
        path.write_bytes(data)
        try:
            decoded = decode_picture(path, "L", _BOX)
        except Refused as refusal:
            said = sentence(refusal.findings[0])
            raise UnableToAddMask(_("The picture cannot be a mask: %s") % said) from None
    if decoded.container not in _CONTAINERS:
        raise UnableToAddMask(_("A mask is a picture in PNG, JPEG or WebP: save it as one of these."))
    # Encoded by our own child a moment ago, so decoding it here asks nothing of a stranger.
    with Image.open(io.BytesIO(decoded.png)) as picture:
        light = sum(value * count for value, count in enumerate(picture.histogram()))
    area_ppm = light * MILLION // (255 * decoded.width * decoded.height)
    return Measured(decoded.png, decoded.width, decoded.height, area_ppm)


def add_mask(*, data: bytes, person: Person, now: datetime) -> RecipeMask:
    """This will keep a picture as a mask: 8-bit gray PNG by its SHA-256, white where a layer is painted.

    PNG, JPEG or WebP of at most 2 MiB; the same picture again is the row that is there. Raises UnableToAddMask.
    """
    found = measured(data)
    if not found.area_ppm:
        raise UnableToAddMask(_("The mask is black: paint white where the layer belongs."))
    with transaction.atomic():
        row, _made = RecipeMask.objects.get_or_create(
            sha256=hashlib.sha256(found.png).hexdigest(),
            defaults={
                "png": found.png,
                "width": found.width,
                "height": found.height,
                "area_ppm": found.area_ppm,
                "added_by": person,
                "added_at": now,
            },
        )
    return row
