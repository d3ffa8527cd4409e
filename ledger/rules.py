"""What may be stated in the log: the exact bytes of an entry, and of what its signers sign."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import rfc8785

from ledger.log.dsse import pae
from ledger.schemas import FOREIGN_TYPE, SCHEMAS, Schema
from ledger.signing.base import Signer
from ledger.signing.jwk import encode_base64url

ENTRY_FORMAT = "worldloom/ledger-entry/2"
ENTRY_LIMIT_BYTES = 4096
PAYLOAD_TYPE = "application/vnd.worldloom.%s+json"
CURVE_OF = {"Ed25519": "Ed25519", "ES256": "P-256", "ML-DSA-44": "ML-DSA-44"}
SIGNATURES_LIMIT = 4


class EntryRefused(Exception):
    """An entry that breaks a rule; `field` names the field, empty for the entry as a whole."""

    code = "entry-refused"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field or 'entry'} {self.reason}"


@dataclass(frozen=True, slots=True)
class EntryBytes:
    """An entry as it is hashed into the log: RFC 8785 JSON, and what it is about."""

    subject: str
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes in hex; not the leaf hash, which has a prefix."""
        return hashlib.sha256(self.body).hexdigest()


def signing_input(*, type: str, log: str, body: Mapping[str, Any]) -> bytes:
    """Return what a signer of an entry signs: DSSE PAE of the RFC 8785 JSON of the body and the log's origin.

    The origin keeps a signature from counting in another log. Raise EntryRefused when the body is not such JSON.
    """
    return pae(PAYLOAD_TYPE % type, _canonical({"body": dict(body), "log": log}))


def encode_entry(
    *,
    type: str,
    id: UUID,
    stated_at: datetime,
    body: Mapping[str, Any],
    log: str = "",
    signers: Sequence[Signer] = (),
) -> EntryBytes:
    """Return the entry's exact bytes, signed, its time cut to whole seconds; EntryRefused when a rule is broken.

    `log` is the origin of the log, which signatures are bound to.
    """
    schema = check_body(type, body)
    if stated_at.utcoffset() != timedelta(0):
        raise EntryRefused("stated_at", "is not in UTC")
    kids = [signer.kid for signer in signers]
    if not schema.signatures <= len(set(kids)) == len(kids) <= SIGNATURES_LIMIT:
        raise EntryRefused("signatures", f"are not {schema.signatures} to {SIGNATURES_LIMIT} by as many keys")
    entry: dict[str, Any] = {
        "format": ENTRY_FORMAT,
        "type": type,
        "id": str(id),
        "stated_at": stated_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "body": dict(body),
        "signatures": [],
    }
    if signers:
        message = signing_input(type=type, log=log, body=body)
        entry["signatures"] = [{"kid": one.kid, "sig": encode_base64url(one.sign(message))} for one in signers]
    return EntryBytes(schema.subject_of(body), _fitting(_canonical(entry)))


def encode_foreign(*, release: str, content: Mapping[str, Any]) -> EntryBytes:
    """Return the bytes of a sigstore log entry of kind dsse about a release; EntryRefused when it does not fit."""
    if (content.get("kind"), content.get("apiVersion")) != (FOREIGN_TYPE, "0.0.2"):
        raise EntryRefused("kind", "is not dsse 0.0.2")
    return EntryBytes(f"release:{release}", _fitting(_canonical(dict(content))))


def check_body(type: str, body: Mapping[str, Any]) -> Schema:
    """Return the schema of the type, once the body has its fields; EntryRefused when it has not."""
    schema = SCHEMAS.get(type)
    if schema is None:
        raise EntryRefused("type", f"{type!r} is not one of {', '.join(SCHEMAS)}")
    _check_fields(schema, body)
    _check_across(type, body)
    return schema


def _canonical(value: dict[str, Any]) -> bytes:
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise EntryRefused("", f"is not RFC 8785 JSON: {error}") from None


def _fitting(encoded: bytes) -> bytes:
    if len(encoded) > ENTRY_LIMIT_BYTES:
        raise EntryRefused("", f"has {len(encoded)} bytes, more than the {ENTRY_LIMIT_BYTES} that fit")
    return encoded


def _check_across(type: str, body: Mapping[str, Any]) -> None:
    """Check what one field alone does not say."""
    if type == "split" and len(body.keys() & {"shares", "payees"}) != 1:
        raise EntryRefused("shares", "is missing: state shares, or the number of payees when they do not fit")
    if type == "key":
        jwk = body["public_jwk"]
        if (jwk.get("crv") or jwk.get("alg")) != CURVE_OF[body["alg"]]:
            raise EntryRefused("public_jwk", f"is not a key for {body['alg']}")
        if (body["use"] == "creators") != ("holder" in body) or ("holder" in body) != ("custody" in body):
            raise EntryRefused("holder", "and custody are said of creators' keys, and of no others")


def _check_fields(schema: Schema, body: Mapping[str, Any]) -> None:
    for name in schema.fields:
        if name not in body:
            raise EntryRefused(name, "is missing")
    known = {**schema.fields, **schema.optional}
    for name, value in body.items():
        # What nobody wrote down does not enter a public log that nothing can be removed from.
        if name not in known:
            raise EntryRefused(str(name), "is not a field of this type")
        if fault := known[name](value):
            raise EntryRefused(name, fault)
