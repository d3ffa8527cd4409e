"""Look at our authorities for Content Credentials, make and renew them: docs/operate.md, "Content Credentials"."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger.credentials.issuing import UnableToIssue, certificates, ensure_authority
from ledger.credentials.papers import AUTHORITIES
from ledger.signing.base import UnableToLoadKey


class Command(BaseCommand):
    help = "Lists the authorities' certificates; makes what is missing and renews what is due."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="show each certificate of the authorities, and until when it is valid")
        make = verbs.add_parser("make", help="make the roots and issuing authorities, and renew those that are due")
        make.add_argument("--replace", choices=AUTHORITIES, help="make a new key for the one whose issuing key is gone")
        make.add_argument("--new-root", action="store_true", help="with --replace: the root's key is gone, too")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "make":
            self._make(options["replace"], options["new_root"], timezone.now())
        for row in certificates():
            self.stdout.write(f"{row.authority:<9} {row.role:<8} until {row.not_after:%Y-%m-%d} SHA-256 {row.sha256}")

    def _make(self, replaced: str | None, new_root: bool, now: datetime) -> None:
        for authority in AUTHORITIES:
            try:
                replace = authority == replaced
                ensure_authority(authority=authority, now=now, replace=replace, new_root=replace and new_root)
            except (UnableToIssue, UnableToLoadKey) as error:
                raise CommandError(str(error)) from error
