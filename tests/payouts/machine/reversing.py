"""The model's reversals by what remains of a sale: refunds and disputes, and debts that are given up."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tests.payouts.machine.earning import Earning, Refused
from tests.payouts.machine.money import divide


@dataclass
class Reversal:
    """What was taken of one sale, and of each of its lines from which bucket; and what came back of its lines."""

    kind: str
    source: str
    reason: str
    amount: int
    opened_at: datetime
    tax: int = 0
    fee: int = 0
    pot: int = 0
    loss: int = 0
    lines: dict[UUID, dict[str, int]] = field(default_factory=dict)  # creator → bucket → minor units
    returned: dict[UUID, int] = field(default_factory=dict)
    outcome: str | None = None

    @property
    def net(self):
        return sum(sum(buckets.values()) for buckets in self.lines.values())


class Reversing(Earning):
    def __init__(self):
        super().__init__()
        self.reversals = {}  # key → Reversal, in their order
        self._said = defaultdict(list)  # (creator, currency) → what the movement under way says of their lines

    def of(self, sale, kind=None):
        return [one for one in self.reversals.values() if one.source == sale.source and kind in (None, one.kind)]

    # Refunds and disputes.

    def refund(self, key, source, amount, now):
        """Gives the buyer a part of what remains, and never more."""
        sale = self.sales[source]
        if amount > self.there(sale) or sale.paid_from == "taken_down":
            raise Refused
        reversal = self._take(key, "refund", sale, amount, now)
        for kind, part in (("tax_payable", reversal.tax), ("platform_fee", reversal.fee), ("taken_down", reversal.pot)):
            self.debit(kind, sale.currency, part)
        self.credit(sale.paid_from, sale.currency, amount)

    def dispute(self, key, source, amount, now):
        """The buyer's bank takes an amount, or all that remains; creators' parts are held until it is decided."""
        sale = self.sales[source]
        amount = self.there(sale) if amount is None else amount
        if not amount or sale.paid_from == "taken_down":
            raise Refused
        reversal = self._take(key, "dispute", sale, amount, now)
        for creator, buckets in reversal.lines.items():
            self.put("disputed", creator, sale.currency, sum(buckets.values()))
        self.debit("dispute_suspense", sale.currency, amount)
        self.credit(sale.paid_from, sale.currency, amount)

    def end(self, key, outcome, now):
        """A refund failed, or a dispute is won or lost."""
        reversal = self.reversals[key]
        sale = self.sales[reversal.source]
        if reversal.kind == "dispute":
            self.credit("dispute_suspense", sale.currency, reversal.amount)
            for creator, buckets in reversal.lines.items():
                self.put("disputed", creator, sale.currency, -sum(buckets.values()))
        if outcome == "lost":
            reversal.outcome = outcome
            house = (("tax_payable", reversal.tax), ("platform_fee", reversal.fee), ("taken_down", reversal.pot))
            for kind, part in (*house, ("dispute_loss", reversal.loss)):
                self.debit(kind, sale.currency, part)
            return
        self.debit(sale.paid_from, sale.currency, reversal.amount)
        stays, home = self._home_of(sale, reversal.pot)
        if outcome == "failed":
            for kind, part in (("tax_payable", reversal.tax), ("platform_fee", reversal.fee), ("taken_down", stays)):
                self.credit(kind, sale.currency, part)
        else:  # an open dispute had not moved the pot
            self.debit("taken_down", sale.currency, reversal.pot - stays)
        sale.tax, sale.fee, sale.pot = sale.tax + reversal.tax, sale.fee + reversal.fee, sale.pot + stays
        reversal.outcome = outcome
        for creator in sorted({*reversal.lines, *home}):
            taken = reversal.lines.get(creator, {})
            amount = sum(taken.values()) + home.get(creator, 0)
            reversal.returned[creator] = amount
            self._give_back(sale, creator, amount, taken.get("frozen", 0))
        self._tell_all()
        self.take_again(sale, now)

    def take_again(self, sale, now):
        """What came back of a sale that is taken down is put aside as well."""
        raise NotImplementedError

    def _home_of(self, sale, pot):
        """Returns what of a pot that comes back stays there, and what each line gets: all, once no takedown stands."""
        if not pot or any(one.outcome is None for one in self.of(sale, "takedown")):
            return pot, {}
        missing = dict.fromkeys(sorted(sale.left), 0)
        for one in self.of(sale):
            for creator in missing:
                if one.outcome in ("lifted", "won", "failed"):
                    missing[creator] += sum(one.lines.get(creator, {}).values())
                missing[creator] -= one.returned.get(creator, 0)
        to_lines = min(pot, sum(missing.values()))
        parts = divide(to_lines, list(missing.values())) if to_lines else []
        return pot - to_lines, {creator: part for creator, part in zip(missing, parts, strict=False) if part}

    def there(self, sale):
        """Returns what remains of a sale, as it will be when it is allocated."""
        return sale.remaining() + (sale.net if sale.due is None else 0)

    def _take(self, key, kind, sale, amount, now):
        """Divides the amount over what remains, takes it from there, and what is missing is a loss."""
        if sale.due is None:
            self.allocate(now, only=sale.source)
            if self.is_frozen(sale.source):
                for creator, part in sale.left.items():
                    self.put("pending", creator, sale.currency, -part)
                    self.hold(creator, sale.source, part)
        remains = sale.remains()
        there = sum(part for _, part in remains)
        divided = divide(min(amount, there), [part for _, part in remains]) if there else [0] * len(remains)
        parts = dict(zip((name for name, _ in remains), divided, strict=True))
        reversal = Reversal(kind, sale.source, "", amount, now, parts["tax"], parts["fee"], parts["pot"])
        reversal.loss = amount - min(amount, there)
        sale.tax, sale.fee, sale.pot = sale.tax - parts["tax"], sale.fee - parts["fee"], sale.pot - parts["pot"]
        for creator in sorted(sale.left):
            if parts[creator]:
                reversal.lines[creator] = self._take_line(sale, creator, parts[creator])
        self._tell_all()
        self.reversals[key] = reversal
        self.hold_left_by([reversal], sale.currency)
        return reversal

    def hold_left_by(self, reversals, currency):
        """Holds what is available of frozen subjects since somebody's reserve was taken for another."""
        reserves = {who for one in reversals for who, buckets in one.lines.items() if "reserve" in buckets}
        for creator in sorted(reserves):
            self.hold_available(creator, currency, self.is_frozen)

    def _take_line(self, sale, creator, amount):
        """Takes of one line and returns from which buckets: the line's own hold, pending, reserve, available, debt."""
        sale.left[creator] -= amount
        taken = {"frozen": self.unhold(creator, sale.source, amount)}
        rest = amount - taken["frozen"]
        if not sale.released:
            taken["pending"] = rest
            self.put("pending", creator, sale.currency, -rest)
        else:
            for bucket in ("reserve", "available"):
                taken[bucket] = min(rest, self.has[bucket, creator, sale.currency])
                self.put(bucket, creator, sale.currency, -taken[bucket])
                rest -= taken[bucket]
            taken["owed"] = rest
            self.put("owed", creator, sale.currency, rest)
            most = sale.left[creator] - self.held[sale.source, creator]
            events = [("out", sale.source, taken["available"]), ("most", sale.source, most)]
            self._said[creator, sale.currency] += events
        return {bucket: part for bucket, part in taken.items() if part}

    def _give_back(self, sale, creator, amount, was_held=0):
        """Gives a line back: held while its subject is frozen, pending while its run is, else debts first."""
        sale.left[creator] += amount
        if self.is_frozen(sale.source):
            was_held = was_held if sale.released else amount
            self.hold(creator, sale.source, was_held + self.pay_debt(creator, sale.currency, amount - was_held))
        elif sale.released:
            self.put("available", creator, sale.currency, self.pay_debt(creator, sale.currency, amount))
            self._said[creator, sale.currency].append(("in", sale.source, amount))
        else:
            self.put("pending", creator, sale.currency, amount)

    def _tell_all(self):
        """Ends a movement: what it said of each creator's lines is one chapter of their story."""
        for (creator, currency), events in self._said.items():
            self.tell(creator, currency, *events)
        self._said.clear()

    # Debts.

    def write_off(self, creator, currency, amount):
        if amount > self.has["owed", creator, currency]:
            raise Refused
        self.put("owed", creator, currency, -amount)
        self.debit("bad_debt", currency, amount)
