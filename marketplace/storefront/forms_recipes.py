"""A recipe as somebody composes it: its text, for what it is used, the pictures of its masks, and how it is kept."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from marketplace.compositions.keeping import MOST_TITLE
from marketplace.compositions.notation.reading import MOST_LAYERS
from marketplace.licensing.pricing import Size
from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.model import Scope, Use
from marketplace.payouts.rules import CURRENCIES
from marketplace.people.models import Studio
from marketplace.storefront.forms_use import UseFields

_MASK = re.compile(r"([0-9a-f]{64}) ([^\x00-\x1f\x7f]{1,200})")
_MOST_PREFERRED = 64
ASKED = (
    *("studio", "project", "currency", "fields_of_use", "media", "commercial", "revenue_usd", "derivatives"),
    *("redistribution", "ai_training", "seats", "countries", "starts", "ends", "content", "output_owner"),
    *("share_alike", "exclusive", "credited", "approved", "mask", "prefer"),
)
"""What is asked about a recipe, besides its text, as addresses and forms name it."""


class RecipeText(forms.CharField):
    """A recipe's text as it was typed, with line feeds for the ends of lines; the notation itself refuses signs."""

    widget = forms.Textarea

    def __init__(self, **given: Any) -> None:
        super().__init__(required=False, strip=False, **given)
        self.validators = []

    def to_python(self, value: Any) -> str:
        """This will give the text with the ends of lines that it had before the browser sent it."""
        return str(value or "").replace("\r\n", "\n")


class RecipeForm(UseFields):
    """A text, who asks for which use, and under which title it is kept.

    `mask` (a SHA-256, a blank and the name in the recipe) and `prefer` (an offer) may be given several times.
    """

    text = RecipeText(label=_("Recipe"))
    title = forms.CharField(label=_("Title"), max_length=MOST_TITLE, required=False)
    keep_for = forms.ChoiceField(label=_("Keep it for"), required=False)
    recipe = forms.UUIDField(required=False, widget=forms.HiddenInput)
    after = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    currency = forms.ChoiceField(label=_("Currency of what is bought"), required=False)

    field_order = ("text", "studio", "project")

    def __init__(self, data: QueryDict, *, studios: Sequence[Studio], size: Size | None = None) -> None:
        super().__init__(least_of(data, size), studios=studios)
        self.studios = studios
        studio = self.fields["studio"]
        studio.required = bool(studios)
        if len(studios) > 1:
            self.data.setdefault("studio", str(studios[0].pk))
        text, title = self.fields["text"].widget, self.fields["title"].widget
        text.attrs |= {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off", "autocorrect": "off"}
        text.attrs |= {"rows": "16", "class": "mono", "aria-describedby": "id_text_help"}
        title.attrs |= {"autocomplete": "off"}
        keep_for = [("", _("Myself alone")), *((str(one.pk), one.name) for one in studios)]
        self.fields["keep_for"].choices = keep_for  # type: ignore[attr-defined]
        currencies = [("", _("Whichever most packs have")), *((code, code) for code in CURRENCIES)]
        self.fields["currency"].choices = currencies  # type: ignore[attr-defined]

    @property
    def masks(self) -> dict[str, str]:
        """The SHA-256 of masks by the names that the recipe has for them."""
        return masks_in(self.data)

    @property
    def prefer(self) -> list[UUID]:
        """The offers that are taken before others."""
        found = []
        for one in self.data.getlist("prefer")[:_MOST_PREFERRED]:
            try:
                found.append(UUID(one))
            except ValueError:
                continue
        return found

    def wanted(self, now: datetime) -> dict[str, Any]:
        """This will give what a valid form asks about its recipe, as `check_text` takes it."""
        given, use = self.cleaned_data, self.use()
        if use.ends and not use.starts:
            use = replace(use, starts=min(now.date().isoformat(), use.ends))
        return {
            "use": use,
            "studio": given.get("studio"),
            "project": given.get("project"),
            "currency": given["currency"],
            "masks": self.masks,
            "prefer": self.prefer,
        }

    def keeper(self) -> Studio | None:
        """This will find the studio that the recipe is kept for; none where it is for its author alone."""
        return next((one for one in self.studios if str(one.pk) == self.cleaned_data["keep_for"]), None)

    def asked(self) -> str:
        """This will write what is asked, besides the text, as the query of an address."""
        kept = QueryDict(mutable=True)
        for name in ASKED:
            values = [value for value in self.data.getlist(name) if value]
            if values:
                kept.setlist(name, values)
        return kept.urlencode()


def masks_in(data: QueryDict) -> dict[str, str]:
    """This will read the SHA-256 of masks by the names that a recipe has for them."""
    found = [_MASK.fullmatch(one) for one in data.getlist("mask")[: 2 * MOST_LAYERS]]
    return {match[2]: match[1] for match in found if match}


def least_of(data: QueryDict, size: Size | None) -> QueryDict:
    """This will give what was sent, or, where nothing says what it is for, a film and its pictures by that studio."""
    given = data.copy()
    if "commercial" in given or "fields_of_use" in given:
        return given
    given.setlist("fields_of_use", ["film"])
    given.setlist("media", ["still-image", "video"])
    given["derivatives"], given["credited"] = "private", "on"
    if size is not None:
        given["commercial"], given["revenue_usd"] = "limited", str(size.revenue_usd)
    return given


def use_values(use: Use) -> Mapping[str, list[str]]:
    """This will give a use as the form has it, so that a smaller one can be asked for."""
    values: dict[str, list[str]] = {
        name: [getattr(use, name)]
        for name in ("commercial", "derivatives", "redistribution", "ai_training", "starts", "ends")
    }
    values |= {name: [getattr(use, name)] for name in ("output_owner", "share_alike")}
    values |= {"revenue_usd": [str(use.revenue_usd or "")], "seats": [str(use.seats)]}
    values |= {name: ["on"] if getattr(use, name) else [] for name in ("exclusive", "credited", "approved")}
    everywhere = use.territory == Scope(all_but=True)
    values["countries"] = [] if everywhere else sorted(use.territory.within(frozenset(vocabulary.TERRITORIES)))
    values["fields_of_use"] = sorted(use.fields.within(vocabulary.FIELDS))
    values["media"] = sorted(use.media.within(vocabulary.MEDIA))
    values["content"] = sorted(use.content)
    return values
