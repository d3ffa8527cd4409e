"""`manage.py provider_events`: what the payment provider told us and could not be taken in; try it again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.provider import inbox, queries


class Command(BaseCommand):
    """Lists the events that failed, and lets them be tried again."""

    help = "List the payment provider's events that could not be taken in; try them again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("event", nargs="?", default="", help="the id of an event, as listed")
        parser.add_argument("--dead", action="store_true", help="list those alone that are not tried any more")
        parser.add_argument("--again", action="store_true", help="try the event again now, or all dead ones")
        parser.add_argument("--limit", type=int, default=100)

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["again"]:
            count = inbox.try_again(event_id=options["event"], now=now)
            if options["event"] and not count:
                raise CommandError(f"No event {options['event']} waits.")
            handled = inbox.handle_events(now=now)
            self.stdout.write(f"{count} tried again, {handled} handled")
            return
        for row in queries.events_in_trouble(dead_only=options["dead"])[: options["limit"]]:
            event = row.event
            when = f"again at {row.due_at:%Y-%m-%d %H:%M:%S}" if row.due_at else "dead"
            self.stdout.write(
                f"{event.received_at:%Y-%m-%d %H:%M}  {event.event_id}  {event.type}  {event.object_id}"
                f"  {row.failures} failures, {when}: {row.reason}"
            )
        found = queries.standing()
        since = f", the oldest since {found.oldest_at:%Y-%m-%d %H:%M:%S}" if found.oldest_at else ""
        self.stdout.write(f"{found.waiting} wait{since}; {found.dead} are dead")
