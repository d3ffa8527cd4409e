"""Every write of a sale: rights and money together, or neither."""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import subscriptions
from marketplace.checkout.asking import Ask as Ask
from marketplace.checkout.asking import Quoted as Quoted
from marketplace.checkout.asking import UnableToBuy as UnableToBuy
from marketplace.checkout.asking import asks_of as asks_of
from marketplace.checkout.events import collect_events as collect_events
from marketplace.checkout.events import handle_event as handle_event
from marketplace.checkout.gateways.base import Charge, GatewayUnavailable
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome, SubscriptionEnd
from marketplace.checkout.placing import KeyUsedOtherwise as KeyUsedOtherwise
from marketplace.checkout.placing import gateway as gateway
from marketplace.checkout.placing import place_order as place_order
from marketplace.checkout.placing import quote as quote
from marketplace.checkout.refunding import UnableToRefundLine as UnableToRefundLine
from marketplace.checkout.refunding import finish_refunds as finish_refunds
from marketplace.checkout.refunding import refund_line as refund_line
from marketplace.licensing import exclusivity
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries as licensing_queries
from marketplace.licensing.models import Grant, GrantStatus, Offer
from marketplace.payouts.operations import Sold, record_sales
from marketplace.payouts.operations import UnableToRefund as UnableToRefund
from marketplace.payouts.rules import Money
from marketplace.people.models import Person, Studio

log = logging.getLogger(__name__)


class PaymentDeclined(Exception):
    """The gateway refused the payment; nothing was granted."""

    code = "payment-declined"

    def __init__(self, order: Order, reason: str) -> None:
        super().__init__(_(reason))
        self.order, self.reason = order, reason


def buy(
    *,
    studio: Studio,
    buyer: Person,
    offers: Sequence[Offer | Ask],
    method: str,
    idempotency_key: str,
    now: datetime,
) -> Order:
    """This will license offers to a studio: order and intent first, then the money, then rights and postings at once.

    An offer is asked for as it is, or as an `Ask` with seats, a project, an amount and so on. The same key with the
    same request returns the same order, whatever became of it in between.
    Raises what `place_order` raises, PaymentDeclined, or GatewayUnavailable when the outcome is not known yet; then
    `finish_orders` brings the order to its end.
    """
    order = place_order(
        studio=studio, buyer=buyer, offers=offers, method=method, idempotency_key=idempotency_key, now=now
    )
    outcome = pay(order=order, now=now)
    if outcome.outcome == PaymentOutcome.DECLINED:
        raise PaymentDeclined(order, outcome.reason)
    return order


def pay(*, order: Order, now: datetime) -> PaymentOutcome:
    """This will bring an order to its outcome: call the gateway outside any transaction, then record what it said."""
    if outcome := PaymentOutcome.objects.filter(order=order).first():
        return outcome
    if not order.total_minor:
        return _record(order, PaymentOutcome.FREE, Charge(reference="", succeeded=True), now)
    intent = order.intent
    charge = gateway().charge(
        key=intent.key, amount_minor=order.total_minor, currency=order.currency, method=intent.method, now=now
    )
    kind = PaymentOutcome.SUCCEEDED if charge.succeeded else PaymentOutcome.DECLINED
    return _record(order, kind, charge, now)


def _record(order: Order, kind: str, charge: Charge, now: datetime) -> PaymentOutcome:
    """Writes outcome, grants and postings in one transaction; of two at once, one writes and the other reads."""
    try:
        with transaction.atomic():
            outcome = PaymentOutcome.objects.create(
                order=order, outcome=kind, reference=charge.reference, reason=charge.reason, at=now
            )
            if charge.succeeded:
                _fulfill(order, now)
            else:
                _give_up(order, now)
            return outcome
    except IntegrityError:
        if outcome := PaymentOutcome.objects.filter(order=order).first():
            return outcome
        raise


def _fulfill(order: Order, now: datetime) -> None:
    """Grants every line and books its sale; reported use is billed under the license that there is."""
    sold = ("offer__terms", "offer__release__split", "offer__release__pack__creator", "charge_line__release__split")
    sales = []
    for line in order.lines.select_related(*sold, "replaces", "project", "subscription"):
        if line.kind != OrderLine.USAGE:
            _grant(order, line, now)
        if line.price_minor:
            release = line.offer.release if line.charge_line is None else line.charge_line.release
            sales.append(
                Sold(
                    source=line.source,
                    split=release.split,
                    gross=Money(line.price_minor, order.currency),
                    tax_minor=0,
                    fee_minor=line.fee_minor,
                    subject=f"release:{release.digest}",
                )
            )
    record_sales(sales=sales, now=now)


def _grant(order: Order, line: OrderLine, now: datetime) -> None:
    former = licensing_queries.status_of(line.replaces) if line.replaces and line.credit_minor else ""
    made = licensing.grant(
        offer=line.offer,
        studio=order.studio,
        source=line.source,
        now=now,
        ordered_at=order.placed_at,
        seats=line.seats,
        project=line.project,
        starts_at=line.starts_at,
        ends_at=line.ends_at,
        kind=Grant.NEW if line.kind == OrderLine.BUY else line.kind,
        replaces=line.replaces,
        price_minor=line.price_minor,
        currency=order.currency,
    )
    subscriptions.begin(line, made, now)
    if former in _REASONS:
        # What was taken off for the former license is disputed, or taken back, since this was ordered.
        licensing.set_status(grant=made, status=former, reason=_REASONS[former], now=now)
    if former == GrantStatus.REVOKED:
        for subscription in subscriptions.of_grants([made]):
            subscriptions.end(subscription, SubscriptionEnd.REVOKED, now=now)


_REASONS = {
    GrantStatus.SUSPENDED: gettext_noop("The payment is disputed."),
    GrantStatus.REVOKED: gettext_noop("The payment was taken back."),
}


def _give_up(order: Order, now: datetime) -> None:
    """Frees what a declined order took, and ends a subscription whose renewal it was."""
    for line in order.lines.select_related("subscription"):
        exclusivity.end_exclusivity(source=line.source, now=now)
        if line.subscription is not None and line.kind == OrderLine.RENEWAL:
            subscriptions.end(line.subscription, SubscriptionEnd.DECLINED, now=now)


def finish_orders(*, now: datetime) -> int:
    """This will bring orders to their end that a crash or a silent gateway left open; tells how many it finished."""
    finished = 0
    for order in Order.objects.filter(outcome=None).order_by("placed_at", "id")[:100]:
        try:
            pay(order=order, now=now)
            finished += 1
        except GatewayUnavailable as error:
            log.warning("order %s stays open: %s", order.pk, error)
        except Exception:
            # One order that cannot be finished must not hold up those behind it.
            log.exception("order %s stays open", order.pk)
    return finished
