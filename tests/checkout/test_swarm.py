"""Many buyers at one exclusive offer, and what follows it: who paid is licensed, and nobody else was charged."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.models import Entry
from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import Ask
from marketplace.checkout.gateways.base import DISPUTE_LOST, DISPUTE_OPENED, GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import GatewayEvent, Order, PaymentAttempt, SandboxCharge
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries
from marketplace.licensing.exclusivity import UnableToGrantExclusively
from marketplace.licensing.holdings import Exclusivity
from marketplace.licensing.models import Grant, GrantStatus, Offer
from marketplace.licensing.terms.model import all_but, only
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.models import Sale
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from marketplace.people import operations as people
from marketplace.people.models import Studio
from tests.cast import CARD, DECLINED_CARD, NOON, later, person
from tests.checkout.shop import Shop, grant_of

AtOnce = Callable[..., list[Any]]
MONTH = replace(READY["exclusive"], name="a month", duration_days=30)
YEAR = replace(READY["exclusive"], name="a year", duration_days=365)


def exclusive(shop: Shop, terms: Any = MONTH, price_minor: int = 90_000) -> Offer:
    return licensing.offer(release=shop.market.world, terms=terms, price=Money(price_minor, "USD"), now=later(hours=1))


def facts() -> tuple[int, ...]:
    """Counts what a refusal must not add to."""
    tables = (Grant, Order, PaymentAttempt, SandboxCharge, Sale, Exclusivity, GrantStatus, Entry)
    return tuple(one.objects.count() for one in tables)


def dave(shop: Shop) -> dict[str, Any]:
    return {"studio": shop.market.cast.daves_studio, "buyer": shop.market.cast.dave}


def studios_of(number: int) -> list[tuple[Studio, Any]]:
    people_ = [person(f"buyer{place}") for place in range(number)]
    return [(people.open_studio(person=one, name=one.display_name, now=NOON), one) for one in people_]


def test_of_a_swarm_one_has_it_and_everybody_who_paid_is_licensed(
    committed: None, shop: Shop, at_once: AtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, plain, buyers = exclusive(shop), shop.market.offer(), studios_of(20)
    charge, silent = SandboxGateway.charge, {"left": 6}

    def answer(gateway: SandboxGateway, **asked: Any) -> Any:
        said = charge(gateway, **asked)
        if silent["left"]:
            silent["left"] -= 1
            raise GatewayUnavailable("The gateway did not answer.")
        return said

    monkeypatch.setattr(SandboxGateway, "charge", answer)

    def buying(place: int) -> Callable[[], Order]:
        studio, buyer = buyers[place]
        return lambda: checkout.buy(
            studio=studio,
            buyer=buyer,
            offers=[plain if place % 4 == 3 else offer],
            method=DECLINED_CARD if place % 4 == 1 else CARD,
            idempotency_key="k",
            # Their clocks do not agree.
            now=later(hours=2, seconds=(place * 7) % 20),
        )

    said = at_once(*(buying(place) for place in range(20)))
    silent["left"] = 0
    checkout.finish_orders(now=later(hours=3))

    known = (Order, checkout.PaymentDeclined, GatewayUnavailable, UnableToGrantExclusively)
    assert [one for one in said if not isinstance(one, known)] == []
    assert not Order.objects.filter(outcome=None).exists()
    assert Exclusivity.objects.filter(ended_at=None).count() <= 1
    assert Grant.objects.filter(offer=offer).count() == Exclusivity.objects.filter(ended_at=None).count()
    assert SandboxCharge.objects.filter(succeeded=True).count() == Grant.objects.count() == Sale.objects.count()
    assert check_books() == []


def test_who_ordered_while_another_waited_for_it_is_honored(shop: Shop) -> None:
    """The exclusive order is as old as its request, though another was placed while it waited for the pack."""
    plain, offer = shop.market.offer(), exclusive(shop)
    order = checkout.place_order(
        offers=[plain], method=CARD, idempotency_key="d", now=later(hours=2, seconds=5), **dave(shop)
    )
    shop.buy(offer, now=later(hours=2))

    assert checkout.pay(order=order, now=later(hours=3)).outcome == "succeeded"
    assert grant_of(order.lines.get()).studio == shop.market.cast.daves_studio
    assert Exclusivity.objects.get().taken_at == later(hours=2, seconds=5)
    with pytest.raises(UnableToGrantExclusively):
        shop.buy(plain, now=later(hours=2, seconds=1), **dave(shop))


def test_what_does_not_overlap_is_sold_and_what_touches_is_not(shop: Shop) -> None:
    films = exclusive(shop, replace(MONTH, name="films", fields=only("film")))
    rest = exclusive(shop, replace(MONTH, name="all but films", fields=all_but("film")))
    abroad = exclusive(shop, replace(MONTH, name="all but China", territory=all_but("CN"), fields=only("film")))
    held = grant_of(shop.line(films))
    shop.buy(rest, **dave(shop))
    assert held.ends_at is not None

    before = facts()
    for one, begins in ((films, None), (abroad, None), (films, held.ends_at - timedelta(microseconds=1))):
        with pytest.raises(UnableToGrantExclusively):
            shop.buy(Ask(one, starts_at=begins), **dave(shop))
    assert facts() == before
    shop.buy(Ask(abroad, starts_at=held.ends_at), **dave(shop))
    assert Exclusivity.objects.filter(ended_at=None).count() == 3


def test_an_exclusive_license_is_upgraded_without_being_in_its_own_way(shop: Shop) -> None:
    month, year = exclusive(shop), exclusive(shop, YEAR, 150_000)
    held = grant_of(shop.line(month))
    upgrade = Ask(year, kind="upgrade", replaces=held)
    before = facts()
    with pytest.raises(UnableToGrantExclusively, match="Lantern Films already has"):
        shop.buy(year)
    with pytest.raises(licensing.UnableToGrant, match="is not this studio's"):
        shop.buy(upgrade, **dave(shop))
    assert facts() == before

    assert shop.quote(upgrade).total_minor == 60_000
    with pytest.raises(checkout.PaymentDeclined):
        shop.buy(upgrade, method=DECLINED_CARD)
    assert Exclusivity.objects.get(ended_at=None).grant == held
    assert queries.status_of(held) == "active"
    order = checkout.place_order(
        studio=held.studio,
        buyer=shop.market.cast.carol,
        offers=[upgrade],
        method=CARD,
        idempotency_key="up",
        now=later(hours=3),
    )
    before = facts()
    for ask in (upgrade, month):
        with pytest.raises((checkout.UnableToBuy, UnableToGrantExclusively)):
            shop.buy(ask, now=later(hours=3))
    with pytest.raises(UnableToGrantExclusively):
        shop.buy(Ask(month, starts_at=later(days=60)), now=later(hours=3), **dave(shop))
    assert facts() == before

    checkout.pay(order=order, now=later(hours=4))
    made = grant_of(order.lines.get())
    row = Exclusivity.objects.get(ended_at=None)
    assert (row.grant, row.chain, row.during.upper) == (made, Exclusivity.objects.get(grant=held).chain, made.ends_at)
    assert queries.status_of(held) == "superseded"


def test_an_exclusive_upgrade_does_not_take_what_another_has(shop: Shop) -> None:
    films = exclusive(shop, replace(MONTH, name="films", fields=only("film")))
    games = exclusive(shop, replace(MONTH, name="games", fields=only("game")))
    both = exclusive(shop, replace(MONTH, name="both", fields=only("film", "game")), 200_000)
    held = grant_of(shop.line(films))
    shop.buy(games, **dave(shop))
    before = facts()
    with pytest.raises(UnableToGrantExclusively, match="for games in all territories: it is taken exclusively"):
        shop.buy(Ask(both, kind="upgrade", replaces=held))
    assert facts() == before
    assert queries.status_of(held) == "active"


def test_a_license_is_not_passed_on_while_its_upgrade_is_paid(shop: Shop) -> None:
    freely = replace(READY["studio"], name="freely", transferable=True)
    held = grant_of(shop.line(exclusive(shop, freely, 10_000)))
    order = checkout.place_order(
        studio=held.studio,
        buyer=shop.market.cast.carol,
        offers=[Ask(shop.offer("enterprise", 30_000), kind="upgrade", replaces=held)],
        method=DECLINED_CARD,
        idempotency_key="up",
        now=later(hours=3),
    )
    asked = {"grant": held, "to": shop.market.cast.daves_studio, "by": shop.market.cast.carol}
    before = facts()
    with pytest.raises(licensing.UnableToPassOn, match="is still being paid"):
        licensing.transfer(now=later(hours=4), **asked)
    assert facts() == before
    checkout.pay(order=order, now=later(hours=5))
    assert licensing.transfer(now=later(hours=6), **asked).studio == shop.market.cast.daves_studio


@pytest.mark.parametrize(("kinds", "status"), [([DISPUTE_OPENED], "suspended"), ([DISPUTE_LOST], "revoked")])
def test_credit_that_was_taken_back_meanwhile_gives_no_license(shop: Shop, kinds: list[str], status: str) -> None:
    first = shop.line(exclusive(shop, MONTH))
    upgrade = Ask(exclusive(shop, YEAR, 150_000), kind="upgrade", replaces=grant_of(first))
    order = checkout.place_order(
        studio=first.order.studio,
        buyer=shop.market.cast.carol,
        offers=[upgrade],
        method=CARD,
        idempotency_key="up",
        now=later(hours=3),
    )

    def tell(kind: str, at: datetime) -> None:
        event = GatewayEvent.objects.create(
            gateway="sandbox",
            event_id=kind,
            kind=kind,
            charge_reference=first.order.outcome.reference,
            happened_at=at,
            received_at=at,
        )
        checkout.handle_event(event=event, now=at)

    for kind in kinds:
        tell(kind, later(hours=4))
    checkout.pay(order=order, now=later(hours=5))

    made = grant_of(order.lines.get())
    assert queries.status_of(made) == status
    assert Exclusivity.objects.filter(ended_at=None).count() == (status != "revoked")
    if status == "suspended":
        tell(DISPUTE_LOST, later(hours=6))
        assert queries.status_of(made) == "revoked"
        assert not Exclusivity.objects.filter(ended_at=None).exists()
    shop.buy(exclusive(shop), now=later(days=1), **dave(shop))
    assert check_books() == []


def test_an_upgrade_leaves_no_time_without_a_license(shop: Shop) -> None:
    held, larger = grant_of(shop.line(shop.market.offer())), shop.offer("enterprise", 30_000)
    before = facts()
    with pytest.raises(checkout.UnableToBuy, match="takes the place of a license at once"):
        shop.buy(Ask(larger, kind="upgrade", replaces=held, starts_at=later(days=9)))
    assert facts() == before


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"pays_minor": 2**60}, "more than the books can hold"),
        ({"pays_minor": -(2**60)}, "more than the books can hold"),
        ({"seats": 2**60}, "more than the books can hold"),
        ({"code": "HALF\ud800"}, "The code “HALF\ufffd” takes nothing off"),
    ],
)
def test_what_no_order_can_hold_is_refused(shop: Shop, asked: dict[str, Any], reason: str) -> None:
    offer = shop.offer(model="pay-what-you-want")
    before = facts()
    with pytest.raises(checkout.UnableToBuy, match=reason):
        shop.buy(Ask(offer, **asked))
    assert facts() == before


def test_a_renewal_is_not_backdated(shop: Shop) -> None:
    offer = exclusive(shop, replace(READY["studio"], name="a month", duration_days=30))
    held = grant_of(shop.line(offer))
    before = facts()
    with pytest.raises(licensing.UnableToGrant, match="would begin before it is ordered"):
        shop.buy(Ask(offer, kind="renewal", replaces=held, starts_at=held.ends_at), now=later(days=200))
    assert facts() == before
    again = grant_of(shop.line(Ask(offer, kind="renewal", replaces=held), now=later(days=200)))
    assert again.starts_at == later(days=200)


def test_a_quote_is_for_its_project_and_once_in_an_order(shop: Shop) -> None:
    cast, offer = shop.market.cast, shop.offer("enterprise", 0, model="on-request")
    projects = [
        licensing.open_project(studio=cast.studio, by=cast.carol, name=name, now=NOON) for name in ("Dawn", "Dusk")
    ]
    asked = licensing.ask_quote(
        offer=offer, studio=cast.studio, person=cast.carol, project=projects[0], now=later(hours=2)
    )
    answer: dict[str, Any] = {"request": asked, "now": later(hours=2)}
    licensing.answer_quote(
        person=cast.alice.person, side="creator", price_minor=700, valid_until=later(days=2), **answer
    )
    licensing.answer_quote(person=cast.carol, side="studio", kind="accept", **answer)
    before = facts()
    with pytest.raises(checkout.UnableToBuy, match="for another project"):
        shop.buy(Ask(offer, quote=asked, project=projects[1]))
    with pytest.raises(checkout.UnableToBuy, match="twice in the order"):
        shop.buy(*(Ask(offer, quote=asked, project=one) for one in projects))
    assert facts() == before
    assert grant_of(shop.line(Ask(offer, quote=asked))).project == projects[0]
