"""Stripe's own verification of Alice's account is her check of identity."""

import pytest

from marketplace.payouts.checks.asking import ask_checks, require_checks
from marketplace.payouts.checks.base import Finding, Subject
from marketplace.payouts.checks.stripe import StripeScreening
from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.payouts.connected.tables import ConnectedAccount, ConnectedAccountState
from marketplace.payouts.held import held_reasons
from marketplace.payouts.operations import settle
from tests.payouts.cast import NOON
from tests.payouts.policing import transfers

State = CreatorCheck.State


@pytest.fixture
def account(alice):
    return ConnectedAccount.objects.create(creator=alice, number=1, reference="acct_alice", country="DE", made_at=NOON)


def told(account, **changes):
    """Keeps how Stripe says that the account stands: verified, but for the changes."""
    said = {"submitted": True, "transfers": True, "payouts": True, "disabled_reason": "", "due": ""}
    ConnectedAccountState.objects.create(account=account, at=NOON, **{**said, **changes})


def finding(creator):
    return StripeScreening().identity(Subject(creator.pk, creator.handle, creator.display_name))


def test_without_an_account_one_is_needed(alice):
    assert finding(alice) == Finding(State.NEEDED, "", "no-account")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, Finding(State.PASSED, "acct_alice")),
        ({"submitted": False}, Finding(State.NEEDED, "acct_alice", "details")),
        ({"due": "individual.verification.document"}, Finding(State.NEEDED, "acct_alice", "details")),
        ({"payouts": False}, Finding(State.PENDING, "acct_alice")),
        (
            {"transfers": False, "payouts": False, "disabled_reason": "rejected.fraud"},
            Finding(State.FAILED, "acct_alice", "rejected"),
        ),
        ({"transfers": False, "payouts": False, "closed": True}, Finding(State.NEEDED, "", "no-account")),
    ],
)
def test_what_stripe_says_is_what_is_found(alice, account, changes, found):
    told(account, **changes)
    assert finding(alice) == found


def test_sanctions_are_for_operators(alice, account):
    told(account)
    subject = Subject(alice.pk, "alice", "Alice")
    assert StripeScreening().sanctions(subject) == Finding(State.PENDING)


def test_she_is_paid_when_stripe_knows_her(alice, account, alices, earn, noon, settings, right):
    settings.ADAPTERS = {**settings.ADAPTERS, "screening": "marketplace.payouts.checks.stripe.StripeScreening"}
    settings.CHECK_IDENTITY_ABOVE_MINOR = 0
    earn(alices, "order-line:1", noon)
    told(account, due="individual.address")
    assert (require_checks(now=noon), ask_checks(now=noon), ask_checks(now=noon)) == (1, 1, 0)
    assert held_reasons(alice, "USD") == ["we need to know who you are: Stripe still asks for details of you"]
    assert settle(now=noon).answered == 0
    told(account)
    assert ask_checks(now=noon) == 1
    settle(now=noon)
    assert transfers() == [1080]
