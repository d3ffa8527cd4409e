"""Money that is available is always of some royalty line: also what came out of reserves, or back with a payout."""

from collections import Counter
from contextlib import suppress
from itertools import count
from random import Random

import pytest
from django.db.models import Sum

from marketplace.payouts.bookkeeping import unnamed
from marketplace.payouts.bookkeeping.standing import available_lines
from marketplace.payouts.freezes import ClaimHoldLine, SubjectFreeze
from marketplace.payouts.models import Payout, RoyaltyLine
from marketplace.payouts.operations import (
    UnableToDispute,
    UnableToRefund,
    UnableToSettle,
    close_dispute,
    fail_refund,
    freeze,
    open_dispute,
    record_returned,
    refund,
    release_reserves,
    settle,
    take_down,
    thaw,
)
from tests.payouts.cast import NOON
from tests.payouts.machine import asking
from tests.payouts.policing import DAY, has, policy, transfers

W, X, Y, Z = "release:w", "release:x", "release:y", "release:z"
HALF = 500_000_000


@pytest.fixture
def half(alice):
    """Half of what is released to Alice is kept for 90 days."""
    policy(creator=alice, reserve_ppb=HALF, reserve_days=90)


@pytest.fixture
def earns(alices, earn, noon):
    """Alice earns some dollars with a work, and their hold period is over."""

    def earns(subject, amount, days=0):
        earn(alices, f"sale-of:{subject}", noon + days * DAY, subject=subject, gross=amount, fee=0)

    return earns


def give(subject, amount, noon, key="refund:1"):
    refund(source=f"sale-of:{subject}", amount_minor=amount, key=key, reason="a broken file", now=noon)


def claim(subject, noon, reason="claim:1"):
    freeze(subject=subject, reason=reason, now=noon)


def test_what_is_left_when_a_refund_came_out_of_the_reserve_is_the_other_works(
    alice, alices, sell, earn, half, noon, right
):
    sell(alices, f"sale-of:{X}", subject=X, gross=10_00, fee=0, now=noon - 14 * DAY)
    earn(alices, f"sale-of:{Y}", noon, subject=Y, gross=5_00, fee=0)
    assert has(alice) == {"reserved": 750, "available": 750}
    give(Y, 5_00, noon)
    assert has(alice) == {"reserved": 250, "available": 750}

    claim(X, noon)

    assert has(alice) == {"reserved": 250, "frozen": 750}
    settle(now=noon)
    assert transfers() == []
    assert release_reserves(now=noon + 90 * DAY) == 0  # it waits for the claim
    thaw(subject=X, reason="claim:1", now=noon + 90 * DAY)
    assert release_reserves(now=noon + 90 * DAY) == 1
    settle(now=noon + 90 * DAY)
    assert transfers() == [1000]


def test_a_part_of_a_work_that_was_paid_stands_where_another_works_reserve_was_taken(alice, earns, half, noon, right):
    """X was half paid; all that is available and in reserve afterwards is the other half of it."""
    earns(X, 10_00)
    settle(now=noon)
    earns(Y, 5_00, days=1)
    give(Y, 5_00, noon + DAY)
    assert has(alice) == {"reserved": 250, "available": 250, "paid": 500}

    claim(Y, noon + DAY)
    assert has(alice) == {"reserved": 250, "available": 250, "paid": 500}
    claim(X, noon + DAY)

    assert has(alice) == {"reserved": 250, "frozen": 250, "paid": 500}


@pytest.mark.parametrize(("subject", "frozen"), [(X, 500), (Y, 300), (Z, 0)])
def test_what_a_reserve_gives_back_is_of_the_work_of_which_it_was_kept(
    alice, earns, half, noon, subject, frozen, right
):
    """Half of X was paid, then Z whole: no other money stands in for it. Of Y nothing was kept."""
    earns(X, 10_00)
    policy(creator=alice, now=noon + DAY / 2)
    earns(Z, 7_00, days=1)
    settle(now=noon + DAY)
    earns(Y, 3_00, days=80)
    assert release_reserves(now=noon + 90 * DAY) == 1
    assert has(alice) == {"available": 800, "paid": 1200}

    claim(subject, noon + 90 * DAY)

    assert has(alice) == {key: value for key, value in (("available", 800 - frozen), ("frozen", frozen)) if value} | {
        "paid": 1200
    }


def test_what_ended_before_is_of_what_was_kept_before(alice, earns, half, noon, right):
    """Two reserves: the first is available, the second is kept still."""
    earns(X, 10_00)
    earns(Y, 6_00, days=30)
    settle(now=noon + 30 * DAY)
    release_reserves(now=noon + 90 * DAY)
    assert has(alice) == {"reserved": 300, "available": 500, "paid": 800}

    claim(Y, noon + 90 * DAY)
    assert has(alice) == {"reserved": 300, "available": 500, "paid": 800}
    claim(X, noon + 90 * DAY)

    assert has(alice) == {"reserved": 300, "frozen": 500, "paid": 800}


def test_the_line_is_found_however_many_releases_came_after(alice, earns, half, noon, monkeypatch, right):
    """Nothing but X remains, seven releases ago; half of each later work was paid, and all of it refunded."""
    monkeypatch.setattr(unnamed, "RELEASES_AT_FIRST", 1)
    earns(X, 10_00)
    settle(now=noon)
    for number in range(7):
        earns(f"{Y}:{number}", 1_00, days=1)
        give(f"{Y}:{number}", 1_00, noon + DAY, f"refund:{number}")
    assert has(alice) == {"reserved": 150, "available": 350, "paid": 500}

    claim(X, noon + DAY)

    assert has(alice) == {"reserved": 150, "frozen": 350, "paid": 500}


@pytest.mark.parametrize("when", ["before it came back", "after it"])
def test_a_payout_that_comes_back_brings_what_was_taken_in_its_place(alice, earns, noon, when, right):
    """X and Y were paid when Y is refunded: the buyer has Z's money, so in the payout Z's stands in place of Y's."""
    earns(X, 2_00)
    earns(Y, 1_00)
    settle(now=noon)
    earns(Z, 1_00)
    give(Y, 1_00, noon)
    earns(W, 5_00)
    settle(now=noon)
    assert has(alice) == {"paid": 800}
    if when == "before it came back":
        claim(Z, noon)
        assert not ClaimHoldLine.objects.exists()

    first = Payout.objects.get(amount_minor=300)
    record_returned(key=first.idem_key, reference="account closed", now=noon)
    if when == "after it":
        assert has(alice) == {"available": 300, "paid": 500}
        claim(Z, noon)

    assert has(alice) == {"available": 200, "frozen": 100, "paid": 500}
    claim(W, noon, "claim:2")
    assert has(alice) == {"available": 200, "frozen": 100, "paid": 500}
    claim(X, noon, "claim:3")
    assert has(alice) == {"frozen": 300, "paid": 500}


def remain():
    """Returns line → what remains of it and is not held."""
    sources = dict(RoyaltyLine.objects.values_list("pk", "sale__source"))
    payees = dict(RoyaltyLine.objects.values_list("pk", "payee_id"))
    left, held = asking.left(), asking.held()
    return {pk: left[source, payees[pk]] - held[source, payees[pk]] for pk, source in sources.items()}


def assert_all_is_somebodys(creators):
    """All that is available is of lines of which so much remains, and that nobody claims: a freeze holds at least what
    nobody else's is."""
    frozen = set(SubjectFreeze.objects.filter(thaw=None).values_list("subject", flat=True))
    for creator in creators:
        parts = Counter()
        for stands in available_lines(currency="USD", owner_ids=[creator.pk]):
            parts[stands.line_id] += stands.amount_minor
            assert stands.subject not in frozen
        left = remain()
        assert all(0 < part <= left[line_id] for line_id, part in parts.items())
        assert sum(parts.values()) == asking.accounts()[0]["available", creator.pk, "USD"]


class Chance:
    """What happens to the money of three works, as a seed has it."""

    def __init__(self, seed, earn, splits, rail):
        self.random, self.earn, self.splits, self.rail = Random(seed), earn, splits, rail
        self.now, self.sold, self.keys = NOON, 0, count()
        self.refunds, self.disputes, self.freezes = [], [], []

    def happen(self):
        self.now += DAY
        verbs = (self.sale, self.refund, self.refund, self.dispute, self.settle, self.reserves, self.freeze, self.end)
        self.random.choice(verbs if self.sold > 1 else (self.sale,))()

    def sale(self):
        split, subject = self.random.choice(self.splits), self.random.choice((X, Y, Z))
        self.earn(split, f"sale:{self.sold}", self.now, subject=subject, gross=10_00)
        self.sold += 1

    def take(self):
        source = f"sale:{self.random.randrange(self.sold)}"
        return {"source": source, "amount_minor": self.random.randint(1, 9_00), "key": f"key:{next(self.keys)}"}

    def refund(self):
        with suppress(UnableToRefund):
            self.refunds.append(refund(**self.take(), reason="a broken file", now=self.now).key)

    def dispute(self):
        with suppress(UnableToDispute):
            made = open_dispute(**self.take(), now=self.now)
            self.disputes.append((made.sale.source, made.key))

    def settle(self):
        self.rail.plan = self.random.choices(("work", "refuse", "down"), k=2)
        with suppress(UnableToSettle):
            settle(now=self.now)

    def reserves(self):
        release_reserves(now=self.now)

    def freeze(self):
        self.freezes.append({"subject": self.random.choice((X, Y)), "reason": f"claim:{next(self.keys)}"})
        freeze(**self.freezes[-1], now=self.now)

    def end(self):
        if self.refunds:
            fail_refund(key=self.refunds.pop(), now=self.now)
        if self.disputes:
            source, key = self.disputes.pop()
            close_dispute(source=source, key=key, outcome=self.random.choice(("won", "lost")), now=self.now)
        if self.freezes:
            thaw(**self.freezes.pop(), now=self.now)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_all_that_is_available_is_somebodys(
    alice, bob, alices, shared, earn, faulty_rail, seed, right
):
    policy(creator=alice, reserve_ppb=HALF, reserve_days=9)
    policy(creator=bob, reserve_ppb=333_333_333, reserve_days=30)
    chance = Chance(seed, earn, (alices, shared), faulty_rail)
    for _step in range(45):
        chance.happen()
        assert_all_is_somebodys((alice, bob))


@pytest.fixture
def two(alice, earns, half, noon):
    """Half of each of two works is in Alice's reserve, and X is claimed."""
    earns(X, 10_00)
    earns(Y, 10_00)
    claim(X, noon)
    assert has(alice) == {"reserved": 1000, "available": 500, "frozen": 500}


def disputed(noon):
    open_dispute(source=f"sale-of:{Y}", now=noon)


@pytest.mark.parametrize(
    "reverse",
    [
        lambda noon: give(Y, 10_00, noon),
        disputed,
        lambda noon: take_down(subject=Y, reason="claim:2", now=noon),
    ],
    ids=["a refund", "a dispute", "a takedown"],
)
def test_a_reserve_that_a_reversal_takes_leaves_nothing_of_a_claimed_work_available(alice, two, noon, reverse, right):
    """All of the reserve goes for Y; what then is available was X's share of it, and nobody can be paid it."""
    reverse(noon)

    assert has(alice) == {"frozen": 1000}
    settle(now=noon)
    assert transfers() == []
    thaw(subject=X, reason="claim:1", now=noon)
    settle(now=noon)
    assert (has(alice), transfers()) == ({"paid": 1000}, [1000])


def test_a_part_of_a_reserve_leaves_what_of_the_claimed_work_stood_in_it(alice, two, noon, right):
    """Y's refund leaves 3.00 in the reserve, X's, and of the 5.00 available 3.00 are Y's."""
    give(Y, 7_00, noon)
    assert has(alice) == {"reserved": 300, "available": 300, "frozen": 700}

    give(Y, 3_00, noon, "refund:2")
    assert has(alice) == {"frozen": 1000}


def test_what_is_held_so_returns_once_when_the_dispute_is_won(alice, two, noon, right):
    disputed(noon)
    close_dispute(source=f"sale-of:{Y}", outcome="won", now=noon)
    assert has(alice) == {"available": 1000, "frozen": 1000}

    thaw(subject=X, reason="claim:1", now=noon)

    assert has(alice) == {"available": 2000}
    thaw(subject=X, reason="claim:1", now=noon)
    assert has(alice) == {"available": 2000}


def test_several_claims_hold_each_its_own(alice, earns, half, noon, right):
    """What was kept first is out of the reserve first: Z's refund leaves X's half available, W's a part of Y's."""
    for subject in (X, Y, Z):
        earns(subject, 10_00)
    claim(X, noon)
    claim(Y, noon, "claim:2")
    earns(W, 4_00)
    give(Z, 10_00, noon)
    assert has(alice) == {"reserved": 700, "available": 200, "frozen": 1500}
    give(W, 4_00, noon, "refund:2")
    assert has(alice) == {"reserved": 300, "frozen": 1700}
    claims = ClaimHoldLine.objects.filter(end=None).values_list("freeze__reason")
    assert dict(claims.annotate(Sum("amount_minor"))) == {"claim:1": 1000, "claim:2": 700}


def test_a_second_claim_on_the_same_work_holds_nothing_of_others(alice, earns, half, noon, right):
    """X and Z were half paid. Y's refund leaves 2.50 of Z's in the reserve, and 2.50 of it available with X's 5.00."""
    earns(X, 10_00)
    earns(Z, 10_00)
    settle(now=noon)
    earns(Y, 15_00, days=1)
    give(Y, 15_00, noon + DAY)
    assert has(alice) == {"reserved": 250, "available": 750, "paid": 1000}

    for reason in ("claim:1", "claim:2"):
        claim(Z, noon + DAY, reason)
        assert has(alice) == {"reserved": 250, "available": 500, "frozen": 250, "paid": 1000}
    claim(X, noon + DAY, "claim:3")
    assert has(alice) == {"reserved": 250, "frozen": 750, "paid": 1000}


def test_where_nothing_is_claimed_nothing_is_held(alice, earns, half, noon, right):
    earns(X, 10_00)
    earns(Y, 10_00)
    claim(X, noon)
    thaw(subject=X, reason="claim:1", now=noon)
    claim("release:of-somebody-else", noon)

    give(Y, 10_00, noon)

    assert has(alice) == {"available": 1000}
    assert ClaimHoldLine.objects.filter(end=None).count() == 0
