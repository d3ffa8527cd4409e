"""Tries at a gateway that payments do not go through any more: nobody here can ask it, so an operator looks there."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout.attempts import AttemptDeclined, PaymentAttempt, StrayPayment, StrayReturn
from marketplace.checkout.gateways.base import DECLINED, SUCCEEDED, Charge
from marketplace.checkout.left_models import AttemptFound
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.paying import note
from marketplace.checkout.placing import gateway
from marketplace.people.models import Person

MOST_REFERENCE, MOST_REASON = 120, 300
NOT_TAKEN = gettext_noop("The payment provider of that time took no money.")
GIVEN_BACK = gettext_noop("The payment provider of that time took the money, and it was given back there.")


class UnableToEndTry(Exception):
    """The try cannot be ended so; nothing was written."""

    code = "unable-to-end-try"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def left_behind(orders: Iterable[Order] | None = None) -> QuerySet[PaymentAttempt]:
    """This will list the tries, of some orders or of all, that still run at a gateway which is not used any more, the
    oldest first."""
    rows = PaymentAttempt.objects.filter(declined=None, outcome=None, stray=None).exclude(gateway=gateway().name)
    if orders is not None:
        rows = rows.filter(order__in=list(orders))
    return rows.select_related("order__studio", "order__buyer").order_by("intended_at", "pk")


@transaction.atomic
def end_try(
    *, attempt: PaymentAttempt, found: str, reference: str, reason: str, by: Person, now: datetime
) -> AttemptFound:
    """This will end a try by what an operator found at its former gateway; `reference` is that gateway's name for the
    money, where it took any.

    Money that was taken pays the order, and money that was given back is kept as such, outside the sales. Where none
    was taken, or it was given back, the order is over; one that its buyer can still pay, or that is charged while
    nobody is there, is tried again here. Raises UnableToEndTry for a gateway that can be asked, for a try that has
    ended, and where the money is that of another one or the order cannot be paid by it any more.
    """
    order = Order.objects.select_for_update(no_key=True).get(pk=attempt.order_id)
    reference, reason = reference.strip(), reason.strip()
    _check(attempt, found, reference, reason)
    row = AttemptFound.objects.create(
        attempt=attempt,
        found=found,
        reference="" if found == AttemptFound.NOT_TAKEN else reference,
        reason=reason,
        by=by,
        at=now,
    )
    if found == AttemptFound.TAKEN:
        _pays(attempt, order, reference, now)
    else:
        _takes_none(attempt, order, row, now)
    return row


def _check(attempt: PaymentAttempt, found: str, reference: str, reason: str) -> None:
    if not left_behind().filter(pk=attempt.pk).exists():
        raise UnableToEndTry(
            _("This payment has ended, or its payment provider can be asked: look at the order again.")
        )
    if not 0 < len(reason) <= MOST_REASON:
        raise UnableToEndTry(_("Say in at most %d characters what you saw, and where.") % MOST_REASON)
    if found == AttemptFound.NOT_TAKEN:
        return
    if not 0 < len(reference) <= MOST_REFERENCE or not reference.isprintable():
        raise UnableToEndTry(
            _("Say what the payment provider calls the payment, in at most %d signs.") % MOST_REFERENCE
        )
    known = PaymentOutcome.objects.filter(reference=reference, outcome=PaymentOutcome.SUCCEEDED).exists()
    if known or StrayPayment.objects.filter(reference=reference).exists():
        raise UnableToEndTry(_("The payment %s is known here already: it is that of another try.") % reference)


def _pays(attempt: PaymentAttempt, order: Order, reference: str, now: datetime) -> None:
    """Pays the order with what was taken; raises UnableToEndTry where the order is over, or cannot be granted now."""
    is_over = PaymentOutcome.objects.filter(order=order).exists()
    outcome = None if is_over else note(attempt=attempt, charge=Charge(reference, SUCCEEDED), now=now)
    if outcome is None or outcome.outcome == PaymentOutcome.DECLINED:
        raise UnableToEndTry(
            _("The order is over, or its licenses cannot be granted any more: give the money back there, and say so.")
        )


def _takes_none(attempt: PaymentAttempt, order: Order, row: AttemptFound, now: datetime) -> None:
    is_back = row.found == AttemptFound.GIVEN_BACK
    reason = GIVEN_BACK if is_back else NOT_TAKEN
    if PaymentOutcome.objects.filter(order=order).exists():
        AttemptDeclined.objects.create(attempt=attempt, reference=row.reference, reason=reason, at=now)
    else:
        note(attempt=attempt, charge=Charge(row.reference, DECLINED, reason), now=now)
    if is_back and order.total_minor:
        stray = StrayPayment.objects.create(
            attempt=attempt,
            reference=row.reference,
            amount_minor=order.total_minor,
            currency=order.currency,
            at=now,
        )
        StrayReturn.objects.create(
            payment=stray, outcome=StrayReturn.SUCCEEDED, reference="", reason=row.reason, at=now
        )
