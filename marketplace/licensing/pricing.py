"""What a license costs, in whole minor units: plain arithmetic that never rounds twice, and says each step in words."""

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785

from marketplace.licensing.rules import PRICE_LIMIT_MINOR
from marketplace.payouts.rules import WHOLE_PPB, largest_remainder
from marketplace.ui.words import Values, Words, Written
from marketplace.ui.words import gettext_noop as _

PRICE_FORMAT = "worldloom/price/2"
MONTHLY_PRICE_FORMAT = "worldloom/price/3"
"""The form of prices that have a least or a most for a month; all others stay as they were."""

PRICE_MODELS = (
    "one-off",
    "per-seat",
    "monthly",
    "yearly",
    "metered",
    "revenue-share",
    "free",
    "pay-what-you-want",
    "on-request",
)
PERIODS: Mapping[str, int] = {"monthly": 1, "yearly": 12}
"""Subscriptions: how many calendar months a period has."""
BY_SEAT = ("per-seat", *PERIODS)
"""Their price is for each seat."""
BILLED_LATER = ("metered", "revenue-share")
"""What they cost depends on use or revenue that the licensee reports."""
WITHOUT_PRICE = ("free", "on-request")
DISCOUNTABLE = ("one-off", "per-seat", *PERIODS)
"""Codes, tiers, early-bird and sale prices are for these; the buyer or a quote names the price of others."""
SEATS_LIMIT = 1_000_000
TIMES_LIMIT = 1_000_000_000
"""How many sales or uses may be counted."""
CODE = re.compile(r"[A-Z0-9-]{3,32}")
TIERS_LIMIT = 20


class UnableToPrice(ValueError):
    """There is no price for what was asked; `template` and `values` say why in any language."""

    code = "price-refused"

    def __init__(self, template: str, values: Values | None = None) -> None:
        self.template, self.values = template, values or {}
        super().__init__(str(Words(template, self.values)))


@dataclass(frozen=True, slots=True)
class Size:
    """What a studio says of itself: people who work in it, whole US dollars that it took in last year."""

    people: int
    revenue_usd: int


@dataclass(frozen=True, slots=True)
class Tier:
    """A price for studios up to a size; 0 is without limit."""

    up_to_people: int
    up_to_revenue_usd: int
    price_minor: int

    def fits(self, size: Size) -> bool:
        """Whether a studio of this size is within both limits."""
        return (not self.up_to_people or size.people <= self.up_to_people) and (
            not self.up_to_revenue_usd or size.revenue_usd <= self.up_to_revenue_usd
        )


@dataclass(frozen=True, slots=True)
class Discount:
    """What a code takes off a price: a part, or an amount; never both."""

    code: str
    percent_ppb: int = 0
    amount_minor: int = 0


@dataclass(frozen=True, slots=True)
class Priced:
    """What is due when the order is placed, what it would be without discount, and how that comes about.

    `unit_minor` is the price of one seat, period, unit or license at the buyer's size.
    """

    price_minor: int
    list_minor: int
    currency: str
    lines: tuple[Words, ...] = ()
    unit_minor: int = 0


def money(amount_minor: int, currency: str) -> Written:
    """This will give an amount as a value in a sentence."""
    return Written("money", f"{amount_minor} {currency}")


def check_price(*, model: str, price_minor: int, unit: str = "", share_ppb: int = 0) -> None:
    """This will raise UnableToPrice where a model and its numbers cannot go together."""
    if model not in PRICE_MODELS:
        raise UnableToPrice(
            _("“%(model)s” is no price model: use one of %(models)s."),
            {"model": str(model)[:40], "models": ", ".join(PRICE_MODELS)},
        )
    if type(price_minor) is not int or not 0 <= price_minor <= PRICE_LIMIT_MINOR:
        raise UnableToPrice(
            _("The price must be between 0 and %(limit)s minor units."), {"limit": str(PRICE_LIMIT_MINOR)}
        )
    if model in WITHOUT_PRICE and price_minor:
        raise UnableToPrice(_("What is free or on request has no price: give 0."))
    if (model == "metered") != bool(unit.strip()):
        raise UnableToPrice(_("A metered price needs the unit that it counts, and only a metered one has it."))
    if len(unit) > 40 or not unit.isprintable():
        raise UnableToPrice(_("The unit of a metered price is one line of at most 40 characters."))
    if model == "revenue-share":
        if type(share_ppb) is not int or not 1 <= share_ppb <= WHOLE_PPB:
            raise UnableToPrice(_("A share of revenue is between 1 part per billion and the whole."))
    elif share_ppb:
        raise UnableToPrice(_("Only a share of revenue has a share: choose that price model."))


def read_tiers(rows: Sequence[Mapping[str, Any] | Tier], *, model: str = "one-off") -> tuple[Tier, ...]:
    """This will read tiers as they are stored, narrowest first; raises UnableToPrice for what can never be reached."""
    if rows and model not in (*DISCOUNTABLE, "metered"):
        raise UnableToPrice(_("Prices by size are for prices that are fixed: this price model has none."))
    if len(rows) > TIERS_LIMIT:
        raise UnableToPrice(_("A price has at most %(most)d tiers."), {"most": TIERS_LIMIT})
    tiers = tuple(_tier(row) for row in rows)
    for place, tier in enumerate(tiers):
        if not tier.up_to_people and not tier.up_to_revenue_usd:
            raise UnableToPrice(_("A tier needs a limit of people or of revenue: what has none is the price itself."))
        for earlier in tiers[:place]:
            if _covers(earlier.up_to_people, tier.up_to_people) and _covers(
                earlier.up_to_revenue_usd, tier.up_to_revenue_usd
            ):
                raise UnableToPrice(_("A tier is within one that stands before it: put the narrowest first."))
    return tiers


def _tier(row: Mapping[str, Any] | Tier) -> Tier:
    names = ("up_to_people", "up_to_revenue_usd", "price_minor")
    values = asdict(row) if isinstance(row, Tier) else dict(row)
    if set(values) - set(names) or "price_minor" not in values:
        raise UnableToPrice(_("A tier has up_to_people, up_to_revenue_usd and price_minor, and nothing else."))
    numbers = [values.get(name, 0) for name in names]
    if any(type(number) is not int or not 0 <= number <= PRICE_LIMIT_MINOR for number in numbers):
        raise UnableToPrice(_("The numbers of a tier are whole and not negative."))
    return Tier(*numbers)


def _covers(wide: int, narrow: int) -> bool:
    """Whether everything up to `narrow` is up to `wide`; 0 is without limit."""
    return not wide or (bool(narrow) and narrow <= wide)


def price_of(
    *,
    model: str,
    price_minor: int,
    currency: str,
    tiers: Sequence[Tier] = (),
    seats: int = 1,
    size: Size | None = None,
    pays_minor: int | None = None,
    discount: Discount | None = None,
    unit: str = "",
    share_ppb: int = 0,
) -> Priced:
    """This will price one license. `pays_minor` is what the buyer offers, or what was agreed for one on request.

    A part that a code takes off is rounded up, so that the fraction of a unit goes to the buyer; nothing else is
    divided. Raises UnableToPrice.
    """
    if pays_minor is not None and model not in ("pay-what-you-want", "on-request"):
        raise UnableToPrice(_("The price of this offer is fixed: leave the amount out."))
    if discount is not None and model not in DISCOUNTABLE:
        raise UnableToPrice(_("The code “%(code)s” takes nothing off an offer of this kind."), {"code": discount.code})
    unit_minor, lines = _unit_price(model, price_minor, currency, tiers, size)
    match model:
        case "free":
            return Priced(0, 0, currency, (Words(_("Free")),))
        case "metered":
            values: Values = {"price": money(unit_minor, currency), "unit": unit}
            return Priced(
                0, 0, currency, (*lines, Words(_("Nothing now; later %(price)s × %(unit)s"), values)), unit_minor
            )
        case "revenue-share":
            words = Words(_("Later %(share)s of the revenue that you report"), {"share": Written("share", share_ppb)})
            return Priced(price_minor, price_minor, currency, (*lines, words), price_minor)
        case "pay-what-you-want":
            return _as_you_want(price_minor, pays_minor, currency)
        case "on-request":
            if pays_minor is None:
                raise UnableToPrice(_("This offer is priced on request: ask for a quote first."))
            words = Words(_("%(price)s, as agreed"), {"price": money(pays_minor, currency)})
            return Priced(pays_minor, pays_minor, currency, (words,), pays_minor)
    if model in BY_SEAT:
        _check_seats(seats)
        lines = (*lines, Words(_("Seats: %(seats)d"), {"seats": seats}))
    listed = unit_minor * (seats if model in BY_SEAT else 1)
    if listed > PRICE_LIMIT_MINOR:
        raise UnableToPrice(_("So many seats cost more than the books can hold: take fewer."))
    due, off = _discounted(listed, discount, currency)
    return Priced(due, listed, currency, (*lines, *off), unit_minor)


_BASES = {
    "monthly": _("%(price)s a month for a seat"),
    "yearly": _("%(price)s a year for a seat"),
    "per-seat": _("%(price)s for a seat"),
}


def _unit_price(
    model: str, price_minor: int, currency: str, tiers: Sequence[Tier], size: Size | None
) -> tuple[int, tuple[Words, ...]]:
    """Finds the price at the buyer's size: the first tier that fits what was declared, else the price itself."""
    tier = next((one for one in tiers if size is not None and one.fits(size)), None)
    unit_minor = tier.price_minor if tier else price_minor
    words = Words(_BASES.get(model, _("%(price)s for the license")), {"price": money(unit_minor, currency)})
    lines = () if model == "metered" else (words,)
    if tier is None:
        return unit_minor, lines
    limits: Values = {
        "people": Written("number", tier.up_to_people),
        "revenue": Written("number", tier.up_to_revenue_usd),
    }
    if not tier.up_to_revenue_usd:
        why = _("The price for studios of up to %(people)s people")
    elif not tier.up_to_people:
        why = _("The price for studios that earn up to US$%(revenue)s a year")
    else:
        why = _("The price for studios of up to %(people)s people that earn up to US$%(revenue)s a year")
    return unit_minor, (*lines, Words(why, limits))


def _as_you_want(least: int, pays: int | None, currency: str) -> Priced:
    paid = least if pays is None else pays
    if not least <= paid <= PRICE_LIMIT_MINOR:
        raise UnableToPrice(
            _("You may pay what you want from %(least)s on: %(paid)s is too little, or more than the books can hold."),
            {"least": money(least, currency), "paid": money(paid, currency)},
        )
    return Priced(paid, paid, currency, (Words(_("%(price)s, as you want"), {"price": money(paid, currency)}),), least)


def _check_seats(seats: int) -> None:
    if type(seats) is not int or not 1 <= seats <= SEATS_LIMIT:
        raise UnableToPrice(_("Choose from 1 to %(most)s seats."), {"most": Written("number", SEATS_LIMIT)})


def _discounted(listed: int, discount: Discount | None, currency: str) -> tuple[int, tuple[Words, ...]]:
    if discount is None:
        return listed, ()
    if discount.percent_ppb:
        due = listed * (WHOLE_PPB - discount.percent_ppb) // WHOLE_PPB
    else:
        due = max(0, listed - discount.amount_minor)
    values: Values = {"code": discount.code, "amount": money(listed - due, currency)}
    return due, (Words(_("The code %(code)s takes off %(amount)s"), values),)


def shared_out(total_minor: int, list_minor: Sequence[int]) -> list[int]:
    """This will divide one price among what it is for, in proportion to the single prices.

    Parts are rounded down; the units that are left go one each to the largest remainders, the first of equal ones.
    Where all single prices are 0 the parts are equal.
    """
    weights = list(list_minor) if any(list_minor) else [1] * len(list_minor)
    return largest_remainder(total_minor, weights)


def prorated(amount_minor: int, *, starts_at: datetime, ends_at: datetime, at: datetime) -> int:
    """This will give the part of an amount that the time from `at` to the end is worth, by whole seconds.

    It is rounded down, so credit never exceeds what was paid and an added seat never costs more than its time.
    """
    whole = int((ends_at - starts_at).total_seconds())
    left = min(whole, max(0, int((ends_at - at).total_seconds())))
    return amount_minor * left // whole if whole > 0 else 0


def credit_of(paid_minor: int, *, starts_at: datetime, ends_at: datetime | None, at: datetime) -> int:
    """This will say what a replaced license is still worth: its unused time, or all of it if it never ends."""
    if ends_at is None:
        return paid_minor
    return prorated(paid_minor, starts_at=starts_at, ends_at=ends_at, at=at)


def used(quantity: int, unit_minor: int) -> int:
    """This will price what was used; exact, nothing is divided."""
    return quantity * unit_minor


def share_of(revenue_minor: int, share_ppb: int) -> int:
    """This will take a share of reported revenue, rounded down: the fraction of a unit stays with the licensee."""
    return revenue_minor * share_ppb // WHOLE_PPB


def period_start(anchor: datetime, model: str, number: int) -> datetime:
    """This will say when the period of that number begins, from 0 on: calendar months in UTC from the first day.

    A day that a month has not is its last day; the next month has the first day's own number again.
    """
    first = anchor.astimezone(UTC)
    year, month = divmod(first.year * 12 + first.month - 1 + PERIODS[model] * number, 12)
    day = min(first.day, calendar.monthrange(year, month + 1)[1])
    return first.replace(year=year, month=month + 1, day=day)


def period_of(anchor: datetime, model: str, at: datetime) -> int:
    """This will number the period in which a moment lies; before the first it is 0."""
    first, now = anchor.astimezone(UTC), at.astimezone(UTC)
    months = max(0, (now.year - first.year) * 12 + now.month - first.month)
    number = months // PERIODS[model]
    while number and period_start(anchor, model, number) > now:
        number -= 1
    return number


def price_document(
    *,
    offer: str,
    number: int,
    kind: str,
    model: str,
    unit: str,
    share_ppb: int,
    price_minor: int,
    currency: str,
    tiers: Sequence[Tier],
    starts_at: datetime | None,
    ends_at: datetime | None,
    most_sales: int,
    salt: str,
    month_minimum_minor: int = 0,
    month_cap_minor: int = 0,
) -> bytes:
    """This will write a price as `worldloom/price/2`, or `/3` with the least or the most of a month
    (docs/formats/price.md); the log holds only its SHA-256.

    The first price of an offer, which holds from the offer on, has no time of its own.
    """
    month = {"month_minimum_minor": month_minimum_minor, "month_cap_minor": month_cap_minor}
    return rfc8785.dumps(
        {
            **(month if any(month.values()) else {}),
            "format": MONTHLY_PRICE_FORMAT if any(month.values()) else PRICE_FORMAT,
            "offer": offer,
            "number": number,
            "kind": kind,
            "model": model,
            "unit": unit,
            "share_ppb": share_ppb,
            "price_minor": price_minor,
            "currency": currency,
            "tiers": [asdict(tier) for tier in tiers],
            "starts_at": int(starts_at.timestamp()) if starts_at else 0,
            "ends_at": int(ends_at.timestamp()) if ends_at else 0,
            "most_sales": most_sales,
            "salt": salt,
        }
    )
