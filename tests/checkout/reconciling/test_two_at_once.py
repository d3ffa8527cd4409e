"""Two workers read and match the same lines at once: each line is copied, matched and booked by one of them."""

from marketplace.checkout.reconciling.operations import reconcile
from marketplace.checkout.reconciling.tables import ProviderLine, ProviderLineMatched, ProviderLineOpen
from marketplace.payouts.queries import check_books
from tests.cast import NOON, later
from tests.checkout.reconciling.ledgers import BALANCE, BANK, FEES, SUSPENSE, Told, sums


def test_two_at_once(committed, at_once):
    told = Told()
    for number in range(300):
        told.line(("fee", "topup", "network_cost")[number % 3], f"x_{number}", (-2, 100, -7)[number % 3])
    said = at_once(*[lambda: reconcile(port=told, now=later(hours=5), since=NOON)] * 3)
    assert [sum(one) for one in zip(*said, strict=True)] == [300, 300]
    assert (ProviderLine.objects.count(), ProviderLineMatched.objects.count()) == (300, 300)
    assert not ProviderLineOpen.objects.exists()
    assert sums(BALANCE, FEES, BANK, SUSPENSE) == (9_100, 200, -10_000, 700)
    assert check_books() == []
