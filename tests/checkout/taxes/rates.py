"""Rates and sellers for tests, and Carol's studio at a place."""

from typing import Any

import pytest

from marketplace.checkout import billing_details
from marketplace.checkout.tax_models import BillingDetails, SellerOfRecord
from marketplace.checkout.taxes.rates import RateRow, set_rates
from marketplace.checkout.taxes.sellers import set_seller
from tests.cast import NOON, Cast, later

TABLE = "marketplace.checkout.taxes.table.TableTaxes"
PERCENT = 10_000_000


def by_table(settings: Any) -> None:
    """Lets taxes be calculated by the table."""
    settings.ADAPTERS = settings.ADAPTERS | {"taxes": TABLE}


def rate(country: str, percent: int, name: str = "VAT", region: str = "", instead: bool = False, **more: Any) -> None:
    row = RateRow(country, region, name, percent * PERCENT, instead, more.get("valid_from", NOON), "a test")
    set_rates(rows=[row], by="mo", now=NOON)


def seller(country: str = "DE", *, included: bool = False, code: str = "default", prefix: str = "WL") -> SellerOfRecord:
    return set_seller(
        code=code,
        name=f"Worldloom {country}",
        address=["Spinnereistraße 7", "04179 Leipzig"],
        country=country,
        tax_ids=["VAT DE136695976"],
        prefix=prefix,
        prices_include_tax=included,
        valid_from=NOON,
        by="mo",
        now=NOON,
    )


def at(cast: Cast, country: str, **more: Any) -> BillingDetails:
    """Says where Carol's studio is."""
    told = {"studio": cast.studio, "by": cast.carol, "country": country, "now": later(minutes=1)}
    return billing_details.say_details(**(told | more))


lots = pytest.mark.parametrize("included", [False, True])
