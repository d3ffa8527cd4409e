"""What orders, refunds and disputes are called where buyers see them."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy, pgettext_lazy

from marketplace.checkout import order_states
from marketplace.checkout.asking_back import GRANTED
from marketplace.checkout.hearing import OUTSIDE
from marketplace.checkout.papers.words import REASONS
from marketplace.checkout.taxes.rules import TaxSum
from marketplace.ui.formats import Names, percent_text, place_text, say

LINES_SHOWN = 200

STATES: Names = {
    **{state: gettext_lazy(said) for state, said in order_states.WORDS.items()},
    order_states.DECLINED: pgettext_lazy("order", "Declined"),
}
TONES = {
    order_states.DECLINED: "bad",
    order_states.EXPIRED: "bad",
    order_states.CANCELLED: "bad",
    order_states.WAITING: "warn",
    order_states.ACTION: "warn",
    order_states.DISPUTED: "warn",
}
GOES_ON = (order_states.WAITING, order_states.ACTION, order_states.DECLINED)
"""States of orders whose own page of payment says more."""

BACK: Names = {
    "open": pgettext_lazy("refund", "On its way"),
    "pending": pgettext_lazy("refund", "On its way to the bank"),
    "given-back": pgettext_lazy("refund", "Given back"),
    "refused": pgettext_lazy("refund", "Not possible"),
    "failed": pgettext_lazy("refund", "Refused by the bank: the money comes another way"),
}

REASONS_BACK: Names = {
    GRANTED: gettext_lazy("The buyer asked for it"),
    OUTSIDE: gettext_lazy("Given back at the payment service itself"),
}
"""Reasons of refunds that nobody typed."""

DISPUTES: Names = {
    "opened": pgettext_lazy("dispute", "Being decided"),
    "won": pgettext_lazy("dispute", "Decided for the seller"),
    "part-won": pgettext_lazy("dispute", "Decided for the buyer in part"),
    "lost": pgettext_lazy("dispute", "Decided for the buyer"),
}


def tax_rows(taxes: Iterable[TaxSum]) -> list[dict[str, Any]]:
    """This will say each tax of an order as pages show it: whose it is, why it is zero, and which part of the price."""
    return [
        {
            "tax": one,
            "place": place_text(one.jurisdiction),
            "reason": say(REASONS, one.reason) if one.reason else "",
            "rate": percent_text(one.rate_ppb),
        }
        for one in taxes
    ]
