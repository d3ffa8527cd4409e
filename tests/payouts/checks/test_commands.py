"""What an operator says by command is what the desk says: the same verbs, the same words."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.payouts.risk import RiskLevel


def said(*words):
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue().splitlines()


def test_checks_are_decided_and_listed(alice, settings):
    settings.CHECK_AGAIN_DAYS = 0
    told = said("creator_check", "fail", "alice", "sanctions", "--reason", "a list of the EU", "--by", "olga")
    assert told == ["sanctions of alice is failed"]
    [line] = said("creator_check", "list")
    assert line.startswith("alice  sanctions  failed  since 20")
    assert line.endswith(" by olga: a list of the EU")
    assert said("creator_check", "pass", "alice", "sanctions") == ["sanctions of alice is passed"]
    assert said("creator_check", "list") == []
    assert len(said("creator_check", "list", "--all")) == 1
    with pytest.raises(CommandError, match="say why it is failed"):
        said("creator_check", "fail", "alice", "identity")
    with pytest.raises(CommandError, match="There is no creator “dave”"):
        said("creator_check", "pass", "dave", "identity")
    assert CreatorCheck.objects.count() == 2


def test_levels_are_set_listed_and_found(alice, alices, earn, noon):
    earn(alices, "order-line:1", noon)
    [line] = said(
        "risk_level", "set", "2", "--days-selling-below", "3650", "--hold-days", "30", "--reserve-ppb", "100000000",
        "--reserve-days", "60", "--reason", "you are new here", "--by", "olga",
    )  # fmt: skip
    assert line == (
        "2  days_selling_below 3650, within 90 days and from 10 sales: held 30 days, 100000000 ppb for 60 days more: "
        "you are new here"
    )
    assert said("risk_level", "list") == [line]
    assert said("risk_level", "assess") == ["1 changed"]
    assert said("risk_level", "set", "2", "--reason", "nobody's any more") == []
    with pytest.raises(CommandError, match="a reserve is up to the whole"):
        said("risk_level", "set", "1", "--reserve-ppb", "1", "--reason", "x")
    assert RiskLevel.objects.count() == 2
