"""Creators who keep their own keys, as their browsers do; and what the law says of all that was stated."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.utils import timezone

from ledger.law.findings import Finding
from ledger.law.replay import Law
from ledger.law.store import Store
from ledger.models import CreatorKey, Entry
from ledger.operations import Hands, register_own_key, rehearse
from ledger.presenting import Message
from ledger.signing.files import FileSigner
from ledger.signing.jwk import encode_base64url
from marketplace.people.models import Creator
from tests.cast import NOON, later


class Browser:
    """A browser that has keys, and signs what it is asked to."""

    def __init__(self) -> None:
        self.keys: dict[str, FileSigner] = {}

    def make_key(self) -> dict[str, str]:
        """Makes a key that stays here, and gives its public half."""
        made = FileSigner("Ed25519", Ed25519PrivateKey.generate())
        self.keys[made.kid] = made
        return made.public_jwk

    def signed(self, messages: Sequence[Message]) -> list[tuple[Message, bytes]]:
        """Signs each message with the key that it names."""
        return [(one, self.keys[one.kid].sign(one.signed)) for one in messages]

    def answer(self, messages: Sequence[dict[str, str]]) -> list[dict[str, str]]:
        """Signs what a page was told to have signed, as the page posts it back."""
        found = []
        for row in messages:
            one = Message(row["kid"], row["type"], row["payload"])
            found.append({**row, "sig": encode_base64url(self.keys[one.kid].sign(one.signed))})
        return found

    def does(self, act: Callable[[Hands], Any]) -> Any:
        """Rehearses a verb, signs what it asks for, and does it."""
        hands = Hands()
        rehearse(lambda: act(hands))
        return act(Hands(self.signed(hands.messages)))


def makes_own_key(creator: Creator, browser: Browser, *, after: str = "", now: datetime = NOON) -> CreatorKey:
    """The creator makes a key in the browser, which signs from then on."""
    jwk = browser.make_key()
    made: CreatorKey = browser.does(
        lambda hands: register_own_key(creator=creator, public_jwk=jwk, after=after, hands=hands, now=now)
    )
    return made


def findings() -> list[Finding]:
    """What the law finds in all that was stated, in the order in which it is sealed."""
    law = Law(Store(), origin=settings.LOG_ORIGIN, root_at=lambda size: b"", now=max(later(days=1), timezone.now()))
    return [finding for entry in Entry.objects.order_by("id") for finding in law.take(bytes(entry.body))]


def said(type: str) -> list[dict[str, Any]]:
    """What was stated of a type, in order."""
    return [entry.statement for entry in Entry.objects.filter(type=type).order_by("id")]
