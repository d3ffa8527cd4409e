"""Carol asks whether she may: yes or no, why not, and what would help at what price."""

import hashlib
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.checkout import operations as checkout
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.ready import READY
from tests.storefront.market import Market, browser_of
from tests.storefront.test_licenses import buy, member, offer, shown

FILM = {"fields_of_use": "film", "media": "video", "commercial": "none", "credited": "on", "seats": "1"}


@pytest.fixture
def carol(market: Market) -> Client:
    return browser_of(market.cast.carol)


def ask(client: Client, market: Market, status: int = 200, **given: object) -> str:
    asked = {"digest": market.world.digest, "studio": str(market.cast.studio.pk), **FILM, **given}
    response = client.get("/may-i", {name: value for name, value in asked.items() if value is not None})
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def test_a_license_allows_and_says_what_comes_with_it(market: Market, carol: Client) -> None:
    grant = buy(market, market.offer("studio"))

    page = ask(carol, market, commercial="limited", revenue_usd="900000")
    assert "Yes, you may." in page
    assert f'href="/licenses/{grant.pk}"' in page
    assert "The makers of alice/yunhai@1.0.0 are credited." in page
    assert "What would help" not in page


def test_a_file_is_known_by_its_own_digest(market: Market, carol: Client, tmp_path: Path) -> None:
    buy(market, market.offer("studio"))
    digest = hashlib.sha256((tmp_path / "yunhai" / "style.safetensors").read_bytes()).hexdigest()

    assert "Yes, you may." in ask(carol, market, digest=f"SHA256:{digest.upper()}")
    assert "We do not know this file." in ask(carol, market, digest="0" * 64)


def test_a_refusal_says_why_and_what_helps_at_what_price(market: Market, carol: Client) -> None:
    grant = buy(market, market.offer("studio"))

    page = ask(carol, market, commercial="full")
    assert "No, not as it stands." in page
    assert "US$1,000,000" in page
    assert "but you need commercial use, whatever the revenue." in page
    assert "$900.00" in page
    assert f"/checkout?offer={market.offer('enterprise').pk}&amp;upgrade={grant.pk}" in page
    assert "Less of it" in page


def test_what_is_not_licensed_leads_to_the_cheapest_offer_that_allows_it(market: Market, carol: Client) -> None:
    page = ask(carol, market, commercial="limited", revenue_usd="5000")

    assert "Lantern Films has no license for alice/yunhai@1.0.0." in page
    assert f'href="/checkout?offer={market.offer("studio").pk}"' in page
    assert "$100.01" in page


def test_a_project_and_a_seat_are_looked_at(market: Market, carol: Client) -> None:
    now, cast = timezone.now(), market.cast
    tide, ebb = (
        licensing.open_project(studio=cast.studio, by=cast.carol, name=name, now=now) for name in ("Tide", "Ebb")
    )
    grant = buy(market, checkout.Ask(market.offer("studio"), project=tide))

    assert "Yes, you may." in ask(carol, market, project=str(tide.pk))
    page = ask(carol, market, project=str(ebb.pk))
    assert "is for the project “Tide” alone." in page
    assert f"/checkout?offer={grant.offer_id}&amp;project={ebb.pk}" in page

    dave = member(market)
    licensing.assign_seat(grant=grant, person=cast.carol, by=cast.carol, now=now)
    assert "Yes, you may." in ask(dave, market, project=str(tide.pk))
    assert f'href="/licenses/{grant.pk}#seats"' in ask(dave, market, project=str(tide.pk), me="on")
    assert "Yes, you may." in ask(carol, market, project=str(tide.pk), me="on")


def test_days_and_countries_count(market: Market, carol: Client) -> None:
    weeks = Terms(**{**READY["studio"].__dict__, "name": "weeks", "duration_days": 14})
    grant = buy(market, offer(market.world, weeks, 900))
    today = timezone.now().date()

    assert "Yes, you may." in ask(carol, market)
    assert "Yes, you may." in ask(carol, market, starts=today, ends=today + timedelta(days=3), countries=["CN", "FR"])
    page = ask(carol, market, starts=today, ends=today + timedelta(days=30))
    assert "No, not as it stands." in page
    assert f"/checkout?offer={market.offer('personal').pk}&amp;upgrade={grant.pk}" in page
    assert "Free" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": ""},
        {"digest": "x" * 64},
        {"fields_of_use": None},
        {"media": None},
        {"media": "smell"},
        {"commercial": "everything"},
        {"commercial": "limited"},
        {"seats": "0"},
        {"countries": "ZZ"},
        {"starts": "2026-13-01"},
        {"starts": "2026-12-02", "ends": "2026-12-01"},
        {"share_alike": "x" * 201},
        {"project": str(uuid4())},
    ],
)
def test_what_cannot_be_judged_is_asked_again(market: Market, carol: Client, wrong: dict[str, object]) -> None:
    page = ask(carol, market, 422, **wrong)

    assert 'id="error-summary"' in page
    assert Grant.objects.count() == 0


def test_nobody_asks_for_a_studio_of_others(market: Market, carol: Client) -> None:
    buy(market, market.offer("studio"))
    dave = browser_of(market.cast.dave)

    page = ask(dave, market, 422)
    assert "Yes, you may." not in page
    assert "has no license for" in ask(dave, market, studio=str(market.cast.daves_studio.pk))
    assert browser_of(None).get("/may-i").status_code == 302


def test_a_first_visit_asks_nothing_and_keeps_the_digest(market: Market, carol: Client) -> None:
    page = shown(carol, "/may-i", digest=market.world.digest)

    assert market.world.digest in page
    assert 'id="error-summary"' not in page
    assert "You have no studio yet" in shown(browser_of(market.cast.alice.person), "/may-i")
