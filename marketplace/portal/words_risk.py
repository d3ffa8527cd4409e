"""How risk and checks are spoken of: to creators, and at the operator's desk."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from marketplace.payouts.risk import RiskAssessment, RiskLevel
from marketplace.payouts.risk_rules import share_ppb
from marketplace.payouts.when_queries import NextPayout
from marketplace.ui import formats
from marketplace.ui.formats import Names

SHOWN_PPB = 100_000
"""Shares are shown to a hundredth of a percent, rounded down as they are when a level is found."""

KINDS: Names = {"identity": gettext_lazy("Identity"), "sanctions": gettext_lazy("Lists of sanctions")}
STATES: Names = {
    "needed": gettext_lazy("The creator has to do something"),
    "pending": gettext_lazy("Waits for a decision"),
    "passed": gettext_lazy("Passed"),
    "failed": gettext_lazy("Failed"),
    "lifted": gettext_lazy("Not asked for any more"),
}
TONES = {"needed": "warn", "pending": "warn", "passed": "accent", "failed": "bad"}
WAITS: Names = {
    "identity needed": gettext_lazy("identity is asked for"),
    "identity pending": gettext_lazy("identity waits for a decision"),
    "identity failed": gettext_lazy("identity is not confirmed"),
    "sanctions needed": gettext_lazy("lists of sanctions are to be looked at"),
    "sanctions pending": gettext_lazy("lists of sanctions wait for a decision"),
    "sanctions failed": gettext_lazy("may stand on a list of sanctions"),
}
STOPS: Names = {
    "no-account": gettext_lazy("no account with Stripe"),
    "closed": gettext_lazy("account with Stripe closed"),
    "onboarding": gettext_lazy("Stripe asks for details"),
    "restricted": gettext_lazy("Stripe pays nothing out"),
    "currency": gettext_lazy("no bank account in this currency at Stripe"),
    "negative": gettext_lazy("balance at Stripe below zero"),
    "bank-failed": gettext_lazy("the bank sent the last payout back"),
    "refused": gettext_lazy("Stripe refused the last payout"),
}


def risk_text(row: NextPayout) -> str:
    """This will tell a creator for how long what they earn is held because of their risk, and why, or nothing."""
    if not row.risk_reason:
        return ""
    if not row.hold_days:
        return _("Something of what you earn is kept back: %(reason)s.") % {"reason": row.risk_reason.rstrip(".")}
    return ngettext(
        "What you earn is held for %(days)s day: %(reason)s.",
        "What you earn is held for %(days)s days: %(reason)s.",
        row.hold_days,
    ) % {"days": row.hold_days, "reason": row.risk_reason.rstrip(".")}


def numbers_of(one: RiskAssessment) -> list[tuple[str, str]]:
    """This will name the numbers by which a level was found, as (name, value)."""

    def share(part_minor: int) -> str:
        amount = formats.money_text(part_minor, one.currency)
        part_ppb = share_ppb(part_minor, one.earned_minor)
        return f"{amount} · {formats.percent_text(part_ppb - part_ppb % SHOWN_PPB)}"

    return [
        (_("Days since the first sale"), formats.number_text(one.days_selling)),
        (_("Days since they joined"), formats.number_text(one.days_here)),
        (
            ngettext("Earned in the last %(days)s day", "Earned in the last %(days)s days", one.window_days)
            % {"days": one.window_days},
            formats.money_text(one.earned_minor, one.currency),
        ),
        (_("Sales in that time"), formats.number_text(one.sales)),
        (_("Of it disputed"), share(one.disputed_minor)),
        (_("Of it refunded"), share(one.refunded_minor)),
    ]


def kept_text(one: RiskAssessment | RiskLevel) -> str:
    """This will say what a level keeps back."""
    held = ngettext("held for %(days)s day", "held for %(days)s days", one.hold_days) % {"days": one.hold_days}
    if not one.reserve_ppb:
        return held
    kept = ngettext(
        "then %(share)s for %(days)s day more", "then %(share)s for %(days)s days more", one.reserve_days
    ) % {"share": formats.percent_text(one.reserve_ppb), "days": one.reserve_days}
    return _("%(held)s, %(kept)s") % {"held": held, "kept": kept}


def conditions_text(one: RiskLevel) -> str:
    """This will say who is at a level."""
    said = []
    if days := one.days_selling_below:
        text = ngettext("first sale less than %(days)s day ago", "first sale less than %(days)s days ago", days)
        said.append(text % {"days": days})
    if days := one.days_here_below:
        text = ngettext("joined less than %(days)s day ago", "joined less than %(days)s days ago", days)
        said.append(text % {"days": days})
    for share, words in (
        (one.disputed_ppb_from, _("%(share)s or more disputed")),
        (one.refunded_ppb_from, _("%(share)s or more refunded")),
    ):
        if share is not None:
            said.append(words % {"share": formats.percent_text(share)})
    return pgettext("between conditions", "; ").join(said) or _("nobody")
