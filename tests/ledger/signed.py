"""Who signed an entry or a note."""

import base64
import json
from typing import Any

from ledger.log.checkpoint import VerifierKey
from ledger.models import Entry
from ledger.rules import signing_input
from tests.ledger.makers import ORIGIN


def signatures_of(entry: Entry) -> dict[str, bytes]:
    said = json.loads(bytes(entry.body))["signatures"]
    return {one["kid"]: base64.urlsafe_b64decode(one["sig"] + "==") for one in said}


def message_of(entry: Entry) -> bytes:
    return signing_input(type=entry.type, log=ORIGIN, body=entry.statement)


def lines_of(note: str) -> list[str]:
    """Return the lines by the log's Ed25519 keys: 4 bytes of key hash and 64 of signature."""
    lines = note.rpartition("\n\n")[2].splitlines()
    return [line for line in lines if len(base64.b64decode(line.split(" ")[2])) == 68]


def vkey(signer: Any) -> VerifierKey:
    return VerifierKey(ORIGIN, signer.public_key.public_bytes_raw())
