"""Whom Carol's studio must name: what it licensed, what that was made from, and what does not hold any more."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from marketplace.catalog.models import Release
from marketplace.licensing import creditpapers
from marketplace.licensing import operations as licensing
from marketplace.licensing.crediting import Credits, credits_of, makers_of, spdx_id
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer, TermsText
from marketplace.licensing.terms.document import digest_of, terms_document
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.words import text_of
from tests.api.studios import Market
from tests.cast import NOON, later

SITE = "https://worldloom.example"
NOW = later(days=1)
LINE = "Sea of Clouds © Alice 云海"


@pytest.fixture
def project(market: Market) -> Project:
    return Project.objects.create(
        studio=market.cast.studio, name="Night Ferry 夜航", created_by=market.cast.carol, created_at=NOON
    )


def offered(release: Release, terms: Terms, number: int) -> Offer:
    """An offer as it is in the database, whatever the release's parents would allow."""
    row, _made = TermsText.objects.get_or_create(
        digest=digest_of(terms),
        defaults={
            "name": terms.name,
            "document": terms_document(terms),
            "text_en": text_of(terms, "en"),
            "text_zh_hans": text_of(terms, "zh-hans"),
            "created_at": NOON,
        },
    )
    return Offer.objects.create(
        release=release, terms=row, price_minor=number, currency="JPY", salt="0" * 64, created_at=NOON
    )


def granted(market: Market, offer: Offer, number: int, **more: Any) -> Grant:
    return licensing.grant(
        offer=offer, studio=market.cast.studio, source=f"order-line:{number}", now=later(hours=1 + number), **more
    )


def told(credits: Credits) -> list[tuple[str, bool, tuple[str, ...], tuple[str, ...]]]:
    return [(str(one.release), one.owed, creditpapers.lines_of(one), one.used_in) for one in credits]


def test_what_is_licensed_is_credited_with_what_it_was_made_from(market: Market, project: Project) -> None:
    grant = granted(market, offered(market.derived, replace(READY["studio"], name="ink"), 1), 1, project=project)
    credits = credits_of(project, now=NOW)
    # The one offer under which Bob may share what he makes asks for no credit.
    assert told(credits) == [
        ("bob/ink@1.0.0", True, ("“Ink Harbor” by Bob",), ()),
        ("alice/yunhai@1.0.0", False, ("“Sea of Clouds” by Alice",), ("bob/ink@1.0.0",)),
    ]
    assert [held.grant for one in credits for held in one.licenses] == [str(grant.pk)]
    assert credits.left_out == ()


def test_makers_are_named_and_not_who_inherits_a_share(market: Market) -> None:
    """Alice gets a fifth of Bob's sales, and did not make his release."""
    assert {share.payee.handle for share in market.derived.split.shares.all()} == {"alice", "bob"}
    made = makers_of([market.derived, market.world])
    assert made == {market.derived.pk: ("Bob",), market.world.pk: ("Alice",)}


def test_terms_decide_whether_it_is_owed_and_in_what_words(market: Market, project: Project) -> None:
    uncredited = replace(READY["enterprise"], name="quiet")
    granted(market, offered(market.world, uncredited, 1), 1)
    assert told(credits_of(project, now=NOW)) == [("alice/yunhai@1.0.0", False, ("“Sea of Clouds” by Alice",), ())]
    granted(market, offered(market.world, replace(READY["studio"], name="said", credit_line=LINE), 2), 2)
    credits = credits_of(project, now=NOW)
    assert told(credits) == [("alice/yunhai@1.0.0", True, (LINE,), ())]
    assert [len(one.licenses) for one in credits] == [2]


def test_the_words_upstream_are_those_of_the_makers_license(market: Market, project: Project) -> None:
    """Bob may rely on any offer that lets him share; once he holds a license of his own, on that."""
    share = replace(READY["enterprise"], name="sharing", credit_required=True)
    offered(market.world, replace(share, name="line-1", credit_line=LINE), 1)
    offered(market.world, replace(READY["studio"], name="line-2", credit_line="no share"), 2)
    granted(market, offered(market.derived, replace(READY["studio"], name="ink"), 3), 3)
    assert told(credits_of(project, now=NOW))[0] == ("alice/yunhai@1.0.0", True, (LINE,), ("bob/ink@1.0.0",))

    from marketplace.people import operations as people

    bobs = people.open_studio(person=market.cast.bob.person, name="Bob's", now=NOON)
    own = offered(market.world, replace(share, name="line-3", credit_line="By Alice, for Bob"), 4)
    licensing.grant(offer=own, studio=bobs, source="order-line:bob", now=NOON)
    assert told(credits_of(project, now=NOW))[0][2] == ("By Alice, for Bob",)


def test_each_release_is_there_once_whatever_ways_lead_to_it(market: Market, project: Project) -> None:
    granted(market, market.offer(), 1)
    granted(market, market.offer("enterprise"), 2)
    granted(market, offered(market.derived, replace(READY["studio"], name="ink"), 3), 3)
    assert [one[0] for one in told(credits_of(project, now=NOW))] == ["alice/yunhai@1.0.0", "bob/ink@1.0.0"]


def test_many_licenses_take_as_few_queries_as_one(
    market: Market, project: Project, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        offer = market.offer() if number % 2 else market.offer("enterprise")
        granted(market, offer, number)
    with django_assert_max_num_queries(4):
        credits = credits_of(project, now=NOW)
        creditpapers.as_spdx(credits, SITE)
    assert [len(one.licenses) for one in credits] == [6]


def test_only_licenses_for_the_project_or_for_all_projects_count(market: Market, project: Project) -> None:
    other = Project.objects.create(
        studio=market.cast.studio, name="Other", created_by=market.cast.carol, created_at=NOON
    )
    granted(market, market.offer(), 1, project=other)
    licensing.grant(offer=market.offer(), studio=market.cast.daves_studio, source="order-line:d", now=NOON)
    assert credits_of(project, now=NOW).credits == ()
    assert len(credits_of(other, now=NOW).credits) == 1
    assert len(credits_of(market.cast.studio, now=NOW).credits) == 1


def test_what_does_not_hold_is_left_out_and_named(market: Market, project: Project) -> None:
    ended = granted(market, market.offer(), 1, ends_at=later(hours=20))
    revoked = granted(market, market.offer("personal"), 2)
    licensing.set_status(grant=revoked, status="revoked", reason="refund", now=later(hours=5))
    upcoming = granted(market, market.offer("enterprise"), 3, starts_at=later(days=9))
    credits = credits_of(project, now=NOW)
    assert credits.credits == ()
    assert {left.grant: left.why for left in credits.left_out} == {
        str(ended.pk): "expired",
        str(revoked.pk): "revoked",
        str(upcoming.pk): "upcoming",
    }
    text = creditpapers.as_text(credits, SITE)
    assert "Left out, since these licenses do not hold now" in text
    assert f"alice/yunhai@1.0.0 · expired · {SITE}/certificates/{ended.pk}" in text
    rows = list(csv.DictReader(io.StringIO(creditpapers.as_csv(credits, SITE), newline="")))
    assert sorted(row["standing"] for row in rows) == ["left out: expired", "left out: revoked", "left out: upcoming"]
    assert valid_spdx(credits)["packages"][0]["name"] == "Night Ferry 夜航"


def test_the_text_is_in_both_languages(market: Market, project: Project) -> None:
    grant = granted(market, market.offer(), 1)
    text = creditpapers.as_text(credits_of(project, now=NOW), SITE)
    assert text.startswith("Credits: Night Ferry 夜航\n=========")
    assert "Credit owed\n-----------\n\n“Sea of Clouds” by Alice\n    alice/yunhai@1.0.0\n    Studio · " in text
    assert text.count(f"{SITE}/certificates/{grant.pk}") == 2
    assert "云海" in text[len(text) // 2 :]
    assert "2026年11月23日" in text


def test_csv_is_read_back_and_no_cell_is_a_formula(market: Market, project: Project) -> None:
    line = '=HYPERLINK("https://evil.example","云, 海")'
    granted(market, offered(market.world, replace(READY["studio"], name="formula", credit_line=line), 1), 1)
    written = creditpapers.as_csv(credits_of(project, now=NOW), SITE)
    assert written.endswith("\r\n")
    assert "\n" not in written.replace("\r\n", "")
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    assert tuple(row) == creditpapers.COLUMNS
    assert row["credit"] == f"'{line}"
    assert (row["standing"], row["creators"], row["title_zh_hans"]) == ("owed", "Alice", "云海")
    assert row["spdx"].startswith("LicenseRef-Worldloom-formula-")
    for sign in "=+-@\t\r\n":
        assert creditpapers._safe(f"{sign}1")[0] == "'"


def test_json_is_canonical_and_says_everything(market: Market, project: Project) -> None:
    grant = granted(market, market.offer(), 1)
    written = creditpapers.as_json(credits_of(project, now=NOW), SITE)
    said = json.loads(written)
    assert rfc8785.dumps(said) == written
    assert said == {
        "format": "worldloom/credits/1",
        "of": {"kind": "project", "id": str(project.pk), "name": "Night Ferry 夜航"},
        "made_at": "2026-11-23T12:00:00Z",
        "credits": [
            {
                "release": market.world.digest,
                "pack": "alice/yunhai",
                "version": "1.0.0",
                "title": {"en": "Sea of Clouds", "zh-Hans": "云海"},
                "standing": "owed",
                "lines": ["“Sea of Clouds” by Alice"],
                "creators": ["Alice"],
                "used_in": [],
                "licenses": [
                    {
                        "grant": str(grant.pk),
                        "terms": grant.terms_id,
                        "terms_name": grant.terms.name,
                        "spdx": f"LicenseRef-Worldloom-studio-{grant.terms_id[:12]}",
                        "certificate": f"{SITE}/certificates/{grant.pk}",
                    }
                ],
            }
        ],
        "left_out": [],
    }


def valid_spdx(credits: Credits) -> dict[str, Any]:
    """The document, which the SPDX project's own library finds nothing wrong with."""
    said: dict[str, Any] = json.loads(creditpapers.as_spdx(credits, SITE))
    document = JsonLikeDictParser().parse(said)
    assert [str(message) for message in validate_full_spdx_document(document)] == []
    return said


def test_spdx_tools_find_nothing_wrong(market: Market, project: Project) -> None:
    granted(market, market.offer(), 1)
    granted(market, offered(market.world, READY["cc-by-4.0"], 2), 2)
    granted(market, offered(market.derived, replace(READY["studio"], name="墨 ink!"), 3), 3)
    credits = credits_of(project, now=NOW)
    said = valid_spdx(credits)
    ours = {one["licenseId"]: one for one in said["hasExtractedLicensingInfos"]}
    by_name = {one["name"]: one for one in said["packages"]}
    studio = market.offer().terms
    assert by_name["alice/yunhai"]["licenseConcluded"] == (
        f"(CC-BY-4.0 OR LicenseRef-Worldloom-studio-{studio.digest[:12]})"
    )
    assert by_name["alice/yunhai"]["attributionTexts"] == ["“Sea of Clouds” by Alice"]
    assert len(by_name["alice/yunhai"]["externalRefs"]) == 2
    assert set(ours) == {
        f"LicenseRef-Worldloom-studio-{studio.digest[:12]}",
        *by_name["bob/ink"]["licenseConcluded"].split(),
    }
    text = ours[f"LicenseRef-Worldloom-studio-{studio.digest[:12]}"]["extractedText"]
    assert text == f"{studio.text_en}\n{studio.text_zh_hans}"
    assert {one["relationshipType"] for one in said["relationships"]} == {"DESCRIBES", "DEPENDS_ON", "DESCENDANT_OF"}
    again = json.loads(creditpapers.as_spdx(credits, SITE))
    assert again == said
    assert (
        said["documentNamespace"]
        != json.loads(creditpapers.as_spdx(credits_of(project, now=later(days=2)), SITE))["documentNamespace"]
    )


def test_ids_of_spdx_are_for_terms_that_say_the_same() -> None:
    digest = "ab" * 32
    assert spdx_id(READY["cc-by-4.0"], digest) == "CC-BY-4.0"
    assert spdx_id(READY["cc-by-nc-4.0"], digest) == "CC-BY-NC-4.0"
    assert spdx_id(READY["cc0-1.0"], digest) == "CC0-1.0"
    assert spdx_id(replace(READY["cc-by-4.0"], seats=5), digest) == "LicenseRef-Worldloom-cc-by-4.0-abababababab"
    assert spdx_id(READY["studio"], digest) == "LicenseRef-Worldloom-studio-abababababab"


def test_derivation_of_many_levels_is_followed_once(market: Market, project: Project, tmp_path: Path) -> None:
    from marketplace.intake.operations import publish_folder
    from tests import packs

    folder = packs.write(
        tmp_path / "third",
        handle="third",
        title="Third",
        seed=3,
        parents=[("bob/ink@1.0.0", 100_000_000), ("alice/yunhai@1.0.0", 100_000_000)],
        offers=[],
    )
    third = publish_folder(folder=folder, creator=market.cast.mo, now=later(hours=2))
    granted(market, offered(third, replace(READY["studio"], name="third"), 9), 9)
    # Nothing says under which terms Mo could use Bob's, so that is owed.
    assert [(one[0], one[1], one[3]) for one in told(credits_of(project, now=NOW))] == [
        ("bob/ink@1.0.0", True, ("mo/third@1.0.0",)),
        ("mo/third@1.0.0", True, ()),
        ("alice/yunhai@1.0.0", False, ("bob/ink@1.0.0", "mo/third@1.0.0")),
    ]
    assert makers_of([third]) == {third.pk: ("Mo",)}
    valid_spdx(credits_of(project, now=NOW))
