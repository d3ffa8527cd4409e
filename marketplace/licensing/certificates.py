"""The license certificate: written as a W3C Verifiable Credential, read in that shape and in the one before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ledger.signing.base import Signer
from ledger.signing.jws import Compact, UnableToReadJws, UnableToVerifyJws, parse_compact, sign_compact, verify_compact
from marketplace.licensing import statuslists

CREDENTIALS_CONTEXT = "https://www.w3.org/ns/credentials/v2"
FORMER_TYPE = "worldloom-license+jwt"
TYPES = frozenset({("vc+jwt", "vc"), (FORMER_TYPE, "")})
SUBJECT_TEXTS = ("licensee", "licensee_salt", "offer", "release", "pack", "version", "terms", "terms_name", "log")

KeyOf = Callable[[str], Mapping[str, str] | None]
"""What finds the public JWK that a `kid` names, None where it is unknown."""


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """Where one status of a certificate is published: a bit of a list (W3C Bitstring Status List v1.0)."""

    purpose: str
    index: int
    address: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says, whichever shape it has; former ones name no status list."""

    kid: str
    issuer: str
    grant: str
    issued_at: int
    subject: Mapping[str, Any]
    statuses: tuple[StatusEntry, ...]


def context_address(site: str) -> str:
    """This will name the JSON-LD context that says what our words mean."""
    return f"{site}/credentials/license/v1"


def context_document(site: str) -> dict[str, Any]:
    """This will write that context (JSON-LD 1.1): each of our words is an address below its own."""
    own = f"{context_address(site)}#"
    words = {name: f"{own}{name}" for name in (*SUBJECT_TEXTS, "seats")}
    texts = {"@id": f"{own}terms_texts", "@context": {"en": f"{own}en", "zh-Hans": f"{own}zh-Hans"}}
    types = {"WorldloomLicense": f"{own}WorldloomLicense"}
    return {"@context": {"@protected": True, **types, **words, "terms_texts": texts}}


def write(
    *, site: str, grant: str, subject: Mapping[str, Any], status_index: int, granted_at: datetime, signer: Signer
) -> str:
    """This will write and sign a certificate (docs/formats/certificate.md): vc-jose-cose, ES256."""
    moment = granted_at.astimezone(UTC)
    name = f"urn:uuid:{grant}"
    number, place = statuslists.place_of(status_index)
    claims = {
        "@context": [CREDENTIALS_CONTEXT, context_address(site)],
        "id": name,
        "type": ["VerifiableCredential", "WorldloomLicense"],
        "issuer": site,
        "validFrom": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "credentialSubject": dict(subject),
        "credentialStatus": [
            {
                "id": f"{address}#{place}",
                "type": "BitstringStatusListEntry",
                "statusPurpose": purpose,
                "statusListIndex": str(place),
                "statusListCredential": address,
            }
            for purpose in statuslists.PURPOSES
            for address in [statuslists.address(site, purpose, number)]
        ],
        "iss": site,
        "iat": int(moment.timestamp()),
        "jti": name,
    }
    return sign_compact(claims, typ="vc+jwt", cty="vc", signer=signer)


def kid_of(certificate: str) -> str:
    """This will tell which key a certificate of ours says it is signed by; UnableToReadJws when it is malformed."""
    return _read(parse_compact(certificate)).kid


def verified(certificate: str, *, key_of: KeyOf) -> Certificate:
    """This will read a certificate that a key of ours signed.

    Raises UnableToReadJws for what is not spelled as we spell it, and UnableToVerifyJws for what is not signed.
    """
    return _read(verify_compact(certificate, key_of=key_of, types=TYPES))


def _read(parsed: Compact) -> Certificate:
    header, claims = parsed.header, parsed.claims
    try:
        if header["typ"] == FORMER_TYPE:
            subject = {name: claims[name] for name in (*SUBJECT_TEXTS, "terms_texts", "seats")}
            return Certificate(header["kid"], claims["iss"], claims["jti"], claims["iat"], subject, ())
        if (claims["issuer"], claims["id"]) != (claims["iss"], claims["jti"]):
            raise UnableToVerifyJws("its registered claims are not those of its credential")
        statuses = tuple(
            StatusEntry(one["statusPurpose"], int(one["statusListIndex"]), one["statusListCredential"])
            for one in claims["credentialStatus"]
        )
        grant = claims["id"].removeprefix("urn:uuid:")
        return Certificate(header["kid"], claims["issuer"], grant, claims["iat"], claims["credentialSubject"], statuses)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnableToReadJws("it is signed, but it is no license") from None
