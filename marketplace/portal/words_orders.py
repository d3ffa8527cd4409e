"""What the steps of an order's way are called at the operator's desk."""

from django.utils.translation import gettext_lazy

from marketplace.ui.formats import Names

STEPS: Names = {
    "ordered": gettext_lazy("Ordered"),
    "asked": gettext_lazy("The payment provider is asked for the money"),
    "waits-pending": gettext_lazy("Waits for the bank"),
    "waits-action": gettext_lazy("Waits for the buyer"),
    "declined": gettext_lazy("Declined, or called off"),
    "stray": gettext_lazy("Money came although the order was over"),
    "stray-later": gettext_lazy("It cannot go back yet, and is tried again"),
    "stray-pending": gettext_lazy("On its way to the bank"),
    "stray-failed": gettext_lazy("Came back from the bank"),
    "stray-succeeded": gettext_lazy("It went back"),
    "stray-refused": gettext_lazy("It cannot go back to the card"),
    "found-not-taken": gettext_lazy("An operator looked at the former provider: it took nothing"),
    "found-taken": gettext_lazy("An operator looked at the former provider: it took the money"),
    "found-given-back": gettext_lazy("An operator gave the money back at the former provider"),
    "found-went-back": gettext_lazy("An operator looked at the former provider: it went back"),
    "found-not-back": gettext_lazy("An operator looked at the former provider: it did not go back"),
    "found-otherwise": gettext_lazy("An operator gave the money another way: it did not go back there"),
    "contradiction": gettext_lazy("The gateway told what does not fit: compare it there"),
    "outcome-succeeded": gettext_lazy("Paid"),
    "outcome-declined": gettext_lazy("Not paid"),
    "outcome-free": gettext_lazy("Nothing to pay"),
    "refund-asked": gettext_lazy("The payment provider is asked to give it back"),
    "refund-succeeded": gettext_lazy("Given back"),
    "refund-refused": gettext_lazy("The payment provider refused it"),
    "refund-overtaken": gettext_lazy("Given back although the bank took it too: the house bears it"),
    "refund-again": gettext_lazy("Sent once more"),
    "refund-otherwise": gettext_lazy("Given another way"),
    "refund-settled": gettext_lazy("Nothing is owed: the buyer has it already"),
    "bank-pending": gettext_lazy("On its way to the bank"),
    "bank-succeeded": gettext_lazy("Arrived"),
    "bank-failed": gettext_lazy("Came back from the bank"),
    "bank-paid": gettext_lazy("Paid into the bank account"),
    "bank-canceled": gettext_lazy("Canceled before it left"),
    "dispute-opened": gettext_lazy("Disputed"),
    "dispute-fee": gettext_lazy("Fee for the dispute"),
    "dispute-won": gettext_lazy("Decided for the seller"),
    "dispute-part-won": gettext_lazy("Decided for the seller in part"),
    "dispute-returned": gettext_lazy("A further part came back"),
    "dispute-lost": gettext_lazy("Decided for the buyer"),
    "evidence-made": gettext_lazy("Evidence made"),
    "evidence-sent": gettext_lazy("Evidence on its way"),
    "evidence-accepted": gettext_lazy("The bank has the evidence"),
    "evidence-refused": gettext_lazy("The evidence was not taken"),
    "payout-sent": gettext_lazy("Payout sent"),
    "payout-paid": gettext_lazy("Payout paid"),
    "payout-failed": gettext_lazy("Payout failed"),
    "payout-returned": gettext_lazy("Payout came back"),
    "attempt-transfer": gettext_lazy("Transfer to the creator’s account is asked for"),
    "attempt-bank": gettext_lazy("Payout to the creator’s bank is asked for"),
    "attempt-return": gettext_lazy("Return of the transfer is asked for"),
    "attempt-recovery": gettext_lazy("What is owed is asked back"),
    "attempt-done": gettext_lazy("Done by the provider"),
    "attempt-refused": gettext_lazy("Refused by the provider"),
}
"""Step of an order's way → what it is called."""

REFUNDS: Names = {
    "open": gettext_lazy("No answer yet"),
    "pending": gettext_lazy("On its way"),
    "succeeded": gettext_lazy("Refunded"),
    "failed": gettext_lazy("Came back"),
    "refused": gettext_lazy("Refused"),
    "overtaken": gettext_lazy("Refunded, and taken by the bank too"),
    "again": gettext_lazy("Sent once more"),
    "otherwise": gettext_lazy("Given another way"),
    "settled": gettext_lazy("The buyer has it already"),
}
REFUND_TONES = {"open": "warn", "pending": "warn", "failed": "bad", "refused": "bad", "overtaken": "bad"}

DISPUTES: Names = {
    "open": gettext_lazy("Open"),
    "won": gettext_lazy("Won"),
    "part-won": gettext_lazy("Won in part"),
    "lost": gettext_lazy("Lost"),
}
DISPUTE_TONES = {"open": "warn", "lost": "bad"}

SENT: Names = {
    "": gettext_lazy("not sent"),
    "open": gettext_lazy("on its way"),
    "accepted": gettext_lazy("sent"),
    "refused": gettext_lazy("not taken"),
}
"""How far the evidence of a dispute is."""
