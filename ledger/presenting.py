"""Signatures that are made elsewhere: what is to be signed is collected in a rehearsal, then presented signed."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import transaction
from django.utils.translation import gettext as _

from ledger.log.dsse import pae
from ledger.rules import PAYLOAD_TYPE
from ledger.signing.base import Algorithm, Signer
from ledger.signing.jwk import public_jwk, thumbprint
from ledger.signing.jws import decode_base64url

_PAE = re.compile(rb"DSSEv1 [0-9]+ ([!-~]+) [0-9]+ (.*)", re.DOTALL)


class UnableToUseKey(Exception):
    """A public key that is no Ed25519 key as RFC 8037 writes it."""

    code = "public-key-unusable"

    def __str__(self) -> str:
        return _("The public key is no Ed25519 key in the form of RFC 8037.")


class UnableToCount(Exception):
    """A signature that is missing or wrong; nothing was stated."""

    code = "signature-refused"

    def __init__(self, kid: str, reason: str) -> None:
        super().__init__(kid, reason)
        self.kid = kid
        self.reason = reason

    def __str__(self) -> str:
        return _("The signature by the key %(kid)s does not count: %(reason)s.") % {
            "kid": self.kid,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Message:
    """What a key is to sign: the DSSE PAE of `type` and `payload`, which is the RFC 8785 text of an entry's body."""

    kid: str
    type: str
    payload: str

    @property
    def signed(self) -> bytes:
        """The bytes under the signature."""
        return pae(self.type, self.payload.encode())


class _Elsewhere:
    """A public key whose private half is not here."""

    algorithm: Algorithm = "Ed25519"

    def __init__(self, jwk: Mapping[str, Any]) -> None:
        """Raise UnableToUseKey when it is none."""
        try:
            if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
                raise ValueError
            self.public_key = Ed25519PublicKey.from_public_bytes(decode_base64url(jwk["x"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise UnableToUseKey from None
        # Written anew: what else a browser puts into a JWK says nothing here.
        self.public_jwk = public_jwk(self.public_key)
        self.kid = thumbprint(self.public_jwk)


class CollectingSigner(_Elsewhere):
    """Takes down what it is asked to sign. What it signs is void, so it belongs into a rehearsal."""

    def __init__(self, jwk: Mapping[str, Any], messages: list[Message]) -> None:
        super().__init__(jwk)
        self._messages = messages

    def sign(self, message: bytes) -> bytes:
        """Take the message down."""
        found = _PAE.fullmatch(message)
        assert found is not None  # ledger.rules writes nothing else
        self._messages.append(Message(self.kid, found[1].decode(), found[2].decode()))
        return bytes(64)


class PresentedSigner(_Elsewhere):
    """Gives the signatures that were made elsewhere: `signatures` by the bytes under them."""

    def __init__(self, jwk: Mapping[str, Any], signatures: Mapping[bytes, bytes]) -> None:
        super().__init__(jwk)
        self._signatures = signatures

    def sign(self, message: bytes) -> bytes:
        """Return the signature of the message, verified; raise UnableToCount where there is none or it is wrong."""
        signature = self._signatures.get(message)
        if signature is None:
            raise UnableToCount(self.kid, _("what is to be signed has changed; look at it again and sign anew"))
        try:
            self.public_key.verify(signature, message)
        except InvalidSignature:
            raise UnableToCount(self.kid, _("it does not verify")) from None
        return signature


class Hands:
    """Where the signatures of keys that are elsewhere come from: collected first, presented after that."""

    def __init__(self, presented: Sequence[tuple[Message, bytes]] | None = None) -> None:
        self.messages: list[Message] = []
        self._presented = presented

    @property
    def is_rehearsal(self) -> bool:
        """Whether signatures are collected only."""
        return self._presented is None

    def signer(self, jwk: Mapping[str, Any]) -> Signer:
        """Return the signer of the key: it collects in a rehearsal, and gives what was presented otherwise."""
        if self._presented is None:
            return CollectingSigner(jwk, self.messages)
        kid = _Elsewhere(jwk).kid
        return PresentedSigner(jwk, {one.signed: sig for one, sig in self._presented if one.kid == kid})


class _Over(Exception):
    pass


def rehearse(act: Callable[[], object]) -> None:
    """Do it in a transaction that is rolled back whatever comes."""
    try:
        with transaction.atomic():
            act()
            raise _Over
    except _Over:
        pass


def read_signatures(said: Any) -> list[tuple[Message, bytes]]:
    """Read what a page presents: a list of `{"kid", "type", "payload", "sig"}`; ValueError when it is none."""
    if not isinstance(said, list) or len(said) > 2000:
        raise ValueError("it is no list of signatures")
    found = []
    for one in said:
        if not isinstance(one, dict) or not all(isinstance(one.get(n), str) for n in ("kid", "type", "payload", "sig")):
            raise ValueError("a signature is a kid, a type, a payload and a sig")
        found.append((Message(one["kid"], one["type"], one["payload"]), decode_base64url(one["sig"])))
    return found


def type_of(message: Message) -> str:
    """Return the type of entry that the message is of."""
    before, after = PAYLOAD_TYPE.split("%s")
    return message.type.removeprefix(before).removesuffix(after)
