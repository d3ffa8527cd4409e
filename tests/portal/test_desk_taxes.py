"""Olga keeps rates and sellers at the desk, where nothing is ever edited; to Dave the pages are not there."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.checkout.tax_models import SellerOfRecord, SellerPlace, TaxRate
from marketplace.checkout.taxes.base import Place
from marketplace.checkout.taxes.rules import Rate
from marketplace.checkout.taxes.sellers import seller_for
from marketplace.checkout.taxes.table import rates_at
from marketplace.people import operations as people
from tests.cast import NOON
from tests.checkout.taxes.rates import TABLE, by_table, rate, seller

RATES, SELLERS = "/desk/taxes", "/desk/sellers"
VAT = {
    "rate-country": "de",
    "rate-name": "VAT",
    "rate-rate_ppb": "19",
    "rate-valid_from": "2007-01-01",
    "rate-source": "UStG § 12",
}
UK = {
    "seller-code": "uk",
    "seller-name": "Worldloom Ltd",
    "seller-address": "1 High Street\n\n London \n",
    "seller-country": "gb",
    "seller-tax_ids": "VAT GB123456782",
    "seller-prefix": "WLUK",
    "seller-prices_include_tax": "on",
}


@pytest.fixture
def desk(client, db):
    olga = people.sign_up(email="olga@example.org", password="ink on paper", display_name="Olga", now=NOON)
    people.name_operator(person=olga, now=NOON)
    client.force_login(olga)
    return client


def page(answer, status=200):
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def test_she_adds_a_rate_and_a_newer_one_takes_its_place(desk, settings):
    assert "No taxes are calculated" in page(desk.get(RATES))
    by_table(settings)
    text = page(desk.get(RATES))
    assert "There is no rate" in text
    assert TABLE not in text
    assert "DE VAT is added." in page(desk.post(f"{RATES}/add", VAT, follow=True))
    assert "That rate was there already." in page(desk.post(f"{RATES}/add", VAT, follow=True))
    made = TaxRate.objects.get()
    assert (made.rate_ppb, made.valid_from, made.by) == (
        190_000_000,
        datetime(2007, 1, 1, tzinfo=UTC),
        "olga@example.org",
    )

    desk.post(f"{RATES}/add", VAT | {"rate-rate_ppb": "20.5", "rate-valid_from": "2020-01-01"})
    text = page(desk.get(RATES))
    assert '">Germany</a> VAT' in text
    assert "20.5%" in text
    assert "19%" not in text
    text = page(desk.get(RATES, {"all": "", "country": "de"}))
    assert text.index("20.5%") < text.index("19%") < text.index("was before")
    assert rates_at(Place("DE"), timezone.now()) == [Rate("DE", "VAT", 205_000_000)]

    desk.post(f"{RATES}/add", VAT | {"rate-rate_ppb": "0", "rate-valid_from": "2021-01-01"})
    desk.post(f"{RATES}/add", VAT | {"rate-rate_ppb": "21", "rate-valid_from": "2999-01-01"})
    text = page(desk.get(RATES))
    assert text.index("21%") < text.index(">comes<") < text.index("has ended")
    assert rates_at(Place("DE"), timezone.now()) == []
    assert TaxRate.objects.count() == 4


def test_what_cannot_be_a_rate_is_said_and_not_written(desk):
    for wrong, said in (
        ({"rate-country": "d"}, "name the country by its two letters"),
        ({"rate-rate_ppb": "101"}, "Write a percentage with at most 7 decimals"),
        ({"rate-rate_ppb": "-1"}, "Write a percentage with at most 7 decimals"),
        ({"rate-valid_from": "soon"}, "Enter a valid date"),
        ({"rate-source": ""}, "This field is required"),
        ({"rate-instead": "on"}, "only a region’s tax takes the place"),
    ):
        assert said in page(desk.post(f"{RATES}/add", VAT | wrong), 422)
    assert desk.post(f"{RATES}/load", {"table": "../tables/eu-uk-2025-08"}).status_code == 404
    assert TaxRate.objects.count() == 0


def test_the_table_that_comes_along_is_loaded_once(desk):
    assert "28 rates are added." in page(desk.post(f"{RATES}/load", {"table": "eu-uk-2025-08"}, follow=True))
    text = page(desk.post(f"{RATES}/load", {"table": "eu-uk-2025-08"}, follow=True))
    assert "0 rates are added." in text
    assert "25.5%" in text
    assert TaxRate.objects.count() == 28


def test_she_names_sellers_and_says_where_they_sell(desk):
    assert "Nobody is named yet" in page(desk.get(SELLERS))
    seller("DE")
    assert "Worldloom Ltd sells like that from then on." in page(desk.post(f"{SELLERS}/name", UK, follow=True))
    made = SellerOfRecord.objects.get(code="uk")
    assert (made.address, made.tax_ids, made.by) == (
        ["1 High Street", "London"],
        ["VAT GB123456782"],
        "olga@example.org",
    )
    given = {"place-country": "gb", "place-code": "uk"}
    assert "uk sells there from then on." in page(desk.post(f"{SELLERS}/place", given, follow=True))
    assert seller_for("GB", timezone.now()) == made
    assert seller_for("FR", timezone.now()).name == "Worldloom DE"

    text = page(desk.get(SELLERS, {"code": "uk"}))
    assert 'United Kingdom <span class="mono small muted">GB' in text
    assert "London<br>United Kingdom" in text
    assert 'value="Worldloom Ltd"' in text
    moved = UK | {"seller-address": "2 High Street", "seller-valid_from": "2999-01-01"}
    desk.post(f"{SELLERS}/name", moved)
    assert seller_for("GB", timezone.now()).address == ["1 High Street", "London"]
    assert SellerOfRecord.objects.filter(code="uk").count() == 2


def test_what_cannot_be_a_seller_is_said_and_not_written(desk):
    seller("DE")
    for wrong, said in (
        ({"seller-prefix": "WL"}, "Another seller’s papers have the prefix WL"),
        ({"seller-prefix": "wl-"}, "capital letters and digits"),
        ({"seller-code": "U K"}, "small letters, digits and hyphens"),
        ({"seller-address": "\n".join("12345678 9")}, "at most 8 lines"),
        ({"seller-country": "1"}, "by its two letters"),
    ):
        assert said in page(desk.post(f"{SELLERS}/name", UK | wrong), 422)
    assert "Select a valid choice" in page(
        desk.post(f"{SELLERS}/place", {"place-country": "GB", "place-code": "uk"}), 422
    )
    assert (SellerOfRecord.objects.count(), SellerPlace.objects.count()) == (1, 0)


def test_to_dave_the_pages_are_not_there_and_nothing_is_written(desk, client):
    rate("DE", 19)
    dave = people.sign_up(email="dave@example.org", password="ink on paper", display_name="Dave", now=NOON)
    for who in (dave, None):
        other, status = Client(), 404 if who else 302
        if who:
            other.force_login(who)
        assert [other.get(one).status_code for one in (RATES, SELLERS, "/desk/risk")] == [status] * 3
        sent = [
            other.post(f"{RATES}/add", VAT),
            other.post(f"{RATES}/load", {"table": "eu-uk-2025-08"}),
            other.post(f"{SELLERS}/name", UK),
            other.post(f"{SELLERS}/place", {"place-country": "GB", "place-code": "default"}),
        ]
        assert [one.status_code for one in sent] == [status] * 4
    assert (TaxRate.objects.count(), SellerOfRecord.objects.count(), SellerPlace.objects.count()) == (1, 0, 0)
    assert [desk.get(f"{RATES}/add").status_code, desk.post(RATES).status_code] == [405, 405]
