"""What creators and anybody ask about payouts on chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marketplace.payouts.claims.lists import Claim, claim_of
from marketplace.payouts.claims.standing import RootStanding, counting_root, newest_root, standing_of_root
from marketplace.payouts.claims.tables import ChainAccount, ChainBook, ChainClaimed, PayoutRoot, PayoutRootLine
from marketplace.payouts.rows import rows_of
from marketplace.people.models import Creator

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Claimable:
    """What an account of a creator was given, has been paid, and may claim, in minor units of the book's currency.

    `claimable_minor` can be claimed now, by `claim`; `waiting_minor` when its root counts, by `waits_for`.
    """

    account: ChainAccount
    given_minor: int
    claimed_minor: int
    claimable_minor: int
    waiting_minor: int
    claim: Claim | None
    waits_for: PayoutRoot | None
    waits: RootStanding | None

    @property
    def book(self) -> ChainBook:
        return self.account.book


@dataclass(frozen=True, slots=True)
class OnChain:
    """A creator's money on chain in one currency, in minor units, as pages of earnings show it."""

    currency: str
    claimable_minor: int
    waiting_minor: int
    claimed_minor: int


_SUMS = """
SELECT c.id,
       coalesce((SELECT max(l.cumulative_minor) FROM payouts_root_line l WHERE l.account_id = c.id), 0) AS given,
       coalesce((SELECT sum(k.amount_minor) FROM payouts_chain_claimed k
                  WHERE k.account_id = c.id AND k.posted_id IS NOT NULL), 0)::bigint AS claimed
  FROM payouts_chain_account c WHERE c.id = ANY (%(accounts)s)
"""


def claimable_of(creator: Creator, *, now: datetime) -> list[Claimable]:
    """Return what each of a creator's accounts may claim, the newest account of each currency first."""
    accounts = list(
        ChainAccount.objects.filter(creator=creator).select_related("book").order_by("book__currency", "-pk")
    )
    return claimable_by(accounts, now=now)


def claimable_by(accounts: Sequence[ChainAccount], *, now: datetime) -> list[Claimable]:
    """Return what accounts may claim, in their order."""
    if not accounts:
        return []
    sums = {row["id"]: row for row in rows_of(_SUMS, {"accounts": [account.pk for account in accounts]})}
    roots = {account.book_id: _roots(account.book, now) for account in accounts}
    return [_claimable(account, sums[account.pk], *roots[account.book_id]) for account in accounts]


def _roots(book: ChainBook, now: datetime) -> tuple[PayoutRoot | None, PayoutRoot | None, RootStanding | None]:
    """Return the root that counts, and the newest with where it stands, if it does not count yet."""
    counts, newest = counting_root(book, now=now), newest_root(book)
    if newest is None or (counts is not None and newest.pk == counts.pk):
        return counts, None, None
    return counts, newest, standing_of_root(newest, now=now)


def _claimable(
    account: ChainAccount,
    sums: dict[str, Any],
    counts: PayoutRoot | None,
    newest: PayoutRoot | None,
    waits: RootStanding | None,
) -> Claimable:
    claim = claim_of(counts, account) if counts else None
    given_minor, claimed_minor = int(sums["given"]), int(sums["claimed"])
    counted_minor = claim.units // int(account.book.scale) if claim else 0
    claimable_minor = max(0, counted_minor - claimed_minor)
    waiting_minor = given_minor - max(counted_minor, claimed_minor)
    return Claimable(
        account=account,
        given_minor=given_minor,
        claimed_minor=claimed_minor,
        claimable_minor=claimable_minor,
        waiting_minor=max(0, waiting_minor),
        claim=claim if claimable_minor else None,
        waits_for=newest if waiting_minor > 0 else None,
        waits=waits if waiting_minor > 0 else None,
    )


def on_chain_of(creator: Creator, *, now: datetime) -> list[OnChain]:
    """Return a creator's money on chain, one a currency, by currency; empty where they never had any there."""
    sums: dict[str, list[int]] = {}
    for one in claimable_of(creator, now=now):
        there = sums.setdefault(one.book.currency, [0, 0, 0])
        for at, minor in enumerate((one.claimable_minor, one.waiting_minor, one.claimed_minor)):
            there[at] += minor
    return [OnChain(currency, *there) for currency, there in sums.items()]


def claims_of(creator: Creator, *, limit: int = SHOWN) -> list[ChainClaimed]:
    """Return the creator's newest claims that were booked, each with its transaction, the newest first."""
    rows = ChainClaimed.objects.filter(account__creator=creator, posted__isnull=False).select_related("book")
    return list(rows.order_by("-event")[:limit])


def root_lines_of(creator: Creator, *, limit: int = SHOWN) -> list[PayoutRootLine]:
    """Return what the newest roots gave the creator, the newest first."""
    rows = PayoutRootLine.objects.filter(account__creator=creator).select_related("root__book", "account")
    return list(rows.order_by("-root_id", "-pk")[:limit])


def roots(*, before: int | None = None, limit: int = SHOWN) -> list[PayoutRoot]:
    """Return published roots of all books, the newest first; `before` an id."""
    rows = PayoutRoot.objects.select_related("book")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[:limit])


def root_by_id(root_id: int) -> PayoutRoot | None:
    """Return a published root."""
    return PayoutRoot.objects.select_related("book").filter(pk=root_id).first()


def accounts_at(address: str) -> list[ChainAccount]:
    """Return the accounts of an address (0x, any letter case) in all books, by currency."""
    rows = ChainAccount.objects.filter(address__iexact=address).select_related("book")
    return list(rows.order_by("book__currency", "-pk"))
