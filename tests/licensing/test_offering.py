"""Offers by every price model, and prices with their history: what counts when, and what the log knows of it."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from ledger.models import Entry
from marketplace.licensing import operations as licensing
from marketplace.licensing import pricing_queries as prices
from marketplace.licensing import queries
from marketplace.licensing.models import Offer, OfferPrice
from marketplace.licensing.offering import commitment_of
from marketplace.licensing.pricing import Tier
from marketplace.licensing.terms.model import NOTHING
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.api.studios import Market
from tests.cast import NOON, later

SMALL = Tier(10, 0, 2_000)


def offered(market: Market, name: str = "cc-by-nc-4.0", **more: Any) -> Offer:
    asked = {"price": Money(5_000, "USD"), "now": later(hours=1), "terms": READY[name]}
    return licensing.offer(release=market.world, **(asked | more))


def test_the_same_terms_are_offered_by_several_models(market: Market) -> None:
    made = [
        offered(market, model="one-off"),
        offered(market, model="per-seat", tiers=[SMALL]),
        offered(market, model="monthly"),
        offered(market, model="metered", unit="rendered minute"),
        offered(market, model="metered", unit="image"),
        offered(market, model="revenue-share", share_ppb=25_000_000),
        offered(market, model="free", price=Money(0, "USD")),
        offered(market, model="pay-what-you-want"),
        offered(market, model="on-request", price=Money(0, "USD")),
    ]

    assert len({one.pk for one in made}) == 9
    assert offered(market, model="per-seat", tiers=[SMALL]) == made[1]
    for one in made:
        first = one.prices.get()
        said = (first.number, first.kind, first.price_minor, first.starts_at)
        assert said == (0, "regular", one.price_minor, later(hours=1))
        stated = Entry.objects.get(type="offer", subject=f"offer:{one.pk}").statement
        assert stated["price_commitment"] == commitment_of(first)


def test_offers_that_cannot_be_are_refused_and_leave_nothing(market: Market) -> None:
    offered(market, model="per-seat", tiers=[SMALL])
    before = (Offer.objects.count(), OfferPrice.objects.count(), Entry.objects.count())
    nowhere = replace(READY["studio"], territory=NOTHING)
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"terms": nowhere}, "“studio” allows nothing: give it a territory"),
        ({"model": "rent"}, "“rent” is no price model"),
        ({"model": "metered"}, "needs the unit"),
        ({"model": "free"}, "has no price"),
        ({"model": "one-off", "tiers": [Tier(0, 0, 5)]}, "needs a limit"),
        ({"model": "pay-what-you-want", "tiers": [SMALL]}, "this price model has none"),
        ({"model": "per-seat"}, "already offered under “cc-by-nc-4.0” in USD at another price"),
        (
            {"terms": READY["exclusive"], "model": "metered", "unit": "image"},
            "“exclusive” is exclusive: it is sold once",
        ),
    ]

    for more, sentence in refusals:
        with pytest.raises(licensing.UnableToOffer, match=sentence):
            offered(market, **more)
    assert (Offer.objects.count(), OfferPrice.objects.count(), Entry.objects.count()) == before


def test_a_sale_counts_for_its_time_and_the_history_keeps_everything(market: Market) -> None:
    offer = offered(market)
    licensing.change_price(
        offer=offer,
        price_minor=3_000,
        kind="sale",
        starts_at=later(days=2),
        ends_at=later(days=4),
        now=later(days=1),
    )
    licensing.change_price(offer=offer, price_minor=6_000, starts_at=later(days=6), now=later(days=5))

    told = {day: prices.price_now(offer, later(days=day)).price_minor for day in (1, 2, 3, 4, 5, 6, 60)}
    assert told == {1: 5_000, 2: 3_000, 3: 3_000, 4: 5_000, 5: 5_000, 6: 6_000, 60: 6_000}
    assert prices.regular_price(offer, later(days=3)).price_minor == 5_000
    assert [(row.number, row.kind, row.price_minor) for row in prices.price_history(offer)] == [
        (0, "regular", 5_000),
        (1, "sale", 3_000),
        (2, "regular", 6_000),
    ]
    assert prices.lowest_in(offer, since=later(hours=2), until=later(days=2)) == 5_000
    assert prices.lowest_in(offer, since=later(hours=2), until=later(days=3)) == 3_000
    listed = next(one for one in prices.priced_offers(market.world, later(days=3)) if one == offer)
    assert (listed.now.price_minor, listed.regular_minor, listed.now.ends_at) == (3_000, 5_000, later(days=4))
    stated = Entry.objects.filter(type="offer-price", subject=f"offer:{offer.pk}").order_by("stated_at")
    assert [entry.statement for entry in stated] == [
        {"offer": str(offer.pk), "price_commitment": commitment_of(row)} for row in prices.price_history(offer)[1:]
    ]


def test_nobody_pays_more_because_something_is_on_sale(market: Market) -> None:
    offer = offered(market, tiers=[SMALL, Tier(50, 0, 4_000)])
    row = licensing.change_price(offer=offer, price_minor=3_000, kind="sale", ends_at=later(days=2), now=later(days=1))

    assert row.tiers == [
        {"up_to_people": 10, "up_to_revenue_usd": 0, "price_minor": 2_000},
        {"up_to_people": 50, "up_to_revenue_usd": 0, "price_minor": 3_000},
    ]


def test_the_cheapest_is_so_by_the_price_of_the_day(market: Market) -> None:
    licensing.withdraw_offer(offer=market.offer("personal"), now=NOON)
    offered(market, "enterprise", model="on-request", price=Money(0, "USD"))
    one, other = offered(market), offered(market, "cc-by-4.0", price=Money(6_000, "USD"))
    licensing.change_price(offer=other, price_minor=4_000, kind="sale", ends_at=later(days=2), now=later(days=1))

    told = {day: queries.lowest_now([market.world, market.derived], later(days=day)) for day in (0, 1, 2)}
    assert [told[day][market.world.pk] for day in (0, 1, 2)] == [one, other, one]
    assert told[1][market.world.pk].now.price_minor == 4_000  # type: ignore[attr-defined]
    assert told[1][market.derived.pk] == market.offer(release=market.derived)


def test_the_same_regular_price_again_changes_nothing(market: Market) -> None:
    offer = offered(market)

    assert licensing.change_price(offer=offer, price_minor=5_000, now=later(days=1)).number == 0
    first = licensing.change_price(offer=offer, price_minor=5_001, now=later(days=1))
    assert licensing.change_price(offer=offer, price_minor=5_001, now=later(days=2)) == first
    assert Entry.objects.filter(type="offer-price").count() == 1


def test_prices_that_cannot_be_are_refused_and_leave_nothing(market: Market) -> None:
    offer, free = offered(market), offered(market, model="free", price=Money(0, "USD"))
    gone, yours = offered(market, "cc-by-4.0"), offered(market, model="pay-what-you-want")
    licensing.withdraw_offer(offer=gone, now=later(hours=2))
    tomorrow = later(days=1)
    refusals: list[tuple[Offer, dict[str, Any], str]] = [
        (gone, {}, "is no longer sold: its price cannot change"),
        (free, {"price_minor": 0}, "has no price that could change"),
        (offer, {"kind": "gift"}, "is regular, early-bird or sale"),
        (offer, {"starts_at": NOON}, "cannot begin in the past"),
        (offer, {"kind": "sale", "ends_at": tomorrow, "starts_at": tomorrow}, "must end after it begins"),
        (offer, {"ends_at": tomorrow}, "A regular price of “cc-by-nc-4.0” has no end"),
        (offer, {"kind": "sale"}, "needs the moment when it ends"),
        (offer, {"kind": "early-bird"}, "needs an end or a number of sales"),
        (offer, {"kind": "sale", "ends_at": tomorrow, "most_sales": 3}, "Only an early-bird price"),
        (offer, {"kind": "early-bird", "most_sales": 2**31}, "at most a billion sales"),
        (offer, {"kind": "sale", "ends_at": tomorrow, "price_minor": 5_000}, "is below the regular one"),
        (yours, {"kind": "sale", "ends_at": tomorrow}, "Only a fixed price can be on sale"),
        (offer, {"price_minor": 2**53}, "between 0 and 9007199254740991"),
        (offer, {"tiers": [Tier(0, 0, 1)]}, "needs a limit"),
    ]

    for one, more, sentence in refusals:
        with pytest.raises(licensing.UnableToOffer, match=sentence):
            licensing.change_price(**({"offer": one, "price_minor": 4_000, "now": later(hours=3)} | more))
    assert OfferPrice.objects.filter(number__gt=0).count() == 0
    assert not Entry.objects.filter(type="offer-price").exists()


def test_prices_are_only_ever_added(market: Market) -> None:
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE licensing_offerprice SET price_minor = 1")
