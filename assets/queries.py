"""Questions about bytes that were admitted."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.module_loading import import_string

from assets.inspectors.base import Limits
from assets.inspectors.sandbox import Box
from assets.models import Asset, Blob
from assets.previews.base import DRAWN_KINDS, DRAWN_NETWORKS
from assets.storage.base import BlobDamaged, BlobMissing, Storage

_CHUNK_BYTES = 1024 * 1024


def storage() -> Storage:
    """Return the storage that the settings name."""
    return cast(Storage, import_string(settings.ADAPTERS["storage"])())


def box() -> Box:
    """Return what an inspection may use: the settings, or the inspectors' own defaults."""
    limits = Limits()
    return Box(
        limits=Limits(
            file_bytes=getattr(settings, "ASSET_FILE_LIMIT_BYTES", limits.file_bytes),
            picture_bytes=getattr(settings, "ASSET_PICTURE_LIMIT_BYTES", limits.picture_bytes),
            pixels=getattr(settings, "ASSET_PICTURE_LIMIT_PIXELS", limits.pixels),
            prompts_bytes=getattr(settings, "ASSET_PROMPTS_LIMIT_BYTES", limits.prompts_bytes),
            header_bytes=getattr(settings, "ASSET_HEADER_LIMIT_BYTES", limits.header_bytes),
            tensors=getattr(settings, "ASSET_TENSOR_LIMIT", limits.tensors),
        ),
        memory_bytes=getattr(settings, "ASSET_INSPECTION_MEMORY_BYTES", Box().memory_bytes),
        seconds=getattr(settings, "ASSET_INSPECTION_SECONDS", Box().seconds),
    )


def find(sha256: str) -> Asset | None:
    """Return the asset of those bytes, the first admitted when they passed as two types; None when unknown."""
    return Asset.objects.filter(blob_id=sha256).select_related("blob").order_by("inspected_at", "id").first()


def is_drawn(prefix: str = "") -> Q:
    """Return the condition that a picture is drawn of an asset, whatever it holds staying with its licensees."""
    return Q(**{f"{prefix}facts__kind__in": DRAWN_KINDS}) | Q(
        **{f"{prefix}facts__kind": "weights", f"{prefix}facts__network__in": DRAWN_NETWORKS}
    )


def missing_previews(*, shown: QuerySet[Any], since: datetime, newest: int = 100) -> list[Asset]:
    """Return assets inspected since then that pages show by a picture and that have none, at most `newest`.

    `shown` are the IDs of those whose own picture is public. What cannot be drawn is among them each time.
    """
    pictured = is_drawn() | Q(facts__kind="picture", pk__in=shown)
    rows = Asset.objects.filter(pictured, previews=None, inspected_at__gte=since)
    return list(rows.order_by("-inspected_at", "-id")[:newest])


def open_blob(sha256: str) -> BinaryIO:
    """Return the bytes open for reading, seekable.

    Raise BlobMissing when they were never admitted or are gone, BlobDamaged when they have another length.
    """
    blob = Blob.objects.filter(sha256=sha256).first()
    if blob is None:
        raise BlobMissing(sha256)
    stored = storage()
    if (size_bytes := stored.size(sha256)) != blob.size_bytes:
        raise BlobDamaged(sha256, f"{size_bytes} bytes instead of {blob.size_bytes}")
    return stored.open(sha256)


def read_chunks(sha256: str) -> Iterator[bytes]:
    """Yield the bytes in pieces of at most 1 MiB, the last one only when the digest of all is right.

    So nobody ever holds a whole file that is not what its name says. Raise BlobMissing or BlobDamaged.
    """
    digest = hashlib.sha256()
    held = b""
    with open_blob(sha256) as file:
        while chunk := file.read(_CHUNK_BYTES):
            if held:
                yield held
            digest.update(chunk)
            held = chunk
    if digest.hexdigest() != sha256:
        raise BlobDamaged(sha256, "their digest is another")
    yield held


def fingerprint_key() -> bytes:
    """Return the secret under which weights are sketched: from the settings, else from a file made on first use."""
    if settings.FINGERPRINT_KEY:
        return bytes.fromhex(settings.FINGERPRINT_KEY)
    path = Path(settings.DATA_FOLDER) / "keys" / "fingerprints"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        # A link, unlike a rename, replaces nothing: several processes at once end with one key, and it is whole.
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
    return path.read_bytes()
