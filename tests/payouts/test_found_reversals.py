"""Dave takes money of sales back, and gives it back, in other parts than are due; the next proof names the line.

Each sale is of 10.00: 1.00 of tax for Germany, 1.00 of fee, and 4.00 each for Alice and Bob.
"""

from uuid import uuid4

import pytest

from marketplace.payouts.bookkeeping.books import credit, debit, post
from marketplace.payouts.models import AccountKind, RoyaltyLine, Sale, TransactionKind
from marketplace.payouts.operations import (
    allocate_royalties,
    ensure_split,
    lift_takedown,
    open_dispute,
    record_settled,
    refund,
    release_holds,
    take_down,
)
from marketplace.payouts.queries import check_books
from marketplace.payouts.reversals import ReturnedLine, Reversal, ReversalLine, ReversalOutcome
from marketplace.payouts.statements import ProviderSettlement


@pytest.fixture
def sold(alice, bob, sell, noon):
    """Sells as many as are named, and releases what they bring."""

    def sold(*sources, subject=""):
        split = ensure_split(own={alice: 500_000_000, bob: 500_000_000}, parents=[], now=noon)
        for source in sources:
            sell(split, source, gross=1000, fee=100, tax=100, tax_of="DE", subject=subject)
        for run in allocate_royalties(now=noon):
            release_holds(now=run.available_at)

    return sold


def give_back(source, lines, now, tax=30, fee=30, money=AccountKind.PSP_CLEARING, tax_of="DE"):
    """Writes a refund by hand: `lines` are creator → minor units."""
    sale, net = Sale.objects.get(source=source), sum(lines.values())
    reversal = Reversal.objects.create(
        sale=sale,
        kind=Reversal.REFUND,
        key="x",
        reason="x",
        amount_minor=tax + fee + net,
        tax_minor=tax,
        fee_minor=fee,
        net_minor=net,
        opened_at=now,
        transaction_id=uuid4(),
    )
    for payee, amount in lines.items():
        line = RoyaltyLine.objects.get(sale=sale, payee=payee)
        ReversalLine.objects.create(reversal=reversal, line=line, amount_minor=amount, bucket="creator_available")
    post(
        kind=TransactionKind.REFUND,
        source=source,
        idem_key="x",
        currency="USD",
        legs=[
            credit(money, tax + fee + net),
            debit(AccountKind.TAX_PAYABLE, tax, detail=tax_of),
            debit(AccountKind.PLATFORM_FEE, fee),
            *(debit(AccountKind.CREATOR_AVAILABLE, amount, payee.pk) for payee, amount in lines.items()),
        ],
        now=now,
        transaction_id=reversal.transaction_id,
    )


def test_a_refund_by_hand_that_is_as_it_should_be_is_no_problem(sold, alice, bob, noon):
    """Or the problems below would show nothing."""
    sold("order-line:1")

    give_back("order-line:1", {alice: 120, bob: 120}, noon)

    assert check_books() == []


def test_a_refund_is_not_bobs_alone(sold, bob, noon):
    sold("order-line:1")

    give_back("order-line:1", {bob: 300}, noon, tax=0, fee=0)

    sale = "of sale order-line:1"
    assert check_books() == [
        f"x took 0 of the tax {sale}, of which 100 remained; its part is 30.",
        f"x took 0 of the fee {sale}, of which 100 remained; its part is 30.",
        f"x took 0 of the line of 00000000-0000-4000-8000-000000000001 {sale}, of which 400 remained; its part is 120.",
        f"x took 300 of the line of {bob.pk} {sale}, of which 400 remained; its part is 120.",
    ]


def test_what_was_taken_before_counts(sold, alice, bob, noon):
    """Of 301 of the 600 that a refund of 400 left, 30.1 are of the tax: the odd unit is of the larger remainders."""
    sold("order-line:1", "order-line:2")
    for source in ("order-line:1", "order-line:2"):
        refund(source=source, amount_minor=400, key=f"refund:{source}", reason="a broken file", now=noon)
    refund(source="order-line:2", amount_minor=301, key="refund:3", reason="a broken file", now=noon)
    assert check_books() == []

    give_back("order-line:1", {alice: 120, bob: 121}, noon)

    [of_alice, of_bob] = check_books()
    assert of_alice.startswith(f"x took 120 of the line of {alice.pk}")
    assert of_alice.endswith("its part is 121.")
    assert of_bob.startswith(f"x took 121 of the line of {bob.pk}")
    assert of_bob.endswith("its part is 120.")


def test_a_refund_goes_back_to_where_the_money_sits(sold, alice, bob, noon):
    sold("order-line:1")

    give_back("order-line:1", {alice: 120, bob: 120}, noon, money=AccountKind.BUYER_CREDIT)

    rest = "platform_fee 30 USD, {}tax_payable 30 USD DE"
    assert (
        f"For x the house is to move {rest.format('psp_clearing -300 USD, ')}, and transaction x moved"
        f" buyer_credit -300 USD, {rest.format('')}."
    ) in check_books()


def test_a_refund_takes_its_tax_where_it_was_put(sold, alice, bob, noon):
    sold("order-line:1")

    give_back("order-line:1", {alice: 120, bob: 120}, noon, tax_of="FR")

    problems = check_books()
    assert any("tax_payable 30 USD DE, and transaction x moved" in problem for problem in problems)
    assert "In USD -30 of tax_payable FR is left, which is less than nothing." in problems


def test_a_refund_after_the_settlement_is_of_the_balance(sold, alice, bob, noon):
    sold("order-line:1")
    record_settled(source="order-line:1", fee_minor=30, reference="txn-1", now=noon)

    give_back("order-line:1", {alice: 120, bob: 120}, noon)

    problems = check_books()
    assert any("psp_balance -300 USD" in problem for problem in problems)
    assert "The settlement txn-1 of sale order-line:1 leaves -300 of it to be collected." in problems


def test_a_settlement_clears_its_sale_and_no_other(sold, noon):
    sold("order-line:1", "order-line:2")
    moved = post(
        kind=TransactionKind.PSP_SETTLED,
        source="order-line:1",
        idem_key="x",
        currency="USD",
        legs=[debit(AccountKind.PSP_FEE, 1500), credit(AccountKind.PSP_CLEARING, 1500)],
        now=noon,
    )
    ProviderSettlement.objects.create(
        sale=Sale.objects.get(source="order-line:1"),
        fee_minor=1500,
        reference="txn-1",
        settled_at=noon,
        transaction_id=moved,
    )

    assert check_books() == ["The settlement txn-1 of sale order-line:1 leaves -500 of it to be collected."]


def test_a_dispute_that_is_won_gives_each_line_its_own(sold, alice, bob, noon):
    """Both lines have room, for a refund had some of both before: Alice's 20 go to Bob."""
    sold("order-line:1")
    refund(source="order-line:1", amount_minor=400, key="refund:1", reason="a broken file", now=noon)
    dispute = open_dispute(source="order-line:1", amount_minor=300, now=noon)
    ended = ReversalOutcome.objects.create(
        reversal=dispute, outcome="won", tax_minor=30, fee_minor=30, closed_at=noon, transaction_id=uuid4()
    )
    for payee, amount in ((alice, 100), (bob, 140)):
        line = RoyaltyLine.objects.get(payee=payee)
        ReturnedLine.objects.create(outcome=ended, line=line, amount_minor=amount, bucket="creator_available")
    post(
        kind=TransactionKind.DISPUTE_WON,
        source="order-line:1",
        idem_key="x",
        currency="USD",
        legs=[
            credit(AccountKind.DISPUTE_SUSPENSE, 300),
            debit(AccountKind.PSP_CLEARING, 300),
            *(debit(AccountKind.CREATOR_DISPUTE_HOLD, 120, payee.pk) for payee in (alice, bob)),
            credit(AccountKind.CREATOR_AVAILABLE, 100, alice.pk),
            credit(AccountKind.CREATOR_AVAILABLE, 140, bob.pk),
        ],
        now=noon,
        transaction_id=ended.transaction_id,
    )

    key = "dispute:order-line:1"
    assert sorted(check_books()) == [
        f"{key} was won and gave 100 back of the line of {alice.pk}, of which it took 120.",
        f"{key} was won and gave 140 back of the line of {bob.pk}, of which it took 120.",
    ]


def test_what_a_refund_left_of_a_pot_is_lifted_in_parts(sold, alice, bob, noon):
    """A refund of 333 had 267 of the 800; what is left of them goes to both lines alike, and the odd one is Alice's."""
    sold("order-line:1", subject="release:x")
    take_down(subject="release:x", reason="claim:1", now=noon)
    refund(source="order-line:1", amount_minor=333, key="refund:1", reason="a broken file", now=noon)

    given = lift_takedown(subject="release:x", reason="claim:1", now=noon)

    assert given == {"USD": 533}
    returned = ReturnedLine.objects.order_by("line__payee").values_list("line__payee", "amount_minor")
    assert list(returned) == [(alice.pk, 267), (bob.pk, 266)]
    assert check_books() == []
