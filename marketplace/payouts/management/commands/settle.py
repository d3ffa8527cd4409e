"""`manage.py settle`: from sales to paid creators, in one go."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payouts.management.creators import asked_creator
from marketplace.payouts.operations import (
    BooksDisagree,
    UnableToSettle,
    allocate_royalties,
    release_holds,
    release_reserves,
    settle,
)
from marketplace.payouts.rules import CURRENCIES


class Command(BaseCommand):
    """Allocates royalties, releases what is no longer held or reserved, and pays what is due; may be killed and rerun.

    With `--creator` it pays that one now, whatever schedule and threshold say.
    """

    help = "Allocate royalties, release holds and reserves that are over, and pay creators what is due."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--currency", choices=sorted(CURRENCIES), help="settle this one only")
        parser.add_argument("--creator", metavar="HANDLE", help="pay this creator all that is available, and no other")

    def handle(self, *args: Any, **options: Any) -> None:
        creator = asked_creator(options["creator"])
        now = timezone.now()
        runs = allocate_royalties(now=now)
        releases = release_holds(now=now)
        reserves = release_reserves(now=now)
        try:
            settled = settle(now=now, currency=options["currency"], creator=creator)
        except (BooksDisagree, UnableToSettle) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{len(runs)} runs allocated, {len(releases)} released, {reserves} reserves ended, "
            f"{settled.answered} payouts answered, {settled.refused} of them refused, {settled.held} held"
        )
        if settled.busy:
            self.stdout.write(f"left alone, because another settlement was paying them: {', '.join(settled.busy)}")
