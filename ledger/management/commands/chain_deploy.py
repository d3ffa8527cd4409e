"""`manage.py chain_deploy`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import UnableToDeploy, deploy_anchor


class Command(BaseCommand):
    """Puts the ProvenanceAnchor contract on the chain that settings name, once."""

    help = "Deploy the ProvenanceAnchor contract, or say where it already is (docs/decisions/0004-chain.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", default="", help="address that owns the contract; the sending key without it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = deploy_anchor(now=timezone.now(), owner=options["owner"])
        except (ChainUnavailable, UnableToDeploy) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"ProvenanceAnchor is at {found.contract} on chain {found.chain_id}.")
