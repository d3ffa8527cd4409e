"""`manage.py chain_guard`."""

import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import ChainConfig
from ledger.chain.guarding import PAUSABLE, UnableToGuard, guard, standings
from ledger.chain.reading import reader
from ledger.chain.suite import Suite


class Command(BaseCommand):
    """Stops what should not be, with the guardian's key or for the guardian's wallet; asks no database."""

    help = "Pause a contract, end a pause, veto a payout root or stop a wallet (docs/operate.md, “A public chain”)."
    # A guardian acts when the house may be in strange hands: what the database says does not matter.
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("status", help="what is paused until when, and which roots wait")
        for verb in ("pause", "unpause"):
            verbs.add_parser(verb).add_argument("contract", choices=PAUSABLE)
        verbs.add_parser("veto", help="the root that waits").add_argument("currency", help="USD, say")
        verbs.add_parser("stop", help="a creator's first wallet").add_argument("payee", type=uuid.UUID)
        for verb in verbs.choices.values():
            verb.add_argument("--key-file", default="", help="the guardian's; as settings say without it")
            verb.add_argument("--at", default="", help="a former contract's address, where another took its place")
            verb.add_argument("--print", action="store_true", help="only say what a wallet would send")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asking = reader(timeout_seconds=15)
            if options["verb"] == "status":
                self.stdout.write("\n".join(standings(asking)))
                return
            config = ChainConfig.from_settings()
            if options["key_file"]:
                config = ChainConfig(folder=config.folder, rpc_url=config.rpc_url, key_file=_path(options["key_file"]))
            key = None if options["print"] else config.key("guardian")
            self.stdout.write(guard(asking, *_call(options, asking.suite), key=key, at=options["at"]))
        except (ChainUnavailable, UnableToGuard) as error:
            raise CommandError(str(error)) from None


def _call(options: dict[str, Any], suite: Suite) -> tuple[Any, ...]:
    """Return contract, function and arguments."""
    match options["verb"]:
        case "veto":
            token = suite.token(options["currency"])
            if token is None:
                raise CommandError(f"No token stands for {options['currency']}.")
            return "PayoutDistributor", "veto", token.address
        case "stop":
            return "Payees", "stopBinding", options["payee"].bytes
        case verb:
            return options["contract"], verb


def _path(name: str) -> str:
    if not Path(name).exists():
        raise CommandError(f"There is no file {name}.")
    return name
