"""A picture of a LoRA or LoHa: how strongly it changes each layer, and how its changes spread over directions."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from assets.inspectors.base import Limits, refused
from assets.originality.weights_layers import Layer, Weights
from marketplace.ui.words import gettext_noop as _

Numbers = NDArray[np.float64]
Color = tuple[int, int, int]

_ASPECT = 9 / 16
_SMOOTH = 2  # Drawn larger and shrunk, for lines without steps.
# The look's sand and indigo scales, light.
_PAGE: Color = (249, 249, 248)
_GROUND: Color = (241, 240, 239)
_LINE: Color = (218, 217, 214)
_WORDS: Color = (99, 99, 94)
_PALE: Color = (190, 198, 226)
_FULL: Color = (62, 99, 221)
# Grams of both factors of all layers cost about this many multiplications at most: 170 MB of rank 32 take a seventh.
_MULTIPLICATIONS = 40_000_000_000
# The rows of the picture, from the way in to the way out: a word, and what is in the names of its layers.
_ROWS = (
    ("text", re.compile(r"^(?!unet\.)")),
    ("down", re.compile(r"down_blocks|^unet\.(conv_in|time_embedding|add_embedding)")),
    ("mid", re.compile(r"mid_block")),
    ("up", re.compile(r"up_blocks|^unet\.conv_out")),
    ("single", re.compile(r"single_(transformer_)?blocks")),
    ("blocks", re.compile(r"")),
)


def draw_layers(path: Path, width: int, limits: Limits | None = None) -> Image.Image:
    """Return the weights at `path`, that passed inspection, as a picture, 16 : 9, `width` pixels wide.

    Above, a bar for each layer in the order of blocks, as high as the Frobenius norm of ΔW = (alpha / rank) · B · A
    is beside the largest one. Below, the singular values of ΔW beside its first: the median over layers, and the band
    from the tenth to the ninetieth percentile. Of files too large to be read whole in a minute, every n-th layer is
    taken, and the picture says so. Raise Refused where the file is no weights, and where they change nothing.
    """
    with path.open("rb") as file:
        weights = Weights(file, limits or Limits())
        loaders = weights.named()
        step = _step(weights)
        names = sorted(loaders, key=_natural)[::step]
        norms: dict[str, float] = {}
        spectra: list[Numbers] = []
        for name in names:
            norms[name], spectrum = _measured(loaders[name]())
            if spectrum is not None:
                spectra.append(spectrum)
    if not norms or not np.isfinite(list(norms.values())).all() or not any(norms.values()):
        raise refused("preview-not-drawn", _("the weights change nothing that can be drawn."))
    return _draw(_rows(norms), spectra, width, step)


def _step(weights: Weights) -> int:
    """Return of how many layers one is taken."""
    shapes = [tensor.shape for tensor in weights.header.tensors if len(tensor.shape) >= 2]
    cost = sum(float(np.prod(shape)) * min(shape[:2]) for shape in shapes)
    return max(1, -int(-cost // _MULTIPLICATIONS))


def _natural(name: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _measured(layer: Layer) -> tuple[float, Numbers | None]:
    """Return the norm of a layer's change and its singular values, the largest first; None where it is no product.

    Of a product only the Gram matrices of its factors are needed: ‖BA‖² is the trace of (BᵀB)(AAᵀ), and the squares
    of the singular values are the eigenvalues of that.
    """
    if layer.down is None:
        return float(np.linalg.norm(layer.up.astype(np.float64))), None
    up = (layer.up.T @ layer.up).astype(np.float64)
    down = (layer.down @ layer.down.T).astype(np.float64)
    values, vectors = np.linalg.eigh(down)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    squares = np.clip(np.linalg.eigvalsh(root.T @ up @ root)[::-1], 0, None)
    return float(np.sqrt(squares.sum())), np.sqrt(squares)


def _rows(norms: Mapping[str, float]) -> list[tuple[str, list[float]]]:
    found: dict[str, list[float]] = {word: [] for word, _pattern in _ROWS}
    for name, norm in norms.items():
        found[next(word for word, pattern in _ROWS if pattern.search(name))].append(norm)
    return [(word, heights) for word, heights in found.items() if heights]


def _draw(rows: Sequence[tuple[str, list[float]]], spectra: Sequence[Numbers], width: int, step: int) -> Image.Image:
    wide, high = width * _SMOOTH, round(width * _ASPECT) * _SMOOTH
    picture = Image.new("RGB", (wide, high), _PAGE)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(wide / 40)
    left, right, margin = wide * 0.12, wide * 0.96, high * 0.06
    lower = high * 0.66 if spectra else high - margin
    largest = max(max(heights) for _word, heights in rows)
    room = (lower - margin) / len(rows)
    for number, (word, heights) in enumerate(rows):
        bottom = margin + room * (number + 1) - room * 0.14
        pen.text((wide * 0.04, bottom), word, fill=_WORDS, font=font, anchor="ls")
        _bars(pen, (left, bottom - room * 0.8, right, bottom), [height / largest for height in heights])
    if spectra:
        _spectrum(pen, (left, high * 0.72, right, high - margin * 1.6), spectra, font)
        pen.text((wide * 0.04, high - margin * 1.6), "ranks", fill=_WORDS, font=font, anchor="ls")
    if step > 1:
        pen.text((right, high - margin * 0.5), f"1 / {step}", fill=_WORDS, font=font, anchor="rs")
    return picture.resize((width, round(width * _ASPECT)), Image.Resampling.LANCZOS)


def _bars(pen: ImageDraw.ImageDraw, frame: tuple[float, float, float, float], parts: Sequence[float]) -> None:
    """Draw a bar for each part, from 0 to 1, side by side in (left, top, right, bottom)."""
    left, top, right, bottom = frame
    pen.rectangle(frame, fill=_GROUND)
    room = min((right - left) / len(parts), (right - left) / 12)
    gap = min(room * 0.2, 4.0)
    for number, part in enumerate(parts):
        start = left + room * number
        height = max(2.0, (bottom - top) * part)
        pen.rectangle((start, bottom - height, start + room - gap, bottom), fill=_blend(_PALE, _FULL, part))


def _spectrum(
    pen: ImageDraw.ImageDraw,
    frame: tuple[float, float, float, float],
    spectra: Sequence[Numbers],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Draw the singular values beside the first of each layer, against their numbers, in (left, top, right, bottom)."""
    left, top, right, bottom = frame
    count = max(len(spectrum) for spectrum in spectra)
    table = np.full((len(spectra), count), np.nan)
    for row, spectrum in zip(table, spectra, strict=True):
        if spectrum[0] > 0:
            row[: len(spectrum)] = spectrum / spectrum[0]
    table = table[~np.isnan(table[:, 0])]
    low, middle, high = np.nanpercentile(table, (10, 50, 90), axis=0)
    pen.line((left, bottom, right, bottom), fill=_LINE, width=3)
    place = np.linspace(left, right, count) if count > 1 else np.array([left])
    lines = [list(zip(place, bottom - (bottom - top) * line, strict=True)) for line in (low, middle, high)]
    if count > 1:
        pen.polygon(lines[2] + lines[0][::-1], fill=_PALE)
        pen.line(lines[1], fill=_FULL, width=6, joint="curve")
    for x, y in lines[1] if count <= 64 else []:
        pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=_FULL)
    pen.text((left, bottom + 8), "1", fill=_WORDS, font=font, anchor="lt")
    if count > 1:
        pen.text((right, bottom + 8), str(count), fill=_WORDS, font=font, anchor="rt")


def _blend(one: Color, other: Color, part: float) -> Color:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue
