"""The form by which a recipe is published as a pack: its text, what it is called, what its makers keep, its offers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from marketplace.compositions.composing import Contracts
from marketplace.compositions.drafting import About
from marketplace.compositions.notation.reading import MOST_BYTES
from marketplace.intake.rules import DraftOffer
from marketplace.payouts.rules import WHOLE_PPB, UnreadableAmount, parse_amount
from marketplace.payouts.splitting import RELATIVE
from marketplace.portal import words
from marketplace.portal.forms.publication import Problem, tags_in, texts
from marketplace.portal.forms.rows import (
    CURRENCY_CHOICES,
    DetailsForm,
    offer_rows,
    offers_in,
    share_mode,
    unreadable_price,
)

OWN_SHARE = "40"
"""What makers keep in percent, where they have not said."""
# Where a finding about a draft belongs on the page, when it is not a field's own name.
_FIELDS = {"title": "title_en", "summary": "summary_en", "files": "cover", "derived_from": "recipe"}


class CompositionForm(DetailsForm):
    """What a composition is called, its recipe, and how a sale is shared out."""

    kind = content = previews = keep = base = base_model = None  # type: ignore[assignment]
    recipe = forms.CharField(
        label=_("Recipe"),
        max_length=MOST_BYTES,
        strip=False,
        help_text=_(
            "It is published with exact versions, and anybody can open it. Of masks only their size goes along."
        ),
        widget=forms.Textarea(attrs={"class": "mono", "rows": 10, "spellcheck": "false"}),
        error_messages={"required": _("A recipe is missing: write one, or begin with one of your locks.")},
    )
    own_share = forms.CharField(
        label=_("What you keep"),
        max_length=14,
        initial=OWN_SHARE,
        help_text=_("Of each sale, after our fee. The packs in it share the rest by their part of the picture."),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "num"}),
        error_messages={"required": _("Fill this in.")},
    )
    mode = share_mode(_("How the packs share"))
    unit = forms.CharField(
        label=_("Unit"), max_length=40, required=False, help_text=_("What is counted, as in image."), empty_value=""
    )
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCY_CHOICES, required=False)
    fees = forms.CharField(
        label=_("Fees"),
        max_length=20_000,
        required=False,
        help_text=_("A pack and its fee in each line, as in: creator/pack 0.02"),
        widget=forms.Textarea(attrs={"class": "mono", "rows": 3, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cover"].required = True

    def clean_own_share(self) -> int:
        text: str = self.cleaned_data["own_share"]
        share_ppb = words.parse_percent(text)
        if not share_ppb or share_ppb >= WHOLE_PPB:
            raise forms.ValidationError(
                _("“%(text)s” is not what you can keep: write a percentage above 0 and below 100, as in 40."),
                params={"text": text[:20]},
            )
        return share_ppb

    def clean_mode(self) -> str:
        return self.cleaned_data["mode"] or RELATIVE

    def clean_recipe(self) -> str:
        text: str = self.cleaned_data["recipe"]
        return text.replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        given["amounts"] = {}
        for line in given.get("fees", "").splitlines():
            pack, _blank, amount = line.strip().partition(" ")
            if not pack:
                continue
            try:
                given["amounts"][pack] = parse_amount(amount.strip(), given.get("currency") or "USD")
            except UnreadableAmount:
                self.add_error("fees", unreadable_price(amount.strip(), given.get("currency") or "USD"))
        if given["amounts"] and not given.get("unit", "").strip():
            self.add_error("unit", _("Say for which unit the fees are, as in image."))
        return given


class Composition:
    """Everything that the page asks for; `start` fills in what is not sent yet."""

    def __init__(
        self,
        *,
        data: QueryDict | None = None,
        files: "MultiValueDict[str, Any] | None" = None,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        initial = {"made_by": "human", "ai_training": "not-allowed", **(start or {})}
        self.details = CompositionForm(data, files, initial=initial, use_required_attribute=False)
        self.offers = offer_rows(data, {})
        self.sections: dict[str, list[str]] = {}

    def is_valid(self, *, is_preview: bool = False) -> bool:
        """This will tell whether all can be read; a preview needs the recipe and the shares alone."""
        if is_preview:
            self.details.is_valid()
            for name in list(self.details.errors):
                if name not in ("recipe", "own_share", "mode", "fees", "unit"):
                    del self.details.errors[name]
            return not self.details.errors
        valid = [part.is_valid() for part in (self.details, *self.offers.values())]
        return all(valid)

    @property
    def cover(self) -> Any:
        """The picture that was chosen, if one was."""
        return self.details.cleaned_data.get("cover")

    def about(self) -> About:
        """This will give what the form says of the composition."""
        given = self.details.cleaned_data
        return About(
            handle=given.get("handle", "").strip(),
            version=given.get("version", "").strip(),
            title=texts(given.get("title_en", ""), given.get("title_zh", "")),
            summary=texts(given.get("summary_en", ""), given.get("summary_zh", "")),
            tags=tags_in(given.get("tags", "")),
            cover=str(self.cover.name) if self.cover else "cover.png",
            own_share_ppb=given.get("own_share") or 0,
            mode=given.get("mode") or RELATIVE,
            made_by=given.get("made_by", "human"),
            ai_training=given.get("ai_training", "not-allowed"),
        )

    def recipe(self) -> str:
        """This will give the text of the recipe."""
        return str(self.details.cleaned_data.get("recipe", ""))

    def read_offers(self) -> list[DraftOffer]:
        """This will give the offers that can be read."""
        return offers_in(self.offers)

    def contracts(self, digests: Mapping[str, str]) -> Contracts:
        """This will give the fees by releases, whose digests are in `digests` by pack; strangers stay as they are."""
        given = self.details.cleaned_data
        amounts: Mapping[str, int] = given.get("amounts", {})
        if not amounts:
            return Contracts()
        fees = {digests.get(pack.lstrip("@"), pack): minor for pack, minor in amounts.items()}
        return Contracts(given.get("unit", "").strip(), given.get("currency", ""), fees)

    def refuse(self, findings: Iterable[tuple[str, str]]) -> None:
        """This will put findings, each (where, sentence), beside what they are about."""
        for where, message in findings:
            field = _FIELDS.get(where, where)
            if field == "offers":
                self.sections.setdefault("offers", []).append(message)
            elif field in self.details.fields:
                if not self.details.has_error(field):
                    self.details.add_error(field, message)
            else:
                self.details.add_error("recipe" if where.startswith("recipe") else None, message)

    @property
    def problems(self) -> Sequence[Problem]:
        """Every finding, in the order of the page."""
        found = [Problem("", "", str(text)) for text in self.details.non_field_errors()]
        parts = [("", self.details), *((words.say(words.TERMS, name), row) for name, row in self.offers.items())]
        for part_name, part in parts:
            for bound in part:
                label = f"{part_name} · {bound.label}" if part_name else str(bound.label)
                found += [Problem(bound.id_for_label, label, str(text)) for text in bound.errors]
        return [*found, *(Problem("offers", str(_("Licenses")), text) for text in self.sections.get("offers", []))]
