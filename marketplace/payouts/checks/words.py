"""What checks are called, and why payouts wait for them, in words that creators read."""

from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.payouts.checks.queries import newest_checks
from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.ui.formats import Names, say

REASONS: Names = {
    "no-account": gettext_lazy("open your account with Stripe, which checks it"),
    "details": gettext_lazy("Stripe still asks for details of you"),
    "rejected": gettext_lazy("Stripe has rejected your account"),
}
"""Codes that adapters give as reasons; whatever else stands there is somebody's own words."""

WAITS: Names = {
    "identity needed": gettext_lazy("we need to know who you are"),
    "identity pending": gettext_lazy("we are checking who you are"),
    "identity failed": gettext_lazy("it could not be confirmed who you are"),
    "sanctions needed": gettext_lazy("we have to compare your name with lists of sanctions"),
    "sanctions pending": gettext_lazy("we are comparing your name with lists of sanctions"),
    "sanctions failed": gettext_lazy("the law may forbid us to pay you"),
}

FREE = (CreatorCheck.State.PASSED, CreatorCheck.State.LIFTED)
"""States in which a check holds nothing."""


def reason_text(reason: str) -> str:
    """Return a check's reason as it is read: the words of a code, or the words that stand there."""
    return say(REASONS, reason) if reason in REASONS else reason


def check_reasons(creator_id: UUID) -> list[str]:
    """Return for which checks a creator's payouts wait, each as the end of a sentence; none when all are passed."""
    return [check_text(one) for one in newest_checks([creator_id]) if one.state not in FREE]


def check_text(one: CreatorCheck) -> str:
    """Return why payouts wait for a check, as the end of a sentence."""
    text = say(WAITS, f"{one.kind} {one.state}")
    return _("%(what)s: %(why)s") % {"what": text, "why": reason_text(one.reason).rstrip(".")} if one.reason else text
