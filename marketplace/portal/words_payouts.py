"""How payouts are spoken of: when the next one is, what waits and why, and which schedules there are."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from marketplace.payouts.terms import LAST_DAYS, Schedule
from marketplace.payouts.when_queries import Kept, NextPayout, Ripening
from marketplace.ui import formats
from marketplace.ui.formats import Names, say

WEEKDAYS = (
    gettext_lazy("Every week, on Monday"),
    gettext_lazy("Every week, on Tuesday"),
    gettext_lazy("Every week, on Wednesday"),
    gettext_lazy("Every week, on Thursday"),
    gettext_lazy("Every week, on Friday"),
    gettext_lazy("Every week, on Saturday"),
    gettext_lazy("Every week, on Sunday"),
)
KINDS: Names = {
    "always": gettext_lazy("As soon as it is available"),
    "daily": gettext_lazy("Every day"),
    "weekly": gettext_lazy("Every week"),
    "monthly": gettext_lazy("Every month"),
    "manual": gettext_lazy("Not by itself"),
}


WAYS: Names = {
    "recorded": gettext_lazy("By bank transfer"),
    "stripe": gettext_lazy("Through Stripe, to your bank"),
    "chain": gettext_lazy("On chain, into your wallet"),
}
"""Names of rails, and being paid on chain; a rail of somebody's own is called by its name."""


def way_text(way: str) -> str:
    """This will say how somebody is paid."""
    return say(WAYS, way) if way in WAYS else way


def schedule_text(schedule: Schedule) -> str:
    """This will say when payouts are made: “Every week, on Monday”."""
    if schedule.kind == "weekly":
        return str(WEEKDAYS[schedule.day - 1])
    if schedule.kind == "monthly":
        return _("Every month, on day %(day)s") % {"day": schedule.day}
    return say(KINDS, schedule.kind)


def schedule_value(schedule: Schedule) -> str:
    """This will write a schedule as `read_schedule` reads it."""
    return f"{schedule.kind}:{schedule.day}" if schedule.day else schedule.kind


def schedule_choices(least: Schedule) -> list[tuple[str, list[tuple[str, str]]]]:
    """This will list the schedules that are not more often than one, in groups, each as (value, words)."""
    groups = []
    for kind, name in KINDS.items():
        schedules = [Schedule(kind, day) for day in range(1, LAST_DAYS[kind] + 1)] if kind in LAST_DAYS else []
        schedules = [one for one in schedules or [Schedule(kind)] if one.rank >= least.rank]
        if schedules:
            groups.append((str(name), [(schedule_value(one), schedule_text(one)) for one in schedules]))
    return groups


def next_payout(row: NextPayout) -> str:
    """This will say in a sentence when a creator is paid next in a currency, or why not."""
    available = formats.money_text(row.available_minor, row.currency)
    if row.held_for:
        reason = pgettext("between reasons", "; ").join(row.held_for).rstrip(".")
        return _("No payout is made to you for now: %(reason)s.") % {"reason": reason}
    if row.on_the_way_minor:
        moving = formats.money_text(row.on_the_way_minor, row.currency)
        return _("%(amount)s is being sent to you; the next payout follows when it has been.") % {"amount": moving}
    if row.next_at is None:
        if row.policy.kind == "manual":
            return _("Payouts to you are made by hand, not on fixed days.")
        return _("You asked for no payouts: choose another schedule when you want to be paid.")
    day = formats.date_text(row.next_at)
    if row.is_enough:
        return _("Your next payout is on %(day)s; %(amount)s is available now.") % {"day": day, "amount": available}
    if row.threshold_minor == 1:
        return _("Your next payout is on %(day)s, when anything is available.") % {"day": day}
    least = formats.money_text(row.threshold_minor, row.currency)
    return _("Your next payout is on %(day)s, when at least %(least)s is available.") % {"day": day, "least": least}


def policy_text(row: NextPayout) -> str:
    """This will say how payouts are made in a currency as the house has it, and why."""
    least = formats.money_text(row.policy_minor, row.currency)
    text = _("We pay out: %(when)s, %(least)s or more.") % {"when": _lowered(schedule_text(row.policy)), "least": least}
    return f"{text} {row.reason.rstrip('.')}." if row.reason else text


def reserve_text(row: NextPayout) -> str:
    """This will say what is kept back of what becomes available, or nothing where nothing is."""
    if not row.reserve_ppb:
        return ""
    return ngettext(
        "%(share)s of what becomes available is kept in reserve for %(days)s day more.",
        "%(share)s of what becomes available is kept in reserve for %(days)s days more.",
        row.reserve_days,
    ) % {"share": formats.percent_text(row.reserve_ppb), "days": row.reserve_days}


def kept_text(row: Kept) -> str:
    """This will say what is in reserve until when, and why."""
    said = {"amount": formats.money_text(row.amount_minor, row.currency), "day": formats.date_text(row.until)}
    if not row.reason:
        return _("%(amount)s was put in reserve until %(day)s.") % said
    return _("%(amount)s was put in reserve until %(day)s: %(reason)s.") % {**said, "reason": row.reason.rstrip(".")}


def ripening_text(row: Ripening) -> str:
    """This will say what is in its hold period until when."""
    said = {"amount": formats.money_text(row.amount_minor, row.currency), "day": formats.date_text(row.until)}
    return _("%(amount)s is in its hold period until %(day)s.") % said


def _lowered(text: str) -> str:
    """Let a sentence go on with it."""
    return text[:1].lower() + text[1:]
