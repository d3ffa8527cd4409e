"""The inbox of gateways that send no webhooks: their news are kept, and each has its effect once."""

import logging
from datetime import datetime

from django.db import transaction

from marketplace.checkout.disputes import DisputeStep
from marketplace.checkout.gateways.base import DISPUTE_LOST, DISPUTE_OPENED, DISPUTE_WON, FAILED, REFUND_FAILED
from marketplace.checkout.hearing import UnableToHear, hear_dispute, hear_refund
from marketplace.checkout.models import GatewayEvent, GatewayEventHandled
from marketplace.checkout.placing import gateway

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
                object_reference=event.object_reference,
                amount_minor=event.amount_minor,
                returned_minor=event.returned_minor,
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

    None where it had one already, or is about a charge or a refund that nobody knows yet: then it stays.
    """
    GatewayEvent.objects.select_for_update().get(pk=event.pk)
    if GatewayEventHandled.objects.filter(event=event).exists():
        return None
    try:
        effect = _hear(event, now)
    except UnableToHear as error:
        log.warning("event %s waits: %s", event.event_id, error)
        return None
    return GatewayEventHandled.objects.create(event=event, effect=effect, at=now)


def _hear(event: GatewayEvent, now: datetime) -> str:
    if event.kind == REFUND_FAILED:
        return hear_refund(
            refund_reference=event.charge_reference, charge_reference="", amount_minor=0, state=FAILED, now=now
        )
    return hear_dispute(
        charge_reference=event.charge_reference,
        dispute_reference=event.object_reference or event.charge_reference,
        state=_DISPUTES[event.kind],
        amount_minor=event.amount_minor,
        returned_minor=event.returned_minor,
        now=now,
    )


_DISPUTES = {
    DISPUTE_OPENED: DisputeStep.OPENED,
    DISPUTE_WON: DisputeStep.WON,
    DISPUTE_LOST: DisputeStep.LOST,
}
