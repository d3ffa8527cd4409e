"""`manage.py check_books`: prove the books, or say what is wrong with them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payouts.proving import prove_books
from marketplace.payouts.queries import trial_balance
from marketplace.payouts.rules import format_amount


class Command(BaseCommand):
    """Prints the trial balance and ends with “books ok”, or with one sentence a problem and a non-zero exit.

    The proof counts as the worker's do: with problems it stops payouts, without any it lets them go on.
    """

    help = "Prove that the books balance and that nothing is lost or paid twice, and record the proof."

    def handle(self, *args: Any, **options: Any) -> None:
        for row in trial_balance():
            debit, credit = (
                format_amount(amount_minor, row.currency) if amount_minor else ""
                for amount_minor in (row.debit_minor, row.credit_minor)
            )
            self.stdout.write(f"{row.currency}  {row.kind:<22}{debit:>18}{credit:>18}")
        if problems := prove_books(now=timezone.now()).problems:
            raise CommandError("\n".join(problems))
        self.stdout.write("books ok")
