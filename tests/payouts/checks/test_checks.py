"""Nobody is paid before their checks are passed; what waits is not lost, and is paid at the next settlement."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from marketplace.payouts.bookkeeping.due import whom_due
from marketplace.payouts.bookkeeping.settlement import UnableToSettle
from marketplace.payouts.checks.asking import ask_checks, lift_checks, require_checks
from marketplace.payouts.checks.base import Finding
from marketplace.payouts.checks.queries import newest_check, newest_checks
from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.payouts.held import held_reasons
from marketplace.payouts.models import Payout, PayoutOutcome
from marketplace.payouts.operations import (
    UnableToDecideCheck,
    decide_check,
    release_payouts,
    settle,
    tell_tax_details,
)
from marketplace.payouts.tax_rules import TaxNumber, TaxPerson
from marketplace.payouts.when_queries import next_payouts
from tests.payouts.cast import NOON
from tests.payouts.policing import DAY, has, hold, transfers

State = CreatorCheck.State


def decide(creator, kind="sanctions", passed=True, **changes):
    said = {"reason": "", "reference": "", "by": "olga@example.org", "now": NOON}
    return decide_check(creator=creator, kind=kind, passed=passed, **{**said, **changes})


def states(creator, kind):
    """Gives how a check stood, one after the other."""
    return list(CreatorCheck.objects.filter(creator=creator, kind=kind).order_by("pk").values_list("state", flat=True))


def test_without_settings_nobody_is_checked(alice, alices, earn, noon, right):
    earn(alices, "order-line:1", noon)
    assert (require_checks(now=noon), ask_checks(now=noon)) == (0, 0)
    settle(now=noon)
    assert (transfers(), CreatorCheck.objects.count()) == ([1080], 0)


def test_the_first_payout_waits_for_the_lists(alice, bob, shared, earn, noon, sanctions, right):
    earn(shared, "order-line:1", noon)
    assert settle(now=noon).answered == 0
    assert (transfers(), Payout.objects.count()) == ([], 0)
    assert [has(one) for one in (alice, bob)] == [{"available": 756}, {"available": 324}]
    [usd] = next_payouts(alice, now=noon, currency="USD")
    assert usd.held_for == ("we have to compare your name with lists of sanctions",)
    assert ask_checks(now=noon) == 2
    assert held_reasons(alice, "USD") == ["we are comparing your name with lists of sanctions"]

    decide(alice)
    settle(now=noon)
    assert (transfers(), has(bob)) == ([756], {"available": 324})
    assert held_reasons(alice, "USD") == []
    assert newest_check(alice.pk, "sanctions").expires_at == noon + 365 * DAY
    assert ask_checks(now=noon) == 0  # what was decided is not asked, and what is pending is no news


def test_who_is_paid_more_must_be_known(alice, alices, earn, noon, identity, right):
    earn(alices, "order-line:1", noon)
    settle(now=noon)
    assert transfers() == [1080]
    earn(alices, "order-line:2", noon)  # 21.60 together
    settle(now=noon)
    assert (transfers(), states(alice, "identity")) == ([1080], ["needed"])
    assert held_reasons(alice, "USD") == ["we need to know who you are"]
    decide(alice, "identity", reference="passport 7")
    settle(now=noon)
    assert transfers() == [1080, 1080]


def test_what_came_back_was_not_paid(alice, alices, earn, noon, identity, faulty_rail):
    faulty_rail.plan = ["refuse"]
    earn(alices, "order-line:1", noon)
    settle(now=noon)
    assert PayoutOutcome.objects.get().state == "failed"
    assert require_checks(now=noon) == 0
    settle(now=noon)
    assert transfers() == [1080]


def test_currencies_are_counted_by_themselves(alice, alices, earn, noon, identity):
    earn(alices, "order-line:1", noon)
    earn(alices, "order-line:2", noon, currency="EUR")
    assert require_checks(now=noon) == 0
    earn(alices, "order-line:3", noon, currency="EUR")
    assert require_checks(now=noon, currency="USD") == 0
    assert require_checks(now=noon) == 1
    assert require_checks(now=noon) == 0


def test_a_failure_after_the_reservation_stops_what_is_not_sent(alice, alices, earn, noon, sanctions, faulty_rail):
    decide(alice)
    earn(alices, "order-line:1", noon)
    faulty_rail.plan = ["down"]
    with pytest.raises(UnableToSettle):
        settle(now=noon)
    calls = len(faulty_rail.calls)
    decide(alice, passed=False, reason="you stand on a list of the EU")

    assert settle(now=noon)[:3] == (0, 0, 1)
    assert (len(faulty_rail.calls), has(alice)) == (calls, {"on_the_way": 1080})
    assert held_reasons(alice, "USD") == ["the law may forbid us to pay you: you stand on a list of the EU"]
    decide(alice, now=noon + DAY)
    assert settle(now=noon + DAY).answered == 1
    assert (transfers(), has(alice)) == ([1080], {"paid": 1080})


def test_a_hold_and_a_check_both_hold(alice, alices, earn, noon, sanctions):
    earn(alices, "order-line:1", noon)
    hold(alice)
    settle(now=noon)
    assert held_reasons(alice, "USD") == [
        "we wait for your address",
        "we have to compare your name with lists of sanctions",
    ]
    decide(alice)
    assert settle(now=noon).answered == 0
    release_payouts(key="hold:1", by="olga@example.org", now=noon)
    assert settle(now=noon).answered == 1


def test_whoever_checks_is_asked_until_they_say(alice, alices, earn, noon, sanctions, identity, screening, right):
    earn(alices, "order-line:1", noon)
    earn(alices, "order-line:2", noon)
    tell_tax_details(creator=alice, person=_person("Alice Müller"), now=noon)
    require_checks(now=noon)
    screening.says = {"identity": Finding(State.NEEDED, "case-1", "send a picture of your passport"), "sanctions": None}

    assert (ask_checks(now=noon), ask_checks(now=noon)) == (1, 0)
    who = {subject for _kind, subject in screening.asked}
    assert [(one.handle, one.legal_name, one.country) for one in who] == [("alice", "Alice Müller", "DE")]
    assert states(alice, "sanctions") == ["needed"]  # nobody answered, so nothing is known
    assert held_reasons(alice, "USD") == [
        "we need to know who you are: send a picture of your passport",
        "we have to compare your name with lists of sanctions",
    ]
    screening.says = {"identity": Finding(State.PASSED, "case-1"), "sanctions": Finding(State.PASSED)}
    assert ask_checks(now=noon) == 2
    settle(now=noon)
    assert transfers() == [2160]
    assert [(one.kind, one.state, one.by, one.reference) for one in newest_checks()] == [
        ("identity", "passed", "planned", "case-1"),
        ("sanctions", "passed", "planned", ""),
    ]


def test_what_was_decided_meanwhile_stands(alice, alices, earn, noon, sanctions, screening):
    earn(alices, "order-line:1", noon)
    require_checks(now=noon)

    def decided(subject):
        decide(alice, passed=False, reason="we know better")
        return Finding(State.PASSED)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(screening, "sanctions", lambda self, subject: decided(subject))
        assert ask_checks(now=noon) == 0
    assert states(alice, "sanctions") == ["needed", "failed"]
    assert settle(now=noon).answered == 0


def test_passed_counts_for_its_days_and_is_asked_early(alice, alices, earn, noon, sanctions, screening, right):
    decide(alice)
    earn(alices, "order-line:1", noon + 340 * DAY)
    assert ask_checks(now=noon + 300 * DAY) == 0
    assert screening.asked == []
    assert ask_checks(now=noon + 340 * DAY) == 0  # pending is no reason to hold what still counts
    assert [kind for kind, _subject in screening.asked] == ["sanctions"]
    settle(now=noon + 340 * DAY)
    assert transfers() == [1080]
    screening.says = {"sanctions": Finding(State.PASSED)}
    assert ask_checks(now=noon + 341 * DAY) == 1
    assert newest_check(alice.pk, "sanctions").expires_at == noon + (341 + 365) * DAY


def test_passed_that_has_expired_holds_again(alice, alices, earn, noon, sanctions):
    decide(alice)
    earn(alices, "order-line:1", noon + 365 * DAY)
    assert require_checks(now=noon + 365 * DAY - timedelta(seconds=1)) == 0
    assert settle(now=noon + 365 * DAY).answered == 0
    assert states(alice, "sanctions") == ["passed", "needed"]


def test_for_good_where_the_settings_say_so(alice, settings, sanctions):
    settings.CHECK_AGAIN_DAYS = 0
    assert decide(alice).expires_at is None
    assert decide(alice) == decide(alice)
    assert CreatorCheck.objects.count() == 1


def test_what_is_not_wanted_any_more_is_let_go_but_not_what_failed(alice, bob, shared, earn, noon, settings, sanctions):
    earn(shared, "order-line:1", noon)
    require_checks(now=noon)
    decide(bob, passed=False, reason="a list of ours")
    assert lift_checks(now=noon) == 0
    settings.CHECK_SANCTIONS = False
    assert (lift_checks(now=noon), lift_checks(now=noon)) == (1, 0)
    settle(now=noon)
    assert (transfers(), has(bob)) == ([756], {"available": 324})
    settings.CHECK_SANCTIONS = True
    assert (require_checks(now=noon), states(alice, "sanctions")) == (0, ["needed", "lifted"])  # nothing is available
    earn(shared, "order-line:2", noon)
    assert require_checks(now=noon) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kind": "age"}, "there is no such check"),
        ({"passed": False, "reason": " "}, "say why it is failed: the creator reads it"),
        ({"reason": "x" * 401}, "say why, in at most 400 characters, and who decides"),
        ({"by": ""}, "say why, in at most 400 characters, and who decides"),
    ],
)
def test_decisions_that_cannot_be(alice, changes, why):
    with pytest.raises(UnableToDecideCheck) as refused:
        decide(alice, **changes)
    assert refused.value.why == why
    assert CreatorCheck.objects.count() == 0


def test_the_database_reserves_nothing_for_who_is_not_checked(alice, alices, earn, noon, sanctions, monkeypatch):
    earn(alices, "order-line:1", noon)
    require_checks(now=noon)
    monkeypatch.setattr("marketplace.payouts.bookkeeping.settlement.whom_due", lambda **asked: [(alice.pk, 1080)])
    with pytest.raises(DatabaseError) as refused:
        settle(now=noon)
    assert refused.value.__cause__.diag.constraint_name == "payouts_unchecked_creator_waits"
    for change in (lambda: CreatorCheck.objects.update(state="passed"), lambda: CreatorCheck.objects.all().delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    asked = {"currency": "USD", "creator": alice, "after": None, "refused_before": 0, "limit": 1, "now": noon}
    assert [whom_due(on_chain=on_chain, **asked) for on_chain in (False, True)] == [[], []]


def _person(name):
    return TaxPerson(
        kind="individual",
        legal_name=name,
        street="Hauptstraße 1",
        city="Berlin",
        postal_code="10115",
        country="DE",
        birth_date="1990-01-02",
        numbers=(TaxNumber("DE", "36574261809"),),
    )
