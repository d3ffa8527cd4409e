"""Making the copies that pages show."""

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from assets import queries
from assets.inspectors import sandbox
from assets.inspectors.base import Refused
from assets.inspectors.sandbox import Wanted
from assets.keeping import storing
from assets.keeping.credentialing import Desk
from assets.keeping.receiving import Received, receive
from assets.models import Asset, PreviewImage
from assets.previews.base import Copy, preview_widths
from assets.storage.base import BlobDamaged, BlobMissing
from ledger.credentials.base import Credentials, UnableToSignPicture
from marketplace.ui.formats import sentence
from marketplace.ui.words import Words, gettext_noop

_MEDIA_TYPES = (PreviewImage.WEBP, PreviewImage.AVIF)
_BATCH = 20

logger = logging.getLogger(__name__)


class UnableToPreview(Exception):
    """No preview could be made of the asset."""

    code = "preview-refused"

    def __init__(self, asset: Asset, reason: Words) -> None:
        super().__init__(asset, reason)
        self.asset, self.reason = asset, reason

    def __str__(self) -> str:
        return _("No preview could be made: %(reason)s") % {"reason": sentence(self.reason)}


def make_previews(*, asset: Asset, now: datetime, credentials: Credentials | None = None) -> list[PreviewImage]:
    """Make the WebP and AVIF copies of an asset for pages, 480, 960 and 1600 pixels wide as `preview_widths` says.

    Each carries the `credentials` that are given (docs/formats/content-credentials.md).
    Return them, the narrowest first; those made before are returned, not made again. Raise UnableToPreview
    when there is no picture of the asset or it cannot be drawn, UnableToSignPicture, and BlobDamaged when its bytes
    have changed in storage.
    """
    for _asset, failure in _make([asset], now, {asset.pk: credentials} if credentials else {}):
        raise failure
    return list(PreviewImage.objects.filter(asset=asset).order_by("width", "media_type"))


def make_all_previews(
    *, assets: Sequence[Asset], now: datetime, credentials: Mapping[UUID, Credentials] | None = None
) -> int:
    """Make the missing copies of several assets, 20 by one child; return how many assets got some.

    Each asset has all of its copies or none, with what `credentials` has for it inside. One that has no picture is
    passed over; one that cannot be drawn or signed, or whose bytes are gone, is logged and leaves the others theirs.
    Doing it again makes only what is missing.
    """
    drawable = [asset for asset in {asset.pk: asset for asset in assets}.values() if preview_widths(asset.facts)]
    lacking = list(_missing(drawable))
    failed = 0
    for start in range(0, len(lacking), _BATCH):
        for asset, failure in _make(lacking[start : start + _BATCH], now, credentials or {}):
            failed += 1
            logger.warning("No preview of asset %s: %s", asset.pk, failure)
    return len(lacking) - failed


def _missing(assets: Sequence[Asset]) -> dict[Asset, tuple[int, ...]]:
    """Return the widths of each asset that lacks a copy of its."""
    rows = PreviewImage.objects.filter(asset__in=assets).values_list("asset_id", "width", "media_type")
    made = set(rows)
    return {
        asset: widths
        for asset in assets
        if (widths := preview_widths(asset.facts))
        and not {(asset.pk, width, kind) for width in widths for kind in _MEDIA_TYPES} <= made
    }


def _make(
    assets: Sequence[Asset], now: datetime, credentials: Mapping[UUID, Credentials]
) -> Iterator[tuple[Asset, Exception]]:
    """Make what the assets lack, and yield each that stays without, and why."""
    for asset in assets:
        if not preview_widths(asset.facts):
            template = gettext_noop("the file is not a picture, and none can be drawn of it.")
            yield asset, UnableToPreview(asset, Words(template))
    missing = _missing(assets)
    paths: dict[Asset, Path] = {}
    desk = Desk(credentials, now)
    with contextlib.ExitStack() as originals:
        for asset in missing:
            try:
                paths[asset] = _original(asset, originals)
            except (BlobDamaged, BlobMissing) as failure:
                yield asset, failure
        wanted = [Wanted(path, asset.facts["kind"], width) for asset, path in paths.items() for width in missing[asset]]
        drawn = iter(sandbox.make_previews(wanted, queries.box()) if wanted else [])
        for asset in paths:
            # The widths of one asset stand beside each other, in the order of `wanted`.
            outcomes = [next(drawn) for _width in missing[asset]]
            refusals = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
            if refusals:
                finding = refusals[0].findings[0]
                yield asset, UnableToPreview(asset, Words(finding.template, finding.values))
                continue
            try:
                made = [copy for copies in outcomes if not isinstance(copies, Refused) for copy in copies]
                _keep(asset, desk.sign(asset, made), now)
            except UnableToSignPicture as failure:
                yield asset, failure


def _keep(asset: Asset, copies: Sequence[Copy], now: datetime) -> None:
    made = set(PreviewImage.objects.filter(asset=asset).values_list("width", "media_type"))
    copies = [copy for copy in copies if (copy.width, copy.media_type) not in made]
    with contextlib.ExitStack() as files:
        received = [files.enter_context(receive(stream=io.BytesIO(copy.data), name="preview")) for copy in copies]
        with transaction.atomic():
            storing.put(received, now)
            PreviewImage.objects.bulk_create(
                [_row(asset, copy, file) for copy, file in zip(copies, received, strict=True)], ignore_conflicts=True
            )


def _row(asset: Asset, copy: Copy, file: Received) -> PreviewImage:
    return PreviewImage(
        asset=asset,
        media_type=copy.media_type,
        width=copy.width,
        height=copy.height,
        color_field=copy.color_field,
        blob_id=file.sha256,
    )


def _original(asset: Asset, files: contextlib.ExitStack) -> Path:
    """Return a copy of the asset's bytes that lasts as long as `files`; raise BlobDamaged when they are others."""
    with queries.open_blob(asset.blob_id) as blob:
        original = files.enter_context(receive(stream=blob, name="preview"))
    if original.sha256 != asset.blob_id:
        raise BlobDamaged(asset.blob_id, "their digest is another")
    return original.path
