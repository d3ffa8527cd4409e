"""A third of all answers is lost, for hours: each order is paid once, each refund made once, and the books check."""

import pytest

from marketplace.checkout import operations as checkout
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.models import Order
from marketplace.checkout.refunds import RefundIntent
from tests.checkout.stripe.store import Store
from tests.stripe import backwards
from tests.stripe.faults import Fault

KINDS = (Fault.DROP_RESPONSE, Fault.RESET, Fault.DROP_REQUEST, Fault.ERROR, Fault.ERROR_SAVED, Fault.LIMIT)


def goes_on(store: Store, rounds: int = 14) -> None:
    """The worker comes again and again, and Stripe delivers what it has, some of it twice."""
    for _ in range(rounds):
        store.forward(minutes=4)
        store.works()
        store.hears(copies=2, shuffled=True)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1, 14))
def test_a_third_of_all_answers_is_lost(store: Store, seed: int) -> None:
    store.pump.seed = seed
    store.fake.faults.lose(0.3, seed, *KINDS)
    for offers in (store.offers, store.offers[:1]):
        try:
            store.buy(*offers)
        except GatewayUnavailable:
            continue
    goes_on(store)
    orders = sorted(Order.objects.all(), key=lambda order: -order.lines.count())
    assert [store.state(order) for order in orders] == ["action", "action"]
    for order in orders:
        store.pays(order)
    goes_on(store)
    assert [store.outcome(order) for order in orders] == ["succeeded", "succeeded"]

    first = store.lines(orders[0])
    for line, amount in ((first[0], 2_000), (first[0], 3_000), (first[1], None)):
        try:
            store.refund(line, amount)
        except (GatewayUnavailable, checkout.UnableToRefundLine):
            continue
    row = store.plays(backwards.disputed, store.charge_of(orders[1]))
    goes_on(store)
    store.plays(backwards.decided, row["id"], "won")
    goes_on(store)

    store.fake.faults.stop()
    store.forward(hours=2)
    goes_on(store, 3)
    assert store.count("charge") == 2
    assert sum(one.amount_minor for one in RefundIntent.objects.filter(outcome__outcome="succeeded")) == sum(
        one["amount"] for one in store.fake.world.all("refund")
    )
    assert not RefundIntent.objects.filter(outcome=None).exists()
    assert store.state(orders[1]) == "paid"
    store.sound()
