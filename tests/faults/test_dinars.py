"""Dinars have three digits and are charged in steps of ten fils: each line of an order can be given back whole."""

from marketplace.checkout.asking import Ask
from marketplace.checkout.line_money import left_of_line
from marketplace.checkout.models import Order
from marketplace.checkout.placing import quote
from marketplace.licensing import bargaining
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, GrantStatus, Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from tests.faults.way import Way


def in_dinars(way: Way, *prices: int) -> list[Offer]:
    offers = [
        licensing.offer(release=one.release, terms=READY["enterprise"], price=Money(price, "KWD"), now=way.now)
        for one, price in zip(way.offers, prices, strict=True)
    ]
    way.forward(hours=1)
    return offers


def test_a_line_is_rounded_down_to_what_can_be_paid_and_goes_back_whole(way: Way) -> None:
    offers = in_dinars(way, 3_335, 3_335, 3_330)
    seen = quote(studio=way.cast.studio, offers=offers, now=way.now)
    assert [line.price_minor for line in seen.lines] == [3_330, 3_330, 3_330]
    assert str(seen.lines[0].lines[-1]) == "Rounded down to what can be paid: 5 KWD less"
    order = way.buy(*offers)
    way.pays(order)
    way.hears()
    assert (way.state(order), order.total_minor) == ("paid", 9_990)
    for line in way.lines(order):
        way.refund(line)
        assert left_of_line(line) == 0
    assert [row["amount"] for row in way.fake.world.all("refund")] == [3_330, 3_330, 3_330]
    newest = [one.statuses.order_by("-id").first().status for one in Grant.objects.all()]
    assert newest == [GrantStatus.REVOKED] * 3
    assert check_books() == []


def test_a_code_that_leaves_fils_leaves_what_can_be_paid(way: Way) -> None:
    offers = in_dinars(way, 3_330, 3_330, 3_330)
    creator = offers[0].release.pack.owner
    bargaining.add_code(creator=creator, code="TENTH", percent_ppb=100_000_000, now=way.now)
    seen = quote(studio=way.cast.studio, offers=[Ask(offers[0], code="TENTH")], now=way.now)
    assert (seen.total_minor, seen.list_minor, Order.objects.count()) == (2_990, 3_330, 0)
