"""Studios that use recipes by the image: what they hold, and what was added up for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from assets.models import Asset, Blob
from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.checkout.charges import UsageCharge, UsageRoyalty
from marketplace.checkout.models import OrderLine
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.checkout.shop import Shop, grant_of
from tests.compositions.usage.rendering import Farm, farm_of

NOVEMBER, DECEMBER, JANUARY = date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)
FIRST, SECOND, THIRD = (datetime(2026, 12, 1, 4, tzinfo=UTC), datetime(2027, 1, 1, 4, tzinfo=UTC),
                        datetime(2027, 2, 1, 4, tzinfo=UTC))  # fmt: skip
_NUMBERS = count(1)


@dataclass(frozen=True)
class Works:
    """A shop whose licenses are counted, with the farms of Carol and Dave."""

    shop: Shop
    carol: Farm
    dave: Farm

    @property
    def world(self) -> Release:
        return self.shop.market.world

    @property
    def derived(self) -> Release:
        return self.shop.market.derived

    def offer(self, minor: int, terms: str = "cc-by-4.0", currency: str = "USD", **more: Any) -> Offer:
        asked = {
            "release": self.world,
            "model": "metered",
            "unit": "image",
            "now": datetime(2026, 11, 22, 13, tzinfo=UTC),
        }
        return licensing.offer(terms=READY[terms], price=Money(minor, currency), **(asked | more))

    def held(self, offer: Offer, **more: Any) -> Grant:
        """Buys a license for nothing now, with the card that pays for its uses."""
        return grant_of(self.shop.line(offer, **more))

    def daves(self, offer: Offer) -> Grant:
        cast = self.shop.market.cast
        return self.held(offer, studio=cast.daves_studio, buyer=cast.dave)


def works_of(shop: Shop) -> Works:
    cast = shop.market.cast
    return Works(shop, farm_of(cast.studio, cast.carol), farm_of(cast.daves_studio, cast.dave, seed=2))


def charges(month: date = NOVEMBER) -> dict[Grant, tuple[int, int, int, int, str]]:
    """What was charged: license → events, quantity, used, amount, currency."""
    rows = UsageCharge.objects.filter(month=month).select_related("grant")
    return {row.grant: (row.events, row.quantity, row.used_minor, row.amount_minor, row.currency) for row in rows}


def lines(grant: Grant, month: date = NOVEMBER) -> list[tuple[str, Release, int, int, dict[str, int]]]:
    """What its charge is made of: kind, release, amount, fee, and who is to earn how much."""
    charge = UsageCharge.objects.get(grant=grant, month=month)
    return [
        (
            *(line.kind, line.release, line.amount_minor, line.fee_minor),
            dict(UsageRoyalty.objects.filter(line=line).values_list("payee__handle", "amount_minor")),
        )
        for line in charge.lines.select_related("release")
    ]


def earned(source: OrderLine) -> dict[str, int]:
    """What the books allocated of a line that was paid: payee → minor units."""
    from marketplace.payouts.models import RoyaltyLine

    rows = RoyaltyLine.objects.filter(sale__source=source.source)
    return dict(rows.values_list("payee__handle", "amount_minor"))


def composed(release: Release, fees: Sequence[Mapping[str, Any]]) -> None:
    """Makes a release a composition with contract fees in dollars for each image, past the guards of a publication."""
    facts = {"kind": "composition", "unit": "image", "currency": "USD", "fees": list(fees)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        blob = Blob.objects.create(sha256=f"{next(_NUMBERS):064x}", size_bytes=1, stored_at=timezone.now())
        asset = Asset.objects.create(blob=blob, media_type="application/json", facts=facts, inspected_at=timezone.now())
        ReleaseAsset.objects.create(release=release, asset=asset, position=99, path="composition.json", role="content")
        cursor.execute("SET LOCAL session_replication_role = origin")
