"""`manage.py settle`: from sales to paid creators, in one go."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payouts.operations import BooksDisagree, UnableToSettle, allocate_royalties, release_holds, settle


class Command(BaseCommand):
    """Allocates royalties, releases what is no longer held, and pays what is available; may be killed and rerun."""

    help = "Allocate royalties, release holds that are over, and pay creators what is available."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        runs = allocate_royalties(now=now)
        releases = release_holds(now=now)
        try:
            payouts = settle(now=now)
        except (BooksDisagree, UnableToSettle) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(runs)} runs allocated, {len(releases)} released, {len(payouts)} payouts answered")
