"""`manage.py vault`: what lies in the vault on the chain, and taking it out with a key file instead of a browser."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.chain.base import ChainUnavailable
from ledger.chain.jsonrpc import RpcRefusal
from ledger.chain.reading import Reader, reader
from ledger.chain.sender import NonceTaken, Patience, Sender
from marketplace.payouts import vault_queries
from marketplace.payouts.management.commands.wallet_bind import key_in
from marketplace.payouts.management.creators import asked_creator
from marketplace.people.models import Creator


class Command(BaseCommand):
    """Says what a creator may withdraw; with a key file it divides pots first, then withdraws. The key pays the gas.

    Any key will do: what is withdrawn goes to the creator's own wallet, whoever sends the transaction.
    """

    help = "Show what a creator has in SplitVault; divide pots and withdraw with --withdraw and --key-file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as", dest="creator", required=True, help="the creator's name after /creators/")
        parser.add_argument("--withdraw", action="store_true", help="divide the pots and withdraw what is theirs")
        parser.add_argument("--key-file", default="", help="file with the private key that sends and pays the gas")

    def handle(self, *args: Any, **options: Any) -> None:
        creator = asked_creator(options["creator"])
        assert creator is not None
        if options["withdraw"] and not options["key_file"]:
            raise CommandError("Say with --key-file whose key sends the transactions.")
        try:
            ask = reader()
            if options["withdraw"]:
                self._withdraw(creator, ask, key_in(options["key_file"]))
            self._show(creator, ask)
        except (ChainUnavailable, NonceTaken, RpcRefusal) as error:
            raise CommandError(str(error)) from error

    def _show(self, creator: Creator, ask: Reader) -> None:
        found = vault_queries.vault_of(creator.pk, ask=ask)
        self.stdout.write(f"wallet: {found.wallet or 'none'}")
        for one in found.balances:
            where = f" from the vault before, {one.vault}" if one.is_former else ""
            self.stdout.write(f"to withdraw: {vault_queries.amount_text(one.amount_units, one.token)}{where}")
        for pot in found.undivided:
            amount, part = (
                vault_queries.amount_text(units, pot.pot.token) for units in (pot.pot.amount_units, pot.part_units)
            )
            self.stdout.write(f"in the pot of {pot.split}: {amount}, of which {part}")

    def _withdraw(self, creator: Creator, ask: Reader, key: bytes) -> None:
        found = vault_queries.vault_of(creator.pk, ask=ask)
        if not any(one.wallet for one in found.balances):
            raise CommandError(f"{creator.handle} has no wallet that counts yet; `manage.py wallet_bind` proves one.")
        sender = Sender(ask.rpc, key=key, chain_id=ask.suite.chain_id, patience=Patience())
        for pot in found.undivided:
            self._send(sender, pot.vault, pot.distribute, f"divided {pot.split}")
        for one in vault_queries.vault_of(creator.pk, ask=ask).balances:
            if one.amount_units and one.wallet:
                amount = vault_queries.amount_text(one.amount_units, one.token)
                self._send(sender, one.vault, one.withdraw, f"withdrew {amount} to {one.wallet}")

    def _send(self, sender: Sender, vault: str, data: bytes, what: str) -> None:
        signed, _ = sender.prepare(to=vault, data=data)
        sender.send(signed)
        receipt = sender.wait(signed)
        if receipt.get("status") != "0x1":
            raise CommandError(f"Transaction 0x{signed.digest.hex()} failed: somebody else may have been first.")
        self.stdout.write(f"{what} in transaction 0x{signed.digest.hex()}")
