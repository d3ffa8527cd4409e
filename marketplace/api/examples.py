"""One example of each answer, as OpenAPI shows it; a test holds them against the shapes."""

from typing import Any

_SITE = "https://worldloom.example/api/v1"
_RELEASE = "5d5e4ac98a3fb4bb7b8b4cc1a1d5a5a6e6b2a6a3b4b0cf2a1f0b9e2f4c3d2e1f"
_TERMS = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
_FILE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_ENTRY = "c0535e4be2b79ffd93291305436bf889314e4a3faec05ecffcbb7df31ad9e51a"
_OFFER = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
_GRANT = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
_ORDER = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
_NOON = "2026-11-22T12:00:00Z"

PROOF: dict[str, Any] = {"state": "sealed", "index": 41, "entry_sha256": _ENTRY, "transaction": None}
PACK: dict[str, Any] = {
    "pack": "alice/yunhai",
    "version": "1.0.0",
    "release": _RELEASE,
    "kind": "world",
    "title": {"en": "Sea of Clouds", "zh-Hans": "云海"},
    "creator": "Alice",
    "elements": ["character", "scene"],
    "base_model": "sd15",
    "ai_training": "with-license",
    "published_at": _NOON,
    "from_price_minor": 4900,
    "currency": "USD",
    "url": f"{_SITE}/packs/alice/yunhai",
}
OFFER: dict[str, Any] = {
    "id": _OFFER,
    "terms": "studio",
    "terms_sha256": _TERMS,
    "price_minor": 4900,
    "currency": "USD",
    "allows": ["Change it for your own projects", "Up to 30 people"],
    "forbids": ["No sublicenses"],
    "requires": ["Credit the creator by name"],
}
RELEASE: dict[str, Any] = {
    "release": _RELEASE,
    "manifest": {
        "format": "worldloom/release-manifest/1",
        "pack": "alice/yunhai",
        "version": "1.0.0",
        "assets": [
            {
                "path": "ink.safetensors",
                "sha256": _FILE,
                "size_bytes": 18874368,
                "media_type": "application/vnd.safetensors",
                "role": "content",
            }
        ],
    },
    "offers": [OFFER],
    "proof": PROOF,
}
GRANT: dict[str, Any] = {
    "id": _GRANT,
    "pack": "alice/yunhai",
    "version": "1.0.0",
    "release": _RELEASE,
    "offer": _OFFER,
    "terms": "studio",
    "terms_sha256": _TERMS,
    "licensee": "Lantern Films",
    "seats": 30,
    "status": "active",
    "granted_at": _NOON,
    "certificate": "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiIzZjI1MDRlMCJ9.c2lnbmF0dXJl",
    "certificate_sha256": _ENTRY,
    "url": f"{_SITE}/grants/{_GRANT}",
    "download": f"{_SITE}/grants/{_GRANT}/download",
}
ORDER: dict[str, Any] = {
    "id": _ORDER,
    "status": "paid",
    "total_minor": 4900,
    "currency": "USD",
    "placed_at": _NOON,
    "grants": [GRANT],
    "url": f"{_SITE}/orders/{_ORDER}",
}
ORDER_REQUEST: dict[str, Any] = {"offers": [_OFFER], "payment": {"card": "4242 4242 4242 4242"}}
VERDICT: dict[str, Any] = {
    "sha256": _FILE,
    "matches": True,
    "registered_at": _NOON,
    "releases": [
        {
            "pack": "alice/yunhai",
            "version": "1.0.0",
            "release": _RELEASE,
            "creator": "Alice",
            "published_at": _NOON,
            "url": f"{_SITE}/releases/{_RELEASE}",
        }
    ],
    "proof": PROOF,
}
BY_SHAPE: dict[str, Any] = {
    "PackPage": {"data": [PACK], "next": None},
    "ReleaseShape": RELEASE,
    "GrantPage": {"data": [GRANT], "next": None},
    "GrantShape": GRANT,
    "OrderShape": ORDER,
    "VerifyShape": VERDICT,
}
