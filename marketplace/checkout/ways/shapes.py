"""What an order's way is told in: one plain row for each thing that happened, amounts in minor units."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

FORMAT = "worldloom/order-way/1"


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened: `what` is a word of ours, `reference` the name that others know it by."""

    at: datetime
    what: str
    amount_minor: int = 0
    reference: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class PayoutWay:
    """The payout that carried a royalty to its creator, with each step on its rail."""

    id: str
    amount_minor: int
    reserved_at: datetime
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class RoyaltyWay:
    """One creator's part of a sale: earned, what was taken of it, when it was released, and how it was paid."""

    line: int
    creator: str
    share_ppb: int
    amount_minor: int
    taken_minor: int
    returned_minor: int
    available_at: datetime
    released_at: datetime | None
    payout: PayoutWay | None


@dataclass(frozen=True, slots=True)
class SaleWay:
    """A sale of a line as the books have it: gross is tax, fee and net; net is what creators have."""

    id: str
    source: str
    sold_at: datetime
    gross_minor: int
    tax_minor: int
    fee_minor: int
    net_minor: int
    split: str
    royalties: Sequence[RoyaltyWay]


@dataclass(frozen=True, slots=True)
class LineWay:
    """One line of the order with its license, its sales, and what is left of it to give back."""

    id: str
    kind: str
    title: str
    release: str
    terms: str
    price_minor: int
    fee_minor: int
    license: str
    license_state: str
    left_minor: int | None
    sales: Sequence[SaleWay]


@dataclass(frozen=True, slots=True)
class RefundWay:
    """A refund of a line: how it ended, and each step that the gateway told."""

    id: str
    line: str
    amount_minor: int
    reason: str
    state: str
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class DisputeWay:
    """A dispute of the order, with what was sent against it."""

    id: str
    reference: str
    amount_minor: int
    state: str
    due_by: datetime | None
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Posted:
    """A leg of a transaction of the books that names this order: debits above zero."""

    transaction: str
    kind: str
    source: str
    at: datetime
    account: str
    owner: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What came in, and where all of it is; the parts add up to what came in, or `off_minor` says by how much not.

    Refunded and disputed are as checkout knows them, all else as the books do: `ahead_minor` is paid for periods to
    come, `pot_minor` put aside by takedowns. `loss_minor` went back to the buyer beyond what came in, or was left.
    """

    paid_minor: int
    refunded_minor: int
    disputed_minor: int
    loss_minor: int
    tax_minor: int
    fee_minor: int
    creators_minor: int
    pot_minor: int
    ahead_minor: int

    @property
    def off_minor(self) -> int:
        """What is missing from the parts, or too much in them below zero; 0 where all is right."""
        gone = self.refunded_minor + self.disputed_minor - self.loss_minor
        there = self.tax_minor + self.fee_minor + self.creators_minor + self.pot_minor + self.ahead_minor
        return self.paid_minor - gone - there


@dataclass(frozen=True, slots=True)
class Way:
    """All of an order's way."""

    order: str
    studio: str
    buyer: str
    email: str
    state: str
    currency: str
    total_minor: int
    placed_at: datetime
    payment: Sequence[Step]
    lines: Sequence[LineWay]
    refunds: Sequence[RefundWay]
    disputes: Sequence[DisputeWay]
    papers: Sequence[Mapping[str, Any]]
    balance_lines: Sequence[Mapping[str, Any]]
    postings: Sequence[Posted]
    sums: Sums
    notes: Sequence[str] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """This will give the same as plain data: times in UTC to the microsecond as RFC 3339, integers alone."""
        shape: dict[str, Any] = _plain({"format": FORMAT, **asdict(self)})
        shape["sums"]["off_minor"] = self.sums.off_minor
        return shape


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
