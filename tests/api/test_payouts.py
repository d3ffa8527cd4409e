"""Payouts by the API: Alice's program reads hers and when the next comes, and nobody else's key opens them."""

from datetime import timedelta

import pytest

from marketplace.payouts.claims.tables import PayoutWay
from marketplace.payouts.models import Payout
from marketplace.payouts.operations import (
    allocate_royalties,
    ensure_split,
    hold_payouts,
    record_sale,
    release_holds,
    settle,
)
from marketplace.payouts.rules import WHOLE_PPB, Money
from tests.api.payouts_told import chooser_of, settled
from tests.api.statements_told import earned, program_of
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import NOON, later

SITE = "http://testserver/api/v1/payouts"


@pytest.fixture
def alice(market: Market) -> Studio:
    return earned(market)


def test_alices_program_reads_what_she_was_paid(market: Market, alice: Studio) -> None:
    payout = settled(market)
    row = {
        "id": str(payout.pk),
        "amount_minor": 1082,
        "currency": "USD",
        "way": "recorded",
        "state": "paid",
        "state_at": "2026-12-07T12:00:00Z",
        "reserved_at": "2026-12-07T12:00:00Z",
        "reference": payout.outcomes.latest("pk").reference,
        "came_back_minor": 0,
        "arrives_on": None,
        "held_for": [],
        "url": f"{SITE}/{payout.pk}",
    }
    assert alice.get("/payouts").json() == {"data": [row], "next": None}
    assert alice.get(f"/payouts/{payout.pk}").json() == row | {"steps": []}
    assert alice.get("/payouts?currency=EUR").json() == {"data": [], "next": None}

    bob, mo = program_of(market.cast.bob), program_of(market.cast.mo)
    assert [one["amount_minor"] for one in bob.get("/payouts").json()["data"]] == [541]
    assert bob.get(f"/payouts/{payout.pk}").status_code == 404
    assert mo.get("/payouts").json() == {"data": [], "next": None}
    assert ANYBODY.get("/payouts").status_code == 401


def test_it_says_when_the_next_one_comes_and_why_not_earlier(market: Market, alice: Studio) -> None:
    [row] = alice.get("/payouts/next").json()["data"]
    assert (row["currency"], row["available_minor"], row["is_enough"], row["schedule"]) == ("USD", 0, False, "daily")
    assert row["waiting"] == [
        {"amount_minor": 1082, "why": "hold-period", "until": "2026-12-06T00:00:00Z", "reason": ""}
    ]
    assert (row["way"], row["ways"][0]) == ("recorded", "recorded")
    assert (row["hold_days"], row["held_for"]) == (14, [])
    assert row["next_at"] is not None

    release_holds(now=later(days=15))
    said = {"by": "carol@example.org", "now": later(days=15), "creator": market.cast.alice, "currency": "USD"}
    hold_payouts(key="hold:1", reason="we wait for your address", **said)
    [row] = alice.get("/payouts/next").json()["data"]
    assert (row["available_minor"], row["waiting"]) == (1082, [])
    assert row["held_for"] == ["we wait for your address"]
    settle(now=later(days=15))
    assert alice.get("/payouts").json()["data"] == []


def test_a_key_for_payouts_chooses_how_its_creator_is_paid_and_no_other_does(market: Market, alice: Studio) -> None:
    chooser = chooser_of(market.cast.alice)
    assert chooser.get("/payouts/next").json() == alice.get("/payouts/next").json()
    for who, way, status in [(alice, "recorded", 401), (ANYBODY, "recorded", 401), (chooser, "gold", 409)]:
        assert who.send("PUT", "/payouts/ways/USD", {"way": way}).status_code == status
    assert chooser.send("PUT", "/payouts/ways/XXX", {"way": "recorded"}).json()["code"] == "unable-to-choose-way"
    assert not PayoutWay.objects.exists()

    for _again in range(2):
        answer = chooser.send("PUT", "/payouts/ways/USD", {"way": "recorded"})
        assert (answer.status_code, answer.json()["way"]) == (200, "recorded")
    assert list(PayoutWay.objects.values_list("creator__handle", "rail", "on_chain")) == [("alice", "recorded", False)]


def test_pages_go_through_all_of_them(market: Market, alice: Studio) -> None:
    split = ensure_split(own={market.cast.alice: WHOLE_PPB}, parents=[], now=NOON)
    for day in range(5):
        now = NOON + timedelta(days=day)
        gross = Money(100 + day, "EUR")
        record_sale(source=f"sale:{day}", split=split, gross=gross, tax_minor=0, fee_minor=0, now=now)
        allocate_royalties(now=now)
        release_holds(now=now + timedelta(days=14))
        settle(now=now + timedelta(days=14), currency="EUR")
    assert Payout.objects.filter(currency="EUR").count() == 5

    seen, cursor = [], ""
    while cursor is not None:
        answer = alice.get(f"/payouts?limit=2&currency=EUR&cursor={cursor}").json()
        seen += [row["amount_minor"] for row in answer["data"]]
        cursor = answer["next"]
    assert seen == [104, 103, 102, 101, 100]
