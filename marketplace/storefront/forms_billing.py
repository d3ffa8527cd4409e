"""Whom a studio's invoices are made out to."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.checkout.billing_details import MOST
from marketplace.licensing.words import countries


class BillingForm(forms.Form):
    """Name, address and numbers; an invoice needs all but the last ones."""

    name = forms.CharField(
        label=_("Name on the invoice"),
        max_length=MOST["name"],
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    street = forms.CharField(
        label=_("Street and number"),
        max_length=MOST["street"],
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "street-address"}),
    )
    postcode = forms.CharField(
        label=_("Postcode"),
        max_length=MOST["postcode"],
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )
    city = forms.CharField(
        label=_("City"),
        max_length=MOST["city"],
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-level2"}),
    )
    region = forms.CharField(
        label=_("State or region"),
        max_length=MOST["region"],
        required=False,
        help_text=_("Its code, such as BC for British Columbia; where taxes go by it."),
        widget=forms.TextInput(attrs={"autocomplete": "address-level1"}),
    )
    country = forms.ChoiceField(label=_("Country"), help_text=_("Taxes go by it."))
    vat_id = forms.CharField(
        label=_("VAT id"),
        max_length=40,
        required=False,
        help_text=_("Of a business; with its country’s letters, such as DE123456789."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "mono"}),
    )
    email = forms.EmailField(label=_("E-mail for invoices"), max_length=MOST["email"], required=False)
    reference = forms.CharField(
        label=_("Your reference"),
        max_length=MOST["reference"],
        required=False,
        help_text=_("Stands on each paper, such as a cost center."),
    )

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.fields["country"].choices = [("", "—"), *countries()]  # type: ignore[attr-defined]
