"""Carol quotes a recipe and buys what it lacks: at the prices she was told, once, or not at all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import Entry
from marketplace.checkout import operations as checkout
from marketplace.checkout import recipe_quote_queries as queries
from marketplace.checkout.charges import RecipeQuote, RecipeQuoteLine
from marketplace.checkout.gateways.base import Asked, GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, PaymentAttempt, SandboxCharge
from marketplace.checkout.operations import PaymentDeclined, UnableToBuy
from marketplace.checkout.recipe_quotes import (
    BoughtRecipe,
    RecipePriceChanged,
    RecipeQuoteExpired,
    UnableToQuoteRecipe,
    buy_recipe,
    quote_recipe,
)
from marketplace.compositions.keeping import UnableToKeepRecipe
from marketplace.compositions.lockfile import read_lock
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.notation.findings import UnreadableRecipe
from marketplace.compositions.queries import is_runnable
from marketplace.intake.operations import publish_folder
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from marketplace.licensing.terms.model import Use, only
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.models import Sale
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from marketplace.people import operations as people
from marketplace.people.models import Seat
from tests import packs
from tests.cast import CARD, DECLINED_CARD, later, person
from tests.checkout.shop import Shop

TEXT = "| sea: a pier @alice/yunhai [box 0,0,0.5,1]\n| sky: clouds @alice/yunhai*0.5 [rest]\n- style: ink @bob/ink\n"
USE = Use(
    commercial="limited",
    revenue_usd=500_000,
    derivatives="private",
    territory=only("DE"),
    fields=only("film"),
    media=only("video"),
)
ASKED = later(hours=3)
SOON = later(hours=3, minutes=5)
AtOnce = Callable[..., list[Any]]


def quote(shop: Shop, text: str = TEXT, **more: Any) -> RecipeQuote:
    cast = shop.market.cast
    asked: dict[str, Any] = {"studio": cast.studio, "person": cast.carol, "use": USE, "now": ASKED}
    return quote_recipe(text=text, **(asked | more))


def buy(shop: Shop, row: RecipeQuote, **more: Any) -> BoughtRecipe:
    asked: dict[str, Any] = {"quote": row, "buyer": shop.market.cast.carol, "method": CARD, "now": SOON}
    return buy_recipe(**(asked | more))


def facts() -> tuple[int, ...]:
    """Counts what a refusal must not add to."""
    tables = (RecipeQuote, RecipeQuoteLine, Order, PaymentAttempt, SandboxCharge, Grant, Sale, RecipeLock, Entry)
    return tuple(one.objects.count() for one in tables)


def told(row: RecipeQuote, now: Any = SOON) -> list[tuple[str, int | None]]:
    return [(one.state, one.price_minor) for one in queries.now_of(row, now).lines]


def test_one_checkout_licenses_every_layer_and_locks_the_recipe(shop: Shop) -> None:
    row = quote(shop)

    found = queries.now_of(row, SOON)
    assert (found.state, found.totals, found.needs_method) == ("open", (("USD", 20_002),), True)
    assert [(str(one.line.offer.release), one.line.layers, one.line.price_minor) for one in found.lines] == [
        ("alice/yunhai@1.0.0", ["sea", "sky"], 10_001),
        ("bob/ink@1.0.0", ["style"], 10_001),
    ]
    assert row.expires_at == ASKED + timedelta(minutes=30)
    asks = [queries.ask_of(row, line) for line in queries.lines_of(row)]
    assert checkout.quote(studio=shop.market.cast.studio, offers=asks, now=SOON).total_minor == 20_002
    assert not Order.objects.exists()

    bought = buy(shop, row)

    (order,) = bought.orders
    assert (order.idempotency_key, order.total_minor) == (f"recipe-quote:{row.pk}", 20_002)
    assert {str(one.release) for one in Grant.objects.all()} == {"alice/yunhai@1.0.0", "bob/ink@1.0.0"}
    assert Sale.objects.count() == 2
    assert check_books() == []
    lock = read_lock(bytes(bought.lock.document))
    assert {ref.grant for ref in lock.refs} == {str(one.pk) for one in Grant.objects.all()}
    assert sum(ref.share_ppb for ref in lock.refs) == 1_000_000_000
    assert is_runnable(lock, now=SOON)
    after = queries.now_of(row, SOON)
    assert (after.state, [one.state for one in after.lines]) == ("bought", ["bought", "bought"])

    before = facts()
    again = buy(shop, row, now=later(days=2), method=DECLINED_CARD)
    assert (again.orders, again.lock) == (bought.orders, bought.lock)
    # Of two at once, the one that began first may come second: it locks what the other one licensed.
    slower = buy(shop, row, now=SOON - timedelta(seconds=1))
    assert (slower.orders, slower.lock) == (bought.orders, bought.lock)
    assert facts() == before

    empty = quote(shop, now=later(hours=4))
    assert queries.now_of(empty, later(hours=4)).totals == ()
    nothing = buy(shop, empty, now=later(hours=4), method="")
    assert (nothing.orders, nothing.lock.digest) == ((), bought.lock.digest)


def test_what_changed_since_is_told_and_nothing_is_charged(shop: Shop) -> None:
    row, market = quote(shop), shop.market
    offer = market.offer()
    licensing.change_price(
        offer=offer, price_minor=12_000, starts_at=later(hours=3, minutes=1), now=later(hours=3, minutes=1)
    )
    before = facts()

    assert told(row) == [("changed", 12_000), ("same", 10_001)]
    assert queries.now_of(row, SOON).state == "changed"
    with pytest.raises(RecipePriceChanged) as refused:
        buy(shop, row)
    assert str(refused.value) == (
        "The price of alice/yunhai@1.0.0 changed from $100.01 to $120.00. Ask for a new quote."
    )
    assert facts() == before

    licensing.withdraw_offer(offer=market.offer(release=market.derived), now=SOON)
    assert told(row) == [("changed", 12_000), ("withdrawn", None)]
    assert facts()[:-1] == before[:-1]
    with pytest.raises(UnableToQuoteRecipe) as unsold:
        quote(shop, now=SOON)
    assert [(one.line, one.column, one.length) for one in unsold.value.findings] == [(3, 14, 8)]
    assert facts()[:-1] == before[:-1]


def test_a_unit_that_costs_more_is_another_price_too(shop: Shop) -> None:
    licensing.withdraw_offer(offer=shop.market.offer(), now=later(hours=1))
    metered = licensing.offer(
        release=shop.market.world,
        terms=READY["studio"],
        price=Money(5, "USD"),
        model="metered",
        unit="image",
        now=later(hours=1),
    )
    row = quote(shop, text="| sea: a pier @alice/yunhai", currency="USD")
    assert [(one.line.offer, one.price_minor, one.unit_minor) for one in queries.now_of(row, SOON).lines] == [
        (metered, 0, 5)
    ]
    licensing.change_price(offer=metered, price_minor=50, starts_at=SOON, now=SOON)
    before = facts()

    with pytest.raises(RecipePriceChanged, match=r"from \$0.05 to \$0.50"):
        buy(shop, row, now=SOON)
    assert facts() == before


def test_a_quote_is_kept_for_half_an_hour(shop: Shop) -> None:
    row = quote(shop)
    before = facts()

    for moment in (ASKED + timedelta(minutes=30), later(days=9)):
        assert queries.now_of(row, moment).state == "expired"
        with pytest.raises(RecipeQuoteExpired, match="ask for a new one"):
            buy(shop, row, now=moment)
    assert facts() == before
    assert buy(shop, row, now=ASKED + timedelta(minutes=29, seconds=59)).lock


def test_a_declined_card_grants_nothing_and_another_one_may_follow(shop: Shop) -> None:
    row = quote(shop)

    for _again in range(2):
        with pytest.raises(PaymentDeclined):
            buy(shop, row, method=DECLINED_CARD)
    assert not Grant.objects.exists()
    assert not RecipeLock.objects.exists()
    assert queries.now_of(row, SOON).state == "open"

    bought = buy(shop, row)

    assert Order.objects.count() == 3
    assert bought.orders[0].idempotency_key == f"recipe-quote:{row.pk}:3"
    assert Grant.objects.count() == 2


def test_what_could_not_be_locked_is_not_charged(shop: Shop) -> None:
    row = quote(shop, text="| sea: a pier @alice/yunhai [mask pier.png]")
    before = facts()

    with pytest.raises(UnableToQuoteRecipe) as refused:
        buy(shop, row, masks={"pier.png": "0" * 64})
    assert [(one.line, one.column, one.code) for one in refused.value.findings] == [(1, 29, "unknown-mask")]
    with pytest.raises(UnableToKeepRecipe, match="A title is one line"):
        buy(shop, row, title="two\nlines")
    assert facts() == before
    assert buy(shop, row, title="The pier").lock.title == "The pier"


def test_only_who_may_buy_for_the_studio_does(shop: Shop) -> None:
    cast = shop.market.cast
    row, before = quote(shop), facts()

    assert queries.quote_of([cast.daves_studio], row.pk) is None
    with pytest.raises(UnableToQuoteRecipe, match="You have no seat in Lantern Films"):
        quote(shop, person=cast.dave)
    with pytest.raises(UnableToBuy, match="You cannot buy for Lantern Films"):
        buy(shop, row, buyer=cast.dave)
    with pytest.raises(UnableToBuy, match="needs an idempotency key"):
        shop.buy(shop.market.offer(), idempotency_key=f"recipe-quote:{row.pk}")
    assert facts() == before

    erin = person("erin")
    people.give_seat(studio=cast.studio, by=cast.carol, email=erin.email, role=Seat.MEMBER, now=ASKED)
    with pytest.raises(UnableToBuy, match="You cannot buy for Lantern Films"):
        buy(shop, quote(shop, person=erin), buyer=erin)
    assert not Order.objects.exists()


def test_two_currencies_are_two_orders_and_a_crash_between_them_is_mended(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = quote(shop, currency="CNY")
    assert queries.now_of(row, SOON).totals == (("CNY", 90_000), ("USD", 10_001))
    charge = SandboxGateway.charge

    def broken(self: SandboxGateway, *, payment: Asked, **more: Any) -> Any:
        if payment.currency == "USD":
            raise GatewayUnavailable("The gateway does not answer.")
        return charge(self, payment=payment, **more)

    monkeypatch.setattr(SandboxGateway, "charge", broken)
    with pytest.raises(GatewayUnavailable):
        buy(shop, row)
    assert [str(one.release.pack) for one in Grant.objects.all()] == ["alice/yunhai"]
    assert not RecipeLock.objects.exists()
    monkeypatch.setattr(SandboxGateway, "charge", charge)

    # The half hour is over, and the price of what is paid for already is another: what was begun is finished.
    bought = buy(shop, row, now=later(hours=5))

    assert [(one.currency, one.idempotency_key) for one in bought.orders] == [
        ("CNY", f"recipe-quote:{row.pk}:CNY"),
        ("USD", f"recipe-quote:{row.pk}:USD"),
    ]
    assert (Order.objects.count(), SandboxCharge.objects.count(), Grant.objects.count()) == (2, 2, 2)
    assert is_runnable(read_lock(bytes(bought.lock.document)), now=later(hours=5))


def test_the_version_that_was_quoted_is_the_one_that_is_locked(shop: Shop, tmp_path: Any) -> None:
    row = quote(shop)
    newer = packs.write(tmp_path / "newer", handle="yunhai", version="1.1.0", seed=9)
    publish_folder(folder=newer, creator=shop.market.cast.alice, now=later(hours=3, minutes=1))

    bought = buy(shop, row)

    lock = read_lock(bytes(bought.lock.document))
    assert [f"{ref.pack}@{ref.version}" for ref in lock.refs] == ["alice/yunhai@1.0.0"] * 2 + ["bob/ink@1.0.0"]
    assert is_runnable(lock, now=SOON)


def test_what_was_licensed_since_is_not_paid_for_twice(shop: Shop) -> None:
    row, other = quote(shop), quote(shop)
    buy(shop, other)
    before = facts()

    assert told(row) == [("held", None), ("held", None)]
    with pytest.raises(RecipePriceChanged, match="alice/yunhai@1.0.0 was licensed since, in another order."):
        buy(shop, row)
    assert facts() == before


def test_tiers_sales_and_exclusivity_count_as_in_any_order(shop: Shop) -> None:
    market, cast = shop.market, shop.market.cast
    licensing.change_price(
        offer=market.offer(),
        price_minor=8_000,
        kind="sale",
        starts_at=later(hours=2),
        ends_at=later(days=1),
        tiers=[{"up_to_people": 10, "up_to_revenue_usd": 0, "price_minor": 2_000}],
        now=later(hours=2),
    )
    assert told(quote(shop)) == [("same", 8_000), ("same", 10_001)]
    people.declare_size(studio=cast.studio, by=cast.carol, people=8, revenue_usd=0, now=later(hours=2))
    row = quote(shop)
    assert told(row) == [("same", 2_000), ("same", 10_001)]

    seats = licensing.offer(
        release=market.derived,
        terms=READY["studio"],
        price=Money(900, "USD"),
        model="per-seat",
        now=later(hours=2),
    )
    many = quote(shop, text="| sea: a pier @bob/ink", use=replace(USE, seats=5))
    (line,) = queries.lines_of(many)
    assert (line.offer, line.seats, line.price_minor) == (seats, 5, 4_500)
    asked = checkout.quote(studio=cast.studio, offers=[queries.ask_of(many, line)], now=SOON)
    assert (asked.total_minor, told(many)) == (4_500, [("same", 4_500)])
    licensing.withdraw_offer(offer=seats, now=later(hours=3))

    exclusive = licensing.offer(
        release=market.derived, terms=READY["exclusive"], price=Money(90_000, "USD"), now=later(hours=1)
    )
    shop.buy(exclusive, studio=cast.daves_studio, buyer=cast.dave, now=SOON)
    before = facts()

    assert told(row) == [("same", 2_000), ("taken", None)]
    with pytest.raises(RecipePriceChanged, match="Lantern Films cannot license bob/ink"):
        buy(shop, row)
    with pytest.raises(UnableToQuoteRecipe) as refused:
        quote(shop, now=SOON)
    assert [(one.line, one.column) for one in refused.value.findings] == [(3, 14)]
    assert facts() == before


def test_what_is_no_recipe_and_what_is_not_licensed_so_is_refused(shop: Shop) -> None:
    before = facts()

    with pytest.raises(UnreadableRecipe) as unreadable:
        quote(shop, text="| sea: a pier @alice/yunhai [box 0,0,2,1]")
    assert unreadable.value.findings[0].line == 1
    for ref, code in [
        ("@alice/yunhaj", "unknown-pack"),
        ("@alice/yunhai:^2", "no-version"),
        ("@alice/yunhai/inc", "no-element"),
        ("@nobody", "unknown-creator"),
    ]:
        with pytest.raises(UnableToQuoteRecipe) as nothing:
            quote(shop, text=f"| sea: a pier {ref}")
        assert [(one.line, one.column, one.code) for one in nothing.value.findings] == [(1, 15, code)]
    with pytest.raises(UnableToQuoteRecipe) as refused:
        quote(shop, use=Use(ai_training="own", territory=only("DE"), fields=only("film"), media=only("video")))
    assert {(one.line, one.code) for one in refused.value.findings} == {
        (1, "ai-training-not-allowed"),
        (2, "ai-training-not-allowed"),
        (3, "ai-training-not-allowed"),
    }
    euro = Money(0, "EUR")
    licensing.offer(release=shop.market.world, terms=READY["studio"], price=euro, model="on-request", now=SOON)
    with pytest.raises(UnableToQuoteRecipe, match="is priced on request: ask for a price first"):
        quote(shop, now=SOON, currency="EUR", text="| sea: a pier @alice/yunhai")
    assert facts()[:-1] == before[:-1]


def test_sixteen_layers_take_no_more_questions_than_one(shop: Shop) -> None:
    def questions(text: str) -> int:
        with CaptureQueriesContext(connection) as found:
            quote(shop, text=text)
        return len(found)

    one = questions("| sea: a pier @alice/yunhai")
    many = questions("\n".join(f"| {place}: a pier @alice/yunhai @bob/ink" for place in range(16)))
    assert many == one <= 12


def test_two_buyers_at_once_place_one_order(committed: None, shop: Shop, at_once: AtOnce) -> None:
    row = quote(shop)
    erin = person("erin")
    people.give_seat(
        studio=shop.market.cast.studio, by=shop.market.cast.carol, email=erin.email, role=Seat.BUYER, now=ASKED
    )

    def buying(buyer: Any, card: str) -> Callable[[], BoughtRecipe]:
        return lambda: buy(shop, queries.quote_of([row.studio], row.pk), buyer=buyer, method=card)  # type: ignore[arg-type]

    said = at_once(buying(shop.market.cast.carol, CARD), buying(erin, "4000 0000 0000 0259"), buying(erin, CARD))

    assert not [one for one in said if isinstance(one, Exception)], said
    assert len({one.orders for one in said}) == len({one.lock.digest for one in said}) == 1
    assert (Order.objects.count(), SandboxCharge.objects.count(), Grant.objects.count()) == (1, 1, 2)
    assert check_books() == []
