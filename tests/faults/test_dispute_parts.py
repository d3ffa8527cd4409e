"""A bank gives back in parts what it took, while creators are paid out: books and Stripe say the same on each day."""

from marketplace.checkout import order_states
from marketplace.checkout.disputes import Contradiction, DisputeStep
from marketplace.licensing.models import Grant
from marketplace.licensing.queries import status_of
from tests.faults.way import FORTNIGHT, Way
from tests.stripe import backwards
from tests.stripe.sessions import completed


def test_parts_come_back_before_and_after_creators_were_paid(way: Way) -> None:
    order = way.buy()
    page = way.page_of(order)
    way.plays(completed, page, "pm_card_visa")
    way.hears()
    way.worked()
    world = way.fake.world
    charge = world.rows[world.rows[world.rows[page]["payment_intent"]]["latest_charge"]]
    dispute = way.plays(backwards.disputed, charge["id"])["id"]
    way.hears()
    way.worked()
    assert {status_of(grant) for grant in Grant.objects.all()} == {"suspended"}

    parts = [order.total_minor - 20_00, 7_77, 1, 12_22]
    way.plays(backwards.decided, dispute, "won", parts[0])
    way.hears(copies=2, shuffled=True)
    way.worked()
    way.proved()
    way.forward(days=FORTNIGHT.days)
    way.goes_on(2)
    for minor in parts[1:]:
        assert order_states.state_of(order) == "disputed"
        way.plays(backwards.reinstated, dispute, minor)
        way.hears(copies=2, shuffled=True)
        way.goes_on(1)
        way.proved()

    assert order_states.state_of(order) == "paid"
    assert {status_of(grant) for grant in Grant.objects.all()} == {"active"}
    steps = DisputeStep.objects.filter(state__in=DisputeStep.CAME_BACK).order_by("id")
    assert [step.amount_minor for step in steps] == parts
    assert not Contradiction.objects.exists()
    way.forward(days=FORTNIGHT.days)
    way.goes_on(3)
    way.proved()
