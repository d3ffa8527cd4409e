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


WHAT = ("again", "in", "kept", "out", "held", "most", "aside", "moved")
"""What a chapter tells, in this order."""


def divide(amount, weights):
    """Divides by weight: each part rounded down, and the units left to the largest fractions, the first of equals."""
    whole = sum(weights)
    exact = [Fraction(amount * weight, whole) for weight in weights]
    parts = [floor(part) for part in exact]
    by_fraction = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in by_fraction[: amount - sum(parts)]:
        parts[place] += 1
    return parts


def latest(lots, there):
    """What is left of lots when only so much is there: whole lots from the end, and a part of the one before."""
    left = []
    for source, amount in reversed(lots):
        part = min(amount, there)
        there -= part
        left += [(source, part)] if part else []
    return left[::-1]


def total(lots):
    return sum(amount for _, amount in lots)


def first(lots, there):
    """The first of the lots, up to so much."""
    return latest(lots[::-1], there)[::-1]


def less(lots, amount, source=None):
    """What is left of lots without an amount, or without so much of one sale: the first are used first."""
    left = []
    for lot, part in lots:
        used = min(part, amount) if source in (None, lot) else 0
        amount -= used
        left += [(lot, part - used)] if part > used else []
    return left


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
    released: int = 0  # its place among the releases, from one
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


@dataclass(eq=False)
class Payout:
    """Money on its way to a creator."""

    creator: UUID
    currency: str
    amount: int
    reserved_at: datetime
    state: str = "open"  # then sent, failed or returned
    on_the_rail: bool = False


class Money:
    """Each creator's buckets, the house's accounts, and the lots that are available: longest there first."""

    def __init__(self):
        self.has = Counter()  # (bucket, creator, currency) → minor units
        self.house = Counter()  # (kind, currency) → minor units, debits positive
        self.story = defaultdict(list)  # (creator, currency) → [(events, what is available after them)]
        self.lines = []  # (source, creator) of all royalty lines, in the order in which the books have them
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

    # Whose money is available: told as a story, one chapter a movement, and read again when somebody asks.

    def tell(self, creator, currency, *events):
        """Writes what came and went of which sale, and how much is available after it."""
        order = [line for line in self.lines if line[1] == creator]
        place = {source: number for number, (source, _) in enumerate(order)}
        events = sorted(events, key=lambda event: (WHAT.index(event[0]), place.get(event[1], -1)))
        self.story[creator, currency].append((events, self.has["available", creator, currency]))

    def standing(self, creator, currency, asked=None):
        """Returns what of which sale is available, longest there first, or what of it is in the payout that is asked.

        A payout that came back gives its sales' money back; one that did not took all that there was. What no chapter
        names came out of a reserve.
        """
        lots, aside, missing, gone = [], {}, Counter(), Counter()
        for events, there in self.story[creator, currency]:
            before = len(lots)
            for what, which, amount in events:
                if what == "in" and amount:
                    lots.append((which, amount))
                elif what == "kept":  # a reserve is kept of what was just released
                    lots[before:] = less(lots[before:], amount)
                elif what == "out":
                    lots = less(lots, amount, which)
                elif what == "held":  # a freeze found it there: what the story does not name was kept in reserve
                    gone[which] += max(0, amount - sum(part for source, part in lots if source == which))
                    lots = less(lots, amount, which)
                elif what == "most":
                    lots = self._at_most(lots, aside, missing, which, amount)
                elif what == "aside" and (which.state in ("failed", "returned") or which is asked):
                    lots, aside[which] = [], lots
                elif what == "again":
                    lots += aside.pop(which, [])
                    before = len(lots)
            left = latest(lots, there)
            self._replace(aside, missing, first(lots, total(lots) - total(left)))
            lots = left
        unnamed = self.has["available", creator, currency] - total(lots)
        known = lots + [lot for parts in aside.values() for lot in parts]
        if asked is None:
            found = self._unnamed(creator, currency, known, gone, unnamed) + lots
            self._is_somebodys(creator, currency, found)
            return found
        missed = asked.amount - total(aside[asked])
        return self._unnamed(creator, currency, known, gone, missed, unnamed) + aside[asked]

    def _at_most(self, lots, aside, missing, source, most):
        """Takes away what is more of a sale than remains of it: what payouts took first, and it is missing there."""
        over = sum(part for parts in (*aside.values(), lots) for lot, part in parts if lot == source) - most
        for name, parts in aside.items():
            gone = max(0, min(over, sum(part for lot, part in parts if lot == source)))
            over -= gone
            missing[name] += gone
            aside[name] = less(parts, gone, source)
        return less(lots, max(0, over), source)

    def _replace(self, aside, missing, used):
        """What was used in place of what a payout had taken is in the payout now."""
        for name in aside:
            part = min(missing[name], total(used))
            missing[name] -= part
            aside[name] = aside[name] + first(used, part)
            used = less(used, part)

    def _unnamed(self, creator, currency, known, gone, amount, later=0):
        """Returns of which sales that much is: kept in reserve before what is there still and not gone into a hold
        since, else released last."""
        named, found = Counter(), []
        for source, part in known:
            named[source] += part
        skip = later + self.has["reserve", creator, currency]
        kept = [(source, most - gone[source]) for source, most in self.kept_of(creator, currency)]
        for candidates in (kept, self.released_of(creator, currency)):
            for source, most in reversed(candidates):
                there = max(0, min(most, self.free(source, creator) - named[source]))
                passed = min(there, skip)
                part = min(there - passed, amount)
                skip, amount, named[source] = skip - passed, amount - part, named[source] + passed + part
                found += [(source, part)] if part else []
            skip = 0
        return found[::-1]

    def _is_somebodys(self, creator, currency, found):
        """All that is available is of sales of which so much remains, unless a debt was given up."""
        parts = Counter()
        for source, part in found:
            parts[source] += part
        assert all(part <= self.free(source, creator) for source, part in parts.items())
        assert sum(parts.values()) == self.has["available", creator, currency] or self.house["bad_debt", currency]

    def free(self, source, creator):
        """Returns what remains of a line and is not held."""
        return self.sales[source].left[creator] - self.held[source, creator]

    def kept_of(self, creator, currency):
        """Returns of which sales how much was kept in reserve, the first to end first."""
        raise NotImplementedError

    def released_of(self, creator, currency):
        """Returns all sales of theirs that were released, the first first, with what remains of each."""
        raise NotImplementedError

    def pay_debt(self, creator, currency, amount):
        """Returns what is left of the amount."""
        back = min(self.has["owed", creator, currency], amount)
        self.put("owed", creator, currency, -back)
        return amount - back

    def give(self, creator, currency, lots):
        """Gives what came of sales: against debts first, the rest is available."""
        amount = sum(part for _, part in lots)
        self.put("available", creator, currency, self.pay_debt(creator, currency, amount))
        self.tell(creator, currency, *(("in", source, part) for source, part in lots))

    # What is frozen.

    def hold(self, creator, source, amount):
        if amount:
            self.held[source, creator] += amount
            self.put("frozen", creator, self.sales[source].currency, amount)

    def unhold(self, creator, source, amount=None):
        """Takes so much, or all, of a line out of the hold, and returns what was there of it."""
        there = self.held[source, creator]
        taken = there if amount is None else min(there, amount)
        self.held[source, creator] -= taken
        self.put("frozen", creator, self.sales[source].currency, -taken)
        return taken
