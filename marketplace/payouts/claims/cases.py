"""What the chain said and the books cannot follow, looked at by a person: so that payouts may go on."""

from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import credit, debit, post
from marketplace.payouts.claims.tables import ChainCaseEnd, ChainClaimed, RootSeen
from marketplace.payouts.kinds import AccountKind, TransactionKind

MOST = 400
_ROOTS = Q(kind=RootSeen.PROPOSED, ours=None) | Q(kind=RootSeen.VETOED, ours__isnull=False)
"""Roots that a person looks at: what nobody here published, and what was published here and vetoed."""


class UnableToEndCase(Exception):
    """There is no such case, or nothing is said of it; nothing was written."""

    code = "unable-to-end-case"

    def __init__(self, event: int, why: str) -> None:
        self.event, self.why = event, why
        super().__init__(_("Case %(event)d cannot be ended: %(why)s.") % {"event": event, "why": why})


class Case(NamedTuple):
    """What the chain said, by the number of its event, and what is wrong with it."""

    event: int
    at: datetime
    what: str


def open_cases() -> list[Case]:
    """Return what nobody has ended, in the order in which the chain said it."""
    claims = ChainClaimed.objects.exclude(why="").filter(end=None)
    told = [Case(one.event, one.at, f"{one.units} units to {one.address}: {one.why}") for one in claims]
    for one in RootSeen.objects.filter(_ROOTS, end=None).select_related("ours"):
        what = f"{one.ours} was vetoed, and waits for your word" if one.ours else "is not ours"
        told.append(Case(one.event, one.at, f"root {one.root} of token {one.token}: {what}"))
    return sorted(told)


@transaction.atomic
def end_case(*, event: int, note: str, by: str, now: datetime) -> ChainCaseEnd:
    """Record what became of a case, and book what the chain paid out as not understood yet; return the end.

    Whole minor units leave the escrow of the claim's book, where it is one of ours. After a root of ours was vetoed,
    the next settlement publishes the same amounts again. The first end of a case stays.
    Raises UnableToEndCase where there is no such case, or no note of up to 400 characters.
    """
    if not 0 < len(note) <= MOST or not 0 < len(by) <= 200:
        raise UnableToEndCase(event, _("say why, in at most %(most)d characters, and who says it") % {"most": MOST})
    claim = (
        ChainClaimed.objects.select_for_update(of=("self",), no_key=True).filter(event=event).exclude(why="").first()
    )
    root = RootSeen.objects.filter(_ROOTS, event=event).first()
    if claim is None and root is None:
        raise UnableToEndCase(event, _("there is no such case"))
    if before := ChainCaseEnd.objects.filter(claim=claim, root=root).first():
        return before
    posted_id = _write_off(claim, now) if claim else None
    return ChainCaseEnd.objects.create(claim=claim, root=root, posted_id=posted_id, note=note, by=by, at=now)


def _write_off(claim: ChainClaimed, now: datetime) -> object:
    book = claim.book
    minor = int(claim.units) // int(book.scale) if book else 0
    if book is None or not minor:
        return None
    key = f"chain-case:{claim.event}"
    return post(
        kind=TransactionKind.BANK_TRANSFER,
        source=key,
        idem_key=key,
        currency=book.currency,
        legs=[debit(AccountKind.SUSPENSE, minor), credit(AccountKind.CHAIN_ESCROW, minor, detail=book.detail)],
        now=now,
    )
