"""Terms as documents: written, read back strictly, and read from what people write."""

import json
import re
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
import rfc8785
from django.conf import settings
from hypothesis import given

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.document import (
    MOST_BYTES,
    UnableToReadTerms,
    digest_of,
    read_terms,
    terms_document,
    terms_from,
)
from marketplace.licensing.terms.model import DIMENSIONS, EVERYTHING, Terms, all_but, only
from marketplace.licensing.terms.ready import READY
from tests.licensing.making_terms import terms

STUDIO_1 = (
    b'{"ai_training":"own","commercial":"limited","credit_required":true,"derivatives":"private",'
    b'"format":"worldloom/terms/1","name":"studio","redistribution":"in-product","revenue_cap_usd":1000000,"seats":30}'
)


def reasons(written: object) -> list[tuple[str, str]]:
    with pytest.raises(UnableToReadTerms) as refusal:
        terms_from(written) if isinstance(written, dict) else read_terms(written)  # type: ignore[arg-type]
    return [(finding.where, str(finding)) for finding in refusal.value.findings]


@given(terms())
def test_terms_are_written_and_read_back(one: Terms) -> None:
    document = terms_document(one)

    assert read_terms(document) == one
    assert rfc8785.dumps(json.loads(document)) == document
    assert json.loads(document)["format"] == "worldloom/terms/2"
    assert len(document) <= MOST_BYTES


@given(terms(), terms())
def test_two_terms_have_one_digest_only_when_they_are_the_same(one: Terms, other: Terms) -> None:
    assert (digest_of(one) == digest_of(other)) is (one == other)


def test_documents_of_format_1_stay_readable() -> None:
    assert sha256(STUDIO_1).hexdigest() == "9322f6a5e02ad93d35aad9700b2843dfd8d491f0890cf5d4b6b2345ecb31b038"
    assert read_terms(STUDIO_1) == READY["studio"]
    bare = read_terms(
        b'{"ai_training":"none","commercial":"none","credit_required":false,"derivatives":"none",'
        b'"format":"worldloom/terms/1","name":"bare","redistribution":"none","revenue_cap_usd":0,"seats":0}'
    )
    assert bare == Terms(
        name="bare",
        seats=0,
        credit_required=False,
        territory=EVERYTHING,
        fields=EVERYTHING,
        media=EVERYTHING,
        output_owner="licensee",
    )


def changed(**members: object) -> bytes:
    return rfc8785.dumps(json.loads(terms_document(READY["studio"])) | members)


@pytest.mark.parametrize(
    ("document", "where", "sentence"),
    [
        (b"", "", "It is no JSON in UTF-8 with integers that RFC 8785 can write."),
        (b"\xff\xfe{\x00}\x00", "", "It is no JSON in UTF-8 with integers that RFC 8785 can write."),
        (b"[" * 9_000, "", "It is no JSON in UTF-8 with integers that RFC 8785 can write."),
        (b'{"seats":NaN}', "", "It is no JSON in UTF-8 with integers that RFC 8785 can write."),
        (b'{"seats":' + b"9" * 5_000 + b"}", "", "It is no JSON in UTF-8 with integers that RFC 8785 can write."),
        (b" " * 16_385, "", "It is larger than 16384 bytes, which no terms need."),
        (b"[]", "", "It must be a JSON object."),
        (STUDIO_1 + b"\n", "", "It is not written as RFC 8785 says: sorted names, each once, and no blanks."),
        (
            STUDIO_1.replace(b'"seats":30', b'"seats":1,"seats":30'),
            "",
            "It is not written as RFC 8785 says: sorted names, each once, and no blanks.",
        ),
        (
            STUDIO_1.replace(b":30}", b":30.0}"),
            "",
            "It is not written as RFC 8785 says: sorted names, each once, and no blanks.",
        ),
        (b"{}", "format", "It must be “worldloom/terms/2” or “worldloom/terms/1”."),
        (
            changed(format="worldloom/terms/3"),
            "format",
            "It must be “worldloom/terms/2” or “worldloom/terms/1”.",
        ),
        (changed(format=2), "format", "It must be “worldloom/terms/2” or “worldloom/terms/1”."),
        (b'{"format":"worldloom/terms/2"}', "ai_training", "It is missing from the document."),
        (changed(format="worldloom/terms/1"), "approval_required", "The format does not know it."),
        (changed(**{"ev\u202eil": 1}), "ev\ufffdil", "The format does not know it."),
        (STUDIO_1.replace(b'"limited"', b'"personal"'), "commercial", "Format 1 does not know “personal”."),
        (changed(seats=1.5), "seats", "It must be a whole number."),
        (changed(seats=True), "seats", "It must be a whole number."),
        (changed(seats=-1), "seats", "It must be a whole number from 0 to 1000000."),
        (changed(exclusive=0), "exclusive", "It must be true or false."),
        (changed(starts=20261128), "starts", "It must be text."),
        (changed(starts="20261128"), "starts", "It must be a day such as 2026-11-28, or empty."),
        (changed(ends="2026-02-30"), "ends", "It must be a day such as 2026-11-28, or empty."),
        (changed(territory="CN"), "territory", 'It must be {"only": […]} or {"all_but": […]}.'),
        (changed(territory={}), "territory", 'It must be {"only": […]} or {"all_but": […]}.'),
        (changed(territory={"only": [], "all_but": []}), "territory", 'It must be {"only": […]} or {"all_but": […]}.'),
        (changed(territory={"only": "CN"}), "territory", "It must be a list of words."),
        (changed(territory={"only": [["CN"]]}), "territory", "It must be a list of words."),
        (changed(territory={"only": ["JP", "CN"]}), "territory", "Its words must be sorted, each once."),
        (changed(territory={"only": ["CN", "CN"]}), "territory", "Its words must be sorted, each once."),
        (changed(territory={"only": ["XX"]}), "territory", "“XX” is no word that it knows."),
        (changed(banned=["fun"]), "banned", "“fun” is no word that it knows."),
        (changed(name=""), "name", "Terms need a name of at most 40 characters."),
        (changed(name="Stu\u200bdio"), "name", "Terms need a name of at most 40 characters."),
        (changed(credit_line="a\nb"), "credit_line", "It must be one line of at most 200 characters."),
        (changed(commercial="some"), "commercial", "It must be one of none, personal, limited, full, not “some”."),
        (
            changed(revenue_cap_usd=0),
            "revenue_cap_usd",
            "A revenue cap goes with limited commercial use, and only with it.",
        ),
    ],
)
def test_what_is_no_terms_is_refused_in_one_sentence(document: bytes, where: str, sentence: str) -> None:
    assert reasons(document) == [(where, sentence)]


def test_people_write_ready_made_terms_with_changes() -> None:
    written = {
        "base": "studio",
        "seats": 5,
        "territory": {"all_but": ["US"]},
        "media": ["video"],
        "ends": date(2027, 1, 1),
    }
    wanted = replace(READY["studio"], seats=5, territory=all_but("US"), media=only("video"), ends="2027-01-01")

    assert terms_from({"base": "studio"}) == READY["studio"]
    assert terms_from(written) == replace(wanted, name=f"studio-{digest_of(wanted)[:6]}")
    assert terms_from(written | {"name": "Lantern Films"}) == replace(wanted, name="Lantern Films")
    assert terms_from({"base": "studio", "commercial": "full"}).revenue_cap_usd == 0
    assert terms_from({"commercial": "personal", "name": "mine"}) == Terms(name="mine", commercial="personal")
    assert terms_from({"seats": 2}).name == f"custom-{digest_of(Terms(name='custom', seats=2))[:6]}"


def test_all_mistakes_that_people_make_are_told_together() -> None:
    written = {"base": "studios", "seat": 5, "seats": "5", "territory": ["cn"], "comercial": "full", "price": 1}

    assert reasons(written) == [
        ("base", f"“studios” names no terms: use one of {', '.join(READY)}."),
        ("seat", "Terms do not speak of it; is “seats” meant?"),
        ("comercial", "Terms do not speak of it; is “commercial” meant?"),
        ("price", "Terms do not speak of it."),
        ("seats", "It must be a whole number."),
        ("territory", "“cn” is no word that it knows."),
    ]


def test_people_cannot_give_other_terms_the_name_of_ready_made_ones() -> None:
    assert terms_from({"base": "studio", "name": "studio"}) == READY["studio"]
    assert reasons({"base": "studio", "seats": 99, "name": "Studio"}) == [
        ("name", "Ready-made terms have this name; take another.")
    ]
    assert reasons({"base": "exclusive", "redistribution": "raw"}) == [
        ("exclusive", "What may be passed on to anybody cannot be exclusive.")
    ]


def test_the_page_of_the_format_names_every_dimension_word_and_ready_made_value() -> None:
    page = (Path(settings.HOME) / "docs/formats/terms.md").read_text(encoding="utf-8")
    rows = {row[0].strip(" `"): row[1:] for row in (line.strip("|").split("|") for line in page.splitlines()) if row}

    def cell(value: object) -> str:
        if isinstance(value, frozenset):
            return ", ".join(f"`{code}`" for code in sorted(value)) or "none"
        return f"`{value}`" if isinstance(value, str) else str(value).lower()

    for dimension in DIMENSIONS:
        assert f"| `{dimension}` |" in page
        values = [getattr(one, dimension) for one in READY.values()]
        if any(value != values[0] for value in values):
            assert [text.strip() for text in rows[dimension]] == [cell(value) for value in values]
    for codes in (vocabulary.FIELDS, vocabulary.MEDIA, vocabulary.BANNED):
        assert re.sub(r"\s+", " ", page).find(", ".join(f"`{code}`" for code in sorted(codes))) > 0
    assert " ".join(sorted(vocabulary.TERRITORIES)) in re.sub(r"\s+", " ", page)
    words = [word for scale in vocabulary.SCALES.values() for word in scale]
    assert all(f"`{word}`" in page for word in (*words, *vocabulary.OUTPUT_OWNERS, *vocabulary.ROYALTY_BASES))
