"""A period with tax: the tax is owed when it is paid, the months have none, and a refund gives its part back."""

from datetime import UTC, datetime
from typing import Any

import pytest

from marketplace.checkout import operations as checkout
from marketplace.checkout import renewing
from marketplace.checkout.asking import Ask
from marketplace.checkout.refunds import RefundIntent
from marketplace.payouts.left_queries import left_of_sale, tax_taken
from marketplace.payouts.models import Sale
from marketplace.payouts.operations import recognize_periods
from marketplace.payouts.queries import check_books
from tests.checkout.shop import Shop
from tests.checkout.taxes.rates import at, by_table, rate, seller
from tests.payouts.ahead import sums

FIRST = datetime(2027, 1, 1, 9, 0, tzinfo=UTC)
SECOND, THIRD = datetime(2027, 2, 1, 9, 0, tzinfo=UTC), datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _table(settings: Any) -> None:
    by_table(settings)


def test_the_tax_is_owed_at_once_and_goes_back_in_proportion(shop: Shop) -> None:
    rate("DE", 19)
    seller("DE")
    at(shop.market.cast, "DE")
    line = shop.line(Ask(shop.offer("enterprise", 100_00, model="monthly")), now=FIRST)
    assert (line.gross_minor, line.tax_minor, line.fee_minor) == (119_00, 19_00, 10_00)
    assert sums() == {"psp_clearing": 119_00, f"tax_payable:{line.tax_of}": -19_00, "deferred_subscription": -100_00}
    recognize_periods(now=SECOND)
    sale = Sale.objects.get()
    assert (sale.gross_minor, sale.tax_minor, sale.fee_minor) == (100_00, 0, 10_00)

    checkout.refund_line(line=line, amount_minor=11_90, reason="a tenth of it", now=SECOND)
    [intent] = RefundIntent.objects.all()
    assert (tax_taken(intent.key), left_of_sale(line.source)) == (1_90, 107_10)
    checkout.refund_line(line=line, reason="the rest of it", now=SECOND)
    assert (sums(), check_books()) == ({}, [])


def test_a_renewal_has_the_tax_of_its_day(shop: Shop) -> None:
    rate("DE", 19)
    seller("DE")
    at(shop.market.cast, "DE")
    shop.line(Ask(shop.offer("enterprise", 100_00, model="monthly")), now=FIRST)
    rate("DE", 16, valid_from=SECOND)
    assert renewing.renew_subscriptions(now=SECOND) == 1
    assert recognize_periods(now=THIRD) == 2
    assert {kind: amount for kind, amount in sums().items() if kind.startswith("tax_payable")} == {
        "tax_payable:DE": -35_00
    }
    assert check_books() == []
