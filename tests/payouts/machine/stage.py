"""Where the play happens: who is there, what there is to choose from, and what must be the same after every step."""

import sys
from collections import Counter

from django.conf import settings as house
from django.db import connection, transaction
from django.test import override_settings
from hypothesis.stateful import RuleBasedStateMachine, invariant

from marketplace.payouts import operations as books
from marketplace.payouts.queries import check_books, frozen_of
from marketplace.payouts.rules import WHOLE_PPB
from tests.payouts.cast import NOON, add_creator
from tests.payouts.fakes import FaultyRail
from tests.payouts.machine import asking
from tests.payouts.machine.judging import AGAIN_DAYS
from tests.payouts.machine.model import CURRENCIES, Model


class Stage(RuleBasedStateMachine):
    """Three creators, three works, three currencies, and a clock that may jump between any two steps."""

    proven_every = 1  # steps after which check_books is asked; all else is compared after every step

    def __init__(self):
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.now, self.model, self.number, self.steps = NOON, Model(), 0, 0
        self.cast = [add_creator(f"maker{number}", 10 + number) for number in range(3)]
        first, second, third = self.cast
        own = books.ensure_split(own={first: WHOLE_PPB}, parents=[], now=NOON)
        shared = books.ensure_split(own={first: 700_000_000, second: 300_000_000}, parents=[], now=NOON)
        derived = books.ensure_split(own={third: WHOLE_PPB}, parents=[(shared, 333_333_333)], now=NOON)
        self.splits = [
            (split, list(split.shares.values_list("payee_id", "share_ppb"))) for split in (own, shared, derived)
        ]
        FaultyRail.plan, FaultyRail.calls = [], []
        self.settings = None

    def want(self, kinds):
        """Has the house want checks of these kinds, until the history is over."""
        if self.settings is None:
            self.settings = override_settings(CHECK_AGAIN_DAYS=AGAIN_DAYS)
            self.settings.enable()
        house.CHECK_IDENTITY_ABOVE_MINOR, house.CHECK_SANCTIONS = 0 if "identity" in kinds else -1, "sanctions" in kinds
        self.model.wanted = set(kinds)

    def teardown(self):
        try:
            if sys.exc_info()[0] is None:
                self.everything_is_given_back()
            connection.check_constraints()
        finally:
            if self.settings is not None:
                self.settings.disable()
            transaction.savepoint_rollback(self.savepoint)

    def everything_is_given_back(self):
        """The end of a history that nothing broke."""
        raise NotImplementedError

    # What there is to choose from.

    def sales(self):
        """All sales, those that nothing has reversed first."""
        reversed_ = {reversal.source for reversal in self.model.reversals.values()}
        return sorted(self.model.sales, key=lambda source: source in reversed_)

    def sent(self):
        return [payout for payout in self.model.payouts if payout.state == "sent"]

    def disputed(self):
        return [key for key, one in self.model.reversals.items() if one.kind == "dispute" and not one.outcome]

    def refunded(self):
        return [key for key, one in self.model.reversals.items() if one.kind == "refund" and not one.outcome]

    def taken_down(self):
        standing = [one for one in self.model.reversals.values() if one.kind == "takedown" and not one.outcome]
        return sorted({(self.model.sales[one.source].subject, one.reason) for one in standing})

    def owing(self):
        return [
            (creator, currency)
            for creator in self.cast
            for currency in CURRENCIES
            if self.model.has["owed", creator.pk, currency]
        ]

    def standing(self):
        return [key for key, stands in self.model.freezes.items() if stands]

    # What must be the same.

    @invariant()
    def the_books_are_right(self):
        self.model.note(self.now)
        self.model.lines = asking.lines()
        self.steps += 1
        if self.steps % self.proven_every == 0:
            assert check_books() == []

    @invariant()
    def the_same_remains_of_every_line(self):
        left = {(source, payee): part for source, sale in self.model.sales.items() for payee, part in sale.left.items()}
        assert asking.left() == left

    @invariant()
    def every_account_is_the_same(self):
        has, house = asking.accounts()
        assert +has == +self.model.has
        assert {key: amount for key, amount in house.items() if amount} == {
            key: amount for key, amount in self.model.house.items() if amount
        }

    @invariant()
    def what_is_held_is_told_by_line_and_by_subject(self):
        model = self.model
        assert asking.held() == +model.held
        for creator in self.cast:
            held, waiting = Counter(), Counter()
            for (source, payee), amount in (+model.held).items():
                if payee == creator.pk:
                    held[model.sales[source].subject, model.sales[source].currency] += amount
            for source, sale in model.sales.items():
                if sale.due is None and sale.net and model.is_frozen(source) and creator.pk in sale.shares:
                    waiting[sale.subject, sale.currency] += 1
            told = {(row.subject, row.currency): (row.held_minor, row.waiting_sales) for row in frozen_of(creator)}
            assert told == {key: (held[key], waiting[key]) for key in held | waiting}

    @invariant()
    def payouts_are_the_same_and_the_rail_sent_them_once(self):
        theirs = sorted((p.creator, p.currency, p.amount, p.state) for p in self.model.payouts)
        assert asking.payouts() == theirs
        on_the_rail = Counter()
        for payout in self.model.payouts:
            if payout.on_the_rail:
                on_the_rail[payout.creator, payout.currency] += payout.amount
        assert asking.transfers() == on_the_rail

    @invariant()
    def checks_are_the_same(self):
        assert asking.checks() == {key: check.state for key, check in self.model.checks.items()}

    def check_all(self):
        assert check_books() == []
        self.the_same_remains_of_every_line()
        self.every_account_is_the_same()
