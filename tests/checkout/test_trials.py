"""Alice lets studios try her world; Carol tries it once, is reminded, and pays when the trial is over, or never."""

from datetime import UTC, datetime, timedelta

import pytest

from marketplace.checkout import billing_letters, placing, renewing
from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import Ask
from marketplace.checkout.gateways.base import UnableToUseMethod
from marketplace.checkout.models import Order, SandboxCharge, Subscription
from marketplace.checkout.subscription_models import PaymentNotice, TrialLine
from marketplace.checkout.subscription_states import state_of
from marketplace.licensing import trials
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.offering import UnableToOffer
from marketplace.licensing.trial_models import OfferTrial
from marketplace.payouts.operations import recognize_periods
from marketplace.payouts.queries import check_books
from tests.checkout.shop import Shop
from tests.checkout.test_subscriptions import periods

FIRST = datetime(2027, 1, 1, 9, 0, tzinfo=UTC)
OVER, SECOND = datetime(2027, 1, 15, 9, 0, tzinfo=UTC), datetime(2027, 2, 15, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def tried(shop: Shop, days: int = 14, model: str = "monthly") -> Offer:
    offer = shop.offer("enterprise", 1_000, model=model)
    trials.set_trial(offer=offer, days=days, now=FIRST - DAY)
    return offer


def test_fourteen_days_for_nothing_then_the_first_month(shop: Shop) -> None:
    offer = tried(shop)
    [line] = shop.quote(Ask(offer, seats=2), now=FIRST).lines
    assert (line.price_minor, line.trial_days, line.ends_at) == (0, 14, OVER)
    assert str(line.lines[-1]) == "Nothing for the first 14 days; then that is charged"
    with pytest.raises(UnableToUseMethod):
        shop.buy(Ask(offer, seats=2), now=FIRST, method="")
    assert not Order.objects.exists()

    shop.buy(Ask(offer, seats=2), now=FIRST)
    subscription = Subscription.objects.get()
    assert (subscription.anchor_at, state_of(subscription, FIRST), SandboxCharge.objects.count()) == (OVER, "trial", 0)
    assert renewing.renew_subscriptions(now=OVER - 2 * timedelta(hours=1)) == 0
    assert renewing.renew_subscriptions(now=OVER) == 1
    assert periods(subscription) == [("new", FIRST, OVER, 2, 0), ("renewal", OVER, SECOND, 2, 2_000)]
    assert state_of(subscription, OVER) == "running"
    assert Order.objects.get(idempotency_key=f"subscription:{subscription.pk}:0").total_minor == 2_000
    assert renewing.renew_subscriptions(now=SECOND) == 1
    assert recognize_periods(now=SECOND) == 1
    assert check_books() == []


def test_a_studio_tries_a_pack_once(shop: Shop) -> None:
    first, second = tried(shop), tried(shop, model="yearly")
    shop.buy(Ask(first, seats=1), now=FIRST)
    assert shop.quote(Ask(second, seats=1), now=FIRST).total_minor == 1_000
    shop.buy(Ask(second, seats=1), now=FIRST)
    assert TrialLine.objects.count() == 1


def test_cancelled_in_the_trial_nothing_is_charged(shop: Shop) -> None:
    shop.buy(Ask(tried(shop), seats=1), now=FIRST)
    subscription, carol = Subscription.objects.get(), shop.market.cast.carol
    renewing.cancel_subscription(subscription=subscription, by=carol, now=FIRST + DAY)
    assert billing_letters.remind_of_trials(now=OVER - DAY) == 0
    assert renewing.renew_subscriptions(now=OVER) == 0
    assert (SandboxCharge.objects.count(), Order.objects.count()) == (0, 1)
    assert Grant.objects.get().ends_at == OVER


def test_three_days_before_its_end_the_studio_is_reminded_once(shop: Shop) -> None:
    shop.buy(Ask(tried(shop), seats=1), now=FIRST)
    assert billing_letters.remind_of_trials(now=OVER - 4 * DAY) == 0
    assert billing_letters.remind_of_trials(now=OVER - 3 * DAY) == 1
    assert billing_letters.remind_of_trials(now=OVER - 2 * DAY) == 0
    subject, body = billing_letters.letter(PaymentNotice.objects.get(), shop.market.cast.carol)
    assert subject == "Your trial ends on Jan 15, 2027: alice/yunhai"
    assert "Then the first period is charged." in body


def test_seats_that_are_added_in_a_trial_cost_nothing_until_it_ends(shop: Shop) -> None:
    shop.buy(Ask(tried(shop), seats=1), now=FIRST)
    order = renewing.change_seats(
        subscription=Subscription.objects.get(),
        seats=3,
        by=shop.market.cast.carol,
        idempotency_key="k",
        now=FIRST + DAY,
    )
    assert order is not None
    assert order.total_minor == 0
    assert renewing.renew_subscriptions(now=OVER) == 1
    assert Grant.objects.order_by("-starts_at").values_list("seats", "price_minor").first() == (3, 3_000)


def test_who_was_faster_has_the_trial_and_the_other_order_is_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two orders were priced in the same moment: the second one is told, and nothing of it is written."""
    offer = tried(shop)
    shop.buy(Ask(offer, seats=1), now=FIRST)
    monkeypatch.setattr("marketplace.checkout.trying._tried", lambda *_asked: False)
    with pytest.raises(checkout.UnableToBuy, match="tries this pack already"):
        shop.buy(Ask(offer, seats=1), now=FIRST)
    assert (Order.objects.count(), TrialLine.objects.count()) == (1, 1)


def test_what_cannot_be_tried(shop: Shop) -> None:
    for why, offer, days in (
        ("by the month or by the year", shop.offer("cc-by-4.0", 1_000), 7),
        ("0 to 90 days", shop.offer("enterprise", 1_000, model="monthly"), 91),
        ("0 to 90 days", shop.offer("studio", 1_000, model="monthly"), -1),
    ):
        with pytest.raises(UnableToOffer, match=why):
            trials.set_trial(offer=offer, days=days, now=FIRST)
    assert not OfferTrial.objects.exists()


def test_a_trial_that_ended_counts_for_those_who_came_before(shop: Shop) -> None:
    offer = tried(shop)
    assert trials.set_trial(offer=offer, days=14, now=FIRST) is None
    assert (trials.trial_days(offer), trials.trials_of([offer.pk])) == (14, {offer.pk: 14})
    trials.set_trial(offer=offer, days=0, now=FIRST)
    assert (trials.trial_days(offer), trials.trials_of([offer.pk])) == (0, {})
    assert shop.quote(Ask(offer, seats=1), now=FIRST).total_minor == 1_000
    assert placing.FREE
