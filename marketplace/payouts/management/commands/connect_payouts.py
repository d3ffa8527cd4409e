"""`manage.py connect_payouts`: creators' accounts with Stripe, and payouts that go through them."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payouts.attempts import PayoutAttempt
from marketplace.payouts.bookkeeping.settlement import send_open
from marketplace.payouts.connected.accounts import is_connected_rail, state_of
from marketplace.payouts.connected.going_on import go_on
from marketplace.payouts.connected.recovering import recover_debts
from marketplace.payouts.connected.tables import ConnectedAccount
from marketplace.payouts.connected.watching import watch
from marketplace.payouts.operations import BooksDisagree, UnableToSettle


class Command(BaseCommand):
    """Lists accounts and unanswered attempts; asks Stripe how all stands, brings payouts on, takes debts back.

    Whatever it does may be killed and done again.
    """

    help = "List creators' accounts with Stripe; with options, ask how they stand, bring payouts on, recover debts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--watch", action="store_true", help="ask how accounts, balances and bank payouts stand")
        parser.add_argument("--go-on", action="store_true", help="send on to banks, and back from them")
        parser.add_argument("--recover", type=int, metavar="DAYS", help="take back what is owed since so many days")

    def handle(self, *args: Any, **options: Any) -> None:
        if not is_connected_rail():
            raise CommandError("Creators are paid over another rail: see WORLDLOOM_PAYOUTS.")
        now, asked = timezone.now(), False
        if options["watch"]:
            seen, asked = watch(now=now), True
            self.stdout.write(f"{seen.accounts} accounts, {seen.banks} bank payouts asked about, {seen.silent} silent")
        if options["go_on"]:
            asked = True
            self._go_on()
        if options["recover"] is not None:
            back, asked = recover_debts(now=now, days=options["recover"]), True
            self.stdout.write(f"{back.parts} transfers taken back in part, {back.silent} not answered")
        if not asked:
            self._list()

    def _go_on(self) -> None:
        now = timezone.now()
        try:
            sent = send_open(now=now)
        except (BooksDisagree, UnableToSettle) as error:
            raise CommandError(str(error)) from error
        done = go_on(now=now)
        self.stdout.write(
            f"{sent.answered} transfers answered, {done.to_banks} sent on to banks, {done.returned} taken back,"
            f" {done.silent} not answered"
        )

    def _list(self) -> None:
        for account in ConnectedAccount.objects.select_related("creator").order_by("creator__handle", "number"):
            state = state_of(account)
            how = "closed" if state and state.closed else "ready" if state and state.payouts else "held"
            why = f"  {state.disabled_reason}" if state and state.disabled_reason else ""
            self.stdout.write(f"{account.creator.handle:20} {account.reference}  {how}{why}")
        for attempt in PayoutAttempt.objects.filter(end=None).order_by("pk"):
            self.stdout.write(f"{attempt.key}  {attempt.kind}  not answered since {attempt.made_at:%Y-%m-%d %H:%M}")
