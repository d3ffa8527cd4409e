"""A whole marketplace whose payments go through Stripe: three sellers, Carol, and the messages in between."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from marketplace.checkout import operations as checkout
from marketplace.checkout.models import Order, OrderLine, PaymentAttempt, PaymentOutcome
from marketplace.checkout.order_states import state_of
from marketplace.intake.operations import publish_folder
from marketplace.licensing.models import Offer
from marketplace.payouts.queries import check_books
from marketplace.provider.inbox import handle_events, receive
from tests import packs
from tests.api.conftest import opened as opened_by_two
from tests.api.studios import Market
from tests.cast import later
from tests.checkout.stripe.shop import Till
from tests.stripe.webhooks import Pump

_KEYS = count()


@dataclass(frozen=True)
class Three:
    """The market of the API's stories, and Mo's pack beside it."""

    market: Market
    offers: tuple[Offer, Offer, Offer]


def opened(folder: Path) -> Three:
    market = opened_by_two(folder)
    mo = packs.write(folder / "moss", handle="moss", title="Moss", kind="style", seed=7)
    release = publish_folder(folder=mo, creator=market.cast.mo, now=later(hours=1))
    offers = (market.offer(), market.offer(release=market.derived), market.offer(release=release))
    return Three(market, offers)


@dataclass
class Store(Till):
    """A till in a marketplace: orders are placed, paid, heard and looked after as in real life."""

    offers: tuple[Offer, ...] = ()
    pump: Pump = field(init=False)

    def __post_init__(self) -> None:
        self.pump = Pump(self.fake, self._post, clock=lambda: self.now.timestamp())

    def _post(self, body: bytes, header: str) -> int:
        receive(body, header, self.now)
        return 200

    def buy(self, *offers: Offer, method: str = "", **more: Any) -> Order:
        asked: dict[str, Any] = {
            "studio": self.cast.studio,
            "buyer": self.cast.carol,
            "offers": offers or self.offers,
            "method": method or "hosted",
            "idempotency_key": f"key-{next(_KEYS)}",
            "now": self.now,
        }
        return checkout.buy(**(asked | more))

    def page_of(self, order: Order) -> str:
        """The session that Carol was led to."""
        attempt = order.attempts.order_by("-number")[0]
        return str(attempt.steps.order_by("-id")[0].reference)

    def pays(self, order: Order, card: str = "pm_card_visa") -> None:
        """Plays Carol, who fills in the page that the order leads to."""
        from tests.stripe import sessions

        self.plays(sessions.completed, self.page_of(order), card)

    def bought(self, *offers: Offer, card: str = "pm_card_visa") -> Order:
        """An order that is paid, as heard by webhook."""
        order = self.buy(*offers)
        self.pays(order, card)
        self.hears()
        assert self.outcome(order) == "succeeded"
        return order

    def hears(self, **how: Any) -> int:
        """Lets Stripe deliver what waits, and the worker take it in."""
        self.pump.deliver(**how)
        return handle_events(now=self.now)

    def works(self) -> None:
        """What the worker does every five seconds."""
        checkout.finish_orders(now=self.now)
        checkout.finish_refunds(now=self.now)
        checkout.return_strays(now=self.now)

    def outcome(self, order: Order) -> str:
        row = PaymentOutcome.objects.filter(order=order).first()
        return row.outcome if row else "none"

    def state(self, order: Order) -> str:
        return state_of(Order.objects.get(pk=order.pk))

    def charge_of(self, order: Order) -> str:
        return str(PaymentOutcome.objects.get(order=order).reference)

    def lines(self, order: Order) -> list[OrderLine]:
        return list(order.lines.order_by("position"))

    def refund(self, line: OrderLine, amount_minor: int | None = None) -> Any:
        return checkout.refund_line(line=line, amount_minor=amount_minor, reason="wrong pack", now=self.now)

    def attempts(self, order: Order) -> int:
        return PaymentAttempt.objects.filter(order=order).count()

    def sound(self) -> None:
        """The books check, and nothing that was told is left or dead."""
        from marketplace.provider.models import ProviderEventWaiting

        assert check_books() == []
        assert not ProviderEventWaiting.objects.exists()

    def after(self, **time: int) -> datetime:
        self.forward(**time)
        return self.now


def begins_at() -> datetime:
    """When stories begin: offers are up since an hour."""
    return later(hours=2)


HOUR = timedelta(hours=1)
