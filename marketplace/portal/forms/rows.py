"""The single forms of the portal: a public name, the details of a release, and the rows of its tables."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from marketplace.catalog.rules import parse_reference
from marketplace.intake.rules import DraftOffer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import CURRENCIES, UnreadableAmount, parse_amount
from marketplace.payouts.splitting import RELATIVE
from marketplace.portal import words

ELEMENTS_SHOWN, SHARES_SHOWN, PARENTS_SHOWN = 2, 2, 1
_SLUG = {"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"}
CURRENCY_CHOICES = [(code, code) for code in dict.fromkeys(("USD", "CNY", "EUR", "JPY", *CURRENCIES))]
_NEEDED = {"required": _("Fill this in.")}


class CreatorForm(forms.Form):
    """The public name that somebody sells under."""

    handle = forms.CharField(
        label=_("Handle"),
        max_length=40,
        help_text=_("It stands in the address of every pack and cannot change: 1 to 40 of a–z, 0–9 and inner hyphens."),
        widget=forms.TextInput(attrs={**_SLUG, "class": "mono"}),
    )
    display_name = forms.CharField(
        label=_("Name"), max_length=80, required=False, help_text=_("As it stands on your packs, in any script.")
    )
    bio = forms.CharField(
        label=_("About you"),
        max_length=500,
        required=False,
        help_text=_("Two sentences on what you make, at most 500 characters."),
        widget=forms.Textarea(attrs={"maxlength": 500}),
    )


class WithdrawForm(forms.Form):
    """The pack's handle, typed, so that nothing is withdrawn by a slip."""

    name = forms.CharField(max_length=40)

    def __init__(self, *args: Any, handle: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.handle = handle

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if name != self.handle:
            raise forms.ValidationError(
                _("You typed “%(typed)s”: type %(handle)s to withdraw the offer."),
                params={"typed": name, "handle": self.handle},
            )
        return name


class _SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"


class FilesField(forms.FileField):
    """Any number of files; an empty one is left to inspection, which names it."""

    widget = _SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        if not data:
            if self.required:
                raise forms.ValidationError(self.error_messages["required"], code="required")
            return []
        return [file for file in data if file]


class DetailsForm(forms.Form):
    """What a release is called and who it is for, and its files."""

    kind = forms.ChoiceField(
        label=_("Kind"), choices=list(words.PACK_KINDS.items()), help_text=_("The shelf that buyers find it on.")
    )
    handle = forms.CharField(
        label=_("Handle"),
        max_length=40,
        help_text=_("Its name in the address: a–z, 0–9, hyphens."),
        widget=forms.TextInput(attrs={**_SLUG, "class": "mono"}),
        error_messages=_NEEDED,
    )
    version = forms.CharField(
        label=_("Version"),
        max_length=32,
        initial="1.0.0",
        help_text=_("Three numbers, never used twice."),
        widget=forms.TextInput(attrs={**_SLUG, "class": "mono"}),
        error_messages=_NEEDED,
    )
    title_en = forms.CharField(label=_("Title in English"), max_length=120, required=False)
    title_zh = forms.CharField(label=_("Title in Chinese"), max_length=120, required=False)
    summary_en = forms.CharField(
        label=_("Summary in English"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    summary_zh = forms.CharField(
        label=_("Summary in Chinese"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    tags = forms.CharField(
        label=_("Tags"), max_length=900, required=False, help_text=_("Up to 20, with commas between them.")
    )
    cover = forms.FileField(
        label=_("Cover"),
        required=False,
        allow_empty_file=True,
        help_text=_(
            "One picture, PNG, JPEG, WebP or AVIF: the face of the pack, best 4:3 and at least 1600 pixels wide."
        ),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp,image/avif"}),
        error_messages={"required": _("A cover is missing: choose the picture that stands for the pack.")},
    )
    previews = FilesField(
        label=_("More previews"),
        required=False,
        help_text=_("Pictures and samples that everybody sees. Licensees get them too."),
    )
    content = FilesField(
        label=_("Content"),
        required=False,
        help_text=_(
            "Only licensees get these: weights (.safetensors), pictures, models (.glb, .vrm), motion (.bvh, .vrma),"
            " character cards, prompt sets as text, JSON or YAML, or a .zip of such files. Choose several at once."
        ),
        error_messages={"required": _("There is nothing to license: choose at least one file of content.")},
    )
    keep = forms.MultipleChoiceField(label=_("Kept files"), required=False, widget=forms.CheckboxSelectMultiple)
    base = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    base_model = forms.ChoiceField(label=_("Base model"), required=False, choices=list(words.BASE_MODELS.items()))
    made_by = forms.ChoiceField(label=_("Made by"), choices=list(words.MADE_BY.items()), widget=forms.RadioSelect)
    ai_training = forms.ChoiceField(
        label=_("May licensees train AI with it?"), choices=list(words.AI_TRAINING.items()), widget=forms.RadioSelect
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not given.get("title_en", "").strip() and not given.get("title_zh", "").strip():
            self.add_error("title_en", _("A title is missing: write it in English, in Chinese or in both."))
        return given


class ElementRow(forms.Form):
    """One thing in the pack, by name."""

    title_en = forms.CharField(label=_("Title in English"), max_length=120, required=False)
    title_zh = forms.CharField(label=_("Title in Chinese"), max_length=120, required=False)
    name = forms.CharField(
        label=_("Short name"),
        max_length=40,
        widget=forms.TextInput(attrs={**_SLUG, "class": "mono", "placeholder": "red-cloak"}),
        error_messages=_NEEDED,
    )
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[("", _("Choose")), *words.ELEMENT_NAMES.items()], error_messages=_NEEDED
    )
    files = forms.CharField(
        label=_("Its files"),
        required=False,
        help_text=_("One name a line."),
        widget=forms.Textarea(attrs={"class": "mono"}),
    )
    triggers = forms.CharField(
        label=_("Trigger words"),
        required=False,
        help_text=_("One a line."),
        widget=forms.Textarea(attrs={"class": "mono"}),
    )


def share_mode(label: Any) -> forms.ChoiceField:
    """This will make the field that asks how sources have their share; left out, it is relative."""
    return forms.ChoiceField(
        label=label,
        choices=list(words.SHARE_MODES.items()),
        initial=RELATIVE,
        required=False,
        widget=forms.RadioSelect,
    )


class _PercentRow(forms.Form):
    share = forms.CharField(
        label=_("Share"),
        max_length=14,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "num"}),
        error_messages=_NEEDED,
    )

    def clean_share(self) -> int:
        text: str = self.cleaned_data["share"]
        share_ppb = words.parse_percent(text)
        if not share_ppb:
            raise forms.ValidationError(
                _("“%(text)s” is not a share: write a percentage above 0 with at most 7 decimals, as in 12.5."),
                params={"text": text[:20]},
            )
        return share_ppb


class ShareRow(_PercentRow):
    """A maker of the pack, and what they get of its own part."""

    creator = forms.CharField(
        label=_("Creator"),
        max_length=40,
        widget=forms.TextInput(attrs={**_SLUG, "class": "mono"}),
        error_messages=_NEEDED,
    )
    field_order = ("creator", "share")


class ParentRow(_PercentRow):
    """A release that this one is made with, and what it gets of every sale."""

    release = forms.CharField(
        label=_("Release"),
        max_length=100,
        widget=forms.TextInput(attrs={**_SLUG, "class": "mono", "placeholder": "creator/pack@1.0.0"}),
        error_messages=_NEEDED,
    )
    mode = share_mode(_("How it shares"))
    field_order = ("release", "share", "mode")

    def has_changed(self) -> bool:
        """Tells whether something is written in the row; a mode alone is nothing."""
        return not {"release", "share"}.isdisjoint(self.changed_data)

    def clean_mode(self) -> str:
        return self.cleaned_data["mode"] or RELATIVE

    def clean_release(self) -> tuple[str, str, str]:
        text: str = self.cleaned_data["release"].strip()
        found = parse_reference(text)
        if found is None:
            raise forms.ValidationError(
                _("“%(release)s” names no release: write creator/pack@1.0.0."), params={"release": text[:80]}
            )
        return found


class OfferRow(forms.Form):
    """A price under ready-made terms; no price, no offer."""

    price = forms.CharField(
        label=_("Price"),
        max_length=24,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "num"}),
    )
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCY_CHOICES, required=False)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        price = given.get("price", "").strip()
        if price and not given.get("currency") and "currency" not in self.errors:
            self.add_error("currency", self.fields["currency"].error_messages["required"])
        if price and given.get("currency"):
            try:
                given["price_minor"] = parse_amount(price, given["currency"])
            except UnreadableAmount:
                self.add_error("price", unreadable_price(price, given["currency"]))
        return given


def offer_rows(data: QueryDict | None, start: Mapping[str, Mapping[str, Any]]) -> dict[str, OfferRow]:
    """This will make a row for each of the ready-made terms."""
    return {
        name: OfferRow(data, prefix=f"offer-{name}", initial=start.get(name), use_required_attribute=False)
        for name in READY
    }


def offers_in(rows: Mapping[str, OfferRow]) -> list[DraftOffer]:
    """This will give the offers that rows which can be read say."""
    said = [(name, row.cleaned_data) for name, row in rows.items() if row.is_valid()]
    return [DraftOffer(name, row["price"].strip(), row["currency"]) for name, row in said if row["price"].strip()]


def unreadable_price(price: str, currency: str) -> forms.ValidationError:
    """This will say that a text is no price in a currency, and how one is written."""
    digits = CURRENCIES[currency]
    example = {0: "1200", 3: "12.000"}.get(digits, "12.00")
    return forms.ValidationError(
        _("“%(price)s” is not a price in %(currency)s: write digits and at most one point, as in %(example)s."),
        params={"price": price[:24], "currency": currency, "example": example},
    )
