"""What may happen to a claim, by whom and until when."""

from datetime import timedelta

import pytest

from marketplace.intake.clocks import ENDINGS, Step, due_after, next_steps, waits_for
from tests.cast import NOON, later

DUE = NOON + timedelta(days=14)
OPENED = Step("opened", DUE)
COUNTERED = Step("countered", DUE)
MAINTAINED = Step("maintained")


def test_the_respondent_is_asked_first_and_may_answer_or_give_in() -> None:
    assert waits_for([OPENED]) == "respondent"
    assert next_steps([OPENED], "respondent", NOON) == ("countered", "accepted")
    assert next_steps([OPENED], "claimant", NOON) == ("withdrawn",)
    assert next_steps([OPENED], "operator", NOON) == ("upheld", "dismissed")
    assert next_steps([OPENED], "clock", NOON) == ()


def test_whoever_lets_the_clock_run_out_has_decided() -> None:
    assert next_steps([OPENED], "clock", DUE) == ("upheld",)
    assert next_steps([OPENED, COUNTERED], "clock", DUE) == ("dismissed",)
    assert next_steps([OPENED, COUNTERED, MAINTAINED], "clock", later(days=999)) == ()


def test_a_late_answer_is_none_but_giving_in_always_is() -> None:
    assert next_steps([OPENED], "respondent", DUE) == ("accepted",)
    assert next_steps([OPENED, COUNTERED], "claimant", DUE) == ("withdrawn",)
    assert next_steps([OPENED], "respondent", DUE - timedelta(microseconds=1)) == ("countered", "accepted")


def test_a_maintained_claim_waits_for_the_operator() -> None:
    steps = [OPENED, COUNTERED, MAINTAINED]
    assert waits_for(steps) == "operator"
    assert next_steps(steps, "operator", NOON) == ("upheld", "dismissed")
    assert next_steps(steps, "claimant", NOON) == ("withdrawn",)
    assert next_steps(steps, "respondent", NOON) == ("accepted",)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("party", ["claimant", "respondent", "operator", "clock"])
def test_what_has_ended_stays_ended(ending: str, party: str) -> None:
    assert next_steps([OPENED, Step(ending)], party, later(days=999)) == ()  # type: ignore[arg-type]
    assert waits_for([OPENED, Step(ending)]) == ""


def test_only_those_who_are_asked_have_a_clock() -> None:
    assert due_after("opened", NOON, 14) == DUE
    assert due_after("countered", NOON, 14) == DUE
    assert due_after("maintained", NOON, 14) is None
    assert due_after("upheld", NOON, 14) is None
