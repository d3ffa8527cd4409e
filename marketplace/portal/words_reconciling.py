"""What lines of the gateway, sets and movements are called at the operator's desk."""

from django.utils.translation import gettext_lazy, pgettext_lazy

from marketplace.checkout.reconciling import rules
from marketplace.ui.formats import Names

CATEGORIES: Names = {name: gettext_lazy(text) for name, text in rules.WORDS.items()}
"""Category of a line → what it is called; what is not here nobody understands."""

KINDS: Names = {
    "sale": pgettext_lazy("money", "Sale"),
    "subscription_paid": gettext_lazy("Paid for periods to come"),
    "psp_settled": gettext_lazy("Settled"),
    "collected": gettext_lazy("Settled"),
    "bank_transfer": gettext_lazy("Moved between gateway and bank"),
    "refund": gettext_lazy("Refund"),
    "refund_failed": gettext_lazy("Refund that failed"),
    "dispute_opened": gettext_lazy("Dispute"),
    "dispute_won": gettext_lazy("Dispute won"),
    "dispute_fee": gettext_lazy("Fee for a dispute"),
    "payout_sent": gettext_lazy("Payout sent"),
    "payout_failed": gettext_lazy("Payout failed"),
    "payout_returned": gettext_lazy("Payout returned"),
    "transfer_reversed": gettext_lazy("Transfer taken back"),
    "exchange": gettext_lazy("Exchanged"),
    "credit_given": gettext_lazy("Credit of a buyer"),
    "provider_fee": gettext_lazy("Fee of the gateway"),
    "suspended": gettext_lazy("Put into suspense"),
    "suspense_cleared": gettext_lazy("Cleared"),
}
"""Kind of a transaction of the books → what it is called."""

WAYS: Names = {
    "known": gettext_lazy("The books knew it"),
    "bank": gettext_lazy("Booked with our bank"),
    "fee": gettext_lazy("Booked as a fee"),
    "aside": gettext_lazy("Stays within the balance"),
    "stray": gettext_lazy("Came for no order, and goes back"),
    "suspense": gettext_lazy("In suspense"),
}
"""How a line was matched → what that is called."""

SETS: Names = {
    "ours": gettext_lazy("Only we know"),
    "theirs": gettext_lazy("Only the gateway knows"),
    "differs": gettext_lazy("Different amounts"),
    "suspense": gettext_lazy("In suspense"),
}
"""The sets of what does not agree → what they are called."""

NOTES: Names = {
    "ours": gettext_lazy("In our books, and in no line of the gateway yet."),
    "theirs": gettext_lazy("In a line of the gateway, and nowhere in our books yet."),
    "differs": gettext_lazy("The same thing on both sides, with different amounts."),
    "suspense": gettext_lazy("Booked because our balance moved, until somebody says what it is."),
}
"""The same, in a sentence."""
