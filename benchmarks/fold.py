"""How long it takes to fold the split of a work with 150 payees: several parents in both modes, and their ancestors."""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from statistics import median
from uuid import UUID

from benchmarks.figure import Figure, Figures
from marketplace.payouts.rules import WHOLE_PPB, largest_remainder, split_digest
from marketplace.payouts.splitting import ABSOLUTE, RELATIVE, AbsoluteShare, Parent, fold_work

GOAL_MS = 1
PAYEES = 150
_ROUNDS = 1000
_Shares = list[tuple[UUID, int]]


def fold_150() -> Iterator[Figure]:
    """Times folding alone, the median; the same in fractions stands beside it, and must say the same."""
    own, parents = _family()
    folded = fold_work(own, parents)
    if len(folded.shares) != PAYEES or len(folded.absolute) != 6:
        sys.exit(f"The fold has {len(folded.shares)} payees and {len(folded.absolute)} absolute shares.")
    exact = _exactly(own, parents)
    if any(abs(share_ppb - exact[payee] * WHOLE_PPB) >= 2 for payee, share_ppb in folded.shares):
        sys.exit("Two ways to fold do not agree.")
    gc.disable()
    ours, plain, named = [], [], []
    for number in range(_ROUNDS):
        ours.append(_timed_ms(lambda: fold_work(own, parents)))
        if number % 20 == 0:
            plain.append(_timed_ms(lambda: _exactly(own, parents)))
            named.append(_timed_ms(lambda: split_digest(folded.shares)))
    gc.enable()
    against = (
        f"the same in fractions {median(plain):.2f} ms; naming the result {median(named):.2f} ms;"
        f" p99 {sorted(ours)[_ROUNDS * 99 // 100]:.2f}; {os.cpu_count()} cores"
    )
    yield Figure("fold-150", median(ours), "ms", against, GOAL_MS)


def _timed_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _split(first: int, count: int) -> _Shares:
    """Shares of payees with these numbers, uneven so that every one leaves a remainder."""
    parts = largest_remainder(WHOLE_PPB, [number * number % 97 + 1 for number in range(first, first + count)])
    payees = sorted(UUID(int=(number * 0x9E3779B97F4A7C15) % 2**120) for number in range(first, first + count))
    return list(zip(payees, parts, strict=True))


def _family() -> tuple[dict[UUID, int], list[Parent[UUID]]]:
    """A crowd of 56 makers, four parents of a dozen each in both modes, and four absolute ancestors that they share."""
    ancestors = [AbsoluteShare(f"release:{one}", 17_000_001 + one, _split(100 + one * 12, 12)) for one in range(4)]
    own = dict(_split(0, 56))
    modes = (RELATIVE, ABSOLUTE, RELATIVE, ABSOLUTE)
    parents = []
    for one, mode in enumerate(modes):
        rest = _split(200 + one * 12, 12 if one < 2 else 11)
        parents.append(Parent(f"release:p{one}", 90_000_007 + one, rest, mode, ancestors[one:]))
    return own, parents


def _exactly(own: dict[UUID, int], parents: Sequence[Parent[UUID]]) -> dict[UUID, Fraction]:
    """Divides as docs/formats/split.md is read, in fractions; absolute shares of one work are the same everywhere."""
    found: dict[UUID, Fraction] = {}

    def give(part: Fraction, shares: Sequence[tuple[UUID, int]]) -> None:
        for payee, share_ppb in shares:
            found[payee] = found.get(payee, Fraction(0)) + part * Fraction(share_ppb, WHOLE_PPB)

    first = {one.subject: one for parent in parents for one in parent.absolute}
    first |= {
        one.subject: AbsoluteShare(one.subject, one.share_ppb, one.rest) for one in parents if one.mode == ABSOLUTE
    }
    for one in first.values():
        give(Fraction(one.share_ppb, WHOLE_PPB), one.rest)
    left = 1 - sum((Fraction(one.share_ppb, WHOLE_PPB) for one in first.values()), Fraction(0))
    relative = [one for one in parents if one.mode == RELATIVE]
    for parent in relative:
        give(left * Fraction(parent.share_ppb, WHOLE_PPB), parent.rest)
    give(left * (1 - sum((Fraction(one.share_ppb, WHOLE_PPB) for one in relative), Fraction(0))), list(own.items()))
    return found


FIGURES: Figures = {"fold-150": fold_150}
