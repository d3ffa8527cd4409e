"""Turning uses of recipes into the shapes of `usage_shapes.py`, and examples of both."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample

from marketplace.api.answers import Shape, Site
from marketplace.api.documentation import request_example
from marketplace.compositions.usage import queries
from marketplace.compositions.usage.accepting import Accepted
from marketplace.compositions.usage.envelope import PAYLOAD_TYPE
from marketplace.compositions.uses import UsageEvent, UsageKey

_BATCH, _KEY = "4f0e3b6a-4a5b-4c8e-9d43-6f2d8f0b7a11", "a3c1f6de-0a57-4e55-8d8b-0f1d2c3b4a59"
_KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
_NOON = "2026-11-22T12:00:00Z"
_JWK = {"kty": "OKP", "crv": "Ed25519", "x": _X}


def accepted(said: Accepted) -> Shape:
    """This will tell what became of a batch."""
    return {
        "batch": said.batch,
        "events": said.events,
        "counted": said.counted,
        "duplicates": said.duplicates,
        "received_at": said.received_at,
    }


def use(row: UsageEvent) -> Shape:
    """This will show a use that was counted, with its batch and the key that signed that at hand."""
    return {
        "nonce": row.nonce,
        "recipe": row.lock_id,
        "at": row.happened_at,
        "counts": row.counts,
        "outputs": list(queries.outputs_of(row)),
        "received_at": row.received_at,
        "month": f"{row.month:%Y-%m}",
        "batch": row.batch_id,
        "source": row.batch.source,
        "key": row.batch.key.kid if row.batch.key else None,
    }


def usage_key(row: UsageKey, site: Site) -> Shape:
    """This will describe a key, with its end at hand where it has one."""
    end = getattr(row, "end", None)
    return {
        "id": row.pk,
        "kid": row.kid,
        "name": row.name,
        "public_key": dict(queries.jwk_of(row)),
        "added_by": row.added_by.display_name,
        "added_at": row.added_at,
        "ended_at": end.ended_at if end else None,
        "url": site(reverse("api-usage-key", args=[row.pk])),
    }


def _shown(value: Any, status: int = 200) -> OpenApiExample:
    return OpenApiExample("example", value=value, response_only=True, status_codes=[str(status)])


_SHOWN_KEY = {
    "id": _KEY,
    "kid": _KID,
    "name": "farm 1",
    "public_key": _JWK,
    "added_by": "Carol",
    "added_at": _NOON,
    "ended_at": None,
    "url": f"https://worldloom.example/api/v1/usage/keys/{_KEY}",
}
_USE = {
    "nonce": "0b7e2c52-64a3-4f0e-8a55-b6f5b1a7e1d2",
    "recipe": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "at": _NOON,
    "counts": {"image": 4},
    "outputs": ["2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"],
    "received_at": _NOON,
    "month": "2026-11",
    "batch": _BATCH,
    "source": "api",
    "key": _KID,
}
ACCEPT = [
    request_example(
        "one batch",
        {
            "payload": "eyJmb3JtYXQiOiJ3b3JsZGxvb20vdXNhZ2UvMSIsInN0dWRpbyI6IuKApiIsImV2ZW50cyI6W119",
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": _KID, "sig": "A" * 86 + "=="}],
        },
    ),
    _shown({"batch": _BATCH, "events": 1000, "counted": 998, "duplicates": 2, "received_at": _NOON}),
]
USES = [_shown({"data": [_USE], "next": None})]
ADD_KEY = [request_example("a JWK", {"name": "farm 1", "public_key": _JWK}), _shown(_SHOWN_KEY, 201)]
KEY, KEYS = [_shown(_SHOWN_KEY)], [_shown({"data": [_SHOWN_KEY], "next": None})]
