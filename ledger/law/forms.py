"""The form of an entry: what its bytes alone must satisfy (docs/formats/ledger-entry.md)."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.canonical import canonical, parse
from ledger.checks import UUID
from ledger.law.findings import Broken
from ledger.rules import ENTRY_FORMAT, ENTRY_LIMIT_BYTES, EntryRefused, check_body
from ledger.schemas import FOREIGN_TYPE, SCHEMAS
from ledger.signing.jwk import thumbprint

FIRST_FORMAT = "worldloom/ledger-entry/1"
FIRST_TYPES = ("key", "asset", "split", "release", "offer", "grant", "grant-status", "claim", "anchor-receipt")
MEMBERS = {
    FIRST_FORMAT: {"format", "type", "id", "stated_at", "body"},
    ENTRY_FORMAT: {"format", "type", "id", "stated_at", "body", "signatures"},
}
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, slots=True)
class Typed:
    """What an entry is: its type and version, what it is about, and how its type is signed."""

    name: str
    version: int
    subject: str
    once: bool
    signatures: int


def parse_entry(entry: bytes) -> dict[str, Any]:
    """Return what the bytes say; raise Broken when they are too long or not canonical."""
    if len(entry) > ENTRY_LIMIT_BYTES:
        raise Broken("entry-too-long", f"it has {len(entry)} bytes")
    try:
        return parse(entry)
    except ValueError as error:
        raise Broken("not-canonical", str(error)) from None


def is_foreign(said: Mapping[str, Any]) -> bool:
    """Whether it is a sigstore entry of kind dsse, which has none of our members."""
    return "format" not in said and (said.get("kind"), said.get("apiVersion")) == (FOREIGN_TYPE, "0.0.2")


def check_form(said: Mapping[str, Any]) -> Typed:
    """Return what an entry of ours is; raise Broken when it has not the form of its format and type."""
    version = said.get("format")
    if not isinstance(version, str) or version not in MEMBERS:
        raise Broken("unknown-format", f"its format is {str(version)[:60]!r}")
    if said.keys() != MEMBERS[version]:
        odd = sorted(said.keys() ^ MEMBERS[version])
        raise Broken("malformed-entry", f"it lacks or should not have {', '.join(odd)[:200]}")
    name, body = said["type"], said["body"]
    if not isinstance(name, str) or name not in (FIRST_TYPES if version == FIRST_FORMAT else SCHEMAS):
        raise Broken("unknown-type", f"its type is {str(name)[:60]!r}")
    if fault := UUID(said["id"]):
        raise Broken("malformed-entry", f"its id {fault}")
    if not _is_time(said["stated_at"]):
        raise Broken("malformed-entry", "its stated_at is not a time in UTC with whole seconds")
    if not isinstance(body, dict):
        raise Broken("malformed-entry", "its body is not an object")
    try:
        schema = check_body(name, body)
    except EntryRefused as refusal:
        raise Broken("bad-field", str(refusal)) from None
    if name == "split" and "shares" in body:
        _check_split(body)
    if name == "key" and thumbprint(body["public_jwk"]) != body["kid"]:
        raise Broken("key-misnamed", f"the thumbprint of its public_jwk is {thumbprint(body['public_jwk'])}")
    first = version == FIRST_FORMAT
    return Typed(name, 1 if first else 2, schema.subject_of(body), schema.once, 0 if first else schema.signatures)


def _is_time(value: Any) -> bool:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _check_split(body: Mapping[str, Any]) -> None:
    document = canonical({"format": "worldloom/split/1", "shares": body["shares"]})
    if (digest := hashlib.sha256(document).hexdigest()) != body["split"]:
        raise Broken("split-misnamed", f"the digest of its shares is {digest}")
