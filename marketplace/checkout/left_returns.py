"""Money on its way back at a gateway that payments do not go through any more: nobody here can ask it, so an operator
looks there. Tries to be paid are in left_behind.py."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import asking_back, refunding, strays
from marketplace.checkout.attempts import StrayPayment, StrayReturn, StrayReturnStep
from marketplace.checkout.gateways.base import FAILED, SUCCEEDED, Returned
from marketplace.checkout.left_behind import MOST_REASON, MOST_REFERENCE, UnableToEndTry
from marketplace.checkout.left_models import ReturnFound
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.placing import gateway
from marketplace.checkout.refunds import RefundIntent, RefundOutcome, RefundStep
from marketplace.payouts.operations import UnableToRefund
from marketplace.people.models import Person

NOT_BACK = gettext_noop("The payment provider of that time did not give it back.")


def left_refunds(order: Order | None = None) -> QuerySet[RefundIntent]:
    """This will list the refunds, of an order or of all, that wait for a gateway which is not used any more, the oldest
    first: it did not say what it did, or they were on their way. What waits for a dispute to end is not among them."""
    steps = RefundStep.objects.filter(intent=OuterRef("pk"))
    unheard = Q(outcome=None) & ~Exists(steps)
    on_its_way = Q(outcome__outcome__in=refunding.LEFT_US) & Exists(steps.filter(state=RefundStep.PENDING))
    on_its_way &= ~Exists(steps.exclude(state=RefundStep.PENDING))
    rows = RefundIntent.objects.filter(unheard | on_its_way, line__order__outcome__outcome=PaymentOutcome.SUCCEEDED)
    rows = rows.exclude(line__order__outcome__attempt__gateway=gateway().name)
    if order is not None:
        rows = rows.filter(line__order=order)
    related = ("outcome", "line__order__studio", "line__order__buyer", "line__order__outcome__attempt")
    return rows.select_related(*related).order_by("intended_at", "pk")


def left_strays(order: Order | None = None) -> QuerySet[StrayPayment]:
    """This will list the money that came for orders which were over and has not gone back, or is on its way, at a
    gateway which is not used any more, the oldest first."""
    steps = StrayReturnStep.objects.filter(payment=OuterRef("pk")).exclude(state=StrayReturnStep.LATER)
    on_its_way = Q(returned__outcome=StrayReturn.SUCCEEDED) & Exists(steps.filter(state=StrayReturnStep.PENDING))
    on_its_way &= ~Exists(steps.exclude(state=StrayReturnStep.PENDING))
    rows = StrayPayment.objects.filter(Q(returned=None) | on_its_way).exclude(attempt__gateway=gateway().name)
    if order is not None:
        rows = rows.filter(attempt__order=order)
    return rows.select_related("returned", "attempt__order__studio", "attempt__order__buyer").order_by("at", "pk")


@transaction.atomic
def end_refund(
    *, refund: RefundIntent, found: str, reference: str, reason: str, by: Person, now: datetime
) -> ReturnFound:
    """This will end a refund by what an operator found at its former gateway; `reference` is what that calls the
    refund, where it is not known here, or how the money was given another way.

    It has the effect that the gateway's word would have had: what went back is booked and takes the license where
    nothing is left of its price; what did not is not booked, or is with us again, for which the books are mended. One
    that went back while a dispute took the rest is booked when that is decided. Nobody is asked. Raises UnableToEndTry
    for a gateway that can be asked, for a refund that has ended, and for what cannot be said so.
    """
    order = Order.objects.select_for_update(no_key=True).get(pk=refund.line.order_id)
    intent = left_refunds(order).filter(pk=refund.pk).first()
    if intent is None:
        raise UnableToEndTry(_("This refund has ended, or its payment provider can be asked: look at the order again."))
    heard = RefundOutcome.objects.filter(intent=intent).first()
    known = heard.reference if heard else ""
    row = _said(ReturnFound(refund=intent, found=found, reason=reason, by=by, at=now), reference, known, order)
    if found == ReturnFound.WENT_BACK and heard is None:
        _went_back(intent, row.reference, now)
    elif found == ReturnFound.NOT_BACK and heard is None:
        refunding.record(intent=intent, returned=Returned("", FAILED, NOT_BACK), now=now)
    else:
        returned = Returned(known, SUCCEEDED) if found == ReturnFound.WENT_BACK else Returned(known, FAILED, NOT_BACK)
        refunding.arrived(intent=intent, returned=returned, now=now)
    if found == ReturnFound.OTHERWISE:
        _given_otherwise(intent, row, now)
        if heard is None:
            refunding.take_where_all_went_back(line=intent.line, now=now)
    return row


@transaction.atomic
def end_stray(
    *, stray: StrayPayment, found: str, reference: str, reason: str, by: Person, now: datetime
) -> ReturnFound:
    """This will end money that came for an order which was over, as `end_refund` does a refund: it went back, or it
    cannot go back there, and its payer is told so. It is in no sale. Raises UnableToEndTry."""
    order = Order.objects.select_for_update(no_key=True).get(pk=stray.attempt.order_id)
    payment = left_strays(order).filter(pk=stray.pk).first()
    if payment is None:
        raise UnableToEndTry(
            _("This money has gone back, or its payment provider can be asked: look at the order again.")
        )
    if found == ReturnFound.OTHERWISE:
        raise UnableToEndTry(_("Say of money that came for no sale whether it went back there or not."))
    heard = StrayReturn.objects.filter(payment=payment).first()
    known = heard.reference if heard else ""
    row = _said(ReturnFound(stray=payment, found=found, reason=reason, by=by, at=now), reference, known, order)
    is_back = found == ReturnFound.WENT_BACK
    returned = Returned(row.reference, SUCCEEDED) if is_back else Returned(known, FAILED, NOT_BACK)
    if heard is None:
        strays.note_return(stray=payment, returned=returned, now=now)
    else:
        strays.arrived(stray=payment, returned=returned, now=now)
    return row


def _said(row: ReturnFound, reference: str, known: str, order: Order) -> ReturnFound:
    """Keeps what an operator says; what the gateway called it before counts."""
    if row.found not in (ReturnFound.WENT_BACK, ReturnFound.NOT_BACK, ReturnFound.OTHERWISE):
        raise ValueError(f"Money went back, did not, or was given otherwise: {row.found!r} is none of these.")
    row.reason = row.reason.strip()
    if not 0 < len(row.reason) <= MOST_REASON:
        raise UnableToEndTry(_("Say in at most %d characters what you saw, and where.") % MOST_REASON)
    if row.found != ReturnFound.NOT_BACK:
        is_back = row.found == ReturnFound.WENT_BACK
        row.reference = known if is_back and known else reference.strip()
        _check_reference(row.reference, order, is_new=is_back and not known)
    row.save(force_insert=True)
    return row


def _check_reference(reference: str, order: Order, *, is_new: bool) -> None:
    """One refund there may be of several lines of an order, and of no other order."""
    if not 0 < len(reference) <= MOST_REFERENCE or not reference.isprintable():
        raise UnableToEndTry(
            _("Say what the payment provider calls it, or how it was given, in at most %d signs.") % MOST_REFERENCE
        )
    if not is_new:
        return
    taken = [
        PaymentOutcome.objects.filter(reference=reference, outcome=PaymentOutcome.SUCCEEDED),
        StrayPayment.objects.filter(reference=reference),
        StrayReturn.objects.filter(reference=reference),
        RefundOutcome.objects.filter(reference=reference).exclude(intent__line__order=order),
        RefundStep.objects.filter(reference=reference).exclude(intent__line__order=order),
    ]
    if any(rows.exists() for rows in taken):
        raise UnableToEndTry(_("%s is known here already, as something else: look at it again.") % reference)


def _went_back(intent: RefundIntent, reference: str, now: datetime) -> None:
    try:
        refunding.record(intent=intent, returned=Returned(reference, SUCCEEDED), now=now)
    except UnableToRefund:
        # A dispute took the rest meanwhile: that it went back is kept, and booked when the bank has decided.
        return


def _given_otherwise(intent: RefundIntent, row: ReturnFound, now: datetime) -> None:
    try:
        asking_back.give_otherwise(refund=intent, note=row.reference, by=row.by, now=now)
    except asking_back.UnableToAskForRefund as refusal:
        raise UnableToEndTry(refusal.reason) from refusal
