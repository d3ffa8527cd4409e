"""Content Credentials inside pictures: copies for pages as they are made, and the registered pictures themselves."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from assets import queries
from assets.keeping import storing
from assets.keeping.receiving import Received, receive, staging
from assets.models import Asset
from assets.previews.base import Copy
from assets.storage.base import BlobDamaged
from ledger.credentials.base import Credentials, Origin, UnableToSignPicture
from ledger.credentials.signing import SUPPORTED, Pen, pen_for, sign_bytes, sign_picture

logger = logging.getLogger(__name__)

_IN_MEMORY_BYTES = 8 * 1024 * 1024


class Desk:
    """Where a batch of pictures is signed: one pen a creator, however many pictures there are."""

    def __init__(self, credentials: Mapping[UUID, Credentials], now: datetime) -> None:
        self._credentials, self._now = credentials, now
        self._pens: dict[UUID, Pen] = {}

    def sign(self, asset: Asset, copies: Sequence[Copy]) -> list[Copy]:
        """Return the copies of an asset with credentials inside; as they are when nothing is said of the asset.

        Raise UnableToSignPicture.
        """
        said = self._credentials.get(asset.pk)
        if said is None:
            return list(copies)
        pen = self.pen(said)
        return [
            replace(
                copy,
                data=sign_bytes(
                    pen=pen,
                    credentials=said,
                    origin=_origin(asset, copy),
                    picture=copy.data,
                    media_type=copy.media_type,
                ),
            )
            for copy in copies
        ]

    def pen(self, said: Credentials) -> Pen:
        """Return what signs for the creator that is named."""
        if said.creator.pk not in self._pens:
            self._pens[said.creator.pk] = pen_for(creator=said.creator, now=self._now)
        return self._pens[said.creator.pk]


def is_signable(asset: Asset) -> bool:
    """Return whether the asset is a picture of a type that takes credentials."""
    return asset.facts.get("kind") == "picture" and asset.media_type in SUPPORTED


def sign_originals(*, credentials: Mapping[Asset, Credentials], now: datetime) -> dict[UUID, str]:
    """Keep a copy with credentials of each picture; return the SHA-256 of the copy by the asset's ID.

    The bytes of the pixels stay the same. Each call signs anew and gives other bytes, so who calls keeps what it got.
    A picture that cannot be signed is logged and left out. Raise BlobMissing or BlobDamaged, and keep nothing.
    """
    desk = Desk({}, now)
    with contextlib.ExitStack() as files:
        received = {}
        for asset, said in credentials.items():
            try:
                received[asset.pk] = files.enter_context(_signed(asset, said, desk))
            except UnableToSignPicture as failure:
                logger.error("No credentials for asset %s: %s", asset.pk, failure)
        with transaction.atomic():
            storing.put(list(received.values()), now)
    return {key: file.sha256 for key, file in received.items()}


@contextlib.contextmanager
def _signed(asset: Asset, said: Credentials, desk: Desk) -> Iterator[Received]:
    origin = Origin(sha256=asset.blob_id, media_type=asset.media_type, how="itself", steps=("c2pa.published",))
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=str(staging())) as signed:
        with (
            _whole(asset) as original,
            original.path.open("rb") as picture,
            original.path.open("rb") as again,
        ):
            sign_picture(
                pen=desk.pen(said),
                credentials=said,
                origin=origin,
                picture=picture,
                media_type=asset.media_type,
                signed=signed,
                original=again,
            )
        signed.seek(0)
        with receive(stream=signed, name=said.name) as received:
            yield received


@contextlib.contextmanager
def _whole(asset: Asset) -> Iterator[Received]:
    """Give the asset's bytes as a file of ours; raise BlobDamaged when they are others than its name says."""
    with queries.open_blob(asset.blob_id) as blob, receive(stream=blob, name="picture") as original:
        if original.sha256 != asset.blob_id:
            raise BlobDamaged(asset.blob_id, "their digest is another")
        yield original


def _origin(asset: Asset, copy: Copy) -> Origin:
    drawn = asset.facts.get("kind") != "picture"
    if drawn:
        return Origin(sha256=asset.blob_id, media_type=asset.media_type, how="drawn")
    steps = ["c2pa.resized"] if copy.width < asset.facts["width"] else []
    return Origin(sha256=asset.blob_id, media_type=asset.media_type, how="copy", steps=(*steps, "c2pa.converted"))
