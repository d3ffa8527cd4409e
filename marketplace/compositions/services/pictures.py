"""Strangers' pictures: looked at in the sandbox, kept as they came, and laid over each other from what is kept."""

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from PIL import Image

import assets.queries
from assets.inspectors.base import Limits, Refused
from assets.inspectors.sandbox import Box, Decoded, decode_picture
from assets.keeping import storing
from assets.models import Blob
from assets.operations import receive
from marketplace.compositions.lockfile import Lock
from marketplace.compositions.models import RecipeMask
from marketplace.compositions.runs import ServiceCall
from marketplace.compositions.services import compositing
from marketplace.compositions.services.faults import ServiceFault
from marketplace.ui.formats import sentence

MOST_SIDE = 4096
_CHUNK_BYTES = 1024 * 1024


def check_picture(data: bytes, *, job: Mapping[str, Any], media_type: str) -> None:
    """This will decode a provider's picture in the sandbox, or raise ServiceFault: its type and size are as asked."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(data)
        try:
            decoded = _decoded(path, len(data))
        except Refused as refusal:
            reason, lasts = sentence(refusal.findings[0]), not is_unfinished(refusal)
            raise ServiceFault("not-a-picture", reason, lasts=lasts) from None
    if f"image/{decoded.container}" != media_type:
        raise ServiceFault("wrong-type", f"image/{decoded.container}")
    if (decoded.width, decoded.height) != (job["width"], job["height"]):
        raise ServiceFault("wrong-size", f"{decoded.width} × {decoded.height}")


def is_unfinished(refusal: Refused) -> bool:
    """This will tell whether a picture was not looked at to its end, which says nothing of the picture."""
    return any(finding.code == "inspection-did-not-finish" for finding in refusal.findings)


def _decoded(path: Path, size_bytes: int) -> Decoded:
    limits = Limits(picture_bytes=size_bytes, pixels=MOST_SIDE * MOST_SIDE)
    return decode_picture(path, "RGBA", Box(limits=limits, memory_bytes=1024**3, seconds=30))


def kept(data: bytes, *, now: datetime) -> Blob:
    """This will put bytes into storage with their row, in the caller's transaction.

    They are nobody's asset: no search for copies finds them, and the log says nothing of them.
    """
    with receive(stream=io.BytesIO(data), name="picture", limit_bytes=len(data)) as received:
        storing.put([received], now)
        return Blob.objects.get(pk=received.sha256)


def composed(lock: Lock, calls: Sequence[ServiceCall]) -> Image.Image:
    """This will lay what providers made over each other; `calls` are those of the layers, all made, in paint order."""
    wanted = {layer.mask_sha256 for layer in lock.layers if layer.mask_sha256}
    rows = RecipeMask.objects.in_bulk(list(wanted))
    # Masks were encoded by our own child when they came.
    masks = {sha256: Image.open(io.BytesIO(bytes(row.png))) for sha256, row in rows.items()}
    return compositing.composed(lock, map(_picture, calls), masks)


def finished(lock: Lock, ground: Image.Image, style: ServiceCall | None) -> bytes:
    """This will give the whole picture as PNG, the style's over the others, with the lock's digest in it."""
    whole = compositing.styled(lock, ground, _picture(style)) if style is not None else ground
    return compositing.png(whole, lock, site=settings.SITE_URL)


def _picture(call: ServiceCall) -> Image.Image:
    sha256 = call.outcome.blob_id
    with _at_hand(sha256) as path:
        decoded = _decoded(path, path.stat().st_size)
    return Image.open(io.BytesIO(decoded.png))


@contextlib.contextmanager
def _at_hand(sha256: str) -> Iterator[Path]:
    """Gives a file with the bytes, which are those that the digest names; BlobMissing or BlobDamaged else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        with path.open("wb") as file:
            for chunk in assets.queries.read_chunks(sha256):
                file.write(chunk)
        yield path
