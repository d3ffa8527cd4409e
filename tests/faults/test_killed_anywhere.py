"""Workers are killed before and after each commit and each call; those who come after them bring it to its end."""

import pytest

from marketplace.checkout.models import Order
from tests.faults.killing import at_each_point
from tests.faults.way import FORTNIGHT, Way
from tests.stripe import backwards
from tests.stripe.faults import Fault

DEEP = pytest.mark.deep


@pytest.mark.parametrize("step", [pytest.param(1, marks=DEEP), 9], ids=["every", "some"])
def test_an_order_and_its_payment(way: Way, step: int) -> None:
    def act() -> None:
        way.buy(idempotency_key="the-order")

    def after() -> None:
        way.forward(minutes=3)
        way.worked()

    died = at_each_point(act, after, step)
    [order] = Order.objects.all()
    assert died > 0
    assert way.state(order) == "action"
    way.pays(order)
    heard = at_each_point(way.worked, after, step)
    assert heard > 0
    assert way.state(order) == "paid"
    way.goes_on()
    way.proved()


@pytest.mark.parametrize("step", [pytest.param(1, marks=DEEP), 9], ids=["every", "some"])
def test_a_refund(way: Way, step: int) -> None:
    order = way.bought()
    line = way.lines(order)[0]

    def act() -> None:
        way.refund(line, 100)

    def after() -> None:
        way.forward(minutes=3)
        way.worked()

    died = at_each_point(act, after, step)
    way.goes_on()
    made = [row["amount"] for row in way.fake.world.all("refund")]
    assert made == [100] * line.refunds.count()
    assert died <= len(made) <= died + 1
    way.proved()


@pytest.mark.parametrize("ends", ["won", "lost"])
@pytest.mark.parametrize("step", [pytest.param(1, marks=DEEP), 7], ids=["every", "some"])
def test_a_dispute_is_heard(way: Way, step: int, ends: str) -> None:
    order = way.bought()
    way.worked()

    def after() -> None:
        way.forward(minutes=3)

    row = way.plays(backwards.disputed, way.charge_of(order))
    assert at_each_point(way.hears, after, step) > 0
    way.hears()
    assert way.state(order) == "disputed"
    way.plays(backwards.decided, row["id"], ends)
    at_each_point(way.hears, after, step)
    way.goes_on()
    assert way.state(order) == ("paid" if ends == "won" else "disputed")
    way.proved()


@pytest.mark.parametrize("step", [pytest.param(1, marks=DEEP), 13], ids=["every", "some"])
def test_from_the_books_to_the_banks(way: Way, step: int) -> None:
    way.bought()
    way.worked()
    way.forward(days=FORTNIGHT.days)

    def after() -> None:
        way.forward(minutes=3)

    assert at_each_point(way.worked, after, step) * step > 10
    way.goes_on()
    way.proved()
    assert sum(way.at_stripe(handle) for handle in way.accounts) == 0
    assert way.fake.world.outside["banks", "usd"] > 0


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=DEEP) for seed in range(2, 8))])
def test_a_third_of_all_answers_is_lost_and_messages_come_a_day_late(way: Way, seed: int) -> None:
    way.pump.seed = seed
    kinds = (Fault.DROP_RESPONSE, Fault.RESET, Fault.DROP_REQUEST, Fault.ERROR, Fault.ERROR_SAVED, Fault.LIMIT)
    way.fake.faults.lose(0.3, seed, *kinds)
    way.tries(way.buy)
    for _ in range(8):
        way.forward(minutes=4)
        way.tries(way.works)
    [order] = Order.objects.all()
    way.pays(order)
    for _ in range(6):
        way.forward(days=1)
        way.tries(lambda: way.pump.deliver(copies=2, shuffled=True, late=24 * 3600))
        way.worked()
    assert way.state(order) == "paid"
    way.forward(days=FORTNIGHT.days)
    for _ in range(6):
        way.goes_on(1)
    way.fake.faults.stop()
    way.goes_on(4)
    way.proved()


def test_keys_that_are_forgotten_after_a_day(way: Way) -> None:
    order = way.bought()
    line = way.lines(order)[0]
    way.fake.faults.when(lambda asked: asked.path == "/v1/refunds" and asked.method == "POST", Fault.DROP_RESPONSE)
    way.tries(lambda: way.refund(line, 700))
    way.forward(days=2)
    way.worked()
    assert [row["amount"] for row in way.fake.world.all("refund")] == [700]
    way.forward(days=FORTNIGHT.days)
    way.fake.faults.when(lambda asked: asked.path == "/v1/transfers", Fault.DROP_RESPONSE, times=3)
    way.tries(way.worked)
    made = len(list(way.fake.world.all("transfer")))
    assert made > 0
    way.goes_on(3, days=2)
    way.proved()
