"""What a line of the gateway's balance is, what it must be held against, and how long it may stand alone; no Django."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from marketplace.payouts.rules import largest_remainder
from marketplace.ui.words import gettext_noop as _

CHARGE, REFUND, REFUND_FAILURE = "charge", "refund", "refund_failure"
DISPUTE, DISPUTE_REVERSAL = "dispute", "dispute_reversal"
TRANSFER, TRANSFER_REVERSAL = "transfer", "transfer_reversal"
PAYOUT, PAYOUT_REVERSAL, TOPUP, TOPUP_REVERSAL = "payout", "payout_reversal", "topup", "topup_reversal"
FEE = "fee"
ASIDE = ("connect_reserved_funds", "risk_reserved_funds")
KNOWN = (CHARGE, REFUND, REFUND_FAILURE, DISPUTE, DISPUTE_REVERSAL, TRANSFER, TRANSFER_REVERSAL)
"""Categories of lines whose other side we have in the books, sooner or later."""
BANK = (PAYOUT, PAYOUT_REVERSAL, TOPUP, TOPUP_REVERSAL)
"""Categories of the house's own bank: booked from the line, unless an operator was first."""
CATEGORIES = (*KNOWN, *BANK, FEE, *ASIDE)
"""Every category that is understood; any other goes to suspense."""

WORDS: Mapping[str, str] = {
    CHARGE: _("Charge"),
    REFUND: _("Refund"),
    REFUND_FAILURE: _("Refund that failed"),
    DISPUTE: _("Dispute"),
    DISPUTE_REVERSAL: _("Dispute won"),
    TRANSFER: _("Transfer to a creator"),
    TRANSFER_REVERSAL: _("Transfer taken back"),
    PAYOUT: _("Paid to our bank"),
    PAYOUT_REVERSAL: _("Sent back by our bank"),
    TOPUP: _("Paid in from our bank"),
    TOPUP_REVERSAL: _("Paid in, and sent back"),
    FEE: _("Fee of the gateway"),
    ASIDE[0]: _("Reserved for creators’ accounts"),
    ASIDE[1]: _("Reserved for risk"),
}

NORMAL_DAYS: Mapping[str, int] = {
    "sale": 1,
    "subscription_paid": 1,
    "refund": 5,
    "refund_failed": 5,
    "payout_sent": 1,
    "bank_transfer": 5,
}
"""Kind of a transaction of ours → the days after which a line of the gateway should have said it too; else 2."""
NORMAL_DAYS_OF_LINES = 1
"""The days after which we should know of what the gateway's line says."""


def normal(kind: str) -> timedelta:
    """How long a transaction of that kind may stand in our books alone."""
    return timedelta(days=NORMAL_DAYS.get(kind, 2))


@dataclass(frozen=True, slots=True)
class Line:
    """A line to be matched; see ports.base.BalanceLine. `number` is our number of its copy."""

    number: int
    line_id: str
    category: str
    amount_minor: int
    fee_minor: int
    currency: str
    source: str
    exchanged_minor: int | None = None
    exchanged_currency: str = ""
    rate: str = ""
    is_aside: bool = False

    @property
    def net_minor(self) -> int:
        """How much our whole balance moved by it."""
        return 0 if self.is_aside else self.amount_minor - self.fee_minor

    @property
    def known_minor(self) -> int:
        """The amount that our books have of it: before an exchange."""
        return self.amount_minor if self.exchanged_minor is None else self.exchanged_minor

    @property
    def known_currency(self) -> str:
        return self.exchanged_currency or self.currency


@dataclass(frozen=True, slots=True)
class Movement:
    """A transaction of the books that names the same thing as a line, and what it moved of our balance.

    `role` is `amount`, or `fee` for what books a fee alone. `collected_minor` is what of it is still to be moved out of
    what is collected; `sale` is the source of a sale, which its settlement moves, with the weight `gross_minor`.
    """

    transaction_id: str
    role: str
    currency: str
    amount_minor: int
    collected_minor: int = 0
    sale: str = ""


ALONE, DIFFERS, SAME = "alone", "differs", "same"


@dataclass(slots=True)
class Decision:
    """What is to be done about a line: nothing while it stands ALONE or DIFFERS, else what books the rest of it.

    `settle` are (source, fee) of sales, `collected_minor` is moved from collected to the balance, `fee_minor` booked as
    the provider's fee, in the line's currency. `way` is how it is matched.
    """

    state: str
    way: str = "known"
    off_minor: int = 0
    settle: list[tuple[str, int]] = field(default_factory=list)
    collected_minor: int = 0
    fee_minor: int = 0


def compare(line: Line, movements: Sequence[Movement]) -> tuple[str, int]:
    """Tell how a line and what our books have of it stand: SAME, ALONE, or DIFFERS, and by how much ours is more.

    The amount is in the currency that the books have it in. A fee that is booked already must be the line's.
    """
    amounts = [one for one in movements if one.role == "amount"]
    if not amounts:
        return ALONE, 0
    fee_minor = -sum(one.amount_minor for one in movements if one.role == "fee")
    off_minor = sum(one.amount_minor for one in amounts) - line.known_minor
    if any(one.currency != line.known_currency for one in amounts):
        return DIFFERS, off_minor
    if off_minor:
        return DIFFERS, off_minor
    if fee_minor and fee_minor != line.fee_minor:
        return DIFFERS, line.fee_minor - fee_minor
    return SAME, 0


def decide(line: Line, movements: Sequence[Movement]) -> Decision:
    """Decide what becomes of a line that our books should know."""
    state, off_minor = compare(line, movements)
    if state != SAME:
        return Decision(state, off_minor=off_minor)
    booked_minor = -sum(one.amount_minor for one in movements if one.role == "fee")
    rest_minor = line.fee_minor - booked_minor
    sales = [one for one in movements if one.sale]
    made = Decision(SAME, collected_minor=sum(one.collected_minor for one in movements))
    if not sales or line.exchanged_minor is not None or rest_minor < 0:
        made.settle = [(one.sale, 0) for one in sales]
        made.fee_minor = rest_minor
        return made
    # The fee of a payment is borne by its lines as they are large; what was paid ahead is one of them.
    weights = [one.amount_minor for one in movements if one.role == "amount"]
    parts = largest_remainder(rest_minor, weights)
    amounts = [one for one in movements if one.role == "amount"]
    made.settle = [(one.sale, part) for one, part in zip(amounts, parts, strict=True) if one.sale]
    made.fee_minor = rest_minor - sum(part for _sale, part in made.settle)
    return made
