"""What a gateway says later: in any order, twice, and about charges that nobody knows."""

import itertools
from datetime import datetime

import pytest

from marketplace.checkout import events
from marketplace.checkout import operations as checkout
from marketplace.checkout.gateways.base import DISPUTE_LOST, DISPUTE_OPENED, DISPUTE_WON
from marketplace.checkout.models import GatewayEvent, GatewayEventHandled, Order
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant
from marketplace.payouts.operations import refund
from marketplace.payouts.queries import check_books, trial_balance
from marketplace.payouts.reversals import Reversal
from tests.api.studios import Market
from tests.cast import DISPUTED_CARD, later

LATE = later(days=3)


def bought(market: Market, card: str = DISPUTED_CARD) -> Order:
    return checkout.buy(
        studio=market.cast.studio,
        buyer=market.cast.carol,
        offers=[market.offer()],
        method=card,
        idempotency_key="k",
        now=later(hours=2),
    )


def news(order: Order, kind: str, name: str = "", at: datetime = LATE) -> GatewayEvent:
    """Puts one event into the inbox."""
    return GatewayEvent.objects.create(
        gateway="sandbox",
        event_id=name or f"evt-{kind}",
        kind=kind,
        charge_reference=order.outcome.reference,
        happened_at=at,
        received_at=at,
    )


def tell(event: GatewayEvent) -> str:
    handled = checkout.handle_event(event=event, now=LATE)
    assert handled is not None
    return handled.effect


def status() -> str:
    return licensing.status_of(Grant.objects.get())


def test_a_lost_dispute_takes_the_license_for_good(market: Market) -> None:
    bought(market)
    assert checkout.collect_events(now=later(hours=2)) == 0

    assert checkout.collect_events(now=later(hours=3)) == 1
    assert status() == "suspended"
    assert checkout.collect_events(now=later(hours=4)) == 1
    assert status() == "revoked"
    assert checkout.collect_events(now=later(hours=9)) == 0
    assert [row.status for row in Grant.objects.get().statuses.all()] == ["suspended", "revoked"]
    assert check_books() == []


@pytest.mark.parametrize(("end", "stands"), [(DISPUTE_WON, "active"), (DISPUTE_LOST, "revoked")])
@pytest.mark.parametrize("order", list(itertools.permutations(["open", "open again", "end", "end again"])))
def test_news_comes_in_any_order_and_twice(market: Market, end: str, stands: str, order: tuple[str, ...]) -> None:
    sale = bought(market, "4242424242424242")
    kinds = {"open": DISPUTE_OPENED, "open again": DISPUTE_OPENED, "end": end, "end again": end}

    for name in order:
        assert tell(news(sale, kinds[name], name)) == kinds[name]

    assert status() == stands
    assert Reversal.objects.count() == 1
    assert check_books() == []
    suspense = sum(row.debit_minor - row.credit_minor for row in trial_balance() if row.kind == "dispute_suspense")
    assert suspense == 0


@pytest.mark.parametrize(
    ("first", "second", "stands"), [(DISPUTE_WON, DISPUTE_LOST, "active"), (DISPUTE_LOST, DISPUTE_WON, "revoked")]
)
def test_the_other_end_afterwards_is_kept_and_changes_nothing(
    market: Market, first: str, second: str, stands: str
) -> None:
    sale = bought(market, "4242424242424242")
    tell(news(sale, first))
    before = (trial_balance(), Grant.objects.get().statuses.count())

    assert tell(news(sale, second)) == f"contradicts: {second}"

    assert (trial_balance(), Grant.objects.get().statuses.count()) == before
    assert status() == stands
    assert not GatewayEvent.objects.filter(handled=None).exists()


def test_a_dispute_of_what_was_refunded_whole_is_kept_and_changes_nothing(market: Market) -> None:
    sale = bought(market, "4242424242424242")
    line = sale.lines.get()
    refund(source=line.source, amount_minor=line.price_minor, key="refund:1", reason="unhappy", now=LATE)
    before = trial_balance()

    assert tell(news(sale, DISPUTE_OPENED)) == f"nothing remains: {DISPUTE_OPENED}"

    assert (trial_balance(), status()) == (before, "active")
    assert not GatewayEvent.objects.filter(handled=None).exists()
    assert check_books() == []


def test_a_dispute_after_a_part_was_refunded_is_of_the_rest(market: Market) -> None:
    sale = bought(market, "4242424242424242")
    line = sale.lines.get()
    refund(source=line.source, amount_minor=1_00, key="refund:1", reason="unhappy", now=LATE)

    tell(news(sale, DISPUTE_LOST))

    assert Reversal.objects.get(kind="dispute").amount_minor == line.price_minor - 1_00
    assert status() == "revoked"
    assert [row.kind for row in trial_balance() if row.debit_minor or row.credit_minor] == []


def test_an_event_has_its_effect_once(market: Market) -> None:
    event = news(bought(market, "4242424242424242"), DISPUTE_OPENED)
    tell(event)

    assert checkout.handle_event(event=event, now=LATE) is None
    assert GatewayEventHandled.objects.count() == 1


def test_news_about_an_unknown_charge_waits_and_holds_nothing_up(market: Market) -> None:
    sale = bought(market, "4242424242424242")
    GatewayEvent.objects.create(
        gateway="sandbox",
        event_id="evt-0",
        kind=DISPUTE_OPENED,
        charge_reference="ch_unknown",
        happened_at=later(hours=1),
        received_at=LATE,
    )
    news(sale, DISPUTE_OPENED)

    assert checkout.collect_events(now=LATE) == 1
    assert status() == "suspended"
    assert [event.event_id for event in GatewayEvent.objects.filter(handled=None)] == ["evt-0"]


def test_an_event_that_breaks_holds_nothing_up(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    sale = bought(market, "4242424242424242")
    broken, sound = news(sale, DISPUTE_OPENED, "evt-a"), news(sale, DISPUTE_LOST, "evt-b")
    handle = checkout.handle_event

    def fragile(*, event: GatewayEvent, now: datetime) -> GatewayEventHandled | None:
        if event == broken:
            raise RuntimeError("the disk is full")
        return handle(event=event, now=now)

    monkeypatch.setattr(events, "handle_event", fragile)
    assert checkout.collect_events(now=LATE) == 1
    assert sound.handled
    monkeypatch.undo()
    assert checkout.collect_events(now=LATE) == 1
    assert status() == "revoked"


def test_a_free_order_is_never_disputed(market: Market) -> None:
    checkout.buy(
        studio=market.cast.studio,
        buyer=market.cast.carol,
        offers=[market.offer("personal")],
        method="",
        idempotency_key="free",
        now=later(hours=2),
    )
    event = GatewayEvent.objects.create(
        gateway="sandbox",
        event_id="evt-empty",
        kind=DISPUTE_LOST,
        charge_reference="",
        happened_at=LATE,
        received_at=LATE,
    )

    assert checkout.handle_event(event=event, now=LATE) is None
    assert status() == "active"
