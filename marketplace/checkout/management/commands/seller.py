"""`manage.py seller show|set|place`: who sells at law, and to buyers of which countries."""

import getpass
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.checkout.tax_models import SellerOfRecord, SellerPlace
from marketplace.checkout.taxes.rates import day_of
from marketplace.checkout.taxes.sellers import UnableToNameSeller, place_seller, set_seller


class Command(BaseCommand):
    """Names sellers of record; what is there is never changed, the newest row of a code counts."""

    help = "Show the sellers of record, name one, or let one sell to buyers of a country."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("show", help="who sells, and where")
        sets = verbs.add_parser("set", help="name a seller, or say anew what one is")
        sets.add_argument("name", help="the legal name, as it stands on invoices")
        sets.add_argument("--code", default=SellerOfRecord.DEFAULT, help="by which its papers are numbered")
        sets.add_argument("--address", action="append", default=[], metavar="LINE", help="once for each line")
        sets.add_argument("--country", required=True, help="two letters, such as DE")
        sets.add_argument("--tax-id", action="append", default=[], metavar="TEXT", help='such as "VAT DE123456789"')
        sets.add_argument("--prefix", default="WL", help="of the numbers of papers")
        sets.add_argument("--prices-include-tax", action="store_true", help="else taxes come on top of prices")
        place = verbs.add_parser("place", help="let a seller sell to buyers of a country")
        place.add_argument("country", help="two letters, such as GB")
        place.add_argument("code", help="of the seller")
        for verb in (sets, place):
            verb.add_argument("--from", dest="valid_from", metavar="DAY", help="2026-01-01; from now on without")
            verb.add_argument("--by", default=getpass.getuser(), help="who sets it; you without")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["verb"] == "set":
                set_seller(
                    code=options["code"],
                    name=options["name"],
                    address=options["address"],
                    country=options["country"],
                    tax_ids=options["tax_id"],
                    prefix=options["prefix"],
                    prices_include_tax=options["prices_include_tax"],
                    valid_from=_from(options),
                    by=options["by"],
                    now=timezone.now(),
                )
            elif options["verb"] == "place":
                named = {"country": options["country"], "code": options["code"], "by": options["by"]}
                place_seller(valid_from=_from(options), now=timezone.now(), **named)
        except UnableToNameSeller as error:
            raise CommandError(str(error)) from error
        self._show()

    def _show(self) -> None:
        for row in SellerOfRecord.objects.order_by("code", "valid_from", "id"):
            how = "prices with tax" if row.prices_include_tax else "tax on top of prices"
            where = ", ".join([*row.address, row.country])
            self.stdout.write(f"{row.code}  {row.prefix}  from {row.valid_from:%Y-%m-%d}  {row.name}, {where}  {how}")
        for place in SellerPlace.objects.order_by("country", "valid_from", "id"):
            self.stdout.write(f"{place.country}  {place.code}  from {place.valid_from:%Y-%m-%d}")


def _from(options: dict[str, Any]) -> datetime:
    if not options["valid_from"]:
        return timezone.now()
    try:
        return day_of(options["valid_from"])
    except ValueError as error:
        raise CommandError(f"“{options['valid_from']}” is no day such as 2026-01-01.") from error
