"""Pictures: PNG, JPEG, WebP and AVIF, walked, and decoded whole."""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from assets.inspectors import boxes, cards, picture_bytes
from assets.inspectors.base import FACTS_FORMAT, Facts, Inspection, Limits, Refused, refused, shown_name
from assets.previews.profiles import reduced
from marketplace.ui.words import gettext_noop as _

_ORIENTATION_TURNED = {5, 6, 7, 8}
_ALPHA_MODES = {"RGBA", "LA", "PA", "La", "RGBa"}


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """One allowed format: Pillow's name for it, its media type, and the walk over its container."""

    name: str
    media_type: str
    check: Callable[[bytes, Limits], None]


PNG = PictureFormat("PNG", "image/png", picture_bytes.check_png)
JPEG = PictureFormat("JPEG", "image/jpeg", picture_bytes.check_jpeg)
WEBP = PictureFormat("WEBP", "image/webp", picture_bytes.check_webp)
AVIF = PictureFormat("AVIF", "image/avif", boxes.check_avif)
FORMATS: Mapping[str, PictureFormat] = {form.media_type: form for form in (PNG, JPEG, WEBP, AVIF)}


def inspect_png(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a PNG, those of the character card in it among them when it carries one; raise Refused."""
    inspection = _inspect(file, limits, PNG)
    file.seek(0)
    if (card := cards.card_of_png(file, limits)) is not None:
        inspection.facts["card"] = card
    return inspection


def inspect_jpeg(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a JPEG; raise Refused."""
    return _inspect(file, limits, JPEG)


def inspect_webp(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a WebP; raise Refused."""
    return _inspect(file, limits, WEBP)


def inspect_avif(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of an AVIF; raise Refused."""
    return _inspect(file, limits, AVIF)


def decode(file: BinaryIO, *, limits: Limits | None = None, keep_profile: bool = False) -> Image.Image:
    """Return the picture decoded, upright, 8 bits a channel, with alpha when it has any, and without metadata.

    Its colors are sRGB; with `keep_profile` they stay as they are where a matrix of RGB colors says what they mean,
    and that stands in `info` (assets/previews/profiles.py). Raise Refused when it cannot be decoded.
    """
    with _open(file.read(), tuple(form.name for form in FORMATS.values()), limits or Limits()) as picture:
        return _plain(ImageOps.exif_transpose(picture), keep_profile)


def decode_as(data: bytes, mode: str, limits: Limits) -> tuple[str, Image.Image]:
    """Return what the bytes came as (png, jpeg, webp, avif) and the picture as `decode` does, in `mode`; raise Refused.

    Where the mode has no alpha, transparent parts are shown on black.
    """
    with _open(data, tuple(form.name for form in FORMATS.values()), limits) as picture:
        container = (picture.format or "").lower()
        plain = _plain(ImageOps.exif_transpose(picture), keep_profile=False)
    if plain.mode == "RGBA" and mode != "RGBA":
        ground = Image.new("RGBA", plain.size, (0, 0, 0, 255))
        ground.alpha_composite(plain)
        plain = ground
    return container, plain.convert(mode)


def _inspect(file: BinaryIO, limits: Limits, form: PictureFormat) -> Inspection:
    data = file.read(limits.picture_bytes + 1)
    if len(data) > limits.picture_bytes:
        template = _("the picture is larger than %(limit)s bytes.")
        place = f"offset {limits.picture_bytes}"
        raise refused("file-too-large", template, place, limit=limits.picture_bytes)
    form.check(data, limits)
    picture_bytes.refuse_active_anywhere(data)
    with _open(data, (form.name,), limits) as picture:
        return Inspection(form.media_type, _facts(picture, form))


@contextmanager
def _open(data: bytes, formats: tuple[str, ...], limits: Limits) -> Iterator[Image.Image]:
    """Decode `data` whole with every warning an error; turn whatever a decoder raises into Refused."""
    Image.MAX_IMAGE_PIXELS = limits.pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(data), formats=formats) as picture:
                picture_bytes.check_size(*picture.size, limits)
                if getattr(picture, "n_frames", 1) != 1:
                    raise refused("picture-animated", _("the picture has more than one frame."))
                picture.load()
                yield picture
    except (Refused, MemoryError):
        raise
    except UnidentifiedImageError:  # Its text names an object in memory.
        raise refused("picture-damaged", _("the picture cannot be decoded: its format is not known.")) from None
    except Exception as error:  # Decoders raise SyntaxError, OSError, ValueError, warnings and more.
        reason = shown_name(str(error) or type(error).__name__)
        raise refused("picture-damaged", _("the picture cannot be decoded: %(reason)s."), reason=reason) from None


def _facts(picture: Image.Image, form: PictureFormat) -> Facts:
    """Return what the decoded picture shows. Width and height are as seen, after the Exif orientation."""
    exif = picture.getexif()
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    width, height = picture.size[::-1] if orientation in _ORIENTATION_TURNED else picture.size
    profile = picture.info.get("icc_profile")
    return {
        "format": FACTS_FORMAT,
        "kind": "picture",
        "container": form.name.lower(),
        "width": width,
        "height": height,
        "mode": picture.mode,
        "has_alpha": picture.mode in _ALPHA_MODES or "transparency" in picture.info,
        "icc": _profile_name(profile) if profile else None,
        "orientation": int(orientation),
        "has_exif": bool(exif),
        "has_location": bool(exif.get_ifd(ExifTags.IFD.GPSInfo)),
    }


def _profile_name(profile: bytes) -> str:
    """Return the profile's own description, at most 120 printable characters; "unnamed" when it has none."""
    try:
        return shown_name(ImageCms.getProfileDescription(io.BytesIO(profile)).strip()) or "unnamed"
    except (ImageCms.PyCMSError, OSError):
        template = _("the ICC profile cannot be read; save the picture as sRGB.")
        raise refused("picture-icc", template, "ICC") from None


def _plain(picture: Image.Image, keep_profile: bool) -> Image.Image:
    alpha = picture.mode in _ALPHA_MODES or "transparency" in picture.info
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I"):
        # 16-bit gray: Pillow's own conversion clips instead of scaling.
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    elif picture.mode == "P":
        picture = picture.convert("RGBA" if alpha else "RGB")
    kept = None
    if profile and picture.mode in {"RGB", "RGBA", "CMYK", "L"}:
        if keep_profile and picture.mode in {"RGB", "RGBA"}:
            kept = reduced(profile)
        if kept is None:
            picture = _in_srgb(picture, profile, alpha)
    picture = picture.convert("RGBA" if alpha else "RGB")
    picture.info = {"icc_profile": kept} if kept else {}
    return picture


def _in_srgb(picture: Image.Image, profile: bytes, alpha: bool) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    try:
        changed = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGBA" if alpha else "RGB"
        )
    except ImageCms.PyCMSError:
        # The profile is for another kind of picture than this one; its colors are shown as they are.
        return picture
    return picture if changed is None else changed
