"""What Worldloom asks of anything that sends money to creators."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from marketplace.payouts.kinds import AccountKind
from marketplace.payouts.rules import Money


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

    `funds` is the kind of that account: the bank, or the balance with the payment provider. What was sent and comes
    back is told to `record_returned`.
    """

    funds: AccountKind

    def send(self, *, key: str, creator_id: UUID, amount: Money) -> Sent:
        """Send the amount and return the rail's reference.

        The same key with the same creator and amount returns the first answer and sends nothing; with any
        other it raises UnableToSend. Raises RailUnavailable where it cannot be known whether the money left.
        """
        ...
