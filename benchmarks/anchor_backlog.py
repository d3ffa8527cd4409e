"""What a backlog costs to prepare: checkpoints that wait to be anchored, and everybody's claims of a payout root.

Both are what the product does: `claim_calls` writes the call of every account from the tree's levels, and `call_data`
is what the outbox keeps of a call. The bare tree is hashed by itself, in the same run and by the same library, with
nothing kept but its root and nothing written down.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from benchmarks.figure import Figure, Figures

CHECKPOINTS, CLAIMS = 1_000, 10_000
GOAL, ROUNDS = 3, 5


def anchor_backlog(*, checkpoints: int = CHECKPOINTS, claims: int = CLAIMS) -> Iterator[Figure]:
    """Prepares a thousand anchors and ten thousand claims, and builds the bare tree of those, in turns."""
    from ledger.chain.abi import call_data
    from marketplace.payouts.claims.document import write_list
    from marketplace.payouts.claims.tree import Place, claim_calls, leaves_of, levels_of

    place = Place(31337, bytes([0xD1]) * 20, bytes([0xC0]) * 20)
    # From 1.00 to 50.00 each, in units of six decimals.
    given = [
        (sha256(b"account %d" % n).digest()[:20], 1_000_000 + n * 104_729 % 49_000_001 // 10_000 * 10_000)
        for n in range(claims)
    ]
    roots = [sha256(b"checkpoint %d" % n).digest() for n in range(checkpoints)]
    call_data("ProvenanceAnchor", "anchor", roots[0], 1, roots[0])  # what is loaded once

    def prepare() -> bytes:
        anchors = [call_data("ProvenanceAnchor", "anchor", root, n + 1, root) for n, root in enumerate(roots)]
        levels = levels_of(leaves_of(place, given))
        [root] = levels[-1]
        calls = claim_calls(place, given, levels)
        listed = sha256(write_list(place, 1, root, given)).digest()
        assert (len(anchors), len(calls), len(listed)) == (checkpoints, claims, 32)
        return root

    def bare() -> bytes:
        return _bare_root(place.head, given)

    assert prepare() == bare()
    ours, theirs = _fastest(prepare), _fastest(bare)
    against = (
        f"the bare tree, {theirs:.3f} s; {checkpoints:,} anchors and the list, proofs and calls of {claims:,}"
        f" claims took {ours:.3f} s"
    )
    yield Figure("anchor-backlog", ours / theirs, "×", against, GOAL)


def _bare_root(head: bytes, given: Sequence[tuple[bytes, int]]) -> bytes:
    """Hashes a payout's tree and keeps its root alone."""
    from marketplace.payouts.claims.tree import hasher

    keccak = hasher()
    level = [keccak(keccak(head + account + units.to_bytes(32))) for account, units in given]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [keccak(a + b if a < b else b + a) for a, b in pairs]
        level = above + level[len(above) * 2 :]
    return level[0]


def _fastest(act: Callable[[], object]) -> float:
    """Gives the least of a few runs, in seconds: what disturbs a run only makes it longer."""
    took = []
    for _round in range(ROUNDS):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return min(took)


FIGURES: Figures = {"anchor-backlog": anchor_backlog}
