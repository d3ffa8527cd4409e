"""Public keys as RFC 7517 JSON Web Keys, named by their RFC 7638 thumbprint."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from ledger.signing.base import PublicKey


def encode_base64url(content: bytes) -> str:
    """Return base64url without padding: RFC 7515 section 2."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def public_jwk(key: PublicKey) -> dict[str, str]:
    """Return the required members of the key's JWK: OKP (RFC 8037) for Ed25519, EC (RFC 7518) for P-256, AKP else."""
    if isinstance(key, Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": encode_base64url(key.public_bytes_raw())}
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        point = key.public_numbers()
        x, y = (encode_base64url(number.to_bytes(32, "big")) for number in (point.x, point.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}
    if isinstance(key, MLDSA44PublicKey):
        return {"alg": "ML-DSA-44", "kty": "AKP", "pub": encode_base64url(key.public_bytes_raw())}
    raise ValueError("only Ed25519, P-256 and ML-DSA-44 keys are used here")


def thumbprint(jwk: dict[str, str]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of a JWK that has its required members only."""
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    return encode_base64url(hashlib.sha256(canonical).digest())
