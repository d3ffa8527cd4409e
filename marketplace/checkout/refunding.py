"""Giving a buyer money of an order line back: intent, gateway, then books and rights together."""

import logging
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout.gateways.base import GatewayUnavailable, Returned
from marketplace.checkout.models import OrderLine, PaymentOutcome
from marketplace.checkout.placing import gateway
from marketplace.checkout.refunds import RefundIntent, RefundOutcome
from marketplace.checkout.taking_back import revoke
from marketplace.licensing.models import Grant
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.operations import UnableToRefund, refund
from marketplace.payouts.rules import Money

log = logging.getLogger(__name__)
REFUNDED = gettext_noop("The payment was refunded.")


class UnableToRefundLine(Exception):
    """The line cannot be refunded so; no money moved and nothing was written."""

    code = "unable-to-refund-line"

    def __init__(self, line: OrderLine, why: str) -> None:
        self.line, self.why = line, why
        super().__init__(_("“%(source)s” is not refunded: %(why)s.") % {"source": line.source, "why": why})


def refund_line(*, line: OrderLine, amount_minor: int | None = None, reason: str, now: datetime) -> RefundIntent:
    """This will give a buyer an amount of an order line back, or all that is left of it.

    The intent is committed before the gateway is called, so that a crash loses nothing: `finish_refunds` goes on with
    the same key. When all of a line is given back, its license is revoked, and a subscription that began with it ends.
    Raises UnableToRefundLine, or GatewayUnavailable when nobody knows yet whether money moved.
    """
    intent = _intend(line, amount_minor, reason, now)
    outcome = pay_back(intent=intent, now=now)
    if outcome.outcome == RefundOutcome.REFUSED:
        raise UnableToRefundLine(line, outcome.reason.rstrip("."))
    return intent


@transaction.atomic
def _intend(line: OrderLine, amount_minor: int | None, reason: str, now: datetime) -> RefundIntent:
    OrderLine.objects.select_for_update(no_key=True).get(pk=line.pk)  # two at once would both see the same rest
    if not 0 < len(reason) <= 200:
        raise UnableToRefundLine(line, _("say why, in at most 200 characters"))
    if not PaymentOutcome.objects.filter(order=line.order_id, outcome=PaymentOutcome.SUCCEEDED).exists():
        raise UnableToRefundLine(line, _("nothing was paid for it"))
    left_minor = left_of_sale(line.source)
    if left_minor is None:
        raise UnableToRefundLine(line, _("nothing was paid for it"))
    asked = RefundIntent.objects.filter(line=line, outcome=None).values_list("amount_minor", flat=True)
    left_minor -= sum(asked)
    amount_minor = left_minor if amount_minor is None else amount_minor
    if not 0 < amount_minor <= left_minor:
        left = Money(max(0, left_minor), line.order.currency)
        raise UnableToRefundLine(
            line, _("%(left)s are left to give back: ask for more than zero and no more") % {"left": left}
        )
    return RefundIntent.objects.create(line=line, amount_minor=amount_minor, reason=reason, intended_at=now)


def pay_back(*, intent: RefundIntent, now: datetime) -> RefundOutcome:
    """This will bring a refund to its outcome: call the gateway outside any transaction, then record what it said."""
    if outcome := RefundOutcome.objects.filter(intent=intent).first():
        return outcome
    paid = PaymentOutcome.objects.get(order=intent.line.order_id)
    returned = gateway().refund(
        key=intent.key, charge_reference=paid.reference, amount_minor=intent.amount_minor, now=now
    )
    return _record(intent, returned, now)


def _record(intent: RefundIntent, returned: Returned, now: datetime) -> RefundOutcome:
    """Writes outcome, postings and what becomes of the license together; of two at once, one writes and one reads."""
    kind = RefundOutcome.SUCCEEDED if returned.succeeded else RefundOutcome.REFUSED
    try:
        with transaction.atomic():
            outcome = RefundOutcome.objects.create(
                intent=intent, outcome=kind, reference=returned.reference, reason=returned.reason[:300], at=now
            )
            if returned.succeeded:
                source = intent.line.source
                refund(source=source, amount_minor=intent.amount_minor, key=intent.key, reason=intent.reason, now=now)
                grant = Grant.objects.filter(source=source).first()
                if grant is not None and not left_of_sale(source):
                    revoke(grant, REFUNDED, now)
            return outcome
    except IntegrityError:
        if outcome := RefundOutcome.objects.filter(intent=intent).first():
            return outcome
        raise


def finish_refunds(*, now: datetime) -> int:
    """This will bring refunds to their end that a crash or a silent gateway left open; tells how many it finished."""
    finished = 0
    for intent in RefundIntent.objects.filter(outcome=None).select_related("line").order_by("intended_at", "id")[:100]:
        try:
            pay_back(intent=intent, now=now)
            finished += 1
        except (GatewayUnavailable, UnableToRefund) as error:
            # Given back while a dispute took the rest: it is booked when the dispute is decided.
            log.warning("%s stays open: %s", intent.key, error)
        except Exception:
            log.exception("%s stays open", intent.key)
    return finished
