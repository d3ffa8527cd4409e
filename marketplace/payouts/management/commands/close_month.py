"""`manage.py close_month`: close the months that are over, or prove one that is closed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payouts.operations import UnableToClose, close_month, close_months
from marketplace.payouts.statement_proofs import unlike_their_papers
from marketplace.payouts.statements import StatementPeriod


class Command(BaseCommand):
    """Closes one month in one currency, or all that are over; with --check, writes its statements out again."""

    help = "Close the months that are over: write creators' statements and state their root in the log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("month", nargs="?", help="such as 2026-11; without it, every month that is over")
        parser.add_argument("currency", nargs="?", help="such as USD")
        parser.add_argument("--check", action="store_true", help="write a closed month's statements out again")

    def handle(self, *args: Any, month: str | None, currency: str | None, check: bool, **options: Any) -> None:
        if (month is None) != (currency is None) or (check and month is None):
            raise CommandError("Name a month and a currency, such as: close_month 2026-11 USD")
        if check:
            self._check(str(month), str(currency))
            return
        now = timezone.now()
        try:
            given = month and currency
            closed = [close_month(period=month, currency=currency, now=now)] if given else close_months(now=now)
        except UnableToClose as error:
            raise CommandError(str(error)) from error
        for one in closed:
            self.stdout.write(f"{one.period} {one.currency}  {one.statements} statements  {one.root}")
        self.stdout.write(f"{len(closed)} months closed")

    def _check(self, month: str, currency: str) -> None:
        period = StatementPeriod.objects.filter(period=month, currency=currency).first()
        if period is None:
            raise CommandError(f"{month} in {currency} is not closed.")
        if wrong := unlike_their_papers(period):
            raise CommandError("\n".join(f"The statement of {one} is not what the books say." for one in wrong))
        self.stdout.write(f"{period.statements} statements ok")
