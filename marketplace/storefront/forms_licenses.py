"""What a studio types about the licenses that it holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.catalog.models import Release
from marketplace.licensing.holdings import Project, SeatAssignment
from marketplace.licensing.models import Grant
from marketplace.licensing.queries import STATES
from marketplace.payouts.rules import UnreadableAmount, exponent_of, parse_amount
from marketplace.people.models import Seat, Studio
from marketplace.storefront import words_held as words
from marketplace.ui.formats import choose_title, sentence

_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def _day(label: object, **given: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=_DAY, input_formats=["%Y-%m-%d"], **given)  # type: ignore[arg-type]


class FilterForm(forms.Form):
    """The filters of the license list, in the address; a value that is not there narrows nothing."""

    studio = forms.ChoiceField(label=_("Studio"), required=False)
    project = forms.ChoiceField(label=_("Project"), required=False)
    state = forms.ChoiceField(label=_("State"), required=False)
    pack = forms.ChoiceField(label=_("Pack"), required=False)
    cursor = forms.RegexField(r"^\S{1,120}$", required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, studios: Sequence[Studio], projects: Sequence[Project], packs: Sequence[Release], **given: Any
    ) -> None:
        super().__init__(*args, **given)
        states = [(state, words.STATES[state]) for state in STATES]
        choices: dict[str, list[tuple[str, Any]]] = {
            "studio": [(str(studio.pk), studio.name) for studio in studios] if len(studios) > 1 else [],
            "project": [(str(project.pk), project.name) for project in projects],
            "state": [states[0], (words.ENDING, words.STATES[words.ENDING]), *states[1:]],
            "pack": [(str(release.pack), choose_title(release.title)[0]) for release in packs],
        }
        for name, rows in choices.items():
            if rows:
                self.fields[name].choices = [("", _("All")), *rows]  # type: ignore[attr-defined]
            else:
                del self.fields[name]

    def read(self) -> dict[str, str]:
        """This will give what was chosen, without what was not or cannot be."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class SeatForm(forms.Form):
    """Who of the studio gets a seat."""

    person = forms.TypedChoiceField(label=_("Person"), coerce=UUID)

    def __init__(self, *args: Any, members: Sequence[Seat], taken: Sequence[SeatAssignment], **given: Any) -> None:
        super().__init__(*args, **given)
        seated = {one.person_id for one in taken}
        self.free = [seat for seat in members if seat.person_id not in seated]
        self.fields["person"].choices = [  # type: ignore[attr-defined]
            (str(seat.person_id), f"{seat.person.display_name} · {seat.person.email}") for seat in self.free
        ]


class SubscriptionForm(forms.Form):
    """How many seats a subscription has; `key` lets the same form be paid once."""

    seats = forms.IntegerField(label=_("Seats"), min_value=1, max_value=1_000_000)
    key = forms.CharField(widget=forms.HiddenInput, max_length=200)

    def anew(self) -> "SubscriptionForm":
        """This will give the same form under another key: the former one stands for the order that was refused."""
        return SubscriptionForm({"seats": self.data.get("seats", ""), "key": str(uuid4())})


class UsageForm(forms.Form):
    """What was used or earned in some days; `key` lets the same form count once."""

    from_day = _day(_("First day"))
    until_day = _day(_("Last day"))
    quantity = forms.CharField(max_length=24, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    note = forms.CharField(label=_("Note"), max_length=200, required=False)
    key = forms.CharField(widget=forms.HiddenInput, max_length=200)

    def __init__(self, *args: Any, grant: Grant, **given: Any) -> None:
        given.setdefault("initial", {"key": str(uuid4())})
        super().__init__(*args, auto_id="use_%s", **given)
        self.offer = grant.offer
        if self.offer.model == "metered":
            self.fields["quantity"].label = self.offer.unit
            self.fields["quantity"].help_text = _("A whole number of what the price counts.")
        else:
            self.fields["quantity"].label = _("Revenue in %(currency)s") % {"currency": self.offer.currency}
            self.fields["quantity"].help_text = _("What you earned with it in these days, before costs.")

    def clean_quantity(self) -> int:
        text: str = self.cleaned_data["quantity"].strip().replace(",", "")
        if self.offer.model == "metered":
            if not text.isascii() or not text.isdigit():
                raise forms.ValidationError(_("Give a whole number, such as 1200."))
            return int(text)
        return _amount(text, self.offer.currency)


def _amount(text: str, currency: str) -> int:
    try:
        return parse_amount(text, currency)
    except UnreadableAmount as error:
        raise forms.ValidationError(sentence(error)) from None


class PassOnForm(forms.Form):
    """To whom a license goes: a studio by its number, and its name as a check that it is the right one."""

    number = forms.UUIDField(
        label=_("Number of the other studio"),
        help_text=_("They find it in their studio console, under legal entity and size."),
        widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    name = forms.CharField(
        label=_("Name of the other studio"),
        max_length=120,
        help_text=_("To confirm: exactly as they write it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ProjectForm(forms.Form):
    """A project's name, and whose it is."""

    name = forms.CharField(label=_("Name of the project"), max_length=120)
    studio = forms.ModelChoiceField(Studio.objects.none(), label=_("Studio"), empty_label=None)

    def __init__(self, *args: Any, studios: Sequence[Studio], **given: Any) -> None:
        super().__init__(*args, **given)
        self.fields["studio"].queryset = Studio.objects.filter(pk__in=[one.pk for one in studios])  # type: ignore[attr-defined]
        if len(studios) == 1:
            self.fields["studio"].widget = forms.HiddenInput()
            self.fields["studio"].initial = studios[0].pk


class QuoteForm(forms.Form):
    """A question for a price."""

    studio = forms.ModelChoiceField(Studio.objects.none(), label=_("Studio"), empty_label=None)
    project = forms.ModelChoiceField(
        Project.objects.none(), label=_("Project"), required=False, empty_label=_("All projects")
    )
    seats = forms.IntegerField(label=_("Seats"), min_value=1, max_value=1_000_000, initial=1)
    message = forms.CharField(
        label=_("Message"),
        max_length=2000,
        required=False,
        help_text=_("What you need it for, and what you would pay."),
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, *args: Any, studios: Sequence[Studio], **given: Any) -> None:
        super().__init__(*args, **given)
        ids = [one.pk for one in studios]
        self.fields["studio"].queryset = Studio.objects.filter(pk__in=ids).order_by("name", "id")  # type: ignore[attr-defined]
        self.fields["project"].queryset = Project.objects.filter(studio__in=ids).order_by("name", "id")  # type: ignore[attr-defined]
        if len(studios) == 1:
            self.fields["studio"].widget = forms.HiddenInput()
            self.fields["studio"].initial = studios[0].pk


class CounterForm(forms.Form):
    """A price from the studio, good until the end of a day in UTC."""

    price = forms.CharField(max_length=24, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    seats = forms.IntegerField(label=_("Seats"), min_value=1, max_value=1_000_000)
    valid_until = _day(_("Good until"))
    message = forms.CharField(label=_("Message"), max_length=2000, required=False, widget=forms.Textarea({"rows": 3}))

    def __init__(self, *args: Any, currency: str, **given: Any) -> None:
        super().__init__(*args, **given)
        self.currency = currency
        self.fields["price"].label = _("Your price in %(currency)s") % {"currency": currency}
        if exponent_of(currency):
            self.fields["price"].help_text = _("For all seats together, such as 1200.00.")

    def clean_price(self) -> int:
        return _amount(self.cleaned_data["price"].strip().replace(",", ""), self.currency)


class EntityForm(forms.Form):
    """Which legal entity a studio is."""

    legal_name = forms.CharField(
        label=_("Legal name"),
        max_length=120,
        required=False,
        help_text=_("Certificates name it from now on; without it, the name of the studio."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    country = forms.ChoiceField(label=_("Country"), required=False)
    registration = forms.CharField(
        label=_("Registration or tax number"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.fields["country"].choices = [("", "—"), *words.countries()]  # type: ignore[attr-defined]


class SizeForm(forms.Form):
    """How large a studio is, by which some prices go."""

    people = forms.IntegerField(label=_("People who work there"), min_value=1)
    revenue_usd = forms.IntegerField(
        label=_("Revenue of the last business year in US dollars"),
        min_value=0,
        help_text=_("Whole dollars; convert other currencies at the rate of the year's last day."),
    )


def end_of_day(day: Any, now: datetime) -> datetime:
    """This will give the last second of a day in UTC."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=now.tzinfo)
