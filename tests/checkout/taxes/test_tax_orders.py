"""Carol buys where taxes are due: what she is told, what she pays, and what the books owe to whom."""

from dataclasses import asdict

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.checkout import billing_details
from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import UnableToBuy
from marketplace.checkout.models import Order, OrderLine, SandboxCharge
from marketplace.checkout.tax_models import BillingDetails, OrderTax, OrderTaxation, SellerOfRecord
from marketplace.checkout.taxes.ordering import PlaceUnknown
from marketplace.checkout.taxes.sellers import UnableToNameSeller, place_seller
from marketplace.licensing.models import Grant
from marketplace.payouts.left_queries import left_of_sale
from marketplace.payouts.operations import allocate_royalties
from marketplace.payouts.queries import balances_of, check_books, house_sum
from tests.cast import NOON, later
from tests.checkout.taxes.rates import PERCENT, at, by_table, rate, seller

NOW = later(hours=5)


@pytest.fixture(autouse=True)
def _table(settings):
    by_table(settings)


def owed(jurisdiction: str) -> int:
    """What the books owe a jurisdiction, in US cents."""
    return -house_sum("tax_payable", "USD", jurisdiction)


def at_commit(verb):
    """Does something, and what is checked when it is committed."""
    verb()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def taxes_of(order: Order):
    names = ("jurisdiction", "name", "rate_ppb", "base_minor", "tax_minor", "reason")
    return list(OrderTax.objects.filter(line__order=order).order_by("line__position", "position").values_list(*names))


def test_a_tax_on_top_is_told_charged_and_owed(shop):
    """50.00 and 19 % of it: 59.50 are charged, 9.50 are owed to DE, 5.00 are the fee and 45.00 Alice's."""
    seller("DE"), rate("DE", 19), at(shop.market.cast, "DE")
    offer = shop.offer()
    told = shop.quote(offer)
    assert (told.total_minor, told.tax_minor, told.price_minor, told.tax_included) == (59_50, 9_50, 50_00, False)
    [tax] = told.taxes
    assert tuple(asdict(tax).values()) == ("DE", "VAT", 19 * PERCENT, 50_00, 9_50, "")
    order = shop.buy(offer)
    allocate_royalties(now=later(hours=3))
    assert order.total_minor == SandboxCharge.objects.get().amount_minor == 59_50
    assert taxes_of(order) == [("DE", "VAT", 19 * PERCENT, 50_00, 9_50, "")]
    line = order.lines.get()
    assert (line.price_minor, line.gross_minor, line.fee_minor, line.tax_of) == (50_00, 59_50, 5_00, "DE")
    assert (owed("DE"), -house_sum("platform_fee", "USD")) == (9_50, 5_00)
    assert [balance.pending_minor for balance in balances_of(shop.market.cast.alice)] == [45_00]
    assert check_books() == []


def test_a_tax_within_the_price_is_taken_out_of_it(shop):
    """119.00 with 19 % in it: 19.00 are DE's, 10.00 of the 100.00 that are left are the fee."""
    seller("DE", included=True), rate("DE", 19), at(shop.market.cast, "DE")
    order = shop.buy(shop.offer(price_minor=119_00))
    line = order.lines.get()
    assert (order.total_minor, line.gross_minor, line.tax_minor, line.tax_included) == (119_00, 119_00, 19_00, True)
    assert (line.fee_minor, owed("DE"), -house_sum("platform_fee", "USD")) == (10_00, 19_00, 10_00)
    assert check_books() == []


def test_a_business_in_another_member_state_accounts_for_it(shop):
    seller("DE"), rate("DE", 19), rate("FR", 20)
    at(shop.market.cast, "FR", vat_id="FR 40 303 265 045")
    order = shop.buy(shop.offer())
    assert (order.total_minor, owed("FR")) == (50_00, 0)
    assert taxes_of(order) == [("FR", "VAT", 0, 50_00, 0, "reverse-charge")]
    at(shop.market.cast, "FR", vat_id="")
    again = shop.buy(shop.offer())
    assert taxes_of(again) == [("FR", "VAT", 20 * PERCENT, 50_00, 10_00, "")]


def test_a_place_without_a_rate_is_outside(shop):
    seller("DE"), rate("DE", 19), at(shop.market.cast, "JP")
    order = shop.buy(shop.offer())
    assert (order.total_minor, taxes_of(order)) == (50_00, [("JP", "", 0, 50_00, 0, "outside-scope")])


def test_a_region_has_its_tax_on_top_or_instead(shop):
    seller("CA"), rate("CA", 5, "GST"), rate("CA", 7, "PST", region="BC"), rate("CA", 13, "HST", "ON", True)
    at(shop.market.cast, "CA", region="bc")
    order = shop.buy(shop.offer())
    assert [(row[0], row[4]) for row in taxes_of(order)] == [("CA", 2_50), ("CA-BC", 3_50)]
    assert (order.total_minor, owed("CA+CA-BC")) == (56_00, 6_00)
    at(shop.market.cast, "CA", region="ON")
    assert [(row[0], row[4]) for row in taxes_of(shop.buy(shop.offer()))] == [("CA-ON", 6_50)]
    at(shop.market.cast, "CA", region="AB")
    assert [(row[0], row[4]) for row in taxes_of(shop.buy(shop.offer()))] == [("CA", 2_50)]


def test_a_rate_counts_from_its_day_and_zero_ends_it(shop):
    seller("DE"), rate("DE", 19), rate("DE", 16, valid_from=later(days=1)), rate("DE", 0, valid_from=later(days=2))
    at(shop.market.cast, "DE")
    bought = [shop.buy(shop.offer(), now=later(days=day, hours=2)) for day in range(3)]
    assert [[row[4] for row in taxes_of(order)] for order in bought] == [[9_50], [8_00], [0]]


def test_whoever_buys_says_where_first_and_nothing_was_written(shop):
    seller("DE"), rate("DE", 19)
    offer = shop.offer()
    for refused in (lambda: shop.quote(offer), lambda: shop.buy(offer)):
        with pytest.raises(PlaceUnknown, match="say the country in your billing details first"):
            refused()
    assert not Order.objects.exists()
    assert not SandboxCharge.objects.exists()
    free = shop.buy(shop.offer("personal", 0))
    assert (free.total_minor, OrderTaxation.objects.count()) == (0, 0)


def test_the_legal_entitys_country_is_enough(shop):
    seller("DE"), rate("DE", 19)
    shop.market.cast.studio.country = "DE"
    shop.market.cast.studio.save()
    assert shop.buy(shop.offer()).total_minor == 59_50


def test_two_sellers_in_one_order_have_one_rounding(shop):
    """3.33 of Alice's and 3.33 of Bob's: 19 % of 6.66 are 1.2654, so 1.27 in all and not twice 0.63."""
    seller("DE"), rate("DE", 19), at(shop.market.cast, "DE")
    mine, his = shop.offer(price_minor=3_33), shop.offer(price_minor=3_33, release=shop.market.derived)
    order = shop.buy(mine, his)
    assert [row[4] for row in taxes_of(order)] == [64, 63]
    assert order.total_minor == 7_93
    assert check_books() == []


@pytest.mark.parametrize("included", [False, True])
def test_refunds_give_the_tax_back_and_all_of_it_leaves_nothing(shop, included):
    seller("DE", included=included), rate("DE", 19), at(shop.market.cast, "DE")
    line = shop.line(shop.offer(price_minor=99_99))
    allocate_royalties(now=later(hours=3))
    first = owed("DE")
    for part in (1, 33_33, 10_00, 7):
        checkout.refund_line(line=line, amount_minor=part, reason="a part", now=NOW)
        assert check_books() == []
    given = first - owed("DE")
    whole = line.gross_minor
    assert abs(given * whole - first * 43_41) < 4 * whole  # within a unit a part
    checkout.refund_line(line=line, reason="the rest", now=NOW)
    assert (owed("DE"), left_of_sale(line.source), house_sum("platform_fee", "USD")) == (0, 0, 0)
    assert [balance.pending_minor for balance in balances_of(shop.market.cast.alice)] == [0]
    assert check_books() == []


def test_the_seller_goes_by_the_buyers_country(shop):
    seller("DE"), seller("GB", code="uk", prefix="UK", included=True), rate("GB", 20), rate("DE", 19)
    place_seller(country="GB", code="uk", valid_from=NOON, by="mo", now=NOON)
    at(shop.market.cast, "GB")
    order = shop.buy(shop.offer())
    assert order.taxation.seller.code == "uk"
    assert (order.total_minor, owed("GB")) == (50_00, 8_33)
    assert order.taxation.details == BillingDetails.objects.get()


def test_sellers_share_no_prefix_and_are_named_before_they_sell(shop):
    seller("DE")
    with pytest.raises(UnableToNameSeller, match="prefix WL"):
        seller("GB", code="uk")
    with pytest.raises(UnableToNameSeller, match="There is no seller “uk”"):
        place_seller(country="GB", code="uk", valid_from=NOON, by="mo", now=NOON)
    assert SellerOfRecord.objects.count() == 1


def test_details_are_said_by_owners_and_buyers_and_kept(shop):
    cast = shop.market.cast
    first = at(cast, "DE", name="Lantern Films GmbH", vat_id="de136695976")
    assert (first.vat_id, at(cast, "DE", name="Lantern Films GmbH", vat_id="DE136695976")) == ("DE136695976", first)
    for wrong, field in (
        ({"vat_id": "DE136695977"}, "vat_id"),
        ({"email": "carol"}, "email"),
        ({"name": "x" * 201}, "name"),
        ({"city": "a\nb"}, "city"),
        ({"country": "Germany"}, "country"),
    ):
        with pytest.raises(billing_details.UnableToSayDetails) as refused:
            at(cast, **({"country": "DE"} | wrong))
        assert refused.value.field == field
    with pytest.raises(billing_details.UnableToSayDetails, match="Only owners and buyers"):
        billing_details.say_details(studio=cast.studio, by=cast.dave, country="DE", now=NOW)
    assert BillingDetails.objects.count() == 1


def test_the_database_holds_a_lines_tax_and_its_parts_together(shop):
    seller("DE"), rate("DE", 19), at(shop.market.cast, "DE")
    order = shop.buy(shop.offer())
    line = order.lines.get()
    for verb in (
        lambda: OrderTax.objects.create(
            line=line, position=5, jurisdiction="DE", name="VAT", rate_ppb=1, base_minor=1, tax_minor=1
        ),
        lambda: OrderLine.objects.create(
            order=order, position=9, offer=line.offer, project=None, price_minor=1, fee_minor=0, tax_minor=1,
            tax_of="DE", kind="renewal", replaces=Grant.objects.get(),
        ),
        lambda: OrderTax.objects.all().delete(),
        lambda: SellerOfRecord.objects.update(name="x"),
    ):  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic():
            at_commit(verb)


def test_without_the_adapter_nothing_is_asked_and_nothing_is_due(shop, settings):
    settings.ADAPTERS = settings.ADAPTERS | {"taxes": "marketplace.checkout.taxes.none.NoTaxes"}
    rate("DE", 19)
    order = shop.buy(shop.offer())
    assert (order.total_minor, taxes_of(order), OrderTaxation.objects.exists()) == (50_00, [], False)


def test_taxes_that_pass_what_the_books_hold_are_refused(shop):
    seller("DE"), rate("DE", 19), at(shop.market.cast, "DE")
    offer = shop.offer(price_minor=2**53 - 1)
    with pytest.raises(UnableToBuy, match="more than the books can hold"):
        shop.buy(offer)
    assert not Order.objects.exists()
