"""What is written about a claim."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.catalog.models import ReleaseAsset

_STATEMENT = {"required": _("Say it in your own words.")}


class AnswerForm(forms.Form):
    """What one of the parties does, and why."""

    kind = forms.ChoiceField(choices=[(kind, kind) for kind in ("countered", "maintained", "accepted", "withdrawn")])
    statement = forms.CharField(
        label=_("Statement"),
        max_length=2000,
        help_text=_("The other side and the operator read it; the public log does not hold it."),
        widget=forms.Textarea(attrs={"rows": 5, "maxlength": 2000}),
        error_messages=_STATEMENT,
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["statement"].required = data is None or data.get("kind") in ("countered", "maintained")


class ReportForm(forms.Form):
    """Which file of the release is, or is made from, which of one's own."""

    disputed = forms.ChoiceField(label=_("The file in this release"))
    own = forms.ChoiceField(label=_("Your published file"))
    statement = forms.CharField(
        label=_("Statement"),
        max_length=2000,
        help_text=_("What is yours in it, and how you know. The other side reads it."),
        widget=forms.Textarea(attrs={"rows": 5, "maxlength": 2000}),
        error_messages=_STATEMENT,
    )

    def __init__(
        self, data: Any = None, *, disputed: Sequence[ReleaseAsset], own: Sequence[ReleaseAsset], **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self._files = {str(row.pk): row for row in (*disputed, *own)}
        self.fields["disputed"].choices = [(str(row.pk), row.path) for row in disputed]  # type: ignore[attr-defined]
        self.fields["own"].choices = [(str(row.pk), f"{row.release}: {row.path}") for row in own]  # type: ignore[attr-defined]

    def clean_disputed(self) -> ReleaseAsset:
        return self._files[self.cleaned_data["disputed"]]

    def clean_own(self) -> ReleaseAsset:
        return self._files[self.cleaned_data["own"]]
