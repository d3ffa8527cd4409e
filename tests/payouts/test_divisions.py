"""Absolute shares in the books: what a split is made of is a fact, held by the database and asked again."""

import json
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from ledger.models import Entry
from marketplace.payouts import rules, splitting
from marketplace.payouts.bookkeeping.books import constraint_of
from marketplace.payouts.division_queries import absolute_in
from marketplace.payouts.divisions import Division, DivisionShare
from marketplace.payouts.models import RoyaltyLine, Split, SplitShare
from marketplace.payouts.operations import Source, allocate_royalties, ensure_division, ensure_split
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.splitting import ABSOLUTE
from tests.payouts.cast import NOON
from tests.payouts.test_guards import refusal


def shares(split):
    return {share.payee.handle: share.share_ppb for share in split.shares.select_related("payee")}


@pytest.fixture
def world(alice, erin):
    """Alice's and Erin's world, 70 to 30."""
    return ensure_split(own={alice: 700_000_000, erin: 300_000_000}, parents=[], now=NOON)


@pytest.fixture
def derived(world, bob):
    """Bob's, with 10 % absolute for the world."""
    return ensure_division(
        own={bob: WHOLE_PPB}, sources=[Source("release:1", world.digest, 100_000_000, ABSOLUTE)], now=NOON
    )


def counts():
    return [model.objects.count() for model in (Split, SplitShare, Division, DivisionShare, Entry)]


def test_a_sale_of_a_grandchild_pays_the_absolute_grandparent_undiluted(world, derived, alice, bob, erin, sell, right):
    bobs, division = derived
    assert shares(bobs) == {"alice": 70_000_000, "erin": 30_000_000, "bob": 900_000_000}
    assert shares(division.rest) == {"bob": WHOLE_PPB}

    split, below = ensure_division(
        own={erin: WHOLE_PPB},
        sources=[Source("release:2", bobs.digest, 500_000_000, division=division.digest)],
        now=NOON,
    )
    sell(split, "order-line:1", gross=100_00, fee=0)
    allocate_royalties(now=NOON)

    assert absolute_in([below.digest]) == {below.digest: [("release:1", 100_000_000)]}
    assert {line.payee.handle: line.amount_minor for line in RoyaltyLine.objects.select_related("payee")} == {
        "alice": 7_00,
        "bob": 45_00,
        "erin": 3_00 + 45_00,
    }


def test_final_shares_that_are_the_same_are_one_split_of_two_divisions(world, derived, bob):
    """The same shares come about by a relative share as well, which what is made from it sees and a sale does not."""
    bobs, division = derived
    plain, none = ensure_division(
        own={bob: WHOLE_PPB}, sources=[Source("release:1", world.digest, 100_000_000)], now=NOON
    )

    assert (plain, none) == (bobs, None)
    below = [
        ensure_division(
            own={bob: WHOLE_PPB}, sources=[Source("release:9", bobs.digest, 500_000_000, division=one)], now=NOON
        )
        for one in (division.digest, none)
    ]
    assert [shares(split) for split, _division in below] == [
        {"alice": 70_000_000, "erin": 30_000_000, "bob": 900_000_000},
        {"alice": 35_000_000, "erin": 15_000_000, "bob": 950_000_000},
    ]


def test_the_same_content_is_one_division_and_its_rest_is_stated_too(derived, world, bob):
    before = counts()
    again = ensure_division(
        own={bob: WHOLE_PPB}, sources=[Source("release:1", world.digest, 100_000_000, ABSOLUTE)], now=NOON
    )

    assert again == derived
    assert counts() == before
    said = [json.loads(bytes(entry.body))["body"]["split"] for entry in Entry.objects.filter(type="split")]
    assert sorted(said) == sorted([world.digest, derived[0].digest, derived[1].rest_id])


def test_the_example_of_the_page_has_the_digest_that_the_page_says():
    text = (Path(splitting.__file__).parents[2] / "docs" / "formats" / "split.md").read_text(encoding="utf-8")
    example = json.loads(next(part for part in text.split("```json\n") if "division/1" in part[:40]).split("```")[0])
    alice, bob = "1c9e2b34-6f0d-4e21-8a77-5b1d6f2e9c02", "3f0a5a52-58ad-4b6f-9d0a-0d2b9c1f7a11"
    [share] = example["absolute"]
    parent = splitting.Parent(share["subject"], share["share_ppb"], [(alice, WHOLE_PPB)], ABSOLUTE)
    folded = splitting.fold_work({bob: WHOLE_PPB}, [parent])

    assert splitting.division_document(folded.shares, folded.rest, folded.absolute) == example
    assert splitting.document_digest(example) in text


def test_a_division_is_what_its_page_says(derived, world):
    split, division = derived
    document = {
        "format": "worldloom/division/1",
        "split": split.digest,
        "rest": division.rest_id,
        "absolute": [{"subject": "release:1", "share_ppb": 100_000_000, "rest": world.digest}],
    }
    assert splitting.document_digest(document) == division.digest


def test_what_is_refused_leaves_nothing_behind(world, bob):
    before = counts()
    two = [Source(f"release:{number}", world.digest, 500_000_000, ABSOLUTE) for number in (1, 2)]

    with pytest.raises(splitting.NothingLeft, match="release:1: 50% and release:2: 50%"):
        ensure_division(own={bob: WHOLE_PPB}, sources=two, now=NOON)
    with pytest.raises(rules.ParentsTakeTooMuch):
        ensure_division(
            own={bob: WHOLE_PPB},
            sources=[*(Source(f"release:{number}", world.digest, 500_000_001) for number in (1, 2))],
            now=NOON,
        )
    with pytest.raises(splitting.UnknownMode):
        ensure_division(own={bob: WHOLE_PPB}, sources=[Source("release:1", world.digest, 5, "free")], now=NOON)

    assert counts() == before


def written(split, rest, *absolute, digest=""):
    """Writes the SQL that makes a division; its name is right where none is given."""
    document = {
        "format": "worldloom/division/1",
        "split": split.digest,
        "rest": rest.digest,
        "absolute": [{"subject": name, "share_ppb": ppb, "rest": one.digest} for name, ppb, one in absolute],
    }
    name = digest or splitting.document_digest(document)
    rows = ", ".join(f"('{subject}', {ppb}, '{one.digest}')" for subject, ppb, one in absolute)
    return f"""
        WITH made AS (INSERT INTO payouts_division (digest, split_id, rest_id, created_at)
                      VALUES ('{name}', '{split.digest}', '{rest.digest}', now()) RETURNING digest)
        INSERT INTO payouts_division_share (division_id, subject, share_ppb, rest_id)
        SELECT made.digest, a.* FROM made, (VALUES {rows}) AS a (subject, share_ppb, rest_id)
    """


def test_raw_sql_cannot_make_a_division_that_is_not_its_split(derived, world, bob, erin):
    split, _division = derived
    bobs = ensure_split(own={bob: WHOLE_PPB}, parents=[], now=NOON)
    other = ensure_split(own={bob: WHOLE_PPB - 1, erin: 1}, parents=[], now=NOON)
    before = counts()

    assert refusal(written(other, bobs, ("release:1", 100_000_000, world))) == "payouts_division_folds_to_split"
    assert refusal(written(split, bobs, ("release:1", 100_000_001, world))) == "payouts_division_folds_to_split"
    assert refusal(written(split, world, ("release:1", 100_000_000, world))) == "payouts_division_folds_to_split"
    two = [("release:1", 600_000_000, world), ("release:2", 400_000_000, world)]
    assert refusal(written(world, bobs, *two)) == "payouts_division_leaves_a_rest"
    assert refusal(written(world, bobs, ("release:1", WHOLE_PPB, world))) == "payouts_division_share_is_a_part"
    assert refusal(written(split, bobs, ("", 100_000_000, world))) == "payouts_division_share_says_whose"
    named = written(split, bobs, ("release:3", 100_000_000, world), digest="a" * 64)
    assert refusal(named) == "payouts_division_digest_matches"
    twice = [("release:1", 50_000_000, world), ("release:1", 50_000_000, world)]
    assert refusal(written(split, bobs, *twice)) == "payouts_division_names_subject_once"

    assert counts() == before
    with connection.cursor() as cursor:  # what is right passes
        cursor.execute(written(split, bobs, ("release:3", 100_000_000, world)))
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert check_books() == []


def test_a_work_divides_what_is_absolute_in_one_way_for_ever(derived, world, alice, bob):
    alices = ensure_split(own={alice: WHOLE_PPB}, parents=[], now=NOON)
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        ensure_division(own={bob: WHOLE_PPB}, sources=[Source("release:1", alices.digest, 5, ABSOLUTE)], now=NOON)
    assert constraint_of(refused.value) == "payouts_subject_has_one_rest"


def test_a_division_is_written_once_and_whole(derived, world):
    split, division = derived
    added = f"""INSERT INTO payouts_division_share (division_id, subject, share_ppb, rest_id)
                VALUES ('{division.digest}', 'release:2', 5, '{world.digest}')"""
    assert refusal(added) == "payouts_division_written_once"
    bare = f"""INSERT INTO payouts_division (digest, split_id, rest_id, created_at)
               VALUES ('{"b" * 64}', '{split.digest}', '{split.digest}', now())"""
    assert refusal(bare) == "payouts_division_has_shares"


@pytest.mark.parametrize("table", ["division", "division_share"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_was_divided_stays(derived, table, verb):
    change = "created_at = now()" if table == "division" else "share_ppb = 5"
    before = counts()
    named = refusal(verb.format(f"payouts_{table}", change))
    assert named in {"payouts_division_append_only", "payouts_division_share_append_only"}
    assert counts() == before


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("UPDATE payouts_division_share SET share_ppb = share_ppb + 1", "is not the digest of its rest"),
        ("UPDATE payouts_division_share SET share_ppb = share_ppb + 1", "gives 00000000-0000-4000-8000-000000000002"),
        ("UPDATE payouts_division SET rest_id = split_id", "and its split gives"),
        ("UPDATE payouts_division SET split_id = rest_id", "is not the digest of its rest"),
        ("DELETE FROM payouts_division_share", "has absolute shares of 0 ppb"),
        (
            "INSERT INTO payouts_division_share (division_id, subject, share_ppb, rest_id)"
            " SELECT division_id || '', subject || '2', 900000000, rest_id FROM payouts_division_share",
            "has absolute shares of 1000000000 ppb",
        ),
        (
            "UPDATE payouts_division_share SET rest_id = (SELECT rest_id FROM payouts_division LIMIT 1)"
            " WHERE id = (SELECT min(id) FROM payouts_division_share)",
            "Work release:1 divides its absolute shares in 2 ways.",
        ),
    ],
)
def test_a_division_that_was_tampered_with_is_named(derived, bob, erin, sql, sentence):
    split, division = derived
    ensure_division(
        own={erin: WHOLE_PPB}, sources=[Source("release:2", split.digest, 5, division=division.digest)], now=NOON
    )
    assert check_books() == []
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        if "2 ways" in sentence:  # no index of ours lets it be; somebody who can switch triggers off can drop one
            cursor.execute("ALTER TABLE payouts_division_share DROP CONSTRAINT payouts_subject_has_one_rest")
        cursor.execute(sql)
        cursor.execute("SET LOCAL session_replication_role = origin")

    assert any(sentence in problem for problem in check_books()), check_books()
