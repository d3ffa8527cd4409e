"""Parameters and examples of the addresses about terms and licenses, as OpenAPI shows them."""

from datetime import date
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter

from marketplace.api.documentation import choice as choice
from marketplace.api.documentation import paged, request_example
from marketplace.api.serializers import GRANT_STATUSES
from marketplace.licensing.queries import STATES
from marketplace.licensing.terms.exchange.forms import WRITTEN

FORM = OpenApiParameter(
    "form", str, OpenApiParameter.PATH, enum=list(WRITTEN), description="Whose form the terms are written in."
)
FILM: dict[str, Any] = {
    "commercial": "limited",
    "revenue_usd": 500_000,
    "derivatives": "private",
    "redistribution": "in-product",
    "seats": 5,
    "territory": {"all_but": []},
    "fields": ["film"],
    "media": ["video"],
    "starts": "2026-12-01",
    "output_owner": "licensee",
}
CHECK_REQUEST: dict[str, Any] = {
    "layers": [{"pack": "alice/yunhai"}, {"name": "night market", "terms": {"base": "cc-by-nc-4.0"}}],
    "use": FILM,
}
MAY_REQUEST: dict[str, Any] = {
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "use": FILM,
    "person": "carol@lantern.example",
}
GRANT_FILTERS = paged(
    OpenApiParameter("pack", str, description="creator/pack."),
    choice("status", GRANT_STATUSES, "What happened to the license last."),
    choice("state", STATES, "What the license is now, by its status and its days."),
    OpenApiParameter("project", UUID, description="Only licenses for this project alone."),
    OpenApiParameter("ending_before", date, description="Only licenses that end before this day (UTC)."),
)
PAPER_NUMBER = OpenApiParameter("number", str, OpenApiParameter.PATH, description="As it is printed on the paper.")
TRY_NUMBER = OpenApiParameter("number", int, OpenApiParameter.PATH, description="Of the try, from 1.")
EMAIL = OpenApiParameter("email", str, OpenApiParameter.PATH, description="Of a person in your studio.")
USAGE_KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="Names the report: 1 to 200 characters.")
_OFFER, _GRANT = "7c9e6679-7425-40de-944b-e07fc1f90ae7", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
_FIVE: dict[str, Any] = {"items": [{"offer": _OFFER, "seats": 5, "code": "SPRING", "expect_minor": 49000}]}
_RENEWAL: dict[str, Any] = {"items": [{"renews": _GRANT}]}
WANTED = [request_example("five seats with a code", _FIVE), request_example("a renewal", _RENEWAL)]
_CARD = {"payment": {"card": "4242 4242 4242 4242"}}
ORDERS = [
    request_example("five seats with a code", _FIVE | _CARD),
    request_example("a renewal", _RENEWAL | _CARD),
    request_example("a collection", {"collection": _GRANT} | _CARD),
]
