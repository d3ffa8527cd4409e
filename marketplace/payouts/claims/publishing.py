"""Publishing what is due on chain: one root a settlement, its list, its books and its calls, in one transaction."""

import logging
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from ledger.chain.base import ChainUnavailable
from ledger.chain.reading import Reverted, reader
from marketplace.payouts.bookkeeping.books import lock_currency
from marketplace.payouts.bookkeeping.due import whom_due
from marketplace.payouts.bookkeeping.prepaying import publish_claims
from marketplace.payouts.bookkeeping.providing import record_bank_transfer
from marketplace.payouts.claims.document import write_list
from marketplace.payouts.claims.lists import given_in
from marketplace.payouts.claims.places import Coin, book_of, coin_of, opened, place_of, wallets_of
from marketplace.payouts.claims.standing import ASKED, VETOED, WAITS, may_follow, newest_root, standing_of_root
from marketplace.payouts.claims.tables import ChainAccount, ChainBook, PayoutRoot, PayoutRootLine, PayoutRootTree
from marketplace.payouts.claims.tree import MAX_UNITS, leaves_of, levels_of
from marketplace.payouts.kinds import AccountKind
from marketplace.payouts.rails.onchain import DISTRIBUTOR, REFUSED, ask_proposal, proposal_of
from marketplace.payouts.rules import Money
from marketplace.people.models import Creator

log = logging.getLogger(__name__)

_AT_ONCE = 5_000  # rows of one statement

STOPPED = "stopped"
"""The newest root of a book was vetoed, and no operator has said yet that publishing goes on."""


class _Given(NamedTuple):
    """What an account gets with the next root: the addition and all that it was ever given, in minor units."""

    account: ChainAccount
    added_minor: int
    cumulative_minor: int


def publish_due(*, currency: str, creator: Creator | None, now: datetime) -> PayoutRoot | None:
    """Publish one root over what is due on chain in a currency, and return it; None where there is nothing to do.

    One root of a token waits at a time: while the newest is not on the chain, or waits there, nothing is taken from
    anybody. A root that was vetoed is followed by one over the same amounts and what came due since, once an operator
    has ended its case, and where the chain refused to take a root, it is asked again here; also those of a distributor
    that has a successor, which get nothing new. Books, list and calls to the chain are one transaction, and nothing in
    it asks a network; a chain that is away keeps the calls waiting.
    """
    coin = coin_of(currency)
    current = book_of(coin) if coin else None
    for former in ChainBook.objects.filter(currency=currency).exclude(pk=current.pk if current else None):
        if _state_of(former, now=now) == VETOED:
            _publish(former, creator=None, again=True, now=now)
    if coin is None:
        return None
    state = _state_of(current, now=now) if current else None
    if state in (ASKED, WAITS, STOPPED):
        return None
    return _publish(coin, creator=creator, again=state == VETOED, now=now)


def _state_of(book: ChainBook, *, now: datetime) -> str | None:
    """Return where the newest root of a book stands; one that the chain refused to take is asked for again."""
    newest = newest_root(book)
    if newest is None:
        return None
    state = standing_of_root(newest, now=now).state
    if state == ASKED:
        _ask_again(newest, now=now)
    if state == VETOED and not may_follow(newest):
        log.warning("%s was vetoed: nothing is published after it before an operator ends the case.", newest)
        return STOPPED
    return state


@transaction.atomic(durable=True)
def _publish(at: Coin | ChainBook, *, creator: Creator | None, again: bool, now: datetime) -> PayoutRoot | None:
    """Publish the next root of a coin over what is due; of a book, whose distributor has a successor, over nothing."""
    lock_currency(at.currency)
    book = at if isinstance(at, ChainBook) else opened(at, now=now)
    due = [] if at is book else _due(book.currency, creator, now)
    lines = _lines(book, due, now=now)
    if not lines and not again:
        return None
    before = newest_root(book)
    given = given_in(book)
    for line in lines:  # in the order of their places: those of new accounts come last
        pair = (bytes.fromhex(line.account.address[2:]), line.cumulative_minor * int(book.scale))
        given[line.account.place : line.account.place + 1] = [pair]
    root = _write(book, before, lines, given, now=now)
    more_units = int(root.total_units) - (int(before.total_units) if before else 0)
    ask_proposal(root, total_units=int(root.total_units), more_units=more_units, attempt=1, now=now)
    return root


def _due(currency: str, creator: Creator | None, now: datetime) -> list[tuple[UUID, int]]:
    return whom_due(
        currency=currency, creator=creator, after=None, refused_before=0, on_chain=True, limit=None, now=now
    )


def _lines(book: ChainBook, due: Sequence[tuple[UUID, int]], *, now: datetime) -> list[_Given]:
    """Return what the next root gives to whom; who has no wallet, or one that is another creator's, waits."""
    wallets = wallets_of([creator_id for creator_id, _ in due], now=now)
    known = {one.address: one for one in ChainAccount.objects.filter(book=book, address__in=set(wallets.values()))}
    place = ChainAccount.objects.filter(book=book).count()
    fresh: list[ChainAccount] = []
    found = []
    for creator_id, added_minor in due:
        address = wallets.get(creator_id)
        if address is None:
            continue
        if address not in known:
            at = {"book": book, "address": address, "place": place + len(fresh), "opened_at": now}
            known[address] = ChainAccount(creator_id=creator_id, **at)
            fresh.append(known[address])
        if known[address].creator_id != creator_id:
            log.warning("The wallet of creator %s is another's in %s: nothing is paid there.", creator_id, book)
            continue
        found.append((known[address], added_minor))
    ChainAccount.objects.bulk_create(fresh, batch_size=_AT_ONCE)
    had = _cumulative([account.pk for account, _ in found])
    lines = [_Given(account, added_minor, had.get(account.pk, 0) + added_minor) for account, added_minor in found]
    return sorted(lines, key=lambda line: line.account.place)


def _cumulative(account_ids: Sequence[int]) -> dict[int, int]:
    """Return account → what it was ever given, in minor units, for those that were given anything."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, max(cumulative_minor) FROM payouts_root_line WHERE account_id = ANY (%s)"
            " GROUP BY account_id",
            [list(account_ids)],
        )
        return dict(cursor.fetchall())


def _write(
    book: ChainBook,
    before: PayoutRoot | None,
    lines: Sequence[_Given],
    given: Sequence[tuple[bytes, int]],
    *,
    now: datetime,
) -> PayoutRoot:
    """Write the root, its tree and its lines, and book what they say."""
    place, number = place_of(book), before.number + 1 if before else 1
    levels = levels_of(leaves_of(place, given))
    [top] = levels[-1]
    total_units = sum(units for _, units in given)
    if total_units > MAX_UNITS:
        raise OverflowError(f"{total_units} units of {book} are more than the contract can keep")
    root = PayoutRoot(
        book=book,
        number=number,
        root="0x" + top.hex(),
        accounts=len(given),
        total_units=total_units,
        added_minor=sum(line.added_minor for line in lines),
        document_sha256=sha256(write_list(place, number, top, given)).hexdigest(),
        published_at=now,
    )
    if lines:
        root.transaction_id = _book(root, lines, now=now)
    root.save(force_insert=True)
    PayoutRootTree.objects.create(root=root, nodes=b"".join(node for level in levels for node in level))
    through = _released_through(book.currency) if lines else None
    rows = (
        PayoutRootLine(
            root=root,
            account=line.account,
            added_minor=line.added_minor,
            cumulative_minor=line.cumulative_minor,
            released_through_id=through,
        )
        for line in lines
    )
    PayoutRootLine.objects.bulk_create(rows, batch_size=_AT_ONCE)
    return root


def _book(root: PayoutRoot, lines: Sequence[_Given], *, now: datetime) -> UUID:
    """Book that the money is the creators' to claim, and that so much of the house's goes to the chain for it."""
    book = root.book
    amounts: dict[UUID, int] = {}
    for line in lines:
        owner_id = line.account.creator_id
        amounts[owner_id] = amounts.get(owner_id, 0) + line.added_minor
    record_bank_transfer(
        amount=Money(root.added_minor, book.currency),
        paid_from=AccountKind.BANK,
        paid_to=AccountKind.CHAIN_ESCROW,
        reference=root.name,
        token=book.detail,
        now=now,
    )
    return publish_claims(source=root.name, amounts=amounts, currency=book.currency, token=book.detail, now=now)


def _released_through(currency: str) -> int:
    """Return the newest release of a currency: what is available came with it or before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(h.id) FROM payouts_hold_release h JOIN payouts_royalty_run r ON r.id = h.run_id"
            " WHERE r.currency = %s",
            [currency],
        )
        return int(cursor.fetchone()[0])


def _ask_again(root: PayoutRoot, *, now: datetime) -> None:
    """Ask anew for a root that the chain refused to take, with what the distributor says it has by now.

    Its total may not fall below that: whoever had the settler's key may have paid in more than we gave. What is too
    much stays there for later roots.
    """
    proposal = proposal_of(root)
    if proposal is None or proposal.state != REFUSED:
        return
    try:
        status = reader().view(DISTRIBUTOR, "statusOf", root.book.token, at=root.book.distributor)
        funded = int(status[-1])
    except (ChainUnavailable, Reverted) as silence:
        log.warning("%s is not asked for again now: %s", root.name, silence)
        return
    total_units = max(int(root.total_units), funded)
    with transaction.atomic():
        ask_proposal(
            root, total_units=total_units, more_units=total_units - funded, attempt=proposal.attempt + 1, now=now
        )
