"""What is charged while its buyer sleeps, and what a bank is sent: workers are killed, and others bring it to its end.

Each life that dies finds the next in a period of its own: what it had begun was brought to its end before.
"""

from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from marketplace.checkout import billing, methods, past_due, renewing
from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import Ask
from marketplace.checkout.disputes import Dispute
from marketplace.checkout.evidence import submitting
from marketplace.checkout.evidence.tables import EvidenceBundle, EvidenceSubmissionOutcome
from marketplace.checkout.method_models import PaymentMethod, PaymentMethodEnd
from marketplace.checkout.method_uses import remove
from marketplace.checkout.models import Order, OrderLine, Subscription, SubscriptionEnd
from marketplace.checkout.stripe_models import GatewayCustomer
from marketplace.checkout.subscription_models import TrialLine
from marketplace.licensing import operations as licensing
from marketplace.licensing import trials
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts import operations as books
from marketplace.payouts.rules import Money
from marketplace.people.operations import name_operator
from tests.cast import NOON, later, person
from tests.checkout.evidence.case import seal
from tests.faults import killing
from tests.faults.killing import at_each_point, points_of
from tests.faults.way import Way
from tests.stripe import backwards, sessions

DEEP = pytest.mark.deep
CARD, INVOICE = pytest.param(False, id="card"), pytest.param(True, id="invoice", marks=pytest.mark.deep)


def steps(some: int) -> Any:
    """Every point in the deep tests, every so manieth otherwise."""
    return pytest.mark.parametrize("step", [pytest.param(1, marks=DEEP), some], ids=["every", "some"])


def test_who_never_lives_through_it_is_not_killed_for_ever(monkeypatch: Any) -> None:
    lives: list[int] = []
    monkeypatch.setattr(killing, "killed", lambda act, number: lives.append(number) is None)
    with pytest.raises(AssertionError, match="killed at point 200: does it grow"):
        at_each_point(lambda: None, lambda: None, step=1)
    assert len(lives) == killing.MOST == 200


def offered(way: Way, minor: int, model: str = "monthly", terms: str = "enterprise", unit: str = "") -> Offer:
    return licensing.offer(
        release=way.offers[0].release,
        terms=READY[terms],
        price=Money(minor, "USD"),
        model=model,
        unit=unit,
        now=later(hours=1),
    )


def subscribed(way: Way, minor: int = 10_00, seats: int = 1) -> Subscription:
    """Carol subscribes by the month, at Stripe's page, where her card is kept."""
    way.bought(Ask(offered(way, minor), seats=seats))  # type: ignore[arg-type]
    way.worked()
    return Subscription.objects.get()


def to_renewal(way: Way) -> None:
    """Goes to ten minutes before the period ends that is paid."""
    ends = Grant.objects.filter(price_minor__gt=0).order_by("-ends_at")[0].ends_at
    assert ends is not None
    way.forward(seconds=int((ends - way.now).total_seconds()) - 600)


def charged(way: Way) -> None:
    """What the worker does about what is due without a buyer, every few minutes."""
    renewing.renew_subscriptions(now=way.now)
    past_due.chase_payments(now=way.now)
    billing.bill_usage(now=way.now)
    submitting.finish_submissions(now=way.now)


def minutes_later(way: Way) -> None:
    """Another worker goes on after the one that died."""
    way.forward(minutes=3)
    charged(way)
    way.worked()


def periods_paid() -> list[int]:
    """What each period of the subscription cost, in their order, each after the other without a gap."""
    grants = list(Grant.objects.filter(ends_at__isnull=False, price_minor__gt=0).order_by("starts_at"))
    for former, grant in pairwise(grants):
        assert grant.starts_at == former.ends_at
    return [grant.price_minor for grant in grants]


@pytest.mark.parametrize("invoiced", [CARD, INVOICE])
@steps(7)
def test_renewals(way: Way, settings: Any, step: int, invoiced: bool) -> None:
    settings.STRIPE_INVOICES = invoiced
    subscribed(way)

    def next_month() -> None:
        minutes_later(way)
        to_renewal(way)

    to_renewal(way)
    died = at_each_point(lambda: renewing.renew_subscriptions(now=way.now), next_month, step)
    assert died * step >= 10
    way.goes_on()
    renewals = Order.objects.filter(lines__kind=OrderLine.RENEWAL)
    assert [way.outcome(order) for order in renewals] == ["succeeded"] * (died + 1)
    assert periods_paid() == [10_00] * (died + 2)
    assert not SubscriptionEnd.objects.exists()
    invoices = [row["status"] for row in way.fake.world.all("invoice")]
    assert invoices == (["paid"] * (died + 1) if invoiced else [])
    books.recognize_periods(now=way.now)
    way.proved()


@steps(7)
def test_a_trial_begins_and_ends(way: Way, step: int) -> None:
    offer = offered(way, 10_00)
    trials.set_trial(offer=offer, days=14, now=way.now)

    def later_on() -> None:
        way.forward(minutes=3)
        way.worked()

    asked: Any = Ask(offer, seats=1)
    assert at_each_point(lambda: way.buy(asked, idempotency_key="the-trial"), later_on, step) > 0
    [order] = Order.objects.all()
    way.pays(order)
    assert at_each_point(way.hears, later_on, step) > 0
    assert (way.outcome(order), PaymentMethod.objects.count(), TrialLine.objects.count()) == ("free", 1, 1)
    assert (way.count("setup_intent"), way.count("payment_intent")) == (1, 0)

    over = Grant.objects.get().ends_at
    assert over is not None
    way.forward(seconds=int((over - way.now).total_seconds()) + 60)  # nothing is charged before
    assert at_each_point(lambda: renewing.renew_subscriptions(now=way.now), lambda: minutes_later(way), step) > 0
    way.goes_on()
    [first] = Order.objects.filter(lines__kind=OrderLine.RENEWAL)
    assert (way.outcome(first), first.total_minor, way.count("charge")) == ("succeeded", 10_00, 1)
    assert periods_paid() == [10_00]
    way.proved()


@pytest.mark.parametrize("invoiced", [CARD, INVOICE])
@steps(13)
def test_a_renewal_that_is_past_due_is_tried_again(way: Way, settings: Any, step: int, invoiced: bool) -> None:
    settings.STRIPE_INVOICES = invoiced
    subscription = subscribed(way)
    card = PaymentMethod.objects.get().token
    way.fake.world.hidden[card]["goes"] = "insufficient_funds"
    to_renewal(way)

    def later_on() -> None:
        way.forward(minutes=3)
        way.tries(way.hears)

    def renewed() -> None:
        renewing.renew_subscriptions(now=way.now)
        way.works()

    def chased() -> None:
        past_due.chase_payments(now=way.now)
        way.works()

    def settled() -> None:
        """What waits is looked at within the hour."""
        way.forward(hours=2)
        minutes_later(way)

    assert at_each_point(renewed, later_on, step) > 0
    settled()
    [order] = Order.objects.filter(lines__kind=OrderLine.RENEWAL)
    assert (way.outcome(order), way.attempts(order)) == ("none", 1)
    for number, days in enumerate((1, 2), 2):
        way.forward(days=days)
        assert at_each_point(chased, later_on, step) > 0
        settled()
        assert (way.outcome(order), way.attempts(order)) == ("none", number)
    way.fake.world.hidden[card]["goes"] = "succeeds"
    way.forward(days=2)
    assert at_each_point(chased, later_on, step) > 0
    settled()
    way.goes_on()
    assert (way.outcome(order), way.attempts(order)) == ("succeeded", 4)
    assert [row["paid"] for row in way.fake.world.all("charge")].count(True) == 2
    invoices = sorted(row["status"] for row in way.fake.world.all("invoice"))
    assert invoices == (["paid", "void", "void", "void"] if invoiced else [])
    assert not hasattr(subscription, "end")
    way.proved()


@pytest.mark.parametrize("invoiced", [CARD, INVOICE])
@steps(13)
def test_bills_for_use(way: Way, settings: Any, step: int, invoiced: bool) -> None:
    settings.STRIPE_INVOICES = invoiced
    order = way.buy(offered(way, 7, "metered", "cc-by-4.0", "image"))
    way.pays(order)
    way.hears()
    grant = Grant.objects.get()
    used = 0

    def next_month() -> None:
        minutes_later(way)
        use_and_go_on()

    def use_and_go_on() -> None:
        nonlocal used
        used += 1
        day = way.now.date()
        licensing.report_use(
            grant=grant, key=f"use-{used}", quantity=100, from_day=day, until_day=day, by="carol", now=way.now
        )
        way.forward(seconds=int((_next_month(way.now) - way.now).total_seconds()) + 3600)

    use_and_go_on()
    died = at_each_point(lambda: billing.bill_usage(now=way.now), next_month, step)
    assert died * step >= 10
    minutes_later(way)
    way.goes_on()
    bills = Order.objects.filter(idempotency_key__startswith="usage:").order_by("placed_at")
    assert [(way.outcome(bill), bill.total_minor) for bill in bills] == [("succeeded", 7_00)] * (died + 2)
    lines = [[line["quantity"] for line in row["lines"]["data"]] for row in way.fake.world.all("invoice")]
    assert lines == ([[100]] * (died + 2) if invoiced else [])
    way.proved()


def _next_month(now: datetime) -> datetime:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.replace(year=now.year + now.month // 12, month=now.month % 12 + 1)


@steps(9)
def test_more_seats_for_the_rest_of_a_period(way: Way, step: int) -> None:
    subscription = subscribed(way, minor=100_00)
    wanted = 2

    def added() -> None:
        renewing.change_seats(
            subscription=subscription, seats=wanted, by=way.cast.carol, idempotency_key=f"seats-{wanted}", now=way.now
        )

    def after() -> None:
        nonlocal wanted
        way.forward(minutes=3)
        way.worked()
        with suppress(checkout.PaymentWaits):
            added()
        way.worked()
        assert Order.objects.get(idempotency_key=f"seats-{wanted}").outcome.outcome == "succeeded"
        assert Grant.objects.order_by("-granted_at", "-id")[0].seats == wanted
        wanted += 1
        way.forward(minutes=1)  # two orders of one moment have no order

    way.forward(minutes=1)
    points = points_of(added)
    after()
    died = at_each_point(added, after, step)
    assert 10 <= points <= died * step < points + step
    assert points_of(added) == points  # each time the same, however many seats were added before
    after()
    way.goes_on()
    orders = Order.objects.filter(idempotency_key__startswith="seats-")
    assert [way.outcome(order) for order in orders] == ["succeeded"] * (died + 3)
    assert all(90_00 < order.total_minor <= 100_00 for order in orders)
    way.proved()


@steps(9)
def test_evidence_is_sent_once(way: Way, step: int) -> None:
    order = way.bought()
    olga = person("olga")
    name_operator(person=olga, now=NOON)
    seal(way.now)
    row = way.plays(backwards.disputed, way.charge_of(order))
    way.hears()
    dispute = Dispute.objects.get()

    def sent() -> None:
        with suppress(submitting.UnableToSubmitEvidence):  # it was accepted in a life before
            submitting.submit(dispute=dispute, by=olga, now=way.now)

    assert at_each_point(sent, lambda: way.forward(minutes=3) and None, step) > 0
    submitting.finish_submissions(now=way.now)
    way.hears()
    assert [one.outcome for one in EvidenceSubmissionOutcome.objects.all()] == ["accepted"]
    assert EvidenceBundle.objects.count() == 1
    assert (row["status"], row["evidence_details"]["submission_count"]) == ("under_review", 1)
    sent_files = {value for value in row["evidence"].values() if str(value or "").startswith("file_")}
    assert sent_files == {one["id"] for one in way.fake.world.all("file")}
    way.plays(backwards.decided, row["id"], "won")
    way.goes_on()
    assert way.state(order) == "paid"
    way.proved()


@steps(5)
def test_a_card_is_kept_and_forgotten(way: Way, step: int) -> None:
    studio, carol = way.cast.studio, way.cast.carol

    def given() -> None:
        url = "https://worldloom.example/payment-methods"
        methods.begin(studio=studio, by=carol, return_url=url, key="method:1", now=way.now)

    def later_on() -> None:
        way.forward(minutes=3)

    assert at_each_point(given, later_on, step) > 0
    assert (GatewayCustomer.objects.count(), way.count("customer"), way.count("checkout.session")) == (1, 1, 1)
    [page] = way.fake.world.all("checkout.session")
    way.plays(sessions.completed, page["id"])
    assert at_each_point(way.hears, later_on, step) > 0
    assert at_each_point(lambda: _found(way), later_on, step) > 0
    card = PaymentMethod.objects.get()
    assert card.studio == studio

    assert at_each_point(lambda: _removed(way, card), later_on, step) > 0
    assert (PaymentMethodEnd.objects.get().method, way.fake.world.rows[card.token]["customer"]) == (card, None)
    assert way.fake.wrong == []
    # Who is killed after the call asks again; by the same key, so that it happens once.
    asked = [(one.path, one.key) for one in way.fake.asked if one.path.endswith("/detach")]
    assert len(set(asked)) == 1
    assert asked[0][1]


def _found(way: Way) -> None:
    methods.gateway().find_methods(studio=way.cast.studio.pk, now=way.now)  # type: ignore[attr-defined]


def _removed(way: Way, card: PaymentMethod) -> None:
    remove(method=card, by=way.cast.carol, now=way.now)
