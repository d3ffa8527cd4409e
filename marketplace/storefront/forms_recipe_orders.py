"""What a buyer says of a recipe that was quoted: how it is paid, what its lock is called, and which masks it has."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.compositions.keeping import MOST_TITLE
from marketplace.compositions.uses import UsageKey
from marketplace.licensing.holdings import Project
from marketplace.licensing.terms.model import Use
from marketplace.people.models import Studio
from marketplace.storefront.forms_recipes import use_values


def with_masks(address: str, masks: Mapping[str, str], title: str = "") -> str:
    """This will add to an address what is said of a recipe besides its text: masks as forms name them, a title."""
    asked = [("mask", f"{sha256} {name}") for name, sha256 in masks.items()]
    asked += [("title", title)] if title else []
    return f"{address}?{urlencode(asked)}" if asked else address


def said_again(
    use: Use, masks: Mapping[str, str], *, studio: Studio, project: Project | None, title: str = "", recipe: object = ""
) -> list[tuple[str, str]]:
    """This will write what was asked of a recipe besides its text as the fields of composing it."""
    found = [(name, value) for name, values in use_values(use).items() for value in values if value]
    found += [("mask", f"{sha256} {name}") for name, sha256 in masks.items()]
    found += [("studio", str(studio.pk)), ("project", str(project.pk) if project else "")]
    return [*found, ("title", title), ("recipe", str(recipe or ""))]


class RecipeOrderForm(forms.Form):
    """How a quoted recipe is paid, and what its lock is called; a quote that costs nothing asks for no card."""

    title = forms.CharField(
        label=_("Name of the lock"),
        required=False,
        max_length=MOST_TITLE,
        help_text=_("So that you find it again; only your studio sees it."),
    )
    card = forms.CharField(
        label=_("Card number"),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "class": "mono"}),
    )

    def __init__(self, *args: Any, needs_card: bool, test_cards: bool, **given: Any) -> None:
        super().__init__(*args, **given)
        if not needs_card:
            del self.fields["card"]
        elif test_cards:
            self.fields["card"].widget.attrs["list"] = "test-cards"


class UsageKeyForm(forms.Form):
    """A key that renderers sign with, as it is pasted."""

    name = forms.CharField(
        label=_("Name"), max_length=80, help_text=_("Such as that of the machine or farm that signs with it.")
    )
    public_key = forms.CharField(
        label=_("Public key"),
        max_length=4_000,
        help_text=_("An Ed25519 key as a JWK or as PEM; never the private one."),
        widget=forms.Textarea(attrs={"class": "mono", "rows": 5, "spellcheck": "false", "autocomplete": "off"}),
    )

    def without_private(self) -> "UsageKeyForm":
        """This will take a private key out of what was sent, so that no page shows it again."""
        sent = str(self.data.get("public_key", ""))
        if "PRIVATE KEY" in sent or '"d"' in sent:
            self.data = self.data.copy()
            self.data["public_key"] = ""
        return self


class EndKeyForm(forms.Form):
    """The name of a key, typed by whoever ends it."""

    name = forms.CharField(
        label=_("Type the name of the key"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: Any, key: UsageKey, **given: Any) -> None:
        super().__init__(*args, **given)
        self.key = key

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.key.name:
            raise forms.ValidationError(_("This key is called “%(name)s”: type that."), params={"name": self.key.name})
        return name
