"""Where a root stands, from what the chain said of it: asked for, waiting, counting, vetoed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from ledger.event_models import ChainEventLost
from marketplace.payouts.claims.tables import ChainBook, PayoutRoot, RootSeen
from marketplace.payouts.rails.onchain import DELAY

ASKED, WAITS, COUNTS, VETOED = "asked", "waits", "counts", "vetoed"


@dataclass(frozen=True, slots=True)
class RootStanding:
    """How far a root is: `asked` until the chain has it, then it `waits` until `counts_at`, unless it is vetoed.

    `transaction` is the one that proposed it, 0x hex, in the block `block_number`.
    """

    state: str
    counts_at: datetime | None
    transaction: str
    block_number: int | None


def still_said(words: QuerySet[RootSeen]) -> QuerySet[RootSeen]:
    """Return what the chain has not taken back since, by a reorganization deeper than we had thought possible."""
    return words.exclude(event__in=ChainEventLost.objects.values("event_id"))


def standing_of_root(root: PayoutRoot, *, now: datetime) -> RootStanding:
    """Return where a root stands now."""
    return standings_of([root], now=now)[root.pk]


def standings_of(roots: Iterable[PayoutRoot], *, now: datetime) -> dict[int, RootStanding]:
    """Return id of a root → where it stands now."""
    seen: dict[int, dict[str, RootSeen]] = {root.pk: {} for root in roots}
    for word in still_said(RootSeen.objects.filter(ours__in=seen)).order_by("event"):
        seen[word.ours_id][word.kind] = word
    return {pk: _told(words, now) for pk, words in seen.items()}


def _told(words: dict[str, RootSeen], now: datetime) -> RootStanding:
    proposed = words.get(RootSeen.PROPOSED)
    if proposed is None:
        return RootStanding(ASKED, None, "", None)
    counts_at = proposed.at + DELAY
    if RootSeen.VETOED in words:
        return RootStanding(VETOED, None, proposed.transaction, proposed.block_number)
    state = COUNTS if counts_at <= now else WAITS
    return RootStanding(state, counts_at, proposed.transaction, proposed.block_number)


def may_follow(root: PayoutRoot) -> bool:
    """Whether an operator has said that publishing goes on after a root of ours was vetoed (claims/cases.py)."""
    words = still_said(RootSeen.objects.filter(ours=root, kind=RootSeen.VETOED))
    return not words.filter(end=None).exists()


def newest_root(book: ChainBook) -> PayoutRoot | None:
    """Return the newest root of a book, whatever became of it."""
    return PayoutRoot.objects.filter(book=book).select_related("book").order_by("-number").first()


def counting_root(book: ChainBook, *, now: datetime) -> PayoutRoot | None:
    """Return the root that claims of a book are proven against now, or None before the first counts.

    The newest that the chain was told more than a day ago and that nobody vetoed.
    """
    said = still_said(RootSeen.objects.filter(book=book, ours__isnull=False))
    proposed, vetoed = said.filter(kind=RootSeen.PROPOSED, at__lte=now - DELAY), said.filter(kind=RootSeen.VETOED)
    return (
        PayoutRoot.objects.filter(book=book, pk__in=proposed.values("ours"))
        .exclude(pk__in=vetoed.values("ours"))
        .select_related("book")
        .order_by("-number")
        .first()
    )
