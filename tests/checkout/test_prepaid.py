"""A period is paid ahead and earned month by month: through upgrades, added seats, refunds and disputes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from marketplace.checkout import operations as checkout
from marketplace.checkout import renewing
from marketplace.checkout.asking import Ask
from marketplace.checkout.models import OrderLine, Subscription
from marketplace.licensing.models import Grant
from marketplace.payouts.coming_queries import coming_of
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.models import Sale
from marketplace.payouts.operations import allocate_royalties, recognize_periods
from marketplace.payouts.queries import check_books
from tests.checkout.shop import Shop, grant_of

FIRST = datetime(2026, 12, 31, 9, 0, tzinfo=UTC)
MIDDLE, SECOND = datetime(2027, 1, 16, 9, 0, tzinfo=UTC), datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
A_YEAR = datetime(2027, 12, 31, 9, 0, tzinfo=UTC)


def bought(shop: Shop, model: str, price_minor: int, at: datetime = FIRST, **more: Any) -> OrderLine:
    offer = shop.offer("enterprise", price_minor, model=model)
    return shop.line(Ask(offer, **more), now=at)


def sold() -> list[tuple[str, int, int]]:
    """The number of the part, or nothing, with gross and fee of each sale, in their order."""
    rows = Sale.objects.order_by("sold_at", "source")
    return [(":".join(row.source.split(":")[2:]), row.gross_minor, row.fee_minor) for row in rows]


def test_a_month_is_a_sale_when_it_is_over(shop: Shop) -> None:
    line = bought(shop, "monthly", 10_00)
    assert (sold(), left_of_sale(line.source)) == ([], 10_00)
    assert recognize_periods(now=SECOND - timedelta(seconds=1)) == 0
    assert recognize_periods(now=SECOND) == 1
    assert sold() == [("1", 10_00, 1_00)]
    sale = Sale.objects.get()
    assert sale.subject == f"release:{shop.market.world.digest}"
    assert check_books() == []


def test_a_year_is_twelve_sales_by_the_days_of_each_month(shop: Shop) -> None:
    """From December 31 on: a month that has no such day ends on its last one."""
    line = bought(shop, "yearly", 365_00)
    assert recognize_periods(now=A_YEAR) == 12
    days = {name: gross for name, gross, _ in sold()}
    assert [days[str(number)] for number in range(1, 13)] == [
        31_00, 28_00, 31_00, 30_00, 31_00, 30_00, 31_00, 31_00, 30_00, 31_00, 30_00, 31_00,
    ]  # fmt: skip
    assert sum(fee for *_, fee in sold()) == line.fee_minor == 36_50
    assert check_books() == []


def test_seats_that_are_added_are_earned_in_the_rest_of_the_month(shop: Shop) -> None:
    """What was paid for the license that is replaced goes on being earned: its time passes all the same."""
    first = bought(shop, "monthly", 10_00, seats=2)
    order = renewing.change_seats(
        subscription=Subscription.objects.get(), seats=3, by=shop.market.cast.carol, idempotency_key="k", now=MIDDLE
    )
    assert order is not None
    added = order.lines.get()
    assert (added.price_minor, added.credit_minor) == (4_83, 9_67)
    assert recognize_periods(now=SECOND) == 2
    assert sorted(gross for _, gross, _ in sold()) == [4_83, 20_00]
    assert left_of_sale(first.source) == 20_00
    assert check_books() == []


def test_from_months_to_years_each_is_earned_in_its_own_time(shop: Shop) -> None:
    first = bought(shop, "monthly", 10_00)
    yearly = shop.offer("enterprise", 100_00, model="yearly")
    line = shop.line(Ask(yearly, kind="upgrade", replaces=grant_of(first)), now=MIDDLE)
    assert (line.price_minor, line.credit_minor) == (95_17, 4_83)
    recognize_periods(now=SECOND)
    assert sold() == [("1", 10_00, 1_00)]  # of the month; the year's first is over in the middle of February
    recognize_periods(now=datetime(2028, 1, 16, 9, 0, tzinfo=UTC))
    assert sum(gross for _, gross, _ in sold()) == 10_00 + 95_17
    assert check_books() == []


def test_from_years_to_months_the_credit_is_at_most_the_month(shop: Shop) -> None:
    """Nothing is paid out: who wants months from the year's end on cancels, and buys the month then."""
    first = bought(shop, "yearly", 365_00)
    monthly = shop.offer("enterprise", 10_00, model="monthly")
    line = shop.line(Ask(monthly, kind="upgrade", replaces=grant_of(first)), now=MIDDLE)
    assert (line.list_minor, line.credit_minor, line.price_minor) == (10_00, 10_00, 0)
    assert recognize_periods(now=A_YEAR) == 12  # the year goes on being earned; the month that cost nothing is no sale
    assert sum(gross for _, gross, _ in sold()) == 365_00
    assert check_books() == []


def test_creators_see_what_is_to_come(shop: Shop) -> None:
    """Alice has all of it; a month that is earned, and one that goes back, are not to come any more."""
    line = bought(shop, "yearly", 365_00)
    alice = shop.market.cast.alice
    coming = coming_of(alice)
    assert (len(coming), coming[0]) == (12, ("USD", date(2027, 1, 1), 27_90))
    recognize_periods(now=SECOND)
    assert [one.month for one in coming_of(alice)][:1] == [date(2027, 2, 1)]
    checkout.refund_line(line=line, amount_minor=31_00, reason="eleven months would do", now=SECOND)
    assert (len(coming_of(alice)), coming_of(alice)[-1].month) == (10, date(2027, 11, 1))


def test_a_refund_in_the_third_month_gives_back_what_is_not_earned_first(shop: Shop) -> None:
    line = bought(shop, "yearly", 365_00)
    recognize_periods(now=datetime(2027, 2, 28, 9, 0, tzinfo=UTC))
    allocate_royalties(now=datetime(2027, 2, 28, 9, 0, tzinfo=UTC))
    checkout.refund_line(line=line, amount_minor=306_00, reason="half a year would do", now=MIDDLE + timedelta(days=60))
    assert left_of_sale(line.source) == 59_00  # the two months that were earned
    assert grant_of(line).statuses.count() == 0
    assert recognize_periods(now=A_YEAR) == 0
    checkout.refund_line(line=line, reason="all of it", now=MIDDLE + timedelta(days=60))
    assert [one.status for one in grant_of(line).statuses.all()] == ["revoked"]
    assert hasattr(Subscription.objects.get(), "end")
    assert check_books() == []


def test_cancelled_it_is_earned_to_the_end_of_what_was_paid(shop: Shop) -> None:
    bought(shop, "monthly", 10_00)
    renewing.cancel_subscription(subscription=Subscription.objects.get(), by=shop.market.cast.carol, now=MIDDLE)
    assert renewing.renew_subscriptions(now=SECOND) == 0
    assert recognize_periods(now=SECOND) == 1
    assert recognize_periods(now=A_YEAR) == 0
    assert (sold(), Grant.objects.count()) == ([("1", 10_00, 1_00)], 1)
    assert check_books() == []


def test_what_is_disputed_and_lost_is_never_earned(shop: Shop) -> None:
    offer = shop.offer("enterprise", 120_00, model="yearly")
    line = shop.line(Ask(offer), now=FIRST, method="4000 0000 0000 0259")
    checkout.collect_events(now=FIRST + timedelta(days=20))
    assert recognize_periods(now=A_YEAR) == 0
    assert (sold(), left_of_sale(line.source)) == ([], 0)
    assert hasattr(Subscription.objects.get(), "end")
    assert check_books() == []
