"""Carol looks after what her studio holds: lists, seats, subscriptions, other terms, other studios."""

import csv
import io
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from marketplace.catalog.models import Release
from marketplace.checkout import operations as checkout
from marketplace.checkout import past_due, renewing
from marketplace.checkout.gateways.base import Charge
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, SubscriptionEnd
from marketplace.licensing import operations as licensing
from marketplace.licensing.holdings import SeatAssignment, UsageReport
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.people.models import Studio
from marketplace.storefront import held
from marketplace.ui import formats
from tests.cast import CARD
from tests.storefront.market import Market, browser_of

QUERIES_LIMIT = 25


def offer(release: Release, terms: Terms, price: int, **given: object) -> Offer:
    """Alice sells her world under more terms."""
    return licensing.offer(
        release=release, terms=terms, price=Money(price, "USD"), now=timezone.now() - timedelta(hours=1), **given
    )


def buy(market: Market, *offers: object, card: str = CARD) -> Grant:
    """Carol licenses something for Lantern Films, right now."""
    order = checkout.buy(
        studio=market.cast.studio,
        buyer=market.cast.carol,
        offers=list(offers),  # type: ignore[arg-type]
        method=card,
        idempotency_key=str(uuid4()),
        now=timezone.now(),
    )
    return Grant.objects.get(source=order.lines.get().source)


@pytest.fixture
def carol(market: Market) -> Client:
    return browser_of(market.cast.carol)


@pytest.fixture
def grant(market: Market) -> Grant:
    return buy(market, market.offer("studio"))


def member(market: Market, role: str = "member") -> Client:
    """Dave sits in Lantern Films, too."""
    market.cast.studio.seats.create(person=market.cast.dave, role=role, created_at=timezone.now())
    return browser_of(market.cast.dave)


def shown(client: Client, address: str, **given: object) -> str:
    response = client.get(address, given)
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", response.content.decode())


# --- the list --------------------------------------------------------------------------------------------
def test_the_list_is_narrowed_by_project_state_and_pack(market: Market, carol: Client) -> None:
    film = licensing.open_project(studio=market.cast.studio, by=market.cast.carol, name="Tide", now=timezone.now())
    lasting = buy(market, market.offer("studio"))
    short = buy(market, checkout.Ask(offer(market.world, READY["exclusive"], 50_000), project=film))
    ended = buy(market, market.offer("enterprise"))
    licensing.set_status(grant=ended, status="revoked", reason="Taken back.", now=timezone.now())
    everything = {lasting.pk, short.pk, ended.pk}

    for address, expected in (
        ("/licenses", everything),
        (f"/licenses?project={film.pk}", {short.pk}),
        ("/licenses?state=active", {lasting.pk, short.pk}),
        ("/licenses?state=revoked", {ended.pk}),
        ("/licenses?state=expired", set()),
        ("/licenses?state=ending", set()),
        ("/licenses?pack=alice/yunhai", everything),
        ("/licenses?pack=bob/ink&state=nonsense", everything),
    ):
        page = shown(carol, address)
        assert {pk for pk in everything if f'href="/licenses/{pk}"' in page} == expected, address
    assert "No license is like that" in shown(carol, "/licenses", state="expired")


def test_what_ends_within_a_month_says_so(market: Market, carol: Client) -> None:
    weeks = Terms(**{**READY["studio"].__dict__, "name": "weeks", "duration_days": 14})
    grant = buy(market, offer(market.world, weeks, 900))

    assert f'href="/licenses/{grant.pk}"' in shown(carol, "/licenses", state="ending")
    page = shown(carol, f"/licenses/{grant.pk}")
    assert "Ends within 30 days" in page
    renew = f"/checkout?offer={grant.offer_id}&amp;renew={grant.pk}"
    assert renew in page

    licensing.withdraw_offer(offer=grant.offer, now=timezone.now())
    assert renew not in shown(carol, f"/licenses/{grant.pk}")


def test_the_list_is_a_table_for_spreadsheets(market: Market, carol: Client) -> None:
    Studio.objects.filter(pk=market.cast.studio.pk).update(legal_name="=Lantern()", country="FR", registration="42")
    market.cast.studio.refresh_from_db()
    grant = buy(market, market.offer("studio"))
    licensing.assign_seat(grant=grant, person=market.cast.carol, by=market.cast.carol, now=timezone.now())

    response = carol.get("/licenses.csv")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(response.streaming_content).decode()  # type: ignore[arg-type]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 1
    assert rows[0] == {
        "license": str(grant.pk),
        "pack": "alice/yunhai",
        "version": "1.0.0",
        "title_en": "Sea of Clouds",
        "title_zh_hans": "云海",
        "terms": "studio",
        "terms_sha256": grant.terms_id,
        "licensee": "'=Lantern()",
        "licensee_country": "FR",
        "licensee_registration": "42",
        "project": "",
        "state": "active",
        "kind": "new",
        "replaces": "",
        "seats": "30",
        "seats_used": "1",
        "starts_at": f"{grant.starts_at:%Y-%m-%dT%H:%M:%SZ}",
        "ends_at": "",
        "granted_at": f"{grant.granted_at:%Y-%m-%dT%H:%M:%SZ}",
        "price": "100.01",
        "currency": "USD",
        "downloads": "0",
    }
    nothing = carol.get("/licenses.csv", {"state": "expired"})
    assert b"".join(nothing.streaming_content).count(b"\r\n") == 1  # type: ignore[arg-type]


def test_dave_sees_nothing_of_it(market: Market, grant: Grant) -> None:
    dave = browser_of(market.cast.dave)

    for way in ("", "/upgrade", "/pass-on"):
        assert dave.get(f"/licenses/{grant.pk}{way}").status_code == 404
    for way in ("seats", f"seats/{market.cast.carol.pk}/release", "subscription/cancel", "subscription/seats", "usage"):
        assert dave.post(f"/licenses/{grant.pk}/{way}", {}).status_code == 404
        assert browser_of(None).post(f"/licenses/{grant.pk}/{way}", {}).status_code == 302
    assert str(grant.pk) not in b"".join(dave.get("/licenses.csv").streaming_content).decode()  # type: ignore[arg-type]


# --- seats -----------------------------------------------------------------------------------------------
def test_seats_are_assigned_and_released(market: Market, carol: Client, grant: Grant) -> None:
    member(market)
    seat = f"/licenses/{grant.pk}/seats"

    assert carol.post(seat, {"person": str(market.cast.dave.pk)}).status_code == 302
    assert SeatAssignment.objects.get(released_at=None).person == market.cast.dave
    page = shown(carol, f"/licenses/{grant.pk}")
    assert "1 of 30 assigned" in page
    assert "dave@example.com" in page

    carol.post(f"{seat}/{market.cast.dave.pk}/release")
    assert SeatAssignment.objects.filter(released_at=None).count() == 0


def test_seats_are_not_for_strangers_nor_by_members(market: Market, carol: Client, grant: Grant) -> None:
    stranger = str(market.cast.alice.person_id)
    assert carol.post(f"/licenses/{grant.pk}/seats", {"person": stranger}).status_code == 422

    dave = member(market)
    assert "Assign the seat" not in shown(dave, f"/licenses/{grant.pk}")
    refused = dave.post(f"/licenses/{grant.pk}/seats", {"person": str(market.cast.dave.pk)})
    assert refused.status_code == 422
    assert "Only owners and buyers of Lantern Films can assign its seats." in refused.content.decode()
    assert SeatAssignment.objects.count() == 0


# --- subscriptions ---------------------------------------------------------------------------------------
@pytest.fixture
def monthly(market: Market) -> Grant:
    made = offer(market.world, READY["studio"], 1_000, model="monthly")
    return buy(market, checkout.Ask(made, seats=2))


def test_a_subscription_is_shown_and_cancelled(market: Market, carol: Client, monthly: Grant) -> None:
    page = shown(carol, f"/licenses/{monthly.pk}")
    assert "with 2 seats, by the card of the order." in page
    assert "renew=" not in page

    assert carol.post(f"/licenses/{monthly.pk}/subscription/cancel").status_code == 302
    assert not SubscriptionEnd.objects.exists()
    page = shown(carol, f"/licenses/{monthly.pk}")
    assert "It is cancelled, and ends on" in page
    assert "Let it go on" in page

    assert carol.post(f"/licenses/{monthly.pk}/subscription/resume").status_code == 302
    assert "with 2 seats, by the card of the order." in shown(carol, f"/licenses/{monthly.pk}")


def test_of_a_long_history_the_licenses_next_to_it_are_told(
    market: Market, monthly: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = [monthly]
    for _month in range(4):
        assert chain[-1].ends_at is not None
        assert renewing.renew_subscriptions(now=chain[-1].ends_at) == 1
        chain.append(Grant.objects.get(replaces=chain[-1]))
    now = chain[-1].starts_at
    assert held.history_of(chain[2], now) == chain

    monkeypatch.setattr(held, "CHAIN_LIMIT", 3)
    assert held.history_of(chain[2], now) == chain[1:4]
    assert held.history_of(chain[4], now) == chain[2:]
    assert held.history_of(chain[0], now) == chain[:3]


def test_a_renewal_that_is_not_paid_says_until_when_the_license_goes_on(
    market: Market, carol: Client, monthly: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Charge(reference="ch_no", state="declined", reason="The card was declined: use another card.")
    monkeypatch.setattr(SandboxGateway, "charge", lambda _self, **_asked: refused)
    assert monthly.ends_at is not None
    assert renewing.renew_subscriptions(now=monthly.ends_at) == 0
    past_due.chase_payments(now=monthly.ends_at)
    page = shown(carol, f"/licenses/{monthly.pk}")
    order = Order.objects.get(idempotency_key__startswith="subscription:")
    assert "Its renewal is not paid. The license goes on until" in page
    assert f'href="/orders/{order.pk}/pay"' in page
    grace = Grant.objects.get(source__startswith="grace:")
    assert "Pay it now" in shown(carol, f"/licenses/{grace.pk}")
    assert grace.ends_at is not None
    said = shown(carol, f"/orders/{order.pk}/pay")
    assert f"We try it again until {formats.date_text(grace.ends_at)}; with another card it is paid at once." in said
    assert "for a day" not in said

    assert carol.post(f"/licenses/{grace.pk}/subscription/cancel").status_code == 302
    assert SubscriptionEnd.objects.get().cause == "cancelled"
    assert "It is not renewed any more. It was cancelled." in shown(carol, f"/licenses/{monthly.pk}")


def test_a_subscription_gets_more_seats_at_once_and_fewer_later(market: Market, carol: Client, monthly: Grant) -> None:
    address = f"/licenses/{monthly.pk}/subscription/seats"

    sent = carol.post(address, {"seats": "3", "key": "more-1"})
    newest = Grant.objects.get(replaces=monthly)
    assert sent["Location"] == f"/licenses/{newest.pk}"
    assert newest.seats == 3
    page = shown(carol, f"/licenses/{newest.pk}")
    assert f'href="/licenses/{monthly.pk}"' in page
    assert "Replaced" in page

    assert carol.post(f"/licenses/{newest.pk}/subscription/seats", {"seats": "1", "key": "less-1"}).status_code == 302
    assert "with 1 seat, by the card" in shown(carol, f"/licenses/{newest.pk}")
    assert Grant.objects.count() == 2

    refused = carol.post(f"/licenses/{newest.pk}/subscription/seats", {"seats": "0", "key": "none-1"})
    assert refused.status_code == 422
    refused = carol.post(f"/licenses/{newest.pk}/subscription/seats", {"seats": "31", "key": "many-1"})
    assert refused.status_code == 422
    page = refused.content.decode()
    assert 'name="key" value="many-1"' not in page
    assert "hx-get" not in page
    dave = member(market)
    assert dave.post(f"/licenses/{newest.pk}/subscription/seats", {"seats": "9", "key": "dave"}).status_code == 422
    assert Grant.objects.count() == 2


# --- use -------------------------------------------------------------------------------------------------
def test_use_is_reported_once_in_units(market: Market, carol: Client) -> None:
    grant = buy(market, offer(market.world, READY["studio"], 2, model="metered", unit="image"))
    today = timezone.now().date().isoformat()
    form = {"from_day": today, "until_day": today, "quantity": "1,200", "note": "October", "key": "oct"}

    for _again in range(2):
        assert carol.post(f"/licenses/{grant.pk}/usage", form).status_code == 302
    assert UsageReport.objects.get().quantity == 1_200
    page = shown(carol, f"/licenses/{grant.pk}")
    assert "1,200" in page
    assert "Not billed yet" in page

    for wrong in ({"quantity": "12.5"}, {"quantity": "-1"}, {"until_day": "2026-02-30"}, {"until_day": "2099-01-01"}):
        assert carol.post(f"/licenses/{grant.pk}/usage", {**form, "key": "next", **wrong}).status_code == 422
    assert member(market).post(f"/licenses/{grant.pk}/usage", {**form, "key": "dave"}).status_code == 422
    assert UsageReport.objects.count() == 1


def test_revenue_is_reported_in_money(market: Market, carol: Client) -> None:
    grant = buy(market, offer(market.world, READY["studio"], 0, model="revenue-share", share_ppb=50_000_000))
    today = timezone.now().date().isoformat()

    carol.post(
        f"/licenses/{grant.pk}/usage", {"from_day": today, "until_day": today, "quantity": "1234.56", "key": "q4"}
    )
    assert UsageReport.objects.get().quantity == 123_456
    assert "$1,234.56" in shown(carol, f"/licenses/{grant.pk}")


# --- other terms, other studios --------------------------------------------------------------------------
def test_an_upgrade_says_what_is_taken_off(market: Market, carol: Client, grant: Grant) -> None:
    page = shown(carol, f"/licenses/{grant.pk}/upgrade")

    # 900.00 less the 100.01 that were paid.
    assert "$799.99" in page
    assert f"/checkout?offer={market.offer('enterprise').pk}&amp;upgrade={grant.pk}" in page
    assert str(grant.offer_id) not in page


def test_a_license_is_passed_on_to_who_is_named_twice(market: Market, carol: Client) -> None:
    grant = buy(market, market.offer("enterprise"))
    address, quill = f"/licenses/{grant.pk}/pass-on", market.cast.daves_studio
    assert "Quill" not in shown(carol, address)

    for wrong in (
        {"number": str(quill.pk), "name": "Quilt"},
        {"number": str(uuid4()), "name": "Quill"},
        {"number": "x", "name": "Quill"},
    ):
        assert carol.post(address, wrong).status_code == 422
    assert Grant.objects.count() == 1

    assert carol.post(address, {"number": str(quill.pk), "name": "Quill"}).status_code == 302
    passed = Grant.objects.get(replaces=grant)
    assert (passed.studio, passed.kind) == (quill, "transfer")
    assert "Another license took its place" in shown(carol, f"/licenses/{grant.pk}")


def test_what_may_not_be_passed_on_is_not(market: Market, carol: Client, grant: Grant) -> None:
    quill = market.cast.daves_studio
    assert "do not let it be passed on" in shown(carol, f"/licenses/{grant.pk}/pass-on")
    assert f"/licenses/{grant.pk}/pass-on" not in shown(carol, f"/licenses/{grant.pk}")
    refused = carol.post(f"/licenses/{grant.pk}/pass-on", {"number": str(quill.pk), "name": "Quill"})
    assert refused.status_code == 422
    assert Grant.objects.count() == 1


def test_the_pages_ask_few_questions(
    market: Market, carol: Client, monthly: Grant, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    carol.post(f"/licenses/{monthly.pk}/subscription/seats", {"seats": "3", "key": "more"})
    newest = Grant.objects.get(replaces=monthly)
    for address in ("/licenses", f"/licenses/{newest.pk}", "/projects", "/quotes", "/may-i"):
        with django_assert_max_num_queries(QUERIES_LIMIT, info=address):
            assert carol.get(address).status_code == 200
