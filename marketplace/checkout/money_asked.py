"""What a gateway is asked for an order: who pays how much for what, and where the buyer goes from its page."""

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from marketplace.checkout.attempts import PaymentAttempt
from marketplace.checkout.charges import UsageChargeLine
from marketplace.checkout.gateways.base import Asked, AskedLine
from marketplace.checkout.models import Order, OrderLine
from marketplace.licensing import pricing

OFF_SESSION = ("subscription:", "usage:")
"""How the idempotency keys of orders begin that are charged while no buyer is there."""


def page_of(order: Order) -> str:
    """This will give the address of the page where the buyer of an order goes on."""
    return f"{settings.SITE_URL}{reverse('order-pay', args=[order.pk])}"


def is_off_session(order: Order) -> bool:
    """This will tell whether an order is charged while no buyer is there to answer."""
    return order.idempotency_key.startswith(OFF_SESSION)


def asked_of(attempt: PaymentAttempt, lines: Sequence[OrderLine]) -> Asked:
    """This will say to the gateway what a try is about."""
    order = attempt.order
    page = page_of(order)
    later = any(line.offer.model in (*pricing.PERIODS, *pricing.BILLED_LATER) for line in lines)
    return Asked(
        key=attempt.key,
        order_id=order.pk,
        attempt=attempt.number,
        amount_minor=order.total_minor,
        currency=order.currency,
        method=attempt.method,
        description=f"Worldloom {order.pk}",
        lines=tuple(_asked_line(line) for line in lines if line.price_minor),
        studio_id=order.studio_id,
        buyer_email=order.buyer.email,
        transfer_group=f"order:{order.pk}",
        keep_method=later,
        off_session=is_off_session(order),
        return_url=f"{page}?returned=1",
        cancel_url=page,
    )


def _asked_line(line: OrderLine) -> AskedLine:
    release = line.offer.release if line.charge_line is None else line.charge_line.release
    quantity, unit = 1, ""
    if line.report is not None and line.offer.model == "metered":
        quantity, unit = line.report.quantity, line.offer.unit
    elif line.charge_line is not None and line.charge_line.kind == UsageChargeLine.LICENSE:
        quantity, unit = line.charge_line.charge.quantity, line.charge_line.charge.unit
    seller = release.pack.creator.display_name
    return AskedLine(str(release), seller, line.gross_minor, quantity=max(1, quantity), unit=unit)
