"""Who runs the house: named by command, seen by nobody else."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from marketplace.people import operations, queries
from marketplace.people.models import Operator, OperatorEnd

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def olga(db):
    return operations.sign_up(email="olga@example.org", password="ink on paper", display_name="Olga", now=NOON)


def told(*words):
    out = StringIO()
    call_command("operator", *words, stdout=out)
    return out.getvalue()


def test_an_operator_is_named_once_listed_and_ended(olga):
    assert told() == ""
    assert told("--add", "Olga@example.org") == told("--add", "olga@example.org") == "olga@example.org  Olga\n"
    assert queries.is_operator(olga)
    assert Operator.objects.count() == 1
    assert told("--end", "olga@example.org") == ""
    assert not queries.is_operator(olga)
    assert OperatorEnd.objects.count() == 1
    assert told("--add", "olga@example.org") == "olga@example.org  Olga\n"
    assert Operator.objects.count() == 2, "what was once so stays on record"


def test_nobody_who_does_not_sign_in_is_named_and_nobody_is_ended_who_is_none(olga):
    with pytest.raises(CommandError, match="Nobody signs in as dave@example.org: they sign up on the site first."):
        call_command("operator", "--add", "dave@example.org")
    with pytest.raises(CommandError, match="olga@example.org is no operator; without arguments this command lists"):
        call_command("operator", "--end", "olga@example.org")
    assert not Operator.objects.exists()
    assert not OperatorEnd.objects.exists()
