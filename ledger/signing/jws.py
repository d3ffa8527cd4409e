"""Compact JSON Web Signatures (RFC 7515) under ES256."""

from typing import Any

import rfc8785

from ledger.signing.base import Signer
from ledger.signing.jwk import encode_base64url


def sign_compact(claims: dict[str, Any], *, typ: str, signer: Signer) -> str:
    """Return the JWS of the claims; header (alg, kid, typ) and payload are RFC 8785 JSON.

    The signature is over ASCII(BASE64URL(header) || "." || BASE64URL(payload)): RFC 7515 section 5.1.
    """
    header: dict[str, Any] = {"alg": signer.algorithm, "kid": signer.kid, "typ": typ}
    signing_input = ".".join(encode_base64url(rfc8785.dumps(part)) for part in (header, claims))
    return f"{signing_input}.{encode_base64url(signer.sign(signing_input.encode()))}"
