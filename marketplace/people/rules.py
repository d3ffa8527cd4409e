"""Plain decisions about names and keys."""

import hashlib
import re
import zlib

HANDLE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
COUNTRY = re.compile(r"(?:[A-Z]{2})?")
KEY_PREFIX = "wl_"
KEY_RANDOM_LENGTH = 30
KEY_CHECKSUM_LENGTH = 6
KEY_SHOWN_LENGTH = len(KEY_PREFIX) + 8
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY = re.compile(rf"{KEY_PREFIX}[0-9A-Za-z]{{{KEY_RANDOM_LENGTH + KEY_CHECKSUM_LENGTH}}}")

# Names that addresses of ours begin with, or that would let somebody pass for the house.
RESERVED_HANDLES = frozenset(
    {
        "about",
        "account",
        "admin",
        "api",
        "assets",
        "browse",
        "checkout",
        "compose",
        "creators",
        "help",
        "home",
        "ledger",
        "licenses",
        "log",
        "me",
        "operator",
        "packs",
        "portal",
        "sell",
        "settings",
        "sign-in",
        "sign-out",
        "sign-up",
        "static",
        "studios",
        "support",
        "verify",
        "worldloom",
    }
)


def is_handle(text: str) -> bool:
    """This will tell whether `text` may stand in an address: 1 to 40 of a-z, 0-9 and inner hyphens."""
    return bool(HANDLE.fullmatch(text)) and "--" not in text


def normal_email(text: str) -> str:
    """This will make addresses that reach one mailbox compare equal, as far as that is safe: trimmed, lower case."""
    return text.strip().lower()


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))


def make_key(random: bytes) -> str:
    """This will write an API key: `wl_`, 30 base62 characters (178 bits), and the CRC-32 of those in six more.

    The checksum lets a scanner of leaked secrets tell a key from noise without asking us.
    `random` must hold at least 32 bytes from a cryptographic source.
    """
    if len(random) < 32:
        raise ValueError("An API key needs 32 random bytes.")
    body = _base62(int.from_bytes(random, "big"), KEY_RANDOM_LENGTH)
    return KEY_PREFIX + body + _base62(zlib.crc32(body.encode()), KEY_CHECKSUM_LENGTH)


def is_key(text: str) -> bool:
    """This will tell whether `text` has the form and the checksum of a key of ours; it asks no database."""
    if not _KEY.fullmatch(text):
        return False
    body = text[len(KEY_PREFIX) : -KEY_CHECKSUM_LENGTH]
    return text[-KEY_CHECKSUM_LENGTH:] == _base62(zlib.crc32(body.encode()), KEY_CHECKSUM_LENGTH)


def key_digest(key: str) -> str:
    """This will name a key at rest: SHA-256 in hex. 178 random bits need no salt and no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_country(text: str) -> bool:
    """This will tell whether `text` may be an ISO 3166-1 alpha-2 code; empty says nothing."""
    return COUNTRY.fullmatch(text) is not None
