"""The license certificate: written as a W3C Verifiable Credential, read in that shape and in the one before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext

from ledger.signing.base import Signer
from ledger.signing.jws import (
    Compact,
    UnableToReadJws,
    UnableToVerifyJws,
    decode_base64url,
    parse_compact,
    sign_compact,
    verify_compact,
)
from marketplace.licensing import statuslists
from marketplace.ui.words import gettext_noop as _

CREDENTIALS_CONTEXT = "https://www.w3.org/ns/credentials/v2"
FORMER_TYPE = "worldloom-license+jwt"
TYPES = frozenset({("vc+jwt", "vc"), (FORMER_TYPE, "")})
FIRST_WORDS = (
    *("licensee", "licensee_salt", "offer", "release", "pack", "version", "terms", "terms_name", "log"),
    "seats",
)
"""What the first certificates said, besides the digests of the texts."""
LATER_WORDS = (
    *("licensee_country", "licensee_registration", "receipt", "project", "project_name"),
    *("starts", "ends", "kind", "replaces", "exclusive"),
)
"""What certificates say since licenses are held by legal entities, for a project and for a time."""
VERSIONS = (1, 2)
"""Versions of the context; what was signed under the first reads the first for ever."""

PROBLEMS: Mapping[str, str] = {
    "misspelled": _(
        "This is no certificate: it is cut short, or not in the one canonical spelling of base64url; take the file"
        " certificate.jws as it was downloaded."
    ),
    "unreadable": _(
        "This is no certificate: what it says is not written as ours are; take the file certificate.jws as it was"
        " downloaded."
    ),
    "other-kind": _(
        "This is no certificate of a license but something else that is signed; take the file certificate.jws."
    ),
    "other-key": _("This certificate was not issued here: it names a key that is not ours or that was revoked."),
    "altered": _("This certificate was altered: its signature is not by the key that it names, over these very words."),
    "other-file": _("This certificate is genuine, but for another file: it licenses another release than this one."),
}
"""What can be wrong with a certificate, in one sentence each."""

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
    """What a certificate says, whichever shape it has; former ones name no status list, and fewer things."""

    kid: str
    issuer: str
    grant: str
    issued_at: int
    subject: Mapping[str, Any]
    statuses: tuple[StatusEntry, ...]


class UnableToTrust(Exception):
    """A certificate is not one of ours, or not for what it was shown with; `problem` names which."""

    code = "certificate-refused"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return gettext(PROBLEMS[self.problem])


def context_address(site: str, version: int = VERSIONS[-1]) -> str:
    """This will name the JSON-LD context that says what our words mean."""
    return f"{site}/credentials/license/v{version}"


def context_document(site: str, version: int = VERSIONS[-1]) -> dict[str, Any]:
    """This will write that context (JSON-LD 1.1): each word has an address below the version that brought it."""
    first, own = f"{context_address(site, 1)}#", f"{context_address(site, version)}#"
    words = {name: f"{first}{name}" for name in FIRST_WORDS}
    words |= {name: f"{own}{name}" for name in (LATER_WORDS if version > 1 else ())}
    texts = {"@id": f"{first}terms_texts", "@context": {"en": f"{first}en", "zh-Hans": f"{first}zh-Hans"}}
    types = {"WorldloomLicense": f"{first}WorldloomLicense"}
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
    return read(parse_compact(certificate)).kid


def verified(certificate: str, *, key_of: KeyOf) -> Certificate:
    """This will read a certificate that a key of ours signed.

    Raises UnableToReadJws for what is not spelled as we spell it, and UnableToVerifyJws for what is not signed.
    """
    return read(verify_compact(certificate, key_of=key_of, types=TYPES))


def checked(certificate: str, *, key_of: KeyOf, release: str = "") -> Certificate:
    """This will read a certificate that a key of ours signed, for the release with this digest where one is given.

    Raises UnableToTrust, which says in one sentence what is wrong with it.
    """
    try:
        parsed = parse_compact(certificate)
        kid = parsed.header.get("kid")
        if isinstance(kid, str) and key_of(kid) is None:
            raise UnableToTrust("other-key")
        paper = verified(certificate, key_of=key_of)
    except UnableToReadJws:
        raise UnableToTrust("unreadable" if _is_spelled(certificate) else "misspelled") from None
    except UnableToVerifyJws:
        raise UnableToTrust("other-kind" if _is_other(parsed.header) else "altered") from None
    if release and paper.subject["release"] != release:
        raise UnableToTrust("other-file")
    return paper


def _is_spelled(certificate: str) -> bool:
    """Whether it is three parts of base64url, so that what is wrong with it is what they say."""
    parts = certificate.split(".")
    try:
        return len(parts) == 3 and all(decode_base64url(part) for part in parts)
    except ValueError:
        return False


def _is_other(header: Mapping[str, Any]) -> bool:
    named = (header.get("typ"), header.get("cty", ""))
    return header.get("alg") != "ES256" or named not in TYPES or bool(header.keys() - {"alg", "cty", "kid", "typ"})


def read(parsed: Compact) -> Certificate:
    """This will read what a certificate says, whoever signed it; UnableToReadJws where it is no license."""
    header, claims = parsed.header, parsed.claims
    try:
        if header["typ"] == FORMER_TYPE:
            subject = {name: claims[name] for name in (*FIRST_WORDS, "terms_texts")}
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
