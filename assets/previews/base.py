"""What a preview is, and of what there is one, for those that do not draw."""

from dataclasses import dataclass

from assets.inspectors.base import Facts

FIELD_COLUMNS, FIELD_ROWS = 4, 3
PREVIEW_WIDTHS = (480, 960, 1600)
DRAWN_WIDTHS = (480, 960)
DRAWN_KINDS = ("motion", "model")
DRAWN_NETWORKS = ("lora", "loha")

WEBP, AVIF = "image/webp", "image/avif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy; `width` and `height` are its own. `color_field` is 12 RRGGBB colors in rows of 4, or empty."""

    media_type: str
    width: int
    height: int
    color_field: str
    data: bytes


def preview_widths(facts: Facts) -> tuple[int, ...]:
    """Return the widths, in pixels, in which pages show what has these facts; none when it has no picture.

    Pictures are copied, none wider than it is. One is drawn of the weights of a LoRA or LoHa, of a motion and of a
    model; of nothing else, since no picture can be made of its bytes alone.
    """
    kind = facts.get("kind")
    if kind == "picture":
        return tuple(sorted({min(width, facts["width"]) for width in PREVIEW_WIDTHS}))
    drawn = kind in DRAWN_KINDS or (kind == "weights" and facts.get("network") in DRAWN_NETWORKS)
    return DRAWN_WIDTHS if drawn else ()
