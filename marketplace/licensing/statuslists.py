"""Status lists: one bit a license, for everybody to read (W3C Bitstring Status List v1.0)."""

import gzip
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ledger.signing.base import Signer
from ledger.signing.jws import encode_base64url, sign_compact

LENGTH = 131_072
"""Bits of a list: the least that the standard allows, so that no list tells whose status is asked for."""
PURPOSES = ("revocation", "suspension")
TTL_MILLISECONDS = 300_000


def place_of(status_index: int) -> tuple[int, int]:
    """This will split the index that the database gave a license into the number of a list and the bit in it."""
    return divmod(status_index, LENGTH)


def address(site: str, purpose: str, number: int) -> str:
    """This will name a status list credential, for ever."""
    return f"{site}/credentials/status/{purpose}/{number}"


def encode(set_bits: Iterable[int]) -> str:
    """This will write a list whose given bits are 1: gzip in base64url without padding, after the multibase `u`.

    Bit 0 is the leftmost of the first byte. The same bits give the same text.
    """
    bits = bytearray(LENGTH // 8)
    for bit in set_bits:
        bits[bit >> 3] |= 0x80 >> (bit & 7)
    packed = gzip.compress(bytes(bits), mtime=0)
    return "u" + encode_base64url(packed)


def write(*, site: str, purpose: str, number: int, set_bits: Iterable[int], now: datetime, signer: Signer) -> str:
    """This will write and sign a BitstringStatusListCredential (docs/formats/status-list.md)."""
    moment = now.astimezone(UTC)
    name = address(site, purpose, number)
    claims: dict[str, Any] = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": name,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": site,
        "validFrom": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "credentialSubject": {
            "id": f"{name}#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "encodedList": encode(set_bits),
            "ttl": TTL_MILLISECONDS,
        },
        "iss": site,
        "iat": int(moment.timestamp()),
        "jti": name,
    }
    return sign_compact(claims, typ="vc+jwt", cty="vc", signer=signer)
