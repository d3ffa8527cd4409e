"""Whose signatures count under an entry, at its place in the log."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ledger.canonical import canonical
from ledger.checks import KID
from ledger.law.findings import Broken
from ledger.law.forms import Typed
from ledger.law.store import Store
from ledger.log.dsse import pae
from ledger.rules import PAYLOAD_TYPE, SIGNATURES_LIMIT
from ledger.signing.jwk import encode_base64url


@dataclass(frozen=True, slots=True)
class Signed:
    """A key whose signature counts: its use, and whose it is when it is a creator's."""

    kid: str
    use: str
    holder: str | None


def counting_signers(store: Store, typed: Typed, said: Mapping[str, Any], origin: str) -> list[Signed]:
    """Return who signed the entry; raise Broken when a signature does not count."""
    signatures = said.get("signatures", [])
    if not isinstance(signatures, list) or not typed.signatures <= len(signatures) <= SIGNATURES_LIMIT:
        raise Broken("signature-malformed", f"it needs {typed.signatures} to {SIGNATURES_LIMIT} signatures")
    if not signatures:
        return []
    message = pae(PAYLOAD_TYPE % typed.name, canonical({"body": said["body"], "log": origin}))
    stated = int(datetime.fromisoformat(said["stated_at"]).timestamp())
    signers: dict[str, Signed] = {}
    for signature in signatures:
        kid, raw = _read(signature)
        if kid in signers:
            raise Broken("signature-malformed", f"the key {kid} signs twice")
        own = typed.name == "key" and said["body"]["kid"] == kid
        key = said["body"] if own else _registered(store, kid, stated)
        if not verifies(key["public_jwk"], raw, message):
            raise Broken("signature-invalid", f"the signature by {kid} does not verify")
        signers[kid] = Signed(kid, key["use"], key.get("holder"))
    return list(signers.values())


def _read(signature: Any) -> tuple[str, bytes]:
    if not isinstance(signature, dict) or signature.keys() != {"kid", "sig"} or KID(signature["kid"]):
        raise Broken("signature-malformed", "a signature is not a kid and a sig")
    kid, spelled = signature["kid"], signature["sig"]
    if not isinstance(spelled, str):
        raise Broken("signature-malformed", f"the signature by {kid} is not a text")
    try:
        raw = base64.b64decode(spelled + "=" * (-len(spelled) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if not raw or encode_base64url(raw) != spelled:
        raise Broken("signature-malformed", f"the signature by {kid} is not canonical base64url")
    return kid, raw


def _registered(store: Store, kid: str, stated: int) -> dict[str, Any]:
    key: dict[str, Any] | None = store.get(f"key:{kid}")
    if key is None:
        raise Broken("signature-key-unknown", f"the key {kid} is not registered before it")
    if "revoked" in key:
        raise Broken("signature-key-revoked", f"the key {kid} was revoked in leaf {key['revoked']}")
    if "until" in key and stated > key["until"]:
        raise Broken("signature-key-ended", f"the key {kid} was replaced, and signs no more after {key['until']}")
    return key


def verifies(jwk: Mapping[str, str], signature: bytes, message: bytes) -> bool:
    """Whether the signature by the public JWK verifies: Ed25519 (RFC 8032), ES256 (RFC 7518) or ML-DSA-44."""
    try:
        if jwk.get("crv") == "Ed25519":
            Ed25519PublicKey.from_public_bytes(decoded(jwk["x"])).verify(signature, message)
        elif jwk.get("crv") == "P-256":
            _verify_p256(jwk, signature, message)
        else:
            from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

            MLDSA44PublicKey.from_public_bytes(decoded(jwk["pub"])).verify(signature, message)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _verify_p256(jwk: Mapping[str, str], signature: bytes, message: bytes) -> None:
    if len(signature) != 64:
        raise ValueError("an ES256 signature has 64 bytes")
    x, y = (int.from_bytes(decoded(jwk[name]), "big") for name in "xy")
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    key.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))


def decoded(text: str) -> bytes:
    """Return what base64url without padding says; ValueError when it says nothing."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
