"""The shapes of a creator's statements, and how their addresses are asked."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers

from marketplace.api.fields import Sha256, Shape

_TRANSACTION = "2c1a8b97-5d3f-4e0a-9b1c-7f6e5d4c3b2a"
_DIGEST = "5d5e4ac98a3fb4bb7b8b4cc1a1d5a5a6e6b2a6a3b4b0cf2a1f0b9e2f4c3d2e1f"


class StatementShape(Shape):
    """A closed month in one currency: what the creator had before it, and what that came to.

    `transaction` is the last of the books that is in it; `sha256` is that of the statement as JSON.
    """

    period = serializers.CharField(help_text="A month in UTC, as in 2026-11.")
    currency = serializers.CharField()
    opening_minor = serializers.IntegerField()
    closing_minor = serializers.IntegerField()
    royalty_lines = serializers.IntegerField(min_value=0)
    transaction = serializers.UUIDField(allow_null=True)
    sha256 = Sha256()
    closed_at = serializers.DateTimeField()
    url = serializers.URLField()
    proof = serializers.URLField()


class StatementPage(Shape):
    """One page of statements; `next` is the cursor of the page behind it, null on the last one."""

    data = StatementShape(many=True)
    next = serializers.CharField(allow_null=True)


PERIOD = OpenApiParameter(
    "period",
    {"type": "string", "pattern": "^([0-9]{4}-[0-9]{2}|running)$"},
    OpenApiParameter.PATH,
    description="A closed month as in 2026-11, or `running` for what came since the last one.",
)
CURRENCY = OpenApiParameter(
    "currency", {"type": "string", "pattern": "^[A-Z]{3}$"}, OpenApiParameter.PATH, description="As in USD."
)
LINE = OpenApiParameter(
    "line",
    {"type": "integer", "minimum": 1},
    description="Also prove this royalty line of it, by the number that the statement gives it.",
)
_ROW: dict[str, Any] = {
    "period": "2026-11",
    "currency": "USD",
    "opening_minor": 0,
    "closing_minor": 1082,
    "royalty_lines": 2,
    "transaction": _TRANSACTION,
    "sha256": _DIGEST,
    "closed_at": "2026-12-01T00:00:00Z",
    "url": "https://worldloom.example/api/v1/statements/2026-11/USD",
    "proof": "https://worldloom.example/api/v1/statements/2026-11/USD/proof",
}
LISTED = [
    OpenApiExample("example", value={"data": [_ROW], "next": None}, response_only=True, status_codes=["200"]),
]
