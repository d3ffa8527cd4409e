"""The operator's desk: what stands in the books and how long, for those who run the house and nobody else."""

from datetime import timedelta

import pytest
from django.urls import reverse

from marketplace.payouts import aging_queries
from marketplace.payouts.aging_queries import AgeSum
from marketplace.payouts.operations import (
    allocate_royalties,
    ensure_split,
    freeze,
    open_dispute,
    record_sale,
    release_holds,
    settle,
)
from marketplace.payouts.policies import BooksCheck
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.people import operations as people
from tests.payouts.cast import NOON, add_creator

DAY = timedelta(days=1)


@pytest.fixture
def olga(db):
    """Runs the house."""
    person = people.sign_up(email="olga@example.org", password="ink on paper", display_name="Olga", now=NOON)
    people.name_operator(person=person, now=NOON)
    return person


@pytest.fixture
def desk(client, olga):
    client.force_login(olga)
    return client


@pytest.fixture
def alices(db):
    return ensure_split(own={add_creator("alice", 1): WHOLE_PPB}, parents=[], now=NOON)


def sell(split, source, gross, at=NOON, subject="", currency="USD"):
    return record_sale(
        source=source,
        split=split,
        gross=Money(gross, currency),
        tax_minor=0,
        fee_minor=gross // 10,
        subject=subject,
        now=at,
    )


def test_who_does_not_run_the_house_finds_no_desk(client, olga):
    dave = people.sign_up(email="dave@example.org", password="ink on paper", display_name="Dave", now=NOON)
    client.force_login(dave)
    for name in ("desk-books", "desk-trial-csv", "desk-aging-csv"):
        assert client.get(reverse(name)).status_code == 404
    assert client.get(reverse("desk-aging"), {"what": "disputed"}).status_code == 404
    client.logout()
    assert client.get(reverse("desk-books")).status_code == 302, "whoever is not signed in may sign in"


def test_before_the_first_sale_the_desk_says_what_will_be_there(desk):
    page = desk.get(reverse("desk-books")).content.decode()
    assert "The first sale opens the books." in page
    assert "The books were not proven yet" in page
    assert aging_queries.aging(now=NOON) == []


def test_the_trial_balance_has_equal_sides_and_goes_into_a_sheet(desk, alices):
    sell(alices, "order-line:1", 12_00)
    sell(alices, "order-line:2", 1_000, currency="JPY")
    allocate_royalties(now=NOON)
    page = desk.get(reverse("desk-books")).content.decode()
    assert page.count("$12.00") == 3, "the clearing account, and both sums"
    assert "$10.80" in page
    sheet = b"".join(desk.get(reverse("desk-trial-csv")).streaming_content).decode()
    assert sheet.splitlines() == [
        "currency,account,debit,credit",
        "JPY,creator_pending,,900",
        "JPY,platform_fee,,100",
        "JPY,psp_clearing,1000,",
        "USD,creator_pending,,10.80",
        "USD,platform_fee,,1.20",
        "USD,psp_clearing,12.00,",
    ]


def test_what_stands_is_summed_by_age(desk, alices):
    sell(alices, "order-line:1", 10_00, at=NOON - 100 * DAY)
    sell(alices, "order-line:2", 20_00, at=NOON - 61 * DAY)
    sell(alices, "order-line:3", 40_00, at=NOON - 30 * DAY)
    sell(alices, "order-line:4", 80_00, at=NOON)
    assert aging_queries.aging(now=NOON) == [
        AgeSum("waiting", "USD", 4, (72_00, 36_00, 18_00, 9_00), 135_00),
    ]
    rows = aging_queries.aged(what="waiting")
    assert [(row.name, row.amount_minor) for row in rows] == [
        ("order-line:1", 9_00),
        ("order-line:2", 18_00),
        ("order-line:3", 36_00),
        ("order-line:4", 72_00),
    ]
    page = desk.get(reverse("desk-aging"), {"what": "waiting"}).content.decode()
    assert page.index("order-line:1") < page.index("order-line:4")
    assert desk.get(reverse("desk-aging"), {"what": "gold"}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_debt_is_as_old_as_what_is_still_owed_of_it(settings):
    """Two paid sales are disputed weeks apart; what comes in later meets the older debt first."""
    settings.PAYOUT_HOLD_DAYS = 0
    split = ensure_split(own={add_creator("alice", 1): WHOLE_PPB}, parents=[], now=NOON)
    then = NOON - 90 * DAY
    sell(split, "order-line:1", 10_00, at=then)
    sell(split, "order-line:2", 20_00, at=then)
    allocate_royalties(now=then)
    release_holds(now=then)
    settle(now=then)
    open_dispute(source="order-line:1", now=NOON - 70 * DAY)
    open_dispute(source="order-line:2", now=NOON - 5 * DAY)
    assert aging_queries.aging(now=NOON) == [
        AgeSum("owed-back", "USD", 2, (18_00, 0, 9_00, 0), 27_00),
        AgeSum("disputed", "USD", 2, (20_00, 0, 10_00, 0), 30_00),
    ]
    sell(split, "order-line:3", 11_00, at=NOON)
    allocate_royalties(now=NOON)
    release_holds(now=NOON)
    assert aging_queries.aging(now=NOON)[0] == AgeSum("owed-back", "USD", 1, (17_10, 0, 0, 0), 17_10), "9.00 then 0.90"


def test_what_a_claim_froze_is_told_with_its_creator_and_reason(desk, alices):
    sell(alices, "order-line:1", 10_00, subject="release:a")
    allocate_royalties(now=NOON)
    freeze(subject="release:a", reason="claim:1", now=NOON)
    rows = aging_queries.aged(what="frozen")
    assert [(row.who, row.name, row.since, row.amount_minor) for row in rows] == [("alice", "claim:1", NOON, 9_00)]
    sheet = b"".join(desk.get(reverse("desk-aging-csv")).streaming_content).decode().splitlines()
    assert sheet == [
        "what,currency,creator,name,since,until,amount",
        "frozen,USD,alice,claim:1,2026-11-22T12:00:00Z,,9.00",
    ]


def test_the_newest_proof_is_told_and_a_problem_is_an_alarm(desk):
    BooksCheck.objects.create(ran_at=NOON, took_ms=12, postings=7, problems=[])
    assert "Proven over 7 postings." in desk.get(reverse("desk-books")).content.decode()
    BooksCheck.objects.create(ran_at=NOON + DAY, took_ms=12, postings=7, problems=["Transaction <b> is off."])
    page = desk.get(reverse("desk-books")).content.decode()
    assert "The books are not right: payouts are stopped" in page
    assert "Transaction &lt;b&gt; is off." in page
    assert 'role="alert"' in page
