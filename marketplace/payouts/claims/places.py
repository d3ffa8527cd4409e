"""Which token stands for a currency on our chain, whose wallets count, and which book they are written in."""

from dataclasses import dataclass
from datetime import datetime

from ledger.chain.base import ChainUnavailable
from ledger.chain.suite import suite
from marketplace.payouts.claims.tables import ChainBook
from marketplace.payouts.claims.tree import Place
from marketplace.payouts.rules import CURRENCIES
from marketplace.payouts.wallet_queries import wallets_of as wallets_of

DISTRIBUTOR = "PayoutDistributor"


@dataclass(frozen=True, slots=True)
class Coin:
    """The token of a currency and the distributor that pays it out; a minor unit is `scale` of its units."""

    chain_id: int
    distributor: str
    token: str
    symbol: str
    decimals: int
    currency: str

    @property
    def scale(self) -> int:
        return 10 ** (self.decimals - CURRENCIES[self.currency])


def coin_of(currency: str) -> Coin | None:
    """Return what a currency is paid in on chain; None where there is no such token, or no contracts are recorded.

    A token whose units are coarser than the currency's minor unit cannot say every amount and is none.
    """
    try:
        found = suite()
    except ChainUnavailable:
        return None
    token = found.token(currency) if found else None
    if found is None or token is None or currency not in CURRENCIES or token.decimals < CURRENCIES[currency]:
        return None
    distributor = found.address(DISTRIBUTOR)
    return Coin(found.chain_id, distributor, token.address, token.symbol, token.decimals, currency)


def coins() -> list[Coin]:
    """Return what is paid on chain, by currency."""
    try:
        found = suite()
    except ChainUnavailable:
        return []
    return [coin for currency in sorted(found.tokens if found else []) if (coin := coin_of(currency)) is not None]


def book_of(coin: Coin) -> ChainBook | None:
    """Return the book that a coin's roots go on in, or None before the first."""
    at = {"chain_id": coin.chain_id, "distributor": coin.distributor, "token": coin.token}
    return ChainBook.objects.filter(**at).first()


def opened(coin: Coin, *, now: datetime) -> ChainBook:
    """Return the book of a coin, opened where it is the first time; its currency must be locked."""
    book, _is_new = ChainBook.objects.get_or_create(
        chain_id=coin.chain_id,
        distributor=coin.distributor,
        token=coin.token,
        defaults={
            "symbol": coin.symbol[:20],
            "decimals": coin.decimals,
            "scale": coin.scale,
            "currency": coin.currency,
            # Of a distributor of its own: a successor's escrow and claims are others.
            "detail": f"{coin.symbol.lower()[:10]}-payouts:{coin.chain_id}:{coin.distributor[2:8].lower()}"[:40],
            "opened_at": now,
        },
    )
    return book


def place_of(book: ChainBook) -> Place:
    """Return whose leaves the tree of a book has."""
    return Place(book.chain_id, bytes.fromhex(book.distributor[2:]), bytes.fromhex(book.token[2:]))
