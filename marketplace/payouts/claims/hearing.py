"""Hearing what the chain says of roots and claims: each event once, into the books or among what is wrong."""

import logging
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from ledger.event_models import ChainEvent
from marketplace.payouts.bookkeeping.books import UnableToPost
from marketplace.payouts.bookkeeping.prepaying import record_claimed
from marketplace.payouts.claims.lists import is_as_given
from marketplace.payouts.claims.standing import still_said
from marketplace.payouts.claims.tables import ChainAccount, ChainBook, ChainClaimed, PayoutRoot, RootSeen
from marketplace.payouts.rails.onchain import DELAY, DISTRIBUTOR, ask_veto, withdraw_veto
from marketplace.payouts.rules import MAX_AMOUNT_MINOR, Money

log = logging.getLogger(__name__)

HEARING_LOCK = 0x700C7
AT_ONCE = 500
_KINDS = {"RootProposed": RootSeen.PROPOSED, "RootVetoed": RootSeen.VETOED}


@transaction.atomic
def hear_claims(*, now: datetime) -> int:
    """Record what the chain said of payouts since the last time, and return how many events that were.

    A claim is booked once, also where its transaction is mined again after a reorganization. One that cannot be
    booked, and a root that nobody here published, are recorded with what is wrong: `check_books` names them until
    they are resolved, so payouts stop. Such a root is also logged at once, and the guardian is asked to veto it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [HEARING_LOCK])
        cursor.execute(
            "SELECT greatest((SELECT max(event) FROM payouts_root_seen),"
            " (SELECT max(event) FROM payouts_chain_claimed))"
        )
        after = cursor.fetchone()[0] or 0
    # By name: what is passed over would not move the place from which the next turn reads.
    rows = ChainEvent.objects.filter(contract=DISTRIBUTOR, event__in=[*_KINDS, "Claimed"], pk__gt=after, lost=None)
    heard = list(rows.order_by("pk")[:AT_ONCE])
    for event in heard:
        (_hear_root if event.event in _KINDS else _hear_claim)(event, now)
    return len(heard)


def _book(event: ChainEvent) -> ChainBook | None:
    return ChainBook.objects.filter(
        chain_id=event.chain_id, distributor=event.address, token=event.args["token"]
    ).first()


def _hear_root(event: ChainEvent, now: datetime) -> None:
    book, root, kind = _book(event), event.args["root"], _KINDS[event.event]
    ours = _ours(book, root, kind, event) if book else None
    RootSeen.objects.create(
        event=event.pk,
        book=book,
        token=event.args["token"],
        root=root,
        kind=kind,
        ours=ours,
        transaction=event.transaction,
        block_number=event.block_number,
        at=event.block_time,
        seen_at=now,
    )
    if kind == RootSeen.VETOED:
        _withdraw_vetoes(event)
        if ours is not None:
            log.critical(
                "%s, a payout root of ours, was vetoed: none follows before an operator ends the case (payout_case).",
                ours,
            )
    elif ours is None:
        _alarm(event, "is not ours: the settler's key is in other hands", now)
    elif not is_as_given(ours):
        _alarm(event, "is not the root of what we gave: somebody wrote it into the database", now)


def _alarm(event: ChainEvent, what: str, now: datetime) -> None:
    """Say aloud that a root waits which must not count, and ask for the guardian's veto while there is time."""
    token, root = event.args["token"], event.args["root"]
    log.critical("The payout root %s of token %s was proposed in %s and %s.", root, token, event.transaction, what)
    if event.block_time + DELAY > now:
        ask_veto(
            chain_id=event.chain_id,
            token=token,
            distributor=event.address,
            root=root,
            because=event.transaction,
            now=now,
        )


def _withdraw_vetoes(event: ChainEvent) -> None:
    """Take back what was asked of the guardian about a root that is vetoed: sent late, it would meet the next one."""
    for word in RootSeen.objects.filter(root=event.args["root"], token=event.args["token"], kind=RootSeen.PROPOSED):
        withdraw_veto(token=word.token, because=word.transaction, now=event.seen_at)


def _ours(book: ChainBook, root: str, kind: str, event: ChainEvent) -> PayoutRoot | None:
    """Return the root of ours that the chain speaks of; one is proposed once, and a veto is of the last proposed."""
    found = PayoutRoot.objects.filter(book=book, root=root).order_by("number")
    if kind == RootSeen.VETOED:
        last = RootSeen.objects.filter(book=book, root=root, kind=RootSeen.PROPOSED, event__lt=event.pk)
        newest = last.order_by("event").last()
        return newest.ours if newest else None
    again = RootSeen.objects.filter(
        book=book, root=root, kind=kind, transaction=event.transaction, ours__isnull=False
    ).first()
    if again is not None:  # mined again after a reorganization
        return again.ours
    return found.exclude(
        pk__in=still_said(RootSeen.objects.filter(kind=kind, ours__isnull=False)).values("ours")
    ).first()


def _hear_claim(event: ChainEvent, now: datetime) -> None:
    book, address, units = _book(event), event.args["account"], int(event.args["amount"])
    row = ChainClaimed(
        event=event.pk,
        book=book,
        address=address,
        units=units,
        transaction=event.transaction,
        block_number=event.block_number,
        at=event.block_time,
        seen_at=now,
    )
    row.account = ChainAccount.objects.filter(book=book, address=address).first() if book else None
    row.repeats = ChainClaimed.objects.filter(
        book=book, transaction=event.transaction, address=address, posted__isnull=False
    ).first()
    if row.repeats is None:
        row.why = _booked(row)
    if row.why:
        log.critical("A claim of %s units by %s in %s is not booked: %s", units, address, event.transaction, row.why)
    row.save(force_insert=True)


def _booked(row: ChainClaimed) -> str:
    """Book a claim and return nothing, or return why it cannot be booked."""
    book, account = row.book, row.account
    if book is None or account is None:
        return _("we never gave that account anything")
    amount_minor, rest = divmod(int(row.units), int(book.scale))
    if rest or not 0 < amount_minor <= MAX_AMOUNT_MINOR:
        return _("it is no whole number of minor units")
    try:
        row.posted_id = record_claimed(
            source=f"chain-claim:{book.pk}:{row.transaction}:{row.address}",
            amount=Money(amount_minor, book.currency),
            token=book.detail,
            now=row.seen_at,
        )
    except UnableToPost as refusal:
        return refusal.why
    row.amount_minor = amount_minor
    return ""
