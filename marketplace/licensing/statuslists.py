"""Status lists: one bit a license, for everybody to read (W3C Bitstring Status List v1.0)."""

import base64
import gzip
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ledger.signing.base import Signer
from ledger.signing.jws import decode_base64url, sign_compact

LENGTH = 131_072
"""Bits of a list: the least that the standard allows, so that no list tells whose status is asked for."""
PURPOSES = ("revocation", "suspension")
TTL_MILLISECONDS = 300_000


class UnableToReadList(Exception):
    """A status list that is not encoded as the standard says, or that has no such index."""

    code = "status-list-malformed"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
    return "u" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def bit_of(encoded: str, index: int) -> bool:
    """This will read one bit of a list; UnableToReadList unless it is whole, canonical and long enough."""
    if not encoded.startswith("u"):
        raise UnableToReadList("it is not base64url with the multibase prefix u")
    try:
        unpacker = zlib.decompressobj(wbits=31)
        # No list of ours is longer, and a small text must not unpack into gigabytes.
        bits = unpacker.decompress(decode_base64url(encoded[1:]), LENGTH // 8 + 1)
    except (ValueError, zlib.error):
        raise UnableToReadList("it is not gzip in canonical base64url") from None
    if len(bits) != LENGTH // 8 or not unpacker.eof or unpacker.unused_data:
        raise UnableToReadList(f"it does not hold {LENGTH} bits")
    if not 0 <= index < LENGTH:
        raise UnableToReadList(f"it has no bit {index}")
    return bool(bits[index >> 3] & (0x80 >> (index & 7)))


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
