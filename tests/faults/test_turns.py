"""Money that turns round: after each turn both sides say the same, and nobody is paid twice or loses a cent."""

import pytest

from marketplace.checkout import operations as checkout
from marketplace.checkout.models import Order
from marketplace.payouts.models import Payout, PayoutState
from marketplace.payouts.queries import check_books
from tests.faults.way import FORTNIGHT, Way
from tests.stripe import accounts, backwards, payouts


def paid_out(way: Way) -> Order:
    """Carol has bought from three sellers, and their banks have the money."""
    order = way.bought()
    way.worked()
    way.forward(days=FORTNIGHT.days)
    way.goes_on(3)
    assert way.fake.world.outside["banks", "usd"] == sum(Payout.objects.values_list("amount_minor", flat=True)) > 0
    return order


def earning(way: Way) -> str:
    """The handle of somebody who is paid for what Carol bought."""
    return way.lines(Order.objects.get())[0].offer.release.pack.creator.handle


def test_a_payout_is_paid_and_then_its_bank_sends_it_back(way: Way) -> None:
    paid_out(way)
    handle = earning(way)
    [row] = list(way.fake.world.all("payout", way.accounts[handle].reference))
    before = way.fake.world.outside["banks", "usd"]
    way.plays(payouts.payout_failed, row["id"])
    assert way.fake.world.outside["banks", "usd"] == before - row["amount"]
    way.goes_on(3)
    way.proved()
    first = Payout.objects.filter(creator__handle=handle).order_by("reserved_at")[0]
    assert first.outcomes.filter(state=PayoutState.RETURNED).exists()
    assert way.fake.world.outside["banks", "usd"] <= before


def test_a_refund_after_its_creators_were_paid(way: Way) -> None:
    order = paid_out(way)
    for line in way.lines(order):
        way.refund(line)
    way.goes_on(3)
    way.proved()
    assert way.state(order) == "refunded"
    assert sum(row["amount"] for row in way.fake.world.all("refund")) == order.total_minor


@pytest.mark.parametrize("ends", ["won", "lost"])
def test_a_dispute_comes_while_a_refund_is_on_its_way(way: Way, ends: str) -> None:
    order = way.bought(card="pm_card_pendingRefund")
    way.worked()
    line = way.lines(order)[0]
    way.refund(line, 300)
    [back] = list(way.fake.world.all("refund"))
    assert back["status"] == "pending"
    row = way.plays(backwards.disputed, way.charge_of(order))
    way.hears()
    with pytest.raises(checkout.UnableToRefundLine):
        way.refund(line, 100)
    way.goes_on(2)
    way.plays(backwards.refund_arrived, back["id"])
    way.plays(backwards.decided, row["id"], ends)
    way.goes_on(2)
    way.proved()
    assert [one["amount"] for one in way.fake.world.all("refund")] == [300]
    assert way.state(order) == ("part-refunded" if ends == "won" else "disputed")


@pytest.mark.parametrize("turn", ["closed", "restricted", "negative"])
def test_an_account_that_cannot_be_paid_waits_and_loses_nothing(way: Way, turn: str) -> None:
    way.bought()
    way.worked()
    handle = earning(way)
    account = way.accounts[handle].reference
    if turn == "closed":
        way.plays(accounts.closed, account)
    elif turn == "restricted":
        way.plays(accounts.restricted, account)
    else:
        way.plays(accounts.adjusted, account, -5_00)
    way.hears()
    way.forward(days=FORTNIGHT.days)
    way.goes_on(3)
    assert [row for row in way.fake.world.all("transfer") if row["destination"] == account] == []
    assert not Payout.objects.filter(creator__handle=handle, outcomes__state=PayoutState.FAILED).exists()
    assert check_books() == []
    way.proved(but=("creator",) if turn == "negative" else ())
