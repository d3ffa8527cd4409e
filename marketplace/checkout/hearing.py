"""What a gateway tells us later, and its effect on rights and books: in any order, as often as it is told.

Who hears it calls one verb with what the gateway knows now. Each verb is one transaction and calls nobody.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import line_money, refunding, strays, won_in_parts
from marketplace.checkout.attempts import PaymentAttempt, StrayPayment
from marketplace.checkout.disputes import Contradiction, Dispute, DisputePart, DisputeStep, took_for_good
from marketplace.checkout.gateways.base import Charge, Returned
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.paying import note
from marketplace.checkout.refunds import RefundIntent, RefundStep
from marketplace.checkout.taking_back import held, mark, take_back
from marketplace.checkout.won_in_parts import divided
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
    returned: Sequence[tuple[str, int]] = (),
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
    been of that alone. A gateway that names how money comes back says it in `returned` instead, each part by its name,
    in the order in which they came: each is booked once, also long after the others. Licenses are suspended while it is
    open, and revoked where money is lost and nothing stays paid. `fee_minor` is what the gateway asks of the house for
    it, in `fee_currency` where that is not the order's, booked when it is first heard; another one afterwards is kept
    as a contradiction, and what it moves is booked with the gateway's line. An end implies the beginning; the other end
    afterwards changes nothing, and is kept as a contradiction. Tells what the effect was: the state, "", or what it
    contradicts. Raises UnableToHear for a charge that paid no order.
    """
    if state not in (DisputeStep.OPENED, DisputeStep.WON, DisputeStep.LOST):
        raise ValueError(f"A dispute is opened, won or lost: {state!r} is none of these.")
    amounts = [minor for _name, minor in returned] if returned_minor is None else [returned_minor]
    if amounts and (state != DisputeStep.WON or min(amounts) <= 0):
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
        if state == DisputeStep.WON and not returned:
            returned = [("", _returned(order, dispute, returned_minor, now))]
        fee = {"fee_minor": fee_minor, "fee_currency": fee_currency if fee_minor else ""}
        return _told(order, dispute, state, returned, {**fee, "due_by": due_by, "at": now})


def _returned(order: Order, dispute: Dispute, returned_minor: int | None, now: datetime) -> int:
    """Tells how much came back of a dispute that was won; what was heard first counts, and never more than it took."""
    told_minor = dispute.amount_minor if returned_minor is None else returned_minor
    before = dispute.steps.filter(state=DisputeStep.WON).values_list("amount_minor", flat=True).first()
    counts_minor = min(told_minor, dispute.amount_minor) if before is None else before
    if returned_minor not in (None, counts_minor):
        _contradicts(order, "dispute-won", dispute.reference, told_minor, f"came back: {told_minor}", now)
    return counts_minor


def _hear_parts(order: Order, dispute: Dispute, returned: Sequence[tuple[str, int]], now: datetime) -> Iterator[str]:
    """Books the parts that are news, each by its name, and yields a state for each; never more than the dispute took.

    What was heard without a name stands for the first of as much. What is more than was taken, another amount of the
    same name, and what comes after a rest that was lost for good is kept as a contradiction.
    """
    steps = won_in_parts.came_back(dispute)
    heard = {step.reference: step.amount_minor for step in steps}
    unnamed_minor, rest_minor = heard.pop("", 0), dispute.amount_minor - sum(step.amount_minor for step in steps)
    for name, told_minor in returned:
        if name not in heard and told_minor <= unnamed_minor:
            unnamed_minor -= told_minor
            continue
        counts_minor = heard[name] if name in heard else min(told_minor, rest_minor)
        if name not in heard and counts_minor and won_in_parts.is_final(dispute):
            counts_minor = 0
        if told_minor != counts_minor:
            said = f"came back: {told_minor} by {name}"
            _contradicts(order, "dispute-won", dispute.reference, told_minor, said, now)
        if name not in heard and counts_minor:
            rest_minor -= counts_minor
            step = DisputeStep.objects.create(
                dispute=dispute, state=DisputeStep.RETURNED, amount_minor=counts_minor, reference=name, at=now
            )
            won_in_parts.take_in(step, now)
            yield step.state


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


def _told(order: Order, dispute: Dispute, state: str, returned: Sequence[tuple[str, int]], more: dict[str, Any]) -> str:
    """Gives one message its effect; the first row of a dispute says that it was opened, whatever was told first.

    `returned` is what came back of one that is won; `more` says the fee, the day and the moment, and the fee stands in
    the first row that is written. Rights follow when all of it is in the books: a license that was revoked meanwhile
    could not come back.
    """
    now, news = more["at"], []
    said = set(dispute.steps.values_list("state", flat=True))
    ends = said & {DisputeStep.WON, DisputeStep.LOST}
    if state != DisputeStep.OPENED and ends and state not in ends:
        for name, minor in returned:
            if name:
                said_so = f"came back after it was lost: {minor} by {name}"
                _contradicts(order, f"dispute-{state}", dispute.reference, minor, said_so, now)
        return _contradicts(order, f"dispute-{state}", dispute.reference, dispute.amount_minor, "the other end", now)
    for one in (DisputeStep.OPENED, state):
        if one not in said:
            name, amount_minor = returned[0] if one == DisputeStep.WON else ("", dispute.amount_minor)
            more |= {"reference": name, "amount_minor": min(amount_minor, dispute.amount_minor)}
            step = DisputeStep.objects.create(dispute=dispute, state=one, **more)
            said.add(one)
            news.append(one)
            more |= {"fee_minor": 0, "fee_currency": ""}
            _book(step, now)
    if state == DisputeStep.WON and returned[0][0]:
        news.extend(_hear_parts(order, dispute, returned, now))
    if set(news) - {DisputeStep.OPENED}:
        refunding.meet_losses(order_id=order.pk, now=now)
    if DisputeStep.RETURNED in news and (gained_minor := won_in_parts.gained_minor(order.pk)):
        said_so = f"a refund that came back met {gained_minor} more than was lost"
        _contradicts(order, "dispute-won", dispute.reference, gained_minor, said_so, now)
    for one in news:
        _follow(order, dispute, one, now)
    return f"dispute-{state}"


def _book(step: DisputeStep, now: datetime) -> None:
    """Moves the books with how a dispute ended; what it took was booked with it."""
    if step.state == DisputeStep.OPENED:
        return
    parts = list(step.dispute.parts.select_related("line__order", "dispute"))
    for part in parts:
        line_money.close_dispute_money(line=part.line, outcome=step.state, key=part.key, now=now)
    if step.state == DisputeStep.WON:
        won_in_parts.take_rest(step.dispute, parts, now)


def _follow(order: Order, dispute: Dispute, state: str, now: datetime) -> None:
    """Moves rights with what became of a dispute."""
    parts = list(dispute.parts.select_related("line__replaces", "dispute"))
    # While another dispute is open, what it holds may still come back: it decides about the license when it ends.
    others = refunding.open_disputes(order.pk).exclude(pk=dispute.pk).exists()
    lost = DisputeStep.objects.filter(took_for_good(), dispute__order=order).exists()
    is_won = won_in_parts.missing_minor(dispute) == 0
    for part in parts:
        grant = held(part.line)
        if grant is None or (others and state != DisputeStep.OPENED):
            continue
        if state == DisputeStep.OPENED:
            mark(grant, GrantStatus.SUSPENDED, DISPUTED, now)
        elif not (lost and not line_money.left_of_line(part.line) and take_back(part.line, TAKEN, now)):
            mark(grant, GrantStatus.ACTIVE, WON if is_won else PART_TAKEN, now)


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
