"""How a subscription stands: one word from the rows that follow it, and what that word says to people."""

from datetime import datetime

from marketplace.checkout import past_due, subscriptions
from marketplace.checkout.models import Subscription
from marketplace.ui.words import gettext_noop

TRIAL, RUNNING, PAST_DUE, CANCELLED, ENDED = "trial", "running", "past-due", "cancelled", "ended"
STATES = (TRIAL, RUNNING, PAST_DUE, CANCELLED, ENDED)
WORDS = {
    TRIAL: gettext_noop("Trial"),
    RUNNING: gettext_noop("Running"),
    PAST_DUE: gettext_noop("Past due"),
    CANCELLED: gettext_noop("Cancelled"),
    ENDED: gettext_noop("Ended"),
}
"""What to call each state; translated where it is shown."""


def state_of(subscription: Subscription, now: datetime) -> str:
    """This will tell how a subscription stands.

    "cancelled": it is renewed no more, and can be resumed until its period is over. "past-due": its renewal is not
    paid, and its license goes on for a time. "ended": it is not renewed any more.
    """
    if hasattr(subscription, "end"):
        return ENDED
    if subscriptions.cancellation_of(subscription):
        return CANCELLED
    if past_due.open_renewal(subscription) is not None:
        return PAST_DUE
    return TRIAL if now < subscription.anchor_at else RUNNING
