"""`manage.py wallet_bind`: prove a wallet with a key file, for who has no browser wallet."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger.chain import typed
from ledger.chain.suite import suite
from ledger.chain.transaction import address_of
from marketplace.payouts import wallet_queries, wallets
from marketplace.payouts.management.creators import asked_creator


class Command(BaseCommand):
    """Signs with the key, which is read from the file and kept nowhere, and asks the chain to bind its wallet."""

    help = "Bind a creator's first wallet, or with --from-key-file move it to another one (docs/chain.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as", dest="creator", required=True, help="the creator's name after /creators/")
        parser.add_argument("--key-file", required=True, help="file with the wallet's private key in hexadecimal")
        parser.add_argument("--from-key-file", default="", help="file with the key of the wallet that counts now")

    def handle(self, *args: Any, **options: Any) -> None:
        creator, now, known = asked_creator(options["creator"]), timezone.now(), suite()
        if creator is None or known is None:
            raise CommandError("No contracts stand on a chain here; `manage.py chain_deploy --suite` puts them there.")
        key = key_in(options["key_file"])
        address, deadline = address_of(key), int((now + wallets.USUAL).timestamp())
        binding = wallet_queries.binding_of(creator, now=now)
        values = {"payee": creator.pk.bytes, "nonce": binding.nonce, "deadline": deadline}
        place = {"chain_id": known.chain_id, "contract": known.address("Payees")}
        try:
            if options["from_key_file"]:
                values |= {"from": binding.address or address, "to": address}
                digest = typed.typed_digest(typed.MOVE, values, **place)
                wallets.move_wallet(
                    creator=creator,
                    to=address,
                    deadline=deadline,
                    from_signature=typed.sign_digest(digest, key_in(options["from_key_file"])),
                    to_signature=typed.sign_digest(digest, key),
                    now=now,
                )
            else:
                digest = typed.typed_digest(typed.BIND, values | {"wallet": address}, **place)
                signature = typed.sign_digest(digest, key)
                wallets.bind_wallet(creator=creator, address=address, signature=signature, deadline=deadline, now=now)
        except wallets.UnableToBindWallet as refusal:
            raise CommandError(str(refusal)) from refusal
        when = "it counts as soon as it is mined" if options["from_key_file"] else "it counts a day after it is mined"
        self.stdout.write(f"{address} is proved for {creator.handle}; the chain is asked. {when.capitalize()}.")


def key_in(name: str) -> bytes:
    """Return the private key in a file; CommandError for what is none."""
    try:
        key = bytes.fromhex(Path(name).read_text().strip().removeprefix("0x"))
        address_of(key)
    except OSError as fault:
        raise CommandError(f"{name} cannot be read: {fault.strerror}.") from fault
    except ValueError:
        raise CommandError(f"{name} is not a private key in hexadecimal.") from None
    return key
