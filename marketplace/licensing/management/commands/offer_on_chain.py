"""`manage.py offer_on_chain`: sell an offer on a chain, signed with the key in a file; or stop that."""

from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger.chain import typed
from ledger.chain.base import ChainUnavailable
from ledger.chain.transaction import address_of
from marketplace.licensing import chain_offers, chain_stale
from marketplace.licensing.chain_offers import UnableToOfferOnChain
from marketplace.licensing.models import Offer
from marketplace.payouts.management.creators import asked_creator


class Command(BaseCommand):
    """Signs an offer for the chain without a browser."""

    help = "Sell an offer on the chain as well: sign it with a wallet's key; --stop closes it there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("offer", type=UUID, nargs="?", help="the offer's id")
        parser.add_argument("--as", dest="creator", metavar="HANDLE", help="the owner's handle")
        parser.add_argument("--key-file", type=Path, help="the wallet's private key, 64 hexadecimal digits")
        parser.add_argument("--days", type=int, default=90, help="how long, at most 365 (90)")
        parser.add_argument("--supply", type=int, default=0, help="how many licenses at most; 0 is any number (0)")
        parser.add_argument("--stop", action="store_true", help="close it on the chain")
        parser.add_argument("--stop-all", action="store_true", help="close every offer there, as before a successor")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["stop_all"]:
            count = chain_stale.close_all(now=timezone.now())
            self.stdout.write(f"{count} closed: the chain hears of it with the next delivery")
            return
        offer = Offer.objects.select_related("terms", "release__pack").filter(pk=options["offer"]).first()
        creator = asked_creator(options["creator"])
        if offer is None or creator is None:
            raise CommandError(f"There is no offer {options['offer']}.")
        now = timezone.now()
        try:
            if options["stop"]:
                rows = chain_offers.open_chain_offers([offer], now)
                closed = [chain_offers.stop_on_chain(chain_offer=row, by=creator, now=now) for row in rows.values()]
                self.stdout.write(f"{sum(closed)} closed: the chain hears of it with the next delivery")
                return
            key = _key(options["key_file"])
            limits = chain_offers.limits(now=now, days=options["days"], supply=options["supply"])
            known, _token, message = chain_offers.message_of(
                offer=offer, licensor=address_of(key), limits=limits, now=now
            )
            digest = typed.typed_digest(
                typed.OFFER, message, chain_id=known.chain_id, contract=known.address("LicenseMarket")
            )
            row = chain_offers.offer_on_chain(
                offer=offer,
                by=creator,
                licensor=address_of(key),
                limits=limits,
                signature=typed.sign_digest(digest, key),
                now=now,
            )
        except (UnableToOfferOnChain, ChainUnavailable) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"signed twice: 0x{row.digest}, {row.price_units} units of {row.symbol}, until {row.deadline}"
        )


def _key(path: Path | None) -> bytes:
    if path is None:
        raise CommandError("Name the wallet's key with --key-file.")
    try:
        key = bytes.fromhex(path.read_text().strip().removeprefix("0x"))
        address_of(key)
    except (OSError, ValueError):
        raise CommandError(f"{path} does not hold a private key in hexadecimal.") from None
    return key
