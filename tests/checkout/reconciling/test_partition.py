"""Whatever comes in whatever order: each line and each movement of ours is in one set, and the sets explain it all."""

from typing import Any

from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.checkout.reconciling.equating import prove
from marketplace.checkout.reconciling.operations import reconcile
from marketplace.checkout.reconciling.tables import ProviderLine, ProviderLineMatched, ReconciledTransaction
from marketplace.payouts.bookkeeping.books import credit, debit, post
from marketplace.payouts.models import AccountKind, TransactionKind
from marketplace.payouts.queries import check_books
from tests.cast import later
from tests.checkout.reconciling.ledgers import BALANCE, CLEARING, Told, sets, sums

NOW = later(hours=5)
_OURS = """
SELECT count(*) FROM (SELECT p.transaction_id FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id
    AND a.kind IN ('psp_clearing', 'psp_balance') GROUP BY 1, a.currency HAVING sum(p.amount_minor) <> 0) x
"""

WAYS = ("same", "ours", "theirs", "differs", "unknown", "fee", "aside", "bank", "twice")
STEP = st.tuples(st.sampled_from(WAYS), st.integers(1, 9_000), st.integers(0, 300), st.booleans())


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(STEP, min_size=1, max_size=25))
def test_the_sets_part_everything_exactly(db: Any, steps: list[tuple[str, int, int, bool]]) -> None:
    with transaction.atomic():
        _tried(steps)
        transaction.set_rollback(True)


def _tried(steps: list[tuple[str, int, int, bool]]) -> None:
    told = Told()
    for place, (way, amount, fee, between) in enumerate(steps):
        _take(told, place, way, amount, fee)
        if between:
            reconcile(port=told, now=NOW)
    made = prove(port=told, now=NOW)
    ours, theirs, differs = sets()
    matched = ProviderLineMatched.objects.count()
    assert matched + len(theirs) + len(differs) == ProviderLine.objects.count() == len({one.id for one in told.told})
    with connection.cursor() as cursor:
        cursor.execute(_OURS)
        (moved,) = cursor.fetchone()
    assert ReconciledTransaction.objects.count() + len(ours) + len(differs) == moved
    theirs_minor = told.balances().get("USD")
    total = theirs_minor.total_minor if theirs_minor else 0
    for equation in made.equations.all():
        assert (equation.unexplained_minor, equation.unread_minor) == (0, 0)
        assert equation.theirs_minor == total
        assert equation.ours_minor == sum(sums(BALANCE, CLEARING))
    wanted = {name: sum(way == name for way, *_more in steps) for name in WAYS}
    assert (len(ours), len(theirs), len(differs)) == (wanted["ours"], wanted["theirs"], wanted["differs"])
    assert matched == sum(wanted[name] for name in ("same", "unknown", "fee", "aside", "bank", "twice"))
    assert reconcile(port=told, now=NOW) == (0, 0)
    assert check_books() == []


def _take(told: Told, place: int, way: str, amount: int, fee: int) -> None:
    """Payouts to our bank that were booked before stand for all that our books know by a reference."""
    reference = f"po_{place}"
    if way in ("same", "ours", "differs", "twice"):
        post(
            kind=TransactionKind.BANK_TRANSFER,
            source=reference,
            idem_key=f"bank-transfer:{reference}",
            currency="USD",
            legs=[debit(AccountKind.BANK, amount), credit(AccountKind.PSP_BALANCE, amount)],
            now=NOW,
        )
    if way in ("same", "twice"):
        line = told.line("payout", reference, -amount, fee)
        if way == "twice":
            told.told.append(line)
            told.more["USD"] = told.more.get("USD", 0) + amount + fee  # counted once by the gateway
    elif way == "differs":
        told.line("payout", reference, -amount - 1, fee)
    elif way == "theirs":
        told.line("charge", f"ch_{place}", amount, fee)
    elif way == "unknown":
        told.line("network_cost", "", -amount, fee)
    elif way == "fee":
        told.line("fee", "", -amount)
    elif way == "aside":
        told.line("risk_reserved_funds", "", -amount)
    elif way == "bank":
        told.line("topup", f"tu_{place}", amount)
