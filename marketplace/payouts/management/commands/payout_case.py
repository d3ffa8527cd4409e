"""`manage.py payout_case`: what the chain said of payouts and the books cannot follow, and what became of it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payouts.claims.cases import UnableToEndCase, end_case, open_cases


class Command(BaseCommand):
    """Lists open cases; with `--end` and `--because` ends one, so that it stops payouts no more."""

    help = "List what stops payouts on chain, or end a case with the reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--end", type=int, metavar="NUMBER", help="end this case")
        parser.add_argument("--because", default="", metavar="TEXT", help="what became of it")
        parser.add_argument("--by", default="an operator", metavar="NAME", help="who says so")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["end"] is None:
            for case in open_cases():
                self.stdout.write(f"{case.event}  {case.at:%Y-%m-%d %H:%M}  {case.what}")
            return
        try:
            end_case(event=options["end"], note=options["because"], by=options["by"], now=timezone.now())
        except UnableToEndCase as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"case {options['end']} is ended; payouts go on when check_books finds nothing else")
