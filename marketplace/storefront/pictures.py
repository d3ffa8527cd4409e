"""Addresses of preview images, and what a page says about them."""

import base64
import struct
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from django.urls import reverse
from django.utils.translation import gettext, gettext_noop

from assets.models import PreviewImage
from assets.previews.base import FIELD_COLUMNS
from marketplace.catalog.models import Element, ReleaseAsset

CARD_WIDTH, PAGE_WIDTH = 480, 1600
_DRAWN = {
    "weights": gettext_noop("How strongly %(path)s changes each layer, and its singular values by rank"),
    "motion": gettext_noop("The skeleton of %(path)s in five moments of the motion"),
    "model": gettext_noop("%(path)s, seen from the front"),
}


def address(image: PreviewImage) -> str:
    """This will give the address of one preview image."""
    return reverse("preview-avif" if image.media_type == PreviewImage.AVIF else "preview", args=[image.blob_id])


def src(previews: Iterable[PreviewImage], width: int = CARD_WIDTH) -> str:
    """This will pick the narrowest WebP of at least `width` pixels, else the widest; nothing when there is none."""
    images = _by_width(previews, PreviewImage.WEBP)
    fitting = [image for image in images if image.width >= width]
    return address(fitting[0]) if fitting else address(images[-1]) if images else ""


def srcset(previews: Iterable[PreviewImage], media_type: str = PreviewImage.WEBP) -> str:
    """This will list all widths of one type for the browser to choose from (HTML, attribute `srcset`)."""
    return ", ".join(f"{address(image)} {image.width}w" for image in _by_width(previews, media_type))


def shown(previews: Iterable[PreviewImage], width: int = CARD_WIDTH) -> dict[str, str]:
    """This will give a picture as the component `c-cover` takes it: `src`, `srcset`, `avif` and `field`.

    Each is empty when there is none. `avif` is a srcset, `field` the address of the colors that stand in.
    """
    images = list(previews)
    colors = next((image.color_field for image in images if image.color_field), "")
    return {
        "src": src(images, width),
        "srcset": srcset(images),
        "avif": srcset(images, PreviewImage.AVIF),
        "field": field(colors) if colors else "",
    }


@lru_cache(maxsize=4096)
def field(colors: str) -> str:
    """This will write a color field, 12 RRGGBB colors in rows of 4, as a `data:` address of a PNG (RFC 2397)."""
    raw = bytes.fromhex(colors)
    row_bytes = 3 * FIELD_COLUMNS
    rows = b"".join(b"\0" + raw[start : start + row_bytes] for start in range(0, len(raw), row_bytes))
    header = struct.pack(">IIBBBBB", FIELD_COLUMNS, len(raw) // row_bytes, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _by_width(previews: Iterable[PreviewImage], media_type: str) -> list[PreviewImage]:
    return sorted((image for image in previews if image.media_type == media_type), key=lambda image: image.width)


def gallery(rows: Sequence[ReleaseAsset], elements: Iterable[Element], title: str) -> list[dict[str, str]]:
    """This will list a release's pictures, the cover first, as the component `c-gallery` takes them.

    A picture that an element names is described by the element's title, any other by the pack's.
    """
    from marketplace.ui.formats import choose_title

    named = {path: choose_title(element.title)[0] for element in elements for path in element.paths}
    public = [row for row in rows if row.role == "preview" and row.asset.previews.all()]
    pictures = []
    for row in sorted(public, key=lambda row: not row.is_cover):
        previews = row.asset.previews.all()
        pictures.append(
            {
                **shown(previews, PAGE_WIDTH if row.is_cover else CARD_WIDTH),
                "href": src(previews, PAGE_WIDTH),
                "alt": named.get(row.path, title),
            }
        )
    return pictures


def is_drawn(row: ReleaseAsset) -> bool:
    """This will say whether the picture of a file, if it has one, is drawn of it and is no copy."""
    return row.asset.facts.get("kind") in _DRAWN


def drawings(rows: Iterable[ReleaseAsset]) -> list[dict[str, str | int]]:
    """This will list the pictures drawn of what is no picture, with words for those who do not see them.

    They show no content that could be used, and so stand on the page although their files are for licensees.
    """
    drawn = []
    for row in rows:
        images = row.asset.previews.all() if is_drawn(row) else []
        if webp := _by_width(images, PreviewImage.WEBP):
            drawn.append(
                {
                    **shown(images),
                    "path": row.path,
                    "alt": gettext(_DRAWN[row.asset.facts["kind"]]) % {"path": row.path},
                    "href": address(webp[-1]),
                    "width": webp[-1].width,
                    "height": webp[-1].height,
                }
            )
    return drawn
