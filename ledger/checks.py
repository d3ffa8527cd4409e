"""What the fields of an entry may hold: one check a kind of value."""

import re
from collections.abc import Callable
from typing import Any

WHOLE_PPB = 1_000_000_000
MAX_INTEGER = 2**53 - 1
JWK_MEMBERS = {
    "Ed25519": {"crv", "kty", "x"},
    "P-256": {"crv", "kty", "x", "y"},
    "ML-DSA-44": {"alg", "kty", "pub"},
}
"""The required members of a public key by its curve, or its algorithm where there is no curve (kty AKP)."""

Fault = str | None
"""What is wrong with a value, to follow its name in a sentence; None when nothing is."""

Check = Callable[[Any], Fault]
"""What tells the fault of a value."""


def matching(pattern: str, what: str) -> Check:
    """Return the check for a text that the pattern matches whole."""
    compiled = re.compile(pattern)

    def check(value: Any) -> Fault:
        return None if isinstance(value, str) and compiled.fullmatch(value) else f"is not {what}"

    return check


def text(limit: int) -> Check:
    """Return the check for a printable text of 1 to `limit` characters."""

    def check(value: Any) -> Fault:
        if not isinstance(value, str) or not 0 < len(value) <= limit:
            return f"is not a text of 1 to {limit} characters"
        return None if value.isprintable() else "holds control characters"

    return check


def integer(least: int, most: int = MAX_INTEGER) -> Check:
    """Return the check for an integer within bounds, both included."""

    def check(value: Any) -> Fault:
        if type(value) is int and least <= value <= most:
            return None
        return f"is not an integer from {least} to {most}"

    return check


def one_of(*choices: str) -> Check:
    """Return the check for one of a few texts."""
    return lambda value: None if value in choices else f"is not one of {', '.join(choices)}"


def public_jwk(value: Any) -> Fault:
    """Check a public JSON Web Key (RFC 7517) with its required members only."""
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        return "is not a JSON Web Key"
    # Naming the members keeps a private "d" out of a public log for ever.
    if set(value) != JWK_MEMBERS.get(value.get("crv") or value.get("alg") or ""):
        return "is not the public members of an Ed25519, P-256 or ML-DSA-44 key"
    return None


def shares(value: Any) -> Fault:
    """Check shares in parts per billion that add up to the whole, ordered by payee."""
    if not isinstance(value, list) or not value:
        return "is not a list of shares"
    payees: list[str] = []
    total = 0
    for share in value:
        if not isinstance(share, dict) or set(share) != {"payee", "share_ppb"}:
            return "has a share that is not a payee and a share_ppb"
        if fault := UUID(share["payee"]) or integer(1, WHOLE_PPB)(share["share_ppb"]):
            return f"has a share that {fault}"
        payees.append(share["payee"])
        total += share["share_ppb"]
    if payees != sorted(set(payees)):
        return "names payees twice or out of order"
    return None if total == WHOLE_PPB else f"adds up to {total} instead of {WHOLE_PPB}"


DIGEST = matching(r"[0-9a-f]{64}", "a SHA-256 digest in lower-case hex")
UUID = matching(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID in lower case")
KID = matching(r"[A-Za-z0-9_-]{43}", "an RFC 7638 thumbprint")
LOWER_ADDRESS = matching(r"0x[0-9a-f]{40}", "an address, 0x and 40 lower-case hex digits")
NAME = text(200)
