"""Finding packs, and what the database itself refuses."""

from pathlib import Path

import pytest
from django.db import Error, connection, transaction

from marketplace.catalog import queries as catalog
from marketplace.catalog.models import Release
from marketplace.catalog.queries import Filter
from marketplace.intake.operations import publish_folder
from tests import packs
from tests.cast import Cast, later, on_stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return on_stage()


def publish(cast: Cast, folder: Path, handle: str, *, hours: int = 0, **kwargs: object) -> Release:
    creator = kwargs.pop("creator", cast.alice)
    path = packs.write(folder / handle, handle=handle, seed=hours + 1, **kwargs)  # type: ignore[arg-type]
    return publish_folder(folder=path, creator=creator, now=later(hours=hours))  # type: ignore[arg-type]


def names(listings: object) -> list[str]:
    return [listing.pack.handle for listing in listings]  # type: ignore[attr-defined]


def test_words_in_both_languages_find_a_pack(cast: Cast, tmp_path: Path) -> None:
    publish(cast, tmp_path, "yunhai")
    publish(cast, tmp_path, "harbor", hours=1, title="Neon Harbor", creator=cast.bob)

    for words in ("云海", "clouds", "Sea Clo", "alice", "CLOUDS sea"):
        assert "yunhai" in names(catalog.browse(Filter(text=words)).listings), words
    assert names(catalog.browse(Filter(text="neon harb")).listings) == ["harbor"]
    assert names(catalog.browse(Filter(text="海云")).listings) == []
    assert names(catalog.browse(Filter(text="!!!")).listings) == []
    assert names(catalog.browse(Filter(text="'; DROP TABLE --")).listings) == []


def test_filters_and_their_counts(cast: Cast, tmp_path: Path) -> None:
    publish(cast, tmp_path, "yunhai")
    publish(cast, tmp_path, "ink", hours=1, kind="style")

    assert names(catalog.browse(Filter(kind="style")).listings) == ["ink"]
    assert names(catalog.browse(Filter(element="style")).listings) == ["ink", "yunhai"]
    assert names(catalog.browse(Filter(base_model="sdxl")).listings) == []
    assert catalog.facets(Filter(kind="style")) == {
        "kind": {"style": 1, "world": 1},
        "base_model": {"sd15": 1},
        "ai_training": {"not-allowed": 1},
        "element": {"style": 1},
    }


def test_pages_follow_each_other_without_gap_or_double(cast: Cast, tmp_path: Path) -> None:
    for hours in range(5):
        publish(cast, tmp_path, f"pack-{hours}", hours=hours)

    first = catalog.browse(Filter(), size=2)
    second = catalog.browse(Filter(), size=2, after=first.after or "")
    third = catalog.browse(Filter(), size=2, after=second.after or "")
    assert [names(page.listings) for page in (first, second, third)] == [
        ["pack-4", "pack-3"],
        ["pack-2", "pack-1"],
        ["pack-0"],
    ]
    assert third.after is None
    assert names(catalog.browse(Filter(), size=2, after="nonsense").listings) == ["pack-4", "pack-3"]


def test_the_highest_version_is_listed_whatever_came_last(cast: Cast, tmp_path: Path) -> None:
    publish(cast, tmp_path, "yunhai", version="1.10.0")
    publish(cast, tmp_path / "b", "yunhai", hours=1, version="1.9.0")

    found = catalog.release("alice", "yunhai")
    assert found is not None
    assert found.version == "1.10.0"
    assert [row.version for row in catalog.versions_of(found)] == ["1.10.0", "1.9.0"]
    assert catalog.release("alice", "yunhai", "1.9.0") is not None
    assert catalog.release("alice", "yunhai", "2.0.0") is None


def test_bytes_lead_to_the_releases_that_hold_them(cast: Cast, tmp_path: Path) -> None:
    first = publish(cast, tmp_path, "yunhai")
    sha256 = first.assets.get(path="style.safetensors").asset.blob_id

    assert catalog.releases_with(sha256) == [first]
    assert catalog.releases_with("00" * 32) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE catalog_release SET version = '9.9.9'",
        "DELETE FROM catalog_releaseasset",
        "TRUNCATE catalog_element CASCADE",
        "UPDATE catalog_derivation SET share_ppb = 0",
        "UPDATE licensing_offer SET price_minor = 0",
        "DELETE FROM licensing_grant",
        "UPDATE licensing_termstext SET text_en = ''",
        "TRUNCATE checkout_order CASCADE",
        "UPDATE checkout_paymentoutcome SET outcome = 'succeeded'",
        "DELETE FROM assets_blob",
        "DELETE FROM ledger_entry",
        "UPDATE ledger_leaf SET index = 0",
    ],
)
def test_facts_are_added_never_edited(cast: Cast, tmp_path: Path, statement: str) -> None:
    publish(cast, tmp_path, "yunhai")

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(Error, match="only ever added"), transaction.atomic():
            cursor.execute(statement)

    assert Release.objects.get().version == "1.0.0"
