"""What the contract tells of papers and of whom they are made out to, beside the rest of `test_openapi.py`."""

from typing import Any

from marketplace.checkout.paper_models import Paper
from marketplace.checkout.papers.operations import issue_papers
from tests.cast import later

NAMES = ["orders_list", "orders_paper", "studio_billing", "studio_billing_read"]


def paper_paths(order: dict[str, Any]) -> dict[str, str]:
    """Where each is read, once the order's paper is written."""
    issue_papers(now=later(hours=4))
    first = Paper.objects.filter(order=order["id"]).earliest("issued_at")
    return {
        "orders_list": "/orders",
        "orders_paper": f"/orders/{order['id']}/papers/{first.name}",
        "studio_billing_read": "/studio/billing-details",
    }
