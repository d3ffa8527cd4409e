"""What may be stated in the log: entry types, their fields, and the exact bytes of an entry."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import rfc8785

ENTRY_FORMAT = "worldloom/ledger-entry/1"
ENTRY_LIMIT_BYTES = 4096
WHOLE_PPB = 1_000_000_000
MAX_INTEGER = 2**53 - 1

Fault = str | None
"""What is wrong with a value, to follow its name in a sentence; None when nothing is."""


class EntryRefused(Exception):
    """An entry that breaks a rule; `field` names the field, empty for the entry as a whole."""

    code = "entry-refused"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field or 'entry'} {self.reason}"


def _matching(pattern: str, what: str) -> Callable[[Any], Fault]:
    compiled = re.compile(pattern)

    def check(value: Any) -> Fault:
        return None if isinstance(value, str) and compiled.fullmatch(value) else f"is not {what}"

    return check


def _text(limit: int) -> Callable[[Any], Fault]:
    def check(value: Any) -> Fault:
        if not isinstance(value, str) or not 0 < len(value) <= limit:
            return f"is not a text of 1 to {limit} characters"
        return None if value.isprintable() else "holds control characters"

    return check


def _integer(least: int, most: int = MAX_INTEGER) -> Callable[[Any], Fault]:
    def check(value: Any) -> Fault:
        if type(value) is int and least <= value <= most:
            return None
        return f"is not an integer from {least} to {most}"

    return check


def _one_of(*choices: str) -> Callable[[Any], Fault]:
    return lambda value: None if value in choices else f"is not one of {', '.join(choices)}"


def _public_jwk(value: Any) -> Fault:
    members = {"Ed25519": {"crv", "kty", "x"}, "P-256": {"crv", "kty", "x", "y"}}
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        return "is not a JSON Web Key"
    # Naming the members keeps a private "d" out of a public log for ever.
    if set(value) != members.get(value.get("crv", "")):
        return "is not the public members of an Ed25519 or P-256 key"
    return None


def _shares(value: Any) -> Fault:
    if not isinstance(value, list) or not value:
        return "is not a list of shares"
    payees: list[str] = []
    total = 0
    for share in value:
        if not isinstance(share, dict) or set(share) != {"payee", "share_ppb"}:
            return "has a share that is not a payee and a share_ppb"
        if fault := _UUID(share["payee"]) or _integer(1, WHOLE_PPB)(share["share_ppb"]):
            return f"has a share that {fault}"
        payees.append(share["payee"])
        total += share["share_ppb"]
    if payees != sorted(set(payees)):
        return "names payees twice or out of order"
    return None if total == WHOLE_PPB else f"adds up to {total} instead of {WHOLE_PPB}"


_DIGEST = _matching(r"[0-9a-f]{64}", "a SHA-256 digest in lower-case hex")
_UUID = _matching(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID in lower case")
_KID = _matching(r"[A-Za-z0-9_-]{43}", "an RFC 7638 thumbprint")
_NAME = _text(200)


@dataclass(frozen=True)
class Schema:
    """The fields of one entry type. `subject` is what the entry is about, filled in from the fields."""

    subject: str
    fields: Mapping[str, Callable[[Any], Fault]]
    optional: Mapping[str, Callable[[Any], Fault]]
    once: bool

    def subject_of(self, body: Mapping[str, Any]) -> str:
        """Return the subject of an entry with this body."""
        return self.subject.format_map(body)


def _schema(subject: str, *, once: bool, optional: Any = None, **fields: Callable[[Any], Fault]) -> Schema:
    return Schema(subject, fields, optional or {}, once)


SCHEMAS: Mapping[str, Schema] = {
    "key": _schema(
        "key:{kid}",
        once=True,
        kid=_KID,
        alg=_one_of("Ed25519", "ES256"),
        use=_one_of("log", "certificates"),
        public_jwk=_public_jwk,
    ),
    "asset": _schema("asset:{sha256}", once=True, sha256=_DIGEST, size_bytes=_integer(0), media_type=_NAME),
    # A split of very many payees does not fit an entry: then only its digest and their number are stated.
    "split": _schema(
        "split:{split}",
        once=True,
        split=_DIGEST,
        optional={"shares": _shares, "payees": _integer(1)},
    ),
    "release": _schema("release:{release}", once=True, release=_DIGEST, pack=_NAME, version=_text(64), creator=_NAME),
    "offer": _schema("offer:{offer}", once=True, offer=_UUID, release=_DIGEST, terms=_DIGEST, price_commitment=_DIGEST),
    "grant": _schema(
        "grant:{grant}",
        once=True,
        grant=_UUID,
        release=_DIGEST,
        offer=_UUID,
        terms=_DIGEST,
        licensee_commitment=_DIGEST,
        certificate=_DIGEST,
    ),
    "grant-status": _schema("grant:{grant}", once=False, grant=_UUID, status=_text(64)),
    "claim": _schema(
        "claim:{claim}",
        once=False,
        claim=_UUID,
        event=_one_of("opened", "countered", "maintained", "accepted", "withdrawn", "upheld", "dismissed"),
        asset=_DIGEST,
        disputed=_DIGEST,
        evidence=_DIGEST,
        optional={"release": _DIGEST, "due_at": _integer(0)},
    ),
    "anchor-receipt": _schema(
        "checkpoint:{size}",
        once=False,
        size=_integer(1),
        root=_DIGEST,
        chain_id=_integer(1),
        contract=_matching(r"0x[0-9A-Fa-f]{40}", "a contract address"),
        transaction=_matching(r"0x[0-9a-f]{64}", "a transaction hash"),
        block_number=_integer(0),
        block_time=_integer(0),
    ),
}
"""Every entry type there is. docs/formats/ledger-entry.md is their public page."""

ONCE_TYPES = tuple(sorted(name for name, schema in SCHEMAS.items() if schema.once))
"""Types of which a subject has one entry at most; the database holds it as ledger_entry_said_once."""


@dataclass(frozen=True, slots=True)
class EntryBytes:
    """An entry as it is hashed into the log: RFC 8785 JSON, and what it is about."""

    subject: str
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes in hex; not the leaf hash, which has a prefix."""
        return hashlib.sha256(self.body).hexdigest()


def encode_entry(*, type: str, id: UUID, stated_at: datetime, body: Mapping[str, Any]) -> EntryBytes:
    """Return the entry's exact bytes, its time cut to whole seconds; EntryRefused when a rule is broken."""
    schema = SCHEMAS.get(type)
    if schema is None:
        raise EntryRefused("type", f"{type!r} is not one of {', '.join(SCHEMAS)}")
    _check_fields(schema, body)
    if type == "split" and len(body.keys() & {"shares", "payees"}) != 1:
        raise EntryRefused("shares", "is missing: state shares, or the number of payees when they do not fit")
    if type == "key" and body["public_jwk"]["crv"] != {"Ed25519": "Ed25519", "ES256": "P-256"}[body["alg"]]:
        raise EntryRefused("public_jwk", f"is not a key for {body['alg']}")
    if stated_at.utcoffset() != timedelta(0):
        raise EntryRefused("stated_at", "is not in UTC")
    entry: dict[str, Any] = {
        "format": ENTRY_FORMAT,
        "type": type,
        "id": str(id),
        "stated_at": stated_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "body": dict(body),
    }
    try:
        encoded = rfc8785.dumps(entry)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise EntryRefused("", f"is not RFC 8785 JSON: {error}") from None
    if len(encoded) > ENTRY_LIMIT_BYTES:
        raise EntryRefused("", f"has {len(encoded)} bytes, more than the {ENTRY_LIMIT_BYTES} that fit")
    return EntryBytes(schema.subject_of(body), encoded)


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
