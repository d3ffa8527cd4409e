"""The operator keeps the table of rates and names who sells; what is wrong is said, and nothing is written."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from marketplace.checkout.tax_models import SellerOfRecord, SellerPlace, TaxRate
from marketplace.checkout.taxes.rates import UnableToSetRate, read_rates, shipped_tables
from marketplace.payouts.tax_rules import EU

CSV = (
    "country,region,name,rate_ppb,instead,valid_from,source\nCA,BC,PST,70000000,,2013-04-01,Provincial Sales Tax Act\n"
)


def said(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_the_table_that_comes_along_is_loaded_by_its_name_once(db):
    assert shipped_tables() == ["eu-uk-2025-08"]
    assert said("tax_rate", "load", "eu-uk-2025-08", "--by", "mo") == "28 added, 0 there before.\n"
    assert said("tax_rate", "load", "eu-uk-2025-08", "--by", "mo") == "0 added, 28 there before.\n"
    assert set(TaxRate.objects.values_list("country", flat=True)) == EU | {"GB"}
    assert said("tax_rate", "show", "--country", "FI").startswith("FI     VAT      255000000 ppb from 2025-08-01")


def test_a_rate_is_set_and_a_file_of_csv_is_read(db, tmp_path):
    file = tmp_path / "rates.csv"
    file.write_text(CSV)
    assert said("tax_rate", "load", str(file)) == "1 added, 0 there before.\n"
    said(
        "tax_rate",
        "set",
        "CA",
        "HST",
        "130000000",
        "--region",
        "ON",
        "--instead",
        "--from",
        "2010-07-01",
        "--source",
        "x",
    )
    assert "CA-ON  HST      130000000 ppb from 2010-07-01 instead of the country's" in said("tax_rate", "show")


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"\xff",
        b'{"format": "worldloom/tax-rates/1"}',
        b'{"format": "worldloom/tax-rates/1", "rates": [{"country": "DE", "rate": 1}]}',
        CSV.replace("70000000", "7.5").encode(),
        CSV.replace("2013-04-01", "April").encode(),
    ],
)
def test_files_that_cannot_be_read_are_refused(content):
    with pytest.raises(UnableToSetRate):
        read_rates(content)


@pytest.mark.parametrize(
    "words",
    [
        ("Germany", "VAT", "1", "--from", "2026-01-01", "--source", "x"),
        ("DE", "VAT", "1000000001", "--from", "2026-01-01", "--source", "x"),
        ("DE", "VAT", "1", "--from", "soon", "--source", "x"),
        ("DE", "VAT", "1", "--from", "2026-01-01", "--source", ""),
        ("DE", "VAT", "1", "--from", "2026-01-01", "--source", "x", "--instead"),
        ("DE", "V" * 41, "1", "--from", "2026-01-01", "--source", "x"),
        ("DE", "VAT", "1", "--from", "2026-01-01", "--source", "x", "--region", "toolong"),
    ],
)
def test_a_rate_that_cannot_be_is_refused(db, words):
    with pytest.raises(CommandError):
        said("tax_rate", "set", *words)
    assert not TaxRate.objects.exists()


def test_a_seller_is_named_and_placed(db):
    told = said("seller", "set", "Worldloom GmbH", "--country", "DE", "--address", "Kai 1", "--prices-include-tax")
    assert told.startswith("default  WL  from ")
    assert told.endswith("Worldloom GmbH, Kai 1, DE  prices with tax\n")
    assert "GB  default  from 2026-01-01" in said("seller", "place", "GB", "default", "--from", "2026-01-01")
    for words in (
        ("set", "X", "--country", "Germany"),
        ("set", "X", "--country", "DE", "--code", "x", "--prefix", "WL"),
        ("set", "X", "--country", "DE", "--code", "X Y"),
        ("set", "X", "--country", "DE", "--prefix", "w-l"),
        ("set", "", "--country", "DE"),
        ("set", "X", "--country", "DE", "--address", "a\nb"),
        ("place", "GB", "nobody"),
        ("place", "GB", "default", "--from", "soon"),
    ):
        with pytest.raises(CommandError):
            said("seller", *words)
    assert (SellerOfRecord.objects.count(), SellerPlace.objects.count()) == (1, 1)
