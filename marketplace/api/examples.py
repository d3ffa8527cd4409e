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
    "document": {"format": "worldloom/terms/2", "name": "studio", "commercial": "limited"},
    "model": "one-off",
    "price_minor": 4900,
    "regular_minor": 5900,
    "price_kind": "sale",
    "price_ends_at": _NOON,
    "currency": "USD",
    "unit": "",
    "share_ppb": 0,
    "tiers": [{"up_to_people": 10, "up_to_revenue_usd": 0, "price_minor": 1900}],
    "month_minimum_minor": 0,
    "month_cap_minor": 0,
    "trial_days": 0,
    "exclusive": False,
    "available": True,
    "taken_until": None,
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
    "collections": [
        {
            "id": _ORDER,
            "title": {"en": "All of Yunhai"},
            "price_minor": 9900,
            "currency": "USD",
            "offers": [_OFFER],
        }
    ],
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
    "licensee_country": "DE",
    "licensee_registration": "HRB 12345",
    "project": None,
    "project_name": None,
    "seats": 30,
    "seats_used": 2,
    "exclusive": False,
    "starts_at": _NOON,
    "ends_at": None,
    "kind": "new",
    "replaces": None,
    "price_minor": 4900,
    "currency": "USD",
    "downloads": 1,
    "status": "active",
    "state": "active",
    "granted_at": _NOON,
    "certificate": "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiIzZjI1MDRlMCJ9.c2lnbmF0dXJl",
    "certificate_sha256": _ENTRY,
    "certificate_page": f"https://worldloom.example/certificates/{_GRANT}",
    "url": f"{_SITE}/grants/{_GRANT}",
    "download": f"{_SITE}/grants/{_GRANT}/download",
}
ORDER: dict[str, Any] = {
    "id": _ORDER,
    "status": "paid",
    "payment": {"state": "paid", "url": None, "reason": None, "tries": 1},
    "total_minor": 4900,
    "tax_minor": 0,
    "tax_included": False,
    "taxes": [],
    "currency": "USD",
    "placed_at": _NOON,
    "lines": [
        {
            "offer": _OFFER,
            "kind": "buy",
            "price_minor": 4900,
            "list_minor": 4900,
            "credit_minor": 0,
            "tax_minor": 0,
            "seats": 30,
            "project": None,
            "replaces": None,
            "starts_at": None,
            "ends_at": None,
            "explained": ["$49.00 for the license"],
        }
    ],
    "grants": [GRANT],
    "papers": [],
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
_SAID = {"dimension": "commercial", "message": "alice/yunhai says “No commercial use”, but you need commercial use."}
DUTIES: dict[str, Any] = {
    "credits": [{"layer": "alice/yunhai", "line": "Worldloom: Alice"}],
    "approvals": [],
    "royalties": [{"layer": "bob/ink", "basis": "revenue", "share_ppb": 50_000_000}],
    "share_alike": "",
    "banned": ["military"],
}
CHECK: dict[str, Any] = {
    "allowed": False,
    "refusals": [{"code": "commercial-not-allowed", "layers": ["alice/yunhai"], **_SAID}],
    "duties": DUTIES,
    "fixes": [
        {
            "kind": "offer",
            "changes": [
                {
                    "layer": "alice/yunhai",
                    "kind": "offer",
                    "name": "studio",
                    "offer": _OFFER,
                    "price_minor": 4900,
                    "currency": "USD",
                    "message": "Take the offer “studio” for alice/yunhai.",
                }
            ],
            "narrowed": [],
            "prices": [{"amount_minor": 4900, "currency": "USD"}],
            "use": {"commercial": "limited", "seats": 5, "fields": {"only": ["film"]}},
            "is_smallest": True,
        }
    ],
}
MAY: dict[str, Any] = {
    "allowed": False,
    "reasons": [{"code": "commercial-not-allowed", **_SAID}],
    "duties": DUTIES,
    "grant": _GRANT,
    "release": _RELEASE,
}
PRICE_REQUEST: dict[str, Any] = {
    "id": _ORDER,
    "offer": _OFFER,
    "pack": "alice/yunhai",
    "currency": "USD",
    "seats": 40,
    "project": None,
    "message": "For a feature film.",
    "asked_at": _NOON,
    "state": "open",
    "turn": "studio",
    "steps": [
        {
            "side": "creator",
            "kind": "price",
            "price_minor": 250_000,
            "seats": 40,
            "valid_until": _NOON,
            "message": "",
            "at": _NOON,
        }
    ],
    "url": f"{_SITE}/quote-requests/{_ORDER}",
}
PROJECT: dict[str, Any] = {
    "id": _ORDER,
    "name": "Night Market",
    "opened_at": _NOON,
    "licenses": 3,
    "credits": f"{_SITE}/projects/{_ORDER}/credits",
    "url": f"{_SITE}/projects/{_ORDER}",
}
QUOTED: dict[str, Any] = {
    "total_minor": 4900,
    "list_minor": 4900,
    "tax_minor": 0,
    "tax_included": False,
    "taxes": [],
    "currency": "USD",
    "needs_payment": True,
    "lines": ORDER["lines"],
}
SEATS: dict[str, Any] = {
    "grant": _GRANT,
    "seats": 30,
    "people": [{"email": "carol@lantern.example", "name": "Carol", "assigned_at": _NOON}],
}
PAYMENT_METHOD: dict[str, Any] = {
    "id": _OFFER,
    "brand": "visa",
    "last4": "4242",
    "ends": "2030-12",
    "is_default": True,
    "kept_at": _NOON,
}
REFUND: dict[str, Any] = {
    "id": _GRANT,
    "order": _ORDER,
    "line": 0,
    "amount_minor": 4900,
    "currency": "USD",
    "reason": "asked for by the buyer",
    "state": "succeeded",
    "asked_at": _NOON,
}
REFUND_REQUEST: dict[str, Any] = {
    "id": _OFFER,
    "order": _ORDER,
    "line": 0,
    "amount_minor": 4900,
    "currency": "USD",
    "reason": "The file does not open.",
    "state": "granted",
    "answer": "Sorry for that.",
    "refund": _GRANT,
    "asked_at": _NOON,
    "url": f"{_SITE}/refund-requests/{_OFFER}",
}
BY_SHAPE: dict[str, Any] = {
    "PaymentMethodsShape": {"data": [PAYMENT_METHOD]},
    "RefundPage": {"data": [REFUND], "next": None},
    "RefundRequestPage": {"data": [REFUND_REQUEST], "next": None},
    "RefundRequestShape": REFUND_REQUEST,
    "CheckShape": CHECK,
    "MayShape": MAY,
    "PriceRequestPage": {"data": [PRICE_REQUEST], "next": None},
    "PriceRequestShape": PRICE_REQUEST,
    "ProjectPage": {"data": [PROJECT], "next": None},
    "ProjectShape": PROJECT,
    "QuotedShape": QUOTED,
    "SeatsShape": SEATS,
    "PackPage": {"data": [PACK], "next": None},
    "ReleaseShape": RELEASE,
    "GrantPage": {"data": [GRANT], "next": None},
    "GrantShape": GRANT,
    "OrderShape": ORDER,
    "VerifyShape": VERDICT,
}
