"""What an operator says of a line that does not agree."""

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.checkout.reconciling.operations import MAX_REASON
from marketplace.payouts.operations import CLEARED_TO
from marketplace.portal.words_desk import ACCOUNTS


class AsideForm(forms.Form):
    """Why a line is put into suspense."""

    reason = forms.CharField(label=_("Why"), max_length=MAX_REASON, help_text=_("It is kept with the line."))


class ClearForm(forms.Form):
    """Where what is in suspense belongs, and why."""

    to = forms.ChoiceField(label=_("It belongs to"), choices=[(str(kind), ACCOUNTS[kind]) for kind in CLEARED_TO])
    reason = forms.CharField(label=_("Why"), max_length=MAX_REASON, help_text=_("It is kept with the line."))
