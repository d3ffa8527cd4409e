"""Compositions that are published: their text, and what they are made of. Questions only."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import assets.queries
from assets.inspectors.compositions import MOST_RECIPE_BYTES
from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.catalog.rules import COMPOSITION

COMPOSITION_FILE, RECIPE_FILE = "composition.json", "recipe.txt"
"""The paths of a composition's files in its release."""


def composition_text(release: Release) -> str:
    """This will give the text of a composition's recipe, for anybody to open; empty for what is no composition.

    Raises BlobMissing or BlobDamaged when storage lost it.
    """
    if release.pack.kind != COMPOSITION:
        return ""
    row = ReleaseAsset.objects.filter(release=release, path=RECIPE_FILE).select_related("asset").first()
    if row is None:
        return ""
    with assets.queries.open_blob(row.asset.blob_id) as file:
        return file.read(MOST_RECIPE_BYTES).decode("utf-8")


def facts_of(releases: Iterable[Release | UUID]) -> dict[UUID, Mapping[str, Any]]:
    """This will read what compositions are made of, by the release's id, as inspection found it; others have nothing.

    One query. docs/formats/composition-pack.md says what is in it.
    """
    keys = {getattr(one, "pk", one) for one in releases}
    if not keys:
        return {}
    rows = ReleaseAsset.objects.filter(release__in=keys, path=COMPOSITION_FILE, asset__facts__kind=COMPOSITION)
    return dict(rows.values_list("release_id", "asset__facts"))
