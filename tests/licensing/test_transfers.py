"""Licenses that follow others: renewed, upgraded, passed on; and what the log's law says to that."""

from dataclasses import replace
from typing import Any

import pytest

import ledger.operations
import ledger.queries
from ledger.models import Entry
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries
from marketplace.licensing.bundles import NotDownloadable, prepare
from marketplace.licensing.holding_queries import chain_of
from marketplace.licensing.holdings import Exclusivity
from marketplace.licensing.models import Grant, GrantStatus, Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.api.studios import Market
from tests.cast import NOON, later

YEAR = replace(READY["studio"], name="a year", duration_days=365)
FREELY = replace(READY["studio"], name="transferable", transferable=True)


def offered(market: Market, terms: Any, release: Any = None) -> Offer:
    return licensing.offer(release=release or market.world, terms=terms, price=Money(5_000, "USD"), now=NOON)


def granted(market: Market, offer: Offer, source: str = "order-line:1", **more: Any) -> Grant:
    return licensing.grant(
        **{"offer": offer, "studio": market.cast.studio, "source": source, "now": later(hours=1)} | more
    )


def pass_on(market: Market, grant: Grant, **more: Any) -> Grant:
    return licensing.transfer(
        **{"grant": grant, "to": market.cast.daves_studio, "by": market.cast.carol, "now": later(days=1)} | more
    )


def test_a_renewal_begins_where_the_former_ends_and_lets_it_run(market: Market) -> None:
    first = granted(market, offered(market, YEAR))
    second = granted(market, first.offer, "order-line:2", kind="renewal", replaces=first, now=later(days=300))
    third = granted(market, first.offer, "order-line:3", kind="renewal", replaces=second, now=later(days=735))

    assert (second.starts_at, second.ends_at) == (first.ends_at, later(days=730, hours=1))
    # Five days late: what was renewed after its end begins when it is renewed.
    assert (third.starts_at, third.ends_at) == (later(days=735), later(days=1100))
    assert [queries.state_of(one, later(days=301)) for one in (first, second)] == ["active", "upcoming"]
    assert [queries.state_of(one, later(days=366)) for one in (first, second)] == ["expired", "active"]
    assert chain_of(second) == [first, second, third]
    assert not GrantStatus.objects.exists()


def test_a_worker_that_was_late_renews_without_a_gap(market: Market) -> None:
    first = granted(market, offered(market, YEAR))
    ordered, late = later(days=366), later(days=370)

    second = granted(
        market,
        first.offer,
        "l:2",
        kind="renewal",
        replaces=first,
        starts_at=first.ends_at,
        ordered_at=ordered,
        now=late,
    )

    assert (second.starts_at, second.granted_at) == (first.ends_at, late)
    for begins in (later(days=364), first.ends_at):
        with pytest.raises(licensing.UnableToGrant, match="would begin before it is ordered"):
            granted(market, first.offer, "l:3", kind="renewal", replaces=first, starts_at=begins, now=late)


def test_an_upgrade_takes_the_place_at_once(market: Market) -> None:
    first = granted(market, market.offer())
    offer = offered(market, replace(READY["enterprise"], name="big"))
    second = granted(market, offer, "l:2", kind="upgrade", replaces=first, price_minor=3_000, now=later(days=1))

    assert (second.starts_at, second.ends_at, second.price_minor, second.currency) == (
        later(days=1),
        None,
        3_000,
        "USD",
    )
    status = GrantStatus.objects.get()
    assert (status.grant, status.status, status.since) == (first, "superseded", later(days=1))
    assert Entry.objects.get(type="grant-status").statement == {"grant": str(first.pk), "status": "superseded"}
    revoked = queries.listed(purpose="revocation", number=0).bits
    assert (first.status_index in revoked, second.status_index in revoked) == (True, False)
    with pytest.raises(licensing.UnableToGrant, match="was replaced by another, which is for good"):
        licensing.set_status(grant=first, status="active", reason="", now=later(days=2))
    with pytest.raises(NotDownloadable, match=f"was replaced by {second.pk}: download that one"):
        prepare(first, site="", now=later(days=2))


def test_what_was_revoked_while_its_upgrade_was_paid_stays_revoked(market: Market) -> None:
    first = granted(market, market.offer())
    licensing.set_status(grant=first, status="revoked", reason="lost", now=later(hours=3))
    offer = offered(market, replace(READY["enterprise"], name="big"))

    second = granted(
        market, offer, "l:2", kind="upgrade", replaces=first, ordered_at=later(hours=2), now=later(hours=4)
    )

    assert [queries.status_of(one) for one in (first, second)] == ["revoked", "active"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"kind": "renewal"}, "follows another that it names"),
        ({"kind": "new", "replaces": True}, "follows another that it names"),
        ({"kind": "renewal", "replaces": True}, "does not end, so there is nothing to renew"),
        ({"kind": "upgrade", "replaces": True, "studio": True}, "is not this studio's"),
        ({"kind": "upgrade", "replaces": True, "derived": True}, "is of another pack"),
    ],
)
def test_what_cannot_follow_is_refused(market: Market, more: dict[str, Any], reason: str) -> None:
    first = granted(market, market.offer())
    before = (Grant.objects.count(), Entry.objects.count())
    asked = {
        "kind": more["kind"],
        "replaces": first if more.get("replaces") else None,
        "studio": market.cast.daves_studio if more.get("studio") else market.cast.studio,
        "offer": market.offer(release=market.derived) if more.get("derived") else market.offer(),
    }

    for refuse in (licensing.check_grant, lambda **given: licensing.grant(source="l:2", **given)):
        with pytest.raises(licensing.UnableToGrant, match=reason):
            refuse(now=later(days=1), **asked)
    licensing.set_status(grant=first, status="suspended", reason="disputed", now=later(days=1))
    with pytest.raises(licensing.UnableToGrant, match="is not active, so it cannot be renewed, upgraded or passed on"):
        granted(market, market.offer(), "l:2", kind="upgrade", replaces=first)
    assert (Grant.objects.count(), Entry.objects.count() - 1) == before


def test_a_license_is_passed_on_where_its_terms_allow(market: Market) -> None:
    first = granted(market, offered(market, FREELY), seats=5, price_minor=4_000)
    licensing.assign_seat(grant=first, person=market.cast.carol, by=market.cast.carol, now=later(hours=2))

    theirs = pass_on(market, first)

    assert (theirs.studio, theirs.licensee_name, theirs.seats) == (market.cast.daves_studio, "Quill", 5)
    assert (theirs.kind, theirs.replaces, theirs.starts_at, theirs.price_minor) == (
        "transfer",
        first,
        later(days=1),
        4_000,
    )
    assert (queries.status_of(first), queries.status_of(theirs)) == ("superseded", "active")
    stated = Entry.objects.filter(type__in=["grant", "grant-status"]).order_by("id")
    assert [entry.type for entry in stated] == ["grant", "grant", "grant-status"]
    assert stated[1].statement["replaces"] == str(first.pk)
    with pytest.raises(licensing.UnableToPassOn, match="is not active"):
        pass_on(market, first)
    assert Grant.objects.count() == 2


def test_who_may_not_pass_on(market: Market) -> None:
    plain, freely = granted(market, market.offer()), granted(market, offered(market, FREELY), "l:2")

    for given, reason in (
        ({"grant": plain}, "The terms “studio” do not let a license be passed on"),
        ({"grant": freely, "by": market.cast.dave}, "Only owners and buyers of Lantern Films"),
        ({"grant": freely, "to": market.cast.studio}, "Lantern Films holds this license already"),
    ):
        with pytest.raises(licensing.UnableToPassOn, match=reason):
            pass_on(market, **given)
    assert Grant.objects.count() == 2
    assert not GrantStatus.objects.exists()


def test_exclusivity_goes_along(market: Market) -> None:
    terms = replace(READY["exclusive"], name="exclusive film", transferable=True, duration_days=30)
    first = granted(market, offered(market, terms))

    theirs = pass_on(market, first)

    rows = Exclusivity.objects.order_by("id")
    assert [(row.grant, row.ended_at) for row in rows] == [(first, later(days=1)), (theirs, None)]
    assert rows[1].during.upper == theirs.ends_at == first.ends_at == later(days=30, hours=1)
    with pytest.raises(licensing.UnableToGrantExclusively, match="taken exclusively until"):
        granted(market, market.offer(), "l:3", now=later(days=2))


def test_what_was_licensed_before_is_passed_on_beside_an_exclusivity(market: Market) -> None:
    first = granted(market, offered(market, FREELY), studio=market.cast.daves_studio)
    granted(market, offered(market, READY["exclusive"]), "l:2", now=later(hours=2))
    other = licensing.transfer(grant=first, to=_third_studio(market), by=market.cast.dave, now=later(days=1))

    assert queries.status_of(other) == "active"


def _third_studio(market: Market) -> Any:
    from marketplace.people.operations import open_studio

    return open_studio(person=market.cast.mo.person, name="Third", now=NOON)


def test_a_license_outlives_its_offer_its_listing_and_still_is_passed_on(market: Market) -> None:
    first = granted(market, offered(market, FREELY))
    licensing.withdraw_offer(offer=first.offer, now=later(hours=2))
    theirs = pass_on(market, first)
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(days=2))

    assert prepare(theirs, site="http://127.0.0.1:8000", now=later(days=2)).papers["certificate.jws"]
    assert queries.status_of(theirs) == "active"
