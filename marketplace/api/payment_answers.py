"""Turning cards that are kept and refunds into the shapes of payment_shapes.py."""

from django.urls import reverse

from marketplace.api.answers import Shape, Site
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.refund_requests import RefundRequest
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.ways.reading import refund_state


def method(row: PaymentMethod) -> Shape:
    """This will describe a card that is kept, as `methods.saved` gives it."""
    return {
        "id": row.pk,
        "brand": row.brand,
        "last4": row.last4,
        "ends": f"{row.exp_year}-{row.exp_month:02d}" if row.exp_year else None,
        "is_default": row.is_default,  # type: ignore[attr-defined]
        "kept_at": row.kept_at,
    }


def refund(row: RefundIntent) -> Shape:
    """This will describe a refund with its line and order, its outcome and steps."""
    return {
        "id": row.pk,
        "order": row.line.order_id,
        "line": row.line.position,
        "amount_minor": row.amount_minor,
        "currency": row.line.order.currency,
        "reason": row.reason,
        "state": refund_state(row),
        "asked_at": row.intended_at,
    }


def request(row: RefundRequest, site: Site) -> Shape:
    """This will describe a refund that was asked for; one that was asked this moment has no answer yet."""
    answer = getattr(row, "answer", None)
    return {
        "id": row.pk,
        "order": row.line.order_id,
        "line": row.line.position,
        "amount_minor": row.amount_minor,
        "currency": row.line.order.currency,
        "reason": row.reason,
        "state": answer.answer if answer else "waiting",
        "answer": answer.words if answer else "",
        "refund": answer.refund_id if answer else None,
        "asked_at": row.asked_at,
        "url": site(reverse("api-refund-request", args=[row.pk])),
    }
