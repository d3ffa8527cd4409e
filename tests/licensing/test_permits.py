"""May I? One question, one answer: yes with the license, or no with every reason."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Download, Grant, GrantStatus, Offer
from marketplace.licensing.permits import Permit, may
from marketplace.licensing.terms.model import EVERYTHING, Terms, Use, only
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.terms.using import UnreadableUse
from marketplace.payouts.rules import Money
from marketplace.people.operations import give_seat
from tests.api.studios import Market
from tests.cast import NOON, later, person

FILM = Use(
    commercial="limited",
    revenue_usd=900_000,
    derivatives="private",
    territory=EVERYTHING,
    fields=only("film"),
    media=only("video"),
    output_owner="licensee",
)
YEAR = replace(READY["studio"], name="a year", duration_days=365)


def offered(market: Market, terms: Terms) -> Offer:
    return licensing.offer(release=market.world, terms=terms, price=Money(5_000, "USD"), now=later(hours=1))


def file_of(market: Market) -> str:
    """The SHA-256 of the first file of Alice's world."""
    digest: str = json.loads(bytes(market.world.manifest))["assets"][0]["sha256"]
    return digest


def asked(market: Market, use: Use = FILM, **more: Any) -> Permit:
    return may(
        **{"digest": market.world.digest, "use": use, "studio": market.cast.studio, "now": later(hours=2)} | more
    )


def codes(permit: Permit) -> list[str]:
    return [reason.code for reason in permit.reasons]


def test_a_license_allows_what_its_terms_do_for_release_and_files(market: Market, grant: Grant) -> None:
    for digest in (market.world.digest, file_of(market), file_of(market).upper()):
        permit = asked(market, digest=digest)

        assert (permit.allowed, permit.reasons, permit.grant, permit.release) == (True, (), grant, market.world)
        assert [credit.layer for credit in permit.duties.credits] == ["alice/yunhai@1.0.0"]


def test_nothing_is_allowed_without_a_license(market: Market, grant: Grant) -> None:
    unknown = asked(market, digest=hashlib.sha256(b"nobody's").hexdigest())
    malformed = asked(market, digest="yunhai")
    others = asked(market, studio=market.cast.daves_studio)
    derived = asked(market, digest=market.derived.digest)

    assert codes(unknown) == codes(malformed) == ["unknown-digest"]
    assert (unknown.allowed, unknown.grant, unknown.release) == (False, None, None)
    assert (codes(others), others.release) == (["no-license"], market.world)
    assert str(others.reasons[0]) == "Quill has no license for alice/yunhai@1.0.0."
    assert codes(derived) == ["no-license"]


def test_each_dimension_that_the_terms_refuse_is_named(market: Market, grant: Grant) -> None:
    permit = asked(market, replace(FILM, commercial="full", ai_training="own", redistribution="raw", seats=31))

    assert (permit.allowed, permit.grant) == (False, grant)
    assert codes(permit) == [
        "commercial-not-allowed",
        "ai-training-not-allowed",
        "redistribution-not-allowed",
        "seats-exceeded",
    ]
    with pytest.raises(UnreadableUse):
        asked(market, replace(FILM, fields=only()))


@pytest.mark.parametrize("status", ["suspended", "revoked", "superseded"])
def test_what_happened_to_a_license_is_told(market: Market, grant: Grant, status: str) -> None:
    licensing.set_status(grant=grant, status=status, reason="because", now=later(hours=2))

    permit = asked(market)

    assert (permit.allowed, codes(permit), permit.grant) == (False, [status], grant)


def test_a_license_holds_in_its_time(market: Market) -> None:
    held = licensing.grant(
        offer=offered(market, YEAR),
        studio=market.cast.studio,
        source="order-line:1",
        starts_at=later(days=2),
        now=later(hours=1),
    )
    assert (held.starts_at, held.ends_at) == (later(days=2), later(days=367))

    assert codes(asked(market)) == ["not-started"]
    assert asked(market, now=later(days=2)).allowed
    assert asked(market, now=later(days=366, hours=23)).allowed
    assert codes(asked(market, now=later(days=367))) == ["expired"]
    # Days instead of now: the license has those from its first to its last.
    assert asked(market, replace(FILM, starts="2026-11-24", ends="2027-11-23")).allowed
    assert codes(asked(market, replace(FILM, starts="2026-11-23", ends="2026-12-31"))) == ["not-started"]
    assert codes(asked(market, replace(FILM, starts="2027-11-01", ends="2027-11-25"))) == ["ends-too-late"]
    assert codes(asked(market, replace(FILM, starts="2026-11-24"))) == ["duration-exceeded"]


def test_a_license_for_a_project_is_for_that_alone(market: Market) -> None:
    cast = market.cast
    film = licensing.open_project(studio=cast.studio, by=cast.carol, name="The Lantern", now=NOON)
    game = licensing.open_project(studio=cast.studio, by=cast.carol, name="Lantern: the Game", now=NOON)
    licensing.grant(offer=market.offer(), studio=cast.studio, source="l:1", project=film, now=later(hours=1))

    assert asked(market, project=film).allowed
    assert codes(asked(market, project=game)) == codes(asked(market)) == ["wrong-project"]
    assert "for the project “The Lantern” alone" in str(asked(market).reasons[0])

    for_all = licensing.grant(offer=market.offer(), studio=cast.studio, source="l:2", now=later(hours=1))
    assert asked(market, project=game).grant == for_all


def test_a_person_needs_a_seat_where_seats_are_assigned(market: Market, grant: Grant) -> None:
    cast = market.cast
    erin = person("erin")
    assert codes(asked(market, person=erin)) == ["no-seat"]
    give_seat(studio=cast.studio, by=cast.carol, email=erin.email, role="member", now=NOON)
    assert asked(market, person=erin).allowed

    licensing.assign_seat(grant=grant, person=cast.carol, by=cast.carol, now=later(hours=2))
    assert asked(market, person=cast.carol).allowed
    assert codes(asked(market, person=erin)) == ["no-seat"]
    licensing.assign_seat(grant=grant, person=erin, by=cast.carol, now=later(hours=2))
    assert asked(market, person=erin).allowed
    licensing.release_seat(grant=grant, person=erin, by=cast.carol, now=later(hours=2))
    assert codes(asked(market, person=erin)) == ["no-seat"]


def test_the_license_that_comes_nearest_says_why_not(market: Market, grant: Grant) -> None:
    personal = licensing.grant(
        offer=market.offer("personal"), studio=market.cast.studio, source="order-line:2", now=later(hours=2)
    )

    wide = asked(market, replace(FILM, ai_training="own", revenue_usd=900_000))
    assert (codes(wide), wide.grant) == (["ai-training-not-allowed"], grant)
    licensing.set_status(grant=grant, status="revoked", reason="lost", now=later(hours=2))
    # Each has one reason now: of two as near, the newer license says why not.
    nearest = asked(market)
    assert (codes(nearest), nearest.grant) == (["commercial-not-allowed"], personal)
    nearest = asked(market, replace(FILM, redistribution="in-product"))
    assert (codes(nearest), nearest.grant) == (["revoked"], grant)


def test_asking_writes_nothing_and_asks_little(market: Market, grant: Grant) -> None:
    before = (Grant.objects.count(), GrantStatus.objects.count(), Download.objects.count())
    asked(market)  # terms are read once, for ever
    with CaptureQueriesContext(connection) as asked_for:
        assert asked(market, digest=file_of(market), person=market.cast.carol).allowed

    assert len(asked_for) == 1
    assert all(query["sql"].lstrip().startswith("SELECT") for query in asked_for.captured_queries)
    assert (Grant.objects.count(), GrantStatus.objects.count(), Download.objects.count()) == before
