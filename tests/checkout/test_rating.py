"""A month of uses added up by hand: what each license costs, and who earns what of it."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from marketplace.checkout import rating
from marketplace.checkout.asking import Ask
from marketplace.checkout.charges import UsageCharge, UsageChargeLine, UsageRoyalty
from marketplace.checkout.rating import Rated, UnableToRate, rate_uses
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.months import MonthLimits
from marketplace.licensing.pricing import Tier
from marketplace.people import operations as people
from tests.cast import later
from tests.checkout.shop import Shop, grant_of
from tests.checkout.usage import (
    DECEMBER,
    FIRST,
    JANUARY,
    NOVEMBER,
    SECOND,
    THIRD,
    Works,
    charges,
    composed,
    lines,
    works_of,
)
from tests.compositions.usage.rendering import locked


@pytest.fixture
def works(shop: Shop) -> Works:
    return works_of(shop)


def used(**counts: int) -> dict[str, Any]:
    return {"counts": counts}


def test_three_layers_two_studios_and_two_currencies_add_up(works: Works) -> None:
    """Carol paints three layers at three prices, Dave one in yen; the fee is a tenth, rounded down."""
    by_image = works.held(works.offer(5))
    capped = works.held(works.offer(7, "studio", release=works.derived, month=MonthLimits(0, 100)))
    by_second = works.held(works.offer(3, "openrail-m", unit="second", month=MonthLimits(500, 0)))
    in_yen = works.daves(works.offer(120, currency="JPY"))
    recipe = locked(works.carol.studio, works.shop.market.cast.carol, by_image, capped, by_second, by_image)
    alone = locked(works.carol.studio, works.shop.market.cast.carol, by_image)
    daves = locked(works.dave.studio, works.shop.market.cast.dave, in_yen)
    sent = [works.carol.event(recipe, **used(image=n, second=s)) for n, s in ((4, 2), (10, 3), (1, 4))]
    works.carol.send(*sent, works.carol.event(alone, **used(image=2)))
    works.carol.send(*sent)
    works.dave.send(works.dave.event(daves, **used(image=3)), works.dave.event(daves, **used(image=4)))

    assert rate_uses(month=NOVEMBER, now=FIRST) == Rated(charges=4, lines=4, royalties=5)
    assert charges() == {
        by_image: (4, 17, 85, 85, "USD"),  # 4 + 10 + 1 of one recipe, where it paints two layers, and 2 of the other
        capped: (3, 15, 105, 100, "USD"),
        by_second: (3, 9, 27, 500, "USD"),
        in_yen: (2, 7, 840, 840, "JPY"),
    }
    assert lines(by_image) == [("license", works.world, 85, 8, {"alice": 77})]
    assert lines(capped) == [("license", works.derived, 100, 10, {"bob": 72, "alice": 18})]
    assert lines(by_second) == [("license", works.world, 500, 50, {"alice": 450})]
    assert lines(in_yen) == [("license", works.world, 840, 84, {"alice": 756})]
    assert rate_uses(month=NOVEMBER, now=SECOND) == Rated(0, 0, 0)


def test_contracts_come_first_and_the_pool_is_what_is_left(works: Works) -> None:
    """A composition pays Alice's world 2 cents an image by contract, and an own release of Bob's 1 cent."""
    contracts = [
        {"release": works.world.digest, "amount_minor": 2},
        {"release": works.world.digest, "amount_minor": 300, "currency": "JPY"},
        {"release": works.derived.digest, "amount_minor": 1},
    ]
    composed(works.derived, contracts)
    plain = works.held(works.offer(7, "studio", release=works.derived))
    capped = works.held(works.offer(7, "personal", release=works.derived, month=MonthLimits(0, 20)))
    least = works.held(works.offer(7, "enterprise", release=works.derived, month=MonthLimits(400, 0)))
    cast = works.shop.market.cast
    recipes = [locked(works.carol.studio, cast.carol, grant) for grant in (plain, capped, least)]
    works.carol.send(*(works.carol.event(one, **used(image=15)) for one in recipes))

    assert rate_uses(month=NOVEMBER, now=FIRST) == Rated(3, 9, 13)
    assert {grant: row[3] for grant, row in charges().items()} == {plain: 105, capped: 20, least: 400}
    assert lines(plain) == [
        ("contract", works.world, 30, 3, {"alice": 27}),
        ("contract", works.derived, 15, 1, {"bob": 11, "alice": 3}),
        ("pool", works.derived, 60, 6, {"bob": 43, "alice": 11}),
    ]
    # 20 of 45: 13⅓ and 6⅔, so the cent that is left goes to the second; the pool gets nothing.
    assert lines(capped) == [
        ("contract", works.world, 13, 1, {"alice": 12}),
        ("contract", works.derived, 7, 0, {"bob": 6, "alice": 1}),
        ("pool", works.derived, 0, 0, {}),
    ]
    assert [row[2] for row in lines(least)] == [30, 15, 355]


def test_a_use_is_of_the_month_in_which_it_is_received(works: Works) -> None:
    grant = works.held(works.offer(5))
    recipe = locked(works.carol.studio, works.shop.market.cast.carol, grant)
    works.carol.send(works.carol.event(recipe, datetime(2026, 11, 30, 23, tzinfo=UTC)), now=later(days=8, hours=11))
    works.carol.send(works.carol.event(recipe, datetime(2026, 11, 30, 23, tzinfo=UTC), **used(image=9)), now=FIRST)

    with pytest.raises(UnableToRate, match="The month of 2026-11-01 is not over"):
        rate_uses(month=NOVEMBER, now=datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    with pytest.raises(UnableToRate):
        rate_uses(month=date(2026, 11, 2), now=FIRST)
    assert not UsageCharge.objects.exists()
    assert rating.rate_months(now=FIRST) == [Rated(0, 0, 0), Rated(0, 0, 0), Rated(1, 1, 1)]
    assert charges() == {grant: (1, 1, 5, 5, "USD")}
    licensing.set_status(grant=grant, status=GrantStatus.REVOKED, reason="over", now=datetime(2026, 12, 2, tzinfo=UTC))
    assert rating.rate_months(now=SECOND)[-1] == Rated(1, 1, 1)
    assert charges(DECEMBER) == {grant: (1, 9, 45, 45, "USD")}  # what was used before it was revoked is owed


def test_a_least_is_owed_while_the_license_holds(works: Works) -> None:
    """Nobody uses anything: what holds at any time of the month costs its least, whole."""
    offer = works.offer(5, month=MonthLimits(300, 0))
    idle = works.held(offer)
    ended = works.daves(offer)
    licensing.set_status(grant=ended, status=GrantStatus.REVOKED, reason="over", now=datetime(2026, 11, 30, tzinfo=UTC))
    works.held(works.offer(5, "studio"))
    rate_uses(month=NOVEMBER, now=FIRST)
    assert charges() == {idle: (0, 0, 0, 300, "USD"), ended: (0, 0, 0, 300, "USD")}

    licensing.set_status(grant=idle, status=GrantStatus.SUSPENDED, reason="", now=datetime(2026, 12, 30, tzinfo=UTC))
    assert [rate_uses(month=month, now=THIRD).charges for month in (DECEMBER, JANUARY)] == [1, 0]
    assert set(charges(DECEMBER)) == {idle}
    licensing.set_status(grant=idle, status=GrantStatus.ACTIVE, reason="", now=datetime(2027, 2, 9, tzinfo=UTC))
    assert rate_uses(month=date(2027, 2, 1), now=datetime(2027, 3, 1, tzinfo=UTC)).charges == 1
    assert not charges(JANUARY)


def test_only_the_license_that_takes_the_place_owes_the_least(works: Works) -> None:
    """Carol upgrades in the month: what she used under the first license is owed, its least is not."""
    former = works.held(works.offer(5, month=MonthLimits(300, 0)))
    works.carol.send(works.carol.event(locked(works.carol.studio, works.shop.market.cast.carol, former)))
    better = works.offer(4, "studio", month=MonthLimits(200, 0))
    ask = Ask(better, kind="upgrade", replaces=former)
    newer = grant_of(works.shop.line(ask, now=later(hours=5)))

    rate_uses(month=NOVEMBER, now=FIRST)
    assert charges() == {former: (1, 1, 5, 5, "USD"), newer: (0, 0, 0, 200, "USD")}
    rate_uses(month=DECEMBER, now=SECOND)
    assert charges(DECEMBER) == {newer: (0, 0, 0, 200, "USD")}


def test_the_price_is_that_of_the_months_first_moment_at_the_studios_size(works: Works) -> None:
    cast = works.shop.market.cast
    offer = works.offer(50, tiers=[Tier(10, 0, 40), Tier(100, 0, 45)])
    hers, his = works.held(offer), works.daves(offer)
    recipes = [locked(works.carol.studio, cast.carol, hers), locked(works.dave.studio, cast.dave, his)]
    people.declare_size(studio=works.carol.studio, by=cast.carol, people=50, revenue_usd=0, now=later(hours=3))
    licensing.change_price(offer=offer, price_minor=60, now=later(hours=4))
    for at in (later(hours=5), later(days=20)):
        for farm, recipe in zip((works.carol, works.dave), recipes, strict=True):
            farm.send(farm.event(recipe, at), now=at)
    rating.rate_months(now=SECOND)
    assert {grant: row[2] for grant, row in charges().items()} == {hers: 45, his: 50}
    assert {grant: row[2] for grant, row in charges(DECEMBER).items()} == {hers: 60, his: 60}


def test_more_than_the_books_can_hold_is_left_out_and_the_rest_is_rated(works: Works) -> None:
    cast = works.shop.market.cast
    dear = works.held(works.offer(2**53 - 1))
    fair = works.held(works.offer(5, "studio", release=works.derived))
    recipes = [locked(works.carol.studio, cast.carol, grant) for grant in (dear, fair)]
    works.carol.send(*(works.carol.event(one, **used(image=10**9)) for one in recipes))
    works.carol.send(works.carol.event(recipes[0], **used(image=10**9)))

    assert rate_uses(month=NOVEMBER, now=FIRST) == Rated(1, 1, 2, left_out=(dear.pk,))
    assert charges() == {fair: (1, 10**9, 5 * 10**9, 5 * 10**9, "USD")}


@pytest.mark.usefixtures("committed")
def test_two_who_rate_at_once_rate_once(shop: Shop, at_once: Callable[..., list[Any]]) -> None:
    works = works_of(shop)
    grant: Grant = works.held(works.offer(5))
    recipe = locked(works.carol.studio, shop.market.cast.carol, grant)
    works.carol.send(*(works.carol.event(recipe) for _one in range(7)))

    said = at_once(*[lambda: rate_uses(month=NOVEMBER, now=FIRST)] * 4)
    assert sorted(one.charges for one in said) == [0, 0, 0, 1], said
    counted = [table.objects.count() for table in (UsageCharge, UsageChargeLine, UsageRoyalty)]
    assert (counted, charges()) == ([1, 1, 1], {grant: (7, 7, 35, 35, "USD")})
