"""Rights and money together, or neither."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from ledger.models import Entry
from marketplace.checkout import fulfilling
from marketplace.checkout import operations as checkout
from marketplace.checkout import queries as orders
from marketplace.checkout.gateways.base import Charge, GatewayUnavailable, UnableToUseMethod
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, OrderLine, PaymentAttempt, PaymentOutcome, SandboxCharge
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.payouts.models import Posting, Sale
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from marketplace.people.operations import give_seat
from tests.api.studios import Market
from tests.cast import CARD, DECLINED_CARD, NOON, later

NO_FUNDS_CARD = "4000 0000 0000 9995"
Buy = Callable[..., Order]


@pytest.fixture
def buy(market: Market) -> Buy:
    def buy(*offers: Offer, **more: Any) -> Order:
        asked = {
            "studio": market.cast.studio,
            "buyer": market.cast.carol,
            "method": CARD,
            "idempotency_key": "k",
            "now": later(hours=2),
        }
        return checkout.buy(offers=offers, **(asked | more))

    return buy


def assert_no_rights_and_no_money() -> None:
    assert not Grant.objects.exists()
    assert not Sale.objects.exists()
    assert not Posting.objects.exists()
    assert not Entry.objects.filter(type__in=["grant", "grant-status"]).exists()


def assert_silence() -> None:
    """Not even an order, an intent or a charge was written."""
    assert_no_rights_and_no_money()
    for model in (Order, OrderLine, PaymentAttempt, PaymentOutcome, SandboxCharge):
        assert not model.objects.exists(), model


def test_an_order_fixes_prices_fees_and_grants(market: Market, buy: Buy) -> None:
    order = buy(market.offer(), market.offer("personal"), market.offer(release=market.derived))

    assert [(line.price_minor, line.fee_minor) for line in order.lines.all()] == [
        (10_001, 1000),
        (0, 0),
        (10_001, 1000),
    ]
    assert (order.total_minor, order.currency, orders.status_of(order)) == (20_002, "USD", "paid")
    assert SandboxCharge.objects.get().amount_minor == 20_002
    assert {grant.source for grant in Grant.objects.all()} == set(orders.sources_of(order))
    assert sorted(Sale.objects.values_list("gross_minor", "fee_minor")) == [(10_001, 1000), (10_001, 1000)]
    sold = {f"release:{release.digest}" for release in (market.offer().release, market.derived)}
    assert set(Sale.objects.values_list("subject", flat=True)) == sold
    assert check_books() == []


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        (DECLINED_CARD, "The card was declined: use another card."),
        (NO_FUNDS_CARD, "The card was declined for lack of funds: use another card."),
    ],
)
def test_a_declined_card_buys_nothing_twice(market: Market, buy: Buy, card: str, sentence: str) -> None:
    for _again in range(2):
        with pytest.raises(checkout.PaymentDeclined) as refusal:
            buy(market.offer(), method=card)
        assert str(refusal.value) == sentence

    assert_no_rights_and_no_money()
    assert orders.status_of(Order.objects.get()) == "declined"
    assert checkout.finish_orders(now=later(days=1)) == 0
    assert buy(market.offer(), idempotency_key="another").lines.count() == 1


def test_refusals_write_nothing(market: Market, buy: Buy) -> None:
    cast, offer = market.cast, market.offer()
    give_seat(studio=cast.studio, by=cast.carol, email="bob@example.com", role="member", now=NOON)
    withdrawn = market.offer("personal")
    licensing.withdraw_offer(offer=withdrawn, now=later(hours=1))
    refusals: list[tuple[dict[str, Any], list[Offer], str]] = [
        ({}, [], "The order is empty"),
        ({}, [offer, offer], "stands twice"),
        ({}, [offer, market.offer("enterprise")], r"several currencies \(CNY, USD\)"),
        ({}, [withdrawn], "“personal” is no longer sold"),
        ({"buyer": cast.dave}, [offer], "cannot buy for Lantern Films"),
        ({"buyer": cast.bob.person}, [offer], "cannot buy for Lantern Films"),
        ({"idempotency_key": ""}, [offer], "needs an idempotency key"),
        ({"idempotency_key": "a b"}, [offer], "needs an idempotency key"),
    ]

    for more, offers, sentence in refusals:
        with pytest.raises(checkout.UnableToBuy, match=sentence):
            buy(*offers, **more)
    for card in ("", "4242", "4111 1111 1111 1111"):
        with pytest.raises(UnableToUseMethod):
            buy(offer, method=card)
    assert_silence()


def test_the_same_offer_twice_is_two_licenses_under_two_keys(market: Market, buy: Buy) -> None:
    buy(market.offer(), idempotency_key="1")
    buy(market.offer(), idempotency_key="2")

    assert (Grant.objects.count(), Sale.objects.count(), SandboxCharge.objects.count()) == (2, 2, 2)


def test_one_key_is_one_order_whatever_happened_since(market: Market, buy: Buy) -> None:
    first = buy(market.offer(), market.offer(release=market.derived))
    assert buy(market.offer(release=market.derived), market.offer()) == first  # the order of offers says nothing
    licensing.withdraw_offer(offer=market.offer(), now=later(days=1))
    withdrawn = Offer.objects.get(pk=first.lines.first().offer_id)

    assert buy(withdrawn, market.offer(release=market.derived)) == first
    with pytest.raises(checkout.KeyUsedOtherwise, match="“k” already stands"):
        buy(withdrawn)
    with pytest.raises(checkout.KeyUsedOtherwise):
        buy(withdrawn, market.offer(release=market.derived), method=DECLINED_CARD)
    assert (Order.objects.count(), Grant.objects.count()) == (1, 2)


def test_an_offer_withdrawn_while_the_buyer_pays_is_honored(market: Market) -> None:
    order = checkout.place_order(
        studio=market.cast.studio,
        buyer=market.cast.carol,
        offers=[market.offer()],
        method=CARD,
        idempotency_key="k",
        now=NOON,
    )
    licensing.withdraw_offer(offer=order.lines.get().offer, now=later(hours=1))

    assert checkout.pay(order=order, now=later(hours=1)).outcome == "succeeded"
    grant = Grant.objects.get()
    stated = Entry.objects.get(type="grant", subject=f"grant:{grant.pk}").statement
    assert stated["ordered_at"] == int(NOON.timestamp())


def test_a_free_order_asks_no_gateway(market: Market, buy: Buy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SandboxGateway, "charge", None)
    order = buy(market.offer("personal"), method="")

    assert orders.status_of(order) == "free"
    assert (Grant.objects.count(), Sale.objects.count(), PaymentAttempt.objects.count()) == (1, 0, 0)


class Lost:
    """A gateway that takes the money, and whose answer gets lost as often as asked."""

    def __init__(self, times: int) -> None:
        self.left, self.charge = times, SandboxGateway.charge

    def __call__(self, gateway: SandboxGateway, **asked: Any) -> Charge:
        answer = self.charge(gateway, **asked)
        if self.left:
            self.left -= 1
            raise GatewayUnavailable("The gateway did not answer.")
        return answer


def test_a_lost_answer_is_fetched_and_the_order_finished_once(
    market: Market, buy: Buy, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Lost(2)
    monkeypatch.setattr(SandboxGateway, "charge", lambda self, **asked: lost(self, **asked))

    with pytest.raises(GatewayUnavailable):
        buy(market.offer())
    assert SandboxCharge.objects.get().succeeded
    assert_no_rights_and_no_money()
    assert orders.status_of(Order.objects.get()) == "open"

    assert checkout.finish_orders(now=later(hours=3)) == 0
    assert checkout.finish_orders(now=later(hours=4)) == 1
    assert checkout.finish_orders(now=later(hours=5)) == 0
    assert (SandboxCharge.objects.count(), Grant.objects.count(), Sale.objects.count()) == (1, 1, 1)
    assert buy(market.offer()) == Order.objects.get()
    assert check_books() == []


def test_a_crash_between_charge_and_record_leaves_an_order_to_finish(
    market: Market, buy: Buy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(**_asked: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(fulfilling, "record_sales", crash)  # after the grant: nothing of the transaction may stay
        with pytest.raises(KeyboardInterrupt):
            buy(market.offer())
    assert SandboxCharge.objects.count() == 1
    assert not PaymentOutcome.objects.exists()
    assert_no_rights_and_no_money()

    assert checkout.finish_orders(now=later(hours=3)) == 1
    assert (Grant.objects.count(), Sale.objects.count()) == (1, 1)


def test_one_order_that_cannot_be_finished_holds_up_no_other(
    market: Market, buy: Buy, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Lost(2)
    monkeypatch.setattr(SandboxGateway, "charge", lambda self, **asked: lost(self, **asked))
    for key in ("first", "second"):
        with pytest.raises(GatewayUnavailable):
            buy(market.offer(), idempotency_key=key, now=later(hours=len(key)))
    pay = checkout.pay

    def fragile(*, order: Order, now: Any) -> PaymentOutcome:
        if order.idempotency_key == "first":
            raise RuntimeError("the disk is full")
        return pay(order=order, now=now)

    monkeypatch.setattr(checkout, "pay", fragile)
    assert checkout.finish_orders(now=later(days=1)) == 1
    assert list(Order.objects.filter(outcome=None).values_list("idempotency_key", flat=True)) == ["first"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE checkout_order SET total_minor = 0",
        "DELETE FROM checkout_paymentoutcome",
        "UPDATE checkout_orderline SET price_minor = 1",
        "TRUNCATE checkout_sandboxcharge CASCADE",
        "UPDATE checkout_subscription SET method = ''",
        "DELETE FROM checkout_subscriptionend",
        "UPDATE checkout_subscriptionseats SET seats = 1",
        "DELETE FROM licensing_grant",
        "UPDATE licensing_offer SET price_minor = 0",
    ],
)
def test_facts_are_never_edited(market: Market, buy: Buy, sql: str) -> None:
    buy(market.offer())

    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_two_currencies_are_two_sales(market: Market, buy: Buy) -> None:
    licensing.offer(
        release=market.derived, terms=licensing.ready_terms("studio"), price=Money(70_000, "CNY"), now=later(hours=1)
    )
    yuan = next(one for one in Offer.objects.filter(release=market.derived, currency="CNY"))
    buy(market.offer(), idempotency_key="1")
    buy(yuan, market.offer("enterprise"), idempotency_key="2")

    assert sorted(Sale.objects.values_list("currency", "gross_minor")) == [
        ("CNY", 70_000),
        ("CNY", 90_000),
        ("USD", 10_001),
    ]
    assert check_books() == []
