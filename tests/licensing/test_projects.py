"""Projects, the time and the licensee of a license, and reported use."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from ledger.models import Entry
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries
from marketplace.licensing.holding_queries import project_of, projects_of, usage_of
from marketplace.licensing.holdings import Project, UsageReport
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.api.studios import Market
from tests.cast import NOON, later


def offered(market: Market, price: int = 5_000, **more: Any) -> Offer:
    terms = replace(READY["studio"], name="own", **more.pop("terms", {}))
    return licensing.offer(release=market.world, terms=terms, price=Money(price, "USD"), now=NOON, **more)


def granted(market: Market, offer: Offer, **more: Any) -> Grant:
    return licensing.grant(
        **{"offer": offer, "studio": market.cast.studio, "source": "order-line:1", "now": later(hours=1)} | more
    )


def test_projects_are_opened_by_who_buys_and_named_once(market: Market) -> None:
    cast = market.cast
    film = licensing.open_project(studio=cast.studio, by=cast.carol, name="  The Lantern ", now=NOON)

    assert (film.name, film.created_by) == ("The Lantern", cast.carol)
    for by, name, reason in (
        (cast.carol, "The Lantern", "Lantern Films already has a project “The Lantern”"),
        (cast.dave, "Mine", "Only owners and buyers of Lantern Films can open projects"),
        (cast.carol, " ", "needs a name of 1 to 120 characters"),
        (cast.carol, "two\nlines", "needs a name of 1 to 120 characters"),
    ):
        with pytest.raises(licensing.UnableToOpenProject, match=reason):
            licensing.open_project(studio=cast.studio, by=by, name=name, now=NOON)
    assert Project.objects.get() == film
    licensing.open_project(studio=cast.daves_studio, by=cast.dave, name="The Lantern", now=NOON)
    assert project_of([cast.daves_studio], film.pk) is None


def test_a_license_for_a_project_names_it(market: Market) -> None:
    cast = market.cast
    film = licensing.open_project(studio=cast.studio, by=cast.carol, name="The Lantern", now=NOON)
    held = granted(market, market.offer(), project=film)

    assert held.project == film
    assert [(one.name, one.license_count) for one in projects_of([cast.studio])] == [("The Lantern", 1)]  # type: ignore[attr-defined]
    assert queries.grants_of([cast.studio], project=film.pk, now=later(days=1))[0] == [held]
    with pytest.raises(licensing.UnableToGrant, match="The project “The Lantern” is not this studio's"):
        granted(market, market.offer(), project=film, studio=cast.daves_studio, source="l:2")
    assert Grant.objects.count() == 1


def test_the_licensee_is_the_legal_entity(market: Market) -> None:
    studio = market.cast.studio
    studio.legal_name, studio.country, studio.registration = "Lantern Films GmbH", "DE", "HRB 1234"
    studio.save()

    held = granted(market, market.offer())
    studio.legal_name = "Somebody Else AG"
    studio.save()
    held.refresh_from_db()

    assert (held.licensee_name, held.licensee_country, held.licensee_registration) == (
        "Lantern Films GmbH",
        "DE",
        "HRB 1234",
    )


@pytest.mark.parametrize(
    ("terms", "asked", "starts", "ends"),
    [
        ({}, {}, later(hours=1), None),
        ({}, {"starts_at": later(days=3), "ends_at": later(days=9)}, later(days=3), later(days=9)),
        ({}, {"starts_at": NOON - timedelta(hours=20)}, NOON - timedelta(hours=20), None),
        ({"duration_days": 10}, {}, later(hours=1), later(days=10, hours=1)),
        ({"duration_days": 10}, {"ends_at": later(days=5)}, later(hours=1), later(days=5)),
        ({"starts": "2026-12-01"}, {}, later(days=8, hours=12), None),
        ({"ends": "2026-11-30"}, {}, later(hours=1), later(days=8, hours=12)),
        ({"ends": "2026-11-23", "duration_days": 10}, {}, later(hours=1), later(days=1, hours=12)),
    ],
)
def test_a_license_holds_as_long_as_terms_and_order_say(
    market: Market, terms: dict[str, Any], asked: dict[str, Any], starts: Any, ends: Any
) -> None:
    offer = offered(market, terms=terms)
    assert licensing.check_grant(offer=offer, studio=market.cast.studio, now=later(hours=1), **asked) == (starts, ends)

    held = granted(market, offer, **asked)

    assert (held.starts_at, held.ends_at) == (starts, ends)


@pytest.mark.parametrize(
    ("terms", "asked", "reason"),
    [
        ({}, {"starts_at": NOON - timedelta(days=2)}, "would begin before it is ordered: let it begin today or later"),
        ({}, {"ends_at": NOON}, "would end before it begins"),
        ({"starts": "2026-12-01"}, {"starts_at": later(days=1)}, "These terms begin on 2026-12-01"),
        ({"ends": "2026-11-21"}, {}, "These terms ended on 2026-11-21: choose another offer"),
        ({"seats": 3}, {"seats": 4}, "“own” has at most 3 seats, and you ask for 4"),
        ({}, {"seats": -1}, "“own” has at most 30 seats"),
    ],
)
def test_what_cannot_hold_is_refused_before_anything_is_written(
    market: Market, terms: dict[str, Any], asked: dict[str, Any], reason: str
) -> None:
    offer = offered(market, terms=terms)
    before = Entry.objects.count()

    with pytest.raises(licensing.UnableToGrant, match=reason):
        licensing.check_grant(offer=offer, studio=market.cast.studio, now=later(hours=1), **asked)
    with pytest.raises(licensing.UnableToGrant, match=reason):
        granted(market, offer, **asked)

    assert not Grant.objects.exists()
    assert Entry.objects.count() == before


def test_who_paid_in_time_is_licensed_though_the_terms_ended_meanwhile(market: Market) -> None:
    offer = offered(market, terms={"ends": "2026-11-22"})

    held = granted(market, offer, ordered_at=later(hours=1), now=later(days=2))

    assert (held.starts_at, held.ends_at) == (later(hours=1), later(hours=12))


@pytest.mark.parametrize(("day", "state"), [(1, "upcoming"), (3, "active"), (5, "expired")])
def test_lists_tell_and_find_the_state_of_a_day(market: Market, day: int, state: str) -> None:
    held = granted(market, market.offer(), starts_at=later(days=2), ends_at=later(days=4))
    now = later(days=day)

    assert queries.state_of(held, now) == state
    for wanted in queries.STATES:
        found, _after = queries.grants_of([market.cast.studio], state=wanted, now=now)
        assert [(one, one.state) for one in found] == ([(held, state)] if wanted == state else [])  # type: ignore[attr-defined]
    assert queries.grants_of([market.cast.studio], ending_before=later(days=4), now=now)[0] == []
    assert queries.grants_of([market.cast.studio], ending_before=later(days=5), now=now)[0] == [held]
    licensing.set_status(grant=held, status="revoked", reason="lost", now=now)
    assert queries.state_of(held, now) == "revoked"


def report(grant: Grant, key: str = "november", quantity: int = 120, **more: Any) -> UsageReport:
    return licensing.report_use(
        **{
            "grant": grant,
            "key": key,
            "quantity": quantity,
            "from_day": date(2026, 11, 22),
            "until_day": date(2026, 11, 30),
            "by": "carol@example.com",
            "now": later(days=10),
        }
        | more
    )


def test_use_is_reported_once_a_key(market: Market) -> None:
    held = granted(market, offered(market, 5, model="metered", unit="render"))
    first = report(held)

    assert report(held) == first
    with pytest.raises(licensing.UnableToReportUse, match="The key “november” already stands for another report"):
        report(held, quantity=121)
    second = report(held, key="more", quantity=3)
    assert usage_of(held) == sorted([first, second], key=lambda one: (one.reported_at, one.pk))
    assert (first.quantity, first.reported_by, first.reported_at) == (120, "carol@example.com", later(days=10))


def test_revenue_of_the_same_days_is_reported_once(market: Market) -> None:
    held = granted(market, offered(market, 0, model="revenue-share", share_ppb=50_000_000))
    report(held)

    with pytest.raises(licensing.UnableToReportUse, match="Some of these days are reported already"):
        report(held, key="again", from_day=date(2026, 11, 30))
    report(held, key="december", from_day=date(2026, 12, 1), until_day=date(2026, 12, 1))
    assert UsageReport.objects.count() == 2


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"quantity": -1}, "must be between 0 and 9007199254740991"),
        ({"until_day": date(2026, 11, 21)}, "is before its first"),
        ({"until_day": date(2026, 12, 3)}, "may not be after today"),
        ({"from_day": date(2026, 11, 21)}, "The license holds from"),
        ({"key": ""}, "needs a key of 1 to 200 characters"),
    ],
)
def test_reports_that_cannot_be_are_refused(market: Market, more: dict[str, Any], reason: str) -> None:
    held = granted(market, offered(market, 5, model="metered", unit="render"))
    plain = granted(market, market.offer(), source="order-line:2")

    with pytest.raises(licensing.UnableToReportUse, match=reason):
        report(held, **more)
    with pytest.raises(licensing.UnableToReportUse, match="not priced by its use"):
        report(plain)
    assert not UsageReport.objects.exists()
