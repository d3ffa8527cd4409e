"""How a payout over Stripe is spoken of, step by step."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.payouts.connected.queries import Step, steps_of
from marketplace.payouts.held import bank_text, settled_on
from marketplace.payouts.models import Payout
from marketplace.ui import formats
from marketplace.ui.formats import Names, say

STEPS: Names = {
    "transfer asked": gettext_lazy("Being sent to your account at Stripe"),
    "transfer done": gettext_lazy("Sent to your account at Stripe"),
    "transfer refused": gettext_lazy("Not sent to your account at Stripe"),
    "transfer back": gettext_lazy("Taken back from your account at Stripe"),
    "bank asked": gettext_lazy("Being sent on to your bank"),
    "bank done": gettext_lazy("Sent on to your bank"),
    "bank refused": gettext_lazy("Not sent on to your bank"),
    "bank paid": gettext_lazy("Paid by your bank’s word"),
    "bank failed": gettext_lazy("Sent back by your bank"),
    "bank canceled": gettext_lazy("Taken back on its way to your bank"),
    "return asked": gettext_lazy("On its way back to your balance"),
    "return done": gettext_lazy("Back in your balance"),
    "return refused": gettext_lazy("Not taken back from your account at Stripe yet"),
    "recovery asked": gettext_lazy("Being taken back for what you owe"),
    "recovery done": gettext_lazy("Taken back for what you owe"),
    "recovery refused": gettext_lazy("Not taken back for what you owe"),
}
REFUSED: Names = {
    "balance_insufficient": gettext_lazy("money of sales has not reached us yet"),
    "insufficient_capabilities_for_transfer": gettext_lazy("Stripe has switched off transfers to your account"),
    "account_invalid": gettext_lazy("your account with Stripe was closed"),
    "payouts_not_allowed": gettext_lazy("Stripe has switched off payouts from your account"),
}


def step_rows(payout: Payout) -> list[dict[str, Any]]:
    """This will give each step with its words, a note, the moment, and Stripe's name of it."""
    return [
        {
            "step": step,
            "words": say(STEPS, f"{step.what} {step.how}"),
            "note": _note(step),
            "amount": step.amount_minor if step.amount_minor != payout.amount_minor else None,
        }
        for step in steps_of(payout)
    ]


def _note(step: Step) -> str:
    if step.how == "refused":
        return _sentence(say(REFUSED, step.code)) if step.code in REFUSED else step.reason
    if step.how == "done" and step.arrives_on:
        return _("It should be there on %(day)s.") % {"day": formats.date_text(step.arrives_on)}
    if step.how == "paid":
        day = formats.date_text(settled_on(step.at))
        return _("Until %(day)s your bank may still send it back.") % {"day": day}
    if step.word is not None:
        return _sentence(bank_text(step.word))
    return ""


def _sentence(end: str) -> str:
    """Make a sentence of its own of what else ends one."""
    return _("%(reason)s.") % {"reason": end[:1].upper() + end[1:]}
