"""Copies of licensed pictures that carry Content Credentials (docs/formats/content-credentials.md)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from assets.operations import is_signable, sign_originals
from ledger.credentials import base
from ledger.credentials.base import Use
from marketplace.catalog.credentials import credentials_of
from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.licensing.models import CredentialedCopy, Grant, TermsText
from marketplace.licensing.queries import terms_of
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.ready import READY

# Bound into signed pictures for people everywhere: in English, and not translated.
UNDER_TERMS = "Only as the license terms with SHA-256 {digest} allow: {site}/terms/{digest}"


def copies(grant: Grant) -> Mapping[str, str]:
    """This will map the path of each picture that a grant covers to the SHA-256 of its copy among the blobs.

    What the worker has not signed yet is signed now, once; a picture that cannot be signed is left out.
    """
    rows = _pictures(grant.release)
    made = _made(grant.release, grant.terms)
    if any(row.asset_id not in made for row in rows):
        made = sign_copies(release=grant.release, terms=grant.terms, now=timezone.now())
    return {row.path: made[row.asset_id] for row in rows if row.asset_id in made}


@transaction.atomic
def sign_copies(*, release: Release, terms: TermsText, now: datetime) -> dict[UUID, str]:
    """This will sign what is missing of a release's pictures under some terms, and give all copies by their assets.

    Two at once sign one after the other, so that every download has the same bytes for ever.
    """
    Release.objects.select_for_update(no_key=True).get(pk=release.pk)
    made = _made(release, terms)
    missing = {row.asset: row.path for row in _pictures(release) if row.asset_id not in made}
    said = credentials_of(
        release,
        {asset.pk: path for asset, path in missing.items()},
        training_under(terms_of(terms), terms.digest, settings.SITE_URL),
        terms=terms.digest,
    )
    signed = sign_originals(credentials={asset: said[asset.pk] for asset in missing}, now=now)
    CredentialedCopy.objects.bulk_create(
        CredentialedCopy(release=release, asset_id=asset, terms=terms, blob_id=sha256, signed_at=now)
        for asset, sha256 in signed.items()
    )
    return made | signed


def training_under(terms: Terms, digest: str, site: str) -> dict[str, Use]:
    """This will say what terms permit of the uses that the CAWG assertion knows.

    Mining and training follow `ai_training`: none; on conditions; or freely for `share` by terms without any condition.
    Use as an input of a model makes something new of the work, and so follows `derivatives`.
    """
    conditions = Use("constrained", UNDER_TERMS.format(digest=digest, site=site))
    free = Use("allowed") if terms == replace(READY["cc0-1.0"], name=terms.name) else conditions
    training = {"none": Use("notAllowed"), "own": conditions, "share": free}[terms.ai_training]
    return {
        base.MINING: training,
        base.INFERENCE: Use("notAllowed") if terms.derivatives == "none" else conditions,
        base.TRAINING: training,
        base.GENERATIVE: training,
    }


def _pictures(release: Release) -> list[ReleaseAsset]:
    """Lists the pictures of a release that take credentials, by path."""
    rows = ReleaseAsset.objects.filter(release=release, asset__facts__kind="picture").select_related("asset")
    return [row for row in rows.order_by("path") if is_signable(row.asset)]


def _made(release: Release, terms: TermsText) -> dict[UUID, str]:
    rows = CredentialedCopy.objects.filter(release=release, terms=terms)
    return dict(rows.values_list("asset_id", "blob_id"))
