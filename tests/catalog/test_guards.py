"""A published release cannot grow, shrink or be another one, whoever asks the database."""

from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.catalog.models import Derivation, Element, Pack, Release, ReleaseAsset
from marketplace.intake.operations import publish_folder
from tests import packs
from tests.cast import on_stage
from tests.standing import standing

pytestmark = pytest.mark.django_db

ASSET = "INSERT INTO catalog_releaseasset (release_id, asset_id, position, path, role, is_cover) SELECT release_id,"
ELEMENT = "INSERT INTO catalog_element (release_id, position, name, kind, title, triggers, paths) SELECT release_id,"
DERIVATION = "INSERT INTO catalog_derivation (release_id, parent_id, share_ppb) SELECT "
RELEASE = (
    "INSERT INTO catalog_release (id, pack_id, version, digest, manifest, split_id, title, summary, tags, base_model,"
    " made_by, ai_training, published_at) SELECT gen_random_uuid(), pack_id, '9.9.9', {}, split_id, title,"
    " summary, tags, base_model, made_by, ai_training, published_at FROM catalog_release"
)
COVER = "FROM catalog_releaseasset WHERE path = 'cover.png'"
STYLE = "FROM catalog_releaseasset WHERE path = 'style.safetensors'"


def opened(folder: Path) -> None:
    """Alice's yunhai, and Bob's harbor, which owes it 30 %."""
    cast = on_stage()
    packs.write(folder / "yunhai", handle="yunhai", offers=packs.SHARED)
    publish_folder(folder=folder / "yunhai", creator=cast.alice, now=cast.alice.created_at)
    parents = [("alice/yunhai@1.0.0", 300_000_000)]
    packs.write(folder / "harbor", handle="harbor", seed=2, parents=parents)
    publish_folder(folder=folder / "harbor", creator=cast.bob, now=cast.bob.created_at)


@pytest.fixture(autouse=True)
def _releases(db: None, tmp_path: Path) -> None:
    standing(opened, tmp_path)


def counts() -> list[int]:
    return [model.objects.count() for model in (Release, ReleaseAsset, Element, Derivation, Pack)]


def refusal(sql: str) -> str:
    """The name of what the statement broke."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    name: str = refused.value.__cause__.diag.constraint_name
    return name


@pytest.mark.parametrize(
    ("constraint", "sql"),
    [
        ("catalog_releaseasset_is_in_manifest", f"{ASSET} asset_id, 3, 'more.txt', 'content', false {STYLE}"),
        ("catalog_releaseasset_is_in_manifest", f"{ASSET} asset_id, 0, 'COVER.png', 'preview', false {COVER}"),
        ("catalog_path_is_unique_in_release", f"{ASSET} asset_id, position, path, role, is_cover {STYLE}"),
        ("catalog_element_is_in_manifest", f"{ELEMENT} 1, 'more', kind, title, triggers, paths FROM catalog_element"),
        ("catalog_element_name_is_unique", f"{ELEMENT} 0, name, kind, title, triggers, paths FROM catalog_element"),
        ("catalog_derivation_is_in_manifest", f"{DERIVATION} parent_id, release_id, 5 FROM catalog_derivation"),
        ("catalog_release_digest_matches", RELEASE.format("encode(sha256('other'), 'hex'), manifest")),
        ("catalog_release_digest_matches", RELEASE.format("digest, 'other'")),
        ("catalog_release_digest_key", RELEASE.format("digest, manifest")),
        ("catalog_pack_is_fixed", "UPDATE catalog_pack SET handle = handle || '-2'"),
        ("catalog_pack_is_fixed", "UPDATE catalog_pack SET kind = 'style'"),
        ("catalog_pack_is_fixed", "UPDATE catalog_pack SET created_at = now()"),
        ("catalog_pack_is_fixed", "UPDATE catalog_pack SET id = gen_random_uuid()"),
        (
            "catalog_pack_is_fixed",
            "UPDATE catalog_pack SET creator_id = (SELECT id FROM people_creator WHERE id <> creator_id LIMIT 1)",
        ),
    ],
)
def test_what_is_published_is_fixed(constraint: str, sql: str) -> None:
    before = counts()
    assert refusal(sql) == constraint
    assert counts() == before


@pytest.fixture
def bare() -> None:
    """Harbor's manifest again with another time in it: a release whose rows are not there yet."""
    changed = "replace(convert_from(r.manifest, 'UTF8'), '\"published_at\":\"2', '\"published_at\":\"3')"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_release (id, pack_id, version, digest, manifest, split_id, title, summary, tags,"
            " base_model, made_by, ai_training, published_at)"
            " SELECT gen_random_uuid(), pack_id, '9.9.9', encode(sha256(m), 'hex'), m, split_id, title, summary, tags,"
            " base_model, made_by, ai_training, r.published_at FROM catalog_release r"
            f" CROSS JOIN LATERAL convert_to({changed}, 'UTF8') AS m WHERE"
            " pack_id = (SELECT id FROM catalog_pack WHERE handle = 'harbor')"
        )


NEW = "(SELECT id FROM catalog_release WHERE version = '9.9.9')"
OLD = "release_id = (SELECT release_id FROM catalog_derivation LIMIT 1)"
FILES = {"asset_id": "asset_id", "position": "position", "path": "path", "role": "role", "is_cover": "is_cover"}
THINGS = {name: name for name in ("position", "name", "kind", "title", "triggers", "paths")}
PARENTS = {"parent_id": "parent_id", "share_ppb": "share_ppb"}


def copy(table: str, columns: dict[str, str]) -> str:
    return (
        f"INSERT INTO catalog_{table} (release_id, {', '.join(columns)})"
        f" SELECT {NEW}, {', '.join(columns.values())} FROM catalog_{table} WHERE {OLD}"
    )


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("table", "columns", "column", "value"),
    [
        ("releaseasset", FILES, "asset_id", "(SELECT max(id::text)::uuid FROM assets_asset)"),
        ("releaseasset", FILES, "position", "position + 1"),
        ("releaseasset", FILES, "path", "path || 'x'"),
        ("releaseasset", FILES, "role", "'preview'"),
        ("releaseasset", FILES, "is_cover", "false"),
        ("element", THINGS, "position", "position + 1"),
        ("element", THINGS, "name", "name || 'x'"),
        ("element", THINGS, "kind", "'plant'"),
        ("element", THINGS, "title", "'{}'"),
        ("element", THINGS, "triggers", "'{x}'"),
        ("element", THINGS, "paths", "'{}'"),
        (
            "derivation",
            PARENTS,
            "parent_id",
            "(SELECT id FROM catalog_release WHERE id <> parent_id AND version = '1.0.0')",
        ),
        ("derivation", PARENTS, "share_ppb", "share_ppb + 1"),
    ],
)
def test_rows_of_a_release_are_those_of_its_manifest(
    table: str, columns: dict[str, str], column: str, value: str
) -> None:
    before = counts()
    assert refusal(copy(table, columns | {column: value})) == f"catalog_{table}_is_in_manifest"
    assert counts() == before
    with connection.cursor() as cursor:
        cursor.execute(copy(table, columns))
    assert sum(counts()) > sum(before)


def test_saving_a_pack_unchanged_passes() -> None:
    pack = Pack.objects.get(handle="yunhai")
    pack.save()
    assert Pack.objects.get(handle="yunhai") == pack
