"""The first page: the promise, what the ledger proves, and a few packs."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

import ledger.queries
from marketplace.catalog import queries as catalog
from marketplace.catalog.models import Listing
from marketplace.payouts import queries as books
from marketplace.storefront import words
from marketplace.storefront.cards import Card, cards
from marketplace.ui import formats

ROW_SIZE = 4
# What the page shows under each heading: worlds, styles, and what else a picture is built of.
WORLDS, STYLES, BLOCKS = ("world",), ("style",), ("characters", "model", "prompts")


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """This will show the home page."""
    newest = list(catalog.newest(size=48))
    made = {row.pk: card for row, card in zip(newest, cards(newest), strict=True)}

    def row_of(kinds: tuple[str, ...]) -> list[Card]:
        return [made[row.pk] for row in newest if row.kind in kinds][:ROW_SIZE]

    counts = ledger.queries.log_counts()
    context = {
        "worlds": row_of(WORLDS),
        "styles": row_of(STYLES),
        "blocks": row_of(BLOCKS),
        "mosaic": _mosaic(newest, made),
        "kinds": [(kind, label) for kind, label in words.PACK_KINDS.items() if row_of((kind,))],
        "assets_sealed": formats.number_text(counts.by_type.get("asset", 0)),
        "grants_sealed": formats.number_text(counts.by_type.get("grant", 0)),
        "paid": [formats.money_text(amount, currency) for currency, amount in books.paid_total().items()],
    }
    return render(request, "storefront/home.html", context)


def _mosaic(rows: Sequence[Listing], made: Mapping[UUID, Card], size: int = 4) -> list[Card]:
    """Picks pictured packs of as many creators as there are, worlds before the rest, the longest on sale first."""
    seen: set[str] = set()
    first: list[Card] = []
    rest: list[Card] = []
    for row in sorted(rows, key=lambda row: (row.kind != "world", row.published_at)):
        if made[row.pk].src:
            (rest if row.pack.creator.handle in seen else first).append(made[row.pk])
            seen.add(row.pack.creator.handle)
    return (first + rest)[:size]
