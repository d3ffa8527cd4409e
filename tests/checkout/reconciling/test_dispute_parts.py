"""Parts of a dispute beside Stripe's lines: each line has its own transactions, whatever is heard or read first."""

from decimal import Decimal

import pytest

from marketplace.checkout import order_states
from marketplace.checkout.disputes import Contradiction, DisputeStep
from marketplace.checkout.gateways.base import SUCCEEDED, Charge
from marketplace.checkout.gateways.stripe import inbox
from marketplace.checkout.gateways.stripe.disputing import disputed_of
from marketplace.checkout.hearing import hear_payment
from marketplace.checkout.operations import place_order
from marketplace.checkout.reconciling.equating import prove
from marketplace.checkout.reconciling.tables import ProviderLine
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.operations import recognize_periods
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from marketplace.provider.inbox import About
from tests.cast import CARD
from tests.checkout.reconciling.ledgers import BALANCE, CLEARING, sets, sums
from tests.checkout.reconciling.test_stripe import fake, in_dollars, pay, port, time  # noqa: F401
from tests.stripe import backwards
from tests.stripe.conftest import charged
from tests.stripe.world import DAY


def seen(fake, dispute):  # noqa: F811
    """What Stripe says of a dispute now, and its charge."""
    read = fake.client().v1.disputes.retrieve(dispute).to_dict(for_json=True)
    return dict(fake.world.rows[read["charge"]]), disputed_of(read)


def hears(found, time):  # noqa: F811
    about = About("dispute", found[1].reference, "", frozenset(), time.now)
    inbox.hear_dispute(found, about, now=time.now)


def agree(port, time):  # noqa: F811
    """Our books and the fake's balance are the same, to the unit."""
    assert prove(port=port, now=time.now).problems == []
    assert sums(BALANCE, CLEARING) == (port.balances()["USD"].total_minor, 0)
    assert sets() == ([], [], [])
    assert check_books() == []


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("ahead", [True, False])
def test_each_part_is_matched_with_its_line(pay, shop, fake, time, port, settled, ahead):  # noqa: F811
    if ahead:
        order = place_order(
            studio=shop.market.cast.studio,
            buyer=shop.market.cast.carol,
            offers=[shop.offer("enterprise", 50_00, model="yearly")],
            method=CARD,
            idempotency_key="ahead",
            now=time.now,
        )
        line, charge = order.lines.get(), charged(fake.client(), 50_00)
        hear_payment(key=order.attempts.get().key, charge=Charge(charge, SUCCEEDED), now=time.now)
        time.forward(100 * DAY)
        recognize_periods(now=time.now)
    else:
        line, charge = pay()
    if settled:
        agree(port, time)
    dispute = backwards.disputed(fake.world, charge)["id"]
    hears(seen(fake, dispute), time)
    backwards.decided(fake.world, dispute, "won", back=5_00)
    hears(seen(fake, dispute), time)
    if settled:
        agree(port, time)
    for minor in (7_77, 1, 37_22):
        time.forward(3 * DAY)
        backwards.reinstated(fake.world, dispute, minor)
        for _twice in range(2):
            hears(seen(fake, dispute), time)
        if settled:
            agree(port, time)
    agree(port, time)
    assert (left_of_sale(line.source), order_states.state_of(line.order)) == (50_00, "paid")
    lines = ProviderLine.objects.filter(category="dispute_reversal").order_by("id")
    assert list(lines.values_list("amount_minor", flat=True)) == [5_00, 7_77, 1, 37_22]
    assert {one.matched.way for one in lines} == {"known"}


def test_parts_that_are_heard_late_in_one_message_or_old(pay, fake, time, port):  # noqa: F811
    """Two parts come before anything is heard, the third's line is read first, and an old word comes last."""
    line, charge = pay()
    dispute = backwards.disputed(fake.world, charge)["id"]
    backwards.decided(fake.world, dispute, "won", back=10_00)
    old = seen(fake, dispute)
    backwards.reinstated(fake.world, dispute, 15_00)
    hears(seen(fake, dispute), time)
    agree(port, time)

    backwards.reinstated(fake.world, dispute, 4_00)
    made = prove(port=port, now=time.now)
    assert [alone for _ours, alone, _differs in [sets()]] == [[("dispute_reversal", 4_00)]]
    assert (sums(BALANCE)[0] + 4_00, made.equations.get().unexplained_minor) == (port.balances()["USD"].total_minor, 0)
    hears(seen(fake, dispute), time)
    agree(port, time)

    hears(old, time)
    agree(port, time)
    assert left_of_sale(line.source) == 29_00
    steps = DisputeStep.objects.exclude(reference="").order_by("id").values_list("state", "amount_minor")
    assert list(steps) == [("won", 10_00), ("returned", 15_00), ("returned", 4_00)]
    assert not Contradiction.objects.exists()


def test_parts_in_another_currency_by_the_rate_of_their_day(shop, fake, time, port):  # noqa: F811
    fake.world.settles["eur"] = ("usd", Decimal("1.1"))
    order = place_order(
        studio=shop.market.cast.studio,
        buyer=shop.market.cast.carol,
        offers=[shop.offer(price=Money(100_01, "EUR"))],
        method=CARD,
        idempotency_key="euros",
        now=time.now,
    )
    charge = charged(fake.client(), 100_01, currency="eur")
    hear_payment(key=order.attempts.get().key, charge=Charge(charge, SUCCEEDED), now=time.now)
    in_dollars(port, time)
    dispute = backwards.disputed(fake.world, charge)["id"]
    for rate, minor in (("1.12127", 30_00), ("0.98", 20_05), ("1.07", 49_96)):
        fake.world.settles["eur"] = ("usd", Decimal(rate))
        if minor == 30_00:
            backwards.decided(fake.world, dispute, "won", back=minor)
        else:
            backwards.reinstated(fake.world, dispute, minor)
        hears(seen(fake, dispute), time)
        in_dollars(port, time)
    assert (left_of_sale(order.lines.get().source), order_states.state_of(order)) == (100_01, "paid")
