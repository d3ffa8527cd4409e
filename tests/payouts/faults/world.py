"""Three creators who sell in two currencies, one day after the other."""

from datetime import datetime, timedelta

from marketplace.payouts.models import Sale, Split
from marketplace.payouts.operations import allocate_royalties, ensure_split, record_sale, release_holds, settle
from marketplace.payouts.rules import WHOLE_PPB, Money
from tests.payouts.cast import NOON, add_creator

CURRENCIES = ("JPY", "USD")
SUBJECTS = ("release:hers", "release:theirs", "release:derived")


class World:
    """Alice sells her own, Alice and Bob what they made together, and Erin what she derived from it."""

    def __init__(self) -> None:
        self.now = self.latest = NOON
        self.number = 0
        self.alice, self.bob, self.erin = (add_creator(name, 1 + i) for i, name in enumerate(("alice", "bob", "erin")))
        hers = ensure_split(own={self.alice: WHOLE_PPB}, parents=[], now=NOON)
        theirs = ensure_split(own={self.alice: 700_000_000, self.bob: 300_000_000}, parents=[], now=NOON)
        derived = ensure_split(own={self.erin: WHOLE_PPB}, parents=[(theirs, 333_333_333)], now=NOON)
        self.splits: tuple[Split, ...] = (hers, theirs, derived)

    def sell(self, which: int, currency: str, gross_minor: int = 12_01) -> Sale:
        """Sells one of the three works."""
        self.number += 1
        return record_sale(
            source=f"order-line:{self.number}",
            split=self.splits[which],
            subject=SUBJECTS[which],
            gross=Money(gross_minor, currency),
            tax_minor=91,
            fee_minor=1_11,
            now=self.now,
        )

    def sell_each(self) -> list[Sale]:
        """Sells each work once in each currency."""
        return [self.sell(which, currency) for currency in CURRENCIES for which in range(3)]

    def later(self, days: int) -> datetime:
        """Lets days pass, or come back, and returns the time."""
        self.now += timedelta(days=days)
        self.latest = max(self.latest, self.now)
        return self.now


def settlement(now: datetime) -> None:
    """The whole of it: allocate what was sold, release what was held, pay what is available."""
    allocate_royalties(now=now)
    release_holds(now=now)
    settle(now=now)
