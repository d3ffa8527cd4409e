"""Carol's projects: what is licensed for each, its credits; and which legal entity her studio is."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.checkout import operations as checkout
from marketplace.licensing import operations as licensing
from marketplace.licensing.holdings import Project
from marketplace.people.models import SizeDeclaration, Studio
from tests.storefront.market import Market, browser_of
from tests.storefront.test_licenses import buy, member, shown


@pytest.fixture
def carol(market: Market) -> Client:
    return browser_of(market.cast.carol)


@pytest.fixture
def tide(market: Market) -> Project:
    return licensing.open_project(studio=market.cast.studio, by=market.cast.carol, name="Tide", now=timezone.now())


def test_a_project_is_opened_once_and_by_buyers(market: Market, carol: Client) -> None:
    assert "No projects yet" in shown(carol, "/projects")
    form = {"name": "Tide", "studio": str(market.cast.studio.pk)}

    sent = carol.post("/projects", form)
    assert sent["Location"] == f"/projects/{Project.objects.get().pk}"
    again = carol.post("/projects", form)
    assert again.status_code == 422
    assert "Lantern Films already has a project “Tide”." in again.content.decode()
    for wrong in ({"name": " "}, {"studio": str(market.cast.daves_studio.pk)}):
        assert carol.post("/projects", {**form, "name": "Ebb", **wrong}).status_code == 422
    assert Project.objects.count() == 1


def test_a_member_sees_projects_and_opens_none_there(market: Market, tide: Project) -> None:
    dave = member(market)

    assert "Tide" in shown(dave, "/projects")
    assert dave.post("/projects", {"name": "Ebb", "studio": str(market.cast.studio.pk)}).status_code == 422
    assert Project.objects.count() == 1


def test_a_project_shows_its_own_licenses_and_its_credits(market: Market, carol: Client, tide: Project) -> None:
    own = buy(market, checkout.Ask(market.offer("studio"), project=tide))
    shared = buy(market, market.offer("enterprise"))

    page = shown(carol, f"/projects/{tide.pk}")
    assert f'href="/licenses/{own.pk}"' in page
    assert f'href="/licenses/{shared.pk}"' not in page
    assert "1 license of the studio is for all of its projects." in page
    credits = re.findall(rf'href="(/projects/{tide.pk}/credits\.[a-z.]+)"', page)
    assert [address.partition("credits.")[2] for address in credits] == ["txt", "csv", "json", "spdx.json"]
    for address in credits:
        assert carol.get(address).status_code == 200, address


def test_a_project_of_others_does_not_exist(market: Market, tide: Project) -> None:
    assert browser_of(market.cast.dave).get(f"/projects/{tide.pk}").status_code == 404
    assert browser_of(None).get(f"/projects/{tide.pk}").status_code == 302


# --- legal entity and size -------------------------------------------------------------------------------
def test_an_owner_says_which_legal_entity_the_studio_is(market: Market, carol: Client) -> None:
    address = f"/studio/{market.cast.studio.pk}/entity"
    assert str(market.cast.studio.pk) in shown(carol, address)
    assert address in shown(carol, "/studio")

    entity = {"legal_name": "Lantern Films SAS", "country": "FR", "registration": "RCS 123"}
    assert carol.post(f"{address}/set", entity)["Location"] == address
    studio = Studio.objects.get(pk=market.cast.studio.pk)
    assert (studio.legal_name, studio.country, studio.registration) == ("Lantern Films SAS", "FR", "RCS 123")

    assert carol.post(f"{address}/set", {**entity, "country": "ZZ"}).status_code == 422
    dave = member(market, "buyer")
    refused = dave.post(f"{address}/set", {**entity, "legal_name": "Quill SARL"})
    assert "Only an owner of Lantern Films can say which legal entity it is." in refused.content.decode()
    assert Studio.objects.get(pk=studio.pk).legal_name == "Lantern Films SAS"


def test_a_size_is_declared_with_its_day(market: Market, carol: Client) -> None:
    studio = market.cast.studio.pk
    assert "Nothing is declared yet" in shown(carol, f"/studio/{studio}/entity")

    assert carol.post(f"/studio/{studio}/size", {"people": "12", "revenue_usd": "900000"}).status_code == 302
    said = SizeDeclaration.objects.get()
    assert (said.people, said.revenue_usd, said.declared_by) == (12, 900_000, market.cast.carol)
    assert "12 people, US$900,000 a year." in shown(carol, f"/studio/{studio}/entity")

    for wrong in ({"people": "0", "revenue_usd": "1"}, {"people": "1", "revenue_usd": "-1"}, {"people": "x"}):
        assert carol.post(f"/studio/{studio}/size", wrong).status_code == 422
    refused = member(market).post(f"/studio/{studio}/size", {"people": "1", "revenue_usd": "1"})
    assert "Only owners and buyers of Lantern Films can declare its size." in refused.content.decode()
    assert SizeDeclaration.objects.count() == 1


def test_a_studio_of_others_does_not_exist(market: Market) -> None:
    dave, studio = browser_of(market.cast.dave), market.cast.studio.pk

    assert dave.get(f"/studio/{studio}/entity").status_code == 404
    assert dave.post(f"/studio/{studio}/entity/set", {}).status_code == 404
    assert dave.post(f"/studio/{studio}/size", {}).status_code == 404
