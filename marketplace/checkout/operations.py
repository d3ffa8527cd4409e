"""Every write of a sale: rights and money together, or neither."""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import rules
from marketplace.checkout.gateways.base import (
    DISPUTE_LOST,
    DISPUTE_OPENED,
    DISPUTE_WON,
    Charge,
    Gateway,
    GatewayUnavailable,
)
from marketplace.checkout.models import (
    GatewayEvent,
    GatewayEventHandled,
    Order,
    OrderLine,
    PaymentIntent,
    PaymentOutcome,
)
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, GrantStatus, Offer
from marketplace.payouts.models import DisputeOutcome
from marketplace.payouts.operations import UnableToCloseDispute, close_dispute, open_dispute, record_sale
from marketplace.payouts.rules import Money
from marketplace.people.models import Person, Seat, Studio

log = logging.getLogger(__name__)


class UnableToBuy(Exception):
    """The order could not be placed; nothing was charged and nothing granted."""

    code = "order-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeyUsedOtherwise(Exception):
    """The idempotency key already stands for another order."""

    code = "idempotency-key-reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            _("The idempotency key “%s” already stands for another order: use a new key for a new order.") % key
        )
        self.key = key


class PaymentDeclined(Exception):
    """The gateway refused the payment; nothing was granted."""

    code = "payment-declined"

    def __init__(self, order: Order, reason: str) -> None:
        super().__init__(_(reason))
        self.order, self.reason = order, reason


def gateway() -> Gateway:
    """This will load the payment adapter that settings name."""
    return import_string(settings.ADAPTERS["payments"])()  # type: ignore[no-any-return]


def buy(
    *,
    studio: Studio,
    buyer: Person,
    offers: Sequence[Offer],
    method: str,
    idempotency_key: str,
    now: datetime,
) -> Order:
    """This will license offers to a studio: order and intent first, then the money, then rights and postings at once.

    The same key with the same request returns the same order, whatever became of it in between.
    Raises UnableToBuy, UnableToUseMethod, KeyUsedOtherwise, PaymentDeclined, or GatewayUnavailable when the outcome is
    not known yet; then `finish_orders` brings the order to its end.
    """
    order = place_order(
        studio=studio, buyer=buyer, offers=offers, method=method, idempotency_key=idempotency_key, now=now
    )
    outcome = pay(order=order, now=now)
    if outcome.outcome == PaymentOutcome.DECLINED:
        raise PaymentDeclined(order, outcome.reason)
    return order


def place_order(
    *,
    studio: Studio,
    buyer: Person,
    offers: Sequence[Offer],
    method: str,
    idempotency_key: str,
    now: datetime,
) -> Order:
    """This will fix an order and, where there is something to pay, the intent to charge for it."""
    if not rules.is_idempotency_key(idempotency_key):
        raise UnableToBuy(_("An order needs an idempotency key of 1 to 200 visible ASCII characters."))
    if not Seat.objects.filter(studio=studio, person=buyer, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToBuy(_("You cannot buy for %s: ask its owner for a buyer's seat.") % studio.name)
    total = sum(offer.price_minor for offer in offers)
    token = gateway().method(method) if total else "free"
    request = rules.request_digest(offers=[str(offer.pk) for offer in offers], method=token)
    # Before what is for sale now is looked at: an order that stands is not undone by an offer withdrawn since.
    if there := _placed(studio, idempotency_key, request):
        return there
    _check(offers)
    try:
        with transaction.atomic():
            return _write(studio, buyer, offers, token, idempotency_key, request, now)
    except IntegrityError:
        if there := _placed(studio, idempotency_key, request):
            return there
        raise


def _placed(studio: Studio, idempotency_key: str, request: str) -> Order | None:
    """Finds the order that the key stands for; raises KeyUsedOtherwise when that was another request."""
    there = Order.objects.filter(studio=studio, idempotency_key=idempotency_key).first()
    if there is not None and there.request_sha256 != request:
        raise KeyUsedOtherwise(idempotency_key)
    return there


def _check(offers: Sequence[Offer]) -> None:
    """Raises UnableToBuy for what cannot be one order."""
    if not offers:
        raise UnableToBuy(_("The order is empty: choose at least one offer."))
    if len({offer.pk for offer in offers}) != len(offers):
        raise UnableToBuy(_("An offer stands twice in the order: name each once."))
    currencies = {offer.currency for offer in offers}
    if len(currencies) > 1:
        raise UnableToBuy(
            _("The offers are in several currencies (%s): place one order for each.") % ", ".join(sorted(currencies))
        )
    for offer in offers:
        if hasattr(offer, "withdrawal"):
            raise UnableToBuy(_("The offer “%s” is no longer sold: choose another.") % offer.terms.name)


def _write(
    studio: Studio,
    buyer: Person,
    offers: Sequence[Offer],
    token: str,
    idempotency_key: str,
    request: str,
    now: datetime,
) -> Order:
    order = Order.objects.create(
        studio=studio,
        buyer=buyer,
        currency=offers[0].currency,
        total_minor=sum(offer.price_minor for offer in offers),
        idempotency_key=idempotency_key,
        request_sha256=request,
        placed_at=now,
    )
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            position=position,
            offer=offer,
            price_minor=offer.price_minor,
            fee_minor=rules.platform_fee(offer.price_minor, settings.PLATFORM_FEE_PPB),
        )
        for position, offer in enumerate(offers)
    )
    if order.total_minor:
        PaymentIntent.objects.create(
            order=order, gateway=gateway().name, key=f"order:{order.pk}:1", method=token, intended_at=now
        )
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
            return outcome
    except IntegrityError:
        if outcome := PaymentOutcome.objects.filter(order=order).first():
            return outcome
        raise


def _fulfill(order: Order, now: datetime) -> None:
    lines = order.lines.select_related("offer__terms", "offer__release__split", "offer__release__pack__creator")
    for line in lines:
        licensing.grant(offer=line.offer, studio=order.studio, source=line.source, now=now, ordered_at=order.placed_at)
        if line.price_minor:
            record_sale(
                source=line.source,
                split=line.offer.release.split,
                subject=f"release:{line.offer.release.digest}",
                gross=Money(line.price_minor, order.currency),
                tax_minor=0,
                fee_minor=line.fee_minor,
                now=now,
            )


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


def collect_events(*, now: datetime) -> int:
    """This will put what the gateway tells us into the inbox and handle what is new; tells how many had an effect."""
    port = gateway()
    GatewayEvent.objects.bulk_create(
        [
            GatewayEvent(
                gateway=port.name,
                event_id=event.event_id,
                kind=event.kind,
                charge_reference=event.charge_reference,
                happened_at=event.happened_at,
                received_at=now,
            )
            for event in port.events(now=now)
        ],
        ignore_conflicts=True,
    )
    had_effect = 0
    for event in GatewayEvent.objects.filter(handled=None).order_by("happened_at", "id"):
        try:
            had_effect += handle_event(event=event, now=now) is not None
        except Exception:
            # It stays in the inbox and is tried again; those behind it are about other charges.
            log.exception("event %s stays in the inbox", event.event_id)
    return had_effect


@transaction.atomic
def handle_event(*, event: GatewayEvent, now: datetime) -> GatewayEventHandled | None:
    """This will give one event of the inbox its effect on rights and books, together and once.

    A dispute ends once: an event that tells of the other end afterwards is kept as contradicting and changes nothing.
    """
    GatewayEvent.objects.select_for_update().get(pk=event.pk)
    if GatewayEventHandled.objects.filter(event=event).exists():
        return None
    outcome = (
        PaymentOutcome.objects.filter(reference=event.charge_reference, outcome=PaymentOutcome.SUCCEEDED)
        .select_related("order")
        .first()
    )
    if outcome is None:
        log.warning("event %s is about the unknown charge %s", event.event_id, event.charge_reference)
        return None
    effect = event.kind
    try:
        with transaction.atomic():
            for line in outcome.order.lines.all():
                _dispute(line, event.kind, now)
    except UnableToCloseDispute as error:
        log.error("event %s contradicts an earlier one: %s", event.event_id, error)
        effect = f"contradicts: {event.kind}"
    return GatewayEventHandled.objects.create(event=event, effect=effect, at=now)


def _dispute(line: OrderLine, kind: str, now: datetime) -> None:
    """Moves books and rights together. Messages may come in any order: an end implies its beginning, and a beginning
    that comes after its end changes nothing."""
    grant = Grant.objects.filter(source=line.source).first()
    if grant is None or not line.price_minor:
        return
    dispute = open_dispute(source=line.source, now=now)
    if kind == DISPUTE_OPENED:
        if not DisputeOutcome.objects.filter(dispute=dispute).exists():
            _mark(grant, GrantStatus.SUSPENDED, gettext_noop("The payment is disputed."), now)
    elif kind == DISPUTE_WON:
        close_dispute(source=line.source, outcome=DisputeOutcome.WON, now=now)
        _mark(grant, GrantStatus.ACTIVE, gettext_noop("The dispute was decided for the seller."), now)
    elif kind == DISPUTE_LOST:
        close_dispute(source=line.source, outcome=DisputeOutcome.LOST, now=now)
        _mark(grant, GrantStatus.REVOKED, gettext_noop("The payment was taken back."), now)


def _mark(grant: Grant, status: str, reason: str, now: datetime) -> None:
    licensing.set_status(grant=grant, status=status, reason=reason, now=now)
