"""What the random histories are compared with."""

from collections import Counter, defaultdict
from datetime import timedelta

CURRENCIES = ["JPY", "USD"]
HOLD = timedelta(days=14)


class Model:
    """The same books in a few dictionaries: (what, creator, currency) → minor units.

    `lots` tells whose money is available, longest there first: (creator, currency) → [(source, minor units)].
    """

    def __init__(self):
        self.has = Counter()
        self.lots = defaultdict(list)
        self.held = {}  # (source, creator) → what is held of it for a claim
        self.freezes = {}  # (subject, reason) → whether it stands
        self.sales = {}  # source → its subject, currency, parts, due (when available; None: not allocated), released,
        #                  dispute, and what that took from the hold
        self.open = []  # payouts on the way: (creator, currency, amount, lots)
        self.sent = False  # the first of them left with the rail, which did not live to tell

    def is_frozen(self, source):
        subject = self.sales[source]["subject"]
        return any(stands for (frozen, _), stands in self.freezes.items() if frozen == subject)

    def latest(self, lots, there):
        """What is left of lots when only so much is there: whole lots from the end, and a part of the one before."""
        left = []
        for source, amount in reversed(lots):
            part = min(amount, there)
            there -= part
            left += [(source, part)] if part else []
        return left[::-1]

    def move(self, creator, currency, amount):
        self.has["available", creator, currency] += amount
        there = self.has["available", creator, currency]
        self.lots[creator, currency] = self.latest(self.lots[creator, currency], there)

    def pay_debt(self, creator, currency, amount):
        """Returns what is left of the amount."""
        back = min(self.has["owed", creator, currency], amount)
        self.has["owed", creator, currency] -= back
        return amount - back

    def credit(self, creator, source, amount):
        currency = self.sales[source]["currency"]
        self.lots[creator, currency].append((source, amount))
        self.move(creator, currency, self.pay_debt(creator, currency, amount))

    def hold(self, creator, source, amount):
        if amount:
            self.held[source, creator] = amount
            self.has["frozen", creator, self.sales[source]["currency"]] += amount

    def unhold(self, creator, source):
        amount = self.held.pop((source, creator), 0)
        self.has["frozen", creator, self.sales[source]["currency"]] -= amount
        return amount

    def take_lot(self, creator, source):
        """Forgets that the sale's money is available or in a payout, and tells how much was available."""
        lots = self.lots[creator, self.sales[source]["currency"]]
        taken = sum(amount for lot, amount in lots if lot == source)
        lots[:] = [lot for lot in lots if lot[0] != source]
        for payee, _, _, sent in self.open:
            sent[:] = [lot for lot in sent if (lot[0], payee) != (source, creator)]
        return taken

    def allocate(self, now, currency=None):
        for source, sale in self.sales.items():
            waits = sale["due"] is None and (sale["dispute"] or not self.is_frozen(source))
            if waits and currency in (None, sale["currency"]):
                sale["due"] = now + HOLD
                for creator, part in sale["parts"].items():
                    self.has["pending", creator, sale["currency"]] += part

    def release(self, now, lines):
        """`lines` are (source, creator) in the order in which the books have them."""
        due = {key for key, sale in self.sales.items() if sale["due"] and sale["due"] <= now and not sale["released"]}
        for source, creator in lines:
            sale = self.sales[source]
            if source in due and sale["dispute"] in (None, "won") and (source, creator) not in self.held:
                self.has["pending", creator, sale["currency"]] -= sale["parts"][creator]
                self.credit(creator, source, sale["parts"][creator])
        for source in due:
            self.sales[source]["released"] = True

    def dispute(self, source, now):
        sale = self.sales[source]
        if sale["dispute"]:
            return
        sale["dispute"] = "open"
        if sale["due"] is None:
            self.allocate(now, sale["currency"])
        for creator, part in sale["parts"].items():
            self.has["hold", creator, sale["currency"]] += part
            sale["from hold"][creator] = self.unhold(creator, source)
            rest = part - sale["from hold"][creator]
            if not sale["released"]:
                self.has["pending", creator, sale["currency"]] -= rest
                continue
            there = min(rest, self.has["available", creator, sale["currency"]])
            self.take_lot(creator, source)
            self.move(creator, sale["currency"], -there)
            self.has["owed", creator, sale["currency"]] += rest - there

    def close(self, source, outcome):
        sale = self.sales[source]
        sale["dispute"] = outcome
        for creator, part in sale["parts"].items():
            self.has["hold", creator, sale["currency"]] -= part
            if outcome == "lost":
                continue
            if self.is_frozen(source):
                was = sale["from hold"][creator] if sale["released"] else part
                self.hold(creator, source, was + self.pay_debt(creator, sale["currency"], part - was))
            elif sale["released"]:
                self.credit(creator, source, part)
            else:
                self.has["pending", creator, sale["currency"]] += part

    def freeze(self, subject, reason):
        if (subject, reason) in self.freezes:
            return
        self.freezes[subject, reason] = True
        for source, sale in self.sales.items():
            if sale["subject"] != subject or sale["due"] is None or sale["dispute"] in ("open", "lost"):
                continue
            for creator, part in sale["parts"].items():
                if (source, creator) in self.held:
                    continue
                if sale["released"]:
                    there = sum(amount for lot, amount in self.lots[creator, sale["currency"]] if lot == source)
                    if there:
                        self.take_lot(creator, source)
                        self.has["available", creator, sale["currency"]] -= there
                    self.hold(creator, source, there)
                else:
                    self.has["pending", creator, sale["currency"]] -= part
                    self.hold(creator, source, part)

    def thaw(self, subject, reason, lines):
        if not self.freezes.get((subject, reason)):
            return
        self.freezes[subject, reason] = False
        for source, creator in lines:
            if (source, creator) in self.held and not self.is_frozen(source):
                amount, sale = self.unhold(creator, source), self.sales[source]
                if sale["released"]:
                    self.credit(creator, source, amount)
                else:
                    self.has["pending", creator, sale["currency"]] += amount

    def refuse(self, creator, currency, amount, lots):
        rest = self.pay_debt(creator, currency, amount)
        for source, part in self.latest(lots, rest):
            if self.is_frozen(source):
                self.hold(creator, source, part)
                rest -= part
            else:
                self.lots[creator, currency].append((source, part))
        self.move(creator, currency, rest)

    def settle(self, creators, fault):
        """The fault meets the first call; "refuse" ends one payout, anything else ends the run."""
        faults = [fault] if fault else []

        def send_open():
            refused = set()
            while self.open:
                creator, currency, amount, lots = self.open[0]
                met = faults.pop() if faults else None
                if met and met != "refuse":
                    self.sent = self.sent or met != "down"
                    return None
                self.open.pop(0)
                sent, self.sent = self.sent, False
                if met == "refuse" and not sent:
                    refused.add(creator)
                    self.refuse(creator, currency, amount, lots)
                else:
                    self.has["paid", creator, currency] += amount
            return refused

        refused = send_open()
        if refused is None:
            return
        for currency in CURRENCIES:
            for creator in creators:
                amount = self.has["available", creator, currency]
                if amount and creator not in refused:
                    self.has["available", creator, currency] = 0
                    self.open.append((creator, currency, amount, self.lots.pop((creator, currency))))
            if send_open() is None:
                return
