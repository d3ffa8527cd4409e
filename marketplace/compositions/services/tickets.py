"""The ticket of a request: a short-lived JWS by which a provider sees that it is ours and of a license (RFC 7515)."""

import hashlib
from datetime import datetime
from typing import Any

from django.conf import settings

import ledger.keyring
from ledger.signing.jws import sign_compact

TYPE = "worldloom-job+jwt"
LIFE_SECONDS = 300


def ticket(*, endpoint: str, method: str, url: str, body: bytes, said: dict[str, Any], now: datetime) -> str:
    """This will sign a request with the key of certificates, found at /.well-known/jwks.json.

    Claims are those of RFC 7519, `htm` and `htu` those of RFC 9449; `body_sha256` is of the bytes that are sent, `said`
    is which `key`, `grant` and `release` it is for.
    """
    at = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": settings.SITE_URL,
        "aud": endpoint,
        "iat": at,
        "exp": at + LIFE_SECONDS,
        "htm": method,
        "htu": url,
        "body_sha256": hashlib.sha256(body).hexdigest(),
        **said,
    }
    return sign_compact(claims, typ=TYPE, signer=ledger.keyring.signer("certificates"))
