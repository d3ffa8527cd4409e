"""What Worldloom asks of anything that sends money to creators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from marketplace.payouts.kinds import AccountKind
from marketplace.payouts.rules import Money

if TYPE_CHECKING:
    from marketplace.payouts.models import Payout


class RailUnavailable(Exception):
    """The rail gave no answer: the transfer may or may not exist, and the same key must be tried again."""

    code = "rail-unavailable"

    def __init__(self, key: str, why: str) -> None:
        self.key, self.why = key, why
        super().__init__(f"The payout rail gave no answer for {key} ({why}); run the settlement again.")


class UnableToSend(Exception):
    """The rail refused the transfer for good: no money left, and the same key will never succeed."""

    code = "unable-to-send"

    def __init__(self, key: str, why: str) -> None:
        self.key, self.why = key, why
        super().__init__(f"The payout rail refused {key}: {why}.")


@dataclass(frozen=True, slots=True)
class Sent:
    """A transfer that the rail has taken on.

    `reference` is the rail's own name for it. `arrived` says that the creator has the money already and that
    no later word will come, but for a transfer that comes back.
    """

    reference: str
    arrived: bool = False


class Rail(Protocol):
    """Sends money to a creator, at most once for each key, out of one of the house's accounts.

    `name` is what payouts and creators' choices call it, in at most 40 characters; it stays.
    `funds` is the kind of that account: the bank, or the balance with the payment provider. What was sent and comes
    back is told to `record_returned`.
    """

    name: str
    funds: AccountKind

    def send(self, *, key: str, creator_id: UUID, amount: Money) -> Sent:
        """Send the amount and return the rail's reference.

        The same key with the same creator and amount returns the first answer and sends nothing; with any
        other it raises UnableToSend. Raises RailUnavailable where it cannot be known whether the money left.
        """
        ...


class Page(NamedTuple):
    """What became of a page of payouts: how many were answered, and how many of those refused for good.

    `silent` is one that was not answered, and `why`; None where all were that could be asked for. What waits for its
    creator or for money of the house counts as neither.
    """

    answered: int
    refused: int
    silent: "Payout | None" = None
    why: str = ""


@runtime_checkable
class PagedRail(Protocol):
    """A rail that takes many payouts at a time, in steps of its own, and keeps itself what it asked and was told.

    `name` and `funds` are as for `Rail`. `stops` is SQL to be selected from as `terms.HOLDS`: why it cannot pay a
    creator now, to whom then nothing is reserved and nothing sent.
    """

    name: str
    funds: AccountKind
    stops: str

    def step(self, currency: str) -> int:
        """Return of how many minor units each payout in a currency is a multiple; the rest stays available."""
        ...

    def send_page(self, *, payouts: "Sequence[Payout]", now: datetime) -> Page:
        """Send open payouts and book what was answered, each at most once, however often it is asked for.

        Not to be called inside a transaction.
        """
        ...
