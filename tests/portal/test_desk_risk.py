"""Olga sets levels of risk at the desk, raises and lowers them with a reason, and sees who is at one; Dave does not."""

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, InternalError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import translation

from marketplace.payouts.bookkeeping.risking import UnableToSayRisk, newest_assessments, say_risk
from marketplace.payouts.risk import RiskAssessment, RiskLevel, RiskSaid
from marketplace.people import operations as people
from marketplace.portal.words_risk import numbers_of
from tests.payouts.cast import NOON, add_creator
from tests.portal.test_desk_payouts import earn, page

RISK = "/desk/risk"
NEW = {
    "level-level": "2",
    "level-days_selling_below": "3650",
    "level-window_days": "3650",
    "level-least_sales": "1",
    "level-hold_days": "30",
    "level-reserve_ppb": "10",
    "level-reserve_days": "60",
    "level-reason": "you are new here",
}


@pytest.fixture
def desk(client, db):
    olga = people.sign_up(email="olga@example.org", password="ink on paper", display_name="Olga", now=NOON)
    people.name_operator(person=olga, now=NOON)
    client.force_login(olga)
    return client


def test_she_sets_a_level_raises_it_and_ends_it(desk):
    earn(add_creator("alice", 1), "line:1")
    assert "No level is set" in page(desk.get(RISK))
    assert "Level 2 is like that from now on." in page(desk.post(f"{RISK}/level", NEW, follow=True))
    made = RiskLevel.objects.get()
    assert (made.level, made.days_selling_below, made.days_here_below, made.disputed_ppb_from) == (2, 3650, None, None)
    assert (made.hold_days, made.reserve_ppb, made.reserve_days, made.set_by) == (30, 10**8, 60, "olga@example.org")

    text = page(desk.post(f"{RISK}/now", follow=True))
    assert "1 level has changed." in text
    assert "held for 30 days, then 10% for 60 days more" in text
    assert "you are new here" in text
    assert "Nobody is at a level" not in text

    text = page(desk.get(RISK, {"level": "2"}))
    assert 'value="you are new here"' in text
    desk.post(f"{RISK}/level", NEW)  # the same again
    desk.post(f"{RISK}/level", NEW | {"level-hold_days": "45", "level-reason": "many refunds near you"})
    desk.post(f"{RISK}/now")
    stands = RiskAssessment.objects.latest("pk")
    assert (stands.level, stands.hold_days, stands.reason) == (2, 45, "many refunds near you")

    desk.post(f"{RISK}/level", NEW | {"level-days_selling_below": "", "level-reason": "not needed any more"})
    text = page(desk.post(f"{RISK}/now", follow=True))
    assert "No level is set" in text
    assert "Nobody is at a level" in text
    assert "All that was ever set" in text
    assert RiskAssessment.objects.latest("pk").level == 0
    assert [one.hold_days for one in RiskLevel.objects.order_by("pk")] == [30, 45, 30]


def test_she_raises_one_creator_and_lowers_her_again(desk):
    alice, bob = add_creator("alice", 1), add_creator("bob", 2)
    earn(alice, "line:1")
    earn(bob, "line:2")
    desk.post(f"{RISK}/level", NEW)
    desk.post(f"{RISK}/level", NEW | {"level-level": "4", "level-days_selling_below": "1", "level-hold_days": "60"})
    desk.post(f"{RISK}/now")
    at = reverse("desk-payouts-risk", args=["alice"])
    page_at = reverse("desk-payouts-of", args=["alice"])
    assert "The conditions of the levels decide" in page(desk.get(page_at))

    given = {"risk-level": "4", "risk-reason": "we look into a stolen work"}
    text = page(desk.post(at, given, follow=True))
    assert "An operator put this creator at level 4: we look into a stolen work" in text
    assert "Risk: level 4" in text
    assert "held for 60 days, then 10% for 60 days more" in text
    hers = newest_assessments("USD")
    assert (hers[alice.pk].level, hers[alice.pk].reason) == (4, "we look into a stolen work")
    assert (hers[bob.pk].level, hers[bob.pk].reason) == (2, "you are new here")
    desk.post(at, given)  # the same again
    desk.post(f"{RISK}/now")

    text = page(desk.post(at, {"risk-level": "0", "risk-reason": "known for years"}, follow=True))
    assert "An operator put this creator at no level: known for years" in text
    assert "Risk: none" in text
    assert newest_assessments("USD")[alice.pk].level == 0
    desk.post(at, {"risk-level": "", "risk-reason": "the question is settled"})
    assert newest_assessments("USD")[alice.pk].level == 2
    assert [one.level for one in RiskSaid.objects.order_by("pk")] == [4, 0, None]
    assert RiskSaid.objects.first().said_by == "olga@example.org"
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
        RiskSaid.objects.update(level=0)


def test_a_level_that_is_not_set_is_nobodys(desk):
    alice = add_creator("alice", 1)
    earn(alice, "line:1")
    at = reverse("desk-payouts-risk", args=["alice"])
    assert "Select a valid choice" in page(desk.post(at, {"risk-level": "3", "risk-reason": "x"}), 422)
    assert "This field is required" in page(desk.post(at, {"risk-level": "0", "risk-reason": ""}), 422)
    with pytest.raises(UnableToSayRisk, match="level 3 is not set"):
        say_risk(creator=alice, level=3, reason="x", by="olga", now=NOON)
    for words, wrong in ((("alice", "3"), "level 3 is not set"), (("alice", "x"), "is no level")):
        with pytest.raises(CommandError, match=wrong):
            call_command("risk_level", "say", *words, "--reason", "x")
    assert RiskSaid.objects.count() == 0
    call_command("risk_level", "say", "alice", "0", "--reason", "known for years", "--by", "olga")
    assert (RiskSaid.objects.get().level, RiskSaid.objects.get().said_by) == (0, "olga")


def test_what_cannot_be_a_level_is_said_and_not_written(desk):
    for wrong, said in (
        ({"level-level": "10"}, "Select a valid choice"),
        ({"level-reserve_days": "0"}, "a reserve is up to the whole"),
        ({"level-reason": ""}, "This field is required"),
        ({"level-disputed_ppb_from": "x"}, "Write a percentage with at most 7 decimals"),
        ({"level-refunded_ppb_from": "0"}, "a share is above zero"),
        ({"level-hold_days": "-1"}, "greater than or equal to 0"),
    ):
        assert said in page(desk.post(f"{RISK}/level", NEW | wrong), 422)
    assert RiskLevel.objects.count() == 0
    assert "selected" in page(desk.get(RISK, {"level": "7"}))
    page(desk.get(RISK, {"level": "x"}))


def test_dave_neither_sets_nor_looks(desk):
    dave = add_creator("dave", 9)
    other = Client()
    other.force_login(dave.person)
    assert other.post(f"{RISK}/level", NEW).status_code == 404
    assert other.post(f"{RISK}/now").status_code == 404
    assert other.get(RISK).status_code == 404
    given = {"risk-level": "0", "risk-reason": "I am fine"}
    assert other.post(reverse("desk-payouts-risk", args=["dave"]), given).status_code == 404
    assert (RiskLevel.objects.count(), RiskAssessment.objects.count(), RiskSaid.objects.count()) == (0, 0, 0)


def test_shares_are_shown_to_a_hundredth_of_a_percent_rounded_down():
    numbers = {"days_selling": 1, "days_here": 1, "window_days": 90, "sales": 3, "earned_minor": 9_99}
    one = RiskAssessment(currency="USD", disputed_minor=6_66, refunded_minor=0, **numbers)
    with translation.override("en"):
        said = dict(numbers_of(one))
    assert (said["Of it disputed"], said["Of it refunded"]) == ("$6.66 · 66.66%", "$0.00 · 0%")
