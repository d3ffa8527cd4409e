"""Random histories on PostgreSQL beside a model: whatever happens in whatever order, the books are right."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from marketplace.payouts.models import RecordedTransfer, RoyaltyLine
from marketplace.payouts.operations import (
    UnableToSettle,
    allocate_royalties,
    close_dispute,
    ensure_split,
    freeze,
    open_dispute,
    record_sale,
    release_holds,
    settle,
    thaw,
)
from marketplace.payouts.queries import balances_of, check_books, frozen_of
from marketplace.payouts.rules import WHOLE_PPB, Money, allocate
from tests.payouts.cast import NOON, add_creator
from tests.payouts.fakes import FaultyRail, Killed
from tests.payouts.model import CURRENCIES, Model

SUBJECTS = ["release:a", "release:b"]
REASONS = ["claim:1", "claim:2"]


class Books(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.now, self.model, self.number = NOON, Model(), 0
        self.cast = [add_creator(f"maker{number}", 10 + number) for number in range(3)]
        first, second, third = self.cast
        own = ensure_split(own={first: WHOLE_PPB}, parents=[], now=NOON)
        shared = ensure_split(own={first: 700_000_000, second: 300_000_000}, parents=[], now=NOON)
        derived = ensure_split(own={third: WHOLE_PPB}, parents=[(shared, 333_333_333)], now=NOON)
        self.splits = [
            (split, list(split.shares.values_list("payee_id", "share_ppb"))) for split in (own, shared, derived)
        ]
        FaultyRail.plan, FaultyRail.calls = [], []

    def teardown(self):
        connection.check_constraints()
        transaction.savepoint_rollback(self.savepoint)

    @initialize()
    def there_is_a_history(self):
        """Some sales are released, some are in their hold period."""
        for currency in CURRENCIES:
            for which in range(3):
                self.sell(which, 100 + which, 10, 1, currency, SUBJECTS[which % 2])
        self.allocate()
        self.release(14)
        for which in range(3):
            self.sell(which, 200 + which, 10, 1, "USD", SUBJECTS[which % 2])
        self.allocate()

    @rule(which=st.integers(0, 2), net=st.integers(1, 500), fee=st.integers(0, 60), tax=st.integers(0, 9),
          currency=st.sampled_from(CURRENCIES), subject=st.sampled_from(["", *SUBJECTS]))  # fmt: skip
    def sell(self, which, net, fee, tax, currency, subject):
        split, shares = self.splits[which]
        self.number += 1
        source = f"order-line:{self.number}"
        gross = Money(net + fee + tax, currency)
        figures = {"gross": gross, "tax_minor": tax, "fee_minor": fee}
        record_sale(source=source, split=split, subject=subject, now=self.now, **figures)
        parts = {payee: part for payee, part in allocate(net, shares) if part}
        self.model.sales[source] = {
            "subject": subject,
            "currency": currency,
            "parts": parts,
            "due": None,
            "released": False,
            "dispute": None,
            "from hold": {},
            "payees": {payee for payee, _ in shares},
        }

    @rule()
    def allocate(self):
        allocate_royalties(now=self.now)
        self.model.allocate(self.now)

    @rule(days=st.sampled_from([14, 14, 1]))
    def release(self, days):
        self.now += timedelta(days=days)
        release_holds(now=self.now)
        self.model.release(self.now, self.lines())

    @rule(fault=st.sampled_from([None, None, "down", "die after", "drop answer", "refuse"]))
    def settle(self, fault):
        FaultyRail.plan = [fault] if fault else []
        try:
            settle(now=self.now)
        except (UnableToSettle, Killed):
            assert fault not in {None, "refuse"}
        self.now += timedelta(seconds=1)
        self.model.settle([creator.pk for creator in self.cast], fault)

    @rule(which=st.integers(0, 2**16))
    def dispute(self, which):
        sources = sorted(self.model.sales, key=lambda source: self.model.sales[source]["dispute"] is not None)
        source = sources[which % len(sources)]
        open_dispute(source=source, now=self.now)
        self.model.dispute(source, self.now)

    @precondition(lambda self: self.disputed())
    @rule(which=st.integers(0, 2**16), outcome=st.sampled_from(["won", "lost"]))
    def close(self, which, outcome):
        source = self.disputed()[which % len(self.disputed())]
        close_dispute(source=source, outcome=outcome, now=self.now)
        self.model.close(source, outcome)

    @rule(subject=st.sampled_from(SUBJECTS), reason=st.sampled_from(REASONS))
    def freeze(self, subject, reason):
        freeze(subject=subject, reason=reason, now=self.now)
        self.model.freeze(subject, reason)

    @precondition(lambda self: self.standing())
    @rule(which=st.integers(0, 2**16))
    def thaw(self, which):
        subject, reason = self.standing()[which % len(self.standing())]
        thaw(subject=subject, reason=reason, now=self.now)
        self.model.thaw(subject, reason, self.lines())

    def standing(self):
        return [key for key, stands in self.model.freezes.items() if stands]

    def lines(self):
        """The royalty lines in their order, which is chance within a run."""
        return list(RoyaltyLine.objects.order_by("pk").values_list("sale__source", "payee_id"))

    def disputed(self):
        return [source for source, sale in self.model.sales.items() if sale["dispute"] == "open"]

    @invariant()
    def the_books_are_right(self):
        assert check_books() == []
        has = self.model.has
        for creator in self.cast:
            balances = {balance.currency: balance for balance in balances_of(creator)}
            for currency in CURRENCIES:
                balance = balances.get(currency)
                amounts = (
                    (balance.pending_minor, balance.available_minor, balance.on_hold_minor, balance.owed_minor,
                     balance.frozen_minor, balance.paid_minor, balance.on_the_way_minor)
                    if balance
                    else (0,) * 7
                )  # fmt: skip
                on_the_way = sum(a for c, code, a, _ in self.model.open if (c, code) == (creator.pk, currency))
                expected = [
                    has[what, creator.pk, currency]
                    for what in ("pending", "available", "hold", "owed", "frozen", "paid")
                ]
                assert amounts == (*expected, on_the_way)

    @invariant()
    def what_is_frozen_is_told_by_subject(self):
        for creator in self.cast:
            held, waiting = Counter(), Counter()
            for (source, payee), amount in self.model.held.items():
                sale = self.model.sales[source]
                if payee == creator.pk:
                    held[sale["subject"], sale["currency"]] += amount
            for source, sale in self.model.sales.items():
                if sale["due"] is None and self.model.is_frozen(source) and creator.pk in sale["payees"]:
                    waiting[sale["subject"], sale["currency"]] += 1
            told = {(row.subject, row.currency): (row.held_minor, row.waiting_sales) for row in frozen_of(creator)}
            assert told == {key: (held[key], waiting[key]) for key in held | waiting}

    @invariant()
    def the_rail_sent_what_the_books_say(self):
        sent = Counter()
        for transfer in RecordedTransfer.objects.all():
            sent[transfer.creator_id, transfer.currency] += transfer.amount_minor
        for creator in self.cast:
            for currency in CURRENCIES:
                paid = self.model.has["paid", creator.pk, currency]
                on_the_way = sum(a for c, code, a, _ in self.model.open if (c, code) == (creator.pk, currency))
                assert paid <= sent[creator.pk, currency] <= paid + on_the_way


def histories(examples, steps):
    """Lets hypothesis play; the rules and invariants of Books assert, and a history that breaks one is raised."""
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_random_histories(db, faulty_rail):
    histories(20, 20)


@pytest.mark.deep
def test_many_long_random_histories(db, faulty_rail):
    histories(150, 40)
