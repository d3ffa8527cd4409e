"""Port to the keys: who signs what, wherever the private half lives."""

from typing import Literal, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Use = Literal["log", "certificates", "claims"]
Algorithm = Literal["Ed25519", "ES256"]
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey

ALGORITHM_OF: dict[Use, Algorithm] = {"log": "Ed25519", "certificates": "ES256", "claims": "ES256"}
"""Each use has its own key. The algorithms bear their names from RFC 9864 and RFC 7518."""


class UnableToLoadKey(Exception):
    """A signing key that is there but cannot be used."""

    code = "key-unusable"

    def __init__(self, use: str, reason: str) -> None:
        super().__init__(use, reason)
        self.use = use
        self.reason = reason

    def __str__(self) -> str:
        return f"The {self.use!r} signing key cannot be used: {self.reason}."


class Signer(Protocol):
    """One private key that signs and never leaves its place."""

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
        """Return 64 bytes: an RFC 8032 signature, or r || s for ES256 (RFC 7518 section 3.4)."""
        ...


class Keys(Protocol):
    """Where signers come from."""

    def signer(self, use: Use) -> Signer:
        """Return the signer for `use`, making its key on first use; UnableToLoadKey when it is unusable."""
        ...
