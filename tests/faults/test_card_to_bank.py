"""An order's way is followed by hand: from Carol's card, through the books, to her creators' banks."""

from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.payouts.attempts import PayoutAttempt
from marketplace.payouts.models import AccountKind, Payout, RoyaltyLine, Sale
from marketplace.payouts.queries import house_sum
from tests.faults.way import FORTNIGHT, Way
from tests.stripe.sessions import completed
from tests.stripe.world import PLATFORM


def test_each_step_names_the_next_and_no_cent_is_lost(way: Way) -> None:
    order = way.buy()
    page = way.page_of(order)
    way.plays(completed, page, "pm_card_visa")
    way.hears()

    # At Stripe: the page, its payment intent, the charge, and the line of our balance.
    world = way.fake.world
    session = world.rows[page]
    intent = world.rows[session["payment_intent"]]
    charge = world.rows[intent["latest_charge"]]
    line = world.rows[charge["balance_transaction"]]
    assert session["client_reference_id"] == str(order.pk)
    assert intent["transfer_group"] == f"order:{order.pk}"
    assert charge["amount"] == line["amount"] == order.total_minor
    fee = line["fee"]
    assert fee > 0

    # With us: the outcome names the charge, each line has its sale, and the sales are the order.
    assert PaymentOutcome.objects.get(order=order).reference == charge["id"]
    lines = list(Order.objects.get(pk=order.pk).lines.order_by("position"))
    sales = [Sale.objects.get(source=line.source) for line in lines]
    assert len(sales) == 3
    assert sum(sale.gross_minor for sale in sales) == order.total_minor

    # Reconciled: what the charge brought is in our balance, less Stripe's fee, on both sides.
    way.worked()
    assert house_sum(AccountKind.PSP_BALANCE, "USD") == order.total_minor - fee == world.held[PLATFORM, "usd"]
    assert house_sum(AccountKind.PSP_CLEARING, "USD") == 0

    # Royalties: what is left of each sale after our fee is its creators', to the cent.
    for sale in sales:
        parts = RoyaltyLine.objects.filter(sale=sale)
        assert sum(part.amount_minor for part in parts) == sale.gross_minor - sale.fee_minor - sale.tax_minor

    # Payouts: one a creator, each a transfer to the account at Stripe and on to the bank.
    way.forward(days=FORTNIGHT.days)
    way.goes_on(3)
    earned: dict[str, int] = {}
    for part in RoyaltyLine.objects.select_related("payee"):
        earned[part.payee.handle] = earned.get(part.payee.handle, 0) + part.amount_minor
    for handle, minor in earned.items():
        payout = Payout.objects.get(creator__handle=handle)
        assert payout.amount_minor == minor
        transfers = list(PayoutAttempt.objects.filter(payout=payout, kind="transfer").order_by("number"))
        rows = [world.rows[one.end.reference] for one in transfers]
        assert {row["destination"] for row in rows} == {way.accounts[handle].reference}
        assert sum(row["amount"] for row in rows) == minor
        banks = PayoutAttempt.objects.filter(payout=payout, kind="bank")
        assert sum(world.rows[one.end.reference]["amount"] for one in banks) == minor
        assert {world.rows[one.end.reference]["status"] for one in banks} == {"paid"}
    assert world.outside["banks", "usd"] == sum(earned.values())
    assert house_sum(AccountKind.PSP_BALANCE, "USD") == order.total_minor - fee - sum(earned.values())
    way.proved()
