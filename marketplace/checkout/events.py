"""What gateways tell us later: an inbox, and the effect of each message on rights and books."""

import logging
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_noop

from marketplace.checkout.gateways.base import DISPUTE_LOST, DISPUTE_OPENED, DISPUTE_WON, REFUND_FAILED
from marketplace.checkout.models import (
    GatewayEvent,
    GatewayEventHandled,
    OrderLine,
    PaymentOutcome,
)
from marketplace.checkout.placing import gateway
from marketplace.checkout.refunds import RefundOutcome
from marketplace.checkout.taking_back import mark, revoke
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.payouts.operations import (
    UnableToCloseDispute,
    UnableToDispute,
    close_dispute,
    fail_refund,
    open_dispute,
)
from marketplace.payouts.reversals import ReversalOutcome

log = logging.getLogger(__name__)


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
    if event.kind == REFUND_FAILED:
        return _refund_failed(event, now)
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
    except UnableToDispute as error:
        log.error("event %s is about money that is not there: %s", event.event_id, error)
        effect = f"nothing remains: {event.kind}"
    return GatewayEventHandled.objects.create(event=event, effect=effect, at=now)


def _refund_failed(event: GatewayEvent, now: datetime) -> GatewayEventHandled | None:
    """Books that a refund came back. A license that it revoked stays revoked: the operator is told by the log."""
    outcome = RefundOutcome.objects.filter(reference=event.charge_reference).select_related("intent").first()
    if outcome is None:
        log.warning("event %s is about the unknown refund %s", event.event_id, event.charge_reference)
        return None
    fail_refund(key=outcome.intent.key, now=now)
    log.error("%s failed at the buyer's bank: give the money back another way", outcome.intent.key)
    return GatewayEventHandled.objects.create(event=event, effect=event.kind, at=now)


def _dispute(line: OrderLine, kind: str, now: datetime) -> None:
    """Moves books and rights together. Messages may come in any order: an end implies its beginning, and a beginning
    that comes after its end changes nothing."""
    grant = _held(line)
    if grant is None or not line.price_minor:
        return
    dispute = open_dispute(source=line.source, now=now)
    if kind == DISPUTE_OPENED:
        if not ReversalOutcome.objects.filter(reversal=dispute).exists():
            mark(grant, GrantStatus.SUSPENDED, gettext_noop("The payment is disputed."), now)
    elif kind == DISPUTE_WON:
        close_dispute(source=line.source, outcome=ReversalOutcome.WON, now=now)
        mark(grant, GrantStatus.ACTIVE, gettext_noop("The dispute was decided for the seller."), now)
    elif kind == DISPUTE_LOST:
        close_dispute(source=line.source, outcome=ReversalOutcome.LOST, now=now)
        revoke(grant, gettext_noop("The payment was taken back."), now)


def _held(line: OrderLine) -> Grant | None:
    """Finds the license that a payment stands behind: where it was replaced, the one that took it over as credit."""
    grant = line.replaces if line.kind == OrderLine.USAGE else Grant.objects.filter(source=line.source).first()
    while grant is not None:
        newest = GrantStatus.objects.filter(grant=grant).order_by("-id").first()
        follower = grant.followers.exclude(kind=Grant.RENEWAL).order_by("granted_at", "id").first()
        if newest is None or newest.status != GrantStatus.SUPERSEDED or follower is None:
            return grant
        grant = follower
    return None
