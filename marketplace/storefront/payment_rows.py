"""What the page of payment methods tells: each studio's cards, and what they pay for."""

from dataclasses import dataclass
from datetime import datetime

from marketplace.checkout import method_uses, methods
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.models import Subscription
from marketplace.people.models import Person, Studio
from marketplace.storefront.held import buying_studios


@dataclass(frozen=True, slots=True)
class Card:
    """One card that is kept, and the subscriptions that it pays for."""

    method: PaymentMethod
    label: str
    ends: str
    is_expired: bool
    is_default: bool
    pays_for: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True)
class Wallet:
    """A studio's cards, and its subscriptions that are renewed, each with the card that pays for it, if it is kept."""

    studio: Studio
    cards: tuple[Card, ...]
    subscriptions: tuple[tuple[Subscription, Card | None], ...]


def wallets_of(person: Person, now: datetime) -> list[Wallet]:
    """This will list the studios that a person buys for with their cards, by name; four queries a studio."""
    return [_wallet(studio, now) for studio in buying_studios(person)]


def _wallet(studio: Studio, now: datetime) -> Wallet:
    running = Subscription.objects.filter(studio=studio, end=None).select_related("offer__release__pack__creator")
    by_token: dict[str, list[Subscription]] = {}
    for one in running.order_by("started_at", "id"):
        by_token.setdefault(method_uses.token_of(one), []).append(one)
    cards = tuple(_card(method, tuple(by_token.get(method.token, ())), now) for method in methods.saved(studio))
    paid_by = {one.pk: card for card in cards for one in card.pays_for}
    rows = [(one, paid_by.get(one.pk)) for found in by_token.values() for one in found]
    return Wallet(studio, cards, tuple(sorted(rows, key=lambda row: (row[0].started_at, row[0].pk))))


def _card(method: PaymentMethod, pays_for: tuple[Subscription, ...], now: datetime) -> Card:
    ends = f"{method.exp_month:02d}/{method.exp_year}" if method.exp_year else ""
    return Card(
        method,
        methods.label_of(method),
        ends,
        methods.is_expired(method, now),
        method.is_default,  # type: ignore[attr-defined]
        pays_for,
    )
