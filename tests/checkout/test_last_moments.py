"""What happens at the last moment: as a trial or a period ends, and to cards and subscriptions that are no more."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from marketplace.checkout import billing, billing_letters, hearing, method_uses, methods, past_due, renewing
from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import Ask
from marketplace.checkout.gateways.base import Charge
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, OrderLine, SandboxCharge, StrayPayment, Subscription, SubscriptionEnd
from marketplace.checkout.subscription_models import PaymentNotice
from marketplace.database import paging
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.queries import status_of
from marketplace.payouts.queries import check_books
from tests.cast import CARD
from tests.checkout import test_billing, test_trials
from tests.checkout.shop import Shop
from tests.checkout.test_subscriptions import FIRST, MINUTE, SECOND, THIRD, periods, subscribed
from tests.checkout.test_trials import OVER

ASKS, LATE = "4000 0027 6000 3184", "4000 0099 0000 0012"
HOUR, DAY, SECONDS = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)


def test_a_trial_is_cancelled_in_its_last_second_and_nothing_is_charged(shop: Shop) -> None:
    shop.buy(Ask(test_trials.tried(shop), seats=1), now=test_trials.FIRST)
    subscription, carol = Subscription.objects.get(), shop.market.cast.carol
    for before in (55 * MINUTE, 30 * MINUTE, SECONDS):
        assert renewing.renew_subscriptions(now=OVER - before) == 0
    renewing.cancel_subscription(subscription=subscription, by=carol, now=OVER - SECONDS)
    assert renewing.renew_subscriptions(now=OVER + MINUTE) == 0
    assert (SandboxCharge.objects.count(), Order.objects.count()) == (0, 1)
    assert SubscriptionEnd.objects.get().cause == "cancelled"


@pytest.mark.parametrize("ends", ["cancelled by her", "called off", "paid"])
def test_an_order_that_waits_to_take_a_licenses_place_never_ends_its_subscription(shop: Shop, ends: str) -> None:
    """Her bank asks Carol about more seats, and she is at lunch; the period ends meanwhile."""
    subscription, carol = subscribed(shop), shop.market.cast.carol
    renewing.use_method(subscription=subscription, token=SandboxGateway().method(ASKS), by=carol, now=SECOND - 4 * HOUR)
    year = shop.offer("enterprise", 10_000, model="yearly")
    held = Grant.objects.get()
    waits = shop.buy(Ask(year, kind=OrderLine.UPGRADE, replaces=held, seats=2), method=ASKS, now=SECOND - 3 * HOUR)
    renewing.use_method(subscription=subscription, token=SandboxGateway().method(CARD), by=carol, now=SECOND - 3 * HOUR)
    assert renewing.renew_subscriptions(now=SECOND - 30 * MINUTE) == 0
    if ends == "cancelled by her":
        checkout.cancel_order(order=waits, now=SECOND - 20 * MINUTE)
        assert renewing.renew_subscriptions(now=SECOND - 20 * MINUTE) == 1
    elif ends == "called off":
        assert renewing.renew_subscriptions(now=SECOND - 10 * MINUTE) == 0
        assert waits.__class__.objects.get(pk=waits.pk).outcome.cause == "cancelled"
        assert renewing.renew_subscriptions(now=SECOND - 5 * MINUTE) == 1
    else:
        told = Charge("ch_later", "succeeded")
        hearing.hear_payment(key=waits.attempts.get().key, charge=told, now=SECOND - 20 * MINUTE)
        assert SubscriptionEnd.objects.get().cause == "replaced"
        return
    assert not SubscriptionEnd.objects.exists()
    assert [one[1:3] for one in periods(subscription)] == [(FIRST, SECOND), (SECOND, THIRD)]


def test_a_card_that_she_removed_is_not_charged_for_use_and_she_is_asked_for_another(shop: Shop) -> None:
    studio, carol = shop.market.cast.studio, shop.market.cast.carol
    card = methods.add_card(studio=studio, card=CARD, by=carol, now=FIRST - 100 * DAY)
    metered = test_billing.held(shop, shop.offer("cc-by-4.0", 7, model="metered", unit="image"))
    test_billing.report(metered, "a", 10)
    method_uses.remove(method=card, by=carol, now=test_billing.DECEMBER - DAY)
    assert billing.bill_usage(now=test_billing.DECEMBER) == 0
    assert past_due.chase_payments(now=test_billing.DECEMBER + DAY) == 0
    assert not SandboxCharge.objects.exists()
    notice = PaymentNotice.objects.get()
    billing_letters.send_letter(notice_id=notice.pk, person_id=str(carol.pk))
    assert "No card is kept any more that this could be paid with: give another one." in mail.outbox[0].body

    methods.add_card(studio=studio, card="4000 0025 0000 3155", by=carol, now=test_billing.DECEMBER + DAY)
    assert past_due.chase_payments(now=test_billing.DECEMBER + DAY) == 1
    assert [(row.amount_minor, row.method) for row in SandboxCharge.objects.all()] == [(70, "3ds")]


def test_what_is_resumed_after_its_card_was_removed_is_not_charged_to_it(shop: Shop) -> None:
    carol, studio = shop.market.cast.carol, shop.market.cast.studio
    card = methods.add_card(studio=studio, card=CARD, by=carol, now=FIRST)
    subscription = subscribed(shop)
    renewing.cancel_subscription(subscription=subscription, by=carol, now=FIRST + DAY)
    method_uses.remove(method=card, by=carol, now=FIRST + DAY)
    renewing.resume_subscription(subscription=subscription, by=carol, now=FIRST + 2 * DAY)
    assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 0
    assert past_due.chase_payments(now=SECOND - MINUTE) == 0
    assert SandboxCharge.objects.count() == 1
    assert Grant.objects.filter(source__startswith="grace:").count() == 1  # the license goes on meanwhile


def test_a_page_that_asks_for_a_card_is_told_as_that(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = subscribed(shop)
    page = Charge("cs_1", "action", url="http://127.0.0.1/page")
    with monkeypatch.context() as gateway:
        gateway.setattr(methods, "to_charge", lambda *_asked: "hosted")
        gateway.setattr(SandboxGateway, "charge", lambda _self, **_asked: page)
        assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 0
        assert past_due.chase_payments(now=SECOND - MINUTE) == 0
    notice = PaymentNotice.objects.get()
    assert (notice.kind, notice.subscription) == ("no-card", subscription)
    subject, body = billing_letters.letter(notice, shop.market.cast.carol)
    assert subject == "A payment needs a card: $20.00"
    assert "keeps no card any more that a payment of $20.00 could be made with." in body


def test_cancelled_while_the_bank_decides_what_it_pays_later_goes_back(shop: Shop) -> None:
    subscription, carol = subscribed(shop), shop.market.cast.carol
    renewing.use_method(subscription=subscription, token=SandboxGateway().method(LATE), by=carol, now=FIRST + DAY)
    assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 0
    past_due.chase_payments(now=SECOND)
    assert renewing.cancel_subscription(subscription=subscription, by=carol, now=SECOND) is None
    order = Order.objects.get(idempotency_key__startswith="subscription:")
    assert not hasattr(order, "outcome")  # the bank cannot be stopped
    told: Any = {"key": order.attempts.get().key, "charge": Charge("ch_late", "succeeded")}
    outcome = hearing.hear_payment(now=SECOND + 3 * DAY, **told)
    assert outcome is not None
    assert (outcome.outcome, outcome.cause) == ("declined", "refused")
    assert StrayPayment.objects.get().amount_minor == 2_000
    assert [status_of(one) for one in Grant.objects.order_by("granted_at")] == ["active", "revoked"]
    assert check_books() == []


def test_subscriptions_that_wait_do_not_keep_those_behind_from_their_turn(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = shop.offer("enterprise", 1_000, model="monthly")
    for seconds in range(3):
        shop.buy(Ask(offer, seats=1), now=FIRST + seconds * SECONDS)
    for held in Grant.objects.order_by("starts_at")[:2]:
        licensing.set_status(grant=held, status=GrantStatus.SUSPENDED, reason="disputed", now=FIRST + DAY)
    monkeypatch.setattr(renewing, "each", lambda rows, by: paging.each(rows, by, page=1))
    assert renewing.renew_subscriptions(now=SECOND) == 1
