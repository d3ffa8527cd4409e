"""Olga sees whose money waits and why, holds and releases it, decides checks and sets policies; Dave does not."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplace.payouts.checks.asking import require_checks
from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.payouts.models import RecordedTransfer
from marketplace.payouts.operations import (
    allocate_royalties,
    assess_risk,
    ensure_split,
    record_sale,
    release_holds,
    set_risk_level,
    settle,
)
from marketplace.payouts.policies import PayoutHold, PayoutHoldEnd, PayoutPolicy
from marketplace.payouts.risk_rules import Kept
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.people import operations as people
from tests.payouts.cast import NOON, add_creator

LIST = "/desk/payouts"
MOST_QUERIES = 60


@pytest.fixture
def olga(db):
    person = people.sign_up(email="olga@example.org", password="ink on paper", display_name="Olga", now=NOON)
    people.name_operator(person=person, now=NOON)
    return person


@pytest.fixture
def desk(client, olga):
    client.force_login(olga)
    return client


@pytest.fixture
def alice(settings, db):
    settings.PAYOUT_SCHEDULE = "always"
    return add_creator("alice", 1)


def earn(creator, source, gross=12_00, currency="USD", at=None):
    """Sells for the creator, who has it available now."""
    at = at or timezone.now()
    split = ensure_split(own={creator: WHOLE_PPB}, parents=[], now=NOON)
    record_sale(source=source, split=split, gross=Money(gross, currency), tax_minor=0, fee_minor=0, now=at)
    allocate_royalties(now=at - timedelta(days=14))
    release_holds(now=at)


def page(answer, status=200):
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def sent():
    return list(RecordedTransfer.objects.values_list("amount_minor", flat=True))


def test_who_waits_stands_there_with_the_reason(desk, alice, settings):
    assert "Nobody waits" in page(desk.get(LIST))
    earn(alice, "line:1")
    earn(add_creator("bob", 2), "line:2")
    assert "Nobody waits" in page(desk.get(LIST))
    settings.CHECK_SANCTIONS = True
    require_checks(now=timezone.now())
    CreatorCheck.objects.create(
        creator=alice, kind="identity", state="failed", reason="a forged passport", by="olga", at=NOON
    )
    text = page(desk.get(LIST))
    assert "identity is not confirmed · lists of sanctions are to be looked at" in text
    assert text.index(">Alice<") < text.index(">Bob<")
    assert ">Bob<" not in page(desk.get(LIST, {"q": "ALI"}))
    assert "Nothing is known by that" in page(desk.get(LIST, {"q": "nobody"}))


def test_she_holds_and_releases_and_it_is_paid(desk, alice):
    earn(alice, "line:1")
    at = reverse("desk-payouts-of", args=["alice"])
    assert "Nobody holds payouts to this creator." in page(desk.get(at))
    given = {"hold-key": "desk:1", "hold-currency": "", "hold-reason": "we wait for your address"}
    for _twice in range(2):
        text = page(desk.post(f"{at}/hold", given, follow=True))
        assert "No payout is made to you for now: we wait for your address." in text
    hold = PayoutHold.objects.get()
    assert (hold.key, hold.currency, hold.held_by) == ("desk:1", "", "olga@example.org")
    settle(now=timezone.now())
    assert sent() == []
    assert "we wait for your address" in page(desk.get(LIST))

    text = page(desk.post(f"{at}/release", {"key": "desk:1"}, follow=True))
    assert "what waited is paid with the next settlement" in text
    assert "That hold has ended already." in page(desk.post(f"{at}/release", {"key": "desk:1"}, follow=True))
    assert PayoutHoldEnd.objects.count() == 1
    settle(now=timezone.now())
    assert sent() == [1200]
    assert "$12.00" in page(desk.get(at))


def test_a_hold_of_another_is_not_released_here(desk, alice):
    earn(alice, "line:1")
    bob = add_creator("bob", 2)
    given = {"hold-key": "desk:2", "hold-currency": "USD", "hold-reason": "x"}
    desk.post(reverse("desk-payouts-hold", args=[bob.handle]), given)
    desk.post(reverse("desk-payouts-release", args=["alice"]), {"key": "desk:2"})
    assert PayoutHoldEnd.objects.count() == 0


def test_she_decides_a_check(desk, alice, settings):
    settings.CHECK_IDENTITY_ABOVE_MINOR = 0
    earn(alice, "line:1")
    require_checks(now=timezone.now())
    at = reverse("desk-payouts-check", args=["alice", "identity"])
    text = page(desk.post(at, {"identity-reason": "", "failed": "yes"}), 422)
    assert "say why it is failed: the creator reads it" in text
    assert CreatorCheck.objects.count() == 1
    assert desk.post(reverse("desk-payouts-check", args=["alice", "age"]), {}).status_code == 404

    given = {"identity-reason": "", "identity-reference": "safe 7", "passed": "yes"}
    text = page(desk.post(at, given, follow=True))
    assert "The check is decided." in text
    assert "safe 7" in text
    made = CreatorCheck.objects.latest("pk")
    assert (made.state, made.by, made.reference) == ("passed", "olga@example.org", "safe 7")
    settle(now=timezone.now())
    assert sent() == [1200]


def test_she_sets_a_policy(desk, alice):
    earn(alice, "line:1")
    at = reverse("desk-payouts-policy", args=["alice", "USD"])
    names = ("threshold", "schedule", "reserve_ppb", "reserve_days", "reason")
    given = dict(zip((f"policy-USD-{name}" for name in names), ("50.00", "monthly:1", 10**8, 0, "new"), strict=True))
    given["policy-USD-currency"] = "USD"
    assert "a reserve is up to the whole" in page(desk.post(at, given), 422)
    assert PayoutPolicy.objects.count() == 0
    desk.post(at, {**given, "policy-USD-reserve_days": 30})
    made = PayoutPolicy.objects.get()
    assert (made.creator, made.currency, made.threshold_minor, made.schedule, made.day) == (
        alice,
        "USD",
        5000,
        "monthly",
        1,
    )
    assert (made.reserve_ppb, made.reserve_days, made.set_by) == (10**8, 30, "olga@example.org")
    assert desk.post(reverse("desk-payouts-policy", args=["alice", "EUR"]), given).status_code == 404


def test_she_sees_the_level_with_its_numbers_and_alice_its_days(desk, alice, client):
    set_risk_level(
        level=2,
        days_selling_below=3650,
        days_here_below=None,
        disputed_ppb_from=None,
        refunded_ppb_from=None,
        window_days=3650,
        least_sales=1,
        kept=Kept(30, 10**8, 60),
        reason="you are new here",
        by="olga@example.org",
        now=NOON,
    )
    earn(alice, "line:1")
    assess_risk(now=timezone.now())
    text = page(desk.get(LIST))
    assert "level 2" in text
    assert "first sale less than 3650 days ago" in text
    assert "held for 30 days, then 10% for 60 days more" in text
    text = page(desk.get(reverse("desk-payouts-of", args=["alice"])))
    assert "Risk: level 2" in text
    assert "$0.00 · 0%" in text

    hers = Client()
    hers.force_login(alice.person)
    text = page(hers.get("/portal/payouts"))
    assert "What you earn is held for 30 days: you are new here." in text
    assert "10% of what becomes available is kept in reserve for 60 days more." in text
    assert "$10.80 was put in reserve until" in text
    assert "$1.20 was put in reserve until" in text


def test_what_is_many_goes_on_at_the_next_page(desk, alice, monkeypatch):
    monkeypatch.setattr("marketplace.portal.views.creator_payouts.SHOWN", 1)
    earn(alice, "line:1")
    earn(alice, "line:2", currency="EUR")
    text = page(desk.get(LIST, {"all": ""}))
    assert "€12.00" in text
    assert "after=alice.EUR" in text
    text = page(desk.get(LIST, {"all": "", "after": "alice.EUR"}))
    assert "$12.00" in text
    assert "after=alice.USD" not in text


def test_a_page_asks_little(desk, alice, django_assert_max_num_queries):
    for number in range(5):
        earn(alice, f"line:{number}")
        settle(now=timezone.now())
    with django_assert_max_num_queries(MOST_QUERIES):
        desk.get(reverse("desk-payouts-of", args=["alice"]))
    with django_assert_max_num_queries(15):
        desk.get(LIST, {"all": ""})


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("desk-payouts", []),
        ("desk-payouts-of", ["alice"]),
        ("desk-payouts-hold", ["alice"]),
        ("desk-payouts-release", ["alice"]),
        ("desk-payouts-check", ["alice", "identity"]),
        ("desk-payouts-policy", ["alice", "USD"]),
    ],
)
def test_dave_finds_no_desk(client, alice, name, args):
    dave = people.sign_up(email="dave@example.org", password="ink on paper", display_name="Dave", now=NOON)
    client.force_login(dave)
    at = reverse(name, args=args)
    assert {client.get(at).status_code, client.post(at, {}).status_code} <= {404, 405}
    assert (PayoutHold.objects.count(), CreatorCheck.objects.count(), PayoutPolicy.objects.count()) == (0, 0, 0)
