"""Carol's order from the page to the books: messages before and after her return, twice, shuffled, late or never."""

from typing import Any

import pytest
from django.core import mail

from marketplace.checkout import operations as checkout
from marketplace.checkout.attempts import StrayPayment
from marketplace.checkout.disputes import Dispute
from marketplace.checkout.evidence import submitting
from marketplace.checkout.gateways.stripe import inbox
from marketplace.checkout.inquiries import letter, send_letter
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.stripe_models import GatewayInquiry
from marketplace.licensing.models import Grant
from marketplace.licensing.queries import status_of
from marketplace.payouts.models import Sale
from marketplace.people.operations import name_operator
from marketplace.provider.inbox import About
from marketplace.provider.models import ProviderEvent, ProviderEventHandled
from tests.cast import person
from tests.checkout.evidence.case import seal
from tests.checkout.stripe.store import Store
from tests.stripe import backwards, sessions
from tests.stripe.world import Refused


def statuses(order: Order) -> list[str]:
    """How each line's license stands, in order."""
    grants = [Grant.objects.get(source=line.source) for line in order.lines.order_by("position")]
    return [status_of(grant) for grant in grants]


def test_three_sellers_are_paid_by_one_payment(store: Store) -> None:
    order = store.buy()
    assert (store.state(order), Grant.objects.count(), Sale.objects.count()) == ("action", 0, 0)
    store.pays(order)
    assert store.hears() > 0
    assert (store.state(order), Grant.objects.count(), Sale.objects.count()) == ("paid", 3, 3)
    charge = store.fake.world.rows[store.charge_of(order)]
    assert (charge["amount"], charge["transfer_group"]) == (order.total_minor, f"order:{order.pk}")
    store.sound()


def test_carol_returns_before_any_message(store: Store) -> None:
    order = store.buy()
    store.pays(order)
    outcome = checkout.pay(order=order, now=store.now)
    assert outcome is not None
    assert outcome.outcome == PaymentOutcome.SUCCEEDED
    assert Sale.objects.count() == 3
    store.hears(copies=2, shuffled=True)
    store.works()
    assert (Sale.objects.count(), Grant.objects.count(), PaymentOutcome.objects.count()) == (3, 3, 1)
    store.sound()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(2, 6))])
def test_messages_come_shuffled_and_three_times(store: Store, seed: int) -> None:
    store.pump.seed = seed
    order = store.buy()
    with pytest.raises(Refused):
        store.pays(order, "pm_card_chargeDeclined")
    store.pays(order)
    store.hears(copies=3, shuffled=True)
    assert (store.state(order), Sale.objects.count()) == ("paid", 3)
    before = ProviderEventHandled.objects.count()
    store.hears(copies=2, shuffled=True)
    assert ProviderEventHandled.objects.count() == before
    assert Sale.objects.count() == 3
    store.sound()


def test_messages_come_a_day_late_and_the_worker_has_looked_itself(store: Store) -> None:
    order = store.buy()
    store.pays(order)
    store.after(minutes=1)
    store.works()
    assert store.state(order) == "paid"
    store.after(days=1)
    store.hears(late=86_400, shuffled=True)
    assert (store.state(order), Sale.objects.count()) == ("paid", 3)
    store.sound()


def test_a_page_that_ran_out_ends_the_order_and_frees_it(store: Store) -> None:
    order = store.buy()
    store.after(days=1, minutes=5)
    store.hears()
    store.works()
    assert (store.state(order), store.outcome(order), Grant.objects.count()) in (
        ("expired", "declined", 0), ("declined", "declined", 0),
    )  # fmt: skip
    store.sound()


def test_a_bank_debit_fails_days_later(store: Store) -> None:
    order = store.buy()
    store.pays(order, "pm_usBankAccount_insufficientFunds")
    store.hears()
    assert (store.state(order), Grant.objects.count()) == ("waiting", 0)
    store.after(days=5)
    store.hears(copies=2, shuffled=True)
    store.works()
    assert (store.outcome(order), Grant.objects.count(), Sale.objects.count()) == ("declined", 0, 0)
    store.sound()


def test_a_bank_debit_succeeds_days_later(store: Store) -> None:
    order = store.buy()
    store.pays(order, "pm_usBankAccount_success")
    store.hears()
    store.works()
    assert store.state(order) == "waiting"
    store.after(days=5)
    store.hears()
    assert (store.state(order), Sale.objects.count()) == ("paid", 3)
    store.sound()


def test_the_order_is_called_off_or_carol_was_faster(store: Store) -> None:
    order = store.buy()
    assert checkout.cancel_order(order=order, now=store.now).outcome == PaymentOutcome.DECLINED
    with pytest.raises(Refused):
        store.pays(order)
    store.hears()
    assert store.state(order) == "cancelled"

    other = store.buy()
    store.pays(other)
    assert checkout.cancel_order(order=other, now=store.now).outcome == PaymentOutcome.SUCCEEDED
    store.hears(shuffled=True)
    assert (store.state(other), StrayPayment.objects.count()) == ("paid", 0)
    store.sound()


def test_a_declined_card_then_another(store: Store) -> None:
    order = store.bought(store.offers[0])
    page = store.gateway.begin_method(
        studio=store.cast.studio.pk, email="carol@example.com", return_url="https://x/", key="m:1", now=store.now
    )
    store.plays(sessions.completed, page.rpartition("/")[2])
    store.hears()
    token = PaymentMethod.objects.get().token
    store.fake.world.hidden[token]["goes"] = "insufficient_funds"
    with pytest.raises(checkout.PaymentDeclined, match="lack of funds"):
        store.buy(store.offers[1], method=token)
    store.fake.world.hidden[token]["goes"] = "succeeds"
    other = store.buy(store.offers[1], method=token)
    assert (store.state(other), store.charge_of(other)[:3]) == ("paid", "ch_")
    assert store.charge_of(other) != store.charge_of(order)
    store.hears(shuffled=True, copies=2)
    store.sound()


def test_a_part_and_the_rest_go_back(store: Store) -> None:
    order = store.bought()
    first, *rest = store.lines(order)
    store.refund(first, 4_000)
    store.refund(first)
    assert (store.state(order), statuses(order)) == ("part-refunded", ["revoked", "active", "active"])
    for line in rest:
        store.refund(line)
    store.hears(copies=2, shuffled=True)
    assert (store.state(order), statuses(order)) == ("refunded", ["revoked"] * 3)
    assert store.fake.world.rows[store.charge_of(order)]["amount_refunded"] == order.total_minor
    assert sum(row["amount"] for row in store.fake.world.all("refund")) == order.total_minor
    store.sound()


def test_a_refund_that_fails_later_comes_back_to_the_books(store: Store) -> None:
    order = store.bought(card="pm_card_refundFail")
    store.refund(store.lines(order)[0], 4_000)
    assert store.state(order) == "part-refunded"
    store.after(days=4)
    store.hears(copies=2, shuffled=True)
    assert store.state(order) == "paid"
    store.sound()


def test_a_refund_made_in_stripes_dashboard_is_booked_once(store: Store) -> None:
    order = store.bought()
    store.fake.client().v1.refunds.create({"charge": store.charge_of(order), "amount": 6_000})
    store.hears(copies=2, shuffled=True)
    store.hears()
    assert store.state(order) == "part-refunded"
    given = [intent.amount_minor for line in store.lines(order) for intent in line.refunds.all()]
    assert sum(given) == 6_000
    store.sound()


@pytest.mark.parametrize(("ends", "state"), [("won", "paid"), ("lost", "disputed")])
def test_a_dispute_of_all_is_won_or_lost(store: Store, ends: str, state: str) -> None:
    order = store.bought()
    row = store.plays(backwards.disputed, store.charge_of(order))
    store.hears(copies=2)
    assert (store.state(order), statuses(order)) == ("disputed", ["suspended"] * 3)
    store.plays(backwards.decided, row["id"], ends)
    store.hears(copies=2, shuffled=True)
    assert (store.state(order), set(statuses(order))) == (state, {"active"} if ends == "won" else {"revoked"})
    dispute = Dispute.objects.get()
    assert (dispute.reference, dispute.amount_minor, dispute.reason) == (row["id"], order.total_minor, "fraudulent")
    assert [step.fee_minor for step in dispute.steps.order_by("id")] == [1_500, 0]
    store.sound()


def test_the_end_of_a_part_dispute_is_heard_before_its_beginning(store: Store) -> None:
    order = store.bought()
    row = store.plays(backwards.disputed, store.charge_of(order), amount=3_000)
    store.plays(backwards.decided, row["id"], "lost")
    store.hears(only=lambda event: event["type"] == "charge.dispute.closed")
    store.hears(copies=2, shuffled=True)
    dispute = Dispute.objects.get()
    assert (dispute.amount_minor, [step.state for step in dispute.steps.order_by("id")]) == (3_000, ["opened", "lost"])
    assert statuses(order) == ["active"] * 3
    store.sound()


def test_an_inquiry_tells_operators_and_takes_nothing(store: Store, mailoutbox: Any) -> None:
    order = store.bought()
    row = store.plays(backwards.disputed, store.charge_of(order), status="warning_needs_response")
    store.hears(copies=2)
    inquiry = GatewayInquiry.objects.get()
    assert (inquiry.status, inquiry.amount_minor, inquiry.charge_reference) == (
        "warning_needs_response", order.total_minor, store.charge_of(order),
    )  # fmt: skip
    assert (store.state(order), statuses(order), Dispute.objects.count()) == ("paid", ["active"] * 3, 0)
    subject, body = letter(inquiry)
    assert subject == "A bank asks about a payment"
    assert row["id"] in body
    send_letter(inquiry_id=inquiry.pk, address="alice@example.com", language="en")
    assert mail.outbox[-1].to == ["alice@example.com"]

    store.plays(backwards.decided, row["id"], "warning_closed")
    store.hears()
    assert list(GatewayInquiry.objects.values_list("status", flat=True)) == ["warning_needs_response", "warning_closed"]
    assert Dispute.objects.count() == 0
    store.sound()


def test_an_inquiry_becomes_a_dispute(store: Store) -> None:
    order = store.bought()
    row = store.plays(backwards.disputed, store.charge_of(order), status="warning_needs_response")
    store.hears()
    store.plays(backwards.decided, row["id"], "needs_response")
    store.hears()
    assert (store.state(order), Dispute.objects.count()) == ("disputed", 1)
    store.sound()


def test_what_another_site_does_on_the_account_is_passed_by(store: Store) -> None:
    client = store.fake.client()
    theirs = client.v1.payment_intents.create(
        {"amount": 700, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    )
    stranger = client.v1.payment_intents.create(
        {
            "amount": 900, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True,
            "metadata": {"worldloom_payment": "order:of-another-house:1"},
        }
    )  # fmt: skip
    for intent in (theirs, stranger):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
        store.plays(backwards.disputed, str(intent.latest_charge))
    store.hears(shuffled=True, copies=2)
    assert ProviderEvent.objects.count() > 0
    assert (Sale.objects.count(), Dispute.objects.count(), PaymentOutcome.objects.count()) == (0, 0, 0)
    store.sound()


def test_what_happens_on_creators_accounts_is_not_of_an_order(store: Store) -> None:
    before = len(store.fake.asked)
    for kind, fetch in (
        ("charge", inbox.fetch_refunds),
        ("refund", inbox.fetch_refund),
        ("dispute", inbox.fetch_dispute),
    ):
        assert fetch(About(kind, "xx_1", "acct_1", frozenset({"x"}), store.now)) is None
    assert len(store.fake.asked) == before


def test_a_card_that_is_detached_is_used_no_more(store: Store) -> None:
    page = store.gateway.begin_method(
        studio=store.cast.studio.pk, email="carol@example.com", return_url="https://x/", key="m:1", now=store.now
    )
    store.plays(sessions.completed, page.rpartition("/")[2])
    store.hears(copies=2, shuffled=True)
    method = PaymentMethod.objects.get()
    assert (method.brand, method.last4, hasattr(method, "end")) == ("visa", "4242", False)
    store.fake.client().v1.payment_methods.detach(method.token)
    store.hears(copies=2)
    assert PaymentMethod.objects.get().end.cause == "gone"
    store.sound()


def test_the_bundle_of_a_dispute_is_sent_to_stripe_and_wins(store: Store) -> None:
    olga = person("olga")
    name_operator(person=olga, now=store.now)
    order = store.bought()
    seal()
    row = store.plays(backwards.disputed, store.charge_of(order))
    store.hears()
    sent = submitting.submit(dispute=Dispute.objects.get(), by=olga, now=store.now)
    assert sent.outcome.outcome == "accepted"
    there = store.fake.world.rows[row["id"]]
    assert there["status"] == "under_review"
    assert there["evidence"]["product_description"]
    cover = store.fake.world.hidden[there["evidence"]["uncategorized_file"]]["content"]
    assert cover.startswith(b"%PDF-")
    store.plays(backwards.decided, row["id"], "won")
    store.hears(copies=2, shuffled=True)
    assert (store.state(order), set(statuses(order))) == ("paid", {"active"})
    store.sound()
