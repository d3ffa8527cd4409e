"""What a buyer says at the checkout."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.checkout import methods
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.models import OrderLine
from marketplace.checkout.placing import SAVED
from marketplace.checkout.taxes.ordering import details_of, is_calculated
from marketplace.licensing import pricing
from marketplace.licensing.holding_queries import projects_of
from marketplace.licensing.models import Offer
from marketplace.licensing.pricing_queries import declared_size
from marketplace.licensing.queries import terms_of
from marketplace.licensing.words import countries
from marketplace.payouts.rules import UnreadableAmount, parse_amount
from marketplace.people.models import Studio
from marketplace.storefront.baskets import Basket, Wanted
from marketplace.ui.formats import money_text, sentence

KEPT = "kept"
"""What a form that nobody filled in pays with: the first card that the licensee keeps, if there is one."""
# What is wrong with these says nothing against a price.
NOT_PRICED = ("card", "method", "studio_name", "idempotency_key")


class AmountField(forms.CharField):
    """An amount of one currency as people type it, in minor units."""

    def __init__(self, *, currency: str, **given: Any) -> None:
        super().__init__(max_length=24, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **given)
        self.currency = currency

    def clean(self, value: Any) -> int | None:
        text = super().clean(value).strip().replace(",", "")
        try:
            return parse_amount(text, self.currency) if text else None
        except UnreadableAmount as error:
            raise forms.ValidationError(sentence(error)) from None


class CheckoutForm(forms.Form):
    """Who is licensed for what and from when, and how it is paid; it asks only for what the basket leaves open."""

    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=200)
    studio = forms.TypedChoiceField(
        label=_("Licensee"),
        coerce=UUID,
        help_text=_("The studio that holds the license; its name stands on the certificate."),
    )
    studio_name = forms.CharField(
        label=_("Licensee"),
        max_length=120,
        help_text=_("The name of your studio or company, or your own: it stands on the certificate."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    project = forms.TypedChoiceField(label=_("Project"), required=False, coerce=UUID, empty_value=None)
    project_name = forms.CharField(
        label=_("A new project"),
        required=False,
        max_length=120,
        help_text=_("For one project alone; leave it empty for all that the licensee makes."),
    )
    starts_on = forms.DateField(
        label=_("First day"),
        required=False,
        help_text=_("Today, if you leave it empty."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )
    people = forms.IntegerField(label=_("People who work there"), required=False, min_value=1)
    revenue_usd = forms.IntegerField(
        label=_("Revenue of the last year, in whole US dollars"), required=False, min_value=0
    )
    country = forms.ChoiceField(
        label=_("Country of the licensee"),
        help_text=_("Taxes go by it."),
        error_messages={"required": _("Choose the country of the licensee: taxes go by it.")},
    )
    vat_id = forms.CharField(
        label=_("VAT id"),
        required=False,
        max_length=40,
        help_text=_("Of a business; with its country’s letters, such as DE123456789."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "mono"}),
    )
    code = forms.CharField(
        label=_("Discount code"),
        required=False,
        max_length=32,
        widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off", "autocapitalize": "characters"}),
    )
    method = forms.ChoiceField(label=_("Pay with"), required=False, widget=forms.RadioSelect)
    card = forms.CharField(
        label=_("Card number"),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "class": "mono"}),
    )

    def __init__(
        self,
        *args: Any,
        basket: Basket,
        studios: Sequence[Studio],
        now: datetime,
        test_cards: bool,
        hosted: bool = False,
        **given: Any,
    ) -> None:
        super().__init__(*args, **given)
        self.basket, self.studios, self.now = basket, studios, now
        self.hosted, self.costs = hosted, any(_may_cost(offer, basket) for offer in basket.offers)
        self._choose_licensee()
        self._choose_project()
        self._ask_size()
        self._ask_place()
        for offer in basket.offers:
            self._ask_of(offer)
        if basket.kind != OrderLine.BUY:
            del self.fields["starts_on"]
        if basket.collection or basket.quote or not any(_discountable(offer) for offer in basket.offers):
            del self.fields["code"]
        self._ask_card(test_cards)

    def _choose_licensee(self) -> None:
        # A form sent twice names the studio that its first copy has opened by now.
        typed = bool(self.data.get("studio_name")) and not self.data.get("studio")
        if (self.studios and not typed) or self.basket.studio:
            del self.fields["studio_name"]
            rows = [(str(studio.pk), studio.name) for studio in self.studios]
            self.fields["studio"].choices = rows  # type: ignore[attr-defined]
            if self.basket.studio:
                del self.fields["studio"]
        else:
            del self.fields["studio"]

    def _choose_project(self) -> None:
        projects = [] if self.basket.studio else projects_of(self.studios)
        several = len(self.studios) > 1
        rows = [(str(one.pk), f"{one.name} · {one.studio.name}" if several else one.name) for one in projects]
        self.fields["project"].choices = [("", _("All projects")), *rows]  # type: ignore[attr-defined]
        if not rows:
            del self.fields["project"]
        if self.basket.studio:
            del self.fields["project_name"]

    def _ask_size(self) -> None:
        """Asks for the size where prices go by it and nothing was declared; several studios may each have another."""
        by_size = any(offer.now.tiers for offer in self.basket.offers)  # type: ignore[attr-defined]
        self.declared = declared_size(self.studios[0]) if by_size and len(self.studios) == 1 else None
        self.by_size = by_size
        if not by_size or self.declared is not None:
            del self.fields["people"], self.fields["revenue_usd"]

    def _ask_place(self) -> None:
        """Asks where the licensee is where taxes go by that and nobody said it; else the billing details count."""
        known = [self.basket.studio] if self.basket.studio else list(self.studios)
        asked = is_calculated() and any(_may_cost(offer, self.basket) for offer in self.basket.offers)
        if not asked or (known and all(studio.country or details_of(studio) for studio in known)):
            del self.fields["country"], self.fields["vat_id"]
        else:
            self.fields["country"].choices = [("", "—"), *countries()]  # type: ignore[attr-defined]
            self.fields["country"].required = len(known) < 2

    def _ask_of(self, offer: Offer) -> None:
        if offer.model in pricing.BY_SEAT and self.basket.quote is None and self.basket.collection is None:
            most = terms_of(offer.terms).seats or pricing.SEATS_LIMIT
            self.fields[f"seats-{offer.pk}"] = forms.IntegerField(
                label=_("Seats"), required=False, min_value=1, max_value=most
            )
        if offer.model == "pay-what-you-want" and self.basket.collection is None:
            least = money_text(offer.now.price_minor, offer.currency)  # type: ignore[attr-defined]
            self.fields[f"pays-{offer.pk}"] = AmountField(
                currency=offer.currency,
                label=_("You pay, in %(currency)s") % {"currency": offer.currency},
                help_text=_("%(least)s or more.") % {"least": least},
                required=False,
            )
        self.fields[f"expect-{offer.pk}"] = forms.IntegerField(
            required=False, min_value=0, widget=forms.HiddenInput, label=_("Price")
        )

    def _ask_card(self, test_cards: bool) -> None:
        """Asks for a card where something may be due: one that the studio keeps, or another; where the gateway has a
        page of its own the card is given there."""
        kept = self._kept() if self.costs else []
        if self.data.get("method") == KEPT:
            self.data = {**self.data, "method": f"{SAVED}{kept[0].pk}" if kept else ""}
        if kept:
            other = _("Another card, at the payment service's page") if self.hosted else _("Another card")
            rows = [(f"{SAVED}{one.pk}", one.label) for one in kept]  # type: ignore[attr-defined]
            self.fields["method"].choices = [*rows, ("", other)]  # type: ignore[attr-defined]
            self.initial.setdefault("method", rows[0][0])
        else:
            del self.fields["method"]
        if self.hosted or not self.costs:
            del self.fields["card"]
            return
        # A code, credit or the buyer's own amount may leave nothing to pay.
        names = ("code", *(f"pays-{offer.pk}" for offer in self.basket.offers))
        open_price = any(offer.model == "pay-what-you-want" for offer in self.basket.offers) or self.basket.replaces
        if open_price or self.data.get("method") or any(self.data.get(name) for name in names):
            self.fields["card"].required = False
        if test_cards:
            self.fields["card"].widget.attrs["list"] = "test-cards"

    def _kept(self) -> list[PaymentMethod]:
        """Lists what the licensee keeps to pay with, where it is clear who that is."""
        studio = self.basket.studio or (self.studios[0] if len(self.studios) == 1 else None)
        return methods.saved(studio) if studio is not None else []

    def paid_with(self) -> str:
        """This will say how the buyer pays, as an order takes it; the form was cleaned."""
        return self.cleaned_data.get("method") or self.cleaned_data.get("card", "")

    def clean_starts_on(self) -> date | None:
        day: date | None = self.cleaned_data["starts_on"]
        if day is not None and day < self.now.astimezone(UTC).date():
            raise forms.ValidationError(_("A license begins today or later: choose another day."))
        return day

    def clean(self) -> Mapping[str, Any]:
        given = self.cleaned_data
        if "people" in self.fields and (given.get("people") is None) != (given.get("revenue_usd") is None):
            missing = "people" if given.get("people") is None else "revenue_usd"
            if missing not in self.errors:
                self.add_error(
                    missing, _("Prices by size go by people and revenue together: fill in both, or neither.")
                )
        if given.get("project") and given.get("project_name"):
            self.add_error("project_name", _("Choose a project or name a new one, not both."))
        return given

    def asked_of(self, offer: Offer) -> list[forms.BoundField]:
        """This will give the fields that are about one offer."""
        names = (f"seats-{offer.pk}", f"pays-{offer.pk}")
        return [self[name] for name in names if name in self.fields]

    def against_price(self) -> list[str]:
        """This will list what is wrong with answers that make a price; the form was cleaned."""
        wrong = {name: texts for name, texts in self.errors.items() if name not in NOT_PRICED}
        return [str(text) for texts in wrong.values() for text in texts]

    def wanted(self) -> Wanted:
        """This will put what was read into one thing; what could not be read is left out."""
        given = self.cleaned_data
        day = given.get("starts_on")
        later = day is not None and day > self.now.astimezone(UTC).date()
        return Wanted(
            basket=self.basket,
            studio_id=given.get("studio") or None,
            studio_name=given.get("studio_name", ""),
            project_id=given.get("project"),
            project_name=given.get("project_name", "").strip(),
            starts_at=datetime.combine(day, time(), UTC) if day is not None and later else None,
            code=given.get("code", ""),
            country=given.get("country", ""),
            vat_id=given.get("vat_id", ""),
            people=given.get("people"),
            revenue_usd=given.get("revenue_usd"),
            seats=self._by_offer("seats"),
            pays=self._by_offer("pays"),
            expects=self._by_offer("expect"),
        )

    def _by_offer(self, kind: str) -> dict[UUID, int]:
        values = {offer.pk: self.cleaned_data.get(f"{kind}-{offer.pk}") for offer in self.basket.offers}
        return {key: value for key, value in values.items() if value is not None}


def _discountable(offer: Offer) -> bool:
    return offer.model in pricing.DISCOUNTABLE


def _may_cost(offer: Offer, basket: Basket) -> bool:
    if basket.collection is not None:
        return basket.collection.price_minor > 0
    if offer.model in ("one-off", "per-seat"):
        row = offer.now  # type: ignore[attr-defined]
        return bool(row.price_minor or any(tier["price_minor"] for tier in row.tiers))
    return offer.model != "free"
