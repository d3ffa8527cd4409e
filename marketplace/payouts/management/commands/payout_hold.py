"""`manage.py payout_hold place|end|list`: keep payouts to a creator back for a reason, and let them go again."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payouts.management.creators import asked_creator
from marketplace.payouts.operations import UnableToHoldPayouts, hold_payouts, release_payouts
from marketplace.payouts.rules import CURRENCIES
from marketplace.payouts.when_queries import holds_of


class Command(BaseCommand):
    """Places a hold under a name of your own, ends it, or lists those that stand."""

    help = "Hold the payouts of a creator for a reason, end a hold, or list holds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        place = verbs.add_parser("place", help="from now on, reserve and send nothing")
        place.add_argument("creator", metavar="HANDLE")
        place.add_argument("key", metavar="NAME", help="the hold's own name, as ticket:123; it holds once")
        place.add_argument("--currency", choices=sorted(CURRENCIES), default="", help="in this one only")
        place.add_argument("--reason", required=True, help="why, which the creator reads")
        end = verbs.add_parser("end", help="let payouts go again")
        end.add_argument("key", metavar="NAME")
        for verb in (place, end):
            verb.add_argument("--by", default=getpass.getuser(), help="who does it; you without")
        lists = verbs.add_parser("list", help="the holds that stand")
        lists.add_argument("--creator", metavar="HANDLE")
        lists.add_argument("--all", action="store_true", help="those that ended, too")

    def handle(self, *args: Any, **options: Any) -> None:
        creator = asked_creator(options.get("creator"))
        now = timezone.now()
        try:
            if options["verb"] == "place" and creator is not None:
                said = {name: options[name] for name in ("key", "currency", "reason", "by")}
                hold_payouts(creator=creator, now=now, **said)
                self.stdout.write(f"{options['key']} holds the payouts to {creator.handle}")
            elif options["verb"] == "end":
                release_payouts(key=options["key"], by=options["by"], now=now)
                self.stdout.write(f"{options['key']} holds nothing any more")
        except UnableToHoldPayouts as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["verb"] == "list":
            for row in holds_of(creator, standing=not options["all"]):
                until = f"  ended {row.ended_at:%Y-%m-%d} by {row.ended_by}" if row.ended_at else ""
                self.stdout.write(
                    f"{row.key}  {row.handle}  {row.currency or 'all'}  since {row.held_at:%Y-%m-%d} by {row.held_by}: "
                    f"{row.reason}{until}"
                )
