"""Messages about one dispute are heard in the same moment, on connections of their own: each part is booked once."""

from collections.abc import Callable
from typing import Any

import pytest

from marketplace.checkout import hearing
from marketplace.checkout.disputes import Contradiction, DisputeStep
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.queries import check_books
from tests.cast import later
from tests.checkout.shop import Shop

AtOnce = Callable[..., list[Any]]
PARTS = (("txn_a", 20_00), ("txn_b", 12_34), ("txn_c", 17_66))


@pytest.mark.parametrize("first", [0, 1])
def test_parts_are_booked_once_whoever_hears_them(committed: None, shop: Shop, at_once: AtOnce, first: int) -> None:
    order = shop.buy(shop.offer())

    def hear(*parts: tuple[str, int]) -> str:
        return hearing.hear_dispute(
            charge_reference=order.outcome.reference,
            dispute_reference="du_1",
            state="won",
            amount_minor=50_00,
            returned=parts,
            now=later(hours=5),
        )

    if first:
        hear(PARTS[0])
    said = at_once(*[lambda parts=parts: hear(*parts) for parts in (PARTS, PARTS[:2], PARTS, PARTS[:1])])

    assert said == ["dispute-won"] * 4
    steps = DisputeStep.objects.filter(state__in=DisputeStep.CAME_BACK).order_by("id")
    assert [(step.reference, step.amount_minor) for step in steps] == list(PARTS)
    assert (left_of_sale(order.lines.get().source), Contradiction.objects.count(), check_books()) == (50_00, 0, [])
