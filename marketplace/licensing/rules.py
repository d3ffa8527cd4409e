"""Digests and commitments: what the log holds of who is licensed and at what price."""

import hashlib
import hmac
from uuid import UUID

import rfc8785

LICENSEE_FORMAT = "worldloom/licensee/1"
PRICE_FORMAT = "worldloom/price/1"

# RFC 8785 writes integers as IEEE 754 doubles can hold them; a price must be able to stand in a commitment.
PRICE_LIMIT_MINOR = 2**53 - 1


def licensee_document(name: str, salt: str) -> bytes:
    """This will write who is licensed; the log holds only its SHA-256, so erasing the salt erases the name."""
    return rfc8785.dumps({"format": LICENSEE_FORMAT, "name": name, "salt": salt})


def price_document(price_minor: int, currency: str, salt: str) -> bytes:
    """This will write a price; the log holds only its SHA-256."""
    return rfc8785.dumps({"format": PRICE_FORMAT, "price_minor": price_minor, "currency": currency, "salt": salt})


def digest(data: bytes) -> str:
    """This will name bytes: SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def drawn(seed: bytes, *about: str) -> tuple[UUID, str]:
    """This will draw an offer's id and salt, 32 bytes in hex, by HMAC-SHA-256: always the same from the same seed."""

    def draw(name: str) -> bytes:
        return hmac.digest(seed, "\n".join((name, *about)).encode(), "sha256")

    return UUID(bytes=draw("id")[:16], version=4), draw("salt").hex()
