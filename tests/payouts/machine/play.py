"""What may happen to the books in a play: whatever is done to PostgreSQL is done to the model, and all is compared."""

from datetime import timedelta

import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from marketplace.payouts import operations as books
from marketplace.payouts.checks.asking import lift_checks
from marketplace.payouts.risk_rules import Kept
from marketplace.payouts.rules import Money, allocate
from marketplace.payouts.terms import Schedule
from tests.payouts.fakes import FaultyRail, Killed
from tests.payouts.faults.proofs import facts
from tests.payouts.machine import asking
from tests.payouts.machine.beginnings import BEGINNINGS
from tests.payouts.machine.earning import Refused, Terms
from tests.payouts.machine.judging import Level
from tests.payouts.machine.model import CURRENCIES
from tests.payouts.machine.stage import Stage

SUBJECTS = ["release:a", "release:b"]
REASONS = ["claim:1", "claim:2"]
SCHEDULE = st.sampled_from([("always", 0), ("always", 0), ("daily", 0), ("weekly", 2), ("monthly", 1), ("manual", 0)])
RESERVE = st.sampled_from([(0, 0), (10**8, 10), (333_333_333, 30), (10**9, 5)])
NET = st.integers(0, 500) | st.integers(0, 49).map(lambda tens: 10 * tens + 5)
"""What creators share; every second one ends in 5, so that shares of 70 % and 30 % leave the same fraction."""
PICK = st.integers(0, 2**16)
"""Which of the things that there are by then."""


class Play(Stage):
    """What may happen, in any order."""

    beginnings = BEGINNINGS

    @initialize(chance=PICK, begins=st.runner().flatmap(lambda play: st.sampled_from(play.beginnings)))
    def begin(self, chance, begins):
        self.want(())
        assume(chance)  # Hypothesis tries the simplest of everything first: a history in which nothing happens
        self.there_is_a_history()
        begins(self)

    def there_is_a_history(self):
        """Some sales are released, some are in their hold period."""
        for currency in CURRENCIES:
            for which in range(3):
                self.sell(which, 100 + which, 10, 1, currency, SUBJECTS[which % 2])
        self.allocate()
        self.time_passes(14)
        self.release()
        for which in range(3):
            self.sell(which, 200 + which, 10, 1, "USD", SUBJECTS[which % 2])
        self.allocate()

    # Earning.

    @rule(days=st.sampled_from([14, 14, 14, 1, 1, 1, 40, -1, -3, -40]))
    def time_passes(self, days):
        self.model.note(self.now)
        self.now += timedelta(days=days)

    @rule(which=st.integers(0, 2), net=NET, fee=st.integers(0, 60), tax=st.integers(0, 9),
          currency=st.sampled_from(CURRENCIES), subject=st.sampled_from(["", *SUBJECTS]))  # fmt: skip
    def sell(self, which, net, fee, tax, currency, subject):
        split, shares = self.splits[which]
        gross = Money(net + fee + tax, currency)
        if not gross.amount_minor:
            return
        self.number += 1
        source = f"order-line:{self.number}"
        figures = {"gross": gross, "tax_minor": tax, "fee_minor": fee}
        books.record_sale(source=source, split=split, subject=subject, now=self.now, **figures)
        self.model.sell(source, subject, currency, tax, fee, dict(allocate(net, shares)))

    @rule()
    def allocate(self):
        books.allocate_royalties(now=self.now)
        self.model.allocate(self.now)

    @rule()
    def release(self):
        self.model.lines = asking.lines()
        books.release_holds(now=self.now)
        self.model.release(self.now)

    # Paying.

    @rule(faults=st.lists(st.sampled_from(["work", "refuse", "down", "die after", "drop answer"]), max_size=2))
    def settle(self, faults):
        FaultyRail.plan = list(faults)
        try:
            books.settle(now=self.now)
        except (books.UnableToSettle, Killed):
            assert set(faults) & {"down", "die after", "drop answer"}
        self.model.settle(self.now, [creator.pk for creator in self.cast], faults)
        self.model.note(self.now)
        self.now += timedelta(seconds=1)

    @precondition(lambda self: self.sent())
    @rule(which=PICK)
    def come_back(self, which):
        """A payout that was sent comes back, however long ago that was."""
        payout = self.sent()[which % len(self.sent())]
        theirs = [p for p in self.model.payouts if (p.creator, p.currency) == (payout.creator, payout.currency)]
        key = asking.key_of(payout.creator, payout.currency, theirs.index(payout))
        for _again in range(2):
            books.record_returned(key=key, reference="the account is closed", now=self.now)
        self.model.come_back(payout)

    # Policies and holds.

    @rule(who=st.sampled_from([None, None, 0, 1, 2]), currency=st.sampled_from(["", *CURRENCIES]),
          hold=st.sampled_from([0, 3, 14]), reserve=RESERVE, threshold=st.sampled_from([1, 1, 50, 200]),
          schedule=SCHEDULE)  # fmt: skip
    def set_policy(self, who, currency, hold, reserve, threshold, schedule):
        creator = None if who is None else self.cast[who]
        terms = Terms(hold if who is None else None, *reserve, threshold, *schedule)
        books.set_policy(
            creator=creator,
            currency=currency,
            hold_days=terms.hold_days,
            reserve_ppb=terms.reserve_ppb,
            reserve_days=terms.reserve_days,
            threshold_minor=threshold,
            schedule=Schedule(*schedule),
            reason="the house says so",
            by="mo",
            now=self.now,
        )
        self.model.policies[creator and creator.pk, currency] = terms

    @rule(who=st.integers(0, 2), currency=st.sampled_from(CURRENCIES), threshold=st.sampled_from([1, 100]),
          schedule=SCHEDULE)  # fmt: skip
    def wish(self, who, currency, threshold, schedule):
        creator, said = self.cast[who], {"threshold_minor": threshold, "schedule": Schedule(*schedule)}
        try:
            self.model.wish(creator.pk, currency, threshold, *schedule)
        except Refused:
            with pytest.raises(books.UnableToWish):
                books.wish(creator=creator, currency=currency, now=self.now, **said)
        else:
            books.wish(creator=creator, currency=currency, now=self.now, **said)

    @rule(who=st.integers(0, 2), currency=st.sampled_from(["", *CURRENCIES]))
    def hold_payouts(self, who, currency):
        self.number += 1
        key, creator = f"hold:{self.number}", self.cast[who]
        books.hold_payouts(creator=creator, currency=currency, key=key, reason="papers", by="mo", now=self.now)
        self.model.holds[key] = (creator.pk, currency)

    @precondition(lambda self: self.model.holds)
    @rule(which=PICK)
    def release_payouts(self, which):
        key = sorted(self.model.holds)[which % len(self.model.holds)]
        books.release_payouts(key=key, by="mo", now=self.now)
        del self.model.holds[key]

    @rule(number=st.sampled_from([1, 2]), below=st.sampled_from([None, 10, 50, 400]),
          hold=st.sampled_from([0, 5, 25]), reserve=RESERVE)  # fmt: skip
    def set_risk_level(self, number, below, hold, reserve):
        kept = Kept(hold, *reserve)
        books.set_risk_level(
            level=number,
            days_selling_below=None,
            days_here_below=below,
            disputed_ppb_from=None,
            refunded_ppb_from=None,
            window_days=30,
            least_sales=1,
            kept=kept,
            reason="you are new here",
            by="mo",
            now=self.now,
        )
        self.model.set_level(number, Level(below, *kept))

    @rule()
    def assess_risk(self):
        books.assess_risk(now=self.now)
        self.model.assess(self.now)

    @rule(kinds=st.sampled_from([(), ("sanctions",), ("identity",), ("identity", "sanctions")]))
    def want_checks(self, kinds):
        """The operator wants checks before payouts, or none; nobody waits for what is not wanted any more."""
        self.want(kinds)
        lift_checks(now=self.now)
        self.model.lift_checks()

    @rule(who=st.integers(0, 2), kind=st.sampled_from(["identity", "sanctions"]), passed=st.sampled_from([1, 1, 0]))
    def decide_check(self, who, kind, passed):
        creator, said = self.cast[who], {"reference": "safe 7", "by": "mo", "now": self.now}
        reason = "" if passed else "another name"
        books.decide_check(creator=creator, kind=kind, passed=bool(passed), reason=reason, **said)
        self.model.decide(creator.pk, kind, passed, self.now)

    @rule()
    def release_reserves(self):
        books.release_reserves(now=self.now)
        self.model.release_reserves(self.now)

    # Reversing.

    @rule(which=PICK, amount=st.sampled_from([None, None, 1, 33, 120, 700]))
    def dispute(self, which, amount):
        """All that remains, a part of it, or more than there is: the first of a sale under the sale's own name."""
        self.number += 1
        source = self.sales()[which % len(self.sales())]
        key = "" if f"dispute:{source}" not in self.model.reversals else f"dispute:{self.number}"
        said = {"source": source, "key": key, "amount_minor": amount, "now": self.now}
        try:
            self.model.dispute(key or f"dispute:{source}", source, amount, self.now)
        except Refused:
            with pytest.raises(books.UnableToDispute):
                books.open_dispute(**said)
        else:
            books.open_dispute(**said)
            books.open_dispute(**said)

    @precondition(lambda self: self.disputed())
    @rule(which=PICK, outcome=st.sampled_from(["won", "lost"]))
    def close(self, which, outcome):
        key = self.disputed()[which % len(self.disputed())]
        for _again in range(2):
            books.close_dispute(source=self.model.reversals[key].source, key=key, outcome=outcome, now=self.now)
        self.model.end(key, outcome, self.now)

    @rule(which=PICK, amount=st.sampled_from([1, 7, 33, 120, 700]))
    def refund(self, which, amount):
        """A part of what remains, or more than there is, which is refused."""
        self.number += 1
        source, key = self.sales()[which % len(self.sales())], f"refund:{self.number}"
        said = {"source": source, "key": key, "amount_minor": amount, "reason": "not as shown", "now": self.now}
        try:
            self.model.refund(key, source, amount, self.now)
        except Refused:
            with pytest.raises(books.UnableToRefund):
                books.refund(**said)
        else:
            books.refund(**said)
            books.refund(**said)

    @precondition(lambda self: self.refunded())
    @rule(which=PICK)
    def fail_refund(self, which):
        key = self.refunded()[which % len(self.refunded())]
        for _again in range(2):
            books.fail_refund(key=key, now=self.now)
        self.model.end(key, "failed", self.now)

    @rule(subject=st.sampled_from(SUBJECTS), reason=st.sampled_from(REASONS))
    def take_down(self, subject, reason):
        for _again in range(2):
            books.take_down(subject=subject, reason=f"{reason}:{subject}", now=self.now)
        self.model.take_down(subject, f"{reason}:{subject}", self.now)

    @precondition(lambda self: self.taken_down())
    @rule(which=PICK)
    def lift_takedown(self, which):
        subject, reason = self.taken_down()[which % len(self.taken_down())]
        books.lift_takedown(subject=subject, reason=reason, now=self.now)
        self.model.lift(subject, reason)

    @precondition(lambda self: self.taken_down())
    @rule(which=PICK, to=st.integers(0, 2))
    def award_takedown(self, which, to):
        subject, reason = self.taken_down()[which % len(self.taken_down())]
        if any(source.startswith(f"award:{reason}:") for source in self.model.sales):
            return
        split, shares = self.splits[to]
        for _again in range(2):
            books.award_takedown(subject=subject, reason=reason, split=split, now=self.now)
        self.model.award(
            subject, reason, lambda currency: f"award:{reason}:{currency}", lambda net: dict(allocate(net, shares))
        )

    @precondition(lambda self: self.owing())
    @rule(which=PICK, amount=st.integers(1, 60))
    def write_off(self, which, amount):
        self.number += 1
        creator, currency = self.owing()[which % len(self.owing())]
        amount = min(amount, self.model.has["owed", creator.pk, currency])
        said = {"creator": creator, "reason": "gone", "key": f"{self.number}", "now": self.now}
        books.write_off(amount=Money(amount, currency), **said)
        self.model.write_off(creator.pk, currency, amount)

    @rule(subject=st.sampled_from(SUBJECTS), reason=st.sampled_from(REASONS))
    def freeze(self, subject, reason):
        books.freeze(subject=subject, reason=reason, now=self.now)
        self.model.freeze(subject, reason)

    @precondition(lambda self: self.standing())
    @rule(which=PICK)
    def thaw(self, which):
        subject, reason = self.standing()[which % len(self.standing())]
        books.thaw(subject=subject, reason=reason, now=self.now)
        self.model.thaw(subject, reason)

    # Telling.

    @rule()
    def close_months(self):
        books.close_months(now=self.now)
        self.model.close_months(self.now)
        told = asking.statements()
        for (month, currency), (opening, closing) in self.model.months.items():
            rows = told.pop((f"{month:%Y-%m}", currency))
            for creator in self.cast:
                had, has = opening.get(creator.pk, 0), closing.get(creator.pk, 0)
                assert rows.get(creator.pk, (0, 0)) == (had, has)
        assert told == {}

    # The end of each history.

    def everything_is_given_back(self):
        """Whatever happened before: all that is open ends, every buyer is refunded, and nothing is left to anybody."""
        for key in self.disputed():
            books.close_dispute(source=self.model.reversals[key].source, key=key, outcome="won", now=self.now)
            self.model.end(key, "won", self.now)
        for subject, reason in self.taken_down():
            books.lift_takedown(subject=subject, reason=reason, now=self.now)
            self.model.lift(subject, reason)
        for source, sale in sorted(self.model.sales.items()):
            left = self.model.there(sale)
            if left and sale.paid_from != "taken_down":
                said = {"key": f"end:{source}", "reason": "the end", "now": self.now}
                books.refund(source=source, amount_minor=left, **said)
                self.model.refund(f"end:{source}", source, left, self.now)
                assert not self.model.there(sale)
        self.model.lines = asking.lines()
        self.check_all()
        assert not any(part for (source, _), part in asking.left().items() if not source.startswith("award:"))
        FaultyRail.plan = []
        self.now += timedelta(days=400)
        self.settle_all()
        after = facts()
        self.settle_all()
        assert facts() == after

    def settle_all(self):
        books.allocate_royalties(now=self.now)
        books.release_holds(now=self.now)
        books.release_reserves(now=self.now)
        books.settle(now=self.now)
