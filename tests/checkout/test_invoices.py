"""The monthly invoice: what uses cost is billed once, with what was reported, and the books give what was rated."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from marketplace.checkout import billing, past_due, placing
from marketplace.checkout import operations as checkout
from marketplace.checkout.charges import UsageCharge, UsageChargeLine, UsageRoyalty
from marketplace.checkout.gateways.base import Charge
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome, SandboxCharge
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from marketplace.licensing.months import MonthLimits
from marketplace.payouts.models import RoyaltyLine, Sale
from marketplace.payouts.operations import allocate_royalties
from marketplace.payouts.queries import check_books
from marketplace.storefront.held import reports_of
from tests.cast import DISPUTED_CARD, later
from tests.checkout.shop import Shop
from tests.checkout.usage import FIRST, SECOND, THIRD, Works, charges, composed, works_of
from tests.compositions.usage.rendering import locked


@pytest.fixture
def works(shop: Shop) -> Works:
    return works_of(shop)


def use(works: Works, grant: Grant, images: int, **more: Any) -> None:
    recipe = locked(works.carol.studio, works.shop.market.cast.carol, grant)
    works.carol.send(works.carol.event(recipe, counts={"image": images}, **more))


def bills() -> list[Order]:
    return list(Order.objects.filter(idempotency_key__startswith="usage:").order_by("currency", "placed_at"))


def said(order: Order) -> list[tuple[int, str]]:
    rows = order.lines.all()
    return sorted((line.price_minor, " · ".join(map(str, placing.said(line)))) for line in rows)


def test_a_month_is_one_bill_and_the_books_give_what_was_rated(works: Works) -> None:
    composed(works.derived, [{"release": works.world.digest, "amount_minor": 2}])
    plain = works.held(works.offer(5))
    capped = works.held(works.offer(7, "openrail-m", month=MonthLimits(0, 100)))
    composition = works.held(works.offer(7, "studio", release=works.derived))
    in_yen = works.held(works.offer(120, currency="JPY"))
    free = works.held(works.offer(0, "studio"))
    for grant in (plain, capped, composition, in_yen, free):
        use(works, grant, 17)
    licensing.report_use(
        grant=plain, key="by hand", quantity=3, from_day=date(2026, 11, 23), until_day=date(2026, 11, 23), by="carol",
        now=later(days=1),
    )  # fmt: skip

    assert billing.bill_usage(now=FIRST) == 2
    assert billing.bill_usage(now=FIRST) == 0
    yen, dollars = bills()
    assert said(dollars) == [
        (15, "3 × 5 USD for image, from 2026-11-23 to 2026-11-23"),
        (34, "By contract 17 × 2 USD for image in 2026-11"),
        (85, "17 × 5 USD for image in 2026-11"),
        (
            85,
            "17 × 7 USD for image in 2026-11 · What contracts leave of 119 USD, shared out by the split of the"
            " composition",
        ),
        (100, "17 × 7 USD for image in 2026-11 · At most 100 USD a month"),
    ]
    assert said(yen) == [(2_040, "17 × 120 JPY for image in 2026-11")]
    assert charges()[free] == (1, 17, 0, 0, "USD")
    assert {line.kind for line in OrderLine.objects.filter(order__in=(yen, dollars))} == {"usage"}
    assert sorted(SandboxCharge.objects.values_list("amount_minor", "currency")) == [(319, "USD"), (2_040, "JPY")]
    contract = UsageChargeLine.objects.get(kind="contract").order_lines.get()
    assert Sale.objects.get(source=contract.source).subject == f"release:{works.world.digest}"

    allocate_royalties(now=FIRST)
    for row in OrderLine.objects.filter(charge_line__isnull=False):
        rated = UsageRoyalty.objects.filter(line=row.charge_line).values_list("payee", "share_ppb", "amount_minor")
        booked = RoyaltyLine.objects.filter(sale__source=row.source).values_list("payee", "share_ppb", "amount_minor")
        assert sorted(rated) == sorted(booked)
    assert UsageRoyalty.objects.count() == RoyaltyLine.objects.count() - 1  # and one of what was reported by hand
    assert check_books() == []


def test_what_is_reported_counts_towards_the_least_and_the_most_of_a_month(works: Works) -> None:
    grant = works.held(works.offer(5, month=MonthLimits(500, 600)))
    use(works, grant, 10)
    for key, quantity in (("a", 50), ("b", 100)):
        licensing.report_use(
            grant=grant, key=key, quantity=quantity, from_day=date(2026, 11, 23), until_day=date(2026, 11, 23),
            by="carol", now=later(days=1),
        )  # fmt: skip
    assert billing.bill_usage(now=FIRST) == 1
    assert charges() == {grant: (3, 160, 800, 600, "USD")}
    assert [order.total_minor for order in bills()] == [600]
    assert billing.bill_usage(now=SECOND) == 1
    assert [order.total_minor for order in bills()] == [600, 500]
    assert [line.price_minor for line in billing.bills_for([grant])] == [500, 600]
    assert [(row.bill, row.charge.amount_minor) for row in reports_of(grant)] == [(None, 600)] * 2  # type: ignore[attr-defined]


def test_a_declined_bill_is_sent_again_next_month_and_never_paid_twice(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = works.held(works.offer(5))
    use(works, grant, 10)
    refused = Charge(reference="ch_no", state="declined", reason="The card was declined: use another card.")
    with monkeypatch.context() as broken:
        broken.setattr(SandboxGateway, "charge", lambda _self, **_asked: refused)
        assert billing.bill_usage(now=FIRST) == billing.bill_usage(now=FIRST) == 0
        assert past_due.chase_payments(now=FIRST + timedelta(days=7)) == 0
        assert past_due.chase_payments(now=FIRST + timedelta(days=14)) == 1
    assert (len(bills()), Sale.objects.count()) == (1, 0)
    works.carol.send(
        works.carol.event(grant.locked_packs.get().lock, datetime(2026, 12, 5, tzinfo=UTC), counts={"image": 2}),
        now=datetime(2026, 12, 5, tzinfo=UTC),
    )
    assert billing.bill_usage(now=SECOND) == 1
    assert [text for _minor, text in said(bills()[1])] == [
        "2 × 5 USD for image in 2026-12",
        "10 × 5 USD for image in 2026-11",
    ]
    assert [billing.bill_usage(now=now) for now in (SECOND, THIRD)] == [0, 0]
    assert (UsageCharge.objects.count(), Sale.objects.count()) == (2, 2)
    assert check_books() == []


def test_a_disputed_bill_suspends_the_license_and_takes_back_each_share(works: Works) -> None:
    composed(works.derived, [{"release": works.world.digest, "amount_minor": 2}])
    grant = works.held(works.offer(7, "studio", release=works.derived), method=DISPUTED_CARD)
    use(works, grant, 10)
    assert billing.bill_usage(now=FIRST) == 1
    allocate_royalties(now=FIRST)
    checkout.collect_events(now=SECOND)

    assert [one.status for one in grant.statuses.order_by("id")] == ["suspended", "revoked"]
    assert check_books() == []
    assert charges() == {grant: (1, 10, 70, 70, "USD")}  # what happened stays told
    assert billing.bill_usage(now=THIRD) == 0


@pytest.mark.usefixtures("committed")
def test_two_who_bill_at_once_charge_once(shop: Shop, at_once: Callable[..., list[Any]]) -> None:
    works = works_of(shop)
    use(works, works.held(works.offer(5)), 10)
    paid = at_once(*[lambda: billing.bill_usage(now=FIRST)] * 3)

    # The others find the bill there, at whatever moment they look; the gateway was asked for one payment.
    assert all(isinstance(one, int) for one in paid), paid
    assert [order.total_minor for order in bills()] == [50]
    assert list(SandboxCharge.objects.values_list("amount_minor", flat=True)) == [50]
    assert PaymentOutcome.objects.filter(order__in=bills()).count() == Sale.objects.count() == 1
