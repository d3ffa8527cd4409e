"""Terms of one's own, a field a dimension; what contradicts itself is said beside the field that it is about."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.document import UnableToReadTerms, terms_from
from marketplace.licensing.terms.model import Scope, Terms
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.terms.words import BANNED, FIELDS, HEADINGS, MEDIA
from marketplace.portal import words
from marketplace.ui import formats

EVERYTHING, ONLY, ALL_BUT = "everything", "only", "all_but"
_KINDS = [(EVERYTHING, _("Everything")), (ONLY, _("Only these")), (ALL_BUT, _("Everything but these"))]
_SCALES: Mapping[str, list[tuple[str, Any]]] = {
    "commercial": [
        ("none", _("None")),
        ("personal", _("By persons who work for themselves")),
        ("limited", _("Up to a revenue")),
        ("full", _("Whatever the revenue")),
    ],
    "derivatives": [("none", _("None")), ("private", _("For own projects")), ("share", _("May be shared and sold"))],
    "ai_training": [
        ("none", _("None")),
        ("own", _("Own models, for internal use")),
        ("share", _("Models may be shared")),
    ],
    "redistribution": [
        ("none", _("None")),
        ("in-product", _("Inside a finished product")),
        ("raw", _("As files of its own")),
    ],
    "output_owner": [
        ("licensee", _("To the licensee")),
        ("shared", _("To both together")),
        ("provider", _("To you, the creator")),
    ],
    "royalty_basis": [("revenue", _("Of revenue")), ("profit", _("Of profit"))],
}
# Where a mistake in a dimension is said, when no field has its name.
_PLACES = {"territory": "territory_codes", "fields": "fields_codes", "media": "media_codes", "royalty_ppb": "royalty"}
_SAME = ("seats", "sublicense_depth", "duration_days", "transferable", "exclusive", "approval_required")


def _heading(dimension: str) -> Any:
    return _(HEADINGS[dimension])


def _choice(dimension: str, **options: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=_heading(dimension), choices=_SCALES[dimension], **options)


def _number(label: Any, most: int, help_text: Any = "") -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"inputmode": "numeric", "class": "num"})
    return forms.IntegerField(label=label, min_value=0, max_value=most, help_text=help_text, widget=widget)


def _day(dimension: str) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=_heading(dimension), required=False, widget=widget, input_formats=["%Y-%m-%d"])


def _kind(label: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=_KINDS)


def _codes(label: Any, names: Mapping[str, str] | None = None) -> forms.MultipleChoiceField:
    widget = forms.CheckboxSelectMultiple if names else forms.SelectMultiple(attrs={"size": 6})
    choices = [(code, _(name)) for code, name in names.items()] if names else ()
    return forms.MultipleChoiceField(label=label, required=False, choices=choices, widget=widget)


class TermsForm(forms.Form):
    """Every dimension of terms; once it is valid, `terms` are what it says."""

    base = forms.ChoiceField(required=False, choices=[("", "")] + [(name, name) for name in READY])
    name = forms.CharField(
        label=_("Name"), max_length=40, required=False, help_text=_("Left empty, it is named by what it starts from.")
    )
    commercial = _choice("commercial")
    revenue_cap_usd = _number(_("Up to a revenue of, in US$ a year"), 2**53 - 1, _("0 where there is no such limit."))
    derivatives = _choice("derivatives")
    ai_training = _choice("ai_training")
    redistribution = _choice("redistribution")
    sublicense_depth = _number(
        _heading("sublicense_depth"), 255, _("How often it may be passed on: 0 is never, 255 without limit.")
    )
    transferable = forms.BooleanField(label=_("The license may be transferred"), required=False)
    seats = _number(_heading("seats"), 1_000_000, _("0 is any number."))
    exclusive = forms.BooleanField(label=_("Exclusive: nobody else is licensed for the same"), required=False)
    fields_kind = _kind(_heading("fields"))
    fields_codes = _codes(_("Which fields of use"), FIELDS)
    media_kind = _kind(_heading("media"))
    media_codes = _codes(_("Which media"), MEDIA)
    territory_kind = _kind(_heading("territory"))
    territory_codes = _codes(_("Which countries"))
    starts = _day("starts")
    ends = _day("ends")
    duration_days = _number(_("Days from the grant on"), 366 * 200, _("0 is without limit."))
    banned = _codes(_heading("banned"), BANNED)
    credit_required = forms.BooleanField(label=_("You must be credited"), required=False)
    credit_line = forms.CharField(label=_heading("credit_line"), max_length=200, required=False)
    approval_required = forms.BooleanField(label=_("You approve what is made before it is published"), required=False)
    output_owner = _choice("output_owner")
    share_alike = forms.CharField(
        label=_("Share-alike"),
        max_length=200,
        required=False,
        help_text=_("The one license under which changed works are shared, such as CC-BY-SA-4.0."),
    )
    royalty = forms.CharField(
        label=_("Royalty on works made from it, in percent"),
        max_length=14,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "class": "num"}),
    )
    royalty_basis = _choice("royalty_basis")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("use_required_attribute", False)
        super().__init__(*args, **kwargs)
        named = [(code, formats.country_text(code)) for code in vocabulary.TERRITORIES]
        self.fields["territory_codes"].choices = sorted(named, key=lambda row: row[1])  # type: ignore[attr-defined]
        self.terms: Terms | None = None

    def clean_royalty(self) -> int:
        text: str = self.cleaned_data["royalty"].strip() or "0"
        share_ppb = words.parse_percent(text)
        if share_ppb is None:
            raise forms.ValidationError(gettext("Write a percentage with at most 7 decimals, as in 12.5."))
        return share_ppb

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors:
            try:
                self.terms = terms_from(self._mapping(given))
            except UnableToReadTerms as error:
                for mistake in error.findings:
                    place = _PLACES.get(mistake.where, mistake.where)
                    self.add_error(place if place in self.fields else None, formats.sentence(mistake))
        return given

    def _mapping(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Writes what was given as `terms_from` reads it; limits that go with other choices go without them."""
        found: dict[str, Any] = {dimension: given[dimension] for dimension in (*_SCALES, *_SAME)}
        found |= {dimension: self._scope(dimension, given) for dimension in vocabulary.SCOPES}
        found |= {day: given[day].isoformat() if given[day] else "" for day in ("starts", "ends")}
        limited, royalty = given["commercial"] == "limited", given["royalty"]
        found |= {
            "base": given["base"],
            "revenue_cap_usd": given["revenue_cap_usd"] if limited else 0,
            "banned": given["banned"],
            "credit_required": given["credit_required"],
            "credit_line": given["credit_line"].strip() if given["credit_required"] else "",
            "share_alike": given["share_alike"].strip(),
            "royalty_ppb": royalty,
            "royalty_basis": given["royalty_basis"] if royalty else "revenue",
        }
        ready = READY.get(given["base"])
        name = given["name"].strip()
        return found if not name or (ready and name == ready.name) else found | {"name": name}

    @staticmethod
    def _scope(dimension: str, given: Mapping[str, Any]) -> dict[str, list[str]]:
        kind = given[f"{dimension}_kind"]
        return {"all_but": []} if kind == EVERYTHING else {kind: given[f"{dimension}_codes"]}

    def rows(self, names: Iterable[str]) -> list[Any]:
        """This will give the fields of a section."""
        return [self[name] for name in names]

    @property
    def what(self) -> list[Any]:
        names = ("commercial", "revenue_cap_usd", "derivatives", "ai_training", "redistribution", "sublicense_depth")
        return self.rows(names)

    @property
    def who(self) -> list[Any]:
        return self.rows(("seats", "duration_days", "starts", "ends"))

    @property
    def duties(self) -> list[Any]:
        return self.rows(("credit_line", "share_alike", "royalty", "royalty_basis", "output_owner"))

    @property
    def flags(self) -> list[Any]:
        return self.rows(("transferable", "exclusive", "credit_required", "approval_required"))

    @property
    def scopes(self) -> list[tuple[Any, Any]]:
        return [
            (self[f"{dimension}_kind"], self[f"{dimension}_codes"]) for dimension in ("territory", "fields", "media")
        ]


def initial_of(terms: Terms) -> dict[str, Any]:
    """This will fill the form with terms."""
    is_ready = READY.get(terms.name) == terms
    found: dict[str, Any] = {
        "base": terms.name if is_ready else "",
        "name": "" if is_ready else terms.name,
        "revenue_cap_usd": terms.revenue_cap_usd,
        "banned": sorted(terms.banned),
        "credit_required": terms.credit_required,
        "credit_line": terms.credit_line,
        "share_alike": terms.share_alike,
        "royalty": words.percent_input(terms.royalty_ppb) if terms.royalty_ppb else "",
        "starts": terms.starts,
        "ends": terms.ends,
    }
    found |= {dimension: getattr(terms, dimension) for dimension in (*_SCALES, *_SAME)}
    for dimension in vocabulary.SCOPES:
        scope: Scope = getattr(terms, dimension)
        kind = ONLY if not scope.all_but else ALL_BUT if scope.codes else EVERYTHING
        found |= {f"{dimension}_kind": kind, f"{dimension}_codes": sorted(scope.codes)}
    return found
