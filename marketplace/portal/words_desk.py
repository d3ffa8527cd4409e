"""What accounts and ages are called at the operator's desk."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_lazy

from marketplace.ui.formats import Names

ACCOUNTS: Names = {
    "psp_clearing": gettext_lazy("Collected by the payment provider"),
    "psp_balance": gettext_lazy("Balance with the payment provider"),
    "bank": gettext_lazy("Bank"),
    "chain_escrow": gettext_lazy("Set aside on a chain"),
    "dispute_suspense": gettext_lazy("Withdrawn by buyers’ banks, undecided"),
    "suspense": gettext_lazy("Not understood yet"),
    "creator_receivable": gettext_lazy("Owed back by creators"),
    "tax_payable": gettext_lazy("Tax to be passed on"),
    "royalty_unallocated": gettext_lazy("Sold, not yet shared out"),
    "creator_pending": gettext_lazy("Creators: in the hold period"),
    "creator_reserve": gettext_lazy("Creators: kept as reserve"),
    "creator_available": gettext_lazy("Creators: ready to be paid out"),
    "creator_dispute_hold": gettext_lazy("Creators: disputed"),
    "creator_claim_hold": gettext_lazy("Creators: frozen by claims"),
    "taken_down": gettext_lazy("Taken back after claims"),
    "payout_in_flight": gettext_lazy("On its way to creators"),
    "buyer_credit": gettext_lazy("Credit of buyers"),
    "deferred_subscription": gettext_lazy("Paid for periods to come"),
    "chain_claims": gettext_lazy("Published on a chain, not yet claimed"),
    "platform_fee": gettext_lazy("Platform fee"),
    "fx_gain": gettext_lazy("Gained by exchange"),
    "psp_fee": gettext_lazy("Fees of the payment provider"),
    "dispute_fee": gettext_lazy("Fees for disputes"),
    "dispute_loss": gettext_lazy("Lost to disputes"),
    "bad_debt": gettext_lazy("Debts given up"),
    "rounding": gettext_lazy("Rounding"),
    "fx_loss": gettext_lazy("Lost by exchange"),
    "fx_position": gettext_lazy("Exchanged into other currencies"),
}
"""Account kind → what it is called."""

_WHAT_THERE_IS = ("psp_clearing", "psp_balance", "bank", "chain_escrow", "dispute_suspense", "suspense")
CLASSES: Sequence[tuple[str, Sequence[str]]] = (
    (gettext_lazy("What there is"), (*_WHAT_THERE_IS, "creator_receivable")),
    (
        gettext_lazy("What is owed to others"),
        (
            *("tax_payable", "royalty_unallocated", "creator_pending", "creator_reserve", "creator_available"),
            *("creator_dispute_hold", "creator_claim_hold", "taken_down", "payout_in_flight", "buyer_credit"),
            *("deferred_subscription", "chain_claims"),
        ),
    ),
    (gettext_lazy("What is earned"), ("platform_fee", "fx_gain")),
    (
        gettext_lazy("What it costs"),
        ("psp_fee", "dispute_fee", "dispute_loss", "bad_debt", "rounding", "fx_loss", "fx_position"),
    ),
)
"""The chart of accounts in its order."""

AGED: Names = {
    "owed-back": gettext_lazy("Owed back by creators"),
    "disputed": gettext_lazy("Open disputes"),
    "suspense": gettext_lazy("Not understood yet"),
    "frozen": gettext_lazy("Frozen by claims"),
    "held": gettext_lazy("Held payouts"),
    "reserved": gettext_lazy("Reserves"),
    "taken-down": gettext_lazy("Taken back, not yet given to anybody"),
    "waiting": gettext_lazy("Sold, not yet shared out"),
    "on-the-way": gettext_lazy("On its way to creators"),
}
AGED_NOTES: Mapping[str, str] = {
    "owed-back": gettext_lazy("Taken from later earnings first; what will not come can be written off."),
    "disputed": gettext_lazy("Each waits for the buyer’s bank."),
    "suspense": gettext_lazy("Each must be found out and booked where it belongs."),
    "frozen": gettext_lazy("Each waits for the decision of a claim."),
    "held": gettext_lazy("Each has a reason that its creator reads, and waits for whoever placed it."),
    "reserved": gettext_lazy("Each becomes available on its day."),
    "taken-down": gettext_lazy("For refunds to buyers, or for who is right."),
    "waiting": gettext_lazy("The next run shares it out, unless a claim freezes it."),
    "on-the-way": gettext_lazy("Sent or about to be; not yet confirmed."),
}
