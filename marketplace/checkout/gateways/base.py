"""What a payment gateway must do for us."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol
from uuid import UUID

SUCCEEDED, DECLINED, PENDING, ACTION = "succeeded", "declined", "pending", "action"
"""States of a charge. PENDING: the bank decides later. ACTION: the buyer must do something at the charge's `url`."""

FAILED = "failed"
"""With SUCCEEDED and PENDING the states of a refund."""

HOSTED = "hosted"
"""The method of a buyer who gives the card at the gateway's own page."""

DISPUTE_OPENED, DISPUTE_WON, DISPUTE_LOST = "dispute-opened", "dispute-won", "dispute-lost"
REFUND_FAILED = "refund-failed"


@dataclass(frozen=True, slots=True)
class AskedLine:
    """A line of what is paid: `amount_minor` is all of it, for `quantity` of a `unit` where it is metered."""

    title: str
    seller: str
    amount_minor: int
    quantity: int = 1
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for money. Between two calls with one key nothing of it changes but texts and addresses.

    `method` is what the gateway named before, or HOSTED. The lines add up to `amount_minor`. `keep_method` asks the
    gateway to let us charge the same method again; `off_session` says that the buyer is not there to answer.
    `return_url` and `cancel_url` are where the buyer goes from the gateway's page.
    """

    key: str
    order_id: UUID
    attempt: int
    amount_minor: int
    currency: str
    method: str
    description: str
    lines: tuple[AskedLine, ...]
    studio_id: UUID
    buyer_email: str
    transfer_group: str
    keep_method: bool
    off_session: bool
    return_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class Charge:
    """What became of one request for money: SUCCEEDED, DECLINED, PENDING or ACTION.

    `reference` is the gateway's name for it; of one that succeeded, the name by which refunds and disputes know it. A
    declined one has a `reason` in one English sentence that is translated where it is shown. `url` is for ACTION.
    `method_token` is what to charge next time, where that is another than what was asked with.
    """

    reference: str
    state: str
    reason: str = ""
    url: str = ""
    method_token: str = ""

    @property
    def succeeded(self) -> bool:
        return self.state == SUCCEEDED


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a gateway without webhooks tells us later: DISPUTE_OPENED, _WON, _LOST or REFUND_FAILED.

    `charge_reference` is the gateway's name for the charge that it is about, or for the refund that failed.
    `object_reference` names the dispute, and `amount_minor` what it is about; without them it is about all that is
    left of the charge. `returned_minor` is what came back of one that is won, all without it.
    """

    event_id: str
    kind: str
    charge_reference: str
    happened_at: datetime
    object_reference: str = ""
    amount_minor: int | None = None
    returned_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """What became of one request to give money back: SUCCEEDED, PENDING while the buyer's bank has not taken it, or
    FAILED for a reason in one sentence. What is pending has left our balance already.

    `passes` says of a refusal that it is for now only, such as for a balance that is too low: ask again another day,
    under another key.
    """

    reference: str
    state: str
    reason: str = ""
    passes: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether money left us; it may still come back."""
        return self.state != FAILED


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of evidence about a dispute: it is `accepted`, or not and never, for a reason in one sentence.

    A gateway that takes it has `submit_evidence(*, key, dispute_reference, texts, files, now) -> Submitted`: texts, and
    files (a name and the bytes of a PDF), by the fields of evidence/texts.py.
    """

    reference: str
    accepted: bool
    reason: str = ""


class GatewayUnavailable(Exception):
    """The gateway could not be reached or did not answer; nobody knows yet whether money moved."""

    code = "gateway-unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def level(self, what: str) -> int:
        """This will tell how loud to say in a log that something waits for it."""
        return logging.WARNING


class AskedOfFormer(GatewayUnavailable):
    """It was asked of a gateway that payments do not go through any more: nobody here can ask what came of it."""

    _said: ClassVar[set[str]] = set()

    def level(self, what: str) -> int:
        """This will say so of each thing once a run: it is met in every round, until an operator ends it."""
        is_new = what not in self._said
        self._said.add(what)
        return logging.WARNING if is_new else logging.DEBUG


class UnableToUseMethod(Exception):
    """What the buyer gave is no way to pay here."""

    code = "payment-method-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Gateway(Protocol):
    """A way to take money. Every call may be repeated with the same key and then changes nothing more.

    Each call raises GatewayUnavailable when nobody knows what came of it; ask again with the same key.
    """

    name: str
    hosted: bool
    """Whether the buyer gives the card at the gateway's page, and never here."""

    def method(self, text: str) -> str:
        """This will turn what the buyer gave into a token that may be kept, or raise UnableToUseMethod.

        An empty text is HOSTED where the gateway has a page of its own.
        """

    def begin_method(self, *, studio: UUID, email: str, return_url: str, key: str, now: datetime) -> str:
        """This will return the address of the page where a studio gives a card to keep; UnableToUseMethod where the
        card is given to us instead."""

    def forget_method(self, token: str, *, now: datetime) -> None:
        """This will see that a kept method is not charged any more."""

    def least_minor(self, currency: str) -> int:
        """This will give the least that can be paid at once in a currency, in its minor units, without asking anybody;
        nothing is always possible."""

    def charge(self, *, payment: Asked, now: datetime) -> Charge:
        """This will take money once for each key, or say that the card was declined, or what it waits for."""

    def standing(self, *, asked: Asked, reference: str, now: datetime) -> Charge:
        """This will tell what became of a charge that was PENDING or ACTION under this reference."""

    def cancel(self, *, asked: Asked, reference: str, now: datetime) -> Charge:
        """This will call a charge off: DECLINED when it never takes money, else how it stands.

        Without a reference nobody knows whether it was asked for: it is looked for, and never made. Whoever calls it
        off so sees to it that nobody asks for it meanwhile or afterwards.
        """

    def refund(self, *, key: str, charge_reference: str, amount_minor: int, currency: str, now: datetime) -> Returned:
        """This will give money of a charge back once for each key, or say that it cannot be done.

        What succeeded or is pending may still fail later: an event tells it.
        """

    def refund_standing(self, *, key: str, reference: str, now: datetime) -> Returned:
        """This will tell what became of a refund that was PENDING."""

    def events(self, *, now: datetime) -> Sequence[Event]:
        """This will list what happened up to `now`, oldest first; the same events may come again.

        A gateway that sends webhooks lists nothing.
        """
