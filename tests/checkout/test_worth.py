"""What a license is worth, however many upgrades came before it: told as a second hand tells it, by so many queries."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from marketplace.checkout import hearing, line_money, refunding, renewing, worth
from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import Ask
from marketplace.checkout.models import Order, OrderLine, Subscription
from marketplace.checkout.refunds import RefundIntent
from marketplace.licensing import operations as licensing
from marketplace.licensing import pricing, trials
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.queries import status_of
from marketplace.payouts.bookkeeping.deferral_left import deferral_of, left_of
from marketplace.payouts.bookkeeping.reversing import sale_of, what_remains
from marketplace.payouts.operations import Sold, allocate_royalties, recognize_periods, record_sales
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from tests.cast import later
from tests.checkout.shop import Shop, grant_of
from tests.checkout.test_subscriptions import FIRST, MINUTE, subscribed

REFUSED = (
    checkout.UnableToBuy,
    licensing.UnableToGrant,
    licensing.UnableToPassOn,
    refunding.UnableToRefundLine,
    hearing.UnableToHear,
)


@dataclass
class ByHand:
    """The same, told license by license: each asks the one before it, and payments are asked one by one."""

    left: dict[Any, int | None] = field(default_factory=dict)

    def left_of(self, line: OrderLine) -> int | None:
        if line.pk not in self.left:
            ahead, sale = deferral_of(line.source), sale_of(line.source)
            sold_minor = what_remains(sale).gross_minor if sale else None
            self.left[line.pk] = left_of(ahead).total_minor if ahead else sold_minor
        return self.left[line.pk]

    def worth_of(self, grant: Grant, at: datetime) -> int:
        paid: Any = grant
        while paid.replaces is not None and (paid.kind == Grant.TRANSFER or paid.source.startswith(worth.RESTORED)):
            paid = paid.replaces.replaces if paid.source.startswith(worth.RESTORED) else paid.replaces
        kind, _, key = paid.source.partition(":")
        line = OrderLine.objects.get(pk=key) if kind == "order-line" else None
        left_minor = paid.price_minor if line is None else self.price_of(line) + self.credit_of(line)
        return pricing.credit_of(left_minor, starts_at=paid.starts_at, ends_at=paid.ends_at, at=at)

    def price_of(self, line: OrderLine) -> int:
        gone = sum(RefundIntent.objects.filter(line=line, outcome=None).values_list("amount_minor", flat=True))
        left_minor, gross_minor = max(0, (self.left_of(line) or 0) - gone), line.gross_minor
        return line.price_minor if left_minor >= gross_minor else line.price_minor * left_minor // gross_minor

    def credit_of(self, line: OrderLine) -> int:
        if not line.credit_minor or line.replaces is None:
            return 0
        return min(line.credit_minor, self.worth_of(line.replaces, line.order.placed_at))


def told_alike(now: datetime) -> None:
    """All licenses and lines are told as by hand."""
    hand, lines = ByHand(), list(OrderLine.objects.select_related("order", "replaces"))
    left = {line.pk: hand.left_of(line) for line in lines}
    assert line_money.left_of_lines(lines) == {key: minor for key, minor in left.items() if minor is not None}
    for line in lines:
        assert line_money.left_of_line(line) == left[line.pk]
        assert worth.credit_left(line) == hand.credit_of(line)
    for grant in Grant.objects.all():
        assert worth.worth_of(grant, at=now) == hand.worth_of(grant, now)


@dataclass
class Story:
    """What Carol and Dave do with licenses of one world, one thing after the other, as chance has it."""

    shop: Shop
    chance: Random
    now: datetime
    offers: list[Offer]
    open: list[str] = field(default_factory=list)

    def any_line(self) -> OrderLine:
        return self.chance.choice(list(OrderLine.objects.select_related("order__outcome").order_by("order__placed_at")))

    def newest(self) -> Grant:
        return Grant.objects.order_by("-granted_at", "-id")[0]

    def upgrades(self) -> None:
        held, cast = self.newest(), self.shop.market.cast
        buyer = cast.carol if held.studio == cast.studio else cast.dave
        offer, seats = self.chance.choice(self.offers), held.seats + self.chance.randint(0, 2)
        more: Any = {"seats": seats if offer.model in pricing.BY_SEAT else 0}
        is_over = status_of(held) != "active" or (held.ends_at is not None and held.ends_at <= self.now)
        ask = Ask(offer, **more) if is_over else Ask(offer, kind="upgrade", replaces=held, **more)
        self.shop.buy(ask, now=self.now, studio=held.studio, buyer=buyer)

    def adds_seats(self) -> None:
        for one in Subscription.objects.filter(end=None, studio=self.shop.market.cast.studio):
            seats = self.newest().seats + self.chance.randint(1, 3)
            named: Any = {"by": self.shop.market.cast.carol, "idempotency_key": f"seats-{uuid4()}", "now": self.now}
            renewing.change_seats(subscription=one, seats=seats, **named)

    def passes_on(self) -> None:
        held, cast = self.newest(), self.shop.market.cast
        to, by = (cast.daves_studio, cast.carol) if held.studio == cast.studio else (cast.studio, cast.dave)
        licensing.transfer(grant=held, to=to, by=by, now=self.now)

    def gives_back(self) -> None:
        line = self.any_line()
        part = max(1, line.price_minor // self.chance.randint(2, 9))
        checkout.refund_line(line=line, amount_minor=part, reason="wrong", now=self.now)

    def gives_all_back(self) -> None:
        if (line := OrderLine.objects.filter(credit_minor__gt=0).order_by("-order__placed_at").first()) is not None:
            checkout.refund_line(line=line, reason="all of it", now=self.now)

    def means_to_give_back(self) -> None:
        refunding.intend(line=self.any_line(), amount_minor=self.chance.randint(1, 400), reason="soon", now=self.now)

    def bank_takes(self) -> None:
        line = self.any_line()
        amount_minor = self.chance.randint(1, max(1, line.order.total_minor))
        self.hears(line.order.outcome.reference, "opened", amount_minor)
        self.open.append(line.order.outcome.reference)

    def bank_decides(self) -> None:
        if self.open:
            self.hears(self.open.pop(), self.chance.choice(["won", "lost"]))

    def hears(self, reference: str, state: str, amount_minor: int | None = None) -> None:
        told: Any = {"charge_reference": reference, "dispute_reference": f"du_{reference}", "now": self.now}
        hearing.hear_dispute(state=state, amount_minor=amount_minor, **told)

    def books_are_kept(self) -> None:
        recognize_periods(now=self.now)
        self.chance.choice([allocate_royalties, lambda now: None])(now=self.now)
        renewing.renew_subscriptions(now=self.now)

    def goes_on(self) -> None:
        self.now += timedelta(seconds=self.chance.randint(60, 8 * 24 * 3600))
        acts: list[Callable[[], None]] = [
            *[self.upgrades, self.adds_seats] * 4,
            *[self.passes_on, self.gives_back, self.gives_all_back, self.means_to_give_back],
            *[self.bank_takes, self.bank_decides, self.books_are_kept],
        ]
        with suppress(*REFUSED), transaction.atomic():
            self.chance.choice(acts)()


@pytest.mark.parametrize("seed", [2, 6, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(7, 19))])
def test_a_second_hand_tells_the_same(shop: Shop, seed: int) -> None:
    chance = Random(seed)
    times = [shop.offer("enterprise", price, model=model) for model, price in (("yearly", 10_000), ("monthly", 1_500))]
    offers = [*times, shop.offer("enterprise", 9_000), shop.offer("cc-by-4.0", 4_000)]
    first = offers[0] if seed % 3 else offers[2]
    if seed % 2:
        trials.set_trial(offer=offers[0], days=14, now=FIRST - MINUTE)
    shop.buy(Ask(first, seats=2 if first.model in pricing.BY_SEAT else 0), now=FIRST)
    story = Story(shop, chance, FIRST, offers)
    for _ in range(20):
        story.goes_on()
        told_alike(story.now)
    assert check_books() == []


def test_adding_seats_asks_as_much_after_many_as_after_few(shop: Shop) -> None:
    subscription, carol = subscribed(shop, seats=1), shop.market.cast.carol
    asked = {}
    for number in range(1, 42):
        named: Any = {"by": carol, "idempotency_key": f"seats-{number}", "now": FIRST + number * MINUTE}
        with CaptureQueriesContext(connection) as found:
            order = renewing.change_seats(subscription=subscription, seats=1 + number, **named)
        assert order is not None
        asked[number] = len(found)
    assert asked[41] == asked[4]
    newest = Grant.objects.get(seats=42)
    assert worth.worth_of(newest, at=FIRST + 42 * MINUTE) == ByHand().worth_of(newest, FIRST + 42 * MINUTE)


def test_a_thousand_upgrades_before_it(shop: Shop) -> None:
    """A cent more each time, for a license without end: all of it was paid, and all of it is credit."""
    first = shop.line(shop.offer("enterprise", 5_000))
    with CaptureQueriesContext(connection) as few:
        assert worth.worth_of(grant_of(first), at=later(hours=3)) == 5_000
    newest = upgraded_over_and_over(first, 1_000)
    with CaptureQueriesContext(connection) as many, transaction.atomic():
        assert worth.worth_of(grant_of(newest), at=later(hours=5)) == 6_000
        assert worth.credit_left(newest) == newest.credit_minor == 5_999
        worth.lock_credit([newest])
    locks = [one["sql"] for one in many if "FOR NO KEY UPDATE" in one["sql"]]
    assert len(locks) == 1
    assert len(many) < 3 * len(few)

    checkout.refund_line(line=first, amount_minor=1_000, reason="wrong", now=later(hours=5))
    assert worth.credit_left(newest) == 4_999
    last = shop.line(Ask(shop.offer("cc-by-4.0", 9_000), kind="upgrade", replaces=grant_of(newest)), now=later(hours=6))
    assert (last.price_minor, last.credit_minor) == (4_000, 5_000)


def upgraded_over_and_over(line: OrderLine, times: int) -> OrderLine:
    """Writes down that a license was upgraded so many times, for a cent each time."""
    former, credit_minor = grant_of(line), line.price_minor
    orders, lines, grants = [], [], []
    for number in range(times):
        placed_at = line.order.placed_at + timedelta(seconds=number)
        orders.append(copied(line.order, total_minor=1, idempotency_key=f"again-{number}", placed_at=placed_at))
        named: dict[str, Any] = {"kind": OrderLine.UPGRADE, "price_minor": 1, "fee_minor": 0}
        named |= {"order_id": orders[-1].pk, "replaces_id": former.pk, "credit_minor": credit_minor}
        lines.append(copied(line, **named))
        digest = sha256(b"%d" % number).hexdigest()
        seen: Any = {"certificate": str(number), "certificate_sha256": digest, "status_index": None}
        named = {"kind": Grant.UPGRADE, "source": lines[-1].source, "replaces_id": former.pk, "price_minor": 1}
        grants.append(copied(former, granted_at=placed_at, **named, **seen))
        former, credit_minor = grants[-1], credit_minor + 1
    for model, rows in ((Order, orders), (OrderLine, lines), (Grant, grants)):
        model.objects.bulk_create(rows)
    split = line.offer.release.split
    sold = [Sold(source=one.source, split=split, gross=Money(1, "USD"), tax_minor=0, fee_minor=0) for one in lines]
    record_sales(sales=sold, now=later(hours=3))
    return lines[-1]


def copied(row: Any, **other: Any) -> Any:
    """A row like another, but for some of it, that is not saved yet."""
    values = {one.attname: getattr(row, one.attname) for one in row._meta.concrete_fields}
    return type(row)(**{**values, "id": uuid4()} | other)
