"""`manage.py chain_deploy`."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import ChainConfig, UnableToDeploy, deploy_anchor
from ledger.chain.inspection import differences
from ledger.chain.reading import Reader
from ledger.chain.suite import WRAPPED, Suite
from ledger.chain.suite_deployment import Accounts, Given, deploy_suite, left_to_admin


class Command(BaseCommand):
    """Puts the contracts on the chain that settings name, once, and compares what is there with what was built."""

    help = "Deploy the contracts, or say where they already are (docs/operate.md, “A public chain”)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--owner", default="", help="address that owns the anchor; the sending key without it")
        parser.add_argument("--suite", action="store_true", help="all contracts, not the anchor alone")
        parser.add_argument("--admin", default="", help="the cold address that names roles; our key without it")
        parser.add_argument("--guardian", default="", help="the address that may pause and veto; our key without it")
        parser.add_argument("--treasury", default="", help="where the house's part goes; the admin without it")
        parser.add_argument("--wrapped", default="", help="the chain's wrapped coin, such as WETH")
        parser.add_argument(
            "--token", action="append", default=[], metavar="USD=0x…", help="an ERC-20 that stands for a currency"
        )
        parser.add_argument(
            "--replace", action="append", default=[], metavar="CONTRACT", help="put a successor in a contract's place"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["suite"]:
                self._suite(options)
            else:
                found = deploy_anchor(now=timezone.now(), owner=options["owner"])
                self.stdout.write(f"ProvenanceAnchor is at {found.contract} on chain {found.chain_id}.")
        except (ChainUnavailable, UnableToDeploy) as error:
            raise CommandError(str(error)) from None

    def _suite(self, options: dict[str, Any]) -> None:
        config = ChainConfig.from_settings()
        accounts = Accounts.of(config, **{name: options[name] for name in ("admin", "guardian", "treasury")})
        found = deploy_suite(
            now=timezone.now(),
            pages=f"{settings.SITE_URL}/releases/",
            config=config,
            accounts=accounts,
            given=Given(tokens=tuple(map(_pair, options["token"])), wrapped=options["wrapped"]),
            replace=options["replace"],
        )
        self._say(found)
        reader = Reader(config.rpc(), found)
        for call in left_to_admin(reader):
            self.stdout.write(f"Left to the admin's wallet: {call.function} — send 0x{call.data.hex()} to {call.to}.")
        if wrong := differences(reader, accounts=accounts):
            raise CommandError(os.linesep.join(wrong))
        self.stdout.write("What stands there is what contracts/abi says, and each key has its role.")

    def _say(self, found: Suite) -> None:
        for name, address in found.addresses.items():
            self.stdout.write(f"{'The wrapped coin' if name == WRAPPED else name} is at {address}.")
        for token in found.tokens.values():
            self.stdout.write(f"{token.currency} is {token.symbol} at {token.address}, {token.decimals} decimals.")
        self.stdout.write(f"All on chain {found.chain_id}, from block {found.block_number} on.")


def _pair(text: str) -> tuple[str, str]:
    currency, equals, address = text.partition("=")
    if not equals or len(currency) != 3 or not currency.isupper():
        raise CommandError(f"--token {text}: write it as USD=0x and 40 hexadecimal digits.")
    return currency, address
