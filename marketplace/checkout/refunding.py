"""Giving a buyer money of an order line back: intent, gateway, then books and rights together."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import line_money
from marketplace.checkout.disputes import Dispute, DisputeStep
from marketplace.checkout.gateways.base import FAILED, GatewayUnavailable, Returned
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.placing import gateway_of
from marketplace.checkout.refunds import RefundIntent, RefundOutcome, RefundStep
from marketplace.checkout.taking_back import take_back
from marketplace.database.paging import each
from marketplace.payouts.left_queries import amount_taken, loss_of
from marketplace.payouts.operations import UnableToRefund
from marketplace.payouts.rules import Money

log = logging.getLogger(__name__)
REFUNDED = gettext_noop("The payment was refunded.")
LEFT_US = [RefundOutcome.SUCCEEDED, RefundOutcome.OVERTAKEN]
LOOK_AFTER = timedelta(hours=1)
"""How long after a refund was on its way we ask where it is."""


class UnableToRefundLine(Exception):
    """The line cannot be refunded so; no money moved and nothing was written."""

    code = "unable-to-refund-line"

    def __init__(self, line: OrderLine, why: str) -> None:
        self.line, self.why = line, why
        super().__init__(_("“%(source)s” is not refunded: %(why)s.") % {"source": line.source, "why": why})


def refund_line(*, line: OrderLine, amount_minor: int | None = None, reason: str, now: datetime) -> RefundIntent:
    """This will give a buyer an amount of an order line back, or all that is left of it.

    The intent is committed before the gateway is called, so that a crash loses nothing: `finish_refunds` goes on with
    the same key. When all of a line is given back, the license that it stands behind now is taken (taking_back.py), and
    unless its time is over a subscription that began with it ends.
    Raises UnableToRefundLine, also while a bank decides about the payment: what it takes would go back twice; and
    GatewayUnavailable when nobody knows yet whether money moved.
    """
    intent = intend(line=line, amount_minor=amount_minor, reason=reason, now=now)
    outcome = pay_back(intent=intent, now=now)
    if outcome.outcome == RefundOutcome.REFUSED:
        raise UnableToRefundLine(line, outcome.reason.rstrip("."))
    return intent


@transaction.atomic
def intend(*, line: OrderLine, amount_minor: int | None = None, reason: str, now: datetime) -> RefundIntent:
    """This will write that an amount of a line, or all that is left of it, is to go back; `pay_back` does it.

    Raises UnableToRefundLine.
    """
    # Two at once would both see the same rest, and a dispute heard meanwhile is heard first.
    Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=line.order_id)
    if not 0 < len(reason) <= 200:
        raise UnableToRefundLine(line, _("say why, in at most 200 characters"))
    if not PaymentOutcome.objects.filter(order=line.order_id, outcome=PaymentOutcome.SUCCEEDED).exists():
        raise UnableToRefundLine(line, _("nothing was paid for it"))
    if open_disputes(line.order_id).exists():
        why = _("its payment is disputed, and would go back twice: wait until the bank has decided")
        raise UnableToRefundLine(line, why)
    if line_money.left_of_line(line) is None:
        raise UnableToRefundLine(line, _("nothing was paid for it"))
    left_minor = left_to_give(line)
    amount_minor = left_minor if amount_minor is None else amount_minor
    if not 0 < amount_minor <= left_minor:
        left = Money(left_minor, line.order.currency)
        raise UnableToRefundLine(
            line, _("%(left)s are left to give back: ask for more than zero and no more") % {"left": left}
        )
    return RefundIntent.objects.create(line=line, amount_minor=amount_minor, reason=reason, intended_at=now)


def left_to_give(line: OrderLine) -> int:
    """This will tell how many minor units of a line can still be given back: what is left less what is on its way."""
    under_way = RefundIntent.objects.filter(line=line, outcome=None).values_list("amount_minor", flat=True)
    return max(0, (line_money.left_of_line(line) or 0) - sum(under_way))


def open_disputes(order_id: object) -> QuerySet[Dispute]:
    """This will find the disputes of an order that are not decided yet."""
    ended = DisputeStep.objects.filter(dispute=OuterRef("pk"), state__in=[DisputeStep.WON, DisputeStep.LOST])
    return Dispute.objects.filter(Q(order=order_id) & ~Exists(ended))


def pay_back(*, intent: RefundIntent, now: datetime) -> RefundOutcome:
    """This will bring a refund to its outcome: call the gateway outside any transaction, then write what it said.

    Raises GatewayUnavailable, and UnableToRefund where the money went back while a dispute took the rest: it is booked
    when the dispute is decided.
    """
    if outcome := RefundOutcome.objects.filter(intent=intent).first():
        return outcome
    if (step := intent.steps.order_by("id").first()) is not None:  # it went back, and was not booked yet
        return record(intent=intent, returned=Returned(step.reference, step.state), now=now)
    paid = PaymentOutcome.objects.select_related("attempt").get(order=intent.line.order_id)
    assert paid.attempt is not None
    returned = gateway_of(paid.attempt.gateway).refund(
        key=intent.key,
        charge_reference=paid.reference,
        amount_minor=intent.amount_minor,
        currency=intent.line.order.currency,
        now=now,
    )
    return record(intent=intent, returned=returned, now=now)


def record(*, intent: RefundIntent, returned: Returned, now: datetime) -> RefundOutcome:
    """This will write outcome, postings and what becomes of the license together; of two at once, one writes."""
    if returned.succeeded:
        with transaction.atomic():  # what the gateway did is kept even where the books cannot follow yet
            _lock(intent)
            if not intent.steps.exists():
                _step(intent, returned, now)
    with transaction.atomic():
        _lock(intent)
        if outcome := RefundOutcome.objects.filter(intent=intent).first():
            return outcome
        kind = _booked(intent, now) if returned.succeeded else RefundOutcome.REFUSED
        outcome = RefundOutcome.objects.create(
            intent=intent, outcome=kind, reference=returned.reference, reason=returned.reason[:300], at=now
        )
        if kind != RefundOutcome.REFUSED:
            take_where_all_went_back(line=intent.line, now=now)
        return outcome


def take_where_all_went_back(*, line: OrderLine, now: datetime) -> None:
    """This will take the license that a line stands behind where nothing is left of its price, within the caller's
    transaction; a bill that is given back leaves the license that it was for."""
    if line.kind != OrderLine.USAGE and not line_money.left_of_line(line):
        take_back(line, REFUNDED, now, leaves_later=True)


def _lock(intent: RefundIntent) -> None:
    Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=intent.line.order_id)


def _step(intent: RefundIntent, returned: Returned, now: datetime) -> None:
    look_at = now + LOOK_AFTER if returned.state == RefundStep.PENDING else None
    RefundStep.objects.create(
        intent=intent, state=returned.state, reference=returned.reference, look_at=look_at, at=now
    )


def _booked(intent: RefundIntent, now: datetime, *, waits: bool = True) -> str:
    """Books what went back. What is not left of the line any more, once no dispute `waits` to be decided, such as
    where one of the same money was lost meanwhile, is the house's loss."""
    line, asked = intent.line, {"amount_minor": intent.amount_minor, "reason": intent.reason, "now": now}
    try:
        line_money.refund_money(line=line, key=intent.key, **asked)  # type: ignore[arg-type]
    except UnableToRefund:
        if waits and open_disputes(line.order_id).exists():
            raise
        log.error("%s went back to the buyer, and so much was not left of its line any more", intent.key)
        line_money.refund_money(line=line, key=f"{intent.key}:overtaken", beyond=True, **asked)  # type: ignore[arg-type]
        return RefundOutcome.OVERTAKEN
    return RefundOutcome.SUCCEEDED


def arrived(*, intent: RefundIntent, returned: Returned, now: datetime) -> bool:
    """This will write that a refund is with the buyer, or came back to us; tells whether that was news.

    A license that it revoked stays revoked: an operator gives the money back another way.
    """
    if not RefundOutcome.objects.filter(intent=intent).exists() and returned.succeeded:
        record(intent=intent, returned=returned, now=now)
    with transaction.atomic():
        _lock(intent)
        ended = intent.steps.filter(state__in=[RefundStep.SUCCEEDED, RefundStep.FAILED])
        states = set(ended.values_list("state", flat=True))
        outcome = RefundOutcome.objects.filter(intent=intent).first()
        if RefundStep.FAILED in states or (returned.succeeded and (states or returned.state == RefundStep.PENDING)):
            return False
        if returned.state == FAILED:
            _came_back(intent, outcome, returned, now)
        _step(intent, returned, now)
        return True


def _came_back(intent: RefundIntent, outcome: RefundOutcome | None, returned: Returned, now: datetime) -> None:
    """Books that money which left us is with us again. What was not booked yet is booked as gone first, so that books
    and rows say the same in whatever order it is heard."""
    if outcome is None:
        kind = _booked(intent, now, waits=False) if intent.steps.exists() else RefundOutcome.REFUSED
        said = {"reference": returned.reference, "reason": returned.reason[:300], "at": now}
        outcome = RefundOutcome.objects.create(intent=intent, outcome=kind, **said)
    if outcome.outcome in LEFT_US:
        line_money.fail_refund_money(line=intent.line, key=outcome.books_key, now=now)
        meet_losses(order_id=intent.line.order_id, came_back=intent.pk, now=now)
    log.error("%s failed at the buyer's bank: give the money back another way", intent.key)


def meet_losses(*, order_id: object, now: datetime, came_back: object = None) -> None:
    """This will let refunds of an order that came back meet what the house lost by its disputes, within the caller's
    transaction: the bank took the same money, so that the buyer has it, and it is left of the line no more.

    Of a dispute that is open nothing is lost yet. `came_back` is a refund that does so at this moment.
    """
    rows = RefundIntent.objects.filter(line__order=order_id, mended=None).select_related("line__order")
    failed = list(rows.filter(Q(steps__state=RefundStep.FAILED) | Q(pk=came_back)).distinct().order_by("intended_at"))
    if not failed:
        return
    met = {intent.pk: amount_taken(intent.met_key) for intent in failed}
    lost_minor = sum(loss_of(line.source) for line in OrderLine.objects.filter(order=order_id)) - sum(met.values())
    for intent in failed:
        amount_minor = min(intent.amount_minor, line_money.left_of_line(intent.line) or 0, lost_minor)
        if amount_minor > 0 and not met[intent.pk]:
            line_money.meet_loss(
                line=intent.line, amount_minor=amount_minor, key=intent.met_key, reason=intent.reason, now=now
            )
            lost_minor -= amount_minor


def finish_refunds(*, now: datetime) -> int:
    """This will bring refunds to their end that a crash or a silent gateway left open, and look after those on their
    way; tells how many it finished."""
    finished = 0
    rows = RefundIntent.objects.filter(outcome=None).select_related("line__order")
    for intent in each(rows, "intended_at"):
        try:
            pay_back(intent=intent, now=now)
            finished += 1
        except GatewayUnavailable as error:
            log.log(error.level(intent.key), "%s stays open: %s", intent.key, error)
        except UnableToRefund as error:
            # Given back while a dispute took the rest: it is booked when the dispute is decided.
            log.warning("%s stays open: %s", intent.key, error)
        except Exception:
            log.exception("%s stays open", intent.key)
    _look_after(now)
    return finished


def _look_after(now: datetime) -> None:
    """Asks where refunds are that are on their way; each an hour after we knew last."""
    ended = RefundStep.objects.filter(intent=OuterRef("pk")).exclude(state=RefundStep.PENDING)
    later = RefundStep.objects.filter(intent=OuterRef("pk"), look_at__gt=now)
    rows = RefundIntent.objects.filter(outcome__outcome__in=LEFT_US, steps__state=RefundStep.PENDING)
    rows = rows.exclude(Exists(ended)).exclude(Exists(later)).distinct()
    rows = rows.select_related("outcome", "line__order__outcome__attempt")
    for intent in each(rows, "intended_at"):
        try:
            port, reference = gateway_of(intent.line.order.outcome.attempt.gateway), intent.outcome.reference
            returned = port.refund_standing(key=intent.key, reference=reference, now=now)
            if not arrived(intent=intent, returned=returned, now=now) and returned.state == RefundStep.PENDING:
                _step(intent, returned, now)
        except GatewayUnavailable as error:
            log.log(error.level(intent.key), "%s: %s", intent.key, error)
        except Exception:
            log.exception("%s is not looked after", intent.key)
