"""One table of currencies: what ISO 4217 calls a minor unit, what Stripe does, and in which steps it takes them.

Stripe writes most currencies in ISO's minor units. Where it differs, the table says so, and what cannot be said
exactly on the other side is refused, never rounded. Whether an account of the house may charge or pay a currency is
for that account to know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from marketplace.ui.currencies import ISO_4217
from marketplace.ui.words import Values
from marketplace.ui.words import gettext_noop as _

SOLD = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD INR JPY KRW KWD MOP MXN MYR NOK NZD PLN SEK SGD THB TWD USD VND"
"""The codes of what we sell in."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency: `exponent` digits after the point by ISO 4217, `stripe_exponent` in Stripe's amounts.

    A charge is a multiple of `charge_step` of Stripe's minor units, and a payout to a bank of `payout_step`.
    """

    code: str
    exponent: int
    stripe_exponent: int
    charge_step: int
    payout_step: int


class UnsayableAmount(Exception):
    """An amount cannot be said exactly in the minor units that the other side counts in."""

    code = "unsayable-amount"
    template = _("%(amount)s minor units of %(currency)s cannot be sent exactly; amounts go in steps of %(step)s.")

    def __init__(self, amount_minor: int, currency: str, step: int) -> None:
        self.amount_minor, self.currency, self.step = amount_minor, currency, step
        self.values: Values = {"amount": amount_minor, "currency": currency, "step": step}
        super().__init__(self.template % self.values)


# ISO gives the ariary two digits and Stripe none. Stripe keeps two for the króna and the Ugandan shilling, which have
# none, and wants them to be zero. It pays forints and Taiwan dollars in whole units, but charges their hundredths.
_STRIPE_EXPONENT = {"MGA": 0, "ISK": 2, "UGX": 2}
_STEPS = {"ISK": (100, 100), "UGX": (100, 100), "HUF": (1, 100), "TWD": (1, 100)}
_STEPS_OF_THREE_DIGITS = (10, 10)


def _currency(code: str, exponent: int) -> Currency:
    steps = _STEPS.get(code, _STEPS_OF_THREE_DIGITS if exponent == 3 else (1, 1))
    return Currency(code, exponent, _STRIPE_EXPONENT.get(code, exponent), *steps)


WORLD: Mapping[str, Currency] = MappingProxyType({code: _currency(code, ISO_4217[code]) for code in sorted(ISO_4217)})
"""Every active currency of ISO 4217 that has minor units, by code."""

CURRENCIES: Mapping[str, int] = MappingProxyType({code: WORLD[code].exponent for code in SOLD.split()})
"""ISO 4217 code of each currency we sell in → its exponent: the digits after the point."""


def _ratio(currency: Currency) -> tuple[int, int]:
    """Return how many of our minor units are how many of Stripe's."""
    more = currency.exponent - currency.stripe_exponent
    return 10 ** max(0, more), 10 ** max(0, -more)


def step_minor(currency: str) -> int:
    """Return the step, in ISO minor units, in which a currency is charged and refunded: 10 fils of a dinar, else 1."""
    ours, theirs = _ratio(WORLD[currency])
    return max(1, WORLD[currency].charge_step * ours // theirs)


def to_stripe(amount_minor: int, currency: str, *, payout: bool = False) -> int:
    """Return an amount of ISO minor units as Stripe writes it, for a charge or, with `payout`, for a bank payout.

    Raises UnsayableAmount where Stripe's units or steps cannot say it exactly, and KeyError for what is no currency.
    """
    known = WORLD[currency]
    ours, theirs = _ratio(known)
    stripe_minor, rest = divmod(amount_minor * theirs, ours)
    step = known.payout_step if payout else known.charge_step
    if rest or stripe_minor % step:
        raise UnsayableAmount(amount_minor, currency, max(ours, step // theirs))
    return stripe_minor


def from_stripe(stripe_minor: int, currency: str) -> int:
    """Return an amount of Stripe's in ISO minor units; raises UnsayableAmount and KeyError as `to_stripe` does."""
    known = WORLD[currency]
    ours, theirs = _ratio(known)
    amount_minor, rest = divmod(stripe_minor * ours, theirs)
    if rest:
        raise UnsayableAmount(stripe_minor, currency, theirs)
    return amount_minor
