"""The least and the most that the uses of one month cost under a metered license, in whole minor units."""

from dataclasses import dataclass
from typing import Protocol

from marketplace.licensing.pricing import UnableToPrice, money
from marketplace.licensing.rules import PRICE_LIMIT_MINOR
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _


@dataclass(frozen=True, slots=True)
class MonthLimits:
    """What a license costs at least in a month in which it holds, and at most however much is used; 0 is none."""

    minimum_minor: int = 0
    cap_minor: int = 0

    def __bool__(self) -> bool:
        return bool(self.minimum_minor or self.cap_minor)

    def charged(self, used_minor: int) -> int:
        """This will say what a month costs in which as much was used; nothing is divided."""
        least = max(used_minor, self.minimum_minor)
        return min(least, self.cap_minor) if self.cap_minor else least

    def said(self, currency: str) -> tuple[Words, ...]:
        """This will say the limits, each that there is."""
        least = Words(_("At least %(least)s a month"), {"least": money(self.minimum_minor, currency)})
        most = Words(_("At most %(most)s a month"), {"most": money(self.cap_minor, currency)})
        return (*((least,) if self.minimum_minor else ()), *((most,) if self.cap_minor else ()))


NO_LIMITS = MonthLimits()


class _Row(Protocol):
    month_minimum_minor: int
    month_cap_minor: int


def limits_of(price: _Row) -> MonthLimits:
    """This will read the limits of a stored price."""
    return MonthLimits(price.month_minimum_minor, price.month_cap_minor)


def check_month(*, model: str, limits: MonthLimits) -> None:
    """This will raise UnableToPrice for limits that a price of that model cannot have."""
    numbers = (limits.minimum_minor, limits.cap_minor)
    if any(type(number) is not int or not 0 <= number <= PRICE_LIMIT_MINOR for number in numbers):
        raise UnableToPrice(
            _("The least and the most of a month must be between 0 and %(limit)s minor units."),
            {"limit": str(PRICE_LIMIT_MINOR)},
        )
    if limits and model != "metered":
        raise UnableToPrice(_("Only a metered price has a least or a most for a month: choose that price model."))
    if limits.cap_minor and limits.cap_minor < limits.minimum_minor:
        raise UnableToPrice(_("The most of a month is below its least: raise it, or lower the least."))
