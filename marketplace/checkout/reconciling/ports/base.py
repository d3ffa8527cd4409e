"""What a gateway must tell of the balance that it keeps for us."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class UnableToRead(Exception):
    """The gateway's balance could not be read now; nothing is lost, and it is asked again."""

    code = "unable-to-read-balance"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"The balance with the gateway could not be read: {why}")


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The amount of a line before it was exchanged into the line's currency; `rate` is the gateway's own text."""

    amount_minor: int
    currency: str
    rate: str


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """One movement of our balance: `amount_minor` came (or went, below zero), and `fee_minor` was taken off it.

    Amounts are minor units of ISO 4217. `kind` is the gateway's own word for it, `category` Stripe's reporting category
    ("charge", "refund", "dispute"). `source` is the reference of what moved: the charge, refund, dispute, transfer,
    reversal or payout. `is_aside` says that it moved between parts of the balance and not the balance as a whole.
    """

    id: str
    kind: str
    category: str
    amount_minor: int
    fee_minor: int
    currency: str
    source: str
    happened_at: datetime
    available_at: datetime
    exchanged: Exchanged | None = None
    is_aside: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Our balance in one currency, in its minor units: what can be used, what will be, and what is kept back."""

    available_minor: int
    pending_minor: int = 0
    reserved_minor: int = 0

    @property
    def total_minor(self) -> int:
        return self.available_minor + self.pending_minor + self.reserved_minor


class BalanceLines(Protocol):
    """Reads the balance that a gateway keeps for us. Each call raises UnableToRead where it cannot be read now."""

    gateway: str
    """As `Gateway.name`."""

    def lines(self, *, since: datetime, now: datetime) -> Iterator[BalanceLine]:
        """This will give every line that happened from `since` on, about in their order; some may come twice."""

    def balances(self) -> Mapping[str, Standing]:
        """This will give currency → what there is now."""

    def accounts(self, references: list[str]) -> Iterator[tuple[str, Mapping[str, int]]]:
        """This will give, of creators' accounts, the reference and currency → what is in it, in minor units.

        An account that is closed to us is left out.
        """
