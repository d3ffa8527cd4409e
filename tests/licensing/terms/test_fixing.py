"""What Carol can do about a refusal: the fewest changes at the lowest price, beside all that there are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.licensing.terms import choosing
from marketplace.licensing.terms.asking import ask
from marketplace.licensing.terms.choosing import Alternative
from marketplace.licensing.terms.fixing import Fix, fixes
from marketplace.licensing.terms.lattice import Layer, UnableToCompose
from marketplace.licensing.terms.model import EVERYTHING, Terms, Use, only
from marketplace.licensing.terms.ready import READY
from tests.licensing.terms import small

FILM = Use(
    territory=only("CN"),
    fields=only("film"),
    media=only("video"),
    starts="2026-01-01",
    ends="2026-12-31",
)
ANY = Terms("any", territory=EVERYTHING, fields=EVERYTHING, media=EVERYTHING, output_owner="licensee")
Alternatives = Mapping[str, Sequence[Alternative]]
Taken = tuple[Alternative | None, ...]


def offer(name: str, terms: Terms, price_minor: int, currency: str = "USD", party: str = "Alice") -> Alternative:
    return Alternative("offer", name, party, terms, price_minor, currency, f"{name}-{currency}")


def pack(name: str, terms: Terms, price_minor: int, currency: str = "USD", party: str = "Bob") -> Alternative:
    return Alternative("pack", name, party, terms, price_minor, currency, f"{name}-{currency}")


def told(fix: Fix) -> tuple[str, list[str], tuple[tuple[str, int], ...]]:
    return fix.kind, [str(change.words) for change in fix.changes], fix.prices


def test_carol_learns_what_each_way_out_costs() -> None:
    layers = [Layer("scene", "Alice", READY["personal"]), Layer("hero", "Bob", READY["studio"])]
    alternatives = {
        "scene": [
            offer("Studio", READY["studio"], 18_000),
            offer("Studio", READY["studio"], 130_000, "CNY"),
            offer("Enterprise", READY["enterprise"], 90_000),
            pack("Neon Harbor", READY["cc0-1.0"], 0),
        ]
    }
    use = replace(FILM, commercial="limited", revenue_usd=400_000)

    found = fixes(use, layers, alternatives)

    assert [told(fix) for fix in found] == [
        ("offer", ["Take the offer “Studio” for scene."], (("CNY", 130_000),)),
        ("offer", ["Take the offer “Studio” for scene."], (("USD", 18_000),)),
        ("pack", ["Use “Neon Harbor” instead of scene."], ()),
        ("request", [], ()),
    ]
    assert found[0].changes[0].to.key == "Studio-CNY"
    assert found[2].layers == (layers[1], Layer("scene", "Bob", READY["cc0-1.0"]))
    assert found[3].use == replace(use, commercial="none", revenue_usd=0)
    assert all(fix.answer.allowed and fix.is_smallest for fix in found)
    assert found[0].answer == ask(use, found[0].layers)


def test_what_is_allowed_needs_no_fix() -> None:
    assert fixes(FILM, [Layer("scene", "Alice", ANY)], {"scene": [offer("Any", ANY, 0)]}) == []


def test_where_nothing_helps_nothing_is_told() -> None:
    layers = [Layer("scene", "Alice", replace(ANY, territory=only("JP")))]

    assert fixes(FILM, layers, {"scene": [offer("Also Japan", replace(ANY, territory=only("JP")), 1)]}) == []


def test_amounts_of_different_currencies_are_not_added() -> None:
    layers = [Layer("scene", "Alice", READY["personal"]), Layer("hero", "Bob", READY["personal"])]
    studio = READY["studio"]
    alternatives = {
        "scene": [offer("Studio", studio, 100, "USD"), offer("Studio", studio, 700, "CNY")],
        "hero": [offer("Studio", studio, 50, "USD"), offer("Studio", studio, 90, "EUR")],
    }
    use = replace(FILM, commercial="personal")

    # One currency that does it all goes before two.
    assert [fix.prices for fix in fixes(use, layers, alternatives) if fix.kind == "offer"] == [(("USD", 150),)]

    alternatives["hero"] = alternatives["hero"][1:]
    assert [fix.prices for fix in fixes(use, layers, alternatives) if fix.kind == "offer"] == [
        (("CNY", 700), ("EUR", 90)),
        (("EUR", 90), ("USD", 100)),
    ]


def test_a_clash_is_mended_by_the_fewest_changes_also_of_layers_that_refuse_nothing() -> None:
    def alike(label: str) -> Terms:
        return replace(ANY, derivatives="share", share_alike=label)

    layers = [
        Layer("scene", "Alice", alike("CC-BY-SA-4.0")),
        Layer("hero", "Bob", alike("GPL-3.0-only")),
        Layer("style", "Bob", alike("GPL-3.0-only")),
    ]
    free = replace(ANY, derivatives="share")
    alternatives = {
        "scene": [offer("Free", free, 900)],
        "hero": [offer("Free", free, 1)],
        "style": [offer("Free", free, 1)],
    }

    assert [told(fix) for fix in fixes(FILM, layers, alternatives)] == [
        ("offer", ["Take the offer “Free” for scene."], (("USD", 900),))
    ]


def test_royalties_above_the_whole_are_mended_by_the_cheapest_set_that_fits() -> None:
    def owing(share_ppb: int) -> Terms:
        return replace(ANY, commercial="full", derivatives="share", royalty_ppb=share_ppb)

    layers = [Layer(f"layer{place}", "Alice", owing(300_000_000)) for place in range(4)]
    alternatives = {
        "layer0": [offer("A little less", owing(200_000_000), 1)],
        "layer1": [offer("Less", owing(100_000_000), 9)],
        "layer2": [offer("Less", owing(100_000_000), 7), offer("None", owing(0), 8)],
    }

    assert [told(fix) for fix in fixes(FILM, layers, alternatives)] == [
        ("offer", ["Take the offer “Less” for layer2."], (("USD", 7),))
    ]


def test_of_two_at_the_same_price_the_name_decides() -> None:
    layers = [Layer("scene", "Alice", READY["personal"])]
    alternatives = {"scene": [offer("B", READY["studio"], 5), offer("A", READY["studio"], 5)]}

    found = fixes(replace(FILM, commercial="personal"), layers, alternatives)

    assert [change.to.name for change in found[0].changes] == ["A"]


def test_an_alternative_to_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnableToCompose, match="There is no layer “hero” that could be changed."):
        fixes(replace(FILM, exclusive=True), [Layer("scene", "Alice", ANY)], {"hero": []})


@st.composite
def questions(draw: st.DrawFn) -> tuple[Use, list[Layer], Alternatives]:
    """This will give a use, up to four layers, and up to three alternatives for each."""
    chance = small.Chance(draw(st.integers(0, 2**64)))
    layers = small.layers_by(chance, 1, 4)
    alternatives = {
        layer.name: [
            Alternative(
                kind=chance.choice(["offer", "pack"]),
                name=chance.choice(["A", "B", "C"]),
                party=chance.choice(small.PARTIES),
                terms=small.terms_by(chance),
                price_minor=chance.choice([0, 1, 2, 3]),
                currency=chance.choice(["CNY", "USD"]),
                key=str(place),
            )
            for place in range(chance.randint(0, 3))
        ]
        for layer in layers
    }
    return small.use_by(chance), layers, alternatives


@settings(max_examples=200)
@given(questions())
def test_fixes_are_the_smallest_of_all_that_there_are(question: tuple[Use, list[Layer], Alternatives]) -> None:
    use, layers, alternatives = question

    found = fixes(use, layers, alternatives)

    assert [fix.answer.allowed for fix in found] == [True] * len(found)
    if ask(use, layers).allowed:
        assert found == []
        return
    ways = list(legal(use, layers, alternatives))
    offers = [way for way in ways if packs(way) == 0]
    fewest = min(map(changes, ways), default=0)
    others = [way for way in ways if packs(way) and changes(way) == fewest]
    for kind, expected in (("offer", smallest(offers)), ("pack", smallest(others))):
        given = [(fix.prices, [(one.layer, one.to) for one in fix.changes]) for fix in found if fix.kind == kind]
        assert given == [
            (prices, [(layer.name, to) for layer, to in zip(layers, way, strict=True) if to])
            for prices, way in expected
        ]


def legal(use: Use, layers: list[Layer], alternatives: Alternatives) -> Iterator[Taken]:
    """This will try everything."""
    for way in product(*([None, *alternatives[layer.name]] for layer in layers)):
        after = [Layer(one.name, to.party, to.terms) if to else one for one, to in zip(layers, way, strict=True)]
        if not small.clash(after) and all(small.permits(layer.terms, use) for layer in after):
            yield way


def changes(way: Taken) -> int:
    return sum(to is not None for to in way)


def packs(way: Taken) -> int:
    return sum(to is not None and to.kind == "pack" for to in way)


def prices(way: Taken) -> dict[str, int]:
    sums = {"CNY": 0, "USD": 0}
    for to in way:
        if to:
            sums[to.currency] += to.price_minor
    return sums


def smallest(ways: list[Taken]) -> list[tuple[tuple[tuple[str, int], ...], Taken]]:
    """This will give, as the page about composing says, the best at each price that no other one undercuts."""

    def rank(way: Taken) -> tuple[int, int, int]:
        return changes(way), packs(way), sum(amount > 0 for amount in prices(way).values())

    def names(way: Taken) -> list[tuple[str, ...]]:
        return [(to.name, to.kind, to.key, to.party) if to else () for to in way]

    best = [way for way in ways if rank(way) == min(map(rank, ways))]
    kept: dict[tuple[int, ...], Taken] = {}
    for way in sorted(best, key=names):
        kept.setdefault(tuple(prices(way).values()), way)
    undercut = [
        price
        for price in kept
        if any(other != price and all(a <= b for a, b in zip(other, price, strict=True)) for other in kept)
    ]
    found = [
        (tuple((name, amount) for name, amount in prices(way).items() if amount), way)
        for price, way in kept.items()
        if price not in undercut
    ]
    return sorted(found, key=lambda one: one[0])


def test_a_search_that_is_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "MOST_KEPT", 1)
    layers = [Layer(f"layer{place}", "Alice", READY["personal"]) for place in range(3)]
    cheap, dear = (replace(READY["studio"], royalty_ppb=share_ppb) for share_ppb in (400_000_000, 100_000_000))
    alternatives = {layer.name: [offer("Cheap", cheap, 1), offer("Dear", dear, 5)] for layer in layers}

    found = fixes(replace(FILM, commercial="personal"), layers, alternatives)

    assert [(fix.kind, fix.prices, fix.is_smallest, fix.answer.allowed) for fix in found] == [
        ("offer", (("USD", 7),), False, True),
        ("request", (), True, True),
    ]
