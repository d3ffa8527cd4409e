"""Dave has the connection and no scruples: what the database refuses about checks and levels of risk."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.payouts.risk import RiskAssessment, RiskLevel
from tests.payouts.cast import NOON


def refusal(verb):
    """Returns the name under which the database refuses what a verb writes."""
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        verb()
    return refused.value.__cause__.diag.constraint_name


def check(creator, **changes):
    said = {"kind": "identity", "state": "passed", "by": "olga", "at": NOON}
    return lambda: CreatorCheck.objects.create(creator=creator, **{**said, **changes})


@pytest.mark.parametrize("table", ["creator_check", "risk_level", "risk_assessment"])
@pytest.mark.parametrize(
    "verb", ["UPDATE payouts_{} SET id = id", "DELETE FROM payouts_{}", "TRUNCATE payouts_{} CASCADE"]
)
def test_facts_are_added_never_changed(db, table, verb):
    def run():
        with connection.cursor() as cursor:
            cursor.execute(verb.format(table))

    assert refusal(run).endswith("_append_only")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"kind": "age"}, "payouts_check_known"),
        ({"state": "maybe"}, "payouts_check_known"),
        ({"state": "failed"}, "payouts_check_says_why"),
        ({"by": ""}, "payouts_check_says_who"),
        ({"expires_at": NOON}, "payouts_check_expires_when_passed"),
        ({"state": "needed", "expires_at": NOON + timedelta(days=1)}, "payouts_check_expires_when_passed"),
    ],
)
def test_checks_that_cannot_be(alice, changes, name):
    assert refusal(check(alice, **changes)) == name
    assert CreatorCheck.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"level": 10}, "payouts_risk_level_known"),
        ({"window_days": 0}, "payouts_risk_level_counts"),
        ({"days_here_below": 0}, "payouts_risk_level_conditions"),
        ({"reserve_ppb": 1}, "payouts_risk_level_reserve"),
        ({"reason": ""}, "payouts_risk_level_says_why"),
    ],
)
def test_levels_that_cannot_be(db, changes, name):
    said = {"level": 1, "window_days": 1, "least_sales": 1, "hold_days": 0, "reserve_ppb": 0, "reserve_days": 0}
    said |= {"reason": "new", "set_by": "olga", "set_at": NOON}
    assert refusal(lambda: RiskLevel.objects.create(**{**said, **changes})) == name


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"level": 10}, "payouts_risk_known"),
        ({"sales": -1}, "payouts_risk_counts"),
        ({"level": 0}, "payouts_risk_keeps_for_a_reason"),
        ({"reason": ""}, "payouts_risk_keeps_for_a_reason"),
        ({"reserve_days": 0}, "payouts_risk_reserve"),
    ],
)
def test_assessments_that_cannot_be(alice, changes, name):
    numbers = ("days_selling", "days_here", "sales", "earned_minor", "disputed_minor", "refunded_minor")
    said = {**dict.fromkeys(numbers, 0), "creator": alice, "currency": "USD", "level": 1, "window_days": 1}
    said |= {"hold_days": 3, "reserve_ppb": 1, "reserve_days": 1, "reason": "new", "at": NOON}
    assert refusal(lambda: RiskAssessment.objects.create(**{**said, **changes})) == name
