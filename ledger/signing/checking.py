"""What a key's place hands out is checked before it counts: public keys, and every signature."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ledger.signing.base import Algorithm, PublicKey

_COORDINATE_BYTES = 32


def public_key_for(algorithm: Algorithm, key: object) -> PublicKey:
    """Return the key when it is a public key for the algorithm, else raise ValueError."""
    if algorithm == "Ed25519" and isinstance(key, Ed25519PublicKey):
        return key
    if algorithm == "ES256" and isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    if algorithm == "ML-DSA-44" and isinstance(key, MLDSA44PublicKey):
        return key
    raise ValueError(f"it does not hold a key for {algorithm}")


def raw_ecdsa(der: bytes) -> bytes:
    """Return r || s (RFC 7518 section 3.4) of a P-256 signature in DER (RFC 3279 section 2.2.3), else ValueError."""
    r, s = decode_dss_signature(der)
    if encode_dss_signature(r, s) != der:
        raise ValueError("it is DER that is not canonical")
    try:
        return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")
    except OverflowError:
        raise ValueError("its numbers are negative or longer than the curve's") from None


def verifies(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether this is the key's signature of the message, in the form that Signer.sign returns."""
    try:
        if isinstance(key, EllipticCurvePublicKey):
            if len(signature) != 2 * _COORDINATE_BYTES:
                return False
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            key.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))
        else:
            key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
