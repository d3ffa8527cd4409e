"""The meet is one: order, grouping and repetition make no difference, and another layer never allows more."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.licensing.terms.lattice import (
    Claim,
    Composed,
    Credit,
    Label,
    Layer,
    Royalty,
    UnableToCompose,
    clashes,
    compose,
    meet,
)
from marketplace.licensing.terms.model import EVERYTHING, Scope, Terms, all_but, only
from marketplace.licensing.terms.ready import READY
from tests.licensing import making_terms
from tests.licensing.terms import small

ANY = Terms("any", territory=EVERYTHING, fields=EVERYTHING, media=EVERYTHING, output_owner="licensee")


def some_layers(least: int = 1, most: int = 5) -> st.SearchStrategy[list[Layer]]:
    """This will give layers of any terms, large and small, with names of their own."""
    anything = st.one_of(making_terms.terms(), small.terms(), st.sampled_from(list(READY.values())))
    ones = st.lists(st.tuples(st.sampled_from(["Alice", "Bob", "李白"]), anything), min_size=least, max_size=most)
    return ones.map(lambda given: [Layer(f"layer{place}", *one) for place, one in enumerate(given)])


def alone(layer: Layer) -> Composed:
    return compose([layer])


@given(some_layers(2, 2))
def test_order_makes_no_difference(layers: list[Layer]) -> None:
    a, b = map(alone, layers)

    assert meet(a, b) == meet(b, a)


@given(some_layers(3, 3))
def test_grouping_makes_no_difference(layers: list[Layer]) -> None:
    a, b, c = map(alone, layers)

    assert meet(a, meet(b, c)) == meet(meet(a, b), c)


@given(some_layers(1, 4))
def test_repetition_makes_no_difference(layers: list[Layer]) -> None:
    composed = compose(layers)

    assert meet(composed, composed) == composed
    assert compose([*layers, *layers]) == composed


@given(some_layers(1, 5), st.randoms(use_true_random=False))
def test_composing_is_the_meet_of_all_layers_in_whatever_order(layers: list[Layer], chance: object) -> None:
    shuffled = list(layers)
    chance.shuffle(shuffled)

    assert compose(shuffled) == compose(layers) == reduce(meet, map(alone, shuffled))
    assert clashes(compose(shuffled)) == clashes(compose(layers))


@given(some_layers(1, 4), some_layers(1, 1))
def test_what_clashes_still_clashes_with_one_more(layers: list[Layer], more: list[Layer]) -> None:
    one = Layer("one more", more[0].party, more[0].terms)

    before, after = ({clash.code for clash in clashes(compose(given))} for given in (layers, [*layers, one]))

    assert before <= after


@given(small.layers(1, 4))
def test_layers_clash_where_no_deed_is_left_or_their_wants_cannot_all_be(layers: list[Layer]) -> None:
    assert bool(clashes(compose(layers))) == small.clash(layers)


def layer(name: str = "scene", party: str = "Alice", **values: object) -> Layer:
    return Layer(name, party, Terms(**{**vars(ANY), **values}))


def test_values_are_the_least_of_the_layers_and_what_is_owed_keeps_its_layer() -> None:
    scene = layer(
        "scene",
        commercial="limited",
        revenue_cap_usd=500_000,
        derivatives="share",
        share_alike="CC-BY-SA-4.0",
        seats=0,
        territory=all_but("US"),
        starts="2026-03-01",
        banned=frozenset({"nft"}),
        credit_line="Night Market by Alice",
        royalty_ppb=50_000_000,
    )
    hero = layer(
        "hero",
        "Bob",
        commercial="limited",
        revenue_cap_usd=100_000,
        derivatives="private",
        seats=5,
        territory=only("CN", "US"),
        ends="2026-12-31",
        duration_days=90,
        approval_required=True,
        output_owner="shared",
    )

    composed = compose([scene, hero])

    assert composed == Composed(
        layers=(hero, scene),
        commercial="limited",
        revenue_cap_usd=100_000,
        derivatives="private",
        ai_training="none",
        redistribution="none",
        seats=5,
        sublicense_depth=0,
        transferable=False,
        exclusive=False,
        territory=only("CN"),
        fields=EVERYTHING,
        media=EVERYTHING,
        starts="2026-03-01",
        ends="2026-12-31",
        duration_days=90,
        banned=frozenset({"nft"}),
        output_owner="shared",
        credits=frozenset({Credit("scene", "Night Market by Alice"), Credit("hero", "")}),
        approvals=frozenset({"hero"}),
        royalties=frozenset({Royalty("scene", "revenue", 50_000_000)}),
        labels=frozenset({Label("scene", "CC-BY-SA-4.0")}),
        claims=frozenset({Claim("hero", "Bob", "shared")}),
    )
    assert clashes(composed) == ()


@pytest.mark.parametrize(
    "hers, his, code, said",
    [
        (
            {"territory": only("CN")},
            {"territory": only("JP")},
            "clash-territory",
            "There is no country where hero and scene may be used together; swap one of them.",
        ),
        (
            {"fields": only("film")},
            {"fields": all_but("film")},
            "clash-fields",
            "There is no field of use that hero and scene have in common; swap one of them.",
        ),
        (
            {"media": only("video")},
            {"media": only("print", "text")},
            "clash-media",
            "There is no medium that hero and scene have in common; swap one of them.",
        ),
        (
            {"ends": "2026-06-30"},
            {"starts": "2026-07-01"},
            "clash-days",
            "There is no common day: scene ends on 2026-06-30, hero starts on 2026-07-01; swap one of them.",
        ),
        (
            {"output_owner": "provider"},
            {"output_owner": "shared"},
            "clash-output-owner",
            "What is made with hero and scene cannot belong to one of their creators alone; swap one of them.",
        ),
        (
            {"derivatives": "share", "share_alike": "CC-BY-SA-4.0"},
            {"derivatives": "share", "share_alike": "GPL-3.0-only"},
            "clash-share-alike",
            "Changed works of hero and scene must be shared under different licenses: CC-BY-SA-4.0 and GPL-3.0-only;"
            " swap one of them.",
        ),
        (
            {"commercial": "full", "derivatives": "private", "royalty_ppb": 600_000_000},
            {"commercial": "full", "derivatives": "private", "royalty_ppb": 400_000_001},
            "clash-royalties-of-revenue",
            "hero and scene together take 100.0000001% of the revenue, which is more than all of it; swap one of them.",
        ),
    ],
)
def test_a_clash_says_between_whom_and_why(hers: dict, his: dict, code: str, said: str) -> None:
    found = clashes(compose([layer("scene", "Alice", **hers), layer("hero", "Bob", **his)]))

    assert [(clash.code, clash.layers, str(clash)) for clash in found] == [(code, ("hero", "scene"), said)]


def test_what_only_looks_like_a_clash_is_none() -> None:
    royal = {"commercial": "full", "derivatives": "share"}
    fitting = [
        ({"output_owner": "shared"}, {"output_owner": "shared"}, "Bob"),
        ({"output_owner": "provider"}, {"output_owner": "licensee"}, "Bob"),
        ({"output_owner": "provider"}, {"output_owner": "provider"}, "Alice"),
        ({"ends": "2026-07-01"}, {"starts": "2026-07-01"}, "Bob"),
        ({"derivatives": "share", "share_alike": "X"}, {"derivatives": "share", "share_alike": "X"}, "Bob"),
        ({**royal, "royalty_ppb": 600_000_000}, {**royal, "royalty_ppb": 400_000_000}, "Bob"),
        (
            {**royal, "royalty_ppb": 600_000_000},
            {**royal, "royalty_ppb": 600_000_000, "royalty_basis": "profit"},
            "Bob",
        ),
    ]
    for hers, his, party in fitting:
        assert clashes(compose([layer("scene", "Alice", **hers), layer("hero", party, **his)])) == ()


def test_terms_that_allow_nothing_clash_with_themselves() -> None:
    found = clashes(compose([Layer("scene", "Alice", Terms("nothing"))]))

    assert [clash.code for clash in found] == ["clash-territory", "clash-fields", "clash-media"]


def test_a_scope_without_all_that_is_known_is_empty() -> None:
    from marketplace.licensing.terms.vocabulary import MEDIA

    found = clashes(compose([layer(media=Scope(MEDIA, True))]))

    assert [clash.code for clash in found] == ["clash-media"]


def test_no_layer_is_no_answer() -> None:
    with pytest.raises(UnableToCompose, match="There is no layer whose license could be asked; name at least one."):
        compose([])


def test_two_layers_of_one_name_cannot_be_told_apart() -> None:
    with pytest.raises(UnableToCompose, match="Two layers are called “scene”; give each its own name."):
        compose([layer("scene", "Alice"), layer("scene", "Bob")])
    with pytest.raises(UnableToCompose):
        meet(compose([layer("scene", seats=2)]), compose([layer("scene", seats=3)]))
