"""Olga finds an order by what anybody calls it, and reads its way from the card to the banks; nobody else does."""

import json
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.checkout import asking_back
from marketplace.checkout.hearing import hear_dispute
from marketplace.checkout.operations import refund_line
from marketplace.checkout.ways.reading import orders_like, way_of
from marketplace.payouts.bookkeeping.deferring import recognize_periods
from marketplace.payouts.operations import allocate_royalties, release_holds, settle
from marketplace.payouts.queries import check_books
from marketplace.people import operations as people
from tests.cast import NOON, later, person
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401
from tests.checkout.evidence.case import decided, disputed


@pytest.fixture
def olga(shop):  # noqa: F811
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    return olga


@pytest.fixture
def desk(olga):
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def order(shop):  # noqa: F811
    """Bob's work for 50.00, of which a fifth of the net is Alice's, and Alice's world for 30.00."""
    return shop.buy(shop.offer("personal", 50_00, release=shop.market.derived), shop.offer(price_minor=30_00))


def page(answer):
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def paid_out():
    allocate_royalties(now=later(hours=3))
    release_holds(now=later(days=20))
    settle(now=later(days=20))


def test_she_finds_it_by_what_anybody_calls_it(desk, order):
    line = order.lines.first()
    names = [
        *(str(order.pk), f"order:{order.pk}:1", line.source, str(line.pk), "lantern", "CAROL@example.com"),
        *(order.outcome.reference, order.attempts.get().key, f" {order.pk} "),
    ]
    for text in names:
        assert orders_like(text) == [order], text
        assert reverse("desk-order", args=[order.pk]) in page(desk.get(reverse("desk-orders"), {"q": text})), text
    for text in ("li", "", "\x00\x00\x00", "nobody", str(uuid4()), "%%%", "'; --"):
        assert orders_like(text) == [], text
    assert "Nothing is known by that" in page(desk.get(reverse("desk-orders"), {"q": "nobody"}))
    for text in ("li", "x" * 121):
        assert desk.get(reverse("desk-orders"), {"q": text}).status_code == 422
    assert reverse("desk-order", args=[order.pk]) in page(desk.get(reverse("desk-orders")))


def test_its_way_goes_from_the_card_to_the_banks_and_adds_up(desk, order):
    paid_out()
    way = way_of(order)
    assert [step.what for step in way.payment] == ["ordered", "asked", "outcome-succeeded"]
    assert [(line.price_minor, line.fee_minor) for line in way.lines] == [(50_00, 5_00), (30_00, 3_00)]
    royalties = {(one.creator, one.amount_minor) for one in way.lines[0].sales[0].royalties}
    assert royalties == {("bob", 36_00), ("alice", 9_00)}
    for line in way.lines:
        for one in line.sales[0].royalties:
            assert one.released_at == later(days=20)
            assert [step.what for step in one.payout.steps][-1] == "payout-paid"
    sums = way.sums
    assert (sums.paid_minor, sums.fee_minor, sums.creators_minor, sums.off_minor) == (80_00, 8_00, 72_00, 0)
    text = page(desk.get(reverse("desk-order", args=[order.pk])))
    for words in ("$80.00", "$36.00", "$9.00", "The parts add up to what was paid.", "Payout paid"):
        assert words in text, words
    assert "do not add up" not in text


def test_what_was_given_back_and_disputed_is_in_the_sums_to_the_unit(desk, order, olga):
    paid_out()
    first, second = order.lines.order_by("position")
    refund_line(line=first, amount_minor=20_00, reason="a broken file", now=later(days=21))
    dispute = disputed(order, amount_minor=15_01, now=later(days=22))
    way = way_of(order)
    assert (way.sums.refunded_minor, way.sums.disputed_minor, way.sums.off_minor) == (20_00, 15_01, 0)
    assert way.state == "disputed"
    decided(dispute, "won", later(days=30))
    asked = asking_back.ask(line=second, by=order.buyer, reason="x", amount_minor=1_00, now=later(days=1))
    asking_back.grant(request=asked, by=olga, now=later(days=31))
    way = way_of(order)
    assert (way.sums.refunded_minor, way.sums.disputed_minor, way.sums.off_minor) == (21_00, 0, 0)
    text = page(desk.get(reverse("desk-order", args=[order.pk])))
    for words in ("Given back", "Decided for the seller", "a broken file", "$15.01"):
        assert words in text, words
    disputed(order, "dp_2", amount_minor=59_00, now=later(days=32))
    assert (way_of(order).sums.disputed_minor, way_of(order).sums.off_minor) == (59_00, 0)
    assert check_books() == []


def test_what_is_paid_ahead_adds_up_before_between_and_after_its_periods(desk, shop):  # noqa: F811
    order = shop.buy(shop.offer("studio", 120_00, model="yearly"))
    sums = way_of(order).sums
    assert (sums.paid_minor, sums.ahead_minor, sums.off_minor) == (120_00, 120_00, 0)
    recognize_periods(now=later(days=100))
    sums = way_of(order).sums
    assert sums.off_minor == 0
    assert 0 < sums.ahead_minor < 120_00
    assert sums.fee_minor + sums.creators_minor + sums.ahead_minor == 120_00
    refund_line(line=order.lines.get(), amount_minor=30_00, reason="a broken file", now=later(days=101))
    sums = way_of(order).sums
    assert (sums.refunded_minor, sums.off_minor) == (30_00, 0)
    text = page(desk.get(reverse("desk-order", args=[order.pk])))
    assert "Paid for periods to come" in text
    assert "do not add up" not in text
    disputed(order, amount_minor=45_00, now=later(days=102))
    assert (way_of(order).sums.disputed_minor, way_of(order).sums.off_minor) == (45_00, 0)
    assert check_books() == []


def test_a_declined_order_shows_each_try_and_no_money(desk, shop):  # noqa: F811
    from marketplace.checkout.models import Order
    from marketplace.checkout.operations import PaymentDeclined
    from tests.cast import DECLINED_CARD

    with pytest.raises(PaymentDeclined):
        shop.line(shop.offer(price_minor=10_00), method=DECLINED_CARD)
    order = Order.objects.get()
    way = way_of(order)
    assert "declined" in [step.what for step in way.payment]
    assert (way.sums.paid_minor, way.sums.off_minor, way.lines[0].sales) == (0, 0, [])
    assert "Declined, or called off" in page(desk.get(reverse("desk-order", args=[order.pk])))


def test_the_same_as_json_has_integers_and_times_alone(desk, order):
    paid_out()
    answer = desk.get(reverse("desk-order-json", args=[order.pk]))
    assert answer["Content-Disposition"] == f'attachment; filename="order-{order.pk}.json"'
    told = json.loads(answer.content, parse_float=lambda text: pytest.fail(f"a float: {text}"))
    assert told["format"] == "worldloom/order-way/1"
    assert told["sums"]["off_minor"] == 0
    assert told["placed_at"] == "2026-11-22T14:00:00Z"
    assert sum(row["amount_minor"] for row in told["postings"]) == 0
    assert {row["source"] for row in told["postings"]} == {line.source for line in order.lines.all()}


def test_dave_alice_and_carol_find_no_desk(order, shop):  # noqa: F811
    addresses = [
        reverse("desk-orders"),
        reverse("desk-order", args=[order.pk]),
        reverse("desk-order-json", args=[order.pk]),
    ]
    for who in (shop.market.cast.dave, shop.market.cast.alice.person, shop.market.cast.carol):
        client = Client()
        client.force_login(who)
        assert [client.get(at).status_code for at in addresses] == [404] * 3
    assert all(Client().get(at).headers["Location"].startswith("/sign-in") for at in addresses)


def test_what_is_not_there_is_not_found_and_pages_ask_few_questions(desk, order, django_assert_max_num_queries):
    assert desk.get(reverse("desk-order", args=[uuid4()])).status_code == 404
    paid_out()
    with django_assert_max_num_queries(25):
        desk.get(reverse("desk-orders"))
    with django_assert_max_num_queries(75):
        desk.get(reverse("desk-order", args=[order.pk]))


def test_what_the_gateway_told_otherwise_is_read_there(desk, order):
    told = {"charge_reference": order.outcome.reference, "dispute_reference": "dp_1", "now": later(hours=4)}
    assert hear_dispute(state="won", **told) == "dispute-won"
    assert hear_dispute(state="lost", **told) == "contradicts: dispute-lost"
    [step] = [step for step in way_of(order).payment if step.what == "contradiction"]
    assert (step.reference, step.said) == ("dp_1", "dispute-lost: the other end")
    shown = page(desk.get(reverse("desk-order", args=[order.pk])))
    assert "The gateway told what does not fit: compare it there" in shown


def test_what_waits_for_the_buyer_does_not_wait_for_her(desk, shop):  # noqa: F811
    shop.buy(shop.offer(), method="4000 0027 6000 3184")
    text = page(desk.get(reverse("desk-orders")))
    assert "Waits for the buyer" in text
    assert "Waiting for you" not in text
