"""The platform's public keys as a JSON Web Key Set (RFC 7517, section 5)."""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, EllipticCurvePublicNumbers

from ledger import queries
from ledger.models import Entry
from ledger.signing.jws import decode_base64url

USES = ("certificates", "claims")


def key_set() -> dict[str, list[dict[str, Any]]]:
    """Return the keys that the log holds for certificates and claims, the newest first, without revoked ones.

    Former keys stay, so that what they signed can be verified, until their revocation is stated.
    """
    # Creators' keys outnumber ours by far: canonical JSON lets the database find ours by their very bytes.
    ours = Entry.objects.filter(type="key").extra(
        where=["(position(%s::bytea in body) > 0 OR position(%s::bytea in body) > 0)"],
        params=[f'"use":"{use}"'.encode() for use in USES],
    )
    found = {entry.subject: entry.statement for entry in ours.order_by("-id")}
    revoked = set(
        Entry.objects.filter(type="key-revocation", subject__in=list(found)).values_list("subject", flat=True)
    )
    return {"keys": [_jwk(said) for subject, said in found.items() if subject not in revoked]}


def find(kid: str, *, uses: tuple[str, ...] = USES) -> dict[str, Any] | None:
    """Return one of those keys as a JWK; None when it is unknown, for another use, or revoked."""
    entry = queries.find_key(kid)
    if entry is None or entry.statement["use"] not in uses:
        return None
    revoked = Entry.objects.filter(type="key-revocation", subject=entry.subject).exists()
    return None if revoked else _jwk(entry.statement)


def public_key(jwk: Mapping[str, str]) -> EllipticCurvePublicKey:
    """Return the P-256 key that a JWK of the set spells."""
    x, y = (int.from_bytes(decode_base64url(jwk[name]), "big") for name in ("x", "y"))
    return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()


def _jwk(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"kid": said["kid"], "alg": said["alg"], "use": "sig", **said["public_jwk"]}
