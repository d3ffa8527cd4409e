"""Money that came for orders which are over: it goes back by itself, and is followed until its payer has it."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from marketplace.checkout.attempts import StrayPayment, StrayReturn, StrayReturnStep
from marketplace.checkout.gateways.base import FAILED, GatewayUnavailable, Returned
from marketplace.checkout.models import Order
from marketplace.checkout.placing import gateway_of
from marketplace.database.paging import each

log = logging.getLogger(__name__)
LOOK_AFTER = timedelta(hours=1)
"""How long after money was on its way back we ask where it is."""
ASK_AGAIN_AFTER = timedelta(days=1)
"""How long after a refusal that may pass we ask again."""


def return_strays(*, now: datetime) -> int:
    """This will give back the money that came for orders which are over, and look after what is on its way; tells how
    many payments it gave back."""
    gone = 0
    later = StrayReturnStep.objects.filter(payment=OuterRef("pk"), state=StrayReturnStep.LATER, look_at__gt=now)
    here = StrayPayment.objects.filter(returned=None).exclude(Exists(later)).select_related("attempt")
    for stray in each(here.prefetch_related("steps"), "at"):
        try:
            gone += _returned(stray, now)
        except GatewayUnavailable as error:
            log.log(error.level(stray.reference), "%s stays here: %s", stray.key, error)
        except Exception:
            log.exception("%s stays here", stray.key)
    _look_after(now)
    return gone


def _returned(stray: StrayPayment, now: datetime) -> bool:
    key = stray.key
    returned = gateway_of(stray.attempt.gateway).refund(
        key=key,
        charge_reference=stray.reference,
        amount_minor=stray.amount_minor,
        currency=stray.currency,
        now=now,
    )
    if not returned.succeeded:
        log.error("%s cannot go back: %s", key, returned.reason)
    if returned.passes:
        _put_off(stray, key, now)
        return False
    return note_return(stray=stray, returned=returned, now=now)


def note_return(*, stray: StrayPayment, returned: Returned, now: datetime) -> bool:
    """This will write that stray money went back, or that it cannot; tells whether it is news that it went."""
    outcome = StrayReturn.SUCCEEDED if returned.succeeded else StrayReturn.REFUSED
    said = {"outcome": outcome, "reference": returned.reference, "reason": returned.reason[:300], "at": now}
    with transaction.atomic():
        _lock(stray)
        _row, made = StrayReturn.objects.get_or_create(payment=stray, defaults=said)
        if made and returned.succeeded and not stray.steps.filter(reference=returned.reference).exists():
            _step(stray, returned, now)
    return made and returned.succeeded


def _put_off(stray: StrayPayment, key: str, now: datetime) -> None:
    with transaction.atomic():
        _lock(stray)
        if not hasattr(StrayPayment.objects.select_related("returned").get(pk=stray.pk), "returned"):
            said = {"look_at": now + ASK_AGAIN_AFTER, "at": now}
            stray.steps.get_or_create(state=StrayReturnStep.LATER, reference=key, defaults=said)


def stray_of(*, refund_reference: str, charge_reference: str, key: str) -> StrayPayment | None:
    """This will find the stray payment that a refund gives back: by our key, or by the gateway's names."""
    rows = StrayPayment.objects.select_related("attempt")
    if key.startswith("stray:"):
        return rows.filter(pk=key.split(":")[1]).first()
    found = rows.filter(returned__reference=refund_reference).first() if refund_reference else None
    return found or (rows.filter(reference=charge_reference).first() if charge_reference else None)


def arrived(*, stray: StrayPayment, returned: Returned, now: datetime) -> bool:
    """This will write that what went back is with its payer, or came to us again; tells whether that was news.

    By whose hand it went back is the same, and only ours is followed; that it did not arrive is kept of any.
    """
    with transaction.atomic():
        _lock(stray)
        states = set(stray.steps.filter(reference=returned.reference).values_list("state", flat=True))
        refused = StrayReturn.objects.filter(payment=stray, reference=returned.reference, outcome=StrayReturn.REFUSED)
        if returned.state == FAILED:
            if FAILED in states or refused.exists():
                return False
            log.error("%s failed at the payer's bank: give the money back another way", stray.key)
        elif states != {StrayReturnStep.PENDING} or returned.state == StrayReturnStep.PENDING:
            return False
        _step(stray, returned, now)
        return True


def _lock(stray: StrayPayment) -> None:
    Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=stray.attempt.order_id)


def _step(stray: StrayPayment, returned: Returned, now: datetime) -> None:
    look_at = now + LOOK_AFTER if returned.state == StrayReturnStep.PENDING else None
    StrayReturnStep.objects.create(
        payment=stray, state=returned.state, reference=returned.reference, look_at=look_at, at=now
    )


def _look_after(now: datetime) -> None:
    """Asks where money is that is on its way back; each an hour after we knew last."""
    steps = StrayReturnStep.objects.filter(payment=OuterRef("pk")).exclude(state=StrayReturnStep.LATER)
    rows = StrayPayment.objects.filter(Exists(steps.filter(state=StrayReturnStep.PENDING)), returned__isnull=False)
    rows = rows.exclude(Exists(steps.exclude(state=StrayReturnStep.PENDING)))
    rows = rows.exclude(Exists(steps.filter(look_at__gt=now)))
    for stray in each(rows.select_related("attempt", "returned"), "at"):
        try:
            port, reference = gateway_of(stray.attempt.gateway), stray.returned.reference
            returned = port.refund_standing(key=stray.key, reference=reference, now=now)
            if not arrived(stray=stray, returned=returned, now=now) and returned.state == StrayReturnStep.PENDING:
                _step(stray, returned, now)
        except GatewayUnavailable as error:
            log.log(error.level(stray.reference), "%s: %s", stray.key, error)
        except Exception:
            log.exception("%s is not looked after", stray.key)
