"""Everything that can be asked for: what it costs, why, and that a refusal writes nothing."""

from dataclasses import replace
from typing import Any

import pytest

from marketplace.checkout import operations as checkout
from marketplace.checkout import placing
from marketplace.checkout.asking import Ask, asks_of
from marketplace.checkout.gateways.base import UnableToUseMethod
from marketplace.checkout.models import Order, OrderLine, PaymentAttempt, SandboxCharge
from marketplace.licensing import operations as licensing
from marketplace.licensing.exclusivity import UnableToGrantExclusively
from marketplace.licensing.granting import UnableToGrant
from marketplace.licensing.holdings import Exclusivity
from marketplace.licensing.models import Grant, Offer, OfferPrice
from marketplace.licensing.pricing import Tier
from marketplace.licensing.pricing_queries import price_now
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.models import Sale
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from marketplace.people.operations import UnableToDeclare, UnableToSeat, declare_size, give_seat, set_legal_entity
from tests.cast import CARD, DECLINED_CARD, later
from tests.checkout.shop import Shop, grant_of

HALF = 500_000_000


def assert_nothing_new(before: tuple[int, ...]) -> None:
    assert counts() == before


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Order, OrderLine, PaymentAttempt, SandboxCharge, Grant, Sale))


def test_one_order_holds_every_kind_of_price(shop: Shop) -> None:
    seats = shop.offer("enterprise", 1_000, model="per-seat")
    wanted = shop.offer("cc0-1.0", 100, model="pay-what-you-want")
    metered = shop.offer("cc-by-4.0", 7, model="metered", unit="image")
    share = shop.offer("openrail-m", 900, model="revenue-share", share_ppb=25_000_000)
    monthly = shop.offer("cc-by-nc-4.0", 300, model="monthly")
    asks = [
        shop.market.offer(),
        shop.market.offer("personal"),
        Ask(seats, seats=12),
        Ask(wanted, pays_minor=250),
        metered,
        share,
        Ask(monthly, seats=2),
    ]

    told = shop.quote(*asks)
    order = shop.buy(*asks)

    due = [10_001, 0, 12_000, 250, 0, 900, 600]
    assert [line.price_minor for line in told.lines] == [line.price_minor for line in order.lines.all()] == due
    assert (told.total_minor, told.needs_method, order.total_minor) == (sum(due), True, sum(due))
    assert order.method == "success"  # kept, for the month to come and for what is reported
    assert sorted(Sale.objects.values_list("gross_minor", flat=True)) == [250, 900, 10_001, 12_000]
    assert check_books() == []
    by_seat = grant_of(order.lines.get(offer=seats))
    assert (by_seat.seats, by_seat.price_minor, by_seat.currency) == (12, 12_000, "USD")
    explained = [str(words) for words in placing.said(order.lines.get(offer=seats))]
    assert explained == [str(words) for words in told.lines[2].lines] == ["1000 USD for a seat", "Seats: 12"]


def test_a_quote_writes_nothing_and_its_price_is_kept_or_refused(shop: Shop) -> None:
    offer = shop.offer()
    before = counts()
    told = shop.quote(offer)
    assert_nothing_new(before)
    licensing.change_price(offer=offer, price_minor=6_000, now=later(hours=3))

    with pytest.raises(checkout.UnableToBuy, match=r"changed from \$50.00 to \$60.00"):
        shop.buy(Ask(offer, expect_minor=told.lines[0].price_minor), now=later(hours=4))
    assert_nothing_new(before)
    line = shop.line(Ask(offer, expect_minor=6_000), now=later(hours=4))
    assert (line.price_minor, line.price) == (6_000, price_now(offer, later(hours=4)))


def test_what_cannot_be_asked_for_is_refused_and_writes_nothing(shop: Shop) -> None:
    cast, studio = shop.market.cast, shop.market.offer()
    seats, wanted = (
        shop.offer("enterprise", 1_000, model="per-seat"),
        shop.offer("cc0-1.0", 100, model="pay-what-you-want"),
    )
    requested = shop.offer("enterprise", 0, model="on-request")
    project = licensing.open_project(studio=cast.daves_studio, by=cast.dave, name="Quill I", now=later(hours=1))
    before = counts()
    refusals: list[tuple[Offer | Ask, type[Exception], str]] = [
        (Ask(studio, pays_minor=5), checkout.UnableToBuy, "The price of this offer is fixed"),
        (Ask(studio, seats=31), UnableToGrant, "at most 30 seats"),
        (Ask(studio, project=project), UnableToGrant, "“Quill I” is not this studio's"),
        (Ask(studio, starts_at=later(days=-3)), UnableToGrant, "begin before it is ordered"),
        (Ask(studio, starts_at=later(days=4000)), checkout.UnableToBuy, "begins within ten years"),
        (Ask(studio, code="a\0b"), checkout.UnableToBuy, "takes nothing off"),
        (Ask(studio, code="NOPE"), checkout.UnableToBuy, "“NOPE” takes nothing off"),
        (Ask(studio, kind="gift"), checkout.UnableToBuy, "“gift” is none of these"),
        (Ask(studio, kind="upgrade"), UnableToGrant, "names as the one it replaces"),
        (Ask(seats, seats=-1), checkout.UnableToBuy, "from 1 to 1,000,000 seats"),
        (Ask(wanted, pays_minor=99), checkout.UnableToBuy, "is too little"),
        (requested, checkout.UnableToBuy, "priced on request"),
    ]

    for ask, kind, sentence in refusals:
        for verb in (shop.quote, shop.buy):
            with pytest.raises(kind, match=sentence):
                verb(ask)
    for key in ("subscription:1:1", "usage:2026-11:1"):
        with pytest.raises(checkout.UnableToBuy, match="needs an idempotency key"):
            shop.buy(studio, idempotency_key=key)
    for free_now in (shop.offer("cc-by-4.0", 7, model="metered", unit="image"), wanted):
        with pytest.raises(UnableToUseMethod):
            shop.buy(free_now, method="")
    assert_nothing_new(before)


def test_a_studio_pays_by_the_size_that_it_declared(shop: Shop) -> None:
    cast = shop.market.cast
    offer = shop.offer("enterprise", 9_000, tiers=[Tier(10, 0, 500), Tier(50, 0, 2_000)])
    assert shop.quote(offer).total_minor == 9_000
    declare_size(studio=cast.studio, by=cast.carol, people=40, revenue_usd=5_000_000, now=later(hours=1))
    assert shop.quote(offer).total_minor == 2_000
    declare_size(studio=cast.studio, by=cast.carol, people=8, revenue_usd=5_000_000, now=later(hours=2))
    again = declare_size(studio=cast.studio, by=cast.carol, people=8, revenue_usd=5_000_000, now=later(hours=3))
    assert (cast.studio.sizes.count(), again.declared_at) == (2, later(hours=2))
    assert [str(words) for words in shop.quote(offer).lines[0].lines] == [
        "500 USD for the license",
        "The price for studios of up to 10 people",
    ]
    with pytest.raises(UnableToSeat, match="Only owners and buyers"):
        declare_size(studio=cast.studio, by=cast.dave, people=1, revenue_usd=0, now=later(hours=3))
    with pytest.raises(UnableToDeclare, match="at least one person"):
        declare_size(studio=cast.studio, by=cast.carol, people=0, revenue_usd=0, now=later(hours=3))
    assert cast.studio.sizes.count() == 2


def test_a_license_is_a_legal_entitys(shop: Shop) -> None:
    cast = shop.market.cast
    entity = {"legal_name": "Lantern Films SAS", "country": "fr", "registration": "RCS Paris 552 100 554"}
    for by, more, error in (
        (cast.dave, {}, UnableToSeat),
        (cast.carol, {"country": "France"}, UnableToDeclare),
        (cast.carol, {"legal_name": "x" * 121}, UnableToDeclare),
    ):
        with pytest.raises(error):
            set_legal_entity(studio=cast.studio, by=by, now=later(hours=1), **(entity | more))
    cast.studio.refresh_from_db()
    assert cast.studio.legal_name == ""
    set_legal_entity(studio=cast.studio, by=cast.carol, now=later(hours=1), **entity)

    grant = grant_of(shop.line(shop.market.offer()))
    held = (grant.licensee_name, grant.licensee_country, grant.licensee_registration)
    assert held == ("Lantern Films SAS", "FR", "RCS Paris 552 100 554")


def test_a_code_takes_off_each_line_it_is_for_and_is_used_up(shop: Shop) -> None:
    alice, own, bobs = (
        shop.market.cast.alice,
        shop.offer(price_minor=5_001),
        shop.market.offer(release=shop.market.derived),
    )
    code = licensing.add_code(creator=alice, code="INK", percent_ppb=HALF, most_uses=2, now=later(hours=1))
    order = shop.buy(Ask(own, code="ink"), Ask(bobs, code="ink"), Ask(shop.market.offer(), code="ink"))

    lines = [(line.price_minor, line.list_minor, line.code) for line in order.lines.all()]
    assert lines == [(2_500, 5_001, code), (10_001, 10_001, None), (5_000, 10_001, code)]
    before = counts()
    with pytest.raises(checkout.UnableToBuy, match="“INK” is used up"):
        shop.buy(Ask(own, code="INK"))
    with pytest.raises(checkout.UnableToBuy, match="“INK” takes nothing off"):
        shop.buy(Ask(bobs, code="INK"))
    assert_nothing_new(before)


def test_what_a_declined_order_took_is_free_again(shop: Shop) -> None:
    offer = shop.offer()
    licensing.add_code(
        creator=shop.market.cast.alice, code="ONCE", amount_minor=100, currency="USD", most_uses=1, now=later(hours=1)
    )
    licensing.change_price(offer=offer, price_minor=1_000, kind="early-bird", most_sales=1, now=later(hours=1))
    asked = Ask(offer, code="once")

    with pytest.raises(checkout.PaymentDeclined):
        shop.buy(asked, method=DECLINED_CARD)
    assert price_now(offer, later(hours=2)).price_minor == 1_000
    assert shop.line(asked).price_minor == 900
    assert price_now(offer, later(hours=2)).price_minor == 5_000
    with pytest.raises(checkout.UnableToBuy, match="“ONCE” is used up"):
        shop.buy(asked)
    assert shop.line(offer).price_minor == 5_000


def test_nothing_is_too_cheap_to_be_free(shop: Shop) -> None:
    licensing.add_code(creator=shop.market.cast.alice, code="GIFT", percent_ppb=1_000_000_000, now=later(hours=1))
    order = shop.buy(Ask(shop.market.offer(), code="GIFT"), method="")

    assert (order.total_minor, order.method, order.outcome.outcome) == (0, "", "free")
    assert grant_of(order.lines.get()).price_minor == 0


def test_a_collection_is_one_price_shared_out(shop: Shop) -> None:
    first, second, third = shop.offer(price_minor=5_000), shop.offer("cc-by-4.0", 2_000), shop.market.offer("personal")
    made = licensing.make_collection(
        creator=shop.market.cast.alice,
        title={"en": "All"},
        offers=[first, second, third],
        price=Money(5_001, "USD"),
        now=later(hours=1),
    )
    before = counts()
    for asks in (asks_of(made)[:2], [*asks_of(made)[:2], Ask(first, collection=made, seats=2)]):
        with pytest.raises(checkout.UnableToBuy, match="bought as a whole|stands twice"):
            shop.buy(*asks)
    with pytest.raises(checkout.UnableToBuy, match="has its own price"):
        shop.buy(*[replace(ask, code="INK") for ask in asks_of(made)])
    assert_nothing_new(before)

    order = shop.buy(*asks_of(made), shop.market.offer())
    assert [line.price_minor for line in order.lines.all()] == [3_572, 1_429, 0, 10_001]
    assert (order.total_minor, check_books()) == (15_002, [])
    assert order.lines.filter(price=None).count() == 3  # no early-bird place is taken
    licensing.withdraw_collection(collection=made, creator=shop.market.cast.alice, now=later(days=1))
    with pytest.raises(checkout.UnableToBuy, match="no longer sold"):
        shop.buy(*asks_of(type(made).objects.get(pk=made.pk)), now=later(days=2))


def test_an_agreed_price_is_bought_once_by_who_agreed(shop: Shop) -> None:
    cast, offer = shop.market.cast, shop.offer("enterprise", 0, model="on-request")
    asked = licensing.ask_quote(offer=offer, studio=cast.studio, person=cast.carol, seats=40, now=later(hours=2))
    ask = Ask(offer, quote=asked)
    answer: dict[str, Any] = {"request": asked, "now": later(hours=3)}
    with pytest.raises(checkout.UnableToBuy, match="not agreed on yet"):
        shop.buy(ask, now=later(hours=4))
    licensing.answer_quote(
        person=cast.alice.person, side="creator", price_minor=70_000, valid_until=later(days=2), **answer
    )
    licensing.answer_quote(person=cast.carol, side="studio", kind="accept", **answer)
    before = counts()
    for more, sentence in (
        ({"studio": cast.daves_studio, "buyer": cast.dave}, "another offer or another studio"),
        ({"now": later(days=31)}, "more than 30 days ago"),
    ):
        with pytest.raises(checkout.UnableToBuy, match=sentence):
            shop.buy(ask, **({"now": later(hours=4)} | more))
    with pytest.raises(checkout.UnableToBuy, match="for 40 seats"):
        shop.buy(replace(ask, seats=41), now=later(hours=4))
    assert_nothing_new(before)

    line = shop.line(ask, now=later(hours=4))
    assert (line.price_minor, line.quote, grant_of(line).seats) == (70_000, asked, 40)
    with pytest.raises(checkout.UnableToBuy, match="was bought already"):
        shop.buy(ask, now=later(hours=5))


def test_an_upgrade_takes_off_all_that_was_paid_along_the_way(shop: Shop) -> None:
    small, larger = grant_of(shop.line(shop.market.offer())), shop.offer("enterprise", 30_000)
    step = shop.line(Ask(larger, kind="upgrade", replaces=small))
    assert (step.price_minor, step.list_minor, step.credit_minor) == (19_999, 30_000, 10_001)
    assert str(placing.said(step)[-1]) == "The license that it replaces takes off 10001 USD"
    middle = grant_of(step)
    assert (middle.kind, middle.replaces, middle.price_minor) == ("upgrade", small, 19_999)
    before = counts()
    with pytest.raises(UnableToGrant, match="not active"):
        shop.buy(Ask(larger, kind="upgrade", replaces=small))
    with pytest.raises(checkout.UnableToBuy, match="has all of that already"):
        shop.buy(Ask(larger, kind="upgrade", replaces=middle))
    with pytest.raises(checkout.UnableToBuy, match="paid in USD"):
        shop.buy(Ask(shop.market.offer("enterprise"), kind="upgrade", replaces=middle))
    assert_nothing_new(before)

    cheap = shop.line(Ask(shop.offer("cc-by-4.0", 2_000), kind="upgrade", replaces=middle))
    assert (cheap.price_minor, cheap.credit_minor, cheap.order.outcome.outcome) == (0, 2_000, "free")  # never paid out
    assert check_books() == []


def test_a_declined_upgrade_leaves_the_license_as_it_was(shop: Shop) -> None:
    held, larger = grant_of(shop.line(shop.market.offer())), shop.offer("enterprise", 30_000)
    upgrade = Ask(larger, kind="upgrade", replaces=held)
    with pytest.raises(checkout.PaymentDeclined):
        shop.buy(upgrade, method=DECLINED_CARD)
    assert not held.statuses.exists()
    assert shop.line(upgrade).price_minor == 19_999
    assert held.statuses.get().status == "superseded"


def test_a_dated_license_is_renewed_where_it_ends_and_credited_by_its_time(shop: Shop) -> None:
    year = replace(READY["studio"], name="a year", duration_days=100)
    offer = licensing.offer(release=shop.market.world, terms=year, price=Money(10_000, "USD"), now=later(hours=1))
    held = grant_of(shop.line(offer, now=later(hours=2)))
    assert held.ends_at == later(days=100, hours=2)

    larger = shop.offer("enterprise", 30_000)
    at_half = shop.quote(Ask(larger, kind="upgrade", replaces=held), now=later(days=50, hours=2))
    assert (at_half.total_minor, at_half.lines[0].credit_minor) == (25_000, 5_000)
    line = shop.line(Ask(offer, kind="renewal", replaces=held), now=later(days=90))
    renewal = grant_of(line)
    assert (line.price_minor, line.credit_minor, renewal.kind) == (10_000, 0, "renewal")
    assert (renewal.starts_at, renewal.ends_at) == (held.ends_at, later(days=200, hours=2))
    for kind, one in (("renewal", offer), ("upgrade", larger)):
        with pytest.raises(checkout.UnableToBuy, match="renewed or upgraded already"):
            shop.buy(Ask(one, kind=kind, replaces=held), now=later(days=91))


def test_seats_in_use_are_renewed_with_at_least(shop: Shop) -> None:
    cast = shop.market.cast
    year = replace(READY["studio"], name="a year", duration_days=365)
    offer = licensing.offer(
        release=shop.market.world, terms=year, price=Money(1_000, "USD"), model="per-seat", now=later(hours=1)
    )
    held = grant_of(shop.line(Ask(offer, seats=3)))
    give_seat(studio=cast.studio, by=cast.carol, email="bob@example.com", role="member", now=later(hours=2))
    for person in (cast.carol, cast.bob.person):
        licensing.assign_seat(grant=held, person=person, by=cast.carol, now=later(hours=3))
    before = counts()
    with pytest.raises(UnableToGrant, match="2 seats are assigned, and you ask for 1"):
        shop.buy(Ask(offer, kind="renewal", replaces=held, seats=1), now=later(days=360))
    assert_nothing_new(before)
    line = shop.line(Ask(offer, kind="renewal", replaces=held, seats=2), now=later(days=360))
    assert (line.price_minor, grant_of(line).seats) == (2_000, 2)


def test_what_is_exclusive_is_taken_when_ordered_and_given_back_when_declined(shop: Shop) -> None:
    cast, offer = shop.market.cast, shop.offer("exclusive", 90_000)
    dave = {"studio": cast.daves_studio, "buyer": cast.dave}
    with pytest.raises(checkout.PaymentDeclined):
        shop.buy(offer, method=DECLINED_CARD)
    assert Exclusivity.objects.get().ended_at == later(hours=2)
    order = checkout.place_order(offers=[offer], method=CARD, idempotency_key="dave", now=later(hours=3), **dave)
    before = counts()
    for one in (offer, shop.market.offer()):
        for verb in (shop.quote, shop.buy):
            with pytest.raises(UnableToGrantExclusively):
                verb(one, now=later(hours=4))
    assert_nothing_new(before)
    assert checkout.pay(order=order, now=later(hours=4)).outcome == "succeeded"
    taken = Exclusivity.objects.get(ended_at=None)
    assert (taken.grant, taken.studio) == (grant_of(order.lines.get()), cast.daves_studio)


def test_early_birds_are_counted_in_one_order_too(shop: Shop) -> None:
    cast, offer = shop.market.cast, shop.offer()
    row = licensing.change_price(offer=offer, price_minor=1_000, kind="early-bird", most_sales=1, now=later(hours=1))
    projects = [
        licensing.open_project(studio=cast.studio, by=cast.carol, name=name, now=later(hours=1)) for name in ("I", "II")
    ]
    order = shop.buy(*[Ask(offer, project=project) for project in projects])

    assert [line.price_minor for line in order.lines.all()] == [1_000, 5_000]
    assert OfferPrice.objects.get(order_lines=order.lines.first()) == row
