"""`manage.py check_splits`: every split has one name, in the database, in the log and on the chain."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.chain.base import ChainUnavailable
from ledger.chain.reading import reader
from ledger.chain.suite import suite
from marketplace.payouts.models import Split
from marketplace.payouts.split_proofs import differences


class Command(BaseCommand):
    """Asks the vault for the name of each split's shares, and ends with “splits ok” or with what differs."""

    help = "Compare the names of splits in the database, in the log and in SplitVault; non-zero where they differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("digests", nargs="*", help="splits to look at; all without any")
        parser.add_argument("--without-chain", action="store_true", help="compare the database and the log alone")

    def handle(self, *args: Any, **options: Any) -> None:
        with_chain = suite() is not None and not options["without_chain"]
        try:
            found = list(differences(reader() if with_chain else None, digests=options["digests"]))
        except ChainUnavailable as error:
            raise CommandError(f"{error.reason}; --without-chain leaves it out.") from error
        if found:
            raise CommandError("\n".join(found))
        count = len(options["digests"]) or Split.objects.count()
        where = "database, log and chain" if with_chain else "database and log"
        self.stdout.write(f"splits ok: {count} with one name each in {where}")
