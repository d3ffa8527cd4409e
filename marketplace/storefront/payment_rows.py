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
    running = method_uses.renewed_for(studio)
    by_token: dict[str, list[Subscription]] = {}
    for one, token in running:
        by_token.setdefault(token, []).append(one)
    cards = tuple(_card(method, tuple(by_token.get(method.token, ())), now) for method in methods.saved(studio))
    paid_by = {one.pk: card for card in cards for one in card.pays_for}
    return Wallet(studio, cards, tuple((one, paid_by.get(one.pk)) for one, _token in running))


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
