"""How a creator wishes to be paid, as its page asks for it."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.payouts.rules import UnreadableAmount, format_amount, parse_amount
from marketplace.payouts.terms import Schedule, read_schedule
from marketplace.payouts.when_queries import NextPayout
from marketplace.portal.forms.rows import unreadable_price
from marketplace.portal.words_payouts import schedule_choices, schedule_value, way_text
from marketplace.ui import formats


class WayForm(forms.Form):
    """How a creator is paid in one currency, of the `ways` that there are."""

    way = forms.ChoiceField(label=_("How you are paid"), help_text=_("It counts from the next payout on."))

    def __init__(self, *args: Any, currency: str, ways: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, prefix=f"way-{currency}", use_required_attribute=False, **kwargs)
        self.fields["way"].choices = [(way, way_text(way)) for way in ways]  # type: ignore[attr-defined]


class WishForm(forms.Form):
    """The least that is paid out in one currency, and when; no laxer than the policy that `row` tells."""

    currency = forms.CharField(widget=forms.HiddenInput)
    threshold = forms.CharField(
        label=_("Least amount of a payout"),
        max_length=24,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "num"}),
    )
    schedule = forms.ChoiceField(label=_("When you are paid"))

    def __init__(self, *args: Any, row: NextPayout, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "currency": row.currency,
            "threshold": format_amount(row.threshold_minor, row.currency),
            "schedule": schedule_value(row.terms),
        }
        super().__init__(*args, prefix=row.currency, use_required_attribute=False, **kwargs)
        self.row = row
        least = formats.money_text(row.policy_minor, row.currency)
        self.fields["threshold"].help_text = _("%(least)s or more.") % {"least": least}
        self.fields["schedule"].choices = schedule_choices(row.policy)  # type: ignore[attr-defined]
        self.fields["schedule"].help_text = _("Days are those of UTC.")

    def clean_threshold(self) -> int:
        """This will read the amount as minor units."""
        text = self.cleaned_data["threshold"].strip()
        try:
            return parse_amount(text, self.row.currency)
        except UnreadableAmount:
            raise forms.ValidationError(unreadable_price(text, self.row.currency)) from None

    def clean_schedule(self) -> Schedule:
        """This will read the schedule, which is one of the choices."""
        schedule = read_schedule(self.cleaned_data["schedule"])
        if schedule is None:
            raise forms.ValidationError(_("Choose one of the schedules in the list."))
        return schedule
