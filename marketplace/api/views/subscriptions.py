"""What a studio subscribes to: only for its API key."""

from uuid import UUID

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, order_answers, order_shapes, payment_shapes, questions
from marketplace.api.asked import body, studio_of
from marketplace.api.door import Door, page
from marketplace.api.following import check_unfollowed
from marketplace.checkout import going_on, method_uses, methods, queries, renewing
from marketplace.checkout.gateways.base import UnableToUseMethod
from marketplace.checkout.models import Subscription as SubscriptionRow


class Subscriptions(Door):
    """Subscriptions of the studio."""

    @extend_schema(
        operation_id="subscriptions_list",
        summary="List subscriptions",
        tags=["licensing"],
        parameters=documentation.PAGES,
        responses=documentation.answers(order_shapes.SubscriptionPage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list what the key's studio subscribes to, newest first, what ended too."""
        asked = questions.query(request, questions.pages("subscriptions"))
        rows = queries.subscriptions_of(studio_of(request))
        found, more = questions.sliced(rows, asked, lambda row: (row.started_at, row.pk))
        cards = order_answers.cards_of(studio_of(request))
        data = [order_answers.subscription(row, cards) for row in found]
        return page(request, data, questions.as_cursor("subscriptions", more))


def _mine(request: Request, subscription_id: UUID) -> SubscriptionRow:
    rows = queries.subscriptions_of(studio_of(request))
    row = next((one for one in rows if one.pk == subscription_id), None)
    if row is None:
        raise Http404(_("Your studio has no subscription with the id %s.") % subscription_id)
    return row


def _told(request: Request, subscription_id: UUID) -> Response:
    cards = order_answers.cards_of(studio_of(request))
    return Response(order_answers.subscription(_mine(request, subscription_id), cards))


class Subscription(Door):
    """A subscription."""

    @extend_schema(
        operation_id="subscriptions_read",
        summary="Read a subscription",
        tags=["licensing"],
        responses=documentation.answers(
            order_shapes.SubscriptionShape, "api-key-missing", "not-found", "invalid-request"
        ),
    )
    def get(self, request: Request, subscription_id: UUID) -> Response:
        """This will read one subscription of the key's studio: until when it is paid for, and whether it goes on."""
        questions.query(request, {})
        return _told(request, subscription_id)

    @extend_schema(
        operation_id="subscriptions_cancel",
        summary="Cancel a subscription",
        tags=["licensing"],
        responses=documentation.answers(
            order_shapes.SubscriptionShape, "api-key-missing", "not-found", "invalid-request", "order-refused"
        ),
    )
    def delete(self, request: Request, subscription_id: UUID) -> Response:
        """This will renew a subscription no more; its license runs to the end of what was paid for. Doing it twice
        changes nothing.
        """
        questions.query(request, {})
        row = _mine(request, subscription_id)
        renewing.cancel_subscription(subscription=row, by=request.user, now=timezone.now())
        return _told(request, subscription_id)


class SubscriptionCancellation(Door):
    """A subscription's cancellation."""

    @extend_schema(
        operation_id="subscriptions_resume",
        summary="Resume a subscription",
        tags=["licensing"],
        responses=documentation.answers(
            order_shapes.SubscriptionShape, "api-key-missing", "not-found", "invalid-request", "order-refused"
        ),
    )
    def delete(self, request: Request, subscription_id: UUID) -> Response:
        """This will take a cancellation back, before the period is over: the subscription goes on. Doing it twice
        changes nothing.
        """
        questions.query(request, {})
        row = _mine(request, subscription_id)
        going_on.resume_subscription(subscription=row, by=request.user, now=timezone.now())
        return _told(request, subscription_id)


class SubscriptionMethod(Door):
    """A subscription's card."""

    @extend_schema(
        operation_id="subscriptions_method",
        summary="Change a subscription's card",
        tags=["licensing"],
        request=payment_shapes.PaymentMethodRequest,
        responses=documentation.answers(
            order_shapes.SubscriptionShape,
            *("invalid-json", "api-key-missing", "not-found", "too-large", "unsupported-media-type"),
            *("invalid-request", "order-refused", "payment-method-refused", "unable-to-keep-method"),
        ),
    )
    def put(self, request: Request, subscription_id: UUID) -> Response:
        """This will charge a subscription's next periods to another card that the studio keeps. A renewal that was
        declined is tried again with it within minutes.
        """
        asked, row = body(request, payment_shapes.PaymentMethodRequest), _mine(request, subscription_id)
        card = methods.kept(studio_of(request), asked["method"])
        if card is None:
            raise UnableToUseMethod(_("This way to pay was removed: choose another one."))
        method_uses.pay_with(subscription=row, method=card, by=request.user, now=timezone.now())
        return _told(request, subscription_id)


class SubscriptionSeats(Door):
    """A subscription's seats."""

    @extend_schema(
        operation_id="subscriptions_seats",
        summary="Change a subscription's seats",
        tags=["licensing"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=order_shapes.SeatsRequest,
        responses=documentation.answers(
            order_shapes.SubscriptionShape,
            *("invalid-json", "idempotency-key-missing", "api-key-missing", "payment-declined", "not-found"),
            *("too-large", "unsupported-media-type", "invalid-request", "order-refused", "price-refused"),
            *("grant-refused", "exclusivity-taken", "idempotency-key-reused", "gateway-unavailable"),
            "payment-waiting",
        ),
    )
    def put(self, request: Request, subscription_id: UUID) -> Response:
        """This will change how many seats a subscription has. More are there at once, and cost their part of the rest
        of the period by the card that was kept, once for each idempotency key; fewer are from the next period on.
        """
        key = questions.idempotency_key(request)
        asked, row = body(request, order_shapes.SeatsRequest), _mine(request, subscription_id)
        check_unfollowed(studio_of(request), key)
        renewing.change_seats(
            subscription=row, seats=asked["seats"], by=request.user, idempotency_key=key, now=timezone.now()
        )
        return _told(request, subscription_id)
