"""What a gateway tells us later, and its effect on rights and books: in any order, as often as it is told.

Who hears it calls one verb with what the gateway knows now. Each verb is one transaction and calls nobody.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import line_money, refunding, strays
from marketplace.checkout.attempts import PaymentAttempt, StrayPayment
from marketplace.checkout.disputes import TOOK_FOR_GOOD, Contradiction, Dispute, DisputePart, DisputeStep
from marketplace.checkout.gateways.base import Charge, Returned
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.paying import note
from marketplace.checkout.refunds import RefundIntent, RefundStep
from marketplace.checkout.taking_back import held, mark, take_back
from marketplace.licensing import pricing
from marketplace.licensing.models import GrantStatus
from marketplace.payouts.models import AccountKind, Posting
from marketplace.payouts.operations import record_dispute_fee

log = logging.getLogger(__name__)

DISPUTED = gettext_noop("The payment is disputed.")
WON = gettext_noop("The dispute was decided for the seller.")
TAKEN = gettext_noop("The payment was taken back.")
PART_TAKEN = gettext_noop("The dispute is over; a part of the payment was taken back.")
OUTSIDE = "refunded at the gateway"
"""Why a refund was made that nobody asked for here."""


class UnableToHear(Exception):
    """Nothing here is what the gateway tells about, or not yet: it is to be told again."""

    code = "unable-to-hear"

    def __init__(self, reference: str, why: str) -> None:
        self.reference, self.why = reference, why
        super().__init__(_("What was told about “%(reference)s” has no effect: %(why)s.") % vars(self))


def hear_payment(*, key: str, charge: Charge, now: datetime) -> PaymentOutcome | None:
    """This will take in what became of the try to be paid that `key` names; returns the order's outcome, if any.

    Raises UnableToHear for a key that is none of ours.
    """
    attempt = PaymentAttempt.objects.select_related("order__studio", "order__buyer").filter(key=key).first()
    if attempt is None:
        raise UnableToHear(key, _("no payment has that key"))
    return note(attempt=attempt, charge=charge, now=now)


def is_known(charge_reference: str) -> bool:
    """This will tell whether a charge paid an order here, or came for one that was over."""
    paid = PaymentOutcome.objects.filter(reference=charge_reference, outcome=PaymentOutcome.SUCCEEDED)
    return paid.exists() or StrayPayment.objects.filter(reference=charge_reference).exists()


def hear_dispute(
    *,
    charge_reference: str,
    dispute_reference: str,
    state: str,
    amount_minor: int | None = None,
    returned_minor: int | None = None,
    fee_minor: int = 0,
    fee_currency: str = "",
    due_by: datetime | None = None,
    reason: str = "",
    now: datetime,
) -> str:
    """This will take in that a bank took money of a charge back ("opened"), or how that ended ("won", "lost").

    `amount_minor` is what it took, all that is left of the order without it; it is divided over the order's lines by
    what is left of each, largest remainder first, and what is more than is left is the house's loss. Of one that is won
    `returned_minor` is what came back, all without it: where it is less, the rest is taken again as if the dispute had
    been of that alone, and lost. Licenses are suspended while it is open, and revoked where money is lost and nothing
    stays paid. `fee_minor` is what the gateway asks of the house for it, in `fee_currency` where that is not the
    order's, booked when it is first heard; another one afterwards is kept as a contradiction, and what it moves is
    booked with the gateway's line. An end implies the beginning; the other end afterwards changes nothing, and is kept
    as a contradiction. Tells what the effect was: the state, "", or what it contradicts.
    Raises UnableToHear for a charge that paid no order.
    """
    if state not in (DisputeStep.OPENED, DisputeStep.WON, DisputeStep.LOST):
        raise ValueError(f"A dispute is opened, won or lost: {state!r} is none of these.")
    if returned_minor is not None and (state != DisputeStep.WON or returned_minor <= 0):
        raise ValueError("Money comes back of what is won, and of nothing else.")
    with transaction.atomic():
        stray = StrayPayment.objects.filter(reference=charge_reference).select_related("attempt__order").first()
        if stray is not None:
            kind = f"dispute-{state}"
            return _contradicts(stray.attempt.order, kind, dispute_reference, amount_minor, "a stray payment", now)
        order, gateway = _order_of(charge_reference)
        told = Dispute.objects.filter(gateway=gateway, reference=dispute_reference).first()
        named = {"gateway": gateway, "reference": dispute_reference, "charge_reference": charge_reference}
        dispute = told or _opened(order, amount_minor, now, named | {"reason": reason[:300], "due_by": due_by})
        if dispute is None:
            return _contradicts(order, f"dispute-{state}", dispute_reference, amount_minor, "nothing remains", now)
        if amount_minor not in (None, dispute.amount_minor):
            _contradicts(order, f"dispute-{state}", dispute_reference, amount_minor, "another amount", now)
        fee_currency = "" if fee_currency == dispute.currency else fee_currency
        fee_minor = _fee(order, dispute, fee_minor, fee_currency, now)
        returned_minor = _returned(order, dispute, returned_minor, now) if state == DisputeStep.WON else 0
        fee = {"fee_minor": fee_minor, "fee_currency": fee_currency if fee_minor else ""}
        return _told(order, dispute, state, returned_minor, {**fee, "due_by": due_by, "at": now})


def _returned(order: Order, dispute: Dispute, returned_minor: int | None, now: datetime) -> int:
    """Tells how much came back of a dispute that was won; what was heard first counts, and never more than it took."""
    told_minor = dispute.amount_minor if returned_minor is None else returned_minor
    before = dispute.steps.filter(state=DisputeStep.WON).values_list("amount_minor", flat=True).first()
    counts_minor = min(told_minor, dispute.amount_minor) if before is None else before
    if returned_minor not in (None, counts_minor):
        _contradicts(order, "dispute-won", dispute.reference, told_minor, f"came back: {told_minor}", now)
    return counts_minor


def _fee(order: Order, dispute: Dispute, fee_minor: int, fee_currency: str, now: datetime) -> int:
    """Books the fee of a dispute where none is booked; tells how much that is. It never keeps a state from its effect.

    Booked is what the books say: a step that was there before its fee was known does not have it.
    """
    if fee_minor <= 0:
        return 0
    fees = Posting.objects.filter(
        transaction__idem_key=f"dispute-fee:{dispute.reference}", account__kind=AccountKind.DISPUTE_FEE
    )
    booked_minor = fees.aggregate(sum=Sum("amount_minor"))["sum"]
    if booked_minor is None:
        source = dispute.parts.select_related("line").order_by("id")[0].line.source
        record_dispute_fee(source=source, fee_minor=fee_minor, currency=fee_currency, key=dispute.reference, now=now)
        return fee_minor
    if booked_minor != fee_minor:
        _contradicts(order, "dispute-fee", dispute.reference, fee_minor, f"another fee: {fee_minor}", now)
    return 0


def _order_of(charge_reference: str) -> tuple[Order, str]:
    """Locks the order that a charge paid, and names its gateway."""
    paid = PaymentOutcome.objects.filter(reference=charge_reference, outcome=PaymentOutcome.SUCCEEDED)
    outcome = paid.select_related("attempt").first() if charge_reference else None
    if outcome is None:
        raise UnableToHear(charge_reference, _("it paid no order"))
    order = Order.objects.select_for_update(no_key=True).get(pk=outcome.order_id)
    return order, outcome.attempt.gateway if outcome.attempt else ""


def _opened(order: Order, amount_minor: int | None, now: datetime, more: dict[str, Any]) -> Dispute | None:
    """Writes a dispute and takes its money in the books; None where there is nothing that it could be about."""
    lines = list(order.lines.filter(price_minor__gt=0).select_related("replaces"))
    parts = divided(lines, amount_minor)
    if not any(parts):
        return None
    dispute = Dispute.objects.create(
        order=order, amount_minor=sum(parts), currency=order.currency, opened_at=now, **more
    )
    made = [
        DisputePart(dispute=dispute, line=line, amount_minor=part_minor)
        for line, part_minor in zip(lines, parts, strict=True)
        if part_minor
    ]
    for part in DisputePart.objects.bulk_create(made):
        line_money.dispute_money(line=part.line, amount_minor=part.amount_minor, key=part.key, now=now)
    return dispute


def divided(lines: Sequence[OrderLine], amount_minor: int | None) -> list[int]:
    """This will divide an amount over lines by what is left of each, largest remainder first, ties by position.

    None is all that is left. What is more than is left goes to the first line.
    """
    left = [line_money.left_of_line(line) or 0 for line in lines]
    if amount_minor is None or not lines:
        return left
    there_minor = min(amount_minor, sum(left))
    parts = pricing.shared_out(there_minor, left) if there_minor else [0] * len(lines)
    parts[0] += amount_minor - there_minor
    return parts


def _told(order: Order, dispute: Dispute, state: str, returned_minor: int, more: dict[str, Any]) -> str:
    """Gives one message its effect; the first row of a dispute says that it was opened, whatever was told first.

    `returned_minor` is what came back, of one that is won; `more` says the fee, the day and the moment, and the fee
    stands in the first row that is written.
    """
    now = more["at"]
    said = set(dispute.steps.values_list("state", flat=True))
    ends = said & {DisputeStep.WON, DisputeStep.LOST}
    if state != DisputeStep.OPENED and ends and state not in ends:
        return _contradicts(order, f"dispute-{state}", dispute.reference, dispute.amount_minor, "the other end", now)
    for one in (DisputeStep.OPENED, state):
        if one not in said:
            amount_minor = returned_minor if one == DisputeStep.WON else dispute.amount_minor
            step = DisputeStep.objects.create(dispute=dispute, state=one, amount_minor=amount_minor, **more)
            said.add(one)
            more |= {"fee_minor": 0, "fee_currency": ""}
            _follow(order, step, now)
    return f"dispute-{state}"


def _follow(order: Order, step: DisputeStep, now: datetime) -> None:
    """Moves books and rights with what became of a dispute."""
    dispute, state = step.dispute, step.state
    parts = list(dispute.parts.select_related("line__replaces", "dispute"))
    if state != DisputeStep.OPENED:
        for part in parts:
            line_money.close_dispute_money(line=part.line, outcome=state, key=part.key, now=now)
    if state == DisputeStep.WON:
        for part, lost_minor in zip(parts, _rests(dispute, parts, step.amount_minor), strict=True):
            if lost_minor:
                asked: dict[str, Any] = {"line": part.line, "key": part.rest_key, "now": now}
                line_money.dispute_money(amount_minor=lost_minor, **asked)
                line_money.close_dispute_money(outcome=DisputeStep.LOST, **asked)
    if state != DisputeStep.OPENED:
        refunding.meet_losses(order_id=order.pk, now=now)
    # While another dispute is open, what it holds may still come back: it decides about the license when it ends.
    others = refunding.open_disputes(order.pk).exclude(pk=dispute.pk).exists()
    lost = DisputeStep.objects.filter(TOOK_FOR_GOOD, dispute__order=order).exists()
    is_won = state == DisputeStep.WON and step.amount_minor == dispute.amount_minor
    for part in parts:
        grant = held(part.line)
        if grant is None or (others and state != DisputeStep.OPENED):
            continue
        if state == DisputeStep.OPENED:
            mark(grant, GrantStatus.SUSPENDED, DISPUTED, now)
        elif not (lost and not line_money.left_of_line(part.line) and take_back(part.line, TAKEN, now)):
            mark(grant, GrantStatus.ACTIVE, WON if is_won else PART_TAKEN, now)


def _rests(dispute: Dispute, parts: Sequence[DisputePart], returned_minor: int) -> list[int]:
    """Divides what did not come back of a dispute over its lines, once all that it took is there again."""
    rest_minor = dispute.amount_minor - returned_minor
    return divided([part.line for part in parts], rest_minor) if rest_minor else [0] * len(parts)


def _contradicts(
    order: Order | None, kind: str, reference: str, amount_minor: int | None, said: str, now: datetime
) -> str:
    log.error("%s of %s has no effect: %s", kind, reference, said)
    Contradiction.objects.get_or_create(
        kind=kind,
        reference=reference,
        said=said,
        defaults={"order": order, "amount_minor": amount_minor, "at": now},
    )
    return f"nothing remains: {kind}" if said == "nothing remains" else f"contradicts: {kind}"


def hear_refund(
    *,
    refund_reference: str,
    charge_reference: str,
    amount_minor: int,
    state: str,
    key: str = "",
    now: datetime,
) -> str:
    """This will take in where a refund is: "pending", "succeeded", or "failed", when its money came back to us.

    `key` is ours where the gateway knows it. One that nobody asked for here was made at the gateway: it is booked
    once, over the order's lines by what is left of each, and what is more than is left is kept as a contradiction.
    Tells what the effect was: "refund-" and the state, or "". Raises UnableToHear for a charge that paid no order, and
    while a refund of the same order is under way that this may be.
    """
    if state not in (RefundStep.PENDING, RefundStep.SUCCEEDED, RefundStep.FAILED):
        raise ValueError(f"A refund is pending, succeeded or failed: {state!r} is none of these.")
    returned = Returned(refund_reference, state)
    stray = strays.stray_of(refund_reference=refund_reference, charge_reference=charge_reference, key=key)
    if stray is not None:
        return f"refund-{state}" if strays.arrived(stray=stray, returned=returned, now=now) else ""
    intents = _intents(refund_reference, key)
    if not intents:
        with transaction.atomic():
            order, _gateway = _order_of(charge_reference)
            intents = _intents(refund_reference, key)
            if not intents and state == RefundStep.FAILED:
                return ""  # made and failed elsewhere: nothing was booked
            if not intents:
                if not key and RefundIntent.objects.filter(line__order=order, outcome=None, steps=None).exists():
                    raise UnableToHear(refund_reference, _("a refund of the order is under way"))
                intents = _outside(order, refund_reference, amount_minor, now)
    news = [refunding.arrived(intent=intent, returned=returned, now=now) for intent in intents]
    return f"refund-{state}" if any(news) or state == RefundStep.PENDING else ""


def _intents(refund_reference: str, key: str) -> list[RefundIntent]:
    """Finds what a refund was asked for with: by our key, or by the gateway's name for it."""
    rows = RefundIntent.objects.select_related("line__order")
    if key.startswith("refund:"):
        return list(rows.filter(pk=key.removeprefix("refund:")))
    by_name = rows.filter(outcome__reference=refund_reference) | rows.filter(steps__reference=refund_reference)
    return list(by_name.distinct().order_by("intended_at", "id"))


def _outside(order: Order, refund_reference: str, amount_minor: int, now: datetime) -> list[RefundIntent]:
    """Writes an intent for each line that a refund made at the gateway takes of, as if it had been asked for here."""
    lines = list(order.lines.filter(price_minor__gt=0))
    left = [refunding.left_to_give(line) for line in lines]
    there_minor = min(amount_minor, sum(left))
    if amount_minor > there_minor:
        _contradicts(order, "refund", refund_reference, amount_minor - there_minor, "more than is left", now)
    parts = pricing.shared_out(there_minor, left) if there_minor else []
    made = []
    for line, part_minor in zip(lines, parts, strict=False):
        if part_minor:
            made.append(
                RefundIntent.objects.create(line=line, amount_minor=part_minor, reason=OUTSIDE, intended_at=now)
            )
    for intent in made:
        # Within this transaction the gateway's name is tied to it, so that nobody asks the gateway for it again.
        RefundStep.objects.create(intent=intent, state=RefundStep.PENDING, reference=refund_reference, at=now)
    return made
