"""Prices of offers, discount codes, collections and answers to quotes, as their pages ask for them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from marketplace.catalog.models import Pack
from marketplace.licensing.models import Offer, OfferPrice
from marketplace.licensing.months import NO_LIMITS, MonthLimits, check_month, limits_of
from marketplace.licensing.pricing import Tier, UnableToPrice, check_price, read_tiers
from marketplace.payouts.rules import CURRENCIES, UnreadableAmount, format_amount, parse_amount
from marketplace.portal import words
from marketplace.portal.forms.rows import CURRENCY_CHOICES, unreadable_price
from marketplace.ui import formats

TIER_ROWS = 3
_MONTHLY = _("Only for use that is metered; empty is no limit.")
_MONEY = {"inputmode": "decimal", "autocomplete": "off", "class": "num"}


def _amount(label: Any, **options: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=24, widget=forms.TextInput(attrs=_MONEY), **options)


def _day(label: Any, **options: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, input_formats=["%Y-%m-%d"], **options)


def _whole(label: Any, **options: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"inputmode": "numeric", "class": "num"})
    return forms.IntegerField(label=label, min_value=0, required=False, widget=widget, **options)


def first_moment(day: date | None, now: datetime) -> datetime | None:
    """This will give the moment at which a day begins in UTC; of today, and of no day, it is None: at once."""
    moment = datetime.combine(day, time(), UTC) if day else None
    return moment if moment and moment > now else None


def last_moment(day: date | None) -> datetime | None:
    """This will give the moment at which a day is over in UTC."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1) if day else None


_LIMITS = ("month_minimum", "month_cap")


class TierRow(forms.Form):
    """A price for buyers up to a size; a row without a price is none."""

    up_to_people = _whole(_("Up to people"))
    up_to_revenue_usd = _whole(_("Up to revenue, US$ a year"))
    price = _amount(_("Price"), required=False)


class _Priced(forms.Form):
    """A price with tiers in a currency, which `currency_of` names."""

    price = _amount(_("Price"), required=False)
    month_minimum = _amount(_("At least, a month"), required=False, help_text=_MONTHLY)
    month_cap = _amount(_("At most, a month"), required=False, help_text=_MONTHLY)
    price_minor: int = 0
    tiers: tuple[Tier, ...] = ()
    month: MonthLimits = NO_LIMITS

    def __init__(self, *args: Any, tiers: Sequence[Mapping[str, Any]] = (), **kwargs: Any) -> None:
        kwargs.setdefault("use_required_attribute", False)
        super().__init__(*args, **kwargs)
        data = args[0] if args else kwargs.get("data")
        self.tier_rows = [
            TierRow(data, prefix=f"tier-{number}", initial=tiers[number] if number < len(tiers) else None)
            for number in range(TIER_ROWS)
        ]

    def currency_of(self, given: Mapping[str, Any]) -> str:
        """This will name the currency of all prices of the form."""
        return str(given.get("currency", ""))

    def model_of(self, given: Mapping[str, Any]) -> str:
        """This will name the price model."""
        return str(given.get("model", ""))

    def read_prices(self, given: Mapping[str, Any]) -> None:
        """This will read the price and its tiers, or say beside them what is wrong."""
        currency = self.currency_of(given)
        if currency not in CURRENCIES:
            return
        self.price_minor = self._minor(self, given.get("price", "").strip() or "0", currency)
        rows = []
        for row in self.tier_rows:
            if row.is_valid() and (text := row.cleaned_data["price"].strip()):
                people, revenue = row.cleaned_data["up_to_people"] or 0, row.cleaned_data["up_to_revenue_usd"] or 0
                rows.append(Tier(people, revenue, self._minor(row, text, currency)))
            elif row.errors:
                self.add_error(None, gettext("A price by size needs whole numbers."))
        self.month = MonthLimits(
            *(self._minor(self, given.get(name, "").strip() or "0", currency, name) for name in _LIMITS)
        )
        try:
            check_month(model=self.model_of(given), limits=self.month)
            self.tiers = read_tiers(rows, model=self.model_of(given))
        except UnableToPrice as error:
            self.add_error(None, formats.sentence(error))

    @staticmethod
    def _minor(form: forms.Form, text: str, currency: str, field: str = "price") -> int:
        try:
            return parse_amount(text, currency)
        except UnreadableAmount:
            form.add_error(field, unreadable_price(text, currency))
            return 0


class PriceForm(_Priced):
    """What a new offer costs."""

    model = forms.ChoiceField(label=_("Price model"), choices=[(key, text) for key, text in words.PRICE_MODELS.items()])
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCY_CHOICES)
    unit = forms.CharField(
        label=_("What is counted"), max_length=40, required=False, help_text=_("Only for use that is metered.")
    )
    share = forms.CharField(
        label=_("Share of revenue, in percent"),
        max_length=14,
        required=False,
        help_text=_("Only for a share of revenue."),
        widget=forms.TextInput(attrs=_MONEY),
    )
    field_order = ("model", "price", "currency", "unit", "share", *_LIMITS)

    def clean_share(self) -> int:
        share_ppb = words.parse_percent(self.cleaned_data["share"].strip() or "0")
        if share_ppb is None:
            raise forms.ValidationError(gettext("Write a percentage with at most 7 decimals, as in 12.5."))
        return share_ppb

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not given.get("price", "").strip() and given.get("model") not in ("free", "on-request", "revenue-share"):
            self.add_error("price", gettext("Fill this in."))
        self.read_prices(given)
        if not self.errors:
            try:
                check_price(
                    model=given["model"], price_minor=self.price_minor, unit=given["unit"], share_ppb=given["share"]
                )
            except UnableToPrice as error:
                self.add_error("model", formats.sentence(error))
        return given


class ChangePriceForm(_Priced):
    """Another price of an offer: from now on, or for a time."""

    price = _amount(_("Price"), error_messages={"required": _("Fill this in.")})
    kind = forms.ChoiceField(label=_("Kind of price"), choices=list(words.PRICE_KINDS.items()))
    starts = _day(_("First day"), required=False, help_text=_("Empty is at once. Days begin and end in UTC."))
    ends = _day(_("Last day"), required=False, help_text=_("A sale needs it."))
    most_sales = _whole(_("For how many sales"), help_text=_("Only for an early-bird price."))
    field_order = ("kind", "price", *_LIMITS, "starts", "ends", "most_sales")

    def __init__(self, *args: Any, offer: Offer, **kwargs: Any) -> None:
        self.offer = offer
        super().__init__(*args, **kwargs)
        if offer.model != "metered":
            for name in _LIMITS:
                del self.fields[name]

    def currency_of(self, given: Mapping[str, Any]) -> str:
        return self.offer.currency

    def model_of(self, given: Mapping[str, Any]) -> str:
        return self.offer.model

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        self.read_prices(given)
        return given


def month_in(row: OfferPrice, currency: str) -> dict[str, str]:
    """This will write the least and the most of a month as the form takes them; nothing where there is none."""
    limits = limits_of(row)
    numbers = zip(_LIMITS, (limits.minimum_minor, limits.cap_minor), strict=True)
    return {name: format_amount(minor, currency) for name, minor in numbers if minor}


def tiers_in(rows: Iterable[Mapping[str, Any]], currency: str) -> list[dict[str, Any]]:
    """This will write stored tiers as the rows of the form take them."""
    return [
        {
            "up_to_people": row["up_to_people"] or None,
            "up_to_revenue_usd": row["up_to_revenue_usd"] or None,
            "price": format_amount(row["price_minor"], currency),
        }
        for row in rows
    ]


class CodeForm(forms.Form):
    """A discount code."""

    code = forms.CharField(
        label=_("Discount code"),
        max_length=32,
        help_text=_("3 to 32 letters, digits and hyphens; buyers type it at checkout."),
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "characters", "autocomplete": "off"}),
    )
    percent = forms.CharField(
        label=_("Takes off, in percent"), max_length=14, required=False, widget=forms.TextInput(attrs=_MONEY)
    )
    amount = _amount(_("Or an amount"), required=False)
    currency = forms.ChoiceField(label=_("Currency of the amount"), choices=CURRENCY_CHOICES)
    pack = forms.ModelChoiceField(
        label=_("Only for"), queryset=Pack.objects.none(), required=False, empty_label=_("Everything of yours")
    )
    ends = _day(_("Last day"), required=False)
    most_uses = _whole(_("For how many licenses"), help_text=_("Empty is without limit."))

    def __init__(self, *args: Any, packs: Any, **kwargs: Any) -> None:
        super().__init__(*args, use_required_attribute=False, **kwargs)
        self.fields["pack"].queryset = packs  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        percent, amount = given.get("percent", "").strip(), given.get("amount", "").strip()
        if bool(percent) == bool(amount):
            self.add_error("percent", gettext("Write either a percentage or an amount."))
        elif percent:
            given["percent_ppb"] = words.parse_percent(percent) or 0
            if not given["percent_ppb"]:
                self.add_error("percent", gettext("Write a percentage with at most 7 decimals, as in 12.5."))
        elif given.get("currency"):
            try:
                given["amount_minor"] = parse_amount(amount, given["currency"])
            except UnreadableAmount:
                self.add_error("amount", unreadable_price(amount, given["currency"]))
        return given


class CollectionForm(forms.Form):
    """Several offers at one price."""

    title_en = forms.CharField(label=_("Title in English"), max_length=120, required=False)
    title_zh = forms.CharField(label=_("Title in Chinese"), max_length=120, required=False)
    offers = forms.ModelMultipleChoiceField(
        label=_("Licenses in it"), queryset=Offer.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    price = _amount(_("Price for all"))
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCY_CHOICES)

    def __init__(self, *args: Any, offers: Any, label: Any, **kwargs: Any) -> None:
        super().__init__(*args, use_required_attribute=False, **kwargs)
        self.fields["offers"].queryset = offers  # type: ignore[attr-defined]
        self.fields["offers"].label_from_instance = label  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not given.get("title_en", "").strip() and not given.get("title_zh", "").strip():
            self.add_error("title_en", gettext("A title is missing: write it in English, in Chinese or in both."))
        if given.get("price") and given.get("currency"):
            try:
                given["price_minor"] = parse_amount(given["price"].strip(), given["currency"])
            except UnreadableAmount:
                self.add_error("price", unreadable_price(given["price"], given["currency"]))
        return given


class QuoteForm(forms.Form):
    """The creator's answer to a request for a quote: a price, or yes or no to the studio's."""

    kind = forms.ChoiceField(choices=[("price", ""), ("accept", ""), ("decline", "")])
    price = _amount(_("Price"), required=False)
    seats = _whole(_("Seats"))
    valid_until = _day(_("Good until"), required=False)
    message = forms.CharField(
        label=_("Message"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, use_required_attribute=False, **kwargs)
        self.currency = currency
        for name in ("price", "seats", "valid_until"):
            self.fields[name].required = not self.is_bound or self.data.get("kind") == "price"
            self.fields[name].error_messages["required"] = gettext("Fill this in.")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("kind") == "price" and (text := given.get("price", "").strip()):
            try:
                given["price_minor"] = parse_amount(text, self.currency)
            except UnreadableAmount:
                self.add_error("price", unreadable_price(text, self.currency))
        return given
