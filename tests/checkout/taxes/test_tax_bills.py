"""Taxes on what nobody stands at the counter for: bills for use, renewals, and recipes of many sellers."""

from marketplace.checkout import billing, renewing
from marketplace.checkout import operations as checkout
from marketplace.checkout import recipe_quote_queries as queries
from marketplace.checkout.models import Order, OrderLine, SandboxCharge, Subscription
from marketplace.checkout.paper_models import Paper
from marketplace.checkout.papers.model import read_paper
from marketplace.checkout.papers.operations import issue_papers
from marketplace.payouts.queries import check_books, house_sum
from tests.checkout import test_recipe_quotes as recipes
from tests.checkout.taxes.rates import at, by_table, rate, seller
from tests.checkout.test_billing import DECEMBER, NOVEMBER, held, report
from tests.checkout.test_subscriptions import FIRST, MINUTE, SECOND, subscribed


def test_a_bill_for_use_has_its_tax_and_says_on_paper_what_was_used(shop, settings):
    """70.00 and 9.00 of use: 19 % of 79.00 are 15.01, and the fee is of the price without it."""
    metered = held(shop, shop.offer("cc-by-4.0", 7, model="metered", unit="image"))
    report(metered, "a", 1_000)
    report(metered, "b", 129, at=NOVEMBER + MINUTE)
    by_table(settings)
    seller("DE"), rate("DE", 19)  # nobody said where the studio is: as in the seller's country
    assert billing.bill_usage(now=DECEMBER) == 1
    order = Order.objects.get(idempotency_key__startswith="usage:")
    assert [(line.price_minor, line.tax_minor, line.fee_minor) for line in order.lines.all()] == [
        (70_00, 13_30, 7_00),
        (9_03, 1_72, 90),
    ]
    assert order.total_minor == SandboxCharge.objects.get().amount_minor == 94_05
    assert -house_sum("tax_payable", "USD", "DE") == 15_02
    assert check_books() == []
    issue_papers(now=DECEMBER)
    told = read_paper(Paper.objects.get(order=order).document.encode())
    assert told.lines[0].details["en"][0].startswith("1,000 × $0.07 for image")
    assert told.lines[0].certificate == str(metered.pk)


def test_a_renewal_is_taxed_by_what_counts_then_and_gives_its_tax_back(shop, settings):
    by_table(settings)
    seller("DE"), rate("DE", 19), at(shop.market.cast, "DE")
    subscription = subscribed(shop)
    rate("DE", 20, valid_from=FIRST + MINUTE)
    assert renewing.renew_subscriptions(now=SECOND - MINUTE) == 1
    assert list(Order.objects.order_by("placed_at").values_list("total_minor", flat=True)) == [23_80, 24_00]
    assert Subscription.objects.get() == subscription
    assert -house_sum("tax_payable", "USD", "DE") == 3_80 + 4_00
    first, second = OrderLine.objects.order_by("order__placed_at")
    checkout.refund_line(line=second, amount_minor=12_00, reason="half", now=SECOND)
    issue_papers(now=SECOND)
    note = read_paper(Paper.objects.get(kind="credit-note").document.encode())
    assert (note.gross_minor, note.taxes[0].tax_minor) == (12_00, 2_00)
    assert -house_sum("tax_payable", "USD", "DE") == 3_80 + 2_00
    checkout.refund_line(line=second, reason="the rest", now=SECOND)
    checkout.refund_line(line=first, reason="all", now=SECOND)
    assert house_sum("tax_payable", "USD", "DE") == 0
    assert check_books() == []


def test_a_recipes_quote_tells_what_is_charged(shop, settings):
    by_table(settings)
    seller("DE"), rate("DE", 19), at(shop.market.cast, "DE")
    row = recipes.quote(shop)
    [(currency, total)] = queries.now_of(row, recipes.SOON).totals
    bought = recipes.buy(shop, row)
    [order] = bought.orders
    assert (order.currency, order.total_minor) == (currency, total)
    prices = sum(line.price_minor for line in order.lines.all())
    assert total == prices + (2 * prices * 19 + 100) // 200
    assert queries.now_of(row, recipes.SOON).totals == ((currency, total),)
