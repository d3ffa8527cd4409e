"""Where a creator lives or trades, which their account with Stripe is opened for."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.licensing.words import countries
from marketplace.payouts.connected.accounts import country_of
from marketplace.people.models import Creator


class CountryForm(forms.Form):
    """The country, suggested from what the creator said for the tax office."""

    country = forms.ChoiceField(
        label=_("Country"),
        help_text=_("Where you live, or where your company is. Stripe cannot change it later."),
        widget=forms.Select(attrs={"autocomplete": "country"}),
    )

    def __init__(self, *args: Any, creator: Creator, **kwargs: Any) -> None:
        super().__init__(*args, initial={"country": country_of(creator)}, use_required_attribute=False, **kwargs)
        self.fields["country"].choices = [("", "—"), *countries()]  # type: ignore[attr-defined]
