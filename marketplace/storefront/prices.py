"""What offers cost, in words, as pages show it before anybody asks for a quote."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from marketplace.licensing import pricing, pricing_queries, trials
from marketplace.licensing.models import Offer, OfferPrice
from marketplace.licensing.months import limits_of
from marketplace.ui.formats import date_text, money_text, number_text, percent_text, sentence

PRIOR = timedelta(days=30)
"""What a reduced price is compared with: the lowest of this time before it (Directive 98/6/EC, article 6a)."""

SEATS, AMOUNT = "seats", "amount"

_NOTES: Mapping[str, Promise] = {
    "one-off": gettext_lazy("one payment"),
    "per-seat": gettext_lazy("for a seat, one payment"),
    "monthly": gettext_lazy("a month for a seat"),
    "yearly": gettext_lazy("a year for a seat"),
    "pay-what-you-want": gettext_lazy("or more, as you want"),
    "revenue-share": gettext_lazy("of the revenue that you report"),
    "on-request": gettext_lazy("the creator names a price for you"),
}


@dataclass(frozen=True)
class Price:
    """A price on a page: what is asked in few words, what it is for, and all that can make it another.

    `minor` is what is due at once for one seat, None where nothing is said beforehand. `asks` tells what the buyer
    names: seats or an amount.
    """

    minor: int | None
    currency: str
    text: str
    note: str
    was_minor: int | None = None
    sale: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    asks: str = ""


def price_shown(offer: Offer) -> Price:
    """This will put the price that counts now into words; `offer` has `.now` and `.regular_minor`."""
    row: OfferPrice = offer.now  # type: ignore[attr-defined]
    regular: int = offer.regular_minor  # type: ignore[attr-defined]
    reduced = row.kind != OfferPrice.REGULAR and row.price_minor < regular
    return Price(
        minor=None if offer.model in (*pricing.BILLED_LATER, "on-request") else row.price_minor,
        currency=offer.currency,
        text=_text(offer, row),
        note=_note(offer, row),
        was_minor=regular if reduced else None,
        sale=_sale(offer, row) if reduced else (),
        tiers=(
            *_trial(offer),
            *(sentence(words) for words in limits_of(row).said(offer.currency)),
            *(_tier(tier, offer.currency) for tier in pricing.read_tiers(row.tiers, model=offer.model)),
        ),
        asks=_asks(offer.model),
    )


def _trial(offer: Offer) -> tuple[str, ...]:
    """Says for how long a subscription may be tried; asked for each such offer by itself."""
    days = trials.trial_days(offer) if offer.model in pricing.PERIODS else 0
    if not days:
        return ()
    return (
        ngettext("Try it for %(days)d day for nothing", "Try it for %(days)d days for nothing", days) % {"days": days},
    )


def cost_words(offer: Offer) -> tuple[str, str]:
    """This will say what an offer with `.now` asks for and what that is for, and nothing of how it came about."""
    row: OfferPrice = offer.now  # type: ignore[attr-defined]
    return _text(offer, row), _note(offer, row)


def _asks(model: str) -> str:
    if model in pricing.BY_SEAT:
        return SEATS
    return AMOUNT if model == "pay-what-you-want" else ""


def _text(offer: Offer, row: OfferPrice) -> str:
    if offer.model == "on-request":
        return _("On request")
    if offer.model == "revenue-share":
        return percent_text(offer.share_ppb)
    if not row.price_minor and offer.model != "pay-what-you-want":
        return _("Free")
    return money_text(row.price_minor, offer.currency)


def _note(offer: Offer, row: OfferPrice) -> str:
    if offer.model == "metered":
        return _("for each %(unit)s, billed monthly") % {"unit": offer.unit}
    if offer.model == "revenue-share" and row.price_minor:
        amount = money_text(row.price_minor, offer.currency)
        return _("of the revenue that you report, and %(price)s now") % {"price": amount}
    if offer.model == "one-off" and not row.price_minor:
        return ""
    return str(_NOTES.get(offer.model, ""))


def _sale(offer: Offer, row: OfferPrice) -> tuple[str, ...]:
    """Says until when a price is reduced, and what it was at least before."""
    lines = []
    if row.ends_at is not None:
        lines.append(_("Reduced until %(day)s") % {"day": date_text(row.ends_at)})
    if row.most_sales:
        lines.append(
            ngettext("For the first license only", "For the first %(count)s licenses", row.most_sales)
            % {"count": number_text(row.most_sales)}
        )
    lowest = pricing_queries.lowest_in(offer, since=row.starts_at - PRIOR, until=row.starts_at)
    amount = money_text(lowest, offer.currency)
    return (*lines, _("Lowest price of the 30 days before: %(price)s") % {"price": amount})


def _tier(tier: pricing.Tier, currency: str) -> str:
    values = {
        "price": money_text(tier.price_minor, currency),
        "people": number_text(tier.up_to_people),
        "revenue": number_text(tier.up_to_revenue_usd),
    }
    if not tier.up_to_revenue_usd:
        return _("%(price)s for studios of up to %(people)s people") % values
    if not tier.up_to_people:
        return _("%(price)s for studios that earn up to US$%(revenue)s a year") % values
    return _("%(price)s for studios of up to %(people)s people that earn up to US$%(revenue)s a year") % values


def until_text(until: datetime | None) -> str:
    """This will say until when somebody else has something exclusively."""
    if until is None:
        return _("Somebody else has it exclusively, without an end.")
    return _("Somebody else has it exclusively until %(day)s.") % {"day": date_text(until)}
