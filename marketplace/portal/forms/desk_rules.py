"""What operators say about taxes, about who sells at law, and about levels of risk."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from marketplace.checkout.tax_models import SellerOfRecord
from marketplace.checkout.taxes.sellers import MOST_LINES, PREFIX
from marketplace.payouts.bookkeeping.policies import MAX_REASON
from marketplace.payouts.risk import HIGHEST, RiskLevel
from marketplace.portal import words

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_DAY = {"autocomplete": "off", "inputmode": "numeric"}
_SHARE = {"inputmode": "decimal", "autocomplete": "off", "class": "num"}
_NO_SHARE = _("Write a percentage with at most 7 decimals, as in 12.5.")


def _country(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=2, help_text=_("Its two letters, such as DE."), widget=forms.TextInput(attrs=_PLAIN)
    )


def _midnight(form: forms.Form, name: str) -> datetime | None:
    """Reads a day as the midnight in UTC that it begins with."""
    day = form.cleaned_data[name]
    return datetime.combine(day, time(), UTC) if day else None


class RateForm(forms.Form):
    """A tax of a place from a day on."""

    country = _country(_("Country"))
    region = forms.CharField(
        label=_("Region"),
        required=False,
        max_length=3,
        help_text=_("What ISO 3166-2 has after the country, such as BC."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    name = forms.CharField(
        label=_("What the tax is called"),
        max_length=40,
        help_text=_("For instance VAT."),
        widget=forms.TextInput(_PLAIN),
    )
    rate_ppb = forms.CharField(
        label=_("Rate, in percent"),
        max_length=14,
        help_text=_("Zero ends what came before under this name."),
        widget=forms.TextInput(attrs=_SHARE),
    )
    valid_from = forms.DateField(
        label=_("From which day on"),
        help_text=_("For instance 2027-01-01; it begins at midnight in UTC."),
        widget=forms.TextInput(attrs=_DAY),
    )
    source = forms.CharField(
        label=_("Where the rate stands"),
        max_length=200,
        help_text=_("A law, a gazette."),
        widget=forms.TextInput(_PLAIN),
    )
    instead = forms.BooleanField(
        label=_("It takes the place of the country’s tax, and is not on top of it"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, prefix="rate", use_required_attribute=False, **kwargs)

    def clean_country(self) -> str:
        """This will write the country as ISO 3166 does."""
        return str(self.cleaned_data["country"]).strip().upper()

    def clean_region(self) -> str:
        """This will write the region as ISO 3166-2 does."""
        return str(self.cleaned_data["region"]).strip().upper()

    def clean_rate_ppb(self) -> int:
        """This will read the percentage as parts per billion."""
        rate_ppb = words.parse_percent(self.cleaned_data["rate_ppb"])
        if rate_ppb is None:
            raise forms.ValidationError(_NO_SHARE)
        return rate_ppb

    def clean_valid_from(self) -> datetime | None:
        """This will read the day as the moment at which it begins."""
        return _midnight(self, "valid_from")


class SellerForm(forms.Form):
    """Who sells at law from a day on; `address` and `tax_ids` are of a line each."""

    code = forms.CharField(
        label=_("Code of the seller"),
        max_length=40,
        help_text=_("By which its papers are numbered: small letters, digits and hyphens."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    name = forms.CharField(label=_("Legal name"), max_length=200, help_text=_("As it stands on invoices."))
    address = forms.CharField(
        label=_("Address"), required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    country = _country(_("Country"))
    tax_ids = forms.CharField(
        label=_("Tax numbers"),
        required=False,
        max_length=1_000,
        help_text=_("One in a line, as they stand on papers, such as VAT DE123456788."),
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    prefix = forms.CharField(
        label=_("How numbers of its papers begin"),
        max_length=12,
        help_text=_("Capital letters and digits; no two sellers share it."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    valid_from = forms.DateField(
        label=_("From which day on"),
        required=False,
        help_text=_("From now on without; a day begins at midnight in UTC."),
        widget=forms.TextInput(attrs=_DAY),
    )
    prices_include_tax = forms.BooleanField(
        label=_("Prices have taxes in them"), required=False, help_text=_("Else taxes come on top of prices.")
    )

    def __init__(self, *args: Any, seller: SellerOfRecord | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = _as_said(seller) if seller else {"code": SellerOfRecord.DEFAULT, "prefix": PREFIX}
        super().__init__(*args, prefix="seller", use_required_attribute=False, **kwargs)

    def clean_country(self) -> str:
        """This will write the country as ISO 3166 does."""
        return str(self.cleaned_data["country"]).strip().upper()

    def clean_address(self) -> list[str]:
        """This will read a line each."""
        return _lines(self.cleaned_data["address"])

    def clean_tax_ids(self) -> list[str]:
        """This will read a line each."""
        return _lines(self.cleaned_data["tax_ids"])

    def clean_valid_from(self) -> datetime | None:
        """This will read the day as the moment at which it begins; None is now."""
        return _midnight(self, "valid_from")


def _as_said(seller: SellerOfRecord) -> dict[str, Any]:
    named = {name: getattr(seller, name) for name in ("code", "name", "country", "prefix", "prices_include_tax")}
    return named | {"address": "\n".join(seller.address), "tax_ids": "\n".join(seller.tax_ids)}


def _lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        raise forms.ValidationError(gettext("An address, and tax numbers, have at most %d lines.") % MOST_LINES)
    return lines


class PlaceForm(forms.Form):
    """Which seller sells to buyers of a country."""

    country = _country(_("Buyers’ country"))
    code = forms.ChoiceField(label=_("Seller"))
    valid_from = forms.DateField(
        label=_("From which day on"),
        required=False,
        help_text=_("From now on without; a day begins at midnight in UTC."),
        widget=forms.TextInput(attrs=_DAY),
    )

    def __init__(self, *args: Any, codes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, prefix="place", use_required_attribute=False, **kwargs)
        self.fields["code"].choices = [(code, code) for code in codes]  # type: ignore[attr-defined]

    def clean_country(self) -> str:
        """This will write the country as ISO 3166 does."""
        return str(self.cleaned_data["country"]).strip().upper()

    def clean_valid_from(self) -> datetime | None:
        """This will read the day as the moment at which it begins; None is now."""
        return _midnight(self, "valid_from")


def _days(label: Any, *, required: bool = False, least: int = 1) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=required, min_value=least)


def _share(label: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=14, widget=forms.TextInput(attrs=_SHARE))


class LevelForm(forms.Form):
    """Who is at a level of risk, and what is kept back of what they earn; without any condition it is nobody's."""

    level = forms.TypedChoiceField(
        label=_("Level"),
        coerce=int,
        choices=[(one, one) for one in range(1, HIGHEST + 1)],
        help_text=_("The riskiest last. What the levels below it say holds too."),
    )
    days_selling_below = _days(_("Who made the first sale less than so many days ago"))
    days_here_below = _days(_("Who joined less than so many days ago"))
    disputed_ppb_from = _share(_("Of whose sales so much or more is disputed, in percent"))
    refunded_ppb_from = _share(_("Of whose sales so much or more was refunded, in percent"))
    window_days = _days(_("These shares are of the last days"), required=True)
    least_sales = _days(_("They count from so many sales on"), required=True)
    hold_days = _days(_("Days for which all they earn is held"), required=True, least=0)
    reserve_ppb = _share(_("What is kept in reserve then, in percent"))
    reserve_days = _days(_("For how many days more"), required=True, least=0)
    reason = forms.CharField(label=_("Reason"), max_length=MAX_REASON, help_text=_("Creators at this level read it."))

    CONDITIONS = ("days_selling_below", "days_here_below", "disputed_ppb_from", "refunded_ppb_from")

    def __init__(self, *args: Any, stands: RiskLevel | None = None, level: int = 1, **kwargs: Any) -> None:
        kwargs["initial"] = _as_set(stands) if stands else _UNSET | {"level": level}
        super().__init__(*args, prefix="level", use_required_attribute=False, **kwargs)

    def _ppb(self, name: str) -> int | None:
        text = self.cleaned_data[name].strip()
        if not text:
            return None
        share_ppb = words.parse_percent(text)
        if share_ppb is None:
            raise forms.ValidationError(_NO_SHARE)
        return share_ppb

    def clean_disputed_ppb_from(self) -> int | None:
        """This will read the percentage as parts per billion; None where it does not count."""
        return self._ppb("disputed_ppb_from")

    def clean_refunded_ppb_from(self) -> int | None:
        """This will read the percentage as parts per billion; None where it does not count."""
        return self._ppb("refunded_ppb_from")

    def clean_reserve_ppb(self) -> int:
        """This will read the percentage as parts per billion; zero for none."""
        return self._ppb("reserve_ppb") or 0


_UNSET = {"window_days": 90, "least_sales": 10, "hold_days": 0, "reserve_days": 0}


def _as_set(stands: RiskLevel) -> dict[str, Any]:
    plain = ("level", "days_selling_below", "days_here_below", *_UNSET, "reason")
    shares = ("disputed_ppb_from", "refunded_ppb_from", "reserve_ppb")
    said = {name: getattr(stands, name) for name in plain}
    return said | {name: words.percent_input(share) for name in shares if (share := getattr(stands, name))}
