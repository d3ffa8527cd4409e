"""May Carol's studio do it? Judged against an oracle of deeds, and told in stories."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings

from marketplace.licensing.terms.asking import RULES, Duties, Refusal, ask
from marketplace.licensing.terms.lattice import Credit, Layer, Royalty, clashes, compose
from marketplace.licensing.terms.model import EVERYTHING, Scope, Terms, Use, all_but, only
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.terms.using import UnreadableUse
from marketplace.licensing.terms.vocabulary import MEDIA
from marketplace.licensing.terms.words import rights_in
from marketplace.ui.formats import sentence
from marketplace.ui.words import Words
from tests.licensing.terms import small

FILM = Use(
    territory=only("CN"),
    fields=only("film"),
    media=only("video"),
    starts="2026-01-01",
    ends="2026-12-31",
)
ANY = Terms("any", territory=EVERYTHING, fields=EVERYTHING, media=EVERYTHING, output_owner="licensee")


@settings(max_examples=500)
@given(small.uses(), small.layers())
def test_answers_are_those_of_the_oracle(use: Use, layers: list[Layer]) -> None:
    answer = ask(use, layers)

    assert answer.allowed == (not small.clash(layers) and all(small.permits(layer.terms, use) for layer in layers))
    refusing = {name for refusal in answer.refusals if "clash" not in refusal.code for name in refusal.layers}
    assert refusing == {layer.name for layer in layers if not small.permits(layer.terms, use)}


@given(small.uses(), small.layers())
def test_a_use_is_allowed_where_it_is_below_the_meet_and_nothing_clashes(use: Use, layers: list[Layer]) -> None:
    composed = compose(layers)
    is_below = not any(rule.refuses(use, composed) for rule in RULES)

    assert is_below == all(not rule.refuses(use, layer.terms) for layer in layers for rule in RULES)
    assert ask(use, layers).allowed == (is_below and not clashes(composed))


@settings(max_examples=200)
@given(small.uses(), small.layers(2, 4))
def test_another_layer_never_allows_more(use: Use, layers: list[Layer]) -> None:
    answers = [ask(use, layers[:count]) for count in range(1, len(layers) + 1)]

    for fewer, more in pairwise(answers):
        assert fewer.allowed or not more.allowed
        assert reasons(fewer.refusals) <= reasons(more.refusals)
        assert {one.code for one in fewer.refusals} <= {one.code for one in more.refusals}


@settings(max_examples=200)
@given(small.uses(), small.layers(2, 3))
def test_the_answer_is_the_same_for_layers_in_another_order(use: Use, layers: list[Layer]) -> None:
    assert ask(use, layers) == ask(use, layers[::-1])


@settings(max_examples=200)
@given(small.uses(), small.layers(1, 3))
def test_every_reason_is_said_whole_in_both_languages(use: Use, layers: list[Layer]) -> None:
    from django.utils.translation import override

    for refusal in ask(use, layers).refusals:
        assert "%(" not in str(refusal)
        for language in ("en", "zh-hans"):
            with override(language):
                assert "%(" not in sentence(refusal)


def reasons(refusals: tuple[Refusal, ...]) -> set[tuple[str, tuple[str, ...]]]:
    return {(refusal.code, refusal.layers) for refusal in refusals if not refusal.code.startswith("clash")}


def test_a_studio_may_use_what_each_of_its_licenses_allows() -> None:
    answer = ask(
        replace(FILM, commercial="limited", revenue_usd=1_000_000, derivatives="private", seats=30),
        [Layer("scene", "Alice", READY["studio"]), Layer("hero", "Bob", READY["enterprise"])],
    )

    assert answer.allowed
    assert answer.refusals == ()
    assert answer.duties == Duties(credits=(Credit("scene", ""),))


def test_an_answer_says_which_layer_refuses_in_which_dimension() -> None:
    answer = ask(
        replace(FILM, commercial="limited", revenue_usd=2_000_000, ai_training="own"),
        [Layer("scene", "Alice", READY["studio"]), Layer("hero", "Bob", READY["exclusive"])],
    )

    assert not answer.allowed
    assert [(one.dimension, one.code, one.layers) for one in answer.refusals] == [
        ("revenue_cap_usd", "revenue-cap-exceeded", ("scene",)),
        ("ai_training", "ai-training-not-allowed", ("hero",)),
    ]
    assert [str(one) for one in answer.refusals] == [
        f"scene says “{words_of(READY['studio'], 'commercial')}”, but you need commercial use by a company with a"
        " revenue of US$2,000,000 a year.",
        f"hero says “{words_of(READY['exclusive'], 'ai_training')}”, but you need to train models with it.",
    ]


def test_a_promise_that_is_missing_is_asked_for() -> None:
    answer = ask(replace(FILM, credited=False), [Layer("scene", "Alice", replace(ANY, credit_line="Alice Wu"))])

    assert [str(one) for one in answer.refusals] == [
        "scene says “Credit the creator with the line “Alice Wu””: promise that."
    ]


def words_of(terms: Terms, dimension: str) -> Words:
    """This will give what a license of these terms says, whatever its words are just now."""
    return next(Words(right.template, right.values) for right in rights_in(terms) if right.dimension == dimension)


GIVES = {"commercial": "full", "derivatives": "share", "redistribution": "raw"}
WANTS = [
    ({}, {"commercial": "personal"}, "commercial-not-allowed"),
    ({"commercial": "personal"}, {"commercial": "limited", "revenue_usd": 0}, "commercial-not-allowed"),
    (
        {"commercial": "limited", "revenue_cap_usd": 5},
        {"commercial": "limited", "revenue_usd": 6},
        "revenue-cap-exceeded",
    ),
    ({"commercial": "limited", "revenue_cap_usd": 5}, {"commercial": "full"}, "commercial-not-allowed"),
    ({}, {"derivatives": "private"}, "derivatives-not-allowed"),
    ({"derivatives": "private"}, {"derivatives": "share"}, "derivatives-not-allowed"),
    ({"ai_training": "own"}, {"ai_training": "share"}, "ai-training-not-allowed"),
    ({"redistribution": "in-product"}, {"redistribution": "raw"}, "redistribution-not-allowed"),
    ({"seats": 5}, {"seats": 6}, "seats-exceeded"),
    ({"seats": 5}, {"seats": 0}, "seats-exceeded"),
    ({**GIVES, "sublicense_depth": 1}, {"sublicense_depth": 2}, "sublicense-depth-exceeded"),
    ({**GIVES, "sublicense_depth": 254}, {"sublicense_depth": 255}, "sublicense-depth-exceeded"),
    ({}, {"transferable": True}, "transfer-not-allowed"),
    ({}, {"exclusive": True}, "not-exclusive"),
    ({"territory": only("JP", "US")}, {}, "territory-not-allowed"),
    ({"territory": all_but("CN")}, {}, "territory-not-allowed"),
    ({"territory": only("CN", "US")}, {"territory": all_but("US")}, "territory-not-allowed"),
    ({"fields": all_but("advertising")}, {"fields": EVERYTHING}, "fields-not-allowed"),
    ({"fields": all_but("film", "game")}, {"fields": all_but("game")}, "fields-not-allowed"),
    ({"media": only("video")}, {"media": only("video", "print")}, "media-not-allowed"),
    ({"media": only(*MEDIA)}, {"media": EVERYTHING}, "media-not-allowed"),
    ({"starts": "2026-01-02"}, {}, "starts-too-early"),
    ({"starts": "2026-01-01"}, {"starts": ""}, "starts-too-early"),
    ({"ends": "2026-12-30"}, {}, "ends-too-late"),
    ({"ends": "2999-12-31"}, {"ends": ""}, "ends-too-late"),
    ({"duration_days": 364}, {}, "duration-exceeded"),
    ({"duration_days": 365}, {"ends": ""}, "duration-exceeded"),
    ({"duration_days": 365}, {"starts": ""}, "duration-exceeded"),
    ({"banned": frozenset({"violent", "nft"})}, {"content": frozenset({"violent"})}, "use-banned"),
    ({"approval_required": True}, {"approved": False}, "approval-missing"),
    ({}, {"credited": False}, "credit-missing"),
    ({"output_owner": "shared"}, {"output_owner": "licensee"}, "output-owner-not-allowed"),
    ({"output_owner": "provider"}, {"output_owner": "shared"}, "output-owner-not-allowed"),
    ({**GIVES, "share_alike": "X"}, {"derivatives": "share"}, "share-alike-missing"),
    ({**GIVES, "share_alike": "X"}, {"derivatives": "share", "share_alike": "Y"}, "share-alike-missing"),
]


@pytest.mark.parametrize("gives, wants, code", WANTS)
def test_each_dimension_refuses_for_itself(gives: dict, wants: dict, code: str) -> None:
    answer = ask(replace(FILM, **wants), [Layer("scene", "Alice", replace(ANY, **gives))])

    assert [refusal.code for refusal in answer.refusals] == [code]
    assert [refusal.layers for refusal in answer.refusals] == [("scene",)]
    assert answer.refusals[0].dimension in [rule.dimension for rule in RULES if rule.code == code]


def test_every_rule_is_told_of() -> None:
    assert {code for _gives, _wants, code in WANTS} == {rule.code for rule in RULES}


@pytest.mark.parametrize(
    "gives, wants",
    [
        ({"commercial": "limited", "revenue_cap_usd": 5}, {"commercial": "limited", "revenue_usd": 5}),
        ({"commercial": "limited", "revenue_cap_usd": 5}, {"commercial": "personal", "revenue_usd": 6}),
        ({"commercial": "full"}, {"commercial": "limited", "revenue_usd": 2**53 - 1}),
        ({"seats": 0}, {"seats": 0}),
        ({**GIVES, "sublicense_depth": 255}, {"sublicense_depth": 255}),
        ({}, {"territory": EVERYTHING, "fields": all_but("film"), "starts": "", "ends": ""}),
        ({"territory": all_but("US")}, {"territory": all_but("US", "JP")}),
        ({"starts": "2026-01-01", "ends": "2026-12-31", "duration_days": 365}, {}),
        ({"banned": frozenset({"nft"})}, {"content": frozenset({"violent"})}),
        ({"approval_required": True}, {"approved": True}),
        ({"credit_required": False}, {"credited": False}),
        ({"output_owner": "shared"}, {"output_owner": "shared"}),
        ({**GIVES, "share_alike": "X"}, {"derivatives": "share", "share_alike": "X"}),
        ({**GIVES, "share_alike": "X"}, {"derivatives": "private", "share_alike": "Y"}),
        (GIVES, {"derivatives": "share", "share_alike": "Y"}),
    ],
)
def test_each_dimension_allows_up_to_its_value(gives: dict, wants: dict) -> None:
    assert ask(replace(FILM, **wants), [Layer("scene", "Alice", replace(ANY, **gives))]).refusals == ()


def test_a_clash_refuses_what_each_layer_allows() -> None:
    scene = Layer("scene", "Alice", replace(ANY, derivatives="share", share_alike="CC-BY-SA-4.0"))
    hero = Layer("hero", "Bob", replace(ANY, derivatives="share", share_alike="GPL-3.0-only"))

    assert ask(FILM, [scene]).allowed
    assert ask(FILM, [hero]).allowed
    assert [one.code for one in ask(FILM, [scene, hero]).refusals] == ["clash-share-alike"]


def test_duties_are_those_that_the_use_brings_with_it() -> None:
    scene = replace(
        READY["openrail-m"], credit_required=True, credit_line="Night Market by Alice", royalty_ppb=50_000_000
    )
    hero = replace(
        ANY,
        commercial="full",
        derivatives="share",
        ai_training="own",
        share_alike="CC-BY-SA-4.0",
        approval_required=True,
        royalty_ppb=20_000_000,
        royalty_basis="profit",
    )
    layers = [Layer("scene", "Alice", scene), Layer("hero", "Bob", hero)]
    use = replace(FILM, commercial="full", derivatives="share", share_alike="CC-BY-SA-4.0", approved=True)
    duties = Duties(
        credits=(Credit("hero", ""), Credit("scene", "Night Market by Alice")),
        approvals=("hero",),
        royalties=(Royalty("hero", "profit", 20_000_000), Royalty("scene", "revenue", 50_000_000)),
        share_alike="CC-BY-SA-4.0",
        banned=tuple(sorted(READY["openrail-m"].banned)),
    )

    assert ask(use, layers).allowed
    assert ask(use, layers).duties == duties
    # What earns nothing, or neither changes nor trains, owes no royalty; what is not shared is not shared alike.
    assert ask(replace(use, commercial="none"), layers).duties == replace(duties, royalties=())
    assert ask(replace(use, derivatives="none"), layers).duties == replace(duties, royalties=(), share_alike="")
    assert ask(replace(use, derivatives="none", ai_training="own"), layers).duties == replace(duties, share_alike="")


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"commercial": "some"}, "It must be one of none, personal, limited, full, not “some”."),
        ({"output_owner": ""}, "It must be one of licensee, shared, provider, not “”."),
        ({"revenue_usd": -1}, "It must be a whole number from 0 to 9007199254740991."),
        ({"seats": True}, "It must be a whole number from 0 to 1000000."),
        ({"sublicense_depth": 256}, "It must be a whole number from 0 to 255."),
        ({"exclusive": 1}, "It must be true or false."),
        ({"territory": Scope()}, "Say in which countries; a use that is nowhere cannot be judged."),
        ({"territory": only("XX", "CN")}, "“XX” is no word that it knows."),
        ({"fields": Scope()}, "Say for which fields of use; a use for nothing cannot be judged."),
        ({"media": Scope(MEDIA, True)}, "Say in which media; a use that has no form cannot be judged."),
        ({"content": frozenset({"harmless"})}, "“harmless” is no word that it knows."),
        ({"starts": "2026-1-1"}, "It must be a day such as 2026-11-28, or empty."),
        ({"starts": None}, "It must be a day such as 2026-11-28, or empty."),
        ({"ends": "2026-02-30"}, "It must be a day such as 2026-11-28, or empty."),
        ({"ends": "2025-12-31"}, "The last day is before the first one."),
        ({"share_alike": "a\nb"}, "It must be one line of at most 200 characters."),
    ],
)
def test_a_question_that_cannot_be_judged_says_why(wrong: dict, said: str) -> None:
    with pytest.raises(UnreadableUse) as refused:
        ask(replace(FILM, **wrong), [Layer("scene", "Alice", ANY)])

    assert str(refused.value) == said
    assert refused.value.where in wrong
    assert refused.value.findings == (refused.value,)


def test_what_the_layers_allow_together_comes_with_the_answer() -> None:
    layers = [Layer("scene", "Alice", READY["studio"]), Layer("hero", "Bob", READY["personal"])]

    assert ask(FILM, layers).composed == compose(layers)


def test_a_cap_is_told_also_where_another_layer_allows_even_less() -> None:
    use = replace(FILM, commercial="limited", revenue_usd=6)
    capped = Layer("scene", "Alice", replace(ANY, commercial="limited", revenue_cap_usd=5, credit_required=False))
    roomy = Layer("sound", "Alice", replace(ANY, commercial="limited", revenue_cap_usd=6, credit_required=False))
    lower = Layer("hero", "Bob", replace(ANY, commercial="personal", credit_required=False))

    answer = ask(use, [capped, roomy, lower])

    assert [(one.code, one.layers) for one in answer.refusals] == [
        ("commercial-not-allowed", ("hero",)),
        ("revenue-cap-exceeded", ("scene",)),
    ]
