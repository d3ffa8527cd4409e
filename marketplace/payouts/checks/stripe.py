"""Stripe's own verification as the check of identity: what it last said of the creator's account with it.

It is kept as it is heard (connected/accounts.py), so nothing is called. Sanctions are decided by operators: Stripe
says nothing of them for one account.
"""

from marketplace.payouts.checks.base import Finding, Subject
from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.payouts.connected.accounts import account_of, state_of

State = CreatorCheck.State


class StripeScreening:
    """Passes the identity of whom Stripe has verified and asks nothing more of."""

    name = "stripe"

    def identity(self, subject: Subject) -> Finding:
        """Return how Stripe's verification of the creator's newest account stands."""
        account = account_of(subject.creator_id)
        state = state_of(account) if account else None
        if account is None or state is None or state.closed:
            return Finding(State.NEEDED, reason="no-account")
        if state.disabled_reason.startswith("rejected"):
            return Finding(State.FAILED, account.reference, "rejected")
        if not state.submitted or state.due:
            return Finding(State.NEEDED, account.reference, "details")
        if state.transfers and state.payouts:
            return Finding(State.PASSED, account.reference)
        return Finding(State.PENDING, account.reference)

    def sanctions(self, subject: Subject) -> Finding:
        """Return that an operator looks at it."""
        return Finding(State.PENDING)
