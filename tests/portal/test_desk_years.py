"""Olga reads a year's totals at the desk and takes them along, to the byte as the command writes them; Dave may not."""

import io

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplace.payouts.operations import allocate_royalties, ensure_split, record_sale, refund, tell_tax_details
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.payouts.year_forms import FORMS, rows_of
from marketplace.people import operations as people
from marketplace.portal import year_rows
from tests.payouts.cast import NOON, add_creator
from tests.portal.test_taxes import ALICE

YEAR = {"form": "dac7", "year": "2026"}


@pytest.fixture
def desk(db):
    """Olga runs the house."""
    olga = people.sign_up(email="olga@example.org", password="ink on paper", display_name="Olga", now=NOON)
    people.name_operator(person=olga, now=NOON)
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def year(db):
    """Alice told who she is, Bob did not; of a sale that both share in, 4.00 are given back."""
    alice, bob = add_creator("alice", 1), add_creator("bob", 2)
    tell_tax_details(creator=alice, person=ALICE, now=NOON)
    split = ensure_split(own={alice: 750_000_000, bob: 250_000_000}, parents=[], now=NOON)
    alone = ensure_split(own={bob: WHOLE_PPB}, parents=[], now=NOON)
    for source, of, gross in (("order-line:1", split, Money(20_00, "USD")), ("order-line:2", alone, Money(900, "JPY"))):
        record_sale(source=source, split=of, gross=gross, tax_minor=0, fee_minor=gross.amount_minor // 10, now=NOON)
    allocate_royalties(now=NOON)
    refund(source="order-line:1", amount_minor=4_00, key="refund:1", reason="x", now=NOON)
    return alice, bob


def page(answer):
    return " ".join(answer.content.decode().split())


def test_the_totals_of_a_year_in_both_forms(desk, year):
    text = page(desk.get(reverse("desk-years"), YEAR))
    for words in ("Alice Adler", "$10.80", "$1.20", "$2.70", "$3.60", "$0.90", "¥810", "Undecided", "Unknown"):
        assert words in text, words
    text = page(desk.get(reverse("desk-years"), {"form": "1099-k", "year": "2026"}))
    for words in ("$15.00", "$5.00", "¥900", "Not a US person by what was told."):
        assert words in text, words


def test_neither_numbers_nor_addresses_stand_on_the_page(desk, year):
    for form in FORMS:
        text = page(desk.get(reverse("desk-years"), YEAR | {"form": form}))
        for secret in ("36574261809", "DE136695976", "Am Kanal", "DE89370400440532013000", "1990"):
            assert secret not in text, secret


@pytest.mark.parametrize("form", FORMS)
def test_the_file_is_what_the_command_writes(desk, year, form):
    answer = desk.get(reverse("desk-years-csv"), YEAR | {"form": form})
    written = io.StringIO(newline="")
    call_command("year_totals", "2026", form=form, stdout=written)
    assert answer.getvalue().decode() == written.getvalue()
    assert answer["Content-Disposition"] == f'attachment; filename="{form}-2026.csv"'
    assert "no-store" in answer["Cache-Control"]
    assert b"Alice Adler" in written.getvalue().encode()


def test_each_reason_is_told_in_the_visitors_language(desk, year, settings):
    seen = set()
    for form in FORMS:
        for cells in rows_of(form, 2026):
            told = dict(zip(year_rows.columns_of(form), cells, strict=True))
            seen.add((told["why"], year_rows.why_text(form, told)))
    assert ("the creator has told no tax details", "No tax details were told.") in seen
    assert all(told != why for why, told in seen)
    settings.TAX_1099K_GROSS_MINOR = 1_00
    for gross, why in ((0, "Not more than"), (2_00, "More than both thresholds.")):
        told = {"why": "more than both thresholds" if gross else "not more than 1.00 USD and 200 transactions: …"}
        assert year_rows.why_text("1099-k", told).startswith(why)


def test_years_are_chosen_and_what_is_no_year_is_the_running_one(desk, year):
    now = timezone.now().year
    text = page(desk.get(reverse("desk-years"), {"form": "dac7", "year": "2025"}))
    assert "Nobody was credited in this year" in text
    assert "2026</a>" in text or now == 2026
    for wrong in ("1999", "9999", "20x6", "٢٠٢٦", ""):
        answer = desk.get(reverse("desk-years"), {"form": "gold", "year": wrong})
        assert f'<b aria-current="page">{now}</b>' in page(answer)
        assert "DAC7" in page(answer)


def test_details_that_do_not_open_stop_all_of_it(desk, year, settings):
    settings.CUSTODY_KEYS = [Fernet.generate_key().decode()]
    for name in ("desk-years", "desk-years-csv"):
        answer = desk.get(reverse(name), YEAR)
        assert answer.status_code == 503
        assert "restore WORLDLOOM_CUSTODY_KEYS" in page(answer)
        assert "$10.80" not in page(answer)
        assert "Content-Disposition" not in answer


def test_dave_and_alice_find_no_totals(desk, year):
    alice, _bob = year
    dave = people.sign_up(email="dave@example.org", password="ink on paper", display_name="Dave", now=NOON)
    for who in (dave, alice.person):
        client = Client()
        client.force_login(who)
        for name in ("desk-years", "desk-years-csv"):
            assert client.get(reverse(name), YEAR).status_code == 404
            assert client.post(reverse(name), YEAR).status_code in (404, 405)
    assert Client().get(reverse("desk-years")).status_code == 302


def test_the_desk_leads_there(desk):
    for name in ("desk-books", "desk-refunds", "desk-years"):
        text = page(desk.get(reverse(name)))
        for other in ("desk-books", "desk-refunds", "desk-years"):
            assert f'href="{reverse(other)}"' in text, (name, other)


def test_pages_ask_few_questions(desk, year, django_assert_max_num_queries):
    for form in FORMS:
        with django_assert_max_num_queries(15):
            desk.get(reverse("desk-years"), YEAR | {"form": form})
