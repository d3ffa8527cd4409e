"""Port to the keys: who signs what, wherever the private half lives."""

from collections.abc import Sequence
from typing import Literal, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

Use = Literal["log", "certificates", "claims", "cosignatures"]
Algorithm = Literal["Ed25519", "ES256", "ML-DSA-44"]
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | MLDSA44PublicKey

ALGORITHM_OF: dict[Use, Algorithm] = {
    "log": "Ed25519",
    "certificates": "ES256",
    "claims": "ES256",
    "cosignatures": "ML-DSA-44",
}
"""Each use has its own key. The algorithms bear their names from RFC 9864, RFC 7518 and FIPS 204."""

OPTIONAL_USES: frozenset[Use] = frozenset({"cosignatures"})
"""Uses that a house does without where no adapter of its has the algorithm."""


class UnableToLoadKey(Exception):
    """A signing key that is there but cannot be used."""

    code = "key-unusable"

    def __init__(self, use: str, reason: str) -> None:
        super().__init__(use, reason)
        self.use = use
        self.reason = reason

    def __str__(self) -> str:
        return f"The {self.use!r} signing key cannot be used: {self.reason}."


class UnableToSign(UnableToLoadKey):
    """A key whose place did not give a signature, or gave one that does not verify."""

    code = "signing-failed"

    def __str__(self) -> str:
        return f"The {self.use!r} key did not sign: {self.reason}."


class Signer(Protocol):
    """One private key that signs and never leaves its place. Safe for several threads."""

    @property
    def kid(self) -> str:
        """The RFC 7638 SHA-256 thumbprint of the public key, base64url without padding."""
        ...

    @property
    def algorithm(self) -> Algorithm:
        """The one algorithm that this key signs with."""
        ...

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        ...

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public half as RFC 7517, with the required members only."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature: 64 bytes by RFC 8032, r || s for ES256 (RFC 7518 section 3.4), 2420 by FIPS 204.

        Raise UnableToSign when the key's place does not answer, refuses, or answers with something else.
        """
        ...


class Keys(Protocol):
    """Where signers come from. Which of a use's keys signs now, the log says: ledger/keyring.py asks both."""

    def offers(self, use: Use) -> bool:
        """Whether keys of that use can be here at all."""
        ...

    def signers(self, use: Use) -> Sequence[Signer]:
        """Return every key of the use that is here; first the one that signs unless the log says otherwise.

        A key is made on first use where the adapter may. Raise UnableToLoadKey when one is unusable.
        """
        ...

    def prepare(self, use: Use, *, after: str) -> Signer:
        """Return the key that is to follow the key `after`, made where the adapter may; always the same one.

        Nothing signs with it yet. Raise UnableToLoadKey when there is none and none can be made.
        """
        ...

    def select(self, use: Use, kid: str) -> None:
        """Put that key first from now on. No key is lost by it, wherever it is interrupted."""
        ...
