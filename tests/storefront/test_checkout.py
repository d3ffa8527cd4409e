"""Carol licenses at every kind of price, for projects and from a day on; nothing is charged that she was not told."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.checkout.models import Order, OrderLine, Subscription
from marketplace.licensing import operations as licensing
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.people.models import SizeDeclaration, Studio
from tests.cast import CARD, person
from tests.storefront.market import Market, browser_of
from tests.storefront.test_licenses import buy, offer, shown

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@pytest.fixture
def carol(market: Market) -> Client:
    return browser_of(market.cast.carol)


def form_of(client: Client, **named: object) -> dict[str, str]:
    """The hidden fields of the checkout page, the prices that it told among them."""
    page = shown(client, "/checkout", **named)
    return {name: value for name, value in HIDDEN.findall(page) if name != "csrfmiddlewaretoken"}


def counts() -> tuple[int, int]:
    return Order.objects.count(), Grant.objects.count()


def quoted(client: Client, **named: object) -> str:
    return shown(client, "/checkout/quote", **named)


# --- prices ----------------------------------------------------------------------------------------------
def test_seats_are_chosen_and_paid(market: Market, carol: Client) -> None:
    by_seat = offer(market.world, READY["studio"], 1_250, model="per-seat")
    named = {"offer": by_seat.pk, f"seats-{by_seat.pk}": 3}

    page = shown(carol, "/checkout", **named)
    assert "$12.50 for a seat" in page
    assert "Seats: 3" in page
    assert "Pay $37.50 and license" in page

    assert (
        carol.post("/checkout", form_of(carol, **named) | {f"seats-{by_seat.pk}": "3", "card": CARD}).status_code == 302
    )
    grant = Grant.objects.get()
    assert (grant.seats, grant.price_minor) == (3, 3_750)


def test_more_seats_than_were_told_the_price_of_are_not_charged(market: Market, carol: Client) -> None:
    by_seat = offer(market.world, READY["studio"], 1_250, model="per-seat")
    form = form_of(carol, offer=by_seat.pk) | {"card": CARD}
    assert form[f"expect-{by_seat.pk}"] == "1250"

    refused = carol.post("/checkout", form | {f"seats-{by_seat.pk}": "2"})

    assert refused.status_code == 422
    page = refused.content.decode()
    assert "changed from $12.50 to $25.00: look at it again, then order." in page
    assert "Pay $25.00 and license" in page
    assert counts() == (0, 0)
    again = dict(HIDDEN.findall(page))
    assert carol.post("/checkout", again | {f"seats-{by_seat.pk}": "2", "card": CARD}).status_code == 302
    assert Grant.objects.get().price_minor == 2_500


@pytest.mark.parametrize(("seats", "says"), [("0", "greater than or equal to 1"), ("31", "less than or equal to 30")])
def test_seats_that_cannot_be_have_no_price(market: Market, carol: Client, seats: str, says: str) -> None:
    by_seat = offer(market.world, READY["studio"], 1_250, model="per-seat")

    assert says in quoted(carol, offer=by_seat.pk, studio=market.cast.studio.pk, **{f"seats-{by_seat.pk}": seats})
    form = form_of(carol, offer=by_seat.pk) | {"card": CARD, f"seats-{by_seat.pk}": seats}
    assert carol.post("/checkout", form).status_code == 422
    assert counts() == (0, 0)


def test_a_subscription_says_when_it_is_renewed(market: Market, carol: Client) -> None:
    monthly = offer(market.world, READY["studio"], 900, model="monthly")

    page = shown(carol, "/checkout", offer=monthly.pk)
    assert "$9.00 a month for a seat" in page
    assert "at the price of that day, until you cancel" in page
    carol.post("/checkout", form_of(carol, offer=monthly.pk) | {"card": CARD})
    assert Subscription.objects.count() == 1


def test_who_pays_what_they_want_pays_no_less_than_the_least(market: Market, carol: Client) -> None:
    wanted = offer(market.world, READY["personal"], 500, model="pay-what-you-want")
    studio, pays = market.cast.studio.pk, f"pays-{wanted.pk}"

    assert "You may pay what you want from $5.00 on" in quoted(carol, offer=wanted.pk, studio=studio, **{pays: "4.99"})
    assert "such as" in quoted(carol, offer=wanted.pk, studio=studio, **{pays: "lots"})
    assert "Pay $1,200.00 and license" in quoted(carol, offer=wanted.pk, studio=studio, **{pays: "1,200"})
    form = form_of(carol, offer=wanted.pk, **{pays: "7.5"})
    assert carol.post("/checkout", form | {pays: "7.5", "card": CARD}).status_code == 302
    assert Grant.objects.get().price_minor == 750


def test_what_is_metered_costs_nothing_now_and_still_asks_for_a_card(market: Market, carol: Client) -> None:
    metered = offer(market.world, READY["studio"], 3, model="metered", unit="picture")

    form = form_of(carol, offer=metered.pk)
    assert "Nothing now; later $0.03 × picture" in shown(carol, "/checkout", offer=metered.pk)
    assert carol.post("/checkout", form | {"card": "1234"}).status_code == 422
    assert counts() == (0, 0)
    assert carol.post("/checkout", form | {"card": CARD}).status_code == 302
    assert Grant.objects.get().price_minor == 0


def test_what_is_on_request_leads_to_a_quote(market: Market, carol: Client) -> None:
    asked = offer(market.world, READY["exclusive"], 0, model="on-request")

    assert carol.get("/checkout", {"offer": asked.pk})["Location"] == f"/quotes/ask?offer={asked.pk}"


def test_a_price_by_size_goes_by_what_is_declared(market: Market, carol: Client) -> None:
    tiers = [{"up_to_people": 10, "up_to_revenue_usd": 0, "price_minor": 2_000}]
    sized = offer(market.world, READY["enterprise"], 90_000, tiers=tiers, model="per-seat")
    studio = market.cast.studio.pk

    assert "$900.00 for a seat" in quoted(carol, offer=sized.pk, studio=studio)
    small = {"people": "4", "revenue_usd": "100000"}
    assert "The price for studios of up to 10 people" in quoted(carol, offer=sized.pk, studio=studio, **small)
    assert "fill in both, or neither" in quoted(carol, offer=sized.pk, studio=studio, people="4")
    assert SizeDeclaration.objects.count() == 0

    form = form_of(carol, offer=sized.pk) | small | {f"expect-{sized.pk}": "2000", "card": CARD}
    assert carol.post("/checkout", form).status_code == 302
    assert Grant.objects.get().price_minor == 2_000
    assert SizeDeclaration.objects.get().people == 4
    assert "4 people, US$100,000 a year" in shown(carol, "/checkout", offer=sized.pk)


def test_a_code_takes_something_off_and_a_wrong_one_is_refused(market: Market, carol: Client) -> None:
    licensing.add_code(
        creator=market.cast.alice, code="SPRING", now=timezone.now() - timedelta(hours=1), percent_ppb=WHOLE_PPB // 10
    )
    studio, one = market.cast.studio.pk, market.offer("studio")

    assert "The code SPRING takes off $10.01" in quoted(carol, offer=one.pk, studio=studio, code="spring")
    assert "The code “AUTUMN” takes nothing off" in quoted(carol, offer=one.pk, studio=studio, code="autumn")
    form = form_of(carol, offer=one.pk, code="SPRING")
    assert form[f"expect-{one.pk}"] == "9000"
    assert carol.post("/checkout", form | {"code": "WINTER", "card": CARD}).status_code == 422
    assert counts() == (0, 0)
    assert carol.post("/checkout", form | {"code": "SPRING", "card": CARD}).status_code == 302
    assert Grant.objects.get().price_minor == 9_000


# --- what it is for ----------------------------------------------------------------------------------------
def test_a_project_is_named_on_the_way_and_opened_once(market: Market, carol: Client) -> None:
    form = form_of(carol, offer=market.offer("studio").pk) | {"card": CARD, "project_name": " Tide "}

    first, second = carol.post("/checkout", form), carol.post("/checkout", form)

    assert first["Location"] == second["Location"]
    assert Grant.objects.get().project == Project.objects.get(name="Tide")


def test_a_project_of_others_is_none(market: Market, carol: Client) -> None:
    theirs = licensing.open_project(
        studio=market.cast.daves_studio, by=market.cast.dave, name="Ink", now=timezone.now()
    )
    form = form_of(carol, offer=market.offer("studio").pk) | {"card": CARD, "project": str(theirs.pk)}
    licensing.open_project(studio=market.cast.studio, by=market.cast.carol, name="Tide", now=timezone.now())

    assert carol.post("/checkout", form).status_code == 422
    assert counts() == (0, 0)


def test_a_license_begins_later_but_never_before_today(market: Market, carol: Client) -> None:
    today = timezone.now().date()
    form = form_of(carol, offer=market.offer("studio").pk) | {"card": CARD}

    refused = carol.post("/checkout", form | {"starts_on": f"{today - timedelta(days=1):%Y-%m-%d}"})
    assert refused.status_code == 422
    assert "A license begins today or later: choose another day." in refused.content.decode()
    assert counts() == (0, 0)
    day = today + timedelta(days=5)
    assert carol.post("/checkout", form | {"starts_on": f"{day:%Y-%m-%d}"}).status_code == 302
    assert Grant.objects.get().starts_at.date() == day


def test_a_newcomer_sees_the_price_and_opens_nothing_by_looking(market: Market) -> None:
    newcomer, before = browser_of(person("erin")), Studio.objects.count()

    assert "Pay $100.01 and license" in shown(newcomer, "/checkout", offer=market.offer("studio").pk)
    assert (Studio.objects.count(), *counts()) == (before, 0, 0)


# --- several at once ---------------------------------------------------------------------------------------
def test_several_are_licensed_in_one_order(market: Market, carol: Client) -> None:
    offers = [market.offer("studio"), market.offer("enterprise")]
    page = shown(carol, f"/checkout?offer={offers[0].pk}&offer={offers[1].pk}")
    assert "Pay $1,000.01 and license" in page
    expects = {name: value for name, value in HIDDEN.findall(page) if name.startswith(("expect", "idem", "studio"))}

    bought = carol.post("/checkout", expects | {"offer": [str(one.pk) for one in offers], "card": CARD})

    assert bought["Location"] == "/licenses"
    assert OrderLine.objects.filter(order=Order.objects.get()).count() == 2
    assert sorted(Grant.objects.values_list("price_minor", flat=True)) == [10_001, 90_000]


def test_a_collection_is_licensed_as_a_whole_at_its_price(market: Market, carol: Client) -> None:
    offers = [market.offer("studio"), market.offer("enterprise")]
    collection = licensing.make_collection(
        creator=market.cast.alice,
        title={"en": "All of it"},
        offers=offers,
        price=Money(50_000, "USD"),
        now=timezone.now() - timedelta(hours=1),
    )
    pack = shown(carol, "/packs/alice/yunhai")
    assert "All of it" in pack
    assert "One by one: $1,000.01" in pack

    form = form_of(carol, collection=collection.pk)
    assert "Its part of the price of the collection" in shown(carol, "/checkout", collection=collection.pk)
    assert carol.post("/checkout", form | {"card": CARD}).status_code == 302
    assert sum(Grant.objects.values_list("price_minor", flat=True)) == 50_000


# --- licenses that follow others ---------------------------------------------------------------------------
def test_an_upgrade_takes_off_what_was_paid(market: Market, carol: Client) -> None:
    former = buy(market, market.offer("studio"))
    named = {"offer": market.offer("enterprise").pk, "upgrade": former.pk}

    page = shown(carol, "/checkout", **named)
    assert "The license that it replaces takes off $100.01" in page
    assert "Pay $799.99 and license" in page
    assert carol.post("/checkout", form_of(carol, **named) | {"card": CARD}).status_code == 302
    assert Grant.objects.get(replaces=former).kind == "upgrade"


def test_a_quote_is_bought_at_the_price_that_was_agreed_on(market: Market, carol: Client) -> None:
    asked = offer(market.world, READY["exclusive"], 0, model="on-request")
    cast, now = market.cast, timezone.now()
    request = licensing.ask_quote(offer=asked, studio=cast.studio, person=cast.carol, now=now, seats=1)
    price = {"price_minor": 42_000, "valid_until": now + timedelta(days=7)}
    licensing.answer_quote(request=request, person=cast.alice.person, side="creator", now=now, **price)
    named = {"offer": asked.pk, "quote": request.pk}
    assert "The quote is not agreed on yet" in shown(carol, "/checkout", **named)
    licensing.answer_quote(request=request, person=cast.carol, side="studio", now=now, kind="accept")

    assert browser_of(cast.dave).get("/checkout", named).status_code == 404
    assert "Pay $420.00 and license" in shown(carol, "/checkout", **named)
    assert carol.post("/checkout", form_of(carol, **named) | {"card": CARD}).status_code == 302
    assert Grant.objects.get().price_minor == 42_000


def test_nobody_upgrades_or_renews_a_license_of_others(market: Market) -> None:
    former, dave = buy(market, market.offer("studio")), browser_of(market.cast.dave)

    for name in ("upgrade", "renew"):
        assert dave.get("/checkout", {"offer": market.offer("enterprise").pk, name: former.pk}).status_code == 404
    for name in ("quote", "collection"):
        assert dave.get("/checkout", {name: uuid4()}).status_code == 404
        assert dave.get("/checkout", {name: "x"}).status_code == 404
    assert Grant.objects.count() == 1


# --- the pack's page ---------------------------------------------------------------------------------------
def test_the_page_says_every_kind_of_price(market: Market, client: Client) -> None:
    world = market.world
    offer(world, READY["cc0-1.0"], 0, model="free")
    offer(world, READY["cc-by-4.0"], 500, model="pay-what-you-want")
    offer(world, READY["cc-by-nc-4.0"], 3, model="metered", unit="picture")
    offer(world, READY["openrail-m"], 0, model="revenue-share", share_ppb=WHOLE_PPB // 20)
    offer(world, READY["exclusive"], 0, model="on-request")
    tiers = [{"up_to_people": 10, "up_to_revenue_usd": 0, "price_minor": 200}]
    offer(world, READY["studio"], 1_250, model="monthly", tiers=tiers)

    page = shown(client, "/packs/alice/yunhai")

    for text in (
        "or more, as you want",
        "for each picture, billed monthly",
        "of the revenue that you report",
        "On request",
        "the creator names a price for you",
        "a month for a seat",
        "$2.00 for studios of up to 10 people",
        market.offer("studio").terms_id,
    ):
        assert text in page, text


def test_a_sale_shows_the_price_before_and_the_lowest_of_30_days(market: Market, client: Client) -> None:
    one: Offer = market.offer("studio")
    now = timezone.now()
    licensing.change_price(
        offer=one, price_minor=7_500, now=now, kind="sale", ends_at=now + timedelta(days=9), starts_at=now
    )

    page = shown(client, "/packs/alice/yunhai")

    assert "$75.00" in page
    assert re.search(r"<s[^>]*>(<span[^>]*>Before: ?</span>)?\$100\.01</s>", page)
    assert "Lowest price of the 30 days before: $100.01" in page
    assert "Reduced until" in page


def test_what_others_have_exclusively_is_not_sold_and_says_until_when(market: Market, client: Client) -> None:
    exclusive = offer(market.world, READY["exclusive"], 50_000)
    held = buy(market, market.offer("studio"))
    assert "1 license that was granted before stays as it is." in shown(
        browser_of(market.cast.dave), "/packs/alice/yunhai"
    )

    buy(market, exclusive)

    page = shown(client, "/packs/alice/yunhai")
    assert "Somebody else has it exclusively until" in page
    assert "Continue to checkout" not in page
    dave = browser_of(market.cast.dave)
    assert "There is no price for this yet" in shown(dave, "/checkout", offer=market.offer("studio").pk)
    assert held.pk in set(Grant.objects.values_list("pk", flat=True))
