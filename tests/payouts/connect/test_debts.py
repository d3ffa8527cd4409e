"""Refunded after she was paid, Alice owes; what is still in her account at Stripe can be taken back for it."""

from datetime import timedelta

from marketplace.payouts.attempts import PayoutAttempt, TransferReversal
from marketplace.payouts.connected import recovering
from marketplace.payouts.connected.recovering import Recovered, recover_debts
from marketplace.payouts.operations import refund
from tests.payouts.policing import has
from tests.stripe.faults import Fault


def owing(house, alices, refunded_minor: int) -> None:
    house.earn(alices, 10_00)
    house.settle()
    refund(source="order-line:1", amount_minor=refunded_minor, key="refund:1", reason="not as shown", now=house.now)


def test_what_is_owed_is_taken_back_once(house, alice, alices, connect):
    account = connect(alice)
    owing(house, alices, 400)
    assert has(alice) == {"on_the_way": 1000, "owed": 400}
    assert recover_debts(now=house.now, days=0) == Recovered(0, 0)
    house.forward(days=3)
    assert recover_debts(now=house.now, days=4) == Recovered(0, 0)

    assert recover_debts(now=house.now, days=2) == Recovered(1, 0)
    assert recover_debts(now=house.now, days=2) == Recovered(0, 0)
    house.hear(copies=2)

    assert (has(alice), house.has(account)) == ({"on_the_way": 600}, 600)
    assert TransferReversal.objects.get().amount_minor == 400


def test_no_more_is_taken_than_the_account_has(house, alice, alices, connect):
    account = connect(alice)
    owing(house, alices, 400)
    house.fake.client(account.reference).v1.payouts.create({"amount": 750, "currency": "usd"})
    house.forward(days=3)

    assert recover_debts(now=house.now, days=2) == Recovered(1, 0)

    assert (has(alice)["owed"], house.has(account)) == (150, 0)
    assert recover_debts(now=house.now, days=2) == Recovered(0, 0)


def test_what_comes_back_beyond_the_debt_is_hers(house, alice, alices, connect):
    connect(alice)
    owing(house, alices, 400)
    house.forward(days=3)
    house.fake.faults.when(lambda asked: asked.path.endswith("/reversals"), Fault.DROP_RESPONSE)
    assert recover_debts(now=house.now, days=2) == Recovered(0, 1)

    house.earn(alices, 10_00)  # meets the debt, while nobody knows what became of the recovery
    assert has(alice) == {"on_the_way": 1000, "available": 600}
    house.hear()

    assert has(alice) == {"on_the_way": 600, "available": 1000}
    assert PayoutAttempt.objects.get(kind="recovery").end.state == "done"
    assert recover_debts(now=house.now + timedelta(days=9), days=2) == Recovered(0, 0)


def test_two_at_once_take_it_back_once(house, alice, alices, connect, at_once, monkeypatch):
    account = connect(alice)
    owing(house, alices, 400)
    house.forward(days=3)
    ask, others = recovering.ask_balances, []

    def asked_meanwhile(*args, **how):
        if not others:
            others.append(None)
            others[:] = at_once(lambda: recover_debts(now=house.now, days=2))
        return ask(*args, **how)

    monkeypatch.setattr(recovering, "ask_balances", asked_meanwhile)

    assert recover_debts(now=house.now, days=2) == Recovered(1, 0)

    assert others == [Recovered(0, 0)]
    assert (has(alice), house.has(account)) == ({"on_the_way": 600}, 600)
    assert TransferReversal.objects.get().amount_minor == 400
