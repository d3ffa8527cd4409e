"""Decisions of the outbox to the chain: fees, nonces, and when a block counts. Plain arithmetic, wei per gas."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import count, islice

from ledger.chain.base import Fees

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class Bid:
    """What we pay for a unit of gas: at most `max_fee_wei`, of which at most `max_tip_wei` is the tip."""

    max_fee_wei: int
    max_tip_wei: int


def bid(fees: Fees, *, ceiling_wei: int) -> Bid | None:
    """Return what a new transaction pays, or None while a unit of gas costs more than the ceiling.

    Twice the base fee outlives six full blocks in a row; the ceiling cuts that short, never below today's price.
    """
    if fees.base_wei + fees.tip_wei > ceiling_wei:
        return None
    return Bid(min(2 * fees.base_wei + fees.tip_wei, ceiling_wei), fees.tip_wei)


def raised(before: Bid, fees: Fees, *, ceiling_wei: int) -> Bid | None:
    """Return what replaces a stuck transaction, or None where that would cost more than the ceiling.

    Nodes replace a transaction only by one that pays an eighth more in both parts, rounded up here.
    """
    fee = max(_eighth_more(before.max_fee_wei), 2 * fees.base_wei + fees.tip_wei)
    tip = max(_eighth_more(before.max_tip_wei), fees.tip_wei)
    if max(_eighth_more(before.max_fee_wei), tip) > ceiling_wei:
        return None
    return Bid(max(min(fee, ceiling_wei), tip), tip)


def free_nonces(first: int, taken: Collection[int], wanted: int) -> list[int]:
    """Return the first `wanted` numbers from `first` on that are not taken."""
    return list(islice((number for number in count(first) if number not in taken), wanted))


def confirmations(block_number: int, head: int) -> int:
    """Return how many blocks stand at the chain's end from this one on, itself included."""
    return max(0, head - block_number + 1)


def is_final(block_number: int, head: int, *, depth: int) -> bool:
    """Say whether a block counts: so many stand at the chain's end, itself included, and never fewer than it."""
    return confirmations(block_number, head) >= max(1, depth)


def _eighth_more(wei: int) -> int:
    return wei + -(-wei // 8)
