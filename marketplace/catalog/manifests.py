"""The document that a release is named by: docs/formats/release-manifest.md."""

from collections.abc import Sequence
from dataclasses import dataclass

import rfc8785

from marketplace.catalog.rules import Draft
from marketplace.payouts.splitting import RELATIVE

MANIFEST_FORMAT = "worldloom/release-manifest/1"
DIVIDED_MANIFEST_FORMAT = "worldloom/release-manifest/2"
"""The format where absolute shares reach a release; without them it is written as ever."""
MANIFEST_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class ManifestAsset:
    """A file of the release as the manifest names it."""

    path: str
    sha256: str
    size_bytes: int
    media_type: str
    role: str


@dataclass(frozen=True)
class ManifestParent:
    """A parent as the manifest names it: by digest, and by name for people."""

    release: str
    pack: str
    version: str
    share_ppb: int
    mode: str = RELATIVE


@dataclass(frozen=True)
class ManifestAbsolute:
    """A release with an absolute share in this one; `rest` is the digest of the split that divides it."""

    release: str
    share_ppb: int
    rest: str


@dataclass(frozen=True)
class ManifestDivision:
    """The absolute shares that come first, by release, and the digest of the split that divides what they leave."""

    rest: str
    absolute: Sequence[ManifestAbsolute]


def manifest(
    draft: Draft,
    *,
    creator: str,
    assets: Sequence[ManifestAsset],
    parents: Sequence[ManifestParent],
    split: str,
    published_at: str,
    division: ManifestDivision | None = None,
) -> bytes:
    """This will write a release's manifest as RFC 8785 JSON, in format 2 where it has a division."""
    document: dict[str, object] = {
        "format": DIVIDED_MANIFEST_FORMAT if division else MANIFEST_FORMAT,
        "pack": f"{creator}/{draft.handle}",
        "version": draft.version,
        "kind": draft.kind,
        "title": dict(draft.title),
        "summary": dict(draft.summary),
        "tags": list(draft.tags),
        "base_model": draft.base_model,
        "made_by": draft.made_by,
        "ai_training": draft.ai_training,
        "cover": draft.cover,
        "elements": [
            {
                "name": element.name,
                "kind": element.kind,
                "title": dict(element.title),
                "triggers": list(element.triggers),
                "assets": list(element.files),
            }
            for element in draft.elements
        ],
        "assets": [
            {
                "path": asset.path,
                "sha256": asset.sha256,
                "size_bytes": asset.size_bytes,
                "media_type": asset.media_type,
                "role": asset.role,
            }
            for asset in assets
        ],
        "derived_from": [_parent(parent, with_mode=division is not None) for parent in parents],
        "split": split,
        "published_at": published_at,
    }
    if division:
        document["division"] = {
            "rest": division.rest,
            "absolute": [
                {"release": one.release, "share_ppb": one.share_ppb, "rest": one.rest} for one in division.absolute
            ],
        }
    return rfc8785.dumps(document)  # type: ignore[arg-type]


def _parent(parent: ManifestParent, *, with_mode: bool) -> dict[str, object]:
    said: dict[str, object] = {
        "release": parent.release,
        "pack": parent.pack,
        "version": parent.version,
        "share_ppb": parent.share_ppb,
    }
    return said | ({"mode": parent.mode} if with_mode else {})
