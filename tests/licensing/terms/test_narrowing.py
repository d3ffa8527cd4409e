"""The most that is left of a request: never more than was asked, never less than is allowed."""

from dataclasses import fields, replace

from hypothesis import given, settings

from marketplace.licensing.terms.asking import ask, days_of
from marketplace.licensing.terms.lattice import Layer
from marketplace.licensing.terms.model import EVERYTHING, Terms, Use, all_but, only
from marketplace.licensing.terms.narrowing import Narrowed, narrowed
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.terms.vocabulary import SCALES
from marketplace.ui.formats import sentence
from tests.licensing.terms import small

OWNERS = ("provider", "shared", "licensee")
FILM = Use(
    territory=only("CN"),
    fields=only("film"),
    media=only("video"),
    starts="2026-01-01",
    ends="2026-12-31",
)
ANY = Terms("any", territory=EVERYTHING, fields=EVERYTHING, media=EVERYTHING, output_owner="licensee")


def is_below(less: Use, more: Use) -> bool:
    """This will say whether one use asks no more than another. Whatever is promised, no more is asked by that."""
    chain = [
        (SCALES["commercial"].index(use.commercial), use.commercial == "limited" and use.revenue_usd)
        for use in (less, more)
    ]
    return (
        chain[0] <= chain[1]
        and all(
            SCALES[scale].index(getattr(less, scale)) <= SCALES[scale].index(getattr(more, scale)) for scale in SCALES
        )
        and OWNERS.index(less.output_owner) <= OWNERS.index(more.output_owner)
        and (less.seats or 99) <= (more.seats or 99)
        and less.sublicense_depth <= more.sublicense_depth
        and less.transferable <= more.transferable
        and less.exclusive <= more.exclusive
        and all(getattr(less, dimension) <= getattr(more, dimension) for dimension in small.WORLD)
        and less.content <= more.content
        and set(small.days(less)) <= set(small.days(more))
    )


def lower(use: Use, other: Use) -> Use | None:
    """This will give a use below the first one, made of the lower value in each dimension."""
    values = {
        "seats": min(use.seats or 99, other.seats or 99) % 99,
        "content": use.content & other.content,
        "starts": max(use.starts, other.starts),
        "ends": min(use.ends or "~", other.ends or "~").rstrip("~"),
        **{dimension: getattr(use, dimension) & getattr(other, dimension) for dimension in small.WORLD},
        **{
            name: min(getattr(use, name), getattr(other, name))
            for name in ("sublicense_depth", "transferable", "exclusive")
        },
        **{name: min(getattr(use, name), getattr(other, name), key=SCALES[name].index) for name in SCALES},
        "output_owner": min(use.output_owner, other.output_owner, key=OWNERS.index),
        **{name: getattr(other, name) for name in ("approved", "credited", "share_alike")},
    }
    if use.commercial == "limited":
        values["revenue_usd"] = min(use.revenue_usd, other.revenue_usd)
    empty = any(not values[dimension].all_but and not values[dimension].codes for dimension in small.WORLD)
    if empty or (values["ends"] and values["starts"] > values["ends"]):
        return None
    return replace(use, **values)


@settings(max_examples=500)
@given(small.uses(), small.layers())
def test_what_is_left_is_allowed_and_names_all_in_which_it_differs(use: Use, layers: list[Layer]) -> None:
    left = narrowed(use, layers)

    if left is None:
        assert not ask(use, layers).allowed
        return
    assert ask(left.use, layers).allowed
    assert is_below(left.use, use)
    different = {field.name for field in fields(Use) if getattr(use, field.name) != getattr(left.use, field.name)}
    named = {change.dimension for change in left.changes}
    assert different - {"revenue_usd"} <= named
    assert named <= different | {"commercial"}
    assert (left.use == use) == ask(use, layers).allowed == (not named)
    assert not any("%(" in sentence(change.words) for change in left.changes)


@settings(max_examples=1000)
@given(small.uses(), small.uses(), small.layers(1, 2))
def test_nothing_that_is_asked_and_allowed_is_more(use: Use, other: Use, layers: list[Layer]) -> None:
    less = lower(use, other)
    if less is None or not ask(less, layers).allowed:
        return
    assert is_below(less, use)

    left = narrowed(use, layers)

    if left is None:
        # Neither a first nor a last day says which days are meant.
        assert not use.starts
        assert not use.ends
        assert any(layer.terms.duration_days for layer in layers)
        return
    days = {"starts": left.use.starts, "ends": left.use.ends}
    assert is_below(replace(less, **days), left.use)
    assert len(small.days(less)) <= len(small.days(left.use))


def test_a_studio_learns_what_it_may_ask_instead() -> None:
    use = replace(
        FILM,
        commercial="full",
        derivatives="share",
        seats=0,
        transferable=True,
        territory=EVERYTHING,
        starts="2026-03-01",
        ends="",
        content=frozenset({"violent", "nft"}),
        credited=False,
    )
    terms = replace(
        READY["studio"], territory=all_but("US"), ends="2026-12-31", duration_days=100, banned=frozenset({"nft"})
    )

    left = narrowed(use, [Layer("scene", "Alice", terms)])

    assert left is not None
    assert left.use == replace(
        use,
        commercial="limited",
        revenue_usd=1_000_000,
        derivatives="private",
        seats=30,
        transferable=False,
        territory=all_but("US"),
        ends="2026-06-08",
        content=frozenset({"violent"}),
        credited=True,
    )
    assert days_of(left.use) == 100
    assert [change.dimension for change in left.changes] == [
        "commercial",
        "derivatives",
        "seats",
        "transferable",
        "territory",
        "ends",
        "content",
        "credited",
    ]
    assert str(left.changes[2].words) == "Ask for no more than this: “Up to 30 people”."
    assert str(left.changes[7].words) == "Promise it: “Credit the creator by name”."


def test_a_request_that_is_allowed_stays_as_it_is() -> None:
    assert narrowed(FILM, [Layer("scene", "Alice", ANY)]) == Narrowed(FILM, ())


def test_whoever_still_shares_shares_under_the_license_that_the_layers_want() -> None:
    scene = Layer("scene", "Alice", replace(ANY, derivatives="share", share_alike="CC-BY-SA-4.0"))
    sharing = replace(FILM, derivatives="share", share_alike="GPL-3.0-only")

    left, kept = narrowed(sharing, [scene]), narrowed(sharing, [scene, Layer("hero", "Bob", ANY)])

    assert left is not None
    assert kept is not None
    assert left.use == replace(sharing, share_alike="CC-BY-SA-4.0")
    assert kept.use == replace(sharing, derivatives="none")


def test_days_are_the_earliest_of_as_many_as_can_be() -> None:
    def days(terms: dict, use: dict) -> tuple[str, str] | None:
        left = narrowed(replace(FILM, **use), [Layer("scene", "Alice", replace(ANY, **terms))])
        return (left.use.starts, left.use.ends) if left else None

    week = {"duration_days": 7}
    assert days(week, {}) == ("2026-01-01", "2026-01-07")
    assert days({**week, "starts": "2026-12-30"}, {}) == ("2026-12-30", "2026-12-31")
    assert days({**week, "ends": "2026-03-31"}, {"starts": ""}) == ("2026-03-25", "2026-03-31")
    assert days(week, {"starts": "", "ends": ""}) is None
    assert days({"duration_days": 73_000}, {"starts": "9999-01-01", "ends": ""}) == ("9999-01-01", "9999-12-31")
    assert days({"duration_days": 73_000}, {"starts": "", "ends": "0001-02-01"}) == ("0001-01-01", "0001-02-01")
    assert days({"ends": "2025-12-31"}, {}) is None


def test_nothing_is_left_where_layers_clash_or_are_about_something_else() -> None:
    hers, his = replace(ANY, output_owner="provider"), replace(ANY, output_owner="shared")

    assert narrowed(FILM, [Layer("scene", "Alice", hers), Layer("hero", "Bob", his)]) is None
    assert narrowed(FILM, [Layer("scene", "Alice", replace(ANY, territory=only("JP")))]) is None
