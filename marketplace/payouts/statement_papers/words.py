"""What movements, sums and columns of statements are called."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy, pgettext_lazy

from marketplace.ui.formats import Names

KINDS: Names = {
    "royalty_run": gettext_lazy("Royalties"),
    "refund": gettext_lazy("Refunds"),
    "refund_failed": gettext_lazy("Refunds that failed"),
    "dispute_opened": gettext_lazy("Disputes opened"),
    "dispute_won": gettext_lazy("Disputes won"),
    "dispute_lost": gettext_lazy("Disputes lost"),
    "takedown": gettext_lazy("Taken back after a claim"),
    "takedown_lifted": gettext_lazy("Given back after a claim"),
    "hold_release": gettext_lazy("Hold periods over"),
    "reserve_release": gettext_lazy("Reserves released"),
    "claim_held": gettext_lazy("Frozen for a claim"),
    "claim_released": gettext_lazy("No longer frozen"),
    "payout_reserve": gettext_lazy("Payouts"),
    "payout_failed": gettext_lazy("Payouts that failed"),
    "payout_returned": gettext_lazy("Payouts that came back"),
    "transfer_reversed": gettext_lazy("Debts paid back"),
    "write_off": gettext_lazy("Debts given up"),
    "chain_claim_published": gettext_lazy("Published for claims on a chain"),
}
"""What each kind of movement of creators' money is called where it is summed up or listed."""

BUCKETS: Names = {
    "pending": pgettext_lazy("balance", "Pending"),
    "reserve": pgettext_lazy("balance", "Reserve"),
    "available": pgettext_lazy("balance", "Available"),
    "on_hold": pgettext_lazy("balance", "On hold: disputed"),
    "frozen": pgettext_lazy("balance", "Frozen: a claim is open"),
    "owed": pgettext_lazy("balance", "Owed back"),
}
"""What each part of a position is called, in the order in which it is shown."""

PARTS: Names = {
    "royalty": gettext_lazy("Royalty"),
    "reversed": pgettext_lazy("money", "Taken back"),
    "returned": pgettext_lazy("money", "Given back"),
    "payout": gettext_lazy("Payout"),
}

COLUMNS: Mapping[str, object] = {
    "date": gettext_lazy("Date"),
    "kind": gettext_lazy("Kind"),
    "what": gettext_lazy("What"),
    "sale": pgettext_lazy("money", "Sale"),
    "sold_at": gettext_lazy("Sold at"),
    "gross": gettext_lazy("Gross"),
    "tax": gettext_lazy("Tax"),
    "fee": gettext_lazy("Fee"),
    "net": gettext_lazy("Net"),
    "share_ppb": gettext_lazy("Share in parts per billion"),
    "split": gettext_lazy("Split"),
    "line": gettext_lazy("Royalty line"),
    "reference": gettext_lazy("Reference"),
    "reason": gettext_lazy("Reason"),
    "transaction": gettext_lazy("Transaction"),
    "amount": gettext_lazy("Amount"),
    "position": gettext_lazy("Position"),
    "currency": gettext_lazy("Currency"),
}
"""The columns of a statement as CSV: the names for programs, and what they are called for people."""


def in_order(by_kind: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the sums of kinds in the order in which they are shown: what is earned, taken, paid."""
    places = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(by_kind.items(), key=lambda one: (places.get(one[0], len(places)), one[0]))
