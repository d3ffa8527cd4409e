"""What a creator says for the tax office, read once."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.licensing.words import countries
from marketplace.payouts.tax_rules import LIMITS, TaxNumber, TaxPerson, masked
from marketplace.ui.formats import sentence

NUMBER_ROWS = 3
_SECRET = ("vat_id", "account", "birth_date", "birth_place")


class TaxForm(forms.Form):
    """Who is paid. What was said before is shown but for its numbers, which are written anew each time."""

    kind = forms.ChoiceField(
        label=_("You sell as"),
        choices=[("individual", _("a person")), ("entity", _("a company"))],
        widget=forms.RadioSelect,
        initial="individual",
    )
    legal_name = forms.CharField(
        label=_("Full legal name"),
        max_length=LIMITS["legal_name"],
        help_text=_("As it stands in official papers."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    street = forms.CharField(
        label=_("Street and number"),
        max_length=LIMITS["street"],
        widget=forms.TextInput(attrs={"autocomplete": "street-address"}),
    )
    postal_code = forms.CharField(
        label=_("Postal code"),
        max_length=LIMITS["postal_code"],
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )
    city = forms.CharField(
        label=_("Town"), max_length=LIMITS["city"], widget=forms.TextInput(attrs={"autocomplete": "address-level2"})
    )
    region = forms.CharField(
        label=_("State or province"),
        max_length=LIMITS["region"],
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-level1"}),
    )
    country = forms.ChoiceField(label=_("Country of residence"), widget=forms.Select(attrs={"autocomplete": "country"}))
    birth_date = forms.CharField(
        label=_("Date of birth"), required=False, help_text=_("A person’s; for example 1990-12-31."), max_length=10
    )
    birth_place = forms.CharField(
        label=_("Place of birth"),
        required=False,
        max_length=LIMITS["birth_place"],
        help_text=_("Where you have no tax number."),
    )
    registration = forms.CharField(
        label=_("Number in a public register"),
        required=False,
        max_length=LIMITS["registration"],
        help_text=_("A company’s."),
    )
    vat_id = forms.CharField(label=_("VAT id"), required=False, max_length=LIMITS["vat_id"])
    account = forms.CharField(
        label=_("Account that you are paid to"),
        required=False,
        max_length=LIMITS["account"],
        help_text=_("An IBAN, or its number."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    account_holder = forms.CharField(
        label=_("Its holder, if it is not you"), required=False, max_length=LIMITS["account_holder"]
    )

    def __init__(self, data: Any = None, *, before: TaxPerson | None = None) -> None:
        known = {name: getattr(before, name) for name in self.base_fields if name not in _SECRET} if before else {}
        super().__init__(data, initial=known)
        choices = [("", "—"), *countries()]
        self.fields["country"].choices = choices  # type: ignore[attr-defined]
        for row in range(NUMBER_ROWS):
            of = forms.ChoiceField(label=_("Tax number’s country"), required=False, choices=choices)
            plain = forms.TextInput(attrs={"autocomplete": "off"})
            number = forms.CharField(label=_("Tax number"), required=False, max_length=40, widget=plain)
            self.fields[f"number_country_{row}"], self.fields[f"number_{row}"] = of, number

    @property
    def rows(self) -> list[tuple[Any, Any]]:
        """The fields of tax numbers: (country, number)."""
        return [(self[f"number_country_{row}"], self[f"number_{row}"]) for row in range(NUMBER_ROWS)]

    def person(self) -> TaxPerson:
        """Return what was said; the form must be valid."""
        told = self.cleaned_data
        numbers = tuple(
            TaxNumber(told[f"number_country_{row}"], told[f"number_{row}"])
            for row in range(NUMBER_ROWS)
            if told[f"number_{row}"] or told[f"number_country_{row}"]
        )
        return TaxPerson(**{name: told[name] for name in self.base_fields}, numbers=numbers)

    def refuse(self, findings: Any) -> None:
        """Put what was found wrong beside its field."""
        for finding in findings:
            where = "number_0" if finding.where == "numbers" else finding.where
            self.add_error(where, sentence(finding))


def shown(person: TaxPerson) -> list[tuple[str, str]]:
    """Return what a creator sees of what they said: (name, text), numbers by their last four signs."""
    labels = {name: field.label for name, field in TaxForm.base_fields.items()}
    rows = [(labels[name], masked(getattr(person, name))) for name in ("vat_id", "account") if getattr(person, name)]
    return [*((f"{_('Tax number')} {one.country}", masked(one.number)) for one in person.numbers), *rows]
