"""`manage.py erase_licensee STUDIO`: forget who holds a studio's licenses."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.licensing.erasing import erase_licensee
from marketplace.people.models import Studio


class Command(BaseCommand):
    """Erases a licensee from what is kept; the log stays whole."""

    help = "Erase the name, the salts and the certificates of all licenses of a studio, for good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("studio", type=UUID, help="the studio's id")
        parser.add_argument("--yes", action="store_true", help="do it: nothing brings back what is erased")

    def handle(self, *_args: Any, **options: Any) -> None:
        studio = Studio.objects.filter(pk=options["studio"]).first()
        if studio is None:
            raise CommandError(f"There is no studio {options['studio']}.")
        if not options["yes"]:
            raise CommandError(f"This erases {studio} from its licenses for good: say so with --yes.")
        self.stdout.write(f"Erased {studio} from {erase_licensee(studio=studio)} licenses.")
