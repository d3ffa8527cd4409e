"""`manage.py claim`: take what an account was given on chain, with any key that has some gas."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.chain.transaction import address_of
from marketplace.payouts.claims.paying import UnableToClaim, call_of_claim, key_in, send_claim
from marketplace.payouts.claims.queries import Claimable, accounts_at, claimable_by
from marketplace.payouts.rules import format_amount


class Command(BaseCommand):
    """Claims for the key's own account, or for another one: only the account that was given something is paid.

    With `--show` nothing is sent: what can be claimed is written with its proof and the call, to send elsewhere.
    """

    help = "Claim from the payout distributor on chain what an account was given and not yet paid."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--key-file", type=Path, metavar="FILE", help="the private key that sends and pays the gas")
        parser.add_argument("--account", metavar="ADDRESS", help="claim for this account instead of the key's own")
        parser.add_argument("--currency", metavar="CODE", help="claim in this currency only")
        parser.add_argument("--show", action="store_true", help="write the claims as JSON lines and send nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["show"] and options["key_file"] is None:
            raise CommandError("Give --key-file, or --show with --account.")
        try:
            key = key_in(options["key_file"]) if options["key_file"] else None
        except UnableToClaim as error:
            raise CommandError(str(error)) from error
        address = options["account"] or (address_of(key) if key else "")
        if not address:
            raise CommandError("Give --account, or the --key-file of the account.")
        accounts = [one for one in accounts_at(address) if options["currency"] in (None, one.book.currency)]
        if not accounts:
            raise CommandError(f"Nothing was ever given to {address}.")
        for row in claimable_by(accounts, now=timezone.now()):
            self._claim(row, None if options["show"] else key)

    def _claim(self, row: Claimable, key: bytes | None) -> None:
        book, write = row.book, self.stdout.write
        if row.claim is None:
            waits = f", and {format_amount(row.waiting_minor, book.currency)} waits" if row.waiting_minor else ""
            write(f"{book.currency}: nothing to claim{waits}")
            return
        if key is None:
            write(json.dumps(_told(row), separators=(",", ":")))
            return
        try:
            paid = send_claim(row.claim, key=key)
        except UnableToClaim as error:
            raise CommandError(str(error)) from error
        amount = format_amount(row.claimable_minor, book.currency)
        write(
            f"{book.currency}: {amount} claimed by {paid.transaction} in block {paid.block_number}, {paid.gas_used} gas"
        )


def _told(row: Claimable) -> dict[str, Any]:
    assert row.claim is not None
    claim, book = row.claim, row.book
    return {
        "account": claim.account.address,
        "chain_id": book.chain_id,
        "contract": book.distributor,
        "cumulative": str(claim.units),
        "currency": book.currency,
        "data": "0x" + call_of_claim(claim).hex(),
        "proof": ["0x" + node.hex() for node in claim.proof],
        "root": claim.root.root,
        "token": book.token,
    }
