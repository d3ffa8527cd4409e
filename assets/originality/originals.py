"""The bytes of what is published, at a path that a child process can open."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from assets import queries
from assets.keeping.receiving import receive
from assets.storage.base import BlobDamaged


@contextlib.contextmanager
def original(sha256: str) -> Iterator[Path]:
    """Give the blob's own file where storage is a folder, else a copy of it that is gone afterwards.

    Raise BlobMissing, or BlobDamaged when a copy has another digest.
    """
    with queries.open_blob(sha256) as blob:
        name = getattr(blob, "name", None)
        if isinstance(name, str) and Path(name).is_file():
            yield Path(name)
            return
        with receive(stream=blob, name="original") as copy:
            if copy.sha256 != sha256:
                raise BlobDamaged(sha256, "their digest is another")
            yield copy.path
