"""What only we know is read out of a queue and what came since: the same as out of all books, and never less."""

import random
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.checkout.reconciling.finding import OURS
from marketplace.checkout.reconciling.operations import read_books, reconcile
from marketplace.checkout.reconciling.reading import only_ours, open_lines
from marketplace.checkout.reconciling.tables import BooksRead, MovementOpen
from marketplace.payouts.models import AccountKind, Posting
from marketplace.payouts.operations import record_bank_transfer, record_collected, take_checkpoints
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from tests.cast import NOON, later
from tests.checkout.reconciling.ledgers import Told

NOW = later(hours=5)
_OUT_OF_ALL = f"""
SELECT t.id::text, x.currency, x.amount_minor
  FROM (SELECT p.transaction_id, a.currency, sum(p.amount_minor)::bigint AS amount_minor
          FROM payouts_posting p
          JOIN payouts_account a ON a.id = p.account_id AND a.kind IN {OURS} AND a.owner_id IS NULL
         WHERE NOT EXISTS (SELECT FROM checkout_reconciled_transaction r WHERE r.transaction_id = p.transaction_id)
         GROUP BY p.transaction_id, a.currency HAVING sum(p.amount_minor) <> 0) x
  JOIN payouts_transaction t ON t.id = x.transaction_id
 WHERE NOT t.id = ANY (%s::uuid[])
 ORDER BY t.occurred_at, t.id
"""


def paid_in(name: str, amount_minor: int = 100, currency: str = "USD") -> None:
    """Our bank paid into our balance, as the books have it."""
    record_bank_transfer(
        amount=Money(amount_minor, currency),
        paid_from=AccountKind.BANK,
        paid_to=AccountKind.PSP_BALANCE,
        reference=name,
        now=NOW,
    )


def same() -> list[tuple[str, str, int]]:
    """Both ways to read give the same; returns it."""
    opened = open_lines()
    found = [(one.transaction_id, one.currency, one.amount_minor) for one in only_ours(opened)]
    with connection.cursor() as cursor:
        cursor.execute(_OUT_OF_ALL, [[one.transaction_id for line in opened for one in line.movements]])
        assert found == cursor.fetchall()
    return found


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_both_ways_to_read_give_the_same(committed: None, seed: int) -> None:
    chance, told = random.Random(seed), Told()
    names: list[str] = []
    for place in range(50):
        what = chance.choice(["paid in", "paid in", "told", "told otherwise", "collected", "sampled", "reconciled"])
        if what == "paid in":
            names.append(f"po_{place}")
            paid_in(names[-1], 100 + place, chance.choice(["USD", "EUR"]))
        elif what.startswith("told") and names:
            name = names.pop(chance.randrange(len(names)))
            line = next(one for one in same() if one[2] == 100 + int(name[3:]))
            more = 1 if what == "told otherwise" else 0
            told.line("topup", name, line[2] + more, currency=line[1])
        elif what == "collected":
            record_collected(amount_minor=chance.choice([-7, 9]), currency="USD", reference=f"c_{place}", now=NOW)
        elif what == "sampled":
            take_checkpoints(now=NOW)
        else:
            reconcile(port=told, now=NOW, since=NOON)
        same()
    for _time in range(2):
        take_checkpoints(now=NOW)
        reconcile(port=told, now=NOW, since=NOON)
    found = {transaction_id for transaction_id, *_more in same()}
    differing = {one.transaction_id for line in open_lines() for one in line.movements}
    assert BooksRead.objects.latest("through").through == Posting.objects.latest("pk").pk
    # Only what is open waits: neither what is matched, nor what moved nothing on the whole.
    assert {str(pk) for pk in MovementOpen.objects.values_list("pk", flat=True)} == found | differing
    assert check_books() == []


def test_what_is_written_while_the_books_are_read_is_not_passed_by(committed: None) -> None:
    written, go = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                paid_in("po_slow")
                written.set()
                assert go.wait(30)
        finally:
            connection.close()

    paid_in("po_before")
    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(30)
    paid_in("po_after", currency="EUR")
    for _time in range(3):
        take_checkpoints(now=NOW)
        read_books(now=NOW)
    assert len(same()) == 2
    go.set()
    thread.join()
    assert len(same()) == 3
    for _time in range(3):
        take_checkpoints(now=NOW)
        read_books(now=NOW)
    assert (len(same()), MovementOpen.objects.count()) == (3, 3)


def test_the_database_reads_forward_and_keeps_the_queue_itself(committed: None) -> None:
    paid_in("po_1")
    for _time in range(2):
        take_checkpoints(now=NOW)
    read_books(now=NOW)
    read = BooksRead.objects.get()
    wrong: list[Any] = [
        lambda: BooksRead.objects.create(through=read.through + 1, at=NOW),
        lambda: BooksRead.objects.create(through=read.through - 1, at=NOW),
        lambda: BooksRead.objects.update(through=0),
        lambda: MovementOpen.objects.all().delete(),
        lambda: MovementOpen.objects.create(transaction_id=Posting.objects.latest("pk").transaction_id),
    ]
    for change in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    assert (BooksRead.objects.count(), MovementOpen.objects.count()) == (1, 1)
