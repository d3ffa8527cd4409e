"""What banks, gateways and other parts of the house call things, in words for the operator's desk."""

from django.utils.translation import gettext_lazy, pgettext_lazy

from marketplace.checkout import order_states
from marketplace.checkout.asking_back import GRANTED
from marketplace.checkout.hearing import OUTSIDE
from marketplace.ui.formats import Names

ORDER_STATES: Names = {
    **{state: gettext_lazy(said) for state, said in order_states.WORDS.items()},
    order_states.ACTION: gettext_lazy("Waits for the buyer"),
    order_states.DECLINED: pgettext_lazy("order", "Declined"),
}

LICENSE_STATES: Names = {
    "active": gettext_lazy("Active"),
    "suspended": gettext_lazy("Suspended"),
    "revoked": gettext_lazy("Revoked"),
    "superseded": gettext_lazy("Replaced"),
}

REFUND_REASONS: Names = {
    GRANTED: gettext_lazy("The buyer asked for it"),
    OUTSIDE: gettext_lazy("Given back at the payment service itself"),
}
"""Reasons of refunds that nobody typed."""

# As Stripe names them (docs.stripe.com/disputes/categories); what is not here is shown as it was told.
DISPUTE_REASONS: Names = {
    "bank_cannot_process": gettext_lazy("The bank cannot process the payment"),
    "check_returned": gettext_lazy("A check was returned"),
    "credit_not_processed": gettext_lazy("A refund that was promised did not come"),
    "customer_initiated": gettext_lazy("The buyer asked the bank to take it back"),
    "debit_not_authorized": gettext_lazy("The buyer did not allow the debit"),
    "duplicate": gettext_lazy("Paid twice"),
    "fraudulent": gettext_lazy("The cardholder says that somebody else paid"),
    "general": gettext_lazy("No reason of those that banks name"),
    "incorrect_account_details": gettext_lazy("The account’s details are wrong"),
    "insufficient_funds": gettext_lazy("The account lacked funds"),
    "noncompliant": gettext_lazy("A rule of the card network was not kept"),
    "product_not_received": gettext_lazy("The buyer did not get what was bought"),
    "product_unacceptable": gettext_lazy("What was bought is broken, or not as described"),
    "subscription_canceled": gettext_lazy("Charged after the subscription was canceled"),
    "unrecognized": gettext_lazy("The cardholder does not recognize the payment"),
}

INQUIRY_STATES: Names = {
    "warning_needs_response": gettext_lazy("Waits for our answer"),
    "warning_under_review": gettext_lazy("The bank looks at our answer"),
    "warning_closed": gettext_lazy("Over: no money was taken"),
    "prevented": gettext_lazy("Over: no money was taken"),
}
