"""Relative and absolute shares folded down whole families of works, beside exact fractions that fold nothing."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.payouts import rules, splitting
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.splitting import ABSOLUTE, RELATIVE, AbsoluteShare, Folded, Parent, fold_work

NAMES = [f"p{number:02}" for number in range(12)]


@dataclass
class Work:
    """One work of a family: who made it, and of what, as (number of an earlier work, ppb, mode)."""

    own: dict[str, int]
    parents: list[tuple[int, int, str]] = field(default_factory=list)


@st.composite
def makers(draw: st.DrawFn) -> dict[str, int]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    weights = [draw(st.integers(1, 1_000)) for _name in names]
    parts = rules.largest_remainder(WHOLE_PPB, weights)
    return dict(zip(names, parts, strict=True))


@st.composite
def families(draw: st.DrawFn) -> list[Work]:
    """Up to nine works, each made of up to three earlier ones in either mode: trees, chains and diamonds."""
    works = [Work(draw(makers()))]
    for number in range(1, draw(st.integers(2, 9))):
        chosen = draw(st.lists(st.integers(0, number - 1), min_size=0, max_size=3, unique=True))
        ppb = st.one_of(st.integers(1, WHOLE_PPB // 3 - 1), st.integers(1, WHOLE_PPB // 12))
        works.append(
            Work(
                draw(makers()),
                [(parent, draw(ppb), draw(st.sampled_from([RELATIVE, ABSOLUTE]))) for parent in chosen],
            )
        )
    return works


def folded_all(works: list[Work]) -> list[Folded[str] | None]:
    """Folds each work from what its parents are, in the order of publication; None where one was refused."""
    found: list[Folded[str] | None] = []
    for work in works:
        parents = [
            Parent(f"work:{number}", ppb, one.rest, mode, one.absolute)
            for number, ppb, mode in work.parents
            if (one := found[number]) is not None
        ]
        try:
            found.append(fold_work(work.own, parents) if len(parents) == len(work.parents) else None)
        except (splitting.AbsoluteSharesTakeTooMuch, splitting.NothingLeft):
            found.append(None)
    return found


class SecondHand:
    """The same in exact fractions, from the whole family anew for each work; it stores and rounds nothing."""

    def __init__(self, works: list[Work]) -> None:
        self.works = works

    def ancestors(self, number: int) -> set[int]:
        direct = {parent for parent, _ppb, _mode in self.works[number].parents}
        return direct.union(*(self.ancestors(parent) for parent in direct)) if direct else set()

    def absolute(self, number: int) -> dict[int, int]:
        """Every absolute link anywhere above a work or into it: the highest share that each ancestor was taken at."""
        found: dict[int, int] = {}
        for one in {number} | self.ancestors(number):
            for parent, ppb, mode in self.works[one].parents:
                if mode == ABSOLUTE:
                    found[parent] = max(found.get(parent, 0), ppb)
        return found

    def rest(self, number: int) -> dict[str, Fraction]:
        work = self.works[number]
        relative = [(parent, Fraction(ppb, WHOLE_PPB)) for parent, ppb, mode in work.parents if mode == RELATIVE]
        found = {payee: (1 - sum(part for _p, part in relative)) * ppb / WHOLE_PPB for payee, ppb in work.own.items()}
        for parent, part in relative:
            for payee, share in self.rest(parent).items():
                found[payee] = found.get(payee, Fraction(0)) + part * share
        return {payee: Fraction(share) for payee, share in found.items()}

    def shares(self, number: int) -> dict[str, Fraction]:
        taken = {parent: Fraction(ppb, WHOLE_PPB) for parent, ppb in self.absolute(number).items()}
        left = 1 - sum(taken.values())
        found = {payee: left * share for payee, share in self.rest(number).items()}
        for parent, part in taken.items():
            for payee, share in self.rest(parent).items():
                found[payee] = found.get(payee, Fraction(0)) + part * share
        return found

    def off_by(self, number: int) -> Fraction:
        """Less than this many ppb the rest may be off: one for its rounding, and its part of its parents'."""
        return 1 + sum(
            (Fraction(ppb, WHOLE_PPB) * self.off_by(parent))
            for parent, ppb, mode in self.works[number].parents
            if mode == RELATIVE
        )


@settings(max_examples=400, deadline=None)
@given(families(), st.randoms(use_true_random=False))
def test_a_family_is_what_fractions_say_in_any_order_of_parents(works: list[Work], chance: Any) -> None:
    exact = SecondHand(works)
    for number, one in enumerate(folded_all(works)):
        taken = exact.absolute(number)
        if one is None:
            # Refused, or made of what was: not scaled, and never because of relative shares, which are small here.
            assert sum(taken.values()) >= WHOLE_PPB or any(
                sum(exact.absolute(above).values()) >= WHOLE_PPB for above in exact.ancestors(number)
            )
            continue
        assert {int(share.subject[5:]): share.share_ppb for share in one.absolute} == taken
        assert sum(taken.values()) < WHOLE_PPB
        for shares in (one.shares, one.rest):
            assert sum(ppb for _payee, ppb in shares) == WHOLE_PPB
            assert [payee for payee, _ppb in shares] == sorted({payee for payee, _ppb in shares})
            assert all(ppb >= 1 for _payee, ppb in shares)
        _close(dict(one.rest), exact.rest(number), exact.off_by(number))
        weights = [(Fraction(ppb, WHOLE_PPB), parent) for parent, ppb in taken.items()]
        left = 1 - sum(part for part, _parent in weights)
        off = left * exact.off_by(number) + sum(part * exact.off_by(parent) for part, parent in weights)
        # What is rounded once more only where there is something absolute to divide first.
        _close(dict(one.shares), exact.shares(number), off + 1 if taken else exact.off_by(number))
        shuffled = [Work(work.own, chance.sample(work.parents, len(work.parents))) for work in works]
        assert folded_all(shuffled)[number] == one


def _close(found: dict[str, int], exact: dict[str, Fraction], off: Fraction) -> None:
    assert all(abs(found.get(payee, 0) - share * WHOLE_PPB) < off for payee, share in exact.items())
    assert set(found) <= set(exact)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, WHOLE_PPB // 2),
    st.lists(st.tuples(makers(), st.integers(1, WHOLE_PPB - 1)), min_size=1, max_size=8),
)
def test_an_absolute_ancestor_gets_exactly_its_share_however_deep(share_ppb: int, chain: Any) -> None:
    """Zoe alone made the first; what is made from it in the first step is absolute, everything after relative."""
    first = fold_work({"zoe": WHOLE_PPB}, [])
    works = [fold_work(chain[0][0], [Parent("work:zoe", share_ppb, first.rest, ABSOLUTE)])]
    for own, ppb in chain[1:]:
        above = works[-1]
        works.append(fold_work(own, [Parent(f"work:{len(works)}", ppb, above.rest, RELATIVE, above.absolute)]))
    for one in works:
        assert dict(one.shares)["zoe"] == share_ppb
        assert "zoe" not in dict(one.rest)


def test_a_relative_grandchild_leaves_an_absolute_grandparent_undiluted() -> None:
    alices = fold_work({"alice": WHOLE_PPB}, [])
    bobs = fold_work({"bob": WHOLE_PPB}, [Parent("alice", 100_000_000, alices.rest, ABSOLUTE)])
    assert bobs.shares == (("alice", 100_000_000), ("bob", 900_000_000))
    assert bobs.rest == (("bob", WHOLE_PPB),)

    mos = fold_work({"mo": WHOLE_PPB}, [Parent("bob", 200_000_000, bobs.rest, RELATIVE, bobs.absolute)])

    # Of 100: Alice 10, first; of the 90 that are left Bob has a fifth.
    assert mos.shares == (("alice", 100_000_000), ("bob", 180_000_000), ("mo", 720_000_000))
    assert mos.rest == (("bob", 200_000_000), ("mo", 800_000_000))


def test_what_reaches_by_both_sides_of_a_diamond_is_counted_once_at_the_highest_share() -> None:
    alices = fold_work({"alice": WHOLE_PPB}, [])
    left = fold_work({"bob": WHOLE_PPB}, [Parent("alice", 100_000_000, alices.rest, ABSOLUTE)])
    right = fold_work({"erin": WHOLE_PPB}, [Parent("alice", 120_000_000, alices.rest, ABSOLUTE)])

    def below(*named: Parent[str]) -> Folded[str]:
        sides = [
            Parent("bob", 250_000_000, left.rest, RELATIVE, left.absolute),
            Parent("erin", 250_000_000, right.rest, ABSOLUTE, right.absolute),
        ]
        return fold_work({"mo": WHOLE_PPB}, [*sides, *named])

    found = below()
    assert [(one.subject, one.share_ppb) for one in found.absolute] == [("alice", 120_000_000), ("erin", 250_000_000)]
    assert found.shares == (("alice", 120_000_000), ("bob", 157_500_000), ("erin", 250_000_000), ("mo", 472_500_000))
    # Naming her for less changes nothing; naming her relative as well gives her more, never less.
    assert below(Parent("alice", 1, alices.rest, ABSOLUTE)) == found
    assert dict(below(Parent("alice", 10_000_000, alices.rest)).shares)["alice"] == 120_000_000 + 6_300_000
    assert dict(below(Parent("alice", 130_000_000, alices.rest, ABSOLUTE)).shares)["alice"] == 130_000_000


def test_what_an_absolute_parent_got_by_absolute_shares_is_not_paid_twice() -> None:
    alices = fold_work({"alice": WHOLE_PPB}, [])
    bobs = fold_work({"bob": WHOLE_PPB}, [Parent("alice", 100_000_000, alices.rest, ABSOLUTE)])

    mos = fold_work({"mo": WHOLE_PPB}, [Parent("bob", 300_000_000, bobs.rest, ABSOLUTE, bobs.absolute)])

    assert mos.shares == (("alice", 100_000_000), ("bob", 300_000_000), ("mo", 600_000_000))


ALICE = (("alice", WHOLE_PPB),)


def taking(*shares: int) -> list[Parent[str]]:
    return [Parent(f"work:{number}", ppb, ALICE, ABSOLUTE) for number, ppb in enumerate(shares)]


@pytest.mark.parametrize(
    ("own", "parents", "error", "said"),
    [
        (
            {"bob": WHOLE_PPB},
            taking(600_000_000, 400_000_001),
            splitting.AbsoluteSharesTakeTooMuch,
            "are 100.0000001% together (work:0: 60% and work:1: 40.0000001%): they must stay below the whole.",
        ),
        (
            {"bob": WHOLE_PPB},
            taking(600_000_000, 400_000_000),
            splitting.NothingLeft,
            "work:0: 60% and work:1: 40% are absolute shares in this work and leave nothing",
        ),
        (
            {"bob": WHOLE_PPB},
            [Parent("work:0", WHOLE_PPB, ALICE), Parent("work:1", 1, ALICE)],
            rules.ParentsTakeTooMuch,
            "take 1000000001 ppb together",
        ),
        (
            {"bob": WHOLE_PPB},
            taking(*[1] * 257),
            splitting.TooManyAbsoluteShares,
            "257 absolute shares reach this work",
        ),
        ({"bob": WHOLE_PPB}, [Parent("work:0", 5, ALICE, "free")], splitting.UnknownMode, "“free” is no way to share"),
        ({"bob": WHOLE_PPB}, taking(0), rules.ShareOutOfRange, "is 0 ppb"),
        ({"bob": WHOLE_PPB}, taking(WHOLE_PPB + 1), rules.ShareOutOfRange, "is 1000000001 ppb"),
        ({"bob": WHOLE_PPB}, [Parent("work:0", True, ALICE, ABSOLUTE)], rules.ShareOutOfRange, "is True ppb"),
        ({"bob": WHOLE_PPB - 1}, taking(5), rules.SharesDoNotSum, "999999999"),
        ({}, taking(5), rules.SharesDoNotSum, "0 ppb"),
    ],
)
def test_what_leaves_nothing_is_refused_and_says_who_takes_it(own: Any, parents: Any, error: Any, said: str) -> None:
    with pytest.raises(error) as refused:
        fold_work(own, parents)
    assert said in str(refused.value)


def test_the_cap_is_the_whole_and_one_part_less_is_enough() -> None:
    found = fold_work({"bob": WHOLE_PPB}, taking(600_000_000, 399_999_999))

    assert found.shares == (("alice", 999_999_999), ("bob", 1))


def test_relative_shares_have_their_own_whole() -> None:
    """Nine tenths absolute and nine tenths relative go together: the second is of what the first leaves."""
    found = fold_work({"bob": WHOLE_PPB}, [*taking(900_000_000), Parent("work:9", 900_000_000, (("erin", WHOLE_PPB),))])

    assert found.shares == (("alice", 900_000_000), ("bob", 10_000_000), ("erin", 90_000_000))


def test_without_absolute_shares_it_is_the_split_of_always() -> None:
    thirds = (("a", 333_333_333), ("b", 333_333_333), ("c", 333_333_334))

    found = fold_work({"bob": WHOLE_PPB}, [Parent("work:0", 333_333_333, thirds)])

    assert found.shares == found.rest == rules.fold_split({"bob": WHOLE_PPB}, [(333_333_333, thirds)])
    assert found.absolute == ()


def test_too_many_payees_are_refused_also_where_absolute_shares_bring_them() -> None:
    crowd = [(f"q{number:03}", WHOLE_PPB // 250) for number in range(250)]
    own = {f"r{number}": WHOLE_PPB // 10 for number in range(10)}
    with pytest.raises(rules.TooManyPayees) as refused:
        fold_work(own, [Parent("work:0", 500_000_000, crowd, ABSOLUTE)])
    assert refused.value.count == 260


def test_the_part_of_a_work_is_counted_as_if_nothing_were_absolute() -> None:
    def counted(of_rest: int, of_whole: int, taken: int, own: int) -> int:
        return splitting.counted_ppb(of_rest_ppb=of_rest, of_whole_ppb=of_whole, taken_ppb=taken, own_taken_ppb=own)

    assert counted(200_000_000, 0, 0, 0) == 200_000_000
    # Its own ancestors are its own burden; those of others are not.
    assert counted(333_333_333, 0, 100_000_001, 100_000_001) == 333_333_333
    assert counted(200_000_000, 0, 300_000_000, 0) == 140_000_000
    assert counted(200_000_000, 0, 400_000_000, 100_000_000) == 133_333_333
    assert counted(0, 150_000_000, 400_000_000, 0) == 150_000_000


def test_a_division_is_named_by_its_content() -> None:
    shares = [("b", 1), ("a", WHOLE_PPB - 1)]
    first, second = AbsoluteShare("release:1", 5, ALICE), AbsoluteShare("release:2", 6, ALICE)
    document = splitting.division_document(shares, ALICE, [second, first])

    assert document == splitting.division_document(shares[::-1], ALICE, [first, second])
    assert [one["subject"] for one in document["absolute"]] == ["release:1", "release:2"]
    assert len(splitting.document_digest(document)) == 64
