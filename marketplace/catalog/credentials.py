"""What the Content Credentials of a release's pictures say, from its rows (docs/formats/content-credentials.md)."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from ledger.credentials import base
from ledger.credentials.base import Credentials, Source, Use
from marketplace.catalog.models import Derivation, Release, ReleaseAsset

# Bound into signed pictures for people everywhere: in English, and not translated.
WITH_LICENSE = "Only under a license whose terms allow AI training: {site}/packs/{pack}"


def unlicensed(release: Release, site: str) -> dict[str, Use]:
    """This will say what is permitted to those without a license: nothing, and AI training once there is one."""
    training = Use("notAllowed")
    if release.ai_training == "with-license":
        training = Use("constrained", WITH_LICENSE.format(site=site, pack=release.pack))
    return {
        base.MINING: Use("notAllowed"),
        base.INFERENCE: Use("notAllowed"),
        base.TRAINING: training,
        base.GENERATIVE: training,
    }


def credentials_of(
    release: Release, paths: Mapping[UUID, str], training: Mapping[str, Use], *, terms: str = ""
) -> dict[UUID, Credentials]:
    """This will give what is said of each file of a release, by its asset; `paths` are theirs."""
    parents = [
        Source(str(one.parent), one.parent.digest)
        for one in Derivation.objects.filter(release=release).select_related("parent__pack__creator")
    ]
    return {
        asset: Credentials(
            release=release.digest,
            title=str(release),
            name=path,
            creator=release.pack.creator,
            made_by=release.made_by,
            training=training,
            parents=tuple(parents),
            terms=terms,
        )
        for asset, path in paths.items()
    }


def credentials_on_pages(assets: Iterable[UUID], site: str) -> dict[UUID, Credentials]:
    """This will give what is said of the pictures that pages show of these assets: by the first release of each."""
    rows = ReleaseAsset.objects.filter(asset__in=set(assets)).select_related("release__pack__creator")
    first: dict[UUID, ReleaseAsset] = {}
    for row in rows.order_by("release__published_at", "release_id", "position"):
        first.setdefault(row.asset_id, row)
    found: dict[UUID, Credentials] = {}
    for release in {row.release_id: row.release for row in first.values()}.values():
        paths = {asset: row.path for asset, row in first.items() if row.release_id == release.pk}
        found |= credentials_of(release, paths, unlicensed(release, site))
    return found
