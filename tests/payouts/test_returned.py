"""Payouts that come back after they were sent, even days after they were paid."""

import pytest

from marketplace.payouts.models import Payout, PayoutOutcome, Transaction
from marketplace.payouts.operations import (
    UnableToRecord,
    UnableToSettle,
    freeze,
    open_dispute,
    record_paid,
    record_returned,
    settle,
    thaw,
)
from marketplace.payouts.queries import lines_of, paid_total, payouts_of
from tests.payouts.policing import DAY, has, transfers


def test_a_payout_that_was_paid_may_come_back_days_later(alice, alices, earn, noon, right):
    earn(alices, "order-line:1", noon)
    settle(now=noon)
    payout = Payout.objects.get()

    came = record_returned(key=payout.idem_key, reference="account closed", now=noon + 4 * DAY)
    assert record_returned(key=payout.idem_key, reference="again", now=noon + 9 * DAY) == came
    assert (has(alice), paid_total()) == ({"available": 1080}, {})
    assert [(paid.state, paid.reference) for paid in payouts_of(alice)] == [("returned", "account closed")]
    assert lines_of(alice)[0][0].state == "available"

    settle(now=noon + 5 * DAY)
    assert (has(alice), paid_total()) == ({"paid": 1080}, {"USD": 1080})
    assert lines_of(alice)[0][0].payout_id == Payout.objects.exclude(pk=payout.pk).get().pk
    assert transfers() == [1080, 1080]


def test_one_that_is_only_sent_may_come_back_or_arrive(alice, bob, shared, earn, noon, faulty_rail, right):
    earn(shared, "order-line:1", noon)
    faulty_rail.plan = ["slow", "slow"]
    settle(now=noon)
    alices, bobs = (Payout.objects.get(creator=creator) for creator in (alice, bob))

    record_returned(key=alices.idem_key, reference="no such bank", now=noon + DAY)
    first = record_paid(key=bobs.idem_key, reference="bank-7", now=noon + DAY)
    assert record_paid(key=bobs.idem_key, reference="bank-8", now=noon + DAY) == first
    assert (has(alice), has(bob)) == ({"available": 756}, {"paid": 324})
    with pytest.raises(UnableToRecord, match="it came back before"):
        record_paid(key=alices.idem_key, reference="bank-9", now=noon + DAY)


def test_a_debt_takes_what_comes_back(alice, alices, earn, noon, right):
    earn(alices, "order-line:1", noon)
    settle(now=noon)
    open_dispute(source="order-line:1", now=noon)
    assert has(alice)["owed"] == 1080

    record_returned(key=Payout.objects.get().idem_key, reference="closed", now=noon + DAY)
    assert "owed" not in has(alice)
    assert "available" not in has(alice)


def test_what_was_not_sent_cannot_come_back(alice, alices, earn, noon, faulty_rail):
    earn(alices, "order-line:1", noon)
    faulty_rail.plan = ["refuse"]
    settle(now=noon)
    failed = Payout.objects.get()
    faulty_rail.plan = ["down"]
    with pytest.raises(UnableToSettle):
        settle(now=noon)
    waiting = Payout.objects.exclude(pk=failed.pk).get()
    written = Transaction.objects.count()

    for key, why in [("payout:none", "no such payout"), (failed.idem_key, "it failed"),
                     (waiting.idem_key, "it was not sent")]:  # fmt: skip
        for verb in (record_returned, record_paid):
            with pytest.raises(UnableToRecord, match=why):
                verb(key=key, reference="x", now=noon)
    assert (Transaction.objects.count(), PayoutOutcome.objects.count()) == (written, 1)


def test_what_is_frozen_of_it_is_held_and_the_rest_is_available(alice, alices, earn, noon, right):
    earn(alices, "order-line:1", noon, subject="release:stolen")
    earn(alices, "order-line:2", noon, subject="release:own", gross=5_00)
    settle(now=noon)
    freeze(subject="release:stolen", reason="claim:1", now=noon)
    assert has(alice) == {"paid": 1460}

    record_returned(key=Payout.objects.get().idem_key, reference="closed", now=noon + DAY)
    assert has(alice) == {"frozen": 1080, "available": 380}
    settle(now=noon + 2 * DAY)
    assert has(alice) == {"frozen": 1080, "paid": 380}
    thaw(subject="release:stolen", reason="claim:1", now=noon + 3 * DAY)
    assert has(alice) == {"available": 1080, "paid": 380}


def test_it_is_known_whose_money_it_is_although_later_payouts_were_made(alice, alices, earn, noon, right):
    """The first payout comes back after the second was paid: a freeze finds the first's money and no other."""
    earn(alices, "order-line:1", noon, subject="release:first")
    settle(now=noon)
    earn(alices, "order-line:2", noon + DAY, subject="release:second", gross=5_00)
    settle(now=noon + DAY)
    earn(alices, "order-line:3", noon + 2 * DAY, subject="release:third", gross=7_00)
    first = Payout.objects.order_by("reserved_at").first()
    freeze(subject="release:first", reason="claim:1", now=noon + 2 * DAY)
    assert has(alice) == {"available": 580, "paid": 1460}

    record_returned(key=first.idem_key, reference="closed", now=noon + 3 * DAY)
    assert has(alice) == {"frozen": 1080, "available": 580, "paid": 380}
    thaw(subject="release:first", reason="claim:1", now=noon + 3 * DAY)
    freeze(subject="release:second", reason="claim:2", now=noon + 3 * DAY)
    assert has(alice) == {"available": 1660, "paid": 380}
    freeze(subject="release:third", reason="claim:3", now=noon + 3 * DAY)
    assert has(alice) == {"frozen": 580, "available": 1080, "paid": 380}
