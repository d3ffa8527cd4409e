"""Seats of licenses: assigned by who buys, to people of the studio, never more than there are, free at once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from marketplace.licensing import operations as licensing
from marketplace.licensing.holding_queries import seats_of
from marketplace.licensing.holdings import SeatAssignment
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.queries import grant_of
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.people.models import Person
from marketplace.people.operations import give_seat
from tests.api.studios import Market
from tests.cast import NOON, later, person

TWO = replace(READY["studio"], name="two seats", seats=2)


def offered(market: Market, terms: Any = TWO) -> Offer:
    return licensing.offer(release=market.world, terms=terms, price=Money(5_000, "USD"), now=NOON)


@pytest.fixture
def two(market: Market) -> Grant:
    """A license for two people."""
    return licensing.grant(offer=offered(market), studio=market.cast.studio, source="order-line:1", now=NOON)


def member(market: Market, name: str, role: str = "member") -> Person:
    joined = person(name)
    give_seat(studio=market.cast.studio, by=market.cast.carol, email=joined.email, role=role, now=NOON)
    return joined


def assign(grant: Grant, who: Person, by: Person, **more: Any) -> SeatAssignment:
    return licensing.assign_seat(**{"grant": grant, "person": who, "by": by, "now": later(hours=1)} | more)


def test_seats_are_assigned_released_and_assigned_again(market: Market, two: Grant) -> None:
    carol, erin, frank = market.cast.carol, member(market, "erin"), member(market, "frank")
    first = assign(two, erin, carol)
    assert assign(two, erin, carol, now=later(hours=2)) == first
    assign(two, carol, carol)

    with pytest.raises(licensing.UnableToAssignSeat, match="All 2 seats of the license are assigned"):
        assign(two, frank, carol)
    assert licensing.release_seat(grant=two, person=erin, by=carol, now=later(hours=3))
    assert not licensing.release_seat(grant=two, person=erin, by=carol, now=later(hours=4))
    assign(two, frank, carol, now=later(hours=4))

    assert [one.person for one in seats_of(two)] == [carol, frank]
    assert grant_of([market.cast.studio], two.pk).seats_used == 2  # type: ignore[union-attr]
    assert list(SeatAssignment.objects.values_list("person__display_name", "assigned_at", "released_at")) == [
        ("Erin", later(hours=1), later(hours=3)),
        ("Carol", later(hours=1), None),
        ("Frank", later(hours=4), None),
    ]


def test_only_who_buys_assigns_and_only_to_their_own(market: Market, two: Grant) -> None:
    carol, dave, erin = market.cast.carol, market.cast.dave, member(market, "erin")
    buyer = member(market, "bea", "buyer")

    for by in (dave, erin):
        with pytest.raises(licensing.UnableToAssignSeat, match="Only owners and buyers of Lantern Films"):
            assign(two, erin, by)
    with pytest.raises(licensing.UnableToAssignSeat, match="dave@example.com is not in Lantern Films"):
        assign(two, dave, carol)
    with pytest.raises(licensing.UnableToAssignSeat, match="Only owners"):
        licensing.release_seat(grant=two, person=erin, by=dave, now=later(hours=1))
    assert not SeatAssignment.objects.exists()
    assert assign(two, erin, buyer).assigned_by == buyer


def test_what_is_over_has_no_seats(market: Market, two: Grant) -> None:
    carol = market.cast.carol
    assign(two, carol, carol)
    licensing.set_status(grant=two, status="revoked", reason="lost", now=later(hours=2))

    assert SeatAssignment.objects.get().released_at == later(hours=2)
    with pytest.raises(licensing.UnableToAssignSeat, match="is over"):
        assign(two, carol, carol, now=later(hours=3))
    days = licensing.grant(
        offer=offered(market, replace(TWO, name="ten days", duration_days=10)),
        studio=market.cast.studio,
        source="order-line:2",
        now=NOON,
    )
    with pytest.raises(licensing.UnableToAssignSeat, match="has ended"):
        assign(days, carol, carol, now=later(days=10))


def test_the_database_counts_seats_itself(market: Market, two: Grant) -> None:
    carol, erin, frank = market.cast.carol, member(market, "erin"), member(market, "frank")
    for who in (carol, erin):
        assign(two, who, carol)

    with pytest.raises(IntegrityError, match="has 2 seats, and all are taken"), transaction.atomic():
        SeatAssignment.objects.create(grant=two, person=frank, assigned_by=carol, assigned_at=NOON)
    with pytest.raises(IntegrityError, match="a seat is released once"), transaction.atomic():
        SeatAssignment.objects.filter(person=erin).update(person=frank)
    assert SeatAssignment.objects.filter(released_at=None).count() == 2


def test_seats_go_to_what_follows_and_never_below_use(market: Market, two: Grant) -> None:
    carol, erin = market.cast.carol, member(market, "erin")
    for who in (carol, erin):
        assign(two, who, carol)
    asked = {"studio": market.cast.studio, "kind": "upgrade", "replaces": two, "now": later(hours=2)}

    with pytest.raises(licensing.UnableToGrant, match="2 seats are assigned, and you ask for 1: release seats first"):
        licensing.check_grant(offer=market.offer("enterprise"), seats=1, **asked)
    with pytest.raises(licensing.UnableToGrant, match="2 seats are assigned"):
        licensing.grant(offer=market.offer(), source="order-line:2", seats=1, **asked)
    with pytest.raises(licensing.UnableToGrant, match="“studio” has at most 30 seats, and you ask for 31"):
        licensing.grant(offer=market.offer(), source="order-line:2", seats=31, **asked)
    assert Grant.objects.count() == 1

    upgrade = licensing.grant(offer=market.offer(), source="order-line:2", seats=3, **asked)
    assert [one.person for one in seats_of(upgrade)] == [carol, erin]
    assert upgrade.seats == 3
    assert seats_of(two) == []


def test_the_last_seat_goes_to_one(committed: None, market: Market, at_once: Callable[..., list[Any]]) -> None:
    two = licensing.grant(offer=offered(market), studio=market.cast.studio, source="order-line:1", now=NOON)
    people = [market.cast.carol, *(member(market, f"member{number}") for number in range(5))]

    said = at_once(*(lambda who=who: assign(two, who, market.cast.carol) for who in people))

    assert sorted(type(one).__name__ for one in said) == ["SeatAssignment"] * 2 + ["UnableToAssignSeat"] * 4
    assert len(seats_of(two)) == 2
