"""Stripe refuses a part of Alice's payout for good: the other parts come back, and then she has all of it again."""

import logging

import pytest

from marketplace.payouts.attempts import TransferReversal
from marketplace.payouts.connected.going_on import go_on
from marketplace.payouts.held import account_reasons
from marketplace.payouts.models import Payout, PayoutOutcome, Transaction
from marketplace.payouts.operations import UnableToSettle
from marketplace.payouts.queries import check_books
from marketplace.payouts.rails import stripe_connect
from marketplace.provider.client import ProviderRefused
from tests.payouts.connect.test_charges import bought, drawn
from tests.payouts.connect.test_ways import steps
from tests.payouts.policing import has
from tests.stripe import accounts
from tests.stripe.faults import Fault

WORD = {"code": "amount_too_small", "message": "The amount is too small.", "type": "invalid_request_error"}
GIVEN_UP = "Stripe refused a part of it; we take the rest back, and then you have all of it again"


@pytest.fixture
def refused(monkeypatch):
    """What is sent from what is available is refused for good, until the list is empty; no other part."""
    perform, words = stripe_connect.perform_all, [WORD]

    def some(asks, **how):
        out = {ask.key for ask in asks if words and "source_transaction" not in ask.params}
        ends = iter(perform([ask for ask in asks if ask.key not in out], **how))
        return [ProviderRefused(words[0]) if ask.key in out else next(ends) for ask in asks]

    monkeypatch.setattr(stripe_connect, "perform_all", some)
    return words


def test_the_other_parts_come_back_and_the_payout_fails(house, alice, alices, connect, refused, caplog):
    account = connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)

    house.settle()
    [payout] = Payout.objects.all()
    assert (PayoutOutcome.objects.count(), has(alice)) == (0, {"on_the_way": 1400})
    assert account_reasons(alice, "USD") == [GIVEN_UP]
    assert check_books() == []
    house.settle()
    assert [step[:3] for step in steps(payout)] == [(1, "transfer", "refused"), (2, "transfer", "done")]

    with caplog.at_level(logging.ERROR):
        assert go_on(now=house.now).returned == 1
    assert "refused for good" in caplog.text

    outcome = PayoutOutcome.objects.get()
    assert (outcome.state, outcome.reference) == ("failed", "The amount is too small.")
    assert (has(alice), house.has(account), account_reasons(alice, "USD")) == ({"available": 1400}, 0, [])
    [back] = TransferReversal.objects.all()
    assert (back.amount_minor, back.transaction) == (400, None)
    assert not Transaction.objects.filter(kind="transfer_reversed").exists()
    house.hear(copies=2)
    assert go_on(now=house.now).returned == 0
    assert has(alice) == {"available": 1400}

    refused.clear()
    house.forward(days=3)
    accounts.adjusted(house.fake.world, "acct_platform", 100)  # what Stripe's fee took
    house.settle()
    assert (has(alice), house.has(account), house.sent_from_ours()) == ({"on_the_way": 1400}, 1400, 1400)


def test_a_lost_answer_of_what_comes_back_gives_it_once(house, alice, alices, connect, refused):
    account = connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    house.settle()
    house.fake.faults.when(lambda asked: asked.path.endswith("/reversals"), Fault.DROP_RESPONSE)

    assert go_on(now=house.now).silent == 1
    assert (PayoutOutcome.objects.count(), has(alice)) == (0, {"on_the_way": 1400})
    house.hear(copies=2)
    house.forward(minutes=3)
    go_on(now=house.now)

    assert PayoutOutcome.objects.get().state == "failed"
    assert (has(alice), house.has(account), TransferReversal.objects.count()) == ({"available": 1400}, 0, 1)


def test_it_is_not_over_while_a_part_is_not_answered(house, alice, alices, connect, refused):
    connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    house.fake.faults.when(lambda asked: asked.path == "/v1/transfers", Fault.DROP_RESPONSE)
    with pytest.raises(UnableToSettle):
        house.settle()

    assert go_on(now=house.now).returned == 0
    assert (PayoutOutcome.objects.count(), has(alice)) == (0, {"on_the_way": 1400})
    house.forward(minutes=3)
    house.settle()
    assert go_on(now=house.now).returned == 1

    assert (len(drawn(house)), has(alice)) == (1, {"available": 1400})
    assert PayoutOutcome.objects.get().state == "failed"
