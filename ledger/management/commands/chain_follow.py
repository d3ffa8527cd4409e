"""`manage.py chain_follow`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger import event_queries
from ledger.chain.base import ChainUnavailable
from ledger.following import UnableToFollow, follow, follow_after_loss


class Command(BaseCommand):
    """Reads what our contracts said, as the worker does every few seconds, and says what does not fit."""

    help = "Read the events of our contracts; non-zero when the chain took back what was final (docs/operate.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--after-loss",
            action="store_true",
            help="go on where the chain took back what was final, and name the events that are gone",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["after_loss"]:
                for event in follow_after_loss(now=timezone.now()):
                    self.stdout.write(f"gone: {event} of transaction {event.transaction}, {event.args}")
            count = follow(now=timezone.now())
        except (ChainUnavailable, UnableToFollow) as error:
            raise CommandError(str(error)) from error
        read = event_queries.followed_to()
        self.stdout.write(f"{count} new events; read to block {read.last if read else 'none'}.")
        if said := event_queries.findings():
            raise CommandError("\n".join(said))
