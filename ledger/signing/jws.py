"""Compact JSON Web Signatures (RFC 7515) under ES256, written in one way and read in no other."""

import base64
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ledger.signing.base import Signer
from ledger.signing.jwk import encode_base64url

LIMIT_CHARACTERS = 128 * 1024


class UnableToReadJws(Exception):
    """A text that is not a compact JWS as we write them."""

    code = "jws-malformed"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The signed text cannot be read: {self.reason}."


class UnableToVerifyJws(Exception):
    """A well-formed JWS that no key of those asked for signed."""

    code = "jws-unverified"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The signed text does not verify: {self.reason}."


@dataclass(frozen=True, slots=True)
class Compact:
    """A JWS taken apart; nothing is verified yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes


def decode_base64url(text: str) -> bytes:
    """Return what base64url without padding says; ValueError for any spelling but the canonical one."""
    decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode_base64url(decoded) != text:
        raise ValueError("it holds base64url that is not canonical")
    return decoded


def sign_compact(claims: dict[str, Any], *, typ: str, signer: Signer, cty: str = "") -> str:
    """Return the JWS of the claims; header (alg, cty where there is one, kid, typ) and payload are RFC 8785 JSON.

    The signature is over ASCII(BASE64URL(header) || "." || BASE64URL(payload)): RFC 7515 section 5.1.
    """
    header: dict[str, Any] = {"alg": signer.algorithm, "kid": signer.kid, "typ": typ}
    if cty:
        header["cty"] = cty
    signing_input = ".".join(encode_base64url(rfc8785.dumps(part)) for part in (header, claims))
    return f"{signing_input}.{encode_base64url(signer.sign(signing_input.encode()))}"


def parse_compact(token: str) -> Compact:
    """Return the parts of a JWS; UnableToReadJws unless every one is spelled in its one way.

    That is base64url without padding, blanks or stray bits, and RFC 8785 JSON objects, which say no name twice.
    """
    parts = token.split(".")
    if len(token) > LIMIT_CHARACTERS or len(parts) != 3:
        raise UnableToReadJws("it is not three parts with two dots between them")
    try:
        header, claims, signature = map(decode_base64url, parts)
    except ValueError:
        raise UnableToReadJws("a part of it is not base64url, or not in its canonical spelling") from None
    return Compact(_object(header), _object(claims), f"{parts[0]}.{parts[1]}".encode(), signature)


def verify_compact(
    token: str, *, key_of: Callable[[str], Mapping[str, str] | None], types: Collection[tuple[str, str]]
) -> Compact:
    """Return the parts of a JWS that the key of its `kid` signed; `key_of` finds that key's public JWK, or None.

    `types` are the (typ, cty) to take. Raise UnableToReadJws, and UnableToVerifyJws for anything but alg ES256,
    for header members besides alg, cty, kid and typ, for an unknown key, and for a signature that is not its.
    """
    parsed = parse_compact(token)
    header = parsed.header
    # The algorithm is ours to choose and never the token's: no `none`, no HMAC under a public key.
    if header.get("alg") != "ES256":
        raise UnableToVerifyJws("its algorithm is not ES256")
    if (header.get("typ"), header.get("cty", "")) not in types or header.keys() - {"alg", "cty", "kid", "typ"}:
        raise UnableToVerifyJws("it is of another type")
    kid = header.get("kid")
    jwk = key_of(kid) if isinstance(kid, str) else None
    if jwk is None:
        raise UnableToVerifyJws("it names a key that is unknown here")
    if not _signed(parsed, jwk):
        raise UnableToVerifyJws("its signature is not by the key that it names")
    return parsed


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content.decode())
        canonical = isinstance(value, dict) and rfc8785.dumps(value) == content
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        canonical = False
    if not canonical:
        raise UnableToReadJws("a part of it is not an object in RFC 8785 JSON")
    result: dict[str, Any] = value
    return result


def _signed(parsed: Compact, jwk: Mapping[str, str]) -> bool:
    if jwk.get("crv") != "P-256" or len(parsed.signature) != 64:
        return False
    r, s = (int.from_bytes(half, "big") for half in (parsed.signature[:32], parsed.signature[32:]))
    try:
        x, y = (int.from_bytes(decode_base64url(jwk[name]), "big") for name in ("x", "y"))
        public_key = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
        public_key.verify(encode_dss_signature(r, s), parsed.signing_input, ECDSA(SHA256()))
    except (InvalidSignature, ValueError, KeyError):
        return False
    return True
