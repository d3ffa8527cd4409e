"""What a creator says of a key."""

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.people.models import ApiKey


class KeyForm(forms.Form):
    """What a key is for."""

    name = forms.CharField(label=_("What the key is for"), max_length=80)
    use = forms.ChoiceField(
        label=_("What the key may do"),
        choices=[
            (ApiKey.UPLOADS, _("Upload files as you, and nothing else")),
            (ApiKey.STATEMENTS, _("Read your statements and payouts, and nothing else")),
            (ApiKey.PAYOUTS, _("Read them, and choose how you are paid")),
        ],
        initial=ApiKey.UPLOADS,
        widget=forms.RadioSelect,
    )
