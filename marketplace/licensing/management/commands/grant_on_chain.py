"""`manage.py grant_on_chain GRANT`: the call that shows a license to a contract."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.licensing import queries
from marketplace.licensing.chain_proofs import UnableToProveOnChain, prove_on_chain


class Command(BaseCommand):
    """Writes the call of `LicenseMarket.verifyGrant`, for any tool that asks a contract."""

    help = "Write the call that proves a license to a contract: asking it costs nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("grant", type=UUID, help="the license's id")

    def handle(self, *args: Any, **options: Any) -> None:
        grant = queries.granted(options["grant"])
        if grant is None:
            raise CommandError(f"There is no license {options['grant']}.")
        try:
            proof = prove_on_chain(grant)
        except UnableToProveOnChain as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"chain {proof.chain_id}, anchored in {proof.anchored_in}")
        self.stdout.write(f"cast call {proof.market} 0x{proof.data().hex()}")
