"""Dave has the connection and no scruples: what the database refuses about policies, holds and reserves."""

import pytest
from django.db import DatabaseError, connection, transaction

from marketplace.payouts.models import Payout, PayoutOutcome, Transaction
from marketplace.payouts.operations import (
    UnableToSettle,
    settle,
)
from marketplace.payouts.policies import (
    ReserveEnd,
    ReserveLine,
)
from tests.payouts.policing import DAY, hold, policy


def refusal(verb):
    """Returns the name under which the database refuses what a verb writes."""
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        verb()
    return refused.value.__cause__.diag.constraint_name


def raw(sql, *params):
    def run():
        with connection.cursor() as cursor:
            cursor.execute(sql, params)

    return run


@pytest.mark.parametrize("table", ["policy", "preference", "hold", "hold_end", "reserve_line", "reserve_end"])
@pytest.mark.parametrize(
    "verb", ["UPDATE payouts_{} SET id = id", "DELETE FROM payouts_{}", "TRUNCATE payouts_{} CASCADE"]
)
def test_facts_are_added_never_changed(db, table, verb):
    assert refusal(raw(verb.format(table))).endswith("_append_only")


def test_nobody_pays_a_held_creator(alice, alices, earn, noon):
    earn(alices, "order-line:1", noon)
    settle(now=noon)
    earn(alices, "order-line:2", noon)
    hold(alice)
    first = Payout.objects.get()

    other = Transaction.objects.filter(kind="hold_release").first()
    again = """
        INSERT INTO payouts_payout (id, creator_id, currency, amount_minor, released_through_id, reserved_at,
                                    idem_key, transaction_id)
        SELECT gen_random_uuid(), creator_id, currency, amount_minor, released_through_id, reserved_at, 'again', %s
          FROM payouts_payout
    """
    assert refusal(raw(again, other.pk)) == "payouts_held_creator_waits"
    assert Payout.objects.get() == first


def test_a_reserve_says_what_was_posted(alice, bob, alices, earn, noon):
    policy(creator=alice, reserve_ppb=500_000_000, reserve_days=30)
    earn(alices, "order-line:1", noon)
    line = ReserveLine.objects.get()
    more = """
        INSERT INTO payouts_reserve_line (release_id, creator_id, currency, amount_minor, until)
        VALUES (%s, %s, 'USD', 5, now())
    """
    assert refusal(raw(more, line.release_id, bob.pk)) == "payouts_reserves_equal_postings"
    end = """
        INSERT INTO payouts_reserve_end (reserve_id, amount_minor, ended_at, transaction_id)
        VALUES (%s, %s, %s, %s)
    """
    release = line.release.transaction_id
    assert refusal(raw(end, line.pk, 0, noon, None)) == "payouts_reserve_ends_when_due"
    late = noon + 99 * DAY
    assert refusal(raw(end, line.pk, 541, late, release)) == "payouts_reserve_end_names_its_movement"
    assert refusal(raw(end, line.pk, 5, late, None)) == "payouts_reserve_end_moves_or_not"
    assert not ReserveEnd.objects.exists()


@pytest.mark.parametrize(
    "states",
    ["returned", "paid, returned", "failed, returned", "sent, failed, returned", "sent, returned, paid",
     "sent, returned, failed", "sent, paid, failed"],
)  # fmt: skip
@pytest.mark.parametrize("at_once", [True, False])
def test_a_payout_goes_its_way(alice, alices, earn, noon, faulty_rail, states, at_once):
    earn(alices, "order-line:1", noon)
    faulty_rail.plan = ["down"]
    with pytest.raises(UnableToSettle):
        settle(now=noon)
    outcomes = [
        PayoutOutcome(payout=Payout.objects.get(), state=state, reference="x", at=noon) for state in states.split(", ")
    ]

    def write():
        if at_once:
            PayoutOutcome.objects.bulk_create(outcomes)
        else:
            for outcome in outcomes:
                outcome.save(force_insert=True)

    assert refusal(write) == "payouts_outcome_in_order"
    assert not PayoutOutcome.objects.exists()
