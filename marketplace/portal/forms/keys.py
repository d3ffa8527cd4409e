"""What a creator says of a key."""

from django import forms
from django.utils.translation import gettext_lazy as _


class KeyForm(forms.Form):
    """What a key is for."""

    name = forms.CharField(label=_("What the key is for"), max_length=80)
