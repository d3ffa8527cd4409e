"""What people type about themselves and their studio, read once."""

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.people.models import Seat

SELL, BUY = "sell", "buy"


class SignInForm(forms.Form):
    """E-mail address and password."""

    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class SignUpForm(forms.Form):
    """Who somebody is, and whether they come to sell or to buy."""

    display_name = forms.CharField(
        label=_("Your name"),
        max_length=80,
        help_text=_("What others see; a pen name is welcome."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        help_text=_("At least 8 characters. Long is better than odd."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    role = forms.ChoiceField(
        label=_("I come to"),
        choices=[(BUY, _("license worlds for my studio")), (SELL, _("sell what I make"))],
        widget=forms.RadioSelect,
        initial=BUY,
    )


class StudioForm(forms.Form):
    """The legal entity that licenses are granted to."""

    name = forms.CharField(
        label=_("Name of the studio"),
        max_length=120,
        help_text=_("A company, or your own name: it stands on every certificate."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )


class SeatForm(forms.Form):
    """Somebody who has signed up, and what they may do."""

    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(
        label=_("May"),
        choices=[
            (Seat.BUYER, _("buy licenses and make keys")),
            (Seat.MEMBER, _("see licenses and download")),
            (Seat.OWNER, _("do all of it, and give seats")),
        ],
    )


class KeyForm(forms.Form):
    """What a key is for."""

    name = forms.CharField(label=_("What the key is for"), max_length=80)


class KeptCardForm(forms.Form):
    """A test card that a studio lets the sandbox keep."""

    card = forms.CharField(
        label=_("Card number"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "off", "class": "mono", "list": "test-cards"}
        ),
    )
