"""Alice's world under offers of every kind, and Carol who buys for her studio."""

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import Ask
from marketplace.checkout.models import Order, OrderLine
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.api.studios import Market
from tests.cast import CARD, later

_KEYS = count()


@dataclass(frozen=True)
class Shop:
    """A market with its own ways to offer and to buy."""

    market: Market

    def offer(self, name: str = "cc-by-nc-4.0", price_minor: int = 5_000, **more: Any) -> Offer:
        asked = {"release": self.market.world, "now": later(hours=1), "price": Money(price_minor, "USD")}
        return licensing.offer(terms=READY[name], **(asked | more))

    def buy(self, *asks: Offer | Ask, **more: Any) -> Order:
        asked = {
            "studio": self.market.cast.studio,
            "buyer": self.market.cast.carol,
            "method": CARD,
            "idempotency_key": f"key-{next(_KEYS)}",
            "now": later(hours=2),
        }
        return checkout.buy(offers=asks, **(asked | more))

    def quote(self, *asks: Offer | Ask, now: datetime | None = None) -> checkout.Quoted:
        return checkout.quote(studio=self.market.cast.studio, offers=asks, now=now or later(hours=2))

    def line(self, *asks: Offer | Ask, **more: Any) -> OrderLine:
        """Buys one license and returns its line."""
        return self.buy(*asks, **more).lines.get()


def grant_of(line: OrderLine) -> Grant:
    return Grant.objects.get(source=line.source)
