"""Paying an order again, calling it off, and an invoice for it afterwards: only for its studio's API key."""

from datetime import datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, order_answers, order_shapes, parameters, questions
from marketplace.api.asked import body, method_in, studio_of
from marketplace.api.door import Door
from marketplace.checkout import operations as checkout
from marketplace.checkout import queries
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.papers import asking
from marketplace.checkout.paying import attempt_of
from marketplace.checkout.placing import token_of
from marketplace.people.models import Seat

ASKED = ("api-key-missing", "not-allowed", "not-found", "invalid-request")


def order_to_pay(request: Request, order_id: UUID) -> Order:
    """This will find an order that the key's person may pay; Http404 for those of others, PermissionDenied."""
    studio = studio_of(request)
    order = queries.order_of([studio], order_id)
    if order is None:
        raise Http404(_("Your studio has no order with the id %s.") % order_id)
    if not Seat.objects.filter(studio=studio, person=request.user, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise PermissionDenied(_("You cannot buy for %s: ask its owner for a buyer's seat.") % studio.name)
    return order


def cancelled(request: Request, order_id: UUID, now: datetime) -> Order:
    """This will call an order off that is not paid yet; raises UnableToPay for one that is, GatewayUnavailable."""
    order = order_to_pay(request, order_id)
    outcome = checkout.cancel_order(order=order, now=now)
    if outcome.outcome != PaymentOutcome.DECLINED:
        raise checkout.UnableToPay(order, _("The order is paid, or cost nothing: it cannot be called off any more."))
    return order


class OrderPayment(Door):
    """A try to pay an order."""

    @extend_schema(
        operation_id="orders_pay",
        summary="Pay an order with another card",
        tags=["licensing"],
        parameters=[parameters.TRY_NUMBER],
        request=order_shapes.PaymentRequest,
        responses=documentation.answers(
            order_shapes.OrderShape,
            *(*ASKED, "invalid-json", "too-large", "unsupported-media-type", "payment-declined"),
            *("payment-method-refused", "unable-to-pay", "gateway-unavailable"),
        )
        | documentation.waiting(order_shapes.OrderShape),
    )
    def put(self, request: Request, order_id: UUID, number: int) -> Response:
        """This will try to pay an open order once more, after the try before was declined. Tries are numbered from 1,
        and `payment.tries` says how many there were: the next has the next number. Sent again it is the same try.
        """
        asked, now = body(request, order_shapes.PaymentRequest), timezone.now()
        order = order_to_pay(request, order_id)
        outcome = _paid(order, number, method_in({"payment": asked}), now)
        newest = attempt_of(order)
        declined = getattr(newest, "declined", None)
        if outcome is not None and outcome.outcome == PaymentOutcome.DECLINED:
            raise checkout.PaymentDeclined(order, outcome.reason)
        if outcome is None and declined is not None:
            raise checkout.PaymentDeclined(order, declined.reason)
        return Response(order_answers.whole(order, request.build_absolute_uri), status=200 if outcome else 202)


def _paid(order: Order, number: int, method: str, now: datetime) -> PaymentOutcome | None:
    """Makes the try of this number, or goes on with it; raises UnableToPay for another number or another card."""
    there, newest = order.attempts.filter(number=number).first(), attempt_of(order)
    if there is None:
        expected = newest.number + 1 if newest is not None else 1
        if number != expected:
            said = {"number": number, "expected": expected}
            raise checkout.UnableToPay(order, _("Try %(number)d is not the next: that is %(expected)d.") % said)
        return checkout.try_again(order=order, method=method, now=now)
    if there.method != token_of(order.studio, method):
        raise checkout.UnableToPay(order, _("Try %(number)d was made with another card.") % {"number": number})
    return checkout.pay(order=order, now=now)


class OrderInvoice(Door):
    """An invoice in the place of a receipt."""

    @extend_schema(
        operation_id="orders_invoice",
        summary="Get an invoice in the place of a receipt",
        tags=["licensing"],
        request=None,
        responses=documentation.answers(order_shapes.PaperShape, *ASKED, "invoice-refused"),
    )
    def put(self, request: Request, order_id: UUID) -> Response:
        """This will write an invoice for an order that has a receipt, made out to the billing details of now: of
        today, with its own number, about what was supplied then, for the same total. It is written once for an order.
        """
        questions.query(request, {})
        order = order_to_pay(request, order_id)
        made = asking.ask(order=order, by=request.user, now=timezone.now())
        if made is None:
            raise asking.UnableToAskForInvoice(_("A paper of this order is being written: ask again in a few seconds."))
        return Response(order_answers.paper(made, request.build_absolute_uri))
