"""Pictures, and what is said of Alice's."""

import io
from dataclasses import replace
from typing import Any

from PIL import Image

from ledger.credentials import base
from ledger.credentials.base import Credentials, Origin, Use
from ledger.credentials.issuing import roots
from ledger.credentials.reading import Reading, read_picture
from ledger.credentials.signing import pen_for, sign_bytes
from marketplace.people.models import Creator
from tests.cast import NOON

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/avif": "AVIF"}
RELEASE, ORIGINAL, TERMS = "1a" * 32, "2b" * 32, "3c" * 32
REFUSED = dict.fromkeys(base.USES, Use("notAllowed"))
COPY = Origin(sha256=ORIGINAL, media_type="image/png", how="copy", steps=("c2pa.resized", "c2pa.converted"))


def picture(media_type: str = "image/webp", size: tuple[int, int] = (96, 64)) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, FORMATS[media_type])
    return out.getvalue()


def said_of(creator: Creator, **changes: Any) -> Credentials:
    said = Credentials(
        release=RELEASE,
        title="alice/yunhai 1.0.0",
        name="cover.png",
        creator=creator,
        made_by="human",
        training=REFUSED,
    )
    return replace(said, **changes)


def signed(said: Credentials, media_type: str = "image/webp", origin: Origin = COPY) -> bytes:
    """The picture with credentials, as the worker makes it."""
    pen = pen_for(creator=said.creator, now=NOON)
    return sign_bytes(pen=pen, credentials=said, origin=origin, picture=picture(media_type), media_type=media_type)


def read(
    content: bytes,
    media_type: str = "image/webp",
    *,
    platform_roots: str | None = None,
    creators_roots: str | None = None,
) -> Reading:
    """What a validator that trusts our roots says, or the roots given."""
    return read_picture(
        picture=io.BytesIO(content),
        media_type=media_type,
        platform_roots=roots("platform") if platform_roots is None else platform_roots,
        creators_roots=roots("creators") if creators_roots is None else creators_roots,
    )
