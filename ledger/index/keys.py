"""Under which keys an entry is found: told by its bytes alone, so that everybody comes to the same index."""

import base64
from collections.abc import Mapping
from typing import Any

from ledger.canonical import parse

UNINDEXED = ("anchor-receipt", "index-root")
"""Types that no key leads to; they alone do not make a new index either."""

KEYS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "key": (("key", "kid"), ("creator", "holder")),
    "key-rotation": (("key", "kid"), ("key", "next")),
    "key-revocation": (("key", "kid"),),
    "asset": (("digest", "sha256"),),
    "split": (("digest", "split"),),
    "release": (("digest", "release"), ("pack", "pack"), ("creator", "creator")),
    "transfer": (("digest", "release"), ("creator", "owner"), ("creator", "new_owner")),
    "takedown": (("digest", "release"), ("claim", "claim")),
    "offer": (("offer", "offer"), ("digest", "release")),
    "offer-price": (("offer", "offer"),),
    "offer-withdrawal": (("offer", "offer"),),
    "grant": (("grant", "grant"), ("grants-of", "release"), ("digest", "certificate")),
    "grant-status": (("grant", "grant"),),
    "claim": (
        ("claim", "claim"),
        ("digest", "asset"),
        ("digest", "disputed"),
        ("digest", "evidence"),
        ("digest", "release"),
    ),
    "royalty-statement": (("royalties", "period"), ("digest", "root")),
    "recipe": (("digest", "recipe"),),
    "asset-token": (("digest", "release"), ("wallet", "owner")),
    "usage": (("digest", "usage"),),
    "policy": (("digest", "policy"),),
}
"""For each type the kind of key and the field that follows its colon; a field that is left out leads nowhere."""


def keys_of(entry: bytes) -> list[str]:
    """Return the keys of an entry, each once; none for bytes that are no entry of a type that is indexed."""
    try:
        said = parse(entry)
        return keys_in(said)
    except ValueError:
        return []


def keys_in(said: Mapping[str, Any]) -> list[str]:
    """Return the keys of a parsed entry."""
    if "format" not in said:
        return _foreign(said)
    body, kind = said.get("body"), said.get("type")
    if not isinstance(body, dict) or not isinstance(kind, str):
        return []
    pairs = [(name, body[field]) for name, field in KEYS.get(kind, ()) if field in body]
    if not all(isinstance(value, str) for _name, value in pairs):
        return []
    return list(dict.fromkeys(f"{name}:{value}" for name, value in pairs))


def _foreign(said: Mapping[str, Any]) -> list[str]:
    """Return the key of a sigstore dsse entry: the digest of what was signed, which is all that it names."""
    try:
        digest = base64.b64decode(said["spec"]["dsseV002"]["payloadHash"]["digest"], validate=True)
    except (KeyError, TypeError, ValueError):
        return []
    return [f"digest:{digest.hex()}"]
