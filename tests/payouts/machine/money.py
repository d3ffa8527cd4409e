"""Whose money is where, in dictionaries: what the rest of the model moves."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from math import floor
from uuid import UUID

BUCKETS = ("pending", "reserve", "available", "disputed", "frozen", "owed")
"""What a creator has, as the model calls it."""

KINDS = {
    "pending": "creator_pending",
    "reserve": "creator_reserve",
    "available": "creator_available",
    "disputed": "creator_dispute_hold",
    "frozen": "creator_claim_hold",
    "owed": "creator_receivable",
}
"""The same as the books call it."""


def divide(amount, weights):
    """Divides by weight: each part rounded down, and the units left to the largest fractions, the first of equals."""
    whole = sum(weights)
    exact = [Fraction(amount * weight, whole) for weight in weights]
    parts = [floor(part) for part in exact]
    by_fraction = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in by_fraction[: amount - sum(parts)]:
        parts[place] += 1
    return parts


@dataclass
class Sale:
    """What was sold, and what remains of it: tax, fee, each creator's line, and the pot of a takedown."""

    source: str
    subject: str
    currency: str
    tax: int
    fee: int
    shares: dict[UUID, int]  # creator → minor units, as they will be allocated
    paid_from: str = "psp_clearing"
    due: datetime | None = None  # when its hold period is over; None while it awaits its allocation
    run: int = 0
    released: bool = False
    left: dict[UUID, int] = field(default_factory=dict)  # creator → what remains of the line
    pot: int = 0

    @property
    def net(self):
        return sum(self.shares.values())

    def remains(self):
        """Returns what a reversal is divided over, in its order."""
        lines = [(payee, self.left[payee]) for payee in sorted(self.left)]
        return [("tax", self.tax), ("fee", self.fee), *lines, ("pot", self.pot)]

    def remaining(self):
        return sum(amount for _, amount in self.remains())


@dataclass
class Payout:
    """Money on its way to a creator, and of which sales it is."""

    creator: UUID
    currency: str
    amount: int
    lots: list
    reserved_at: datetime
    state: str = "open"  # then sent, failed or returned
    on_the_rail: bool = False


class Money:
    """Each creator's buckets, the house's accounts, and the lots that are available: longest there first."""

    def __init__(self):
        self.has = Counter()  # (bucket, creator, currency) → minor units
        self.house = Counter()  # (kind, currency) → minor units, debits positive
        self.lots = defaultdict(list)  # (creator, currency) → [(source, minor units)]
        self.held = Counter()  # (source, creator) → what of the line is held for a claim
        self.sales = {}
        self.payouts = []
        self.journal = []  # (when, currency, position of each creator after it), in the order of events
        self._touched = set()

    # Buckets and house accounts.

    def put(self, bucket, creator, currency, amount):
        """Gives a creator so much in a bucket, or takes it where it is below zero; nothing may become negative."""
        if amount:
            self.has[bucket, creator, currency] += amount
            self._touched.add(currency)
        assert self.has[bucket, creator, currency] >= 0

    def debit(self, kind, currency, amount):
        self.house[kind, currency] += amount

    def credit(self, kind, currency, amount):
        self.house[kind, currency] -= amount

    def position(self, creator, currency):
        """Returns what is the creator's, wherever it stands, less what they owe."""
        return sum(self.has[bucket, creator, currency] for bucket in BUCKETS[:-1]) - self.has["owed", creator, currency]

    def note(self, now):
        """Writes into the journal what was just done, for each currency in which creators' money moved."""
        creators = {creator for _, creator, _ in self.has}
        for currency in self._touched:
            self.journal.append((now, currency, {creator: self.position(creator, currency) for creator in creators}))
        self._touched.clear()

    # Whose money is available.

    def latest(self, lots, there):
        """What is left of lots when only so much is there: whole lots from the end, and a part of the one before."""
        left = []
        for source, amount in reversed(lots):
            part = min(amount, there)
            there -= part
            left += [(source, part)] if part else []
        return left[::-1]

    def move(self, creator, currency, amount):
        """Makes so much more, or less, available; what is used has been there longest."""
        self.put("available", creator, currency, amount)
        there = self.has["available", creator, currency]
        self.lots[creator, currency] = self.latest(self.lots[creator, currency], there)

    def pay_debt(self, creator, currency, amount):
        """Returns what is left of the amount."""
        back = min(self.has["owed", creator, currency], amount)
        self.put("owed", creator, currency, -back)
        return amount - back

    def give(self, creator, source, amount):
        """Gives what came of a sale: against debts first, the rest is available."""
        currency = self.sales[source].currency
        self.lots[creator, currency].append((source, amount))
        self.move(creator, currency, self.pay_debt(creator, currency, amount))

    def lot(self, creator, source):
        """Returns how much of what is available came of the sale."""
        return sum(part for lot, part in self.lots[creator, self.sales[source].currency] if lot == source)

    def forget(self, creator, source, amount=None):
        """Forgets that so much of the sale's money is available or in a payout, or all of it."""
        currency = self.sales[source].currency
        places = [self.lots[creator, currency]]
        places += [p.lots for p in self.payouts if (p.creator, p.currency) == (creator, currency)]
        for lots in places:
            lots[:] = [lot for lot in lots if lot[0] != source]

    # What is frozen.

    def hold(self, creator, source, amount):
        if amount:
            self.held[source, creator] += amount
            self.put("frozen", creator, self.sales[source].currency, amount)

    def unhold(self, creator, source, amount=None):
        """Takes so much, or all, of a line out of the hold, and returns it."""
        there = self.held[source, creator]
        taken = there if amount is None else min(there, amount)
        self.held[source, creator] -= taken
        self.put("frozen", creator, self.sales[source].currency, -taken)
        return taken
