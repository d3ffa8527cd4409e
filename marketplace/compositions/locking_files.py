"""The files that packs paint with, as a lock names them. Questions only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import F
from django.db.models.fields.json import KeyTextTransform

from assets.inspectors.services import SERVICE_MEDIA_TYPE
from marketplace.catalog.models import Element, Release, ReleaseAsset
from marketplace.catalog.naming import flat_name
from marketplace.compositions.lockfile import LockedFile
from marketplace.compositions.resolving import Resolution, Resolved


@dataclass(frozen=True, slots=True)
class Painted:
    """What a pack paints with: files, the words that wake them, and the path of the file that describes a service."""

    files: tuple[LockedFile, ...] = field(default=())
    triggers: tuple[str, ...] = field(default=())
    service: str = ""


def painted_with(resolution: Resolution) -> list[Painted]:
    """This will tell what each ref of a recipe paints with; one query for all.

    An element has the files that it names. A whole pack has those of all its elements, or else everything in it that
    is licensed; what paints comes with its network and its tensor root.
    """
    releases = {one.release.pk: one.release for one in resolution.refs if one.release is not None}
    files = _files(releases)
    return [_of(one, resolution.elements, files) for one in resolution.refs]


def _of(
    one: Resolved, elements: Mapping[UUID, Sequence[Element]], files: Mapping[UUID, Mapping[str, LockedFile]]
) -> Painted:
    if one.release is None:
        return Painted()
    mine = files.get(one.release.pk, {})
    meant = (one.element,) if one.element else tuple(elements.get(one.release.pk, ()))
    paths = list(dict.fromkeys(path for element in meant for path in element.paths if path in mine))
    if not paths and one.element is None:
        paths = list(mine)
    chosen = tuple(mine[path] for path in paths)
    service = next((file.path for file in chosen if file.media_type == SERVICE_MEDIA_TYPE), "")
    return Painted(chosen, _triggers(meant), service if one.is_service else "")


def _triggers(elements: Iterable[Element]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(trigger for element in elements for trigger in element.triggers))


def _files(releases: Mapping[UUID, Release]) -> dict[UUID, dict[str, LockedFile]]:
    rows = ReleaseAsset.objects.filter(release__in=list(releases), role="content").order_by("release_id", "position")
    found: dict[UUID, dict[str, LockedFile]] = {}
    for row in rows.values(
        "release_id",
        "path",
        sha256=F("asset__blob_id"),
        size_bytes=F("asset__blob__size_bytes"),
        media_type=F("asset__media_type"),
        tensor_root=KeyTextTransform("tensor_root", "asset__facts"),
        network=KeyTextTransform("network", "asset__facts"),
    ):
        release = releases[row["release_id"]]
        found.setdefault(release.pk, {})[row["path"]] = LockedFile(
            path=row["path"],
            name=flat_name(
                creator=release.pack.creator.handle,
                pack=release.pack.handle,
                version=release.version,
                path=row["path"],
                sha256=row["sha256"],
            ),
            sha256=row["sha256"],
            size_bytes=row["size_bytes"],
            media_type=row["media_type"],
            tensor_root=row["tensor_root"] or "",
            network=row["network"] or "",
        )
    return found
