"""Alice's world is taken on absolute terms: whoever makes something from what is made from it pays her in full."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from django.db import IntegrityError, connection, transaction

from ledger.models import Entry
from marketplace.catalog import deriving
from marketplace.catalog.models import Derivation, Release
from marketplace.catalog.operations import UnableToPublish
from marketplace.intake.operations import publish_folder
from marketplace.intake.rules import parse_pack, read_pack, write_pack
from marketplace.licensing import operations as licensing
from marketplace.licensing.crediting import makers_of
from marketplace.licensing.parentage import owed_to_others
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.divisions import Division
from marketplace.payouts.models import Split
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.people.models import Creator
from marketplace.ui.formats import sentence
from tests import packs
from tests.cast import NOON, Cast, later, on_stage

WORLD, MIST, DEW = "alice/world@1.0.0", "bob/mist@1.0.0", "mo/dew@1.0.0"
ABSOLUTE = "absolute"


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def publish(cast: Cast, tmp_path: Path) -> Any:
    """Publishes a pack of somebody's: its handle, and what it is made with as (release, ppb, mode)."""
    seeds = iter(range(1, 50))

    def publish(creator: Creator, handle: str, *parents: Any, **more: Any) -> Release:
        seed = next(seeds)
        values = {"handle": handle, "seed": seed, "parents": parents, "offers": (), **more}
        written = packs.write(tmp_path / f"{seed}-{handle}", **values)
        return publish_folder(folder=written, creator=creator, now=later(hours=seed))

    return publish


@pytest.fixture
def family(cast: Cast, publish: Any) -> list[Release]:
    """Alice's world; Bob's mist, made of it on absolute terms; and Mo's dew, made of the mist on relative ones."""
    return [
        publish(cast.alice, "world"),
        publish(cast.bob, "mist", (WORLD, 100_000_000, ABSOLUTE)),
        publish(cast.mo, "dew", (MIST, 200_000_000)),
    ]


def shares(release: Release) -> dict[str, int]:
    return {row.payee.handle: row.share_ppb for row in release.split.shares.select_related("payee")}


def manifest(release: Release) -> Any:
    return json.loads(bytes(release.manifest))


def test_a_grandchild_pays_the_grandparent_undiluted(family: list[Release]) -> None:
    world, mist, dew = family
    assert shares(mist) == {"alice": 100_000_000, "bob": 900_000_000}
    assert shares(dew) == {"alice": 100_000_000, "bob": 180_000_000, "mo": 720_000_000}
    assert world.division is None
    assert [(str(one.release), one.share_ppb, one.is_source) for one in deriving.absolute_of(dew)] == [
        (WORLD, 100_000_000, False)
    ]
    assert [(str(one.release), one.is_source) for one in deriving.absolute_of(mist)] == [(WORLD, True)]
    assert check_books() == []


def test_manifests_say_it_in_format_2_and_only_where_it_is(family: list[Release]) -> None:
    world, mist, dew = family
    assert [manifest(one)["format"] for one in family] == [f"worldloom/release-manifest/{n}" for n in (1, 2, 2)]
    assert "division" not in manifest(world)
    assert manifest(mist)["derived_from"] == [
        {"release": world.digest, "pack": "alice/world", "version": "1.0.0", "share_ppb": 100_000_000, "mode": ABSOLUTE}
    ]
    assert manifest(dew)["derived_from"][0]["mode"] == "relative"
    assert manifest(dew)["division"] == {
        "rest": dew.division.rest_id,
        "absolute": [{"release": world.digest, "share_ppb": 100_000_000, "rest": world.split_id}],
    }
    assert all(rfc8785.dumps(manifest(one)) == bytes(one.manifest) for one in family)


def test_a_world_of_relative_shares_is_written_as_ever(cast: Cast, publish: Any) -> None:
    publish(cast.alice, "world")
    mist = publish(cast.bob, "mist", (WORLD, 100_000_000))
    dew = publish(cast.mo, "dew", (MIST, 200_000_000))

    assert manifest(dew)["format"] == "worldloom/release-manifest/1"
    assert manifest(mist)["derived_from"] == [
        {"release": manifest(mist)["derived_from"][0]["release"], "pack": "alice/world", "version": "1.0.0",
         "share_ppb": 100_000_000}
    ]  # fmt: skip
    assert shares(dew) == {"alice": 20_000_000, "bob": 180_000_000, "mo": 800_000_000}
    assert not Division.objects.exists()


def test_publishing_the_same_again_is_the_same_release(cast: Cast, publish: Any, tmp_path: Path) -> None:
    publish(cast.alice, "world")
    mist = publish(cast.bob, "mist", (WORLD, 100_000_000, ABSOLUTE))
    before = [Division.objects.count(), Split.objects.count(), Entry.objects.count()]

    again = publish_folder(folder=tmp_path / "2-mist", creator=cast.bob, now=later(hours=30))

    assert again == mist
    assert [Division.objects.count(), Split.objects.count(), Entry.objects.count()] == before


def test_a_grandchild_cannot_undercut_an_absolute_grandparent(cast: Cast, publish: Any) -> None:
    publish(cast.alice, "world")
    publish(cast.bob, "mist", (WORLD, 100_000_000, ABSOLUTE))

    less = publish(cast.mo, "less", (MIST, 200_000_000), (WORLD, 1, ABSOLUTE))
    beside = publish(cast.mo, "beside", (MIST, 200_000_000), (WORLD, 10_000_000))
    more = publish(cast.mo, "more", (MIST, 200_000_000), (WORLD, 150_000_000, ABSOLUTE))

    assert [shares(one)["alice"] for one in (less, beside, more)] == [100_000_000, 109_000_000, 150_000_000]


def refused(publish: Any, *asked: Any) -> list[str]:
    before = [model.objects.count() for model in (Release, Split, Division, Entry)]
    with pytest.raises(UnableToPublish) as error:
        publish(*asked)
    assert [model.objects.count() for model in (Release, Split, Division, Entry)] == before
    assert {one.where for one in error.value.findings} == {"derived_from"}
    return [sentence(one) for one in error.value.findings]


def test_what_leaves_nothing_is_refused_and_names_the_ancestors(cast: Cast, publish: Any) -> None:
    publish(cast.alice, "world")
    publish(cast.bob, "mist", (WORLD, 600_000_000, ABSOLUTE))
    publish(cast.alice, "other")
    other = "alice/other@1.0.0"

    # Bob's mist is relative here and a small part; what reaches through it is the world's six tenths.
    assert refused(publish, cast.mo, "dew", (MIST, 1), (other, 400_000_001, ABSOLUTE)) == [
        "The absolute shares in this work are 100.0000001% together (alice/world@1.0.0: 60% and alice/other@1.0.0:"
        " 40.0000001%): they must stay below the whole."
    ]
    assert refused(publish, cast.mo, "dew", (MIST, 1), (other, 400_000_000, ABSOLUTE)) == [
        "alice/world@1.0.0: 60% and alice/other@1.0.0: 40% are absolute shares in this work and leave nothing for its"
        " makers: agree on less."
    ]
    assert refused(publish, cast.mo, "dew", (MIST, 600_000_000), (other, 400_000_001)) == [
        "The relative shares are 100.0000001% together (bob/mist@1.0.0: 60% and alice/other@1.0.0: 40.0000001%): they"
        " must stay below the whole."
    ]
    assert refused(publish, cast.mo, "dew", (MIST, 600_000_000), (other, 400_000_000)) == [
        "bob/mist@1.0.0: 60% and alice/other@1.0.0: 40% leave nothing for this release: agree on less."
    ]
    assert refused(publish, cast.mo, "dew", (MIST, 5, "free")) == [
        "“free” is no way in which bob/mist@1.0.0 has its share: use relative or absolute."
    ]
    # One part less and there is something to divide, however little.
    dew = publish(cast.mo, "dew", (MIST, 1), (other, 399_999_999, ABSOLUTE))
    assert shares(dew) == {"alice": 999_999_999, "mo": 1}


def test_makers_are_named_and_not_who_has_an_absolute_share(family: list[Release]) -> None:
    made = makers_of(family)
    assert [made[one.pk] for one in family] == [("Alice",), ("Bob",), ("Mo",)]


def test_pack_toml_says_the_mode_and_reads_back(cast: Cast, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "mist", handle="mist", parents=[(WORLD, 5, ABSOLUTE), (DEW, 6, "relative")])
    draft, offers = parse_pack((folder / "pack.toml").read_text(encoding="utf-8"))

    assert [(one.reference, one.share_ppb, one.mode) for one in draft.derived_from] == [
        (WORLD, 5, ABSOLUTE),
        (DEW, 6, "relative"),
    ]
    written = write_pack(draft, offers)
    assert written["derived_from"] == [
        {"release": WORLD, "share_ppb": 5, "mode": ABSOLUTE},
        {"release": DEW, "share_ppb": 6},
    ]
    assert read_pack(json.loads(json.dumps(written)))[0] == draft


ROYAL = 200_000_000


@pytest.mark.parametrize(
    ("parents", "counted"),
    [
        ([(WORLD, ROYAL)], ROYAL),
        ([(WORLD, ROYAL, ABSOLUTE)], ROYAL),
        # What an absolute share of somebody else takes first makes a relative one smaller.
        ([(WORLD, ROYAL), (DEW, 300_000_000, ABSOLUTE)], 140_000_000),
        ([(WORLD, 285_714_286), (DEW, 300_000_000, ABSOLUTE)], ROYAL),
        ([(WORLD, ROYAL, ABSOLUTE), (DEW, 300_000_000, ABSOLUTE)], ROYAL),
    ],
)
def test_a_royalty_is_held_against_what_is_left_of_a_share(
    cast: Cast, publish: Any, parents: Any, counted: int
) -> None:
    publish(cast.alice, "world")
    publish(cast.mo, "dew")
    mist = publish(cast.bob, "mist", *parents)

    owed = owed_to_others(creator=cast.bob, derived=deriving.derived_from(mist))

    assert {str(release): share for release, share in owed}[WORLD] == counted


def test_what_a_parent_owes_absolutely_is_its_own_burden(cast: Cast, family: list[Release], publish: Any) -> None:
    """Of Mo's dew Alice has a tenth before Bob; that is not against the fifth that Bob asks."""
    _world, _mist, dew = family
    owed = owed_to_others(creator=cast.mo, derived=deriving.derived_from(dew))
    assert {str(release): share for release, share in owed} == {MIST: 200_000_000}


def test_shares_of_others_are_followed_through_ones_own_works(cast: Cast, family: list[Release], publish: Any) -> None:
    """Bob makes rain of his own mist: Alice's tenth comes with it, whole, whatever share he gives himself."""
    rain = publish(cast.bob, "rain", (MIST, 1))
    owed = owed_to_others(creator=cast.bob, derived=deriving.derived_from(rain))
    assert [(str(release), share) for release, share in owed] == [(WORLD, 100_000_000)]


def test_an_absolute_share_satisfies_what_terms_ask(cast: Cast, publish: Any) -> None:
    world = publish(cast.alice, "world")
    terms = replace(READY["enterprise"], name="royal", royalty_ppb=ROYAL)
    licensing.offer(release=world, terms=terms, price=Money(5, "USD"), now=NOON)
    offers = {"offers": (("enterprise", "900.00", "USD"),)}
    publish(cast.mo, "dew", **offers)

    for number, mode in enumerate(("relative", ABSOLUTE)):
        made = publish(cast.bob, f"fog-{number}", (WORLD, ROYAL, mode), **offers)
        assert made.offers.count() == 1
    with pytest.raises(UnableToPublish) as error:
        publish(cast.bob, "haze", (WORLD, ROYAL), (DEW, 300_000_000, ABSOLUTE), **offers)
    assert any("and it gets 14% here: raise its share." in sentence(one) for one in error.value.findings)
    with pytest.raises(UnableToPublish):
        publish(cast.bob, "haze", (WORLD, ROYAL - 1, ABSOLUTE), **offers)


def refusal(sql: str, *params: object) -> str:
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
    name: str = error.value.__cause__.diag.constraint_name
    return name


RELEASE = (
    "INSERT INTO catalog_release (id, pack_id, version, digest, manifest, split_id, division_id, title, summary, tags,"
    " base_model, made_by, ai_training, published_at) SELECT gen_random_uuid(), pack_id, '9.9.9',"
    " encode(sha256(%s::bytea), 'hex'), %s, split_id, {}, title, summary, tags, base_model, made_by, ai_training,"
    " published_at FROM catalog_release WHERE id = %s"
)


def test_raw_sql_cannot_divide_a_release_otherwise_than_its_manifest_says(family: list[Release]) -> None:
    world, mist, dew = family

    def altered(release: Release, **change: object) -> bytes:
        return rfc8785.dumps(manifest(release) | {"version": "9.9.9", **change})

    same = altered(dew)
    assert refusal(RELEASE.format("null"), same, same, dew.pk) == "catalog_division_is_in_manifest"
    plain = altered(world)
    with_one = RELEASE.format(f"'{mist.division_id}'")
    assert refusal(with_one, plain, plain, world.pk) == "catalog_division_is_in_manifest"
    assert refusal(with_one, same, same, dew.pk) == "catalog_division_is_in_manifest"
    less = altered(dew, division=manifest(dew)["division"] | {"absolute": []})
    assert refusal(RELEASE.format("division_id"), less, less, dew.pk) == "catalog_division_is_in_manifest"
    assert Release.objects.count() == 3


def test_raw_sql_cannot_leave_an_absolute_share_behind(family: list[Release]) -> None:
    """A release that says it is made of the mist and owes the world nothing gets no row that says so."""
    world, mist, dew = family
    forged = rfc8785.dumps(
        manifest(world)
        | {"version": "9.9.9", "derived_from": [{"release": mist.digest, "pack": "x", "version": "1", "share_ppb": 5}]}
    )
    with connection.cursor() as cursor:
        cursor.execute(RELEASE.format("null"), [forged, forged, world.pk])
    child = Release.objects.get(version="9.9.9")
    row = "INSERT INTO catalog_derivation (release_id, parent_id, share_ppb, mode) VALUES (%s, %s, 5, %s)"
    assert refusal(row, child.pk, mist.pk, "relative") == "catalog_absolute_shares_are_passed_on"
    assert refusal(row, child.pk, world.pk, "relative") == "catalog_derivation_is_in_manifest"
    assert refusal(row, child.pk, mist.pk, "free") == "catalog_share_mode_is_known"
    assert Derivation.objects.filter(release=child).count() == 0
    assert sum(row.share_ppb for row in dew.split.shares.all()) == WHOLE_PPB
