"""Addresses of preview images, and what a page says about them."""

from collections.abc import Iterable, Sequence

from django.urls import reverse

from assets.models import PreviewImage
from marketplace.catalog.models import Element, ReleaseAsset

CARD_WIDTH, PAGE_WIDTH = 480, 1600


def address(image: PreviewImage) -> str:
    """This will give the address of one preview image."""
    return reverse("preview", args=[image.blob_id])


def src(previews: Iterable[PreviewImage], width: int = CARD_WIDTH) -> str:
    """This will pick the narrowest image of at least `width` pixels, else the widest; nothing when there is none."""
    images = _by_width(previews)
    fitting = [image for image in images if image.width >= width]
    return address(fitting[0]) if fitting else address(images[-1]) if images else ""


def srcset(previews: Iterable[PreviewImage]) -> str:
    """This will list all widths for the browser to choose from (HTML, attribute `srcset`)."""
    return ", ".join(f"{address(image)} {image.width}w" for image in _by_width(previews))


def _by_width(previews: Iterable[PreviewImage]) -> list[PreviewImage]:
    return sorted(previews, key=lambda image: image.width)


def gallery(rows: Sequence[ReleaseAsset], elements: Iterable[Element], title: str) -> list[dict[str, str]]:
    """This will list a release's pictures, the cover first, as the component `c-gallery` takes them.

    A picture that an element names is described by the element's title, any other by the pack's.
    """
    from marketplace.ui.formats import choose_title

    named = {path: choose_title(element.title)[0] for element in elements for path in element.paths}
    shown = [row for row in rows if row.role == "preview" and row.asset.previews.all()]
    pictures = []
    for row in sorted(shown, key=lambda row: not row.is_cover):
        previews = row.asset.previews.all()
        pictures.append(
            {
                "src": src(previews, PAGE_WIDTH if row.is_cover else CARD_WIDTH),
                "srcset": srcset(previews),
                "href": src(previews, PAGE_WIDTH),
                "alt": named.get(row.path, title),
            }
        )
    return pictures
