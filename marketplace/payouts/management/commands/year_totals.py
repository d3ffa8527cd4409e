"""`manage.py year_totals`: what tax offices ask about a year, as CSV."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.payouts.tax_sealing import UnableToUnseal
from marketplace.payouts.year_forms import FORMS, columns_of, rows_of
from marketplace.ui.sheets import lines_of


class Command(BaseCommand):
    """Writes one form of one year; the file is for the owner's eyes alone, because it names people and numbers."""

    help = "Write a year's totals per creator in the fields of DAC7 or of Form 1099-K."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("year", type=int, help="a calendar year in UTC, such as 2026")
        parser.add_argument("--form", choices=FORMS, required=True)
        parser.add_argument(
            "--out", type=Path, help="the file to write, which must not be there yet; else it is printed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        year = options["year"]
        if not 2000 <= year <= timezone.now().year:
            raise CommandError(f"{year} is no year that was credited: give one from 2000 to {timezone.now().year}.")
        try:
            lines = list(lines_of(columns_of(options["form"]), rows_of(options["form"], year)))
        except UnableToUnseal as error:
            raise CommandError(str(error)) from error
        if options["out"] is None:
            self.stdout.write("".join(lines), ending="")
            return
        try:
            with options["out"].open("x", encoding="utf-8", newline="") as file:
                options["out"].chmod(0o600)
                file.writelines(lines)
        except OSError as error:
            raise CommandError(f"{options['out']} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{len(lines) - 1} rows are in {options['out']}")
