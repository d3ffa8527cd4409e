"""What a license is worth as credit, and whose license ends, when money of it went back: nothing is credited twice."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from marketplace.checkout import hearing, refunding, renewing, worth
from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import Ask, UnableToBuyYet
from marketplace.checkout.gateways.base import Charge
from marketplace.checkout.models import OrderLine, PaymentOutcome, SandboxCharge, StrayPayment, SubscriptionEnd
from marketplace.checkout.sandbox_models import SandboxRefund
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from marketplace.licensing.queries import status_of
from marketplace.payouts.queries import check_books
from tests.cast import later
from tests.checkout.shop import Shop, grant_of
from tests.checkout.test_subscriptions import FIRST, MINUTE, SECOND, subscribed

ASKS = "4000 0027 6000 3184"
HOUR = timedelta(hours=1)


def paid() -> int:
    """What Carol's bank has given and not got back."""
    charges = SandboxCharge.objects.filter(succeeded=True).values_list("amount_minor", flat=True)
    return sum(charges) - sum(SandboxRefund.objects.values_list("amount_minor", flat=True))


def back(line: OrderLine, amount_minor: int | None = None, hours: int = 3) -> Any:
    return checkout.refund_line(line=line, amount_minor=amount_minor, reason="wrong", now=later(hours=hours))


def upgraded(shop: Shop, line: OrderLine, price_minor: int, hours: int = 4, **more: Any) -> OrderLine:
    bigger = shop.offer("enterprise", price_minor)
    return shop.line(Ask(bigger, kind="upgrade", replaces=grant_of(line)), now=later(hours=hours), **more)


def test_what_was_refunded_is_no_credit(shop: Shop) -> None:
    line = shop.line(shop.offer("cc-by-nc-4.0", 5_000))
    back(line, 4_999)
    assert status_of(grant_of(line)) == "active"
    up = upgraded(shop, line, 8_000)
    assert (up.price_minor, up.credit_minor) == (7_999, 1)
    assert paid() == 8_000
    assert check_books() == []


def test_what_is_on_its_way_back_is_no_credit(shop: Shop) -> None:
    line = shop.line(shop.offer("cc-by-nc-4.0", 5_000))
    refunding.intend(line=line, amount_minor=3_000, reason="wrong", now=later(hours=3))
    assert worth.worth_of(grant_of(line), at=later(hours=3)) == 2_000


def test_what_a_bank_took_is_no_credit(shop: Shop) -> None:
    line = shop.line(shop.offer("cc-by-nc-4.0", 5_000))
    told: Any = {"charge_reference": line.order.outcome.reference, "dispute_reference": "du_1", "amount_minor": 4_000}
    hearing.hear_dispute(state="opened", now=later(hours=3), **told)
    assert worth.worth_of(grant_of(line), at=later(hours=3)) == 1_000
    hearing.hear_dispute(state="lost", now=later(hours=3), **told)
    up = upgraded(shop, line, 8_000)
    assert (up.price_minor, up.credit_minor) == (7_000, 1_000)


def test_what_is_won_is_credit_again(shop: Shop) -> None:
    line = shop.line(shop.offer("cc-by-nc-4.0", 5_000))
    told: Any = {"charge_reference": line.order.outcome.reference, "dispute_reference": "du_1", "amount_minor": 4_000}
    for state in ("opened", "won"):
        hearing.hear_dispute(state=state, now=later(hours=3), **told)
    assert upgraded(shop, line, 8_000).credit_minor == 5_000


def test_a_credit_is_worth_what_is_left_of_what_it_was_made_of(shop: Shop) -> None:
    line = shop.line(shop.offer("cc-by-nc-4.0", 5_000))
    up = upgraded(shop, line, 8_000)
    assert (up.price_minor, up.credit_minor, worth.worth_of(grant_of(up), at=later(hours=4))) == (3_000, 5_000, 8_000)
    back(line, 4_000, hours=5)
    assert worth.worth_of(grant_of(up), at=later(hours=5)) == 4_000
    back(up, 1_000, hours=6)
    assert worth.worth_of(grant_of(up), at=later(hours=6)) == 3_000 == paid()
    third = shop.offer("cc-by-4.0", 9_000)
    last = shop.line(Ask(third, kind="upgrade", replaces=grant_of(up)), now=later(hours=7))
    assert (last.price_minor, last.credit_minor, paid()) == (6_000, 3_000, 9_000)
    assert check_books() == []


def test_a_month_that_was_given_back_adds_nothing_to_the_year(shop: Shop) -> None:
    subscription = subscribed(shop)
    checkout.refund_line(line=subscription.line, amount_minor=1_000, reason="late", now=FIRST + HOUR)
    half = FIRST + timedelta(seconds=int((SECOND - FIRST).total_seconds()) // 2)
    year = shop.offer("enterprise", 10_000, model="yearly")
    up = shop.line(Ask(year, kind="upgrade", replaces=Grant.objects.get(), seats=2), now=half)
    assert (up.price_minor, up.credit_minor) == (19_500, 500)


def test_what_was_passed_on_is_worth_what_is_left_of_its_whole_time(shop: Shop) -> None:
    """Half a year that was passed on is half a year, not a whole one."""
    offer = shop.offer("enterprise", 1_000, model="yearly")
    line = shop.line(Ask(offer, seats=2), now=FIRST)
    held = grant_of(line)
    assert held.ends_at is not None
    half = FIRST + timedelta(seconds=int((held.ends_at - FIRST).total_seconds()) // 2)
    cast = shop.market.cast
    there = licensing.transfer(grant=held, to=cast.daves_studio, by=cast.carol, now=half)
    assert (there.starts_at, there.price_minor) == (half, 2_000)
    assert worth.worth_of(there, at=half) == 1_000
    checkout.refund_line(line=line, amount_minor=1_000, reason="late", now=half)
    assert worth.worth_of(there, at=half) == 500


def test_money_that_goes_back_while_the_upgrade_is_paid_lets_all_of_it_go_back(shop: Shop) -> None:
    """Her bank asks Carol about the upgrade; meanwhile she gets back what it was to take off."""
    line = shop.line(shop.offer("cc-by-nc-4.0", 5_000))
    up = upgraded(shop, line, 8_000, method=ASKS)
    assert (up.credit_minor, PaymentOutcome.objects.filter(order=up.order).exists()) == (5_000, False)
    back(line, 2_000, hours=5)
    attempt = up.order.attempts.get()
    told = hearing.hear_payment(key=attempt.key, charge=Charge("sandbox-9", "succeeded"), now=later(hours=6))
    assert told is not None
    assert (told.outcome, told.cause) == ("declined", "refused")
    assert StrayPayment.objects.get().amount_minor == 3_000
    assert [status_of(one) for one in Grant.objects.all()] == ["active"]
    assert check_books() == []


def test_a_refund_of_what_was_taken_over_as_credit_takes_what_took_it(shop: Shop) -> None:
    line = shop.line(shop.offer("cc-by-nc-4.0", 5_000))
    up = upgraded(shop, line, 8_000)
    back(line, 4_000, hours=5)
    assert status_of(grant_of(up)) == "active"  # a part leaves the license, as ever
    back(line, hours=6)
    assert (status_of(grant_of(line)), status_of(grant_of(up))) == ("superseded", "revoked")
    assert paid() == 3_000
    assert check_books() == []


def test_a_refund_of_what_was_passed_on_takes_it_there(shop: Shop) -> None:
    line, cast = shop.line(shop.offer("enterprise", 5_000)), shop.market.cast
    there = licensing.transfer(grant=grant_of(line), to=cast.daves_studio, by=cast.carol, now=later(hours=3))
    back(line, hours=4)
    assert (paid(), status_of(there)) == (0, "revoked")


def test_a_refund_of_a_month_that_was_upgraded_ends_what_goes_on(shop: Shop) -> None:
    subscription = subscribed(shop)
    first = Grant.objects.get()
    year = shop.offer("enterprise", 10_000, model="yearly")
    up = shop.line(Ask(year, kind="upgrade", replaces=first, seats=2), now=FIRST + HOUR)
    checkout.refund_line(line=subscription.line, reason="wrong", now=FIRST + 2 * HOUR)
    assert (status_of(first), status_of(grant_of(up))) == ("superseded", "revoked")
    assert sorted(SubscriptionEnd.objects.values_list("cause", flat=True)) == ["replaced", "revoked"]
    assert check_books() == []


def test_a_renewal_waits_for_an_order_that_takes_its_place(shop: Shop) -> None:
    subscription, held = subscribed(shop), Grant.objects.get()
    year = shop.offer("enterprise", 10_000, model="yearly")
    waits = shop.buy(Ask(year, kind="upgrade", replaces=held, seats=2), method=ASKS, now=SECOND - 3 * HOUR)
    with pytest.raises(UnableToBuyYet, match="still being paid"):
        shop.buy(Ask(year, kind="upgrade", replaces=held, seats=3), now=SECOND - 2 * HOUR)
    assert renewing.renew_subscriptions(now=SECOND - 30 * MINUTE) == 0
    assert not SubscriptionEnd.objects.exists()
    checkout.cancel_order(order=waits, now=SECOND - 20 * MINUTE)
    assert renewing.renew_subscriptions(now=SECOND - 10 * MINUTE) == 1
    assert [one.starts_at for one in Grant.objects.filter(offer=subscription.offer).order_by("starts_at")] == [
        FIRST,
        SECOND,
    ]


@pytest.mark.parametrize("how", ["refunded", "lost"])
def test_what_was_added_goes_back_and_what_was_there_before_is_there_again(shop: Shop, how: str) -> None:
    line = shop.line(shop.offer("cc-by-nc-4.0", 5_000))
    up = upgraded(shop, line, 8_000)
    gone(up, how, later(hours=5))
    again = Grant.objects.get(source=f"restored:{up.pk}")
    assert (again.offer, again.price_minor, status_of(again)) == (line.offer, 0, "active")
    assert [status_of(grant_of(one)) for one in (line, up)] == ["superseded", "superseded"]
    assert worth.worth_of(again, at=later(hours=5)) == 5_000
    gone(line, how, later(hours=6))
    assert (status_of(again), check_books()) == ("revoked", [])


def test_what_is_there_again_is_upgraded_by_what_is_left_of_it(shop: Shop) -> None:
    line = shop.line(shop.offer("cc-by-nc-4.0", 5_000))
    up = upgraded(shop, line, 8_000)
    back(up, hours=5)
    again = Grant.objects.get(source=f"restored:{up.pk}")
    third = shop.line(Ask(shop.offer("cc-by-4.0", 9_000), kind="upgrade", replaces=again), now=later(hours=6))
    assert (third.price_minor, third.credit_minor, paid()) == (4_000, 5_000, 9_000)
    assert worth.worth_of(grant_of(third), at=later(hours=6)) == 9_000
    assert check_books() == []


@pytest.mark.parametrize("how", ["refunded", "lost"])
def test_seats_that_were_added_go_back_and_the_subscription_goes_on(shop: Shop, how: str) -> None:
    subscription, carol, half = subscribed(shop), shop.market.cast.carol, FIRST + 10 * 24 * HOUR
    added = renewing.change_seats(subscription=subscription, seats=3, by=carol, idempotency_key="k", now=half)
    assert added is not None
    gone(added.lines.get(), how, half + HOUR)
    rows = Grant.objects.order_by("granted_at")
    assert [(one.seats, status_of(one)) for one in rows] == [(2, "superseded"), (3, "superseded"), (2, "active")]
    assert not SubscriptionEnd.objects.exists()
    assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 1
    newest = Grant.objects.order_by("-starts_at")[0]
    assert (newest.kind, newest.seats, newest.starts_at, newest.price_minor) == ("renewal", 2, SECOND, 2_000)
    assert check_books() == []


def test_a_year_that_goes_back_leaves_the_rest_of_the_month_before_it(shop: Shop) -> None:
    subscription, first = subscribed(shop), Grant.objects.get()
    year = shop.offer("enterprise", 10_000, model="yearly")
    up = shop.line(Ask(year, kind="upgrade", replaces=first, seats=2), now=FIRST + HOUR)
    checkout.refund_line(line=up, reason="wrong", now=FIRST + 2 * HOUR)
    again = Grant.objects.get(source=f"restored:{up.pk}")
    assert (again.offer, again.starts_at, again.ends_at) == (subscription.offer, FIRST + 2 * HOUR, SECOND)
    assert sorted(SubscriptionEnd.objects.values_list("cause", flat=True)) == ["replaced", "revoked"]
    assert (renewing.renew_subscriptions(now=SECOND), check_books()) == (0, [])


def test_what_took_over_the_credit_of_an_upgrade_goes_on_when_that_goes_back(shop: Shop) -> None:
    line = shop.line(shop.offer("cc-by-nc-4.0", 5_000))
    up = upgraded(shop, line, 8_000)
    third = shop.line(Ask(shop.offer("cc-by-4.0", 9_000), kind="upgrade", replaces=grant_of(up)), now=later(hours=5))
    gone(up, "lost", later(hours=6))
    assert (status_of(grant_of(third)), worth.worth_of(grant_of(third), at=later(hours=6))) == ("active", 6_000)
    assert check_books() == []


def test_a_month_that_is_over_is_given_back_and_the_subscription_goes_on(shop: Shop) -> None:
    subscription = subscribed(shop)
    assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 1
    checkout.refund_line(line=subscription.line, reason="broken", now=SECOND + HOUR)
    assert [status_of(one) for one in Grant.objects.order_by("starts_at")] == ["revoked", "active"]
    assert not SubscriptionEnd.objects.exists()
    checkout.refund_line(line=subscription.lines.get(), reason="all of it", now=SECOND + HOUR)
    assert SubscriptionEnd.objects.get().cause == "revoked"
    assert check_books() == []


def gone(line: OrderLine, how: str, at: datetime) -> None:
    """All of a line's money goes back: we give it, or a bank takes it."""
    if how == "refunded":
        checkout.refund_line(line=line, reason="wrong", now=at)
        return
    for state in ("opened", "lost"):
        named: Any = {"charge_reference": line.order.outcome.reference, "dispute_reference": f"du_{line.pk}"}
        hearing.hear_dispute(state=state, now=at, **named)
