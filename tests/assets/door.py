"""How the tests send files in, and where those that stay end up."""

import hashlib
import io
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings as django_settings

from assets.models import Asset
from assets.operations import admit, receive

NOW = datetime(2026, 11, 22, 2, 5, 56, tzinfo=UTC)
CAT = hashlib.sha256(b"a cat").hexdigest()


def send(files: Sequence[tuple[str, bytes]], now: datetime = NOW) -> list[Asset]:
    with ExitStack() as door:
        received = [door.enter_context(receive(stream=io.BytesIO(data), name=name)) for name, data in files]
        return admit(received=received, now=now)


def place_of(sha256: str) -> Path:
    return Path(django_settings.DATA_FOLDER) / "blobs" / sha256[:2] / sha256[2:4] / sha256
