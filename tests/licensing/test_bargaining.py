"""Codes, collections and quotes: who may say what, when, and what comes of it."""

from typing import Any

import pytest

from marketplace.licensing import operations as licensing
from marketplace.licensing import pricing_queries as prices
from marketplace.licensing.bargains import Collection, CollectionItem, DiscountCode, QuoteRequest, QuoteStep
from marketplace.licensing.models import Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.people.operations import give_seat
from tests.api.studios import Market
from tests.cast import NOON, later

HALF = 500_000_000


def offered(market: Market, name: str, price_minor: int = 5_000, currency: str = "USD", **more: Any) -> Offer:
    price = Money(price_minor, currency)
    return licensing.offer(release=market.world, terms=READY[name], price=price, now=later(hours=1), **more)


def test_a_code_counts_for_what_and_when_it_was_made_for(market: Market) -> None:
    alice, studio = market.cast.alice, market.offer()
    licensing.add_code(
        creator=alice, code=" ink-50 ", percent_ppb=HALF, ends_at=later(days=2), pack=market.world.pack, now=NOON
    )
    dollars = licensing.add_code(creator=alice, code="TEN", amount_minor=1_000, currency="USD", now=NOON)
    licensing.add_code(creator=alice, code="ONE", percent_ppb=HALF, offer=studio, starts_at=later(days=1), now=NOON)

    def found(offer: Offer, code: str, days: int = 1) -> bool:
        return prices.code_for(offer=offer, code=code, now=later(days=days)) is not None

    assert found(studio, "Ink-50")
    assert not found(studio, "INK-50", days=2)
    assert not found(market.offer(release=market.derived), "INK-50")  # Bob's
    assert found(studio, "ten")
    assert not found(market.offer("enterprise"), "TEN")  # in yuan
    assert not found(studio, "ONE", days=0)
    assert found(studio, "ONE")
    assert not found(market.offer("personal"), "ONE")
    licensing.end_code(code=dollars, creator=alice, now=later(days=1))
    licensing.end_code(code=dollars, creator=alice, now=later(days=2))
    assert not found(studio, "TEN")
    assert [row.uses for row in prices.codes_of(alice)] == [0, 0, 0]


def test_codes_that_cannot_be_are_refused(market: Market) -> None:
    alice, bobs = market.cast.alice, market.offer(release=market.derived)
    code = licensing.add_code(creator=alice, code="INK", percent_ppb=HALF, now=NOON)
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"code": "no"}, "3 to 32 letters"),
        ({"code": "墨水水"}, "3 to 32 letters"),
        ({"percent_ppb": 0}, "give one of them"),
        ({"percent_ppb": 1_000_000_001}, "give one of them"),
        ({"amount_minor": 5, "currency": "USD"}, "give one of them"),
        ({"percent_ppb": 0, "amount_minor": 5, "currency": "XXX"}, "“XXX” is not a currency"),
        ({"starts_at": later(days=-1)}, "begins today or later"),
        ({"ends_at": NOON}, "ends after that"),
        ({"most_uses": -1}, "cannot be fewer"),
        ({"most_uses": 2**31}, "cannot be fewer"),
        ({"offer": bobs}, "somebody else owns"),
        ({"pack": market.derived.pack}, "somebody else owns"),
        ({"code": "ink"}, "used the code “INK” before"),
    ]

    for more, sentence in refusals:
        with pytest.raises(licensing.UnableToBargain, match=sentence):
            licensing.add_code(**({"creator": alice, "code": "OTHER", "percent_ppb": HALF, "now": NOON} | more))
    with pytest.raises(licensing.UnableToBargain, match="“INK” is not yours"):
        licensing.end_code(code=code, creator=market.cast.bob, now=NOON)
    assert DiscountCode.objects.get() == code


def test_a_collection_is_of_one_owner_and_sold_until_it_or_an_offer_is_withdrawn(market: Market) -> None:
    cast, studio = market.cast, market.offer()
    sold_on = offered(market, "cc-by-4.0")
    made = licensing.make_collection(
        creator=cast.alice,
        title={"en": "Everything", "zh-Hans": "全部"},
        offers=[studio, sold_on],
        price=Money(9_000, "USD"),
        now=later(hours=2),
    )
    assert prices.collections_of(creator=cast.alice) == prices.collections_of(pack=market.world.pack) == [made]
    assert prices.collections_of(creator=cast.alice)[0].offers == [studio, sold_on]
    seats = offered(market, "cc0-1.0", model="per-seat")
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"title": {"en": " "}}, "needs a title"),
        ({"offers": [studio]}, "2 to 50 offers, each once"),
        ({"offers": [studio, studio]}, "2 to 50 offers, each once"),
        ({"offers": [studio, market.offer(release=market.derived)]}, "is not yours to sell"),
        ({"offers": [studio, market.offer("enterprise")]}, "only those go into this collection"),
        ({"offers": [studio, seats]}, "only those go into this collection"),
        ({"price": Money(-1, "USD")}, "give zero or more"),
        ({"price": Money(15_002, "USD")}, "costs no more than its offers one by one"),
    ]
    for more, sentence in refusals:
        asked = {"title": {"en": "All"}, "offers": [studio, sold_on], "price": Money(1, "USD")} | more
        with pytest.raises(licensing.UnableToBargain, match=sentence):
            licensing.make_collection(creator=cast.alice, now=later(hours=3), **asked)
    assert (Collection.objects.count(), CollectionItem.objects.count()) == (1, 2)

    licensing.withdraw_offer(offer=sold_on, now=later(days=1))
    assert prices.collections_of(creator=cast.alice) == []
    assert prices.collection(made.pk) is None
    with pytest.raises(licensing.UnableToBargain, match="not yours"):
        licensing.withdraw_collection(collection=made, creator=cast.bob, now=later(days=1))
    licensing.withdraw_collection(collection=made, creator=cast.alice, now=later(days=1))
    assert prices.collections_of(creator=cast.alice, live=False) == [made]


@pytest.fixture
def request_(market: Market) -> QuoteRequest:
    offer = offered(market, "enterprise", 0, model="on-request")
    return licensing.ask_quote(
        offer=offer, studio=market.cast.studio, person=market.cast.carol, seats=40, message="A film.", now=later(days=1)
    )


def test_the_sides_take_turns_until_one_says_yes(market: Market, request_: QuoteRequest) -> None:
    cast = market.cast
    alice = {"request": request_, "person": cast.alice.person, "side": "creator"}
    carol = {"request": request_, "person": cast.carol, "side": "studio"}
    good = {"valid_until": later(days=9)}

    with pytest.raises(licensing.UnableToBargain, match="the other side's turn"):
        licensing.answer_quote(**carol, price_minor=1, **good, now=later(days=2))
    with pytest.raises(licensing.UnableToBargain, match="no price yet"):
        licensing.answer_quote(**alice, kind="accept", now=later(days=2))
    licensing.answer_quote(**alice, price_minor=90_000, **good, now=later(days=2))
    with pytest.raises(licensing.UnableToBargain, match="the other side's turn"):
        licensing.answer_quote(**alice, price_minor=80_000, **good, now=later(days=2))
    with pytest.raises(licensing.UnableToBargain, match="the other side's turn"):
        licensing.answer_quote(**alice, kind="accept", now=later(days=2))
    licensing.answer_quote(**carol, price_minor=70_000, seats=30, **good, now=later(days=3))
    assert prices.agreed(request_) is None
    with pytest.raises(licensing.UnableToBargain, match="not good any more"):
        licensing.answer_quote(**alice, kind="accept", now=later(days=10))
    licensing.answer_quote(**alice, kind="accept", now=later(days=4))

    agreed = prices.agreed(request_)
    assert agreed is not None
    assert (agreed.side, agreed.price_minor, agreed.seats) == ("studio", 70_000, 30)
    for kind in ("decline", "accept"):
        with pytest.raises(licensing.UnableToBargain, match="accepted or declined already"):
            licensing.answer_quote(**carol, kind=kind, now=later(days=5))
    assert [step.number for step in QuoteStep.objects.order_by("number")] == [0, 1, 2]
    assert prices.quotes_for(studio=cast.studio) == prices.quotes_for(creator=cast.alice) == [request_]
    assert prices.quotes_for(creator=cast.bob) == []


def test_who_has_no_say_in_a_quote_is_refused(market: Market, request_: QuoteRequest) -> None:
    cast, offer = market.cast, request_.offer
    give_seat(studio=cast.studio, by=cast.carol, email="bob@example.com", role="member", now=NOON)
    asked = {"offer": offer, "studio": cast.studio, "person": cast.carol, "now": later(days=1)}
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"person": cast.dave}, "cannot buy for Lantern Films"),
        ({"person": cast.bob.person}, "cannot buy for Lantern Films"),
        ({"offer": market.offer()}, "not on request"),
        ({"seats": 0}, "1 to 1,000,000 seats"),
        ({"message": "x" * 2001}, "at most 2,000"),
        ({"message": "a\0b"}, "at most 2,000"),
    ]
    for more, sentence in refusals:
        with pytest.raises(licensing.UnableToBargain, match=sentence):
            licensing.ask_quote(**(asked | more))
    answer = {"request": request_, "side": "creator", "person": cast.alice.person, "now": later(days=1)}
    price = {"price_minor": 5, "valid_until": later(days=2)}
    wrong: list[tuple[dict[str, Any], str]] = [
        (price | {"person": cast.bob.person}, "Only the owner"),
        (price | {"side": "house"}, "Only the owner"),
        (price | {"side": "studio", "person": cast.dave}, "cannot buy for"),
        (price | {"price_minor": -1}, "zero or more"),
        (price | {"valid_until": later(hours=1)}, "still to come"),
        (price | {"kind": "maybe"}, "a price, a yes or a no"),
        (price | {"kind": "decline"}, "names no price"),
    ]
    for more, sentence in wrong:
        with pytest.raises(licensing.UnableToBargain, match=sentence):
            licensing.answer_quote(**(answer | more))
    assert QuoteRequest.objects.count() == 1
    assert not QuoteStep.objects.exists()
