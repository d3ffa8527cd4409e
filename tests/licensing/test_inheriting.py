"""How far terms of a derived work may go, without a database."""

from dataclasses import replace

import pytest
from hypothesis import given

from marketplace.licensing.terms.inheriting import Basis, Parent, excesses, outlasts, wrong_with
from marketplace.licensing.terms.model import Terms, all_but, only
from marketplace.licensing.terms.ready import READY
from marketplace.ui.words import Words
from tests.licensing import making_terms

TODAY = "2026-11-28"
ENTERPRISE = READY["enterprise"]
CC_BY = READY["cc-by-4.0"]


def beyond(terms: Terms, basis: Terms) -> list[str]:
    return [one.dimension for one in excesses(terms, basis, today=TODAY)]


@given(making_terms.terms())
def test_terms_never_go_beyond_themselves_but_where_their_time_has_passed(terms: Terms) -> None:
    assert set(beyond(terms, terms)) <= {"duration_days"}
    if not terms.ends and not terms.duration_days and terms.starts <= TODAY:
        assert beyond(terms, terms) == []


@given(making_terms.terms())
def test_nothing_goes_beyond_cc0(terms: Terms) -> None:
    assert beyond(terms, READY["cc0-1.0"]) == []


def test_each_dimension_is_looked_at() -> None:
    cases = {
        "commercial": (replace(CC_BY), replace(CC_BY, commercial="none")),
        "ai_training": (CC_BY, replace(CC_BY, ai_training="own")),
        "redistribution": (CC_BY, replace(CC_BY, redistribution="in-product")),
        "derivatives": (replace(CC_BY, ai_training="own"), replace(CC_BY, derivatives="private", ai_training="own")),
        "fields": (CC_BY, replace(CC_BY, fields=only("film"))),
        "media": (CC_BY, replace(CC_BY, media=all_but("weights"))),
        "territory": (replace(CC_BY, territory=only("CN", "JP")), replace(CC_BY, territory=only("CN"))),
        "duration_days": (CC_BY, replace(CC_BY, ends="2027-01-31")),
        "banned": (replace(CC_BY, banned=frozenset({"crime"})), READY["openrail-m"]),
        "output_owner": (CC_BY, replace(CC_BY, output_owner="shared")),
        "credit_required": (READY["cc0-1.0"], CC_BY),
        "approval_required": (CC_BY, replace(CC_BY, approval_required=True)),
        "share_alike": (CC_BY, replace(CC_BY, share_alike="CC-BY-SA-4.0")),
    }
    assert {dimension: beyond(*pair) for dimension, pair in cases.items()} == {one: [one] for one in cases}


def test_the_revenue_cap_is_part_of_one_chain() -> None:
    small = replace(READY["studio"], revenue_cap_usd=100_000)
    assert beyond(READY["studio"], small) == ["commercial"]
    assert beyond(small, READY["studio"]) == []
    assert beyond(READY["studio"], ENTERPRISE) == []


def test_what_is_about_the_derived_work_alone_is_not_compared() -> None:
    wide = replace(CC_BY, seats=0, sublicense_depth=255, transferable=True)
    narrow = replace(CC_BY, seats=1, sublicense_depth=0, transferable=False)
    assert beyond(wide, narrow) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "too_long"),
    [
        ({}, {}, False),
        ({}, {"ends": "2027-01-31"}, True),
        ({"ends": "2027-01-31"}, {"ends": "2027-01-31"}, False),
        ({"ends": "2027-02-01"}, {"ends": "2027-01-31"}, True),
        ({}, {"starts": "2026-11-28"}, False),
        ({}, {"starts": "2026-11-29"}, True),
        ({"starts": "2026-12-01"}, {"starts": "2026-11-29"}, False),
        ({"duration_days": 30}, {"duration_days": 30}, False),
        ({"duration_days": 31}, {"duration_days": 30}, True),
        ({}, {"duration_days": 30}, True),
        ({"ends": "2026-12-27"}, {"duration_days": 30}, False),
        ({"ends": "2026-12-28"}, {"duration_days": 30}, True),
    ],
)
def test_a_license_ends_no_later_than_what_it_rests_on(
    mine: dict[str, object], theirs: dict[str, object], too_long: bool
) -> None:
    terms, basis = replace(CC_BY, **mine), replace(CC_BY, **theirs)  # type: ignore[arg-type]
    assert outlasts(terms, basis, today=TODAY) is too_long


def parent(*bases: Terms, share_ppb: int = 100_000_000) -> Parent:
    named = tuple(Basis(terms, Words("the offer “%(terms)s”", {"terms": terms.name})) for terms in bases)
    return Parent("alice/yunhai@1.0.0", share_ppb, named)


def said(offers: list[Terms], of: Parent) -> list[tuple[str, str]]:
    found = wrong_with(offers, of, today=TODAY)
    return [(one.where, str(Words(one.template, one.values))) for one in found]


def test_the_nearest_basis_speaks() -> None:
    far = replace(CC_BY, name="far", territory=only("FR"), fields=only("game"), commercial="none")
    near = replace(CC_BY, name="near", territory=only("CN"))
    assert said([READY["studio"]], parent(far, near)) == [
        (
            "offers",
            "The offer “studio” says “Everywhere”, but the offer “near” says “Only in CN”:"
            " allow less there, or get a license of it that allows more.",
        )
    ]
    assert said([READY["studio"]], parent(far, near, CC_BY)) == []


def test_what_may_not_be_shared_may_not_be_sold() -> None:
    assert said([READY["personal"], READY["studio"]], parent(READY["studio"])) == [
        (
            "offers",
            "Nothing made from alice/yunhai@1.0.0 may be sold, for the offer “studio” says “Change it for your own"
            " projects”: get a license of it that lets you share what you make, or leave the offers out.",
        )
    ]


def test_without_a_license_nothing_is_sold_and_without_an_offer_nothing_is_asked() -> None:
    assert said([READY["personal"]], parent()) == [
        (
            "offers",
            "alice/yunhai@1.0.0 has no offer to rely on, and you hold no license of it:"
            " get one, or leave the offers out.",
        )
    ]
    assert said([], parent()) == []


def test_the_royalty_is_owed_in_derived_from() -> None:
    royal = replace(CC_BY, name="royal", royalty_ppb=150_000_000)
    assert said([READY["studio"]], parent(royal)) == [
        (
            "derived_from",
            "Of what is made from alice/yunhai@1.0.0, the offer “royal” says “Pay the creator 15% of the revenue of"
            " every work made from it”, and it gets 10% here: raise its share.",
        )
    ]
    assert said([READY["studio"]], parent(royal, share_ppb=150_000_000)) == []
