"""Taxes by the table of rates that the operator keeps: what counts at a place, and when the buyer accounts for it."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from marketplace.checkout.tax_models import TaxRate
from marketplace.checkout.taxes.base import OUTSIDE, REVERSE_CHARGE, Place, TaxAnswer, TaxAsked
from marketplace.checkout.taxes.rules import Rate, taxed, untaxed
from marketplace.checkout.taxes.vat import is_reverse_charged
from marketplace.payouts.currencies import step_minor


class TableTaxes:
    """The adapter over the table of rates. A place without a rate is outside the scope of the seller's taxes."""

    name = "table"
    is_remote = False

    def taxes(self, asked: TaxAsked) -> TaxAnswer:
        """This will say the taxes of each line by the rates that count at the moment of the question."""
        amounts, country = [line.amount_minor for line in asked.lines], asked.place.country
        rates = rates_at(asked.place, asked.at)
        if is_reverse_charged(seller_country=asked.seller.country, buyer_country=country, vat_id=asked.vat_id):
            name = rates[0].name if rates else "VAT"
            return TaxAnswer(tuple(untaxed(amounts, jurisdiction=country, name=name, reason=REVERSE_CHARGE)))
        if not rates:
            return TaxAnswer(tuple(untaxed(amounts, jurisdiction=country, name="", reason=OUTSIDE)))
        included = asked.seller.prices_include_tax
        return TaxAnswer(tuple(taxed(amounts, rates, is_included=included, step_minor=step_minor(asked.currency))))


def rates_at(place: Place, at: datetime) -> list[Rate]:
    """This will list the rates that count at a place: the country's, and its region's on top or instead."""
    rows = TaxRate.objects.filter(country=place.country, valid_from__lte=at).filter(
        Q(region="") | Q(region=place.region)
    )
    newest = list(rows.order_by("region", "name", "-valid_from", "-id").distinct("region", "name"))
    regional = [row for row in newest if row.region]
    # What takes the place of the country's may be that nothing is due.
    return _of(regional if any(row.instead for row in regional) else newest)


def _of(rows: Iterable[TaxRate]) -> list[Rate]:
    return [Rate(row.jurisdiction, row.name, row.rate_ppb) for row in rows if row.rate_ppb]
