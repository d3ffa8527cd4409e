"""What creators say for the tax office: kept sealed, shown masked, refused where it cannot be."""

from dataclasses import replace
from datetime import date

import pytest
from cryptography.fernet import Fernet
from django.urls import reverse

from ledger.models import Entry
from marketplace.payouts.operations import UnableToKeepTaxDetails, tell_tax_details
from marketplace.payouts.tax_rules import TaxNumber, TaxPerson, findings_in, masked
from marketplace.payouts.tax_sealing import UnableToUnseal, unseal
from marketplace.payouts.taxes import TaxDetails
from marketplace.payouts.year_queries import tax_details, tax_details_of
from tests.payouts.cast import NOON, add_creator

ALICE = TaxPerson(
    kind="individual",
    country="DE",
    legal_name="Alice Adler",
    street="Am Kanal 1",
    city="Berlin",
    postal_code="10115",
    numbers=(TaxNumber("DE", "36574261809"),),
    vat_id="DE136695976",
    birth_date="1990-01-02",
    account="DE89370400440532013000",
)
FORM = {
    "kind": "individual",
    "legal_name": "Alice Adler",
    "street": "Am Kanal 1",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
    "birth_date": "1990-01-02",
    "account": "DE89 3704 0044 0532 0130 00",
    "number_country_0": "DE",
    "number_0": "36 574 261 809",
    "vat_id": "DE 136695976",
}


@pytest.fixture
def alice(db):
    return add_creator("alice", 1)


@pytest.fixture
def page(client, alice):
    client.force_login(alice.person)
    return reverse("portal-taxes")


def refused(**changes):
    return [(one.where, str(one)) for one in findings_in(replace(ALICE, **changes), today=date(2026, 11, 29))]


def test_what_is_right_is_kept_sealed_and_opens_for_its_creator_alone(alice):
    tell_tax_details(creator=alice, person=ALICE, now=NOON)
    row = TaxDetails.objects.get()
    assert (row.kind, row.country) == ("individual", "DE")
    for text in ("Adler", "36574261809", "DE8937", "1990"):
        assert text.encode() not in bytes(row.sealed)
    assert tax_details_of(alice) == ALICE
    bob = add_creator("bob", 2)
    assert tax_details_of(bob) is None
    with pytest.raises(UnableToUnseal, match="sealed with another key: restore WORLDLOOM_CUSTODY_KEYS"):
        unseal(row.sealed, bob.pk)
    assert not Entry.objects.filter(body__contains=b"Adler").exists()


def test_the_newest_version_counts_and_the_older_stay(alice):
    tell_tax_details(creator=alice, person=ALICE, now=NOON)
    tell_tax_details(creator=alice, person=replace(ALICE, city=" Hamburg "), now=NOON)
    assert tax_details_of(alice).city == "Hamburg"
    assert tax_details([alice.pk]) == {alice.pk: replace(ALICE, city="Hamburg")}
    assert TaxDetails.objects.count() == 2


def test_without_the_key_nothing_opens(alice, settings):
    tell_tax_details(creator=alice, person=ALICE, now=NOON)
    settings.CUSTODY_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(UnableToUnseal):
        tax_details_of(alice)


@pytest.mark.parametrize(
    ("changes", "where", "said"),
    [
        ({"legal_name": "  "}, "legal_name", "This is needed for the tax office"),
        ({"legal_name": "A" * 201}, "legal_name", "This is longer than 200 characters: shorten it."),
        ({"city": "Ber\nlin"}, "city", "This has signs that cannot be printed: write it again."),
        ({"country": "Germany"}, "country", "Name the country by its two letters, such as DE."),
        ({"kind": "robot"}, "kind", "Say whether you sell as a person or as a company."),
        ({"birth_date": ""}, "birth_date", "A person’s date of birth is needed."),
        ({"birth_date": "2.1.1990"}, "birth_date", "This is not a day: write it as 1990-12-31."),
        ({"birth_date": "2026-11-29"}, "birth_date", "This day cannot be a date of birth: check the year."),
        ({"kind": "entity"}, "registration", "A company’s number in its public register is needed."),
        ({"numbers": ()}, "numbers", "One tax identification number at least is needed"),
        (
            {"numbers": (TaxNumber("DE", "36574261800"),)},
            "numbers",
            "“36574261800” is no tax identification number of DE",
        ),
        (
            {"numbers": (TaxNumber("US", "000-00-0000"),)},
            "numbers",
            "“000-00-0000” is no tax identification number of US",
        ),
        ({"numbers": (TaxNumber("", "123"),)}, "numbers", "Name the country of 123 by its two letters"),
        ({"numbers": (TaxNumber("JP", "x"),)}, "numbers", "“x” is no tax identification number of JP"),
        ({"vat_id": "DE1"}, "vat_id", "“DE1” is no VAT id of the European Union"),
        ({"account": "DE89370400440532013001"}, "account", "This IBAN does not add up: check its digits."),
        ({"account": "?!"}, "account", "Write an IBAN, or the account’s number in letters and digits."),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(changes, where, said):
    [(found, text)] = refused(**changes)
    assert found == where
    assert text.startswith(said)


def test_what_can_be_is_not_refused():
    assert refused() == []
    assert refused(numbers=(TaxNumber("US", "536-90-4399"), TaxNumber("FR", "1234567890"))) != []
    assert refused(numbers=(TaxNumber("US", "536-90-4399"),), vat_id="", account="", country="US") == []
    assert refused(numbers=(TaxNumber("JP", "123456789012"),), vat_id="", country="JP", account="1234567") == []
    assert refused(kind="entity", birth_date="", registration="HRB 1234") == []


def test_a_number_is_shown_by_its_last_four_signs():
    assert [masked("36574261809"), masked("1809"), masked("")] == ["•••• 1809", "••••", ""]


def test_alice_says_it_on_the_page_and_sees_it_masked(client, page, alice):
    assert client.post(page, FORM).status_code == 302
    assert tax_details_of(alice) == ALICE, "numbers without their blanks"
    shown = client.get(page).content.decode()
    assert "Alice Adler" in shown
    assert "•••• 3000" in shown
    assert "DE89" not in shown
    assert "1990" not in shown.replace("1990-12-31", "")


def test_what_is_wrong_on_the_page_is_said_beside_its_field_and_nothing_is_kept(client, page):
    answer = client.post(page, {**FORM, "account": "DE89370400440532013001", "number_0": "36574261800"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "This IBAN does not add up: check its digits." in text
    assert "is no tax identification number of DE: check its digits." in text
    assert not TaxDetails.objects.exists()
    assert client.post(page, {}).status_code == 422
    assert not TaxDetails.objects.exists()


def test_dave_sees_nothing_of_it(client, page, alice):
    tell_tax_details(creator=alice, person=ALICE, now=NOON)
    dave = add_creator("dave", 4)
    client.force_login(dave.person)
    assert "Adler" not in client.get(page).content.decode()
    client.logout()
    assert client.get(page).status_code == 302


def test_a_refusal_writes_nothing(alice):
    with pytest.raises(UnableToKeepTaxDetails, match="A person’s date of birth is needed."):
        tell_tax_details(creator=alice, person=replace(ALICE, birth_date=""), now=NOON)
    assert not TaxDetails.objects.exists()
