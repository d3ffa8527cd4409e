"""What an operator says of a refund."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.checkout.models import OrderLine
from marketplace.payouts.rules import UnreadableAmount, parse_amount
from marketplace.portal.forms.rows import unreadable_price
from marketplace.ui import formats


class FindForm(forms.Form):
    """Which order or order line."""

    of = forms.CharField(
        label=_("Order or order line"),
        help_text=_("Its id, as in a statement: order-line:…"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )


class RefundForm(forms.Form):
    """How much of an order line is given back, all that is left without it, and why.

    `seen` is how many refunds the line had when the operator looked, so that one confirmation gives back once.
    """

    amount = forms.CharField(
        label=_("Amount"),
        required=False,
        max_length=24,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "num"}),
    )
    reason = forms.CharField(
        label=_("Reason"), help_text=_("Whoever shares in the sale reads it in their statement."), max_length=200
    )
    seen = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, line: OrderLine, left_minor: int, **kwargs: Any) -> None:
        super().__init__(*args, use_required_attribute=False, **kwargs)
        self.currency, self.left_minor = line.order.currency, left_minor
        left = formats.money_text(left_minor, self.currency)
        self.fields["amount"].help_text = _("Up to %(left)s; leave it empty to give back all of that.") % {"left": left}

    def clean_amount(self) -> int:
        """This will read the amount as minor units, all that is left for none."""
        text = self.cleaned_data["amount"].strip()
        if not text:
            return self.left_minor
        try:
            amount_minor = parse_amount(text, self.currency)
        except UnreadableAmount:
            raise forms.ValidationError(unreadable_price(text, self.currency)) from None
        if not 0 < amount_minor <= self.left_minor:
            left = formats.money_text(self.left_minor, self.currency)
            raise forms.ValidationError(_("Give back more than zero and no more than %(left)s."), params={"left": left})
        return amount_minor
