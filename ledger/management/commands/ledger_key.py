"""Look at the platform's keys, make, rotate and revoke them: docs/operate.md, "Keys"."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ledger import keyring
from ledger.operations import UnableToRevoke, UnableToRotate, UnableToState, register_keys, revoke_key, rotate_key
from ledger.signing.base import ALGORITHM_OF, Signer, UnableToLoadKey, Use
from ledger.signing.listed import ListedKeys


class Command(BaseCommand):
    help = "Lists the platform's keys, makes the first key of a use, rotates a use to its next key, revokes a key."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="show each key that is here and what the log says of it")
        make = verbs.add_parser("make", help="make the first key of each use, where it is not there yet")
        make.add_argument("--use", choices=sorted(ALGORITHM_OF), help="of this use only")
        rotate = verbs.add_parser("rotate", help="let the next key of a use sign from now on")
        rotate.add_argument("--use", choices=sorted(ALGORITHM_OF), required=True)
        rotate.add_argument("--days", type=int, default=30, help="how long the key before signs checkpoints too")
        revoke = verbs.add_parser("revoke", help="let signatures by a key count no more from here on")
        # A kid may begin with a hyphen, which no command line takes for a name.
        revoke.add_argument("key", metavar="key:KID", help="the key, as in the log: key: and its kid")
        revoke.add_argument("--reason", choices=["superseded", "compromised", "lost", "retired"], required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for line in getattr(self, f"_{options['verb']}")(options, timezone.now()):
                self.stdout.write(line)
        except (UnableToLoadKey, UnableToRotate, UnableToRevoke, UnableToState) as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict[str, Any], now: datetime) -> Iterator[str]:
        for use in keyring.key_uses():
            try:
                found = keyring.ring(use)
            except UnableToLoadKey as error:
                yield f"{use:<13} {error}"
                continue
            current = "revoked" if found.is_revoked else "signs" if found.entry else "signs, not in the log yet"
            yield self._line(use, found.current, current)
            for one in found.former:
                until = one.until.astimezone(UTC).strftime("%Y-%m-%d")
                also = f"signs too until {until}" if one.until > now and use == "log" else "signed before"
                yield self._line(use, one.signer, "revoked" if one.is_revoked else also)
            for signer in found.upcoming:
                yield self._line(use, signer, "may follow")

    def _line(self, use: Use, signer: Signer, state: str) -> str:
        return f"{use:<13} {signer.kid} {signer.algorithm:<9} {keyring.adapter_name(use).rpartition('.')[2]}: {state}"

    def _make(self, options: dict[str, Any], now: datetime) -> Iterator[str]:
        for use in [options["use"]] if options["use"] else keyring.key_uses():
            adapter = keyring.keys(use)
            made = adapter.make(use) if isinstance(adapter, ListedKeys) else adapter.signers(use)[0]
            yield self._line(use, made, "here")

    def _rotate(self, options: dict[str, Any], now: datetime) -> Iterator[str]:
        use: Use = options["use"]
        rotation = rotate_key(use=use, until=now + timedelta(days=options["days"]), now=now)
        yield f"{rotation.current} signs for {use} from now on."
        if rotation.until is not None and use == "log":
            yield f"{rotation.former} signs checkpoints too until {rotation.until.isoformat()}."

    def _revoke(self, options: dict[str, Any], now: datetime) -> Iterator[str]:
        kid = options["key"].removeprefix("key:")
        entry = revoke_key(kid=kid, reason=options["reason"], now=now)
        yield f"{kid} is revoked as {entry.statement['reason']}: {entry.entry_id} waits for the sealer."
        register_keys(now=now)
