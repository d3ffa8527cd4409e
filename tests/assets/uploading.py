"""What tests of uploads share: somebody to upload, bytes to send, and lines that break."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest

from assets import operations as assets
from assets import queries
from assets.models import Upload
from assets.operations import UnableToUpload
from marketplace.people.models import Person
from tests.cast import NOON

BYTES = bytes(range(256)) * 40
SHA256 = hashlib.sha256(BYTES).hexdigest()


def quick(name: str) -> Person:
    """Somebody without a password, whose digest takes its time."""
    return Person.objects.create(email=f"{name}@example.com", display_name=name.title(), joined_at=NOON)


def begun(owner: Person, size_bytes: int = len(BYTES), **values: Any) -> Upload:
    return assets.begin_upload(
        owner=owner, **{"name": "ink.safetensors", "size_bytes": size_bytes, "now": NOON} | values
    )


def sent(upload: Upload, data: bytes, offset: int = 0, **values: Any) -> Upload:
    return assets.append(
        upload_id=upload.pk,
        **{"owner": upload.owner, "offset": offset, "stream": io.BytesIO(data), "now": NOON} | values,
    )


def bytes_of(upload: Upload) -> bytes:
    with queries.storage().incoming().open(upload.place) as file:
        return file.read()


def places() -> list[str]:
    return [place for place, _written_at in queries.storage().incoming().iter()]


def refused(verb: Callable[[], object]) -> str:
    """Says with which code the verb was refused."""
    with pytest.raises(UnableToUpload) as refusal:
        verb()
    assert str(refusal.value)
    return refusal.value.code


class Slices:
    """A stream that gives at most so many bytes a read, and breaks where it is told to."""

    def __init__(self, data: bytes, size: int, breaks_at: int | None = None, error: type[Exception] = OSError) -> None:
        self.file, self.size, self.breaks_at, self.error = io.BytesIO(data), size, breaks_at, error

    def read(self, size: int = -1) -> bytes:
        if self.breaks_at is not None and self.file.tell() >= self.breaks_at:
            raise self.error("the line broke")
        return self.file.read(min(self.size, size))
