"""What a payment gateway must do for us."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

DISPUTE_OPENED, DISPUTE_WON, DISPUTE_LOST = "dispute-opened", "dispute-won", "dispute-lost"
REFUND_FAILED = "refund-failed"


@dataclass(frozen=True)
class Charge:
    """What became of one request for money. A declined charge has a reason in one sentence."""

    reference: str
    succeeded: bool
    reason: str = ""


@dataclass(frozen=True)
class Event:
    """Something that the gateway tells us later: DISPUTE_OPENED, DISPUTE_WON, DISPUTE_LOST or REFUND_FAILED.

    `charge_reference` is the gateway's name for the charge that it is about, or for the refund that failed.
    """

    event_id: str
    kind: str
    charge_reference: str
    happened_at: datetime


@dataclass(frozen=True)
class Returned:
    """What became of one request to give money back. A refused one has a reason in one sentence."""

    reference: str
    succeeded: bool
    reason: str = ""


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

    def refund(self, *, key: str, charge_reference: str, amount_minor: int, now: datetime) -> Returned:
        """This will give money of a charge back once for each key, or say that it cannot be done.

        Raises GatewayUnavailable when the outcome is not known; ask again with the same key. What succeeded may still
        fail later: an event tells it.
        """

    def events(self, *, now: datetime) -> Sequence[Event]:
        """This will list what happened up to `now`, oldest first; the same events may come again."""
