"""What a license allows, as data and in words."""

import json
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from marketplace.licensing import rules

# A digest in somebody's certificate must never come to mean other terms: these stand for ever.
KNOWN = {
    "personal": "c1a437ce386610d43f881dd63e222d8096fe02e5edafb364c95e3f4104b8756f",
    "studio": "9322f6a5e02ad93d35aad9700b2843dfd8d491f0890cf5d4b6b2345ecb31b038",
    "enterprise": "a168199f31c11b352cb98c866c01653bc0eb583107b0f05267aeadcb9410cf34",
}


@st.composite
def terms(draw: st.DrawFn) -> rules.Terms:
    commercial = draw(st.sampled_from(rules.COMMERCIAL))
    return rules.Terms(
        name=draw(
            st.text(min_size=1, max_size=40).filter(lambda name: not any("\ud800" <= c <= "\udfff" for c in name))
        ),
        commercial=commercial,
        revenue_cap_usd=draw(st.integers(1, 2**53 - 1)) if commercial == "limited" else 0,
        derivatives=draw(st.sampled_from(rules.DERIVATIVES)),
        ai_training=draw(st.sampled_from(rules.AI_TRAINING)),
        redistribution=draw(st.sampled_from(rules.REDISTRIBUTION)),
        seats=draw(st.integers(0, 10_000)),
        credit_required=draw(st.booleans()),
    )


def test_the_ready_terms_keep_their_digests() -> None:
    assert {name: rules.digest(rules.terms_document(one)) for name, one in rules.READY.items()} == KNOWN


def test_nothing_is_allowed_by_default() -> None:
    rights = rules.rights_in(rules.Terms(name="bare"))

    assert [(right.allowed, right.template) for right in rights] == [
        (False, "No commercial use"),
        (False, "No changes to the work"),
        (False, "No AI training with it"),
        (False, "No passing on of the files"),
        (True, "One person"),
        (True, "Credit the creator by name"),
    ]


@given(terms())
def test_terms_are_written_and_read_back(one: rules.Terms) -> None:
    document = rules.terms_document(one)
    fields = json.loads(document)

    assert fields.pop("format") == "worldloom/terms/1"
    assert rules.Terms(**fields) == one
    assert rfc8785.dumps(json.loads(document)) == document


@given(terms(), terms())
def test_two_terms_have_one_digest_only_when_they_are_the_same(one: rules.Terms, other: rules.Terms) -> None:
    same = rules.digest(rules.terms_document(one)) == rules.digest(rules.terms_document(other))

    assert same is (one == other)


@given(terms())
def test_every_right_fills_its_template(one: rules.Terms) -> None:
    rights = rules.rights_in(one)

    assert len(rights) == 6
    for right in rights:
        assert "%(" not in right.template % right.values_dict()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"commercial": "some"}, "commercial must be one of none, limited, full, not 'some'."),
        ({"derivatives": ""}, "derivatives must be one of none, private, share, not ''."),
        ({"seats": -1}, "seats and revenue_cap_usd cannot be negative."),
        ({"commercial": "limited"}, "A revenue cap goes with limited commercial use, and only with it."),
        ({"revenue_cap_usd": 5}, "A revenue cap goes with limited commercial use, and only with it."),
        (
            {"commercial": "full", "revenue_cap_usd": 5},
            "A revenue cap goes with limited commercial use, and only with it.",
        ),
    ],
)
def test_terms_that_contradict_themselves_are_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError) as refusal:
        replace(rules.READY["personal"], **change)  # type: ignore[arg-type]

    assert str(refusal.value) == sentence


def test_a_commitment_hides_its_content_behind_a_salt() -> None:
    assert rules.licensee_document("Lantern Films", "aa") == (
        b'{"format":"worldloom/licensee/1","name":"Lantern Films","salt":"aa"}'
    )
    assert rules.price_document(100, "USD", "aa") == (
        b'{"currency":"USD","format":"worldloom/price/1","price_minor":100,"salt":"aa"}'
    )
