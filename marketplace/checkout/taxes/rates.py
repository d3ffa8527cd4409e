"""Keeping the table of rates: one at a time, or a whole file. Rates are facts with a source; none is invented here."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.checkout.tax_models import TaxRate
from marketplace.checkout.taxes.rules import JURISDICTION_LENGTH, MOST_RATE_PPB

FORMAT = "worldloom/tax-rates/1"
COLUMNS = ("country", "region", "name", "rate_ppb", "instead", "valid_from", "source")
_SHIPPED = Path(__file__).resolve().parent.joinpath("tables")


class UnableToSetRate(Exception):
    """The rate, or a row of the file, cannot be so; nothing was written."""

    code = "tax-rate-refused"


@dataclass(frozen=True, slots=True)
class RateRow:
    """A rate as it is written down; `valid_from` is a moment in UTC."""

    country: str
    region: str
    name: str
    rate_ppb: int
    instead: bool
    valid_from: datetime
    source: str


@transaction.atomic
def set_rates(*, rows: Sequence[RateRow], by: str, now: datetime) -> list[TaxRate]:
    """This will add rates, all or none; what says the same as a row that is there is passed over.

    Raises UnableToSetRate and names the row. A rate that is there is never changed: a new row from a day on takes
    its place, and 0 ends it.
    """
    for number, row in enumerate(rows, start=1):
        if wrong := _wrong(row):
            raise UnableToSetRate(_("Row %(number)d: %(wrong)s") % {"number": number, "wrong": wrong})
    there = {
        (one.country, one.region, one.name, one.rate_ppb, one.instead, one.valid_from)
        for one in TaxRate.objects.filter(country__in={row.country for row in rows})
    }
    new = [
        TaxRate(
            country=row.country,
            region=row.region,
            name=row.name,
            rate_ppb=row.rate_ppb,
            instead=row.instead,
            valid_from=row.valid_from,
            source=row.source,
            by=by,
            at=now,
        )
        for row in rows
        if (row.country, row.region, row.name, row.rate_ppb, row.instead, row.valid_from) not in there
    ]
    return TaxRate.objects.bulk_create(new)


def _wrong(row: RateRow) -> str:
    if len(row.country) != 2 or not (row.country.isascii() and row.country.isalpha() and row.country.isupper()):
        return _("name the country by its two letters, such as DE")
    plain = not row.region or (row.region.isascii() and row.region.isalnum() and row.region == row.region.upper())
    if len(row.region) > 3 or not plain:
        return _("name the region by what ISO 3166-2 has after the country, such as BC")
    if not 0 < len(row.name) <= JURISDICTION_LENGTH or not row.name.isprintable():
        return _("a tax has a name of at most 40 characters")
    if not 0 <= row.rate_ppb <= MOST_RATE_PPB:
        return _("a rate is between 0 and 1000000000 parts per billion")
    if row.instead and not row.region:
        return _("only a region’s tax takes the place of its country’s")
    if not 0 < len(row.source) <= 200 or not row.source.isprintable():
        return _("say in at most 200 characters where the rate stands")
    return ""


def read_rates(content: bytes) -> list[RateRow]:
    """This will read a file of rates: JSON of the format worldloom/tax-rates/1, or CSV with the same columns.

    Raises UnableToSetRate.
    """
    try:
        text = content.decode("utf-8-sig")
        if text.lstrip().startswith("{"):
            document = json.loads(text)
            if document.get("format") != FORMAT:
                raise UnableToSetRate(_("The file is not of the format %s.") % FORMAT)
            return [_row(row) for row in document["rates"]]
        return [_row(row) for row in csv.DictReader(io.StringIO(text))]
    except UnableToSetRate:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise UnableToSetRate(_("The file cannot be read: %s.") % (str(error) or type(error).__name__)) from None


def _row(row: Mapping[str, Any]) -> RateRow:
    if set(row) - set(COLUMNS):
        raise UnableToSetRate(_("The file has other columns than %s.") % ", ".join(COLUMNS))
    rate = row["rate_ppb"]
    if isinstance(rate, bool) or not isinstance(rate, int | str):
        raise ValueError("rate_ppb is no whole number")
    instead = row.get("instead") or False
    return RateRow(
        country=str(row["country"]).strip(),
        region=str(row.get("region") or "").strip(),
        name=str(row["name"]).strip(),
        rate_ppb=int(rate),
        instead=instead if isinstance(instead, bool) else str(instead).strip().lower() in ("1", "true", "yes"),
        valid_from=day_of(str(row["valid_from"])),
        source=str(row["source"]).strip(),
    )


def shipped_tables() -> list[str]:
    """This will name the tables of rates that come along."""
    return sorted(path.stem for path in _SHIPPED.glob("*.json"))


def shipped(name: str) -> bytes:
    """This will give one of them, as `read_rates` reads it; raises OSError for a name that is none."""
    return _SHIPPED.joinpath(f"{name}.json").read_bytes()


def day_of(text: str) -> datetime:
    """This will read a day as the midnight that it begins with, in UTC; raises ValueError."""
    return datetime.combine(date.fromisoformat(text.strip()), time(), UTC)
