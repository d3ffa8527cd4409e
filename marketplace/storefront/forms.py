"""What visitors type, read once."""

import re

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.catalog.queries import Filter
from marketplace.people.rules import HANDLE
from marketplace.storefront import words

SORTS = {"best": _("Best match"), "newest": _("Newest")}


def _choices(known: words.Names) -> list[tuple[str, object]]:
    return list(known.items())


class BrowseForm(forms.Form):
    """The filters of the catalog, in the address; a value that nobody offered narrows nothing."""

    q = forms.CharField(required=False, max_length=200)
    kind = forms.ChoiceField(required=False, choices=_choices(words.PACK_KINDS))
    element = forms.ChoiceField(required=False, choices=_choices(words.ELEMENT_KINDS))
    base_model = forms.ChoiceField(required=False, choices=_choices(words.BASE_MODELS))
    ai_training = forms.ChoiceField(required=False, choices=_choices(words.AI_TRAINING))
    creator = forms.RegexField(HANDLE, required=False, max_length=40)
    sort = forms.ChoiceField(required=False, choices=list(SORTS.items()))
    cursor = forms.RegexField(r"^\S{1,120}$", required=False)

    def read(self) -> tuple[Filter, str, str]:
        """This will give the filter, the order and the cursor; the best match first only where words are searched."""
        self.is_valid()
        given = self.cleaned_data
        names = ("kind", "element", "base_model", "ai_training", "creator")
        chosen = Filter(text=given.get("q", ""), **{name: given.get(name, "") for name in names})
        sort = given.get("sort") or ("best" if chosen.text else "newest")
        return chosen, sort if chosen.text else "newest", given.get("cursor", "")


class VerifyForm(forms.Form):
    """A SHA-256 as people paste it: any case, blanks around it, `sha256:` before it."""

    digest = forms.CharField(max_length=200)
    looks = forms.RegexField(r"^([0-9a-f]{64}){1,8}$", required=False)

    def clean_looks(self) -> list[bytes]:
        """Reads the PDQ hashes of a picture, which the browser worked out."""
        text: str = self.cleaned_data["looks"]
        return [bytes.fromhex(text[at : at + 64]) for at in range(0, len(text), 64)]

    def clean_digest(self) -> str:
        text: str = self.cleaned_data["digest"].strip().lower().removeprefix("sha256:").strip()
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise forms.ValidationError(
                _("This is no SHA-256 digest: it has 64 digits, each 0–9 or a–f, and this has %(count)s characters."),
                params={"count": len(text)},
            )
        return text


class CertificateForm(forms.Form):
    """A certificate as people paste it, which license they ask `about`, and what the browser found out about the
    bundle that it lay in."""

    certificate = forms.CharField(max_length=128 * 1024, strip=True)
    manifest = forms.RegexField(r"^[0-9a-f]{64}$", required=False)
    files = forms.IntegerField(min_value=0, required=False)
    wrong = forms.CharField(max_length=32 * 1024, required=False)
    wrong_count = forms.IntegerField(min_value=0, required=False)
    about = forms.UUIDField(required=False)
