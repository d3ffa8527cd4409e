"""What operators type: policies, holds, and settlements of one creator."""

import pytest
from django.core.management import CommandError, call_command

from marketplace.payouts.models import RecordedTransfer
from marketplace.payouts.policies import PayoutHold, PayoutPolicy
from marketplace.payouts.terms import Schedule, terms_of
from tests.payouts.policing import transfers


@pytest.fixture
def said(capsys):
    """Runs a command and returns its lines."""

    def run(*words):
        call_command(*words)
        return capsys.readouterr().out.splitlines()

    return run


def test_a_policy_is_set_and_what_is_not_said_stays(alice, said):
    words = ["--currency", "USD", "--reason", "so that banks cost less", "--by", "carol"]
    assert said("payout_policy", "set", *words, "--threshold", "50", "--schedule", "weekly:1")[0] == (
        f"USD  weekly:1     50.00 or more  14 days held  policy {PayoutPolicy.objects.get().pk}"
    )
    said("payout_policy", "set", *words, "--hold-days", "30")
    words = [*words, "--creator", "alice", "--reserve-ppb", "100000000", "--reserve-days", "90"]
    [line] = said("payout_policy", "set", *words)
    assert line == (
        "USD  weekly:1     50.00 or more  30 days held  100000000 ppb in reserve for 90 days"
        f"  policy {PayoutPolicy.objects.latest('pk').pk}"
    )
    [terms] = terms_of(currency="USD", owner_ids=[alice.pk])
    assert terms[2:] == (50_00, Schedule("weekly", 1), 100_000_000, 90, "so that banks cost less")
    assert said("payout_policy", "show", "--currency", "JPY") == ["JPY  always       1 or more  14 days held  settings"]


def test_what_counts_for_a_creator_says_when_they_are_paid(alice, alices, earn, noon, said, settings):
    settings.PAYOUT_SCHEDULE = "manual"
    earn(alices, "order-line:1", noon)
    said("payout_hold", "place", "alice", "ticket:1", "--reason", "your address is missing")

    assert said("payout_policy", "show", "--creator", "alice", "--currency", "USD") == [
        "USD  manual       0.01 or more  14 days held  settings",
        "USD  next only by hand, 10.80 available, held: your address is missing",
    ]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--threshold", "50"], "--threshold needs --currency, or say it for all currencies with --threshold-minor."),
        (["--threshold", "x", "--currency", "USD"], "cannot be read"),
        (["--schedule", "hourly"], "“hourly” is no schedule; say always"),
        (["--creator", "nobody"], "There is no creator “nobody”"),
        (["--creator", "alice", "--hold-days", "3"], "the hold period is the same for all creators"),
        (["--reserve-ppb", "5"], "a reserve is up to the whole"),
    ],
)
def test_a_policy_that_cannot_be_is_one_sentence_and_nothing_is_written(alice, words, why):
    with pytest.raises(CommandError, match=why):
        call_command("payout_policy", "set", "--reason", "so", *words)
    assert not PayoutPolicy.objects.exists()


def test_holds_are_placed_listed_and_ended(alice, said):
    place = ["payout_hold", "place", "alice", "ticket:1", "--reason", "your address is missing", "--by", "carol"]
    assert said(*place) == ["ticket:1 holds the payouts to alice"]
    [line] = said("payout_hold", "list")
    assert line.startswith("ticket:1  alice  all  since ")
    assert line.endswith(" by carol: your address is missing")
    assert said("payout_hold", "list", "--creator", "alice") == [line]
    assert said("payout_hold", "end", "ticket:1", "--by", "dave") == ["ticket:1 holds nothing any more"]
    assert said("payout_hold", "list") == []
    assert said("payout_hold", "list", "--all")[0].endswith(" by dave")


def test_a_hold_that_cannot_be_is_one_sentence(alice):
    with pytest.raises(CommandError, match="There is no creator “nobody”"):
        call_command("payout_hold", "place", "nobody", "ticket:1", "--reason", "x")
    with pytest.raises(CommandError, match="there is no such hold"):
        call_command("payout_hold", "end", "ticket:1")
    with pytest.raises(CommandError, match="say why"):
        call_command("payout_hold", "place", "alice", "ticket:1", "--reason", "")
    assert not PayoutHold.objects.exists()


def test_one_creator_is_settled_whatever_the_schedule_says(alice, bob, shared, earn, noon, said, settings):
    settings.PAYOUT_SCHEDULE = "manual"
    earn(shared, "order-line:1", noon)

    assert "0 payouts answered" in said("settle")[0]
    assert "1 payouts answered" in said("settle", "--creator", "bob", "--currency", "USD")[0]
    assert transfers() == [324]
    with pytest.raises(CommandError, match="There is no creator “nobody”"):
        call_command("settle", "--creator", "nobody")
    assert RecordedTransfer.objects.count() == 1
