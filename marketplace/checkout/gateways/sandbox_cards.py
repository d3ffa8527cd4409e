"""The sandbox's test cards, and what each of them does."""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from marketplace.checkout.gateways.base import DISPUTE_LOST, DISPUTE_WON, REFUND_FAILED

ASKED, ASKED_ALWAYS, ASKED_IN_VAIN = "3ds", "3ds-always", "3ds-in-vain"
LATE, LATE_FAILED = "late", "late-failed"
REFUND_LATE, PART_WON, PART_LOST = "refund-late", "part-won", "part-lost"
WON_IN_PART = "won-in-part"

# Numbers that Stripe documents for its own test mode, so that habits carry over; those of 4000 0099 are our own.
TEST_CARDS: Mapping[str, tuple[str, str]] = {
    "4242424242424242": ("success", gettext_noop("pays")),
    "4000000000000002": ("declined", gettext_noop("is declined")),
    "4000000000009995": ("no-funds", gettext_noop("is declined for lack of funds")),
    "4000002500003155": (ASKED, gettext_noop("asks its holder the first time, then pays")),
    "4000002760003184": (ASKED_ALWAYS, gettext_noop("asks its holder every time, then pays")),
    "4000008400001629": (ASKED_IN_VAIN, gettext_noop("asks its holder, and is declined all the same")),
    "4000009900000012": (LATE, gettext_noop("pays later, as a debit from a bank account does")),
    "4000009900000020": (LATE_FAILED, gettext_noop("is declined later, as a debit from a bank account may be")),
    "4000000000005126": (REFUND_FAILED, gettext_noop("pays, and a refund of it fails later")),
    "4000000000007726": (REFUND_LATE, gettext_noop("pays, and a refund of it arrives later")),
    "4000000000000259": (DISPUTE_LOST, gettext_noop("pays, is disputed later, and the dispute is lost")),
    "4000000000001976": (DISPUTE_WON, gettext_noop("pays, is disputed later, and the dispute is won")),
    "4000009900000038": (PART_LOST, gettext_noop("pays, half of it is disputed later, and the dispute is lost")),
    "4000009900000046": (PART_WON, gettext_noop("pays, half of it is disputed later, and the dispute is won")),
    "4000009900000053": (WON_IN_PART, gettext_noop("pays, is disputed later, and the dispute is won for the half")),
}
DECLINES: Mapping[str, str] = {
    "declined": gettext_noop("The card was declined: use another card."),
    "no-funds": gettext_noop("The card was declined for lack of funds: use another card."),
}
REFUSED_BY_HOLDER = gettext_noop("The payment was not confirmed at the bank: try again, or use another card.")
HOLDER_IS_AWAY = gettext_noop("The bank wants the cardholder to confirm the payment, who was not there.")
NO_CARD = gettext_noop("No card is kept any more that this could be paid with: give another one.")
DEBIT_FAILED = gettext_noop("The bank did not pay: use another card.")
CALLED_OFF = gettext_noop("The payment was called off.")
DISPUTED: Mapping[str, tuple[str, int]] = {
    DISPUTE_WON: (DISPUTE_WON, 1),
    DISPUTE_LOST: (DISPUTE_LOST, 1),
    PART_WON: (DISPUTE_WON, 2),
    PART_LOST: (DISPUTE_LOST, 2),
    WON_IN_PART: (DISPUTE_WON, 1),
}
"""How the dispute of a card ends, and by what its amount is divided, rounded down."""
