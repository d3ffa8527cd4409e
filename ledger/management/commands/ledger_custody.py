"""Look after the keys that are kept for creators: docs/operate.md, "Keys kept for creators"."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.custody import rekey


class Command(BaseCommand):
    help = "Encrypts the signing keys kept for creators anew, under the first key of WORLDLOOM_CUSTODY_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("rekey", help="encrypt every kept key under the first custody key")

    def handle(self, *args: Any, **options: Any) -> None:
        changed, lost = rekey()
        self.stdout.write(f"{changed} kept keys are encrypted anew under the first custody key.")
        if lost:
            raise CommandError(
                f"{len(lost)} kept keys open under no custody key here: add the one that they were encrypted under to"
                f" WORLDLOOM_CUSTODY_KEYS and run this again. They are {', '.join(lost[:20])}"
            )
