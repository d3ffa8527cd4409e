"""What somebody wants to do with something: a use, asked for in words, in the address of the page."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.licensing.holdings import Project
from marketplace.licensing.terms.model import CAP_LIMIT_USD, EVERYTHING, SEATS_LIMIT, Scope, Use
from marketplace.licensing.terms.using import UnreadableUse
from marketplace.people.models import Studio
from marketplace.storefront import words_held as words
from marketplace.storefront.forms import VerifyForm
from marketplace.ui.formats import sentence


def _scale(label: object, names: words.Names) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=list(names.items()))  # type: ignore[arg-type]


def _several(label: object, **given: Any) -> forms.MultipleChoiceField:
    given = {"widget": forms.CheckboxSelectMultiple, "required": False} | given
    return forms.MultipleChoiceField(label=label, **given)  # type: ignore[arg-type]


def _day(label: object, help_text: object) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(
        label=label,  # type: ignore[arg-type]
        required=False,
        widget=widget,
        input_formats=["%Y-%m-%d"],
        help_text=help_text,  # type: ignore[arg-type]
    )


_LEAST = {
    "commercial": words.COMMERCIAL,
    "derivatives": words.DERIVATIVES,
    "redistribution": words.REDISTRIBUTION,
    "ai_training": words.AI_TRAINING,
    "output_owner": words.OUTPUT_OWNERS,
}


_PLACES = {"territory": "countries", "fields": "fields_of_use"}
"""What a dimension of a use is called in the form, where that differs."""


class UseFields(forms.Form):
    """Who asks, and what they want to do with something; what is left out is not needed."""

    studio = forms.ModelChoiceField(Studio.objects.none(), label=_("Studio"), empty_label=None)
    project = forms.ModelChoiceField(
        Project.objects.none(), label=_("Project"), required=False, empty_label=_("No project of its own")
    )
    fields_of_use = _several(
        _("What do you make?"),
        required=True,
        error_messages={"required": _("Choose at least one: what is for nothing cannot be judged.")},
    )
    media = _several(
        _("In which form?"),
        required=True,
        error_messages={"required": _("Choose at least one: what has no form cannot be judged.")},
    )
    commercial = _scale(_("Who earns with it?"), words.COMMERCIAL)
    revenue_usd = forms.IntegerField(
        label=_("Revenue a year in US dollars"),
        required=False,
        min_value=0,
        max_value=CAP_LIMIT_USD,
        help_text=_("Only where a company earns with it, up to a revenue."),
    )
    derivatives = _scale(_("Changes"), words.DERIVATIVES)
    redistribution = _scale(_("Passing on"), words.REDISTRIBUTION)
    ai_training = _scale(_("AI training"), words.AI_TRAINING)
    seats = forms.IntegerField(label=_("People who work with the files"), min_value=1, max_value=SEATS_LIMIT, initial=1)
    countries = _several(
        _("Only in some countries"),
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=_("None chosen means everywhere."),
    )
    starts = _day(_("First day"), _("Empty means today."))
    ends = _day(_("Last day"), _("Without one: today, or for ever where there is a first day."))
    content = _several(_("It has to do with"))
    output_owner = _scale(_("Ownership of results"), words.OUTPUT_OWNERS)
    share_alike = forms.CharField(
        label=_("License under which you share it"),
        required=False,
        max_length=200,
        help_text=_("Such as CC-BY-SA-4.0, where you share what you made."),
    )
    exclusive = forms.BooleanField(label=_("Nobody else may use it so"), required=False)
    credited = forms.BooleanField(label=_("We name the creator"), required=False, initial=True)
    approved = forms.BooleanField(label=_("The creator has approved it"), required=False)

    def __init__(self, *args: Any, studios: Sequence[Studio], **given: Any) -> None:
        super().__init__(*args, **given)
        if self.is_bound:
            # What an address leaves out is the least.
            least = {name: next(iter(names)) for name, names in _LEAST.items()} | {"seats": "1"}
            self.data = self.data.copy()
            for name, value in (least | ({"studio": str(studios[0].pk)} if len(studios) == 1 else {})).items():
                self.data.setdefault(name, value)
        ids = [one.pk for one in studios]
        self.fields["studio"].queryset = Studio.objects.filter(pk__in=ids).order_by("name", "id")  # type: ignore[attr-defined]
        projects = Project.objects.filter(studio__in=ids).order_by("name", "id")
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]
        if len(studios) == 1:
            self.fields["studio"].widget = forms.HiddenInput()
            self.fields["studio"].initial = studios[0].pk
        choices = {
            "fields_of_use": words.fields(),
            "media": words.media(),
            "countries": words.countries(),
            "content": words.banned(),
        }
        for name, rows in choices.items():
            self.fields[name].choices = rows  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuses what does not go together."""
        given = super().clean() or self.cleaned_data
        project, studio = given.get("project"), given.get("studio")
        if project is not None and studio is not None and project.studio_id != studio.pk:
            self.add_error("project", _("This project is another studio's: choose one of %s.") % studio.name)
        if given.get("starts") and given.get("ends") and given["starts"] > given["ends"]:
            self.add_error("ends", _("The last day is before the first one."))
        if given.get("commercial") == "limited" and given.get("revenue_usd") is None:
            self.add_error("revenue_usd", _("Say how much the company takes in a year."))
        return given

    def refuse(self, error: UnreadableUse) -> None:
        """This will say, at its field, why a use cannot be judged."""
        place = _PLACES.get(error.dimension, error.dimension)
        self.add_error(place if place in self.fields else None, sentence(error))

    def use(self) -> Use:
        """This will give what was asked for as a use; days only where they were given."""
        given = self.cleaned_data
        countries = frozenset(given["countries"])
        return Use(
            commercial=given["commercial"],
            revenue_usd=given["revenue_usd"] or 0 if given["commercial"] == "limited" else 0,
            derivatives=given["derivatives"],
            ai_training=given["ai_training"],
            redistribution=given["redistribution"],
            seats=given["seats"],
            exclusive=given["exclusive"],
            territory=Scope(countries) if countries else EVERYTHING,
            fields=Scope(frozenset(given["fields_of_use"])),
            media=Scope(frozenset(given["media"])),
            starts=given["starts"].isoformat() if given["starts"] else "",
            ends=given["ends"].isoformat() if given["ends"] else "",
            content=frozenset(given["content"]),
            approved=given["approved"],
            credited=given["credited"],
            output_owner=given["output_owner"],
            share_alike=given["share_alike"],
        )


class UseForm(UseFields, VerifyForm):
    """A digest, who asks, and what they want to do with it."""

    looks = None  # type: ignore[assignment]
    digest = forms.CharField(
        label=_("SHA-256 of the file or of the release"),
        max_length=200,
        help_text=_("64 hexadecimal digits, as sha256sum prints them."),
        widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    me = forms.BooleanField(label=_("Look also whether I have a seat"), required=False)

    field_order = ("digest", "studio", "project")
