"""A renewal that is not paid: tried again on its days, told of, cured by another card, and given up after the grace."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from marketplace.checkout import billing_letters, operations, past_due, paying, queries, renewing
from marketplace.checkout.asking import Ask
from marketplace.checkout.gateways.base import Charge
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, PaymentOutcome, Subscription, SubscriptionEnd
from marketplace.checkout.subscription_models import PaymentNotice
from marketplace.checkout.subscription_states import state_of
from marketplace.database import paging
from marketplace.licensing import noticing
from marketplace.licensing.holdings import Notice
from marketplace.licensing.models import Grant
from marketplace.licensing.queries import status_of
from marketplace.payouts.queries import check_books
from tests.cast import CARD
from tests.checkout.shop import Shop
from tests.checkout.test_subscriptions import FIRST, MINUTE, SECOND, THIRD, periods, subscribed

DAY = timedelta(days=1)
REFUSED = Charge(reference="ch_no", state="declined", reason="The card was declined: use another card.")
ASKS = Charge(reference="pi_1", state="action", url="http://127.0.0.1/bank")


@pytest.fixture
def broke(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Carol's card pays no more, until the test says otherwise."""
    with monkeypatch.context() as card:
        card.setattr(SandboxGateway, "charge", lambda _self, **_asked: REFUSED)
        yield card


def unpaid(shop: Shop, broke: pytest.MonkeyPatch) -> Subscription:
    """A month that was paid, and a second one that was not."""
    with pytest.MonkeyPatch.context() as fine:
        broke.undo()
        subscription = subscribed(shop)
    del fine
    broke.setattr(SandboxGateway, "charge", lambda _self, **_asked: REFUSED)
    assert renewing.renew_subscriptions(now=SECOND - 5 * MINUTE) == 0
    past_due.chase_payments(now=SECOND - 5 * MINUTE)
    return subscription


def declined_after() -> list[int]:
    order = Order.objects.get(idempotency_key__startswith="subscription:")
    rows = order.attempts.select_related("declined").order_by("number")
    return [round((row.declined.at - rows[0].declined.at) / DAY) for row in rows]


def test_it_is_tried_on_its_days_and_ends_after_the_grace(shop: Shop, broke: pytest.MonkeyPatch) -> None:
    subscription = unpaid(shop, broke)
    held = Grant.objects.get(source__startswith="grace:")
    assert (held.starts_at, held.ends_at, held.price_minor, held.seats) == (SECOND, SECOND + 14 * DAY, 0, 2)
    assert state_of(subscription, SECOND) == "past-due"
    for hours in range(0, 24 * 13, 6):
        assert past_due.chase_payments(now=SECOND + timedelta(hours=hours)) == 0
        renewing.renew_subscriptions(now=SECOND + timedelta(hours=hours))
    assert declined_after() == [0, 1, 3, 5, 7]
    assert not SubscriptionEnd.objects.exists()
    assert past_due.chase_payments(now=SECOND + 14 * DAY) == 1
    assert past_due.chase_payments(now=SECOND + 14 * DAY) == 0

    subscription.refresh_from_db()
    assert (SubscriptionEnd.objects.get().cause, state_of(subscription, SECOND)) == ("declined", "ended")
    assert Grant.objects.count() == 2
    assert [row.kind for row in PaymentNotice.objects.order_by("id")] == ["declined"] * 5 + ["ended"]
    noticing.give_notices(now=SECOND + 14 * DAY)
    assert "renewed" not in Notice.objects.values_list("kind", flat=True)
    assert check_books() == []


def test_what_is_past_due_keeps_no_order_behind_it_from_its_end(shop: Shop, broke: pytest.MonkeyPatch) -> None:
    """The worker that brings orders on has nothing to do for a declined renewal; past_due.py goes on with it."""
    unpaid(shop, broke)
    late = Order.objects.get(idempotency_key__startswith="subscription:")
    broke.undo()
    asked = {"studio": shop.market.cast.studio, "buyer": shop.market.cast.carol, "method": CARD}
    day = late.placed_at + 2 * DAY
    fresh = operations.place_order(offers=[shop.offer()], idempotency_key="fresh", now=day, **asked)
    assert list(operations._to_look_at(day)) == [fresh]
    assert operations.finish_orders(now=day) == 1
    assert fresh.outcome.outcome == "succeeded"
    assert not PaymentOutcome.objects.filter(order=late).exists()
    assert late.attempts.count() == 1


def test_another_card_cures_it_at_once_and_the_license_follows(shop: Shop, broke: pytest.MonkeyPatch) -> None:
    subscription, carol = unpaid(shop, broke), shop.market.cast.carol
    with pytest.raises(renewing.UnableToBuy, match="cannot buy for"):
        renewing.use_method(subscription=subscription, token="x", by=shop.market.cast.dave, now=SECOND)
    broke.undo()
    token = SandboxGateway().method("4000 0000 0000 5126")
    assert renewing.use_method(subscription=subscription, token=token, by=carol, now=SECOND + DAY) is not None
    assert renewing.use_method(subscription=subscription, token=token, by=carol, now=SECOND + DAY) is None
    assert past_due.chase_payments(now=SECOND + DAY) == 1

    former, grace, paid = Grant.objects.order_by("granted_at", "id")
    assert (grace.replaces, paid.replaces, status_of(grace)) == (former, grace, "superseded")
    assert (paid.starts_at, paid.ends_at, paid.price_minor) == (SECOND, THIRD, 2_000)  # all of the month: it was used
    assert state_of(subscription, SECOND + DAY) == "running"
    assert renewing.renew_subscriptions(now=THIRD) == 1
    newest = Order.objects.order_by("-placed_at").first()
    assert newest is not None
    assert newest.method == token
    assert check_books() == []


def test_the_buyer_pays_it_by_hand_on_the_orders_page(shop: Shop, broke: pytest.MonkeyPatch) -> None:
    subscription = unpaid(shop, broke)
    [told] = queries.subscriptions_of(shop.market.cast.studio)
    order = told.owes  # type: ignore[attr-defined]
    assert told.grace == Grant.objects.get(source__startswith="grace:")  # type: ignore[attr-defined]
    broke.undo()
    outcome = paying.try_again(order=order, method=CARD, now=SECOND + 2 * DAY)
    assert outcome is not None
    assert outcome.outcome == "succeeded"
    assert (past_due.chase_payments(now=SECOND + 3 * DAY), state_of(subscription, SECOND + 3 * DAY)) == (0, "running")
    assert periods(subscription)[-1][1:3] == (SECOND, THIRD)


def test_cancelled_while_it_is_not_paid_it_ends_at_once(shop: Shop, broke: pytest.MonkeyPatch) -> None:
    subscription, carol = unpaid(shop, broke), shop.market.cast.carol
    assert renewing.cancel_subscription(subscription=subscription, by=carol, now=SECOND + DAY) is None
    assert SubscriptionEnd.objects.get().cause == "cancelled"
    assert status_of(Grant.objects.get(source__startswith="grace:")) == "revoked"
    order = Order.objects.get(idempotency_key__startswith="subscription:")
    assert order.outcome.outcome == "declined"
    assert past_due.chase_payments(now=SECOND + 2 * DAY) == 0
    assert check_books() == []


def test_the_bank_asks_and_the_buyer_is_written_to_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = subscribed(shop)
    with monkeypatch.context() as bank:
        bank.setattr(SandboxGateway, "charge", lambda _self, **_asked: ASKS)
        assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 0
        for minute in range(3):
            assert past_due.chase_payments(now=SECOND + minute * MINUTE) == 0
    notice = PaymentNotice.objects.get()
    assert (notice.kind, notice.subscription) == ("action", subscription)
    carol = shop.market.cast.carol
    billing_letters.send_letter(notice_id=notice.pk, person_id=str(carol.pk))
    [letter] = mail.outbox
    assert (letter.to, letter.subject) == ([carol.email], "Your bank asks you to confirm a payment: $20.00")
    assert paying.page_of(notice.order) in letter.body  # type: ignore[arg-type]
    assert Grant.objects.filter(source__startswith="grace:").count() == 1


@pytest.mark.parametrize("kind", ["declined", "ended"])
def test_what_the_letters_say(shop: Shop, broke: pytest.MonkeyPatch, kind: str) -> None:
    unpaid(shop, broke)
    past_due.chase_payments(now=SECOND + 14 * DAY)
    notice = PaymentNotice.objects.filter(kind=kind).first()
    assert notice is not None
    carol = shop.market.cast.carol
    subject, body = billing_letters.letter(notice, carol)
    assert (
        subject
        == {
            "declined": "A renewal could not be paid: alice/yunhai",
            "ended": "A subscription has ended: alice/yunhai",
        }[kind]
    )
    said: dict[str, Any] = {
        "declined": ["$20.00", "The card was declined: use another card.", "until Feb 14, 2027"],
        "ended": ["because its renewal was not paid", "/licenses"],
    }
    assert [words for words in said[kind] if words not in body] == []


def test_nobody_who_left_is_told(shop: Shop) -> None:
    cast = shop.market.cast
    assert [person.email for person in billing_letters.recipients(cast.studio, cast.carol)] == [cast.carol.email]
    assert billing_letters.recipients(cast.studio, cast.dave) == billing_letters.recipients(cast.studio, cast.carol)
    assert datetime(2026, 12, 31, 9, tzinfo=UTC) == FIRST


def test_renewals_that_stay_unpaid_do_not_keep_those_behind_waiting(
    shop: Shop, broke: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = shop.offer("enterprise", 1_000, model="monthly")
    with pytest.MonkeyPatch.context() as fine:
        fine.setattr(SandboxGateway, "charge", lambda _self, **asked: Charge(f"ch_{asked['payment'].key}", "succeeded"))
        for _number in range(3):
            shop.buy(Ask(offer, seats=2), now=FIRST)
    assert renewing.renew_subscriptions(now=SECOND - 5 * MINUTE) == 0
    monkeypatch.setattr(past_due, "each", lambda rows, by: paging.each(rows, by, page=1))
    past_due.chase_payments(now=SECOND)
    assert Grant.objects.filter(source__startswith="grace:").count() == 3
