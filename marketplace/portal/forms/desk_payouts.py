"""What operators say about payouts to a creator."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.payouts.bookkeeping.policies import MAX_KEY, MAX_REASON
from marketplace.payouts.rules import CURRENCIES, UnreadableAmount, format_amount, parse_amount
from marketplace.payouts.terms import Schedule, Terms, read_schedule
from marketplace.portal.forms.rows import unreadable_price
from marketplace.portal.words_payouts import schedule_choices, schedule_value


class HoldForm(forms.Form):
    """Why payouts are held, in which currency; `key` names the hold, so that it is placed once."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=MAX_KEY)
    currency = forms.ChoiceField(label=_("Currency"), required=False)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=MAX_REASON,
        help_text=_("The creator reads it, as the end of a sentence: No payout is made to you for now: …"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, prefix="hold", use_required_attribute=False, **kwargs)
        choices = [("", _("All currencies")), *((code, code) for code in sorted(CURRENCIES))]
        self.fields["currency"].choices = choices  # type: ignore[attr-defined]


class CheckForm(forms.Form):
    """What an operator found about a creator."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=MAX_REASON,
        help_text=_("The creator reads it. A failure must have one."),
    )
    reference = forms.CharField(
        label=_("Reference"), required=False, max_length=MAX_KEY, help_text=_("Where you keep what you looked at.")
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, prefix=kind, use_required_attribute=False, **kwargs)
        self.kind = kind


class RiskForm(forms.Form):
    """At which level of risk a creator is, whatever the conditions find; empty lets these count."""

    level = forms.TypedChoiceField(label=_("Level"), required=False, coerce=int, empty_value=None)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=MAX_REASON,
        help_text=_("The creator reads it, as the end of a sentence: What you earn is held for 30 days: …"),
    )

    def __init__(self, *args: Any, levels: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, prefix="risk", use_required_attribute=False, **kwargs)
        known = [(one, _("level %(level)d") % {"level": one}) for one in sorted(levels)]
        choices = [("", _("What the conditions find")), (0, _("none")), *known]
        self.fields["level"].choices = choices  # type: ignore[attr-defined]


class PolicyForm(forms.Form):
    """How payouts to one creator are made in one currency; `terms` say how they are now."""

    currency = forms.CharField(widget=forms.HiddenInput)
    threshold = forms.CharField(
        label=_("Least amount of a payout"),
        max_length=24,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "num"}),
    )
    schedule = forms.ChoiceField(label=_("When they are paid"), help_text=_("Days are those of UTC."))
    reserve_ppb = forms.IntegerField(
        label=_("Reserve, in parts per billion"), min_value=0, help_text=_("100000000 is 10%. Zero is none.")
    )
    reserve_days = forms.IntegerField(label=_("Days of the reserve"), min_value=0)
    reason = forms.CharField(label=_("Reason"), max_length=MAX_REASON, help_text=_("The creator reads it."))

    def __init__(self, *args: Any, terms: Terms, currency: str, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "currency": currency,
            "threshold": format_amount(terms.threshold_minor, currency),
            "schedule": schedule_value(terms.schedule),
            "reserve_ppb": terms.reserve_ppb,
            "reserve_days": terms.reserve_days,
        }
        super().__init__(*args, prefix=f"policy-{currency}", use_required_attribute=False, **kwargs)
        self.code = currency
        self.fields["schedule"].choices = schedule_choices(Schedule("always"))  # type: ignore[attr-defined]

    def clean_threshold(self) -> int:
        """This will read the amount as minor units."""
        text = self.cleaned_data["threshold"].strip()
        try:
            return parse_amount(text, self.code)
        except UnreadableAmount:
            raise forms.ValidationError(unreadable_price(text, self.code)) from None

    def clean_schedule(self) -> Schedule:
        """This will read the schedule, which is one of the choices."""
        schedule = read_schedule(self.cleaned_data["schedule"])
        if schedule is None:
            raise forms.ValidationError(_("Choose one of the schedules in the list."))
        return schedule
