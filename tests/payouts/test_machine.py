"""Random histories on PostgreSQL beside a model: whatever happens in whatever order, the books are right."""

from collections import Counter
from datetime import timedelta

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

from marketplace.payouts.models import RecordedTransfer
from marketplace.payouts.operations import (
    UnableToSettle,
    allocate_royalties,
    close_dispute,
    ensure_split,
    open_dispute,
    record_sale,
    release_holds,
    settle,
)
from marketplace.payouts.queries import balances_of, check_books
from marketplace.payouts.rules import WHOLE_PPB, Money, allocate
from tests.payouts.cast import NOON, add_creator
from tests.payouts.fakes import FaultyRail, Killed

CURRENCIES = ["JPY", "USD"]
HOLD = timedelta(days=14)


class Model:
    """The same books in a few dictionaries: (what, creator, currency) → minor units."""

    def __init__(self):
        self.has = Counter()
        self.sales = {}  # source → its currency, parts, due (when available; None: not allocated), released, dispute
        self.open = []  # payouts on the way: (creator, currency, amount)
        self.sent = False  # the first of them left with the rail, which did not live to tell

    def credit(self, creator, currency, amount):
        back = min(self.has["owed", creator, currency], amount)
        self.has["owed", creator, currency] -= back
        self.has["available", creator, currency] += amount - back

    def allocate(self, now, currency=None):
        for sale in self.sales.values():
            if sale["due"] is None and currency in (None, sale["currency"]):
                sale["due"] = now + HOLD
                for creator, part in sale["parts"].items():
                    self.has["pending", creator, sale["currency"]] += part

    def release(self, now):
        for sale in self.sales.values():
            if sale["due"] and sale["due"] <= now and not sale["released"]:
                sale["released"] = True
                for creator, part in sale["parts"].items():
                    if sale["dispute"] in (None, "won"):
                        self.has["pending", creator, sale["currency"]] -= part
                        self.credit(creator, sale["currency"], part)

    def dispute(self, source, now):
        sale = self.sales[source]
        if sale["dispute"]:
            return
        if sale["due"] is None:
            self.allocate(now, sale["currency"])
        sale["dispute"] = "open"
        for creator, part in sale["parts"].items():
            self.has["hold", creator, sale["currency"]] += part
            if not sale["released"]:
                self.has["pending", creator, sale["currency"]] -= part
                continue
            there = min(part, self.has["available", creator, sale["currency"]])
            self.has["available", creator, sale["currency"]] -= there
            self.has["owed", creator, sale["currency"]] += part - there

    def close(self, source, outcome):
        sale = self.sales[source]
        sale["dispute"] = outcome
        for creator, part in sale["parts"].items():
            self.has["hold", creator, sale["currency"]] -= part
            if outcome == "won" and sale["released"]:
                self.credit(creator, sale["currency"], part)
            elif outcome == "won":
                self.has["pending", creator, sale["currency"]] += part

    def settle(self, creators, fault):
        """The fault meets the first call; "refuse" ends one payout, anything else ends the run."""
        faults = [fault] if fault else []

        def send_open():
            refused = set()
            while self.open:
                creator, currency, amount = self.open[0]
                met = faults.pop() if faults else None
                if met and met != "refuse":
                    self.sent = self.sent or met != "down"
                    return None
                self.open.pop(0)
                sent, self.sent = self.sent, False
                if met == "refuse" and not sent:
                    refused.add(creator)
                    self.credit(creator, currency, amount)
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
                    self.open.append((creator, currency, amount))
            if send_open() is None:
                return


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
                self.sell(which, 100 + which, 10, 1, currency)
        self.allocate()
        self.release(14)
        for which in range(3):
            self.sell(which, 200 + which, 10, 1, "USD")
        self.allocate()

    @rule(which=st.integers(0, 2), net=st.integers(1, 500), fee=st.integers(0, 60), tax=st.integers(0, 9),
          currency=st.sampled_from(CURRENCIES))  # fmt: skip
    def sell(self, which, net, fee, tax, currency):
        split, shares = self.splits[which]
        self.number += 1
        source = f"order-line:{self.number}"
        gross = Money(net + fee + tax, currency)
        record_sale(source=source, split=split, gross=gross, tax_minor=tax, fee_minor=fee, now=self.now)
        parts = {payee: part for payee, part in allocate(net, shares) if part}
        self.model.sales[source] = {
            "currency": currency,
            "parts": parts,
            "due": None,
            "released": False,
            "dispute": None,
        }

    @rule()
    def allocate(self):
        allocate_royalties(now=self.now)
        self.model.allocate(self.now)

    @rule(days=st.sampled_from([14, 14, 1]))
    def release(self, days):
        self.now += timedelta(days=days)
        release_holds(now=self.now)
        self.model.release(self.now)

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
                     balance.paid_minor, balance.on_the_way_minor)
                    if balance
                    else (0,) * 6
                )  # fmt: skip
                on_the_way = sum(a for c, code, a in self.model.open if (c, code) == (creator.pk, currency))
                expected = [
                    has[what, creator.pk, currency] for what in ("pending", "available", "hold", "owed", "paid")
                ]
                assert amounts == (*expected, on_the_way)

    @invariant()
    def the_rail_sent_what_the_books_say(self):
        sent = Counter()
        for transfer in RecordedTransfer.objects.all():
            sent[transfer.creator_id, transfer.currency] += transfer.amount_minor
        for creator in self.cast:
            for currency in CURRENCIES:
                paid = self.model.has["paid", creator.pk, currency]
                on_the_way = sum(a for c, code, a in self.model.open if (c, code) == (creator.pk, currency))
                assert paid <= sent[creator.pk, currency] <= paid + on_the_way


def test_random_histories(db, faulty_rail):
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
