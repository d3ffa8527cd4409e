"""Parameters and examples of the addresses about recipes, as OpenAPI shows them; a test holds them to the shapes."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from marketplace.api import documentation
from marketplace.api.documentation import request_example
from marketplace.api.examples import BY_SHAPE, DUTIES, ORDER
from marketplace.api.parameters import FILM
from marketplace.compositions.exports.forms import FORMS

TYPED = OpenApiParameter("q", str, description="What stands behind the @ so far.")
TOKEN = OpenApiParameter("token", str, OpenApiParameter.PATH, description="Of the share.")
DIGEST = documentation.digest("digest", "The lock's digest, which is the recipe's id.")
FORM = OpenApiParameter(
    "form", str, OpenApiParameter.PATH, enum=list(FORMS), description="What kind of file other tools are given."
)
TEXT = "| wanderer: a wanderer in a red cloak @alice/yunhai [box 0,0,0.5,1]\n- style: ink wash @bob/ink*0.8\n"
_SITE = "https://worldloom.example/api/v1"
_ID, _OFFER, _GRANT = (
    "6fa459ea-ee8a-4ca4-894e-db77e160355e",
    "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
)
_RELEASE = "5d5e4ac98a3fb4bb7b8b4cc1a1d5a5a6e6b2a6a3b4b0cf2a1f0b9e2f4c3d2e1f"
_LOCK = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_NOON, _LATER = "2026-11-22T12:00:00Z", "2026-11-22T12:30:00Z"
_TOKEN = "kZ3l0mJ9x1Qp7sT2vW4yB6nC8dE5fG0hI2jK4lM6nOo"
_CARD = {"payment": {"card": "4242 4242 4242 4242"}}
_ASKED: dict[str, Any] = {"text": TEXT, "use": FILM}

CHECKS = [
    request_example("two layers and a style", _ASKED),
    request_example("in yuan where there are offers in it", _ASKED | {"currency": "CNY"}),
]
QUOTES = [request_example("two layers and a style", _ASKED)]
LOCKS = [request_example("under a name", _ASKED | {"title": "The wanderer, shot 12"})]
ORDER_REQUEST = request_example("by test card", _CARD)
KEEP = request_example("a recipe", {"title": "The wanderer", "text": TEXT})
REWRITE = request_example("another title", {"title": "The wanderer, at night", "after": 1})
FORK = request_example("a token", {"token": _TOKEN})

_REF: dict[str, Any] = {
    "written": "@alice/yunhai",
    "at": {"line": 1, "column": 39, "length": 13},
    "pack": "alice/yunhai",
    "version": "1.0.0",
    "release": _RELEASE,
    "element": None,
    "weight_ppm": 1_000_000,
    "share_ppb": 384_615_385,
    "verdict": "offered",
    "grant": None,
    "offer": _OFFER,
    "terms": "studio",
    "model": "one-off",
    "unit": "",
    "seats": 0,
    "price_minor": 4900,
    "unit_minor": 4900,
    "currency": "USD",
    "needs_quote": False,
    "explained": ["$49.00 for the license"],
    "reasons": [],
    "fixes": [],
}
_STYLE: dict[str, Any] = _REF | {
    "written": "@bob/ink",
    "at": {"line": 2, "column": 19, "length": 12},
    "pack": "bob/ink",
    "weight_ppm": 800_000,
    "share_ppb": 615_384_615,
    "verdict": "licensed",
    "grant": _GRANT,
    "offer": None,
    "price_minor": None,
    "unit_minor": None,
    "currency": None,
    "explained": [],
}
_DOCUMENT: dict[str, Any] = {"format": "worldloom/recipe/1", "layers": []}
_USE: dict[str, Any] = {"commercial": "limited", "seats": 5, "fields": {"only": ["film"]}}
_MISSING: dict[str, Any] = {
    "offer": _OFFER,
    "pack": "alice/yunhai",
    "version": "1.0.0",
    "terms": "studio",
    "layers": ["wanderer"],
    "seats": 0,
    "price_minor": 4900,
    "currency": "USD",
    "needs_quote": False,
}
_PRICES = [{"amount_minor": 4900, "currency": "USD"}]
CHECKED: dict[str, Any] = {
    "readable": True,
    "allowed": True,
    "licensed": False,
    "findings": [],
    "layers": [
        {
            "label": "wanderer",
            "prompt": "a wanderer in a red cloak",
            "verdict": "offered",
            "area_ppm": 500_000,
            "share_ppb": 384_615_385,
            "packs": [_REF],
        },
        {
            "label": "style",
            "prompt": "ink wash",
            "verdict": "licensed",
            "area_ppm": 1_000_000,
            "share_ppb": 615_384_615,
            "packs": [_STYLE],
        },
    ],
    "missing": [_MISSING],
    "prices": _PRICES,
    "clashes": [],
    "fixes": [],
    "duties": DUTIES,
    "base_model": "sd15",
    "text": TEXT,
    "recipe": _DOCUMENT,
}
QUOTE: dict[str, Any] = {
    "id": _ID,
    "state": "open",
    "quoted_at": _NOON,
    "expires_at": _LATER,
    "text": TEXT,
    "use": _USE,
    "project": None,
    "saved": None,
    "lines": [
        {
            "offer": _OFFER,
            "pack": "alice/yunhai",
            "version": "1.0.0",
            "terms": "studio",
            "layers": ["wanderer"],
            "seats": 0,
            "price_minor": 4900,
            "now_minor": 4900,
            "unit_minor": 4900,
            "unit_now_minor": 4900,
            "currency": "USD",
            "state": "same",
            "message": "",
            "explained": ["$49.00 for the license"],
        }
    ],
    "totals": _PRICES,
    "needs_payment": True,
    "orders": [],
    "url": f"{_SITE}/recipes/quotes/{_ID}",
}
_ROW: dict[str, Any] = {
    "digest": _LOCK,
    "title": "The wanderer, shot 12",
    "locked_at": _NOON,
    "project": None,
    "saved": None,
    "url": f"{_SITE}/recipes/locks/{_LOCK}",
}
LOCK: dict[str, Any] = _ROW | {
    "runnable": True,
    "packs": [
        {
            "layer": "wanderer",
            "pack": "alice/yunhai",
            "version": "1.0.0",
            "release": _RELEASE,
            "element": "",
            "weight_ppm": 1_000_000,
            "share_ppb": 384_615_385,
            "grant": _GRANT,
            "offer": _OFFER,
            "files": ["alice__yunhai__1.0.0__ink-9f86d081884c.safetensors"],
        }
    ],
    "document": {"format": "worldloom/recipe-lock/1"},
    "exports": f"{_SITE}/recipes/locks/{_LOCK}/exports",
    "kit": f"{_SITE}/recipes/locks/{_LOCK}/kit",
}
SAVED: dict[str, Any] = {
    "id": _ID,
    "title": "The wanderer",
    "text": TEXT,
    "number": 1,
    "written_at": _NOON,
    "created_at": _NOON,
    "forked_from": None,
    "share_token": _TOKEN,
    "share_url": f"{_SITE}/recipes/shared/{_TOKEN}",
    "url": f"{_SITE}/recipes/{_ID}",
}
BY_SHAPE.update(
    {
        "CheckedRecipeShape": CHECKED,
        "RecipeQuoteShape": QUOTE,
        "BoughtRecipeShape": {"quote": _ID, "orders": [ORDER], "lock": LOCK, "url": LOCK["url"]},
        "RecipeLockShape": LOCK,
        "RecipeLockPage": {"data": [_ROW], "next": None},
        "RecipeExportsShape": {
            "data": [
                {
                    "form": "comfyui-api",
                    "label": "ComfyUI, to be run",
                    "media_type": "application/json",
                    "fidelity": "exact",
                    "lost": [],
                    "notes": [],
                    "refused": "",
                    "url": f"{_SITE}/recipes/locks/{_LOCK}/exports/comfyui-api",
                }
            ]
        },
        "SavedRecipeShape": SAVED,
        "SavedRecipePage": {"data": [SAVED], "next": None},
        "SharedRecipeShape": {"title": "The wanderer", "text": TEXT, "shared_by": "Carol", "shared_at": _NOON},
        "MaskShape": {"sha256": _LOCK, "width": 1024, "height": 1024, "area_ppm": 250_000},
        "CompletionsShape": {
            "data": [
                {
                    "ref": "@alice/yunhai",
                    "pack": "alice/yunhai",
                    "title": {"en": "Sea of Clouds", "zh-Hans": "云海"},
                    "kind": "world",
                    "creator": "Alice",
                }
            ]
        },
    }
)
