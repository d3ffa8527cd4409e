"""Questions about papers; none writes."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from marketplace.checkout.models import Order
from marketplace.checkout.paper_models import Paper, PaperDue
from marketplace.people.models import Studio


def papers_of(order: Order) -> list[Paper]:
    """This will list what was written about an order, the oldest first."""
    return list(Paper.objects.filter(order=order).order_by("issued_at", "id"))


def papers_of_orders(orders: Sequence[Order]) -> dict[UUID, list[Paper]]:
    """This will list what was written about each order, without the documents themselves."""
    found: dict[UUID, list[Paper]] = {order.pk: [] for order in orders}
    for paper in Paper.objects.filter(order__in=list(found)).defer("document").order_by("issued_at", "id"):
        found[paper.order_id].append(paper)
    return found


def paper_of(studios: Iterable[Studio], name: str) -> Paper | None:
    """This will find a paper of one of the studios by its printed number; to everybody else there is none."""
    return Paper.objects.filter(order__studio__in=list(studios), name=name).first()


def is_due(order: Order) -> bool:
    """This will tell whether the order's own paper is still being written."""
    return PaperDue.objects.filter(source=f"order:{order.pk}").exists()
