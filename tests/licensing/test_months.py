"""The least and the most that the uses of one month cost: offered, priced anew, committed to in the log."""

import json
from dataclasses import replace
from typing import Any

import pytest
import rfc8785

from ledger.models import Entry
from marketplace.licensing import operations as licensing
from marketplace.licensing import pricing
from marketplace.licensing import pricing_queries as prices
from marketplace.licensing.models import Offer, OfferPrice
from marketplace.licensing.months import NO_LIMITS, MonthLimits, limits_of
from marketplace.licensing.offering import commitment_of
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.api.studios import Market
from tests.cast import later

ROOM = MonthLimits(500, 10_000)


def offered(market: Market, **more: Any) -> Offer:
    asked = {"price": Money(2, "USD"), "now": later(hours=1), "terms": READY["cc-by-4.0"], "model": "metered"}
    return licensing.offer(release=market.world, **({"unit": "image"} | asked | more))


@pytest.mark.parametrize(
    ("limits", "used", "charged"),
    [
        (NO_LIMITS, 0, 0),
        (NO_LIMITS, 7, 7),
        (ROOM, 0, 500),
        (ROOM, 499, 500),
        (ROOM, 501, 501),
        (ROOM, 10_000, 10_000),
        (ROOM, 10_001, 10_000),
        (MonthLimits(cap_minor=3), 2**60, 3),
        (MonthLimits(5, 5), 0, 5),
    ],
)
def test_a_month_costs_what_was_used_within_its_limits(limits: MonthLimits, used: int, charged: int) -> None:
    assert limits.charged(used) == charged


def test_limits_are_offered_kept_and_changed(market: Market) -> None:
    offer = offered(market, month=ROOM)
    assert offered(market, month=ROOM) == offer
    kept = licensing.change_price(offer=offer, price_minor=3, now=later(hours=2))
    wider = licensing.change_price(offer=offer, price_minor=3, month=MonthLimits(0, 20_000), now=later(hours=3))
    free = licensing.change_price(offer=offer, price_minor=3, month=NO_LIMITS, now=later(hours=4))
    assert licensing.change_price(offer=offer, price_minor=3, now=later(hours=5)) == free

    assert [limits_of(row) for row in prices.price_history(offer)] == [ROOM, ROOM, MonthLimits(0, 20_000), NO_LIMITS]
    stated = Entry.objects.filter(subject=f"offer:{offer.pk}").order_by("id")
    commitments = [entry.statement["price_commitment"] for entry in stated]
    assert commitments == [commitment_of(row) for row in (offer.prices.get(number=0), kept, wider, free)]
    assert len(set(commitments)) == 4
    assert [str(words) for words in ROOM.said("USD")] == ["At least 500 USD a month", "At most 10000 USD a month"]


def test_limits_that_cannot_be_are_refused_and_leave_nothing(market: Market) -> None:
    offer = offered(market, month=ROOM)
    before = (Offer.objects.count(), OfferPrice.objects.count(), Entry.objects.count())
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"month": MonthLimits(2, 1), "unit": "page"}, "The most of a month is below its least"),
        ({"month": MonthLimits(-1, 0), "unit": "page"}, "between 0 and 9007199254740991"),
        ({"month": MonthLimits(0, 2**53), "unit": "page"}, "between 0 and 9007199254740991"),
        ({"month": MonthLimits(1, 0), "model": "one-off", "unit": ""}, "Only a metered price"),
        ({"month": replace(ROOM, cap_minor=0)}, "already offered"),
    ]
    for more, why in wrong:
        with pytest.raises(licensing.UnableToOffer, match=why):
            offered(market, **more)
    with pytest.raises(licensing.UnableToOffer, match="below its least"):
        licensing.change_price(offer=offer, price_minor=3, month=MonthLimits(9, 8), now=later(hours=2))
    assert (Offer.objects.count(), OfferPrice.objects.count(), Entry.objects.count()) == before


def test_a_price_with_a_month_is_this_document() -> None:
    said: dict[str, Any] = {
        "offer": "00000000-0000-4000-8000-000000000001",
        "number": 0,
        "kind": "regular",
        "model": "metered",
        "unit": "image",
        "share_ppb": 0,
        "price_minor": 2,
        "currency": "USD",
        "tiers": (),
        "starts_at": None,
        "ends_at": None,
        "most_sales": 0,
        "salt": "aa",
    }
    document = pricing.price_document(**said, month_minimum_minor=500, month_cap_minor=10_000)
    assert document == (
        b'{"currency":"USD","ends_at":0,"format":"worldloom/price/3","kind":"regular","model":"metered",'
        b'"month_cap_minor":10000,"month_minimum_minor":500,"most_sales":0,"number":0,'
        b'"offer":"00000000-0000-4000-8000-000000000001","price_minor":2,"salt":"aa","share_ppb":0,"starts_at":0,'
        b'"tiers":[],"unit":"image"}'
    )
    assert rfc8785.dumps(json.loads(document)) == document
    assert json.loads(pricing.price_document(**said))["format"] == "worldloom/price/2"
