"""Questions about bytes that were admitted."""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from django.conf import settings
from django.utils.module_loading import import_string

from assets.inspectors.base import Limits
from assets.inspectors.sandbox import Box
from assets.models import Asset, Blob
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
