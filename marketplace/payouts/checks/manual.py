"""Checks that operators make themselves: every one is pending until they decide it at their desk."""

from marketplace.payouts.checks.base import Finding, Subject
from marketplace.payouts.checks.tables import CreatorCheck


class ManualScreening:
    """Asks nobody, and waits for an operator."""

    name = "operators"

    def identity(self, subject: Subject) -> Finding:
        """Return that an operator looks at it."""
        return Finding(CreatorCheck.State.PENDING)

    def sanctions(self, subject: Subject) -> Finding:
        """Return that an operator looks at it."""
        return Finding(CreatorCheck.State.PENDING)
