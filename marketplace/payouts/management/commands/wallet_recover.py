"""`manage.py wallet_recover`: what is signed and sent for a creator who lost their wallet's key."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger.chain.abi import call_data
from ledger.chain.suite import suite
from ledger.chain.typed import normalized, recover
from marketplace.payouts import wallets
from marketplace.payouts.management.creators import asked_creator


class Command(BaseCommand):
    """Prints the message for the next wallet to sign; with its signature, what the contract's admin sends.

    Nothing is sent from here: the admin's key is cold. Seven days after it is mined the wallet counts, unless the old
    one refuses; then the creator proves it at *Wallet*, and payouts go there.
    """

    help = "Print what to sign, then what the admin's wallet sends, to recover a creator's wallet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as", dest="creator", required=True, help="the creator's name after /creators/")
        parser.add_argument("--to", required=True, help="address of the next wallet")
        parser.add_argument("--signature", default="", help="the next wallet's, as 0x hex")
        parser.add_argument("--deadline", type=int, default=0, help="the deadline in the message that was signed")

    def handle(self, *args: Any, **options: Any) -> None:
        creator, known = asked_creator(options["creator"]), suite()
        assert creator is not None
        try:
            document, digest = wallets.recover_document(
                creator, options["to"], now=timezone.now(), deadline=options["deadline"]
            )
        except wallets.UnableToBindWallet as refusal:
            raise CommandError(str(refusal)) from refusal
        if not options["signature"]:
            self.stdout.write(json.dumps(document, indent=2))
            return
        assert known is not None
        said = document["message"]
        signature = _bytes(options["signature"])
        if not options["deadline"] or recover(digest, normalized(signature)) != said["to"]:
            raise CommandError("The signature is not the next wallet's over this message; give its --deadline too.")
        data = call_data(
            "Payees", "recover", creator.pk.bytes, said["to"], int(said["deadline"]), normalized(signature)
        )
        self.stdout.write(f"to: {known.address('Payees')}\ndata: 0x{data.hex()}")


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise CommandError("The signature is 0x and hexadecimal digits.") from None
