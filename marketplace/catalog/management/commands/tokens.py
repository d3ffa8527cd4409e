"""`manage.py tokens ask|sign|check`: a release becomes a token without a browser, and log and chain are compared."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.chain.base import ChainUnavailable
from ledger.chain.reading import Question, Reverted, reader
from ledger.chain.suite import checked
from ledger.chain.transaction import address_of
from ledger.chain.typed import sign_digest
from ledger.operations import UnableToState
from marketplace.catalog import token_queries, token_words
from marketplace.catalog.models import Release
from marketplace.catalog.tokens import UnableToAskForToken, UnableToMaterialize, ask_for_token, materialize_token
from marketplace.payouts.management.creators import asked_creator
from marketplace.people.models import Creator


class Command(BaseCommand):
    """Asks for the token of a release, signs for it with the key in a file, or names where log and chain differ."""

    help = "Ask for the token of a release, sign for it, or compare what log and chain say of all tokens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        ask = verbs.add_parser("ask", help="state in the log that a release may become a token")
        ask.add_argument("--wallet", required=True, metavar="0x…", help="the address that signs for it and gets it")
        ask.add_argument("--bps", type=int, default=500, help="royalty of later sales in ten-thousandths (500)")
        sign = verbs.add_parser("sign", help="sign with the wallet's key, and have the token made")
        sign.add_argument(
            "--key-file", type=Path, required=True, help="the wallet's private key, 64 hexadecimal digits"
        )
        for verb in (ask, sign):
            verb.add_argument("release", metavar="CREATOR/PACK@VERSION")
            verb.add_argument("--as", dest="creator", required=True, metavar="HANDLE", help="the owner's handle")
        check = verbs.add_parser("check", help="name each token that is not with its release's owner")
        check.add_argument("--chain", action="store_true", help="also ask the chain now who holds each token")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["verb"] == "check":
                self._check(ask_chain=options["chain"])
                return
            release, creator = _release(options["release"]), asked_creator(options["creator"])
            assert creator is not None
            if options["verb"] == "ask":
                self._ask(release, creator, options["wallet"], options["bps"])
            else:
                self._sign(release, creator, options["key_file"])
        except (UnableToAskForToken, UnableToMaterialize, UnableToState, ChainUnavailable) as refusal:
            raise CommandError(str(refusal)) from refusal

    def _ask(self, release: Release, creator: Creator, wallet: str, bps: int) -> None:
        made = ask_for_token(release=release, by=creator, wallet=wallet, bps=bps, now=timezone.now())
        self.stdout.write(f"{release} may become a token of {checked(made.wallet)}: entry {made.entry.digest}")

    def _sign(self, release: Release, creator: Creator, key_file: Path) -> None:
        ask = token_queries.current_ask(release)
        if ask is None:
            raise CommandError(f"Nobody asked for the token of {release}: `manage.py tokens ask` does that.")
        try:
            key = bytes.fromhex(key_file.read_text().strip().removeprefix("0x"))
            address = address_of(key)
        except (OSError, ValueError):
            raise CommandError(f"{key_file} does not hold a private key in hexadecimal.") from None
        if address.lower() != ask.wallet:
            raise CommandError(f"That is the key of {address}, but the token is asked for {checked(ask.wallet)}.")
        signature = sign_digest(token_queries.digest_of(ask), key)
        made = materialize_token(ask=ask, by=creator, signature=signature, now=timezone.now())
        self.stdout.write(f"signed; the chain makes the token of {release} ({made.call})")

    def _check(self, *, ask_chain: bool) -> None:
        wrong = [str(one) for one in token_queries.disagreements(now=timezone.now())]
        count = 0
        for moves in token_queries.all_moves():
            count += len(moves)
            if not ask_chain:
                continue
            asked = [
                Question(token_queries.CONTRACT, "ownerOf", (int(move.release, 16),), move.event.address)
                for move in moves
            ]
            for move, holder in zip(moves, reader().views(asked), strict=True):
                if isinstance(holder, Reverted) or holder.lower() != move.holder:
                    wrong.append(
                        f"The chain says that {holder} holds the token {token_words.short(move.release)}, "
                        f"and what was read of it so far {move.holder}."
                    )
        if wrong:
            raise CommandError("\n".join(wrong))
        self.stdout.write(f"tokens: {count}, each with its release's owner")


def _release(name: str) -> Release:
    pack, _, version = name.partition("@")
    creator, _, handle = pack.partition("/")
    rows = Release.objects.select_related("pack__creator", "pack__owner")
    found = rows.filter(pack__creator__handle=creator, pack__handle=handle, version=version).first()
    if found is None:
        raise CommandError(f"There is no release {name}: write it as alice/yunhai@1.0.0.")
    return found
