"""The model's payouts: due by policy, reserved, sent over a rail with faults, failed or returned."""

from datetime import timedelta

from tests.payouts.machine.claiming import Claiming
from tests.payouts.machine.money import Payout, latest


class Stopped(Exception):
    """The settlement ends here: the rail gave no answer, or the process died."""


class Paying(Claiming):
    def __init__(self):
        super().__init__()
        self.holds = {}  # key → (creator, currency or ""), while it stands

    def is_held(self, creator, currency):
        held = any(held == creator and code in ("", currency) for held, code in self.holds.values())
        return held or self.is_unpassed(creator)

    def slot(self, schedule, day, now):
        """Returns the newest moment at which the schedule pays; None where it always does."""
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if schedule == "weekly":
            return today - timedelta(days=(today.isoweekday() - day) % 7)
        if schedule == "monthly":
            while today.day != day:
                today -= timedelta(days=1)
        return None if schedule == "always" else today

    def is_due(self, creator, currency, now):
        threshold, schedule, day = self.wished(creator, currency)
        theirs = [p for p in self.payouts if (p.creator, p.currency) == (creator, currency)]
        there = self.has["available", creator, currency]
        if self.is_held(creator, currency) or any(p.state == "open" for p in theirs) or not there:
            return False
        if there < threshold or schedule == "manual":
            return False
        slot = self.slot(schedule, day, now)
        return slot is None or not any(slot <= p.reserved_at <= now + timedelta(days=1) for p in theirs)

    def settle(self, now, creators, faults):
        """Pays what is due, one currency after the other. The faults meet the first calls of the rail."""
        open_in = {p.currency for p in self.payouts if p.state == "open"}
        some = {currency for (bucket, _, currency), amount in self.has.items() if bucket == "available" and amount}
        faults = list(faults)
        try:
            for currency in sorted(open_in | some):
                refused = self._send_open(currency, faults)
                self.need_checks(currency, now)
                for creator in sorted(creators):
                    if creator not in refused and self.is_due(creator, currency, now):
                        self._reserve(creator, currency, now)
                self._send_open(currency, faults)
        except Stopped:
            pass

    def _reserve(self, creator, currency, now):
        amount = self.has["available", creator, currency]
        self.put("available", creator, currency, -amount)
        self.credit("payout_in_flight", currency, amount)
        self.payouts.append(Payout(creator, currency, amount, now))
        self.tell(creator, currency, ("aside", self.payouts[-1], 0))

    def _send_open(self, currency, faults):
        """Returns whose payouts were refused."""
        refused = set()
        still_open = [p for p in self.payouts if p.state == "open" and p.currency == currency]
        for payout in sorted(still_open, key=lambda p: (p.reserved_at, p.creator)):
            if self.is_held(payout.creator, currency):
                continue
            fault = faults.pop(0) if faults else "work"
            if fault == "refuse" and not payout.on_the_rail:
                refused.add(payout.creator)
                self.debit("payout_in_flight", currency, payout.amount)
                self._come_back(payout, "failed")
                continue
            if fault in ("down", "die before"):
                raise Stopped
            payout.on_the_rail = True
            if fault in ("die after", "drop answer"):
                raise Stopped
            payout.state = "sent"
            self.debit("payout_in_flight", currency, payout.amount)
            self.credit("bank", currency, payout.amount)
        return refused

    def come_back(self, payout):
        """A payout that was sent comes back, maybe days later."""
        self.debit("bank", payout.currency, payout.amount)
        self._come_back(payout, "returned")

    def _come_back(self, payout, state):
        """Debts first; what is of frozen subjects is held, the rest is available again."""
        creator, currency = payout.creator, payout.currency
        lots, held = self.standing(creator, currency, payout), []
        rest = self.pay_debt(creator, currency, payout.amount)
        for source, part in latest(lots, rest):
            if self.is_frozen(source):
                self.hold(creator, source, part)
                held.append(("out", source, part))
                rest -= part
        self.put("available", creator, currency, rest)
        self.tell(creator, currency, ("again", payout, 0), *held)
        payout.state = state

    def paid(self, creator, currency):
        """Returns what was sent and did not come back."""
        return sum(p.amount for p in self.payouts if (p.creator, p.currency, p.state) == (creator, currency, "sent"))

    def on_the_way(self, creator, currency):
        return sum(p.amount for p in self.payouts if (p.creator, p.currency, p.state) == (creator, currency, "open"))
