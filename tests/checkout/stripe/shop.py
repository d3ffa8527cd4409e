"""Carol's orders as the gateway is asked for them, and the fake that it asks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from marketplace.checkout.gateways.base import HOSTED, Asked, AskedLine, Charge
from marketplace.checkout.gateways.stripe.gateway import StripeGateway
from tests.cast import Cast
from tests.stripe import sessions
from tests.stripe.server import FakeStripe

NOW = 1_790_000_000
DAY = timedelta(days=1)
THREE = (
    AskedLine("Yunhai", "Alice", 5_000),
    AskedLine("Neon Harbor", "Bob", 3_000),
    AskedLine("Ink", "Mo", 1_999),
)


@dataclass
class Till:
    """The gateway, the fake behind it, and one clock for both."""

    fake: FakeStripe
    cast: Cast
    gateway: StripeGateway = field(default_factory=StripeGateway)
    now: datetime = field(default_factory=lambda: datetime.fromtimestamp(NOW, UTC))
    orders: Any = field(default_factory=lambda: count(1))

    def forward(self, **time: int) -> datetime:
        """Moves both clocks."""
        self.now += timedelta(**time)
        self.fake.advance(int(timedelta(**time).total_seconds()))
        return self.now

    def asked(self, *lines: AskedLine, method: str = HOSTED, **more: Any) -> Asked:
        """Asks for what three sellers sell, unless said otherwise."""
        lines = lines or THREE
        order = UUID(int=next(self.orders))
        given: dict[str, Any] = {
            "key": f"order:{order}:1",
            "order_id": order,
            "attempt": 1,
            "amount_minor": sum(line.amount_minor for line in lines),
            "currency": "USD",
            "method": method,
            "description": "Worldloom order",
            "lines": lines,
            "studio_id": self.cast.studio.pk,
            "buyer_email": "carol@example.com",
            "transfer_group": f"order:{order}",
            "keep_method": False,
            "off_session": False,
            "return_url": f"https://worldloom.example/orders/{order}",
            "cancel_url": f"https://worldloom.example/orders/{order}?back=1",
        }
        return Asked(**(given | more))

    def charge(self, asked: Asked) -> Charge:
        return self.gateway.charge(payment=asked, now=self.now)

    def standing(self, asked: Asked, reference: str) -> Charge:
        return self.gateway.standing(asked=asked, reference=reference, now=self.now)

    def cancel(self, asked: Asked, reference: str) -> Charge:
        return self.gateway.cancel(asked=asked, reference=reference, now=self.now)

    def fills_in(self, page: Charge, card: str = "pm_card_visa") -> None:
        """Plays Carol at Stripe's page."""
        with self.fake.lock:
            sessions.completed(self.fake.world, page.reference, card)

    def kept_card(self, card: str = "pm_card_visa") -> str:
        """Has Carol pay once and let her card be kept; gives its token."""
        asked = self.asked(keep_method=True)
        page = self.charge(asked)
        self.fills_in(page, card)
        return self.standing(asked, page.reference).method_token

    def plays(self, act: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Plays a bank or Stripe while nobody else asks."""
        with self.fake.lock:
            return act(self.fake.world, *args, **more)

    def posts(self, since: int = 0) -> list[str]:
        """What was asked to be done, in order."""
        return [asked.path.removeprefix("/v1/") for asked in self.fake.asked[since:] if asked.method == "POST"]

    def count(self, kind: str) -> int:
        """How many objects of a kind there are."""
        return sum(1 for _ in self.fake.world.all(kind))
