"""What a license allows, in words that are made from its data."""

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms import words as terms_words
from marketplace.licensing.terms.document import digest_of
from marketplace.licensing.terms.model import DIMENSIONS, ContradictoryTerms, Terms, all_but, only
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.terms.words import ALLOWS, FORBIDS, REQUIRES, rights_in
from marketplace.licensing.words import TERMS, change_text, summary_text, text_of
from marketplace.ui.formats import country_text, sentence
from marketplace.ui.words import Listed, Words, Written
from tests.licensing.making_terms import terms

LANGUAGES = ["en", "zh-hans"]
CAP = "A revenue cap goes with limited commercial use, and only with it."
# A digest in somebody's certificate must never come to mean other terms: these stand for ever.
KNOWN = {
    "personal": "b99e736979f756e9e00903a7cf95df441017f5538375bbb4d9d0199e9e71d49e",
    "studio": "2d40a1e7747c6e6e35f16033b417208931125362a01393aca860edb42c8f9184",
    "enterprise": "a947798bc5bdcae6055538d17fa801f5668b03948c8d3cee06f4b37317f03590",
    "exclusive": "77bfce6c49a1694afb6cfeed97de3420c9dbb7fed6c8bbd68bb87eaea0f8e432",
    "cc-by-4.0": "6f9c6f2bbb5d41b84572dba2566b397740516bc62e66b482034a8cacf7eb7c14",
    "cc-by-nc-4.0": "f825310bb207a6b16f327b84795de8b10eae847dca89e52007042de3f0cd2a7c",
    "cc0-1.0": "fba2487d7ec1c22f44fa4357903b60577d6aad43d3a1115fe03505517bcc4e74",
    "openrail-m": "c1318906ed46b75e090258c22077b70fc9fd9415ec237913edabf5a6aa8bb4c9",
}


def lines(one: Terms, language: str = "en") -> list[tuple[str, str]]:
    with translation.override(language):
        return [(right.kind, sentence(right)) for right in rights_in(one)]


def test_the_ready_terms_keep_their_digests() -> None:
    assert {name: digest_of(one) for name, one in READY.items()} == KNOWN
    assert set(TERMS) == set(READY)
    assert all(one.name == name for name, one in READY.items())


def test_nothing_is_allowed_by_default() -> None:
    assert lines(Terms(name="bare")) == [
        (FORBIDS, "No commercial use"),
        (FORBIDS, "No changes to the work"),
        (FORBIDS, "No AI training with it"),
        (FORBIDS, "No passing on of the files"),
        (FORBIDS, "No sublicenses"),
        (FORBIDS, "No transfer of the license"),
        (ALLOWS, "One person"),
        (FORBIDS, "For no field of use"),
        (FORBIDS, "In no medium"),
        (FORBIDS, "Nowhere"),
        (ALLOWS, "Without a time limit"),
        (FORBIDS, "Not exclusive, so that others may be licensed too"),
        (ALLOWS, "No kind of content or use is banned beyond these terms and the law"),
        (FORBIDS, "What you make with it belongs to the creator, not to you"),
        (REQUIRES, "Credit the creator by name"),
        (ALLOWS, "No approval needed"),
        (ALLOWS, "No duty to share what you make under the same license"),
        (ALLOWS, "No royalty on what works made from it earn"),
    ]


def test_every_dimension_is_said() -> None:
    detailed = Terms(
        name="detailed",
        commercial="limited",
        revenue_cap_usd=1_250_000,
        derivatives="share",
        ai_training="own",
        redistribution="in-product",
        seats=12,
        sublicense_depth=3,
        transferable=True,
        territory=all_but("CN", "JP"),
        fields=only("game", "film", "television"),
        media=all_but("weights"),
        starts="2026-11-28",
        ends="2028-11-27",
        duration_days=365,
        banned=frozenset({"nft", "sexual"}),
        approval_required=True,
        credit_line="Alice Wu / 云海",
        output_owner="shared",
        share_alike="CC-BY-SA-4.0",
        royalty_ppb=52_500_000,
        royalty_basis="profit",
    )

    assert lines(detailed) == [
        (
            ALLOWS,
            "Commercial use by persons who work for themselves, and by licensees with a revenue of up to US$1,250,000"
            " a year",
        ),
        (ALLOWS, "Change it, and share what you made from it"),
        (ALLOWS, "Train and fine-tune models with it that stay with you"),
        (ALLOWS, "Ship it inside a finished product, never as files of its own"),
        (ALLOWS, "Sublicense it to others, who may do so again, down to 3 levels below you"),
        (ALLOWS, "Transfer the license to somebody else, and hold it no longer"),
        (ALLOWS, "Up to 12 people"),
        (ALLOWS, "Only for films, games, and television"),
        (ALLOWS, "In every medium except weights of models"),
        (ALLOWS, "Everywhere except in China and Japan"),
        (
            ALLOWS,
            "From Nov 28, 2026 until Nov 27, 2028, both days included, and for no more than 365 days"
            " from the day of the grant on",
        ),
        (FORBIDS, "Not exclusive, so that others may be licensed too"),
        (FORBIDS, "Never for NFTs and sexual content"),
        (ALLOWS, "What you make with it belongs to you and the creator together"),
        (REQUIRES, "Credit the creator with the line “Alice Wu / 云海”"),
        (REQUIRES, "Have the creator approve what you make with it before you publish it"),
        (REQUIRES, "Share what you made from it under the license “CC-BY-SA-4.0” and no other"),
        (REQUIRES, "Pay the creator 5.25% of the profit of every work made from it"),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@given(one=terms())
def test_every_right_fills_its_template(language: str, one: Terms) -> None:
    rights = rights_in(one)

    assert len(rights) == 18
    assert [right.dimension for right in rights] == [right.dimension for right in rights_in(READY["studio"])]
    for right, (_kind, said) in zip(rights, lines(one, language), strict=True):
        assert said.strip()
        if not {"line", "label"} & right.values.keys():
            assert "%(" not in said


@given(one=terms(), other=terms(), dimension=st.sampled_from(DIMENSIONS))
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_terms_have_the_same_words(language: str, one: Terms, other: Terms, dimension: str) -> None:
    """The second half compares terms that differ in one dimension alone, which chance would hardly make."""
    pairs = [(one, replace(other, name=one.name))]
    with suppress(ContradictoryTerms):
        pairs.append((one, replace(one, **{dimension: getattr(other, dimension)})))
    for left, right in pairs:
        assert (lines(left, language) == lines(right, language)) is (left == right)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_has_a_name_of_its_own(language: str) -> None:
    assert set(terms_words.HEADINGS) == set(DIMENSIONS)
    for known, names in (
        (vocabulary.FIELDS, terms_words.FIELDS),
        (vocabulary.MEDIA, terms_words.MEDIA),
        (vocabulary.BANNED, terms_words.BANNED),
    ):
        with translation.override(language):
            said = [sentence(Words(name)) for name in names.values()]
        assert set(names) == known
        assert len(set(said)) == len(known)
    with translation.override(language):
        countries = [country_text(code) for code in vocabulary.TERRITORIES]
    assert len(set(countries)) == 249
    assert not set(countries) & vocabulary.TERRITORIES


def test_a_license_is_written_out_from_its_data() -> None:
    personal = READY["personal"]

    assert text_of(personal, "en") == (
        "License terms “Personal”\n"
        f"As data: worldloom/terms/2, SHA-256 {digest_of(personal)}."
        " What these words leave open, the data decides.\n"
        "\n"
        "1. Commercial use: No commercial use.\n"
        "2. Changes: Change it for your own projects.\n"
        "3. AI training: No AI training with it.\n"
        "4. Passing on: No passing on of the files.\n"
        "5. Sublicenses: No sublicenses.\n"
        "6. Transfer: No transfer of the license.\n"
        "7. People: One person.\n"
        "8. Fields of use: For every field of use.\n"
        "9. Media: In every medium.\n"
        "10. Territory: Everywhere.\n"
        "11. Time: Without a time limit.\n"
        "12. Exclusivity: Not exclusive, so that others may be licensed too.\n"
        "13. Banned uses: No kind of content or use is banned beyond these terms and the law.\n"
        "14. Ownership of results: What you make with it is yours.\n"
        "15. Credit: Credit the creator by name.\n"
        "16. Approval: No approval needed.\n"
        "17. Share-alike: No duty to share what you make under the same license.\n"
        "18. Royalty: No royalty on what works made from it earn.\n"
        "\n"
        "In these terms, “you” are the licensee, “it” is the licensed work, and “the creator” is who grants the"
        " license. Commercial use is every use that is meant to earn money; revenue is all that the licensee took in"
        " during its last business year; people are those who work with the files; a finished product is one from which"
        " the files cannot be taken out by ordinary means; a day is a day in UTC.\n"
        "\n"
        "What is not allowed here is not allowed.\n"
    )
    assert text_of(replace(personal, name="Lantern Films"), "en").startswith("License terms “Lantern Films”\n")
    assert digest_of(personal) in text_of(personal, "zh-hans")


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            READY["studio"],
            "Up to 30 people · Commercial use by persons who work for themselves, and by licensees with a revenue of"
            " up to US$1,000,000 a year",
        ),
        (READY["cc0-1.0"], "Any number of people · Commercial use, whatever the revenue"),
        (
            replace(READY["exclusive"], territory=only("CN")),
            "Any number of people · Commercial use, whatever the revenue · Exclusive"
            " · For 365 days from the day of the grant on · Only in China",
        ),
    ],
)
def test_terms_are_summed_up_in_one_line(one: Terms, said: str) -> None:
    assert summary_text(one) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"starts": "2026-11-28"}, "From Nov 28, 2026 on, without a last day"),
        ({"ends": "2026-11-28"}, "Until Nov 28, 2026, that day included"),
        ({"starts": "2026-11-28", "ends": "2026-11-28"}, "From Nov 28, 2026 until Nov 28, 2026, both days included"),
        ({"duration_days": 1}, "For one day from the day of the grant on"),
        ({"starts": "2026-11-28", "duration_days": 9}, "From Nov 28, 2026 on, for 9 days from the day of the grant on"),
        (
            {"ends": "2026-11-28", "duration_days": 9},
            "For 9 days from the day of the grant on, at the latest until Nov 28, 2026, that day included",
        ),
    ],
)
def test_times_are_said_whole(change: dict[str, object], said: str) -> None:
    (time,) = [right for right in rights_in(replace(READY["personal"], **change)) if right.dimension == "duration_days"]  # type: ignore[arg-type]

    assert sentence(time) == said


def test_what_to_take_instead_has_the_name_that_people_read() -> None:
    template = "Take the offer “%(name)s” for %(layer)s."
    with translation.override("zh-hans"):
        assert change_text(Words(template, {"name": "studio", "layer": "sea"})) == "为sea选用授权方案“工作室”。"
        assert change_text(Words(template, {"name": "Mine", "layer": "sea"})) == "为sea选用授权方案“Mine”。"
    with translation.override("en"):
        assert change_text(Words(template, {"name": "cc0-1.0", "layer": "sea"})) == (
            "Take the offer “CC0 1.0” for sea."
        )
        assert change_text(Words("Ask for less.")) == "Ask for less."


def test_values_are_written_as_each_language_does() -> None:
    words = Words(
        "%(list)s; %(number)s; %(day)s; %(share)s",
        {
            "list": Listed((Words("film"), Written("country", "CN"), "x")),
            "number": Written("number", 1_000_000),
            "day": Written("day", date(2026, 11, 28).isoformat()),
            "share": Written("share", 52_500_000),
        },
    )

    assert str(words) == "film, CN, and x; 1,000,000; 2026-11-28; 5.25%"
    assert sentence(words) == "film, China, and x; 1,000,000; Nov 28, 2026; 5.25%"
    with translation.override("zh-hans"):
        assert sentence(words).endswith("中国和x; 1,000,000; 2026年11月28日; 5.25%")
    assert str(Listed(("a", "b"))) == "a and b"
    assert str(Listed(("a",))) == "a"


@pytest.mark.parametrize(
    ("change", "dimension", "sentence_"),
    [
        (
            {"commercial": "some"},
            "commercial",
            "It must be one of none, personal, limited, full, not “some”.",
        ),
        ({"seats": -1}, "seats", "It must be a whole number from 0 to 1000000."),
        ({"seats": True}, "seats", "It must be a whole number from 0 to 1000000."),
        (
            {"commercial": "limited"},
            "revenue_cap_usd",
            "A revenue cap goes with limited commercial use, and only with it.",
        ),
        (
            {"revenue_cap_usd": 5},
            "revenue_cap_usd",
            "A revenue cap goes with limited commercial use, and only with it.",
        ),
        ({"credit_required": False, "credit_line": "Alice"}, "credit_line", "A credit line goes with required credit."),
        (
            {"share_alike": "CC-BY-SA-4.0"},
            "share_alike",
            "Share-alike is about changed works that are shared, which these terms do not allow.",
        ),
        ({"royalty_ppb": 5}, "royalty_ppb", "A royalty is about earnings, which these terms do not allow."),
        ({"royalty_basis": "profit"}, "royalty_basis", "What a royalty is counted of goes with a royalty."),
        (
            {"exclusive": True, "redistribution": "raw"},
            "exclusive",
            "What may be passed on to anybody cannot be exclusive.",
        ),
        (
            {"sublicense_depth": 1},
            "sublicense_depth",
            "A sublicense passes the work on, which these terms do not allow.",
        ),
        ({"starts": "2027-01-01", "ends": "2026-12-31"}, "ends", "The last day is before the first one."),
    ],
)
def test_terms_that_contradict_themselves_are_refused(
    change: dict[str, object], dimension: str, sentence_: str
) -> None:
    with pytest.raises(ContradictoryTerms) as refusal:
        replace(READY["personal"], **change)  # type: ignore[arg-type]

    assert (refusal.value.dimension, str(refusal.value)) == (dimension, sentence_)
