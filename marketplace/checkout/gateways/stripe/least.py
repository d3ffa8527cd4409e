"""The least that Stripe takes by card in each currency: below it, its fee would eat the payment.

From https://docs.stripe.com/currencies, "Minimum and maximum charge amounts". The table goes by the currency in which
an account is paid out; where that is another one than the buyer pays in, Stripe asks for as much as that is worth, and
says itself (`amount_too_small`) what is below.
"""

from collections.abc import Mapping

LEAST: Mapping[str, int] = {
    "AED": 200,
    "AUD": 50,
    "BRL": 50,
    "CAD": 50,
    "CHF": 50,
    "CZK": 15_00,
    "DKK": 2_50,
    "EUR": 50,
    "GBP": 30,
    "HKD": 4_00,
    "HUF": 175_00,
    "INR": 50,
    "JPY": 50,
    "MXN": 10_00,
    "MYR": 2_00,
    "NOK": 3_00,
    "NZD": 50,
    "PLN": 2_00,
    "RON": 2_00,
    "SEK": 3_00,
    "SGD": 50,
    "THB": 10_00,
    "USD": 50,
}
"""ISO 4217 code → minor units, which are Stripe's too for each of these."""


def least_minor(currency: str) -> int:
    """This will give the least payment in a currency in its minor units: 1 where Stripe names none."""
    return LEAST.get(currency, 1)
