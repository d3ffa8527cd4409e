"""Whatever Carol and her bank do at the sandbox, its lines say just what our books say."""

import pytest

from marketplace.checkout import operations as checkout
from marketplace.checkout.asking import Ask
from marketplace.checkout.asking_back import give_otherwise
from marketplace.checkout.attempts import AttemptDeclined
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.hearing import hear_payment
from marketplace.checkout.models import PaymentOutcome
from marketplace.checkout.operations import refund_line
from marketplace.checkout.paying import asked_of
from marketplace.checkout.reconciling.equating import prove
from marketplace.checkout.reconciling.operations import balance_lines
from marketplace.checkout.reconciling.tables import ProviderLine, ProviderLineMatched, ReconciledTransaction
from marketplace.checkout.refunds import RefundIntent
from marketplace.payouts.deferral_models import Deferral
from marketplace.payouts.models import Transaction
from marketplace.payouts.operations import recognize_periods
from marketplace.payouts.queries import check_books
from tests.cast import CARD, later
from tests.checkout.reconciling.ledgers import BALANCE, BANK, CLEARING, FEES, SUSPENSE, sets, sums

NOW = later(hours=5)
WON_IN_PART = "4000 0099 0000 0053"
DISPUTE_WON, DISPUTE_LOST, REFUND_FAILS = "4000 0000 0000 1976", "4000 0000 0000 0259", "4000 0000 0000 5126"


@pytest.fixture
def port():
    return balance_lines()


def agree(port, now=NOW):
    """Both sides are the same, to the unit, and nothing is left on either."""
    made = prove(port=port, now=now)
    assert made.problems == []
    assert sets() == ([], [], [])
    for equation in made.equations.all():
        assert (equation.difference_minor, equation.unread_minor, equation.unexplained_minor) == (0, 0, 0)
        assert (equation.balance_minor, equation.clearing_minor) == (equation.theirs_minor, 0)
    assert check_books() == []
    return made


def test_a_payment_of_three_is_in_the_balance_with_its_fee_shared(shop, port, settings):
    settings.SANDBOX_FEE_PPB = 29_000_000
    shop.buy(
        shop.offer(price_minor=50_00),
        shop.offer("openrail-m", price_minor=30_01),
        shop.offer("enterprise", price_minor=1),
    )
    assert sums(BALANCE, CLEARING) == (0, 80_02)
    agree(port)
    charge = ProviderLine.objects.get()
    assert (charge.category, charge.amount_minor) == ("charge", 80_02)
    assert charge.source == PaymentOutcome.objects.get().reference
    assert sums(BALANCE, FEES) == (80_02 - charge.fee_minor, charge.fee_minor)
    assert ReconciledTransaction.objects.count() == 6  # each sale, and its settlement
    before = Transaction.objects.count()
    agree(port)
    assert Transaction.objects.count() == before


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("ahead", [True, False])
def test_a_dispute_that_is_won_in_part_is_matched_with_what_came_back(shop, port, settled, ahead):
    offer = shop.offer("enterprise", 120_01, model="yearly") if ahead else shop.offer(price_minor=120_01)
    shop.line(offer, method=WON_IN_PART, now=later(hours=2))
    if settled:
        agree(port)
    assert checkout.collect_events(now=NOW) == 2
    agree(port, now=later(hours=6))
    assert sorted(ProviderLine.objects.values_list("category", "amount_minor")) == [
        ("charge", 120_01),
        ("dispute", -120_01),
        ("dispute_reversal", 60_01),
    ]
    assert sums(BALANCE) == (60_01,)


def test_a_refund_in_parts_before_and_after_the_charge_is_settled(shop, port):
    line = shop.line(shop.offer())
    refund_line(line=line, amount_minor=20_00, reason="a broken file", now=NOW)
    assert sums(CLEARING) == (30_00,)
    agree(port)
    refund_line(line=line, reason="the rest", now=NOW)
    agree(port)
    assert sums(BALANCE, CLEARING) == (0, 0)
    assert ProviderLineMatched.objects.filter(way="known").count() == 3


@pytest.mark.parametrize("card", [DISPUTE_WON, DISPUTE_LOST, REFUND_FAILS, CARD])
def test_disputes_and_refunds_that_fail_are_the_same_on_both_sides(shop, port, card):
    line = shop.line(shop.offer(), method=card)
    agree(port)
    if card == REFUND_FAILS:
        refund_line(line=line, amount_minor=20_00, reason="a broken file", now=NOW)
        agree(port)
    for days in (1, 2, 10):
        checkout.collect_events(now=later(days=days))
        agree(port, later(days=days))
    assert sums(BALANCE, CLEARING) == (0 if card == DISPUTE_LOST else 50_00, 0)


@pytest.mark.parametrize("model", ["perpetual", "yearly"])
@pytest.mark.parametrize("is_settled", [True, False])
def test_a_refund_that_went_another_way_is_nothing_to_the_gateway(shop, port, model, is_settled):
    """The bank sends 20.00 back, and Olga pays them out of the house's own bank: no line will ever say so."""
    sold = shop.offer() if model == "perpetual" else Ask(shop.offer("enterprise", 50_00, model=model), seats=1)
    line = shop.line(sold, method=REFUND_FAILS)
    if is_settled:
        agree(port)
    recognize_periods(now=later(days=1))
    refund_line(line=line, amount_minor=20_00, reason="a broken file", now=NOW)
    for days in (1, 2, 10):
        checkout.collect_events(now=later(days=days))
    refund = RefundIntent.objects.get()
    give_otherwise(refund=refund, note="transfer", by=shop.market.cast.carol, now=later(days=11))
    agree(port, later(days=11))
    agree(port, later(days=30))
    assert sums(BALANCE, CLEARING, BANK) == (50_00, 0, -20_00)


@pytest.mark.parametrize("card", [DISPUTE_WON, DISPUTE_LOST, CARD])
def test_a_year_paid_ahead_its_months_its_refunds_and_its_disputes(shop, port, card):
    line = shop.line(Ask(shop.offer("enterprise", 120_00, model="yearly"), seats=1), method=card)
    assert Deferral.objects.get().source == line.source
    agree(port)
    recognize_periods(now=later(days=100))
    if card == CARD:
        refund_line(line=line, amount_minor=20_00, reason="a broken file", now=later(days=100))
        agree(port, later(days=100))
        refund_line(line=line, reason="the rest", now=later(days=101))
    for days in (102, 104, 110):
        checkout.collect_events(now=later(days=days))
        agree(port, later(days=days))
    assert sums(BALANCE, CLEARING) == (120_00 if card == DISPUTE_WON else 0, 0)


def test_what_comes_for_an_order_that_was_given_up_goes_back(shop, port):
    order = checkout.place_order(
        studio=shop.market.cast.studio,
        buyer=shop.market.cast.carol,
        offers=[shop.offer()],
        method=CARD,
        idempotency_key="given-up",
        now=NOW,
    )
    attempt = order.attempts.get()
    charge = SandboxGateway().charge(payment=asked_of(attempt, list(order.lines.all())), now=NOW)
    AttemptDeclined.objects.create(attempt=attempt, at=NOW)
    PaymentOutcome.objects.create(order=order, outcome="declined", cause="cancelled", attempt=attempt, at=NOW)
    hear_payment(key=attempt.key, charge=charge, now=NOW)
    found = prove(port=port, now=NOW)
    assert (found.problems, sums(BALANCE, SUSPENSE)) == ([], (50_00, -50_00))
    checkout.return_strays(now=NOW)
    agree(port)
    assert sums(BALANCE, SUSPENSE) == (0, 0)
    assert set(ProviderLineMatched.objects.values_list("way", flat=True)) == {"stray"}
