"""What an operator found at a payment provider that is not used here any more."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from marketplace.checkout.left_behind import MOST_REASON, MOST_REFERENCE
from marketplace.checkout.left_models import AttemptFound, ReturnFound


class FoundForm(forms.Form):
    """What the provider did about a try, its name for the money, and where that was seen."""

    found = forms.ChoiceField(
        label=_("What did the payment provider do?"),
        choices=[
            (AttemptFound.NOT_TAKEN, _("It took no money, and will take none.")),
            (AttemptFound.TAKEN, _("It took the money: that pays the order.")),
            (AttemptFound.GIVEN_BACK, _("It took the money, and I gave it back there.")),
        ],
        widget=forms.RadioSelect,
    )
    reference = forms.CharField(
        label=_("What it calls the payment"),
        required=False,
        max_length=MOST_REFERENCE,
        help_text=_("For instance ch_…; not where no money was taken."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )
    reason = forms.CharField(
        label=_("What you saw, and where"),
        max_length=MOST_REASON,
        help_text=_("It is kept with your name. For instance: canceled in its dashboard on 12 March."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, use_required_attribute=False, **kwargs)

    def clean(self) -> dict[str, Any]:
        """This will ask for the name of money that was taken."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("found") in (AttemptFound.TAKEN, AttemptFound.GIVEN_BACK) and not given.get("reference"):
            self.add_error("reference", gettext("Say what the payment provider calls the payment."))
        return given


_BACK = (ReturnFound.WENT_BACK, _("It gave the money back."))
OF_REFUND = [
    _BACK,
    (ReturnFound.NOT_BACK, _("It did not give the money back, and will not.")),
    (ReturnFound.OTHERWISE, _("It did not, and I gave the money another way, from our bank account.")),
]
OF_STRAY = [
    _BACK,
    (ReturnFound.NOT_BACK, _("It did not give the money back, and will not: its payer gets it another way.")),
]


class ReturnFoundForm(forms.Form):
    """What became of money on its way back, what that is called, and where it was seen."""

    found = forms.ChoiceField(label=_("What did the payment provider do?"), widget=forms.RadioSelect)
    reference = forms.CharField(
        label=_("What it calls the refund, or how you gave the money"),
        required=False,
        max_length=MOST_REFERENCE,
        help_text=_("For instance re_…, or: transfer of 12 March to DE89 …; not where nothing was given back."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )
    reason = forms.CharField(
        label=_("What you saw, and where"),
        max_length=MOST_REASON,
        help_text=_("It is kept with your name. For instance: refunded in its dashboard on 12 March."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, choices: Sequence[tuple[str, Any]], known: str, **kwargs: Any) -> None:
        super().__init__(*args, use_required_attribute=False, **kwargs)
        self.known = known
        self.fields["found"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """This will ask for a name where none is known, and for how money was given another way."""
        given: dict[str, Any] = super().clean() or {}
        is_back = given.get("found") == ReturnFound.WENT_BACK
        needs = given.get("found") == ReturnFound.OTHERWISE or (is_back and not self.known)
        if needs and not given.get("reference") and "reference" not in self.errors:
            said = gettext("Say what the payment provider calls the refund.")
            self.add_error("reference", said if is_back else gettext("Say how you gave the money."))
        return given
