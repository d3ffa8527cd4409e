"""What Alice reads of her statements, and what Dave does not."""

import json
from uuid import uuid4

import pytest
from django.test import Client

from marketplace.payouts.models import Payout, RoyaltyLine
from marketplace.payouts.operations import (
    allocate_royalties,
    close_month,
    ensure_split,
    record_sale,
    release_holds,
    settle,
)
from marketplace.payouts.rules import WHOLE_PPB, Money
from tests.cast import NOON, Cast, later, on_stage
from tests.portal.test_pages import page, signed_in

DECEMBER = later(days=9)


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def earned(cast: Cast) -> RoyaltyLine:
    """Two sales of a third to Bob; November is closed, and in December what was released is paid out."""
    split = ensure_split(own={cast.alice: WHOLE_PPB - 333_333_333, cast.bob: 333_333_333}, parents=[], now=NOON)
    for number, gross in enumerate((1000, 777)):
        record_sale(
            source=f"order-line:{number}", split=split, gross=Money(gross, "USD"), tax_minor=0, fee_minor=77, now=NOON
        )
    allocate_royalties(now=NOON)
    close_month(period="2026-11", currency="USD", now=DECEMBER)
    release_holds(now=later(days=14))
    settle(now=later(days=14))
    return RoyaltyLine.objects.get(payee=cast.alice, sale__source="order-line:0")


def test_the_months_and_one_of_them(cast: Cast, earned: RoyaltyLine) -> None:
    client = signed_in(cast.alice.person)

    text = page(client, "/portal/statements")
    for words in ("November 2026", "Running month in USD", "$10.82", 'href="/portal/statements/2026-11/USD"'):
        assert words in text, words
    text = page(client, "/portal/statements/2026-11/USD")
    for words in ("$6.15", "$4.67", "$10.82", f'href="/portal/earnings/lines/{earned.pk}"', "Download the proof"):
        assert words in text, words
    text = page(client, "/portal/statements/running/USD")
    assert "Provisional: this month is not closed" in text
    assert "-$10.82" in text


def test_a_line_is_explained_in_numbers(cast: Cast, earned: RoyaltyLine) -> None:
    text = page(signed_in(cast.alice.person), f"/portal/earnings/lines/{earned.pk}")

    for words in (
        "923 × 666,666,667 = 615,333,333,641 = 615 × 1,000,000,000 + 333,333,641",
        "Statement of November 2026",
    ):
        assert words in text, words
    assert text.count("order-line:0") == 1
    assert f"/portal/earnings/payouts/{Payout.objects.get(creator=cast.alice).pk}" in text


def test_a_payout_is_the_sum_of_what_it_is_made_of(cast: Cast, earned: RoyaltyLine) -> None:
    payout = Payout.objects.get(creator=cast.alice)
    text = page(signed_in(cast.alice.person), f"/portal/earnings/payouts/{payout.pk}")

    assert text.count("$10.82") == 4  # the payout, its one movement out of what was pending, and the sum
    assert text.count("-$10.82") == 1
    for words in ("$6.15", "$4.67", "Hold periods over"):
        assert words in text, words


def test_the_files_are_the_statement(cast: Cast, earned: RoyaltyLine) -> None:
    client = signed_in(cast.alice.person)
    address = "/portal/statements/2026-11/USD"

    document = json.loads(b"".join(client.get(f"{address}/statement.json")))
    assert (document["period"], document["closing_minor"]) == ("2026-11", 1082)
    table = client.get(f"{address}/statement.csv?language=zh-hans")
    assert table["Content-Type"] == "text/csv; charset=utf-8"
    assert table["Content-Disposition"].endswith('USD.csv"')
    assert b"".join(table).startswith(b"\xef\xbb\xbf")
    assert client.get(f"{address}/statement.pdf").content.startswith(b"%PDF-1.7")
    assert client.get(f"{address}/statement.xls").status_code == 404


def test_the_proof_is_there_once_the_log_has_the_month(cast: Cast, earned: RoyaltyLine) -> None:
    client = signed_in(cast.alice.person)
    address = f"/portal/earnings/lines/{earned.pk}/proof.json"
    assert client.get(address).status_code == 404
    assert client.get("/portal/statements/2026-11/USD/proof.json").status_code == 404


def test_dave_reads_nothing_of_it(cast: Cast, earned: RoyaltyLine) -> None:
    stranger = signed_in(cast.mo.person)
    payout = Payout.objects.get(creator=cast.alice)

    for address in (
        f"/portal/earnings/lines/{earned.pk}",
        f"/portal/earnings/lines/{earned.pk}/proof.json",
        f"/portal/earnings/payouts/{payout.pk}",
        f"/portal/earnings/payouts/{uuid4()}",
        "/portal/statements/2026-11/JPY",
        "/portal/statements/2026-10/USD",
        "/portal/statements/2026-11/USD%00/statement.json",
        "/portal/earnings/lines/99999999999999999999",
    ):
        assert stranger.get(address).status_code == 404, address
    for somebody in (signed_in(cast.dave), Client()):
        for address in ("/portal/statements", "/portal/statements/2026-11/USD", f"/portal/earnings/lines/{earned.pk}"):
            assert somebody.get(address).status_code == 302, address


def test_who_earned_nothing_is_told_what_to_do(cast: Cast) -> None:
    text = page(signed_in(cast.alice.person), "/portal/statements")

    assert "When something that you share in is sold" in text
    assert 'href="/portal/publish"' in text


def test_pages_ask_few_questions(cast: Cast, earned: RoyaltyLine, django_assert_max_num_queries: object) -> None:
    client = signed_in(cast.alice.person)
    payout = Payout.objects.get(creator=cast.alice)
    for address in (
        "/portal/statements",
        "/portal/statements/2026-11/USD",
        "/portal/statements/running/USD",
        f"/portal/earnings/lines/{earned.pk}",
        f"/portal/earnings/payouts/{payout.pk}",
    ):
        with django_assert_max_num_queries(25):  # type: ignore[operator]
            client.get(address)
