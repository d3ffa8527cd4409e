"""Copies of a decoded picture for pages: WebP and AVIF in one width, and the colors that stand in for them."""

import io

from PIL import Image

from assets.previews.base import AVIF, FIELD_COLUMNS, FIELD_ROWS, WEBP, Copy

_WEBP_QUALITY = 82
_AVIF_QUALITY = 60
_AVIF_SPEED = 9


def copies_of(picture: Image.Image, width: int) -> list[Copy]:
    """Return an RGB or RGBA picture as WebP and as AVIF, at most `width` pixels wide, never enlarged, bare.

    The same pixels give the same bytes. A color profile in `picture.info` is kept; nothing else is.
    """
    if picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        profile = picture.info.get("icc_profile")
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        picture.info = {"icc_profile": profile} if profile else {}
    colors = color_field(picture)
    return [
        Copy(media_type=kind, width=picture.width, height=picture.height, color_field=colors, data=data)
        for kind, data in ((WEBP, as_webp(picture)), (AVIF, as_avif(picture)))
    ]


def as_webp(picture: Image.Image) -> bytes:
    """Return the picture as WebP."""
    out = io.BytesIO()
    # Method 2 takes less than half the time of 4, for 4 % more bytes that look the same.
    picture.save(out, "WEBP", quality=_WEBP_QUALITY, method=2, exif=b"", icc_profile=_profile(picture), xmp=b"")
    return out.getvalue()


def as_avif(picture: Image.Image) -> bytes:
    """Return the picture as AVIF."""
    out = io.BytesIO()
    # Speed 9 takes a seventh of the time of 6, for a fifth more bytes; with one thread all machines write the same.
    picture.save(
        out,
        "AVIF",
        quality=_AVIF_QUALITY,
        speed=_AVIF_SPEED,
        max_threads=1,
        exif=b"",
        icc_profile=_profile(picture),
        xmp=b"",
    )
    return out.getvalue()


def color_field(picture: Image.Image) -> str:
    """Return the picture's mean colors in 4 columns and 3 rows; empty when something behind it would shine through."""
    if picture.mode != "RGB" and picture.getchannel("A").getextrema() != (255, 255):
        return ""
    small = picture.convert("RGB").resize((FIELD_COLUMNS, FIELD_ROWS), Image.Resampling.BOX)
    return small.tobytes().hex()


def _profile(picture: Image.Image) -> bytes:
    return picture.info.get("icc_profile") or b""
