"""Look after the keys that are kept for creators: docs/operate.md, "Keys kept for creators"."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger.custody import UnableToChangeKey, UnableToSignFor, keep_key, prepare_key, rekey
from ledger.models import CreatorKey
from ledger.presenting import Hands


class Command(BaseCommand):
    help = "Encrypts the signing keys kept for creators anew, or puts new keys in their places."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("rekey", help="encrypt every kept key under the first key of WORLDLOOM_CUSTODY_KEYS")
        rotate = verbs.add_parser("rotate", help="put a new key in the place of each kept one, as after a theft")
        rotate.add_argument("--creator", metavar="HANDLE", help="of this creator only")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['verb']}")(options)

    def _rekey(self, options: dict[str, Any]) -> None:
        changed, lost = rekey()
        self.stdout.write(f"{changed} kept keys are encrypted anew under the first custody key.")
        if lost:
            raise CommandError(
                f"{len(lost)} kept keys open under no custody key here: add the one that they were encrypted under to"
                f" WORLDLOOM_CUSTODY_KEYS and run this again. They are {', '.join(lost[:20])}"
            )

    def _rotate(self, options: dict[str, Any]) -> None:
        rows = CreatorKey.objects.filter(custody=CreatorKey.CUSTODIAL, end=None).select_related("creator")
        if options["creator"]:
            rows = rows.filter(creator__handle=options["creator"])
        failed = []
        for row in rows.order_by("kid"):
            try:
                made = keep_key(
                    creator=row.creator, prepared=prepare_key(), after=row.kid, hands=Hands([]), now=timezone.now()
                )
            except (UnableToChangeKey, UnableToSignFor) as error:
                failed.append(str(error))
            else:
                self.stdout.write(f"{row.creator.handle}: {row.kid} hands over to {made.kid}")
        if failed:
            raise CommandError("\n".join(failed))
