"""The model's way from a sale to money that is available: allocated, held, kept in reserve, released."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tests.payouts.machine.judging import Judging
from tests.payouts.machine.money import Money, Sale, first

RARER = ("always", "daily", "weekly", "monthly", "manual")
"""The schedules, the rarer the later."""


class Refused(Exception):
    """The books refuse it, and nothing is written."""


@dataclass
class Terms:
    """How creators are paid: the policy of a scope."""

    hold_days: int | None = 14
    reserve_ppb: int = 0
    reserve_days: int = 0
    threshold: int = 1
    schedule: str = "always"
    day: int = 0


@dataclass
class Reserve:
    """What was kept back of one release."""

    creator: UUID
    currency: str
    amount: int
    until: datetime
    lots: list  # of which sales it was kept: the first that were released
    ended: bool = False


class Earning(Judging, Money):
    def __init__(self):
        super().__init__()
        self.policies = {}  # (creator or None, currency or "") → the newest Terms
        self.wishes = {}  # (creator, currency) → threshold, schedule, day
        self.reserves = []
        self.freezes = {}  # (subject, reason) → whether it stands
        self.runs = 0
        self.releases = 0

    def terms(self, creator, currency):
        """Returns the terms of the closest scope."""
        for scope in ((creator, currency), (creator, ""), (None, currency), (None, "")):
            if scope in self.policies:
                return self.policies[scope]
        return Terms()

    def wish(self, creator, currency, threshold, schedule, day):
        """A creator wants rarer or larger payouts; more often or smaller than the policy says is refused."""
        terms = self.terms(creator, currency)
        if RARER.index(schedule) < RARER.index(terms.schedule) or threshold < terms.threshold:
            raise Refused
        self.wishes[creator, currency] = (threshold, schedule, day)

    def wished(self, creator, currency):
        """Returns threshold, schedule and day as they count: the larger and the rarer of policy and wish."""
        terms = self.terms(creator, currency)
        threshold, schedule, day = self.wishes.get((creator, currency), (0, RARER[0], 0))
        rarer = RARER.index(schedule) >= RARER.index(terms.schedule) and (creator, currency) in self.wishes
        when = (schedule, day) if rarer else (terms.schedule, terms.day)
        return max(threshold, terms.threshold), *when

    def hold_days(self, currency):
        scopes = [scope for scope in ((None, currency), (None, "")) if scope in self.policies]
        return self.policies[scopes[0]].hold_days if scopes else Terms().hold_days

    def is_frozen(self, source):
        subject = self.sales[source].subject
        return any(stands for (frozen, _), stands in self.freezes.items() if frozen == subject)

    def sell(self, source, subject, currency, tax, fee, shares, paid_from="psp_clearing"):
        """Books what a buyer paid; `shares` is what each creator will have of the net."""
        sale = Sale(source, subject, currency, tax, fee, shares, paid_from)
        self.sales[source] = sale
        self.debit(paid_from, currency, tax + fee + sale.net)
        self.credit("tax_payable", currency, tax)
        self.credit("platform_fee", currency, fee)
        self.credit("royalty_unallocated", currency, sale.net)

    def allocate(self, now, only=None):
        """Allocates what waits and is not frozen, in a run for each currency; or one sale alone, frozen or not."""
        first = self.runs
        for sale in self.sales.values():
            waits = sale.due is None and sale.net  # without a net there is nothing to allocate
            if waits and (only == sale.source if only else not self.is_frozen(sale.source)):
                sale.due, sale.run = now + timedelta(days=self.hold_days(sale.currency)), first
                sale.ran_at, self.runs = now, first + 1
                sale.left = {creator: part for creator, part in sale.shares.items() if part}
                self.debit("royalty_unallocated", sale.currency, sale.net)
                for creator, part in sale.left.items():
                    self.put("pending", creator, sale.currency, part)
                    self.earned.add((creator, sale.currency))

    def release(self, now):
        """Ends the hold periods that are over."""
        due = {(sale.run, sale.currency) for sale in self.sales.values() if self._is_due(sale, now)}
        for run, currency in sorted(due):
            self._release(run, currency, now)

    def _is_due(self, sale, now):
        return sale.due is not None and sale.due <= now and not sale.released

    def _release(self, run, currency, now):
        came, ran_at = {}, None  # creator → [(source, amount)]
        for source, creator in self.lines:
            sale = self.sales[source]
            if (sale.run, sale.currency) == (run, currency) and sale.due is not None:
                ran_at = sale.ran_at
                amount = sale.left[creator] - self.held[source, creator]
                if amount:
                    came.setdefault(creator, []).append((source, amount))
        for creator, lots in sorted(came.items()):
            amount = sum(part for _, part in lots)
            self.put("pending", creator, currency, -amount)
            rest = self.pay_debt(creator, currency, amount)
            parts = self.kept_back(creator, currency, rest, ran_at, now)
            kept = sum(parts.values())
            for until, part in parts.items():
                of = first(lots, kept) if until == max(parts) else []  # all that was kept is told of once
                self.reserves.append(Reserve(creator, currency, part, until, of))
            self.put("reserve", creator, currency, kept)
            self.put("available", creator, currency, rest - kept)
            self.tell(creator, currency, *(("in", *lot) for lot in lots), ("kept", None, kept))
        self.releases += 1
        for sale in self.sales.values():
            if (sale.run, sale.currency) == (run, currency) and sale.due is not None:
                sale.released = self.releases

    def kept_of(self, creator, currency):
        theirs = [reserve for reserve in self.reserves if (reserve.creator, reserve.currency) == (creator, currency)]
        return [lot for reserve in sorted(theirs, key=lambda reserve: reserve.until) for lot in reserve.lots]

    def released_of(self, creator, currency):
        theirs = [source for source, payee in self.lines if payee == creator and self.sales[source].released]
        theirs = [source for source in theirs if self.sales[source].currency == currency]
        order = sorted(theirs, key=lambda source: self.sales[source].released)
        return [(source, self.sales[source].left[creator]) for source in order]

    def release_reserves(self, now):
        """Ends reserves that are due: what is there beyond those that are not due yet becomes available."""
        waiting = {
            creator
            for sale in self.sales.values()
            if sale.due is not None and self.is_frozen(sale.source)
            for creator, part in sale.shares.items()
            if part
        }
        standing = [reserve for reserve in self.reserves if not reserve.ended and reserve.creator not in waiting]
        for creator, currency in sorted({(reserve.creator, reserve.currency) for reserve in standing}):
            theirs = [reserve for reserve in standing if (reserve.creator, reserve.currency) == (creator, currency)]
            due = [reserve for reserve in theirs if reserve.until <= now]
            there = self.has["reserve", creator, currency]
            not_due = sum(reserve.amount for reserve in theirs if reserve.until > now)
            free = max(0, min(sum(reserve.amount for reserve in due), there - not_due))
            for reserve in due:
                reserve.ended = there > 0  # without any there is nothing to end yet
            self.put("reserve", creator, currency, -free)
            self.put("available", creator, currency, self.pay_debt(creator, currency, free))
            self.tell(creator, currency)
