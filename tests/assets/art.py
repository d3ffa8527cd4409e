"""Pictures drawn by arithmetic, the same on every machine, and what a thief does to them."""

import io

import numpy as np
from PIL import Image


def drawn(seed: int, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """Returns a picture of waves and fields; another seed gives another picture."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    planes = []
    for channel in range(3):
        plane = ((x * (3 + seed % 5)).astype(int) + (y * (4 + seed % 3)).astype(int)) % 2 * 1.5
        for wave in range(1, 9):
            across = ((seed * 37 + wave * 91 + channel * 53) % 97) / 97 * 6 + 0.5
            down = ((seed * 61 + wave * 29 + channel * 17) % 89) / 89 * 6 - 3
            plane = plane + np.sin(2 * np.pi * (across * x + down * y) + wave * seed) / wave**0.5
        planes.append(plane)
    picture = np.stack(planes, axis=-1)
    low, high = picture.min(), picture.max()
    return Image.fromarray(((picture - low) / (high - low) * 255).astype(np.uint8))


def file_of(picture: Image.Image, container: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, container, **options)
    return out.getvalue()


def saved(picture: Image.Image, container: str, **options: object) -> Image.Image:
    """Returns the picture as it comes back from a file."""
    return Image.open(io.BytesIO(file_of(picture, container, **options))).convert("RGB")
