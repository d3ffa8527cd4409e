"""`manage.py chain_calls`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger.chain_models import ChainDue
from ledger.chain_queries import Standing, call_of, standings_of
from ledger.operations import withdraw_call


class Command(BaseCommand):
    """Says what waits for the chain and why, and takes back what nothing was signed for."""

    help = "List the calls that wait for the chain, or take one back (docs/decisions/0036-chain-outbox.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--withdraw", metavar="KEY", default="", help="the call to take back, by its key")
        parser.add_argument("--because", default="", help="the reason, which whoever asked for the call will read")

    def handle(self, *args: Any, **options: Any) -> None:
        key, reason = options["withdraw"], options["because"]
        if not key:
            self._list()
            return
        if not reason:
            raise CommandError("Say why: --because …")
        if call_of(key) is None:
            raise CommandError(f"There is no call {key}.")
        if not withdraw_call(key=key, reason=reason, now=timezone.now()):
            raise CommandError(f"{key} cannot be taken back: a transaction was signed for it, or it is decided.")
        self.stdout.write(f"{key} is taken back.")

    def _list(self) -> None:
        calls = [due.call for due in ChainDue.objects.select_related("call").order_by("call")]
        for call, standing in zip(calls, standings_of(calls), strict=True):
            self.stdout.write(f"{call.key}  {call.role}  {call.artifact}.{call.function}  {_words(standing)}")
        self.stdout.write(f"{len(calls)} in all.")


def _words(standing: Standing) -> str:
    where = f" {standing.transaction}" if standing.transaction else ""
    depth = f" {standing.confirmations} of {standing.wanted}" if standing.state == "mined" else ""
    return f"{standing.state}{depth}{where}" + (f": {standing.reason}" if standing.reason else "")
