"""The model's reversals: refunds, disputes and takedowns by what remains of a sale, freezes, and debts given up."""

from dataclasses import dataclass, field
from uuid import UUID

from tests.payouts.machine.earning import Earning, Refused
from tests.payouts.machine.money import divide


@dataclass
class Reversal:
    """What was taken of one sale, and of each of its lines from which bucket."""

    kind: str
    source: str
    reason: str
    amount: int
    tax: int = 0
    fee: int = 0
    pot: int = 0
    loss: int = 0
    lines: dict[UUID, dict[str, int]] = field(default_factory=dict)  # creator → bucket → minor units
    outcome: str | None = None

    @property
    def net(self):
        return sum(sum(buckets.values()) for buckets in self.lines.values())


class Reversing(Earning):
    def __init__(self):
        super().__init__()
        self.reversals = {}  # key → Reversal, in their order

    # Refunds and disputes.

    def refund(self, key, source, amount, now):
        """Gives the buyer a part of what remains, and never more."""
        sale = self.sales[source]
        if amount > self._there(sale):
            raise Refused
        reversal = self._take(key, "refund", sale, amount, now)
        for kind, part in (("tax_payable", reversal.tax), ("platform_fee", reversal.fee), ("taken_down", reversal.pot)):
            self.debit(kind, sale.currency, part)
        self.credit(sale.paid_from, sale.currency, amount)

    def dispute(self, key, source, amount, now):
        """The buyer's bank takes an amount, or all that remains; creators' parts are held until it is decided."""
        sale = self.sales[source]
        amount = self._there(sale) if amount is None else amount
        if not amount:
            raise Refused
        reversal = self._take(key, "dispute", sale, amount, now)
        for creator, buckets in reversal.lines.items():
            self.put("disputed", creator, sale.currency, sum(buckets.values()))
        self.debit("dispute_suspense", sale.currency, amount)
        self.credit(sale.paid_from, sale.currency, amount)

    def end(self, key, outcome):
        """A refund failed, or a dispute is won or lost."""
        reversal = self.reversals[key]
        sale = self.sales[reversal.source]
        reversal.outcome = outcome
        if reversal.kind == "dispute":
            self.credit("dispute_suspense", sale.currency, reversal.amount)
            for creator, buckets in reversal.lines.items():
                self.put("disputed", creator, sale.currency, -sum(buckets.values()))
        house = (("tax_payable", reversal.tax), ("platform_fee", reversal.fee), ("taken_down", reversal.pot))
        if outcome == "lost":
            for kind, part in (*house, ("dispute_loss", reversal.loss)):
                self.debit(kind, sale.currency, part)
            return
        self.debit(sale.paid_from, sale.currency, reversal.amount)
        if outcome == "failed":
            for kind, part in house:
                self.credit(kind, sale.currency, part)
        sale.tax, sale.fee, sale.pot = sale.tax + reversal.tax, sale.fee + reversal.fee, sale.pot + reversal.pot
        for creator, buckets in sorted(reversal.lines.items()):
            self._give_back(sale, creator, sum(buckets.values()), buckets.get("frozen", 0))

    def _there(self, sale):
        """Returns what remains of a sale, as it will be when it is allocated."""
        return sale.remaining() + (sale.net if sale.due is None else 0)

    def _take(self, key, kind, sale, amount, now):
        """Divides the amount over what remains, takes it from there, and what is missing is a loss."""
        if sale.due is None:
            self.allocate(now, only=sale.source)
        remains = sale.remains()
        there = sum(part for _, part in remains)
        divided = divide(min(amount, there), [part for _, part in remains]) if there else [0] * len(remains)
        parts = dict(zip((name for name, _ in remains), divided, strict=True))
        reversal = Reversal(kind, sale.source, "", amount, parts["tax"], parts["fee"], parts["pot"])
        reversal.loss = amount - min(amount, there)
        sale.tax, sale.fee, sale.pot = sale.tax - parts["tax"], sale.fee - parts["fee"], sale.pot - parts["pot"]
        for creator in sorted(sale.left):
            if parts[creator]:
                reversal.lines[creator] = self._take_line(sale, creator, parts[creator])
        self.reversals[key] = reversal
        return reversal

    def _take_line(self, sale, creator, amount):
        """Takes of one line and returns from which buckets: the line's own hold, pending, reserve, available, debt."""
        sale.left[creator] -= amount
        taken = {"frozen": self.unhold(creator, sale.source, amount)}
        rest = amount - taken["frozen"]
        if not sale.released:
            taken["pending"] = rest
            self.put("pending", creator, sale.currency, -rest)
        else:
            taken["reserve"] = min(rest, self.has["reserve", creator, sale.currency])
            self.put("reserve", creator, sale.currency, -taken["reserve"])
            rest -= taken["reserve"]
            taken["available"] = min(rest, self.has["available", creator, sale.currency])
            self.put("available", creator, sale.currency, -taken["available"])
            taken["owed"] = rest - taken["available"]
            self.put("owed", creator, sale.currency, taken["owed"])
            most = sale.left[creator] - self.held[sale.source, creator]
            events = [("out", sale.source, taken["available"]), ("most", sale.source, most)]
            self.tell(creator, sale.currency, *events)
        return {bucket: part for bucket, part in taken.items() if part}

    def _give_back(self, sale, creator, amount, was_held=0):
        """Gives a line back: held while its subject is frozen, pending while its run is, else debts first."""
        sale.left[creator] += amount
        if self.is_frozen(sale.source):
            was_held = was_held if sale.released else amount
            self.hold(creator, sale.source, was_held + self.pay_debt(creator, sale.currency, amount - was_held))
        elif sale.released:
            self.give(creator, sale.currency, [(sale.source, amount)])
        else:
            self.put("pending", creator, sale.currency, amount)

    # Takedowns.

    def take_down(self, subject, reason, now):
        """All that remains of the lines of a subject's sales goes into the pot."""
        for sale in list(self.sales.values()):
            if sale.subject != subject:
                continue
            if sale.due is None:
                self.allocate(now, only=sale.source)
            amount = sum(sale.left.values())
            if not amount:
                continue
            reversal = Reversal("takedown", sale.source, reason, amount)
            for creator, part in sorted(sale.left.items()):
                if part:
                    reversal.lines[creator] = self._take_line(sale, creator, part)
            sale.pot += amount
            self.credit("taken_down", sale.currency, amount)
            self.reversals[f"takedown:{reason}:{sale.source}"] = reversal

    # Freezes.

    def freeze(self, subject, reason):
        """Holds what of a subject's lines is pending or available."""
        if (subject, reason) in self.freezes:
            return
        self.freezes[subject, reason] = True
        theirs = set()  # who may have available what was released of it
        for source, sale in self.sales.items():
            if sale.subject != subject or sale.due is None:
                continue
            for creator, part in sale.left.items():
                if not sale.released:
                    rest = part - self.held[source, creator]
                    self.put("pending", creator, sale.currency, -rest)
                    self.hold(creator, source, rest)
                else:
                    theirs.add((creator, sale.currency))
        for creator, currency in sorted(theirs):
            lots = [(lot, part) for lot, part in self.standing(creator, currency) if self._is_of(lot, subject)]
            for source, part in lots:
                self.put("available", creator, currency, -part)
                self.hold(creator, source, part)
            self.tell(creator, currency, *(("out", source, part) for source, part in lots))

    def _is_of(self, source, subject):
        return self.sales[source].subject == subject

    def thaw(self, subject, reason):
        """Gives back what is held, once nothing freezes the subject any more."""
        if not self.freezes.get((subject, reason)):
            return
        self.freezes[subject, reason] = False
        back = {}  # (creator, currency) → what of which sale
        for source, creator in self.lines:
            if self.held[source, creator] and not self.is_frozen(source):
                amount, sale = self.unhold(creator, source), self.sales[source]
                if sale.released:
                    back.setdefault((creator, sale.currency), []).append((source, amount))
                else:
                    self.put("pending", creator, sale.currency, amount)
        for (creator, currency), lots in sorted(back.items()):
            self.give(creator, currency, lots)

    # Debts.

    def write_off(self, creator, currency, amount):
        if amount > self.has["owed", creator, currency]:
            raise Refused
        self.put("owed", creator, currency, -amount)
        self.debit("bad_debt", currency, amount)
