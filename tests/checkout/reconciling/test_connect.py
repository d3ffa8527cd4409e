"""Payouts to creators over Stripe: transfers, what came back of them, and what is in a creator's account."""

import pytest

from marketplace.checkout.reconciling.equating import prove
from marketplace.checkout.reconciling.ports.stripe import StripeLines
from marketplace.checkout.reconciling.tables import (
    CreatorBalance,
    ProviderLine,
    ProviderLineMatched,
    ReconciledTransaction,
)
from marketplace.payouts.connected.going_on import go_on
from marketplace.payouts.queries import check_books
from tests.checkout.reconciling.ledgers import BALANCE, CLEARING, SUSPENSE, sets, sums
from tests.payouts.cast import NOON
from tests.payouts.connect.conftest import (  # noqa: F401
    alice,
    alices,
    connect,
    fake,
    house,
)
from tests.payouts.connect.test_charges import bought
from tests.payouts.connect.test_unwinding import refused  # noqa: F401
from tests.stripe import accounts, payouts
from tests.stripe.world import DAY, PLATFORM


@pytest.fixture
def paid(house, alices, alice, connect):  # noqa: F811
    """Alice's account has 90.00, which her bank has not got yet; the house had the money from Stripe."""
    account = connect(alice)
    house.earn(alices, 90_00)
    house.settle()
    house.hear()
    return account


def test_a_transfer_is_known_and_her_account_is_as_it_should_be(house, paid, fake):  # noqa: F811
    made = prove(port=StripeLines(), now=house.now, creators=True)
    # The money that the test gave the house is an adjustment, which nobody understands; its sale has no line.
    assert [one["what"] for one in made.problems if one["what"] != "only-ours"] == ["suspense"]
    assert ProviderLineMatched.objects.get(line__category="transfer").way == "known"
    equation = made.equations.get()
    assert equation.theirs_minor == fake.world.held[PLATFORM, "usd"] == 0
    assert (equation.unread_minor, equation.unexplained_minor) == (0, 0)
    assert sets()[0] == [("sale", 90_00)]
    assert sums(BALANCE, CLEARING, SUSPENSE) == (0, 90_00, -90_00)
    row = CreatorBalance.objects.get()
    assert (row.account, row.ours_minor, row.theirs_minor) == (paid.reference, house.has(paid), house.has(paid))
    assert check_books() == []


def test_what_stripe_took_from_her_account_is_named(house, paid, fake):  # noqa: F811
    accounts.adjusted(fake.world, paid.reference, -7_00)
    made = prove(port=StripeLines(), now=house.now, creators=True)
    (found,) = [one for one in made.problems if one["what"] == "creator"]
    assert (found["account"], found["amount_minor"]) == (paid.reference, 7_00)


def test_a_payout_that_her_bank_sends_back(house, paid, fake):  # noqa: F811
    house.forward(days=2)
    house.settle()
    house.hear()
    for row in list(fake.world.all("payout", paid.reference)):
        payouts.payout_failed(fake.world, row["id"])
    house.hear()
    house.forward(seconds=DAY)
    house.settle()
    house.hear()
    made = prove(port=StripeLines(), now=house.now, since=NOON, creators=True)
    categories = set(ProviderLine.objects.values_list("category", flat=True))
    assert categories <= {"other_adjustment", "transfer", "transfer_reversal"}
    assert not [one for one in made.problems if one["what"] in ("creator", "differs", "only-theirs", "unread")]
    assert made.equations.get().unexplained_minor == 0
    assert sums(BALANCE) == (fake.world.held[PLATFORM, "usd"],)


def test_the_transfers_of_one_payout_are_added_up(house, alice, alices, connect, fake):  # noqa: F811
    connect(alice)
    for net_minor in (4_00, 2_00):
        bought(house, alices, net_minor)
    house.earn(alices, 10_00)
    house.settle()
    made = prove(port=StripeLines(), now=house.now, since=NOON, creators=True)
    rows = ProviderLineMatched.objects.filter(line__category="transfer").order_by("line")
    assert sorted(row.line.amount_minor for row in rows) == [-10_00, -4_00, -2_00]
    assert {row.together_id for row in rows} == {rows[0].line_id}
    assert ReconciledTransaction.objects.filter(line__category="transfer").count() == 1
    assert not [one for one in made.problems if one["what"] in ("creator", "differs")]
    assert made.equations.get().unexplained_minor == 0
    assert prove(port=StripeLines(), now=house.now).equations.get().unexplained_minor == 0


def test_a_part_that_came_back_from_a_payout_that_was_given_up(house, alice, alices, connect, fake, refused):  # noqa: F811
    connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    house.settle()
    made = prove(port=StripeLines(), now=house.now, since=NOON, creators=True)
    assert made.equations.get().unexplained_minor == 0
    assert not ProviderLineMatched.objects.filter(line__category="transfer").exists()

    assert go_on(now=house.now).returned == 1
    made = prove(port=StripeLines(), now=house.now, since=NOON, creators=True)
    rows = ProviderLineMatched.objects.filter(line__category__startswith="transfer").order_by("line")
    assert [(row.way, row.line.amount_minor) for row in rows] == [("known", -4_00), ("known", 4_00)]
    assert {row.together_id for row in rows} == {rows[0].line_id}
    assert not ReconciledTransaction.objects.filter(line__category__startswith="transfer").exists()
    assert not [one for one in made.problems if one["what"] in ("creator", "differs")]
    assert made.equations.get().unexplained_minor == 0
