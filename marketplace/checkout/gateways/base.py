"""What a payment gateway must do for us."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

DISPUTE_OPENED, DISPUTE_WON, DISPUTE_LOST = "dispute-opened", "dispute-won", "dispute-lost"


@dataclass(frozen=True)
class Charge:
    """What became of one request for money. A declined charge has a reason in one sentence."""

    reference: str
    succeeded: bool
    reason: str = ""


@dataclass(frozen=True)
class Event:
    """Something that the gateway tells us later. `kind` is DISPUTE_OPENED, DISPUTE_WON or DISPUTE_LOST."""

    event_id: str
    kind: str
    charge_reference: str
    happened_at: datetime


class GatewayUnavailable(Exception):
    """The gateway could not be reached or did not answer; nobody knows yet whether money moved."""

    code = "gateway-unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnableToUseMethod(Exception):
    """What the buyer gave is no way to pay here."""

    code = "payment-method-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Gateway(Protocol):
    """A way to take money. Every call may be repeated with the same key and then changes nothing more."""

    name: str

    def method(self, text: str) -> str:
        """This will turn what the buyer gave into a token that may be kept, or raise UnableToUseMethod."""

    def charge(self, *, key: str, amount_minor: int, currency: str, method: str, now: datetime) -> Charge:
        """This will take money once for each key, or say that the card was declined.

        Raises GatewayUnavailable when the outcome is not known; ask again with the same key.
        """

    def events(self, *, now: datetime) -> Sequence[Event]:
        """This will list what happened up to `now`, oldest first; the same events may come again."""
