"""`manage.py tax_rate show|set|load`: the table of taxes, from a day on."""

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.checkout.tax_models import TaxRate
from marketplace.checkout.taxes.rates import (
    RateRow,
    UnableToSetRate,
    day_of,
    read_rates,
    set_rates,
    shipped,
    shipped_tables,
)


class Command(BaseCommand):
    """Adds rates; what is there is never changed, a newer row takes its place."""

    help = "Show the table of taxes, add a rate from a day on, or load a file of rates."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        show = verbs.add_parser("show", help="what counts now, and what will")
        show.add_argument("--country", metavar="CODE")
        sets = verbs.add_parser("set", help="from this day on, this rate")
        sets.add_argument("country", help="two letters, such as DE")
        sets.add_argument("name", help="what the tax is called, such as VAT")
        sets.add_argument("rate_ppb", type=int, help="in parts per billion: 19 %% is 190000000; 0 ends it")
        sets.add_argument("--region", default="", help="what ISO 3166-2 has after the country, such as BC")
        sets.add_argument("--instead", action="store_true", help="in place of the country's, not on top of it")
        sets.add_argument("--from", dest="valid_from", required=True, metavar="DAY", help="2026-01-01; midnight in UTC")
        sets.add_argument("--source", required=True, help="where the rate stands: a law, a gazette")
        load = verbs.add_parser("load", help="a file of rates as JSON or CSV, or a table that comes along by its name")
        load.add_argument("file", help=f"a path, or one of: {', '.join(shipped_tables())}")
        for verb in (sets, load):
            verb.add_argument("--by", default=getpass.getuser(), help="who sets it; you without")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["verb"] == "set":
                self._set(options)
            elif options["verb"] == "load":
                self._load(options)
        except UnableToSetRate as error:
            raise CommandError(str(error)) from error
        if options["verb"] == "show":
            self._show(options["country"])

    def _set(self, options: dict[str, Any]) -> None:
        try:
            day = day_of(options["valid_from"])
        except ValueError as error:
            raise CommandError(f"“{options['valid_from']}” is no day such as 2026-01-01.") from error
        names = ("country", "region", "name", "rate_ppb", "instead", "source")
        row = RateRow(valid_from=day, **{name: options[name] for name in names})
        added = set_rates(rows=[row], by=options["by"], now=timezone.now())
        self.stdout.write(f"{len(added)} added.")

    def _load(self, options: dict[str, Any]) -> None:
        name = options["file"]
        try:
            content = shipped(name) if name in shipped_tables() else Path(name).read_bytes()
        except OSError as error:
            raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
        rows = read_rates(content)
        added = set_rates(rows=rows, by=options["by"], now=timezone.now())
        self.stdout.write(f"{len(added)} added, {len(rows) - len(added)} there before.")

    def _show(self, country: str | None) -> None:
        rows = TaxRate.objects.order_by("country", "region", "name", "valid_from", "id")
        for row in rows.filter(country=country) if country else rows:
            how = " instead of the country's" if row.instead else ""
            day = f"{row.valid_from:%Y-%m-%d}"
            self.stdout.write(f"{row.jurisdiction:<6} {row.name:<8} {row.rate_ppb} ppb from {day}{how}  {row.source}")
