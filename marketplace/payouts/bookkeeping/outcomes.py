"""What became of payouts: sent, paid, refused, or come back days later."""

import logging
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from marketplace.payouts.bookkeeping.books import Leg, credit, credit_creators, debit, debts_met, lock_currency, post
from marketplace.payouts.bookkeeping.freezes import Part, held_legs, standing_freeze, standing_holds, write_holds
from marketplace.payouts.bookkeeping.standing import lines_in
from marketplace.payouts.models import AccountKind, Payout, PayoutOutcome, PayoutState, Posting, TransactionKind
from marketplace.payouts.rails.base import Sent
from marketplace.payouts.rules import latest

log = logging.getLogger(__name__)

MAX_REFERENCE = 400


class BooksDisagree(Exception):
    """What is to be sent is not what the books say; no rail is called until somebody has found out why."""

    code = "books-disagree"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            _("Payouts are stopped: %(why)s. Run check_books and find the cause before you settle again.")
            % {"why": why}
        )


class UnableToRecord(Exception):
    """A payout cannot have become that; nothing was written."""

    code = "unable-to-record"

    def __init__(self, key: str, why: str) -> None:
        self.key, self.why = key, why
        super().__init__(_("What became of “%(key)s” cannot be recorded: %(why)s.") % {"key": key, "why": why})


def alarm(why: str) -> BooksDisagree:
    """Log what somebody must look at before money moves again, and return the error to raise."""
    error = BooksDisagree(why)
    log.critical("%s", error)
    return error


@transaction.atomic(durable=True)
def record_sent(*, payout: Payout, sent: Sent, funds: AccountKind, now: datetime) -> None:
    """Book the money as gone from the house's account; a second settlement with the same answer changes nothing."""
    if PayoutState.FAILED in _states_of(payout):
        raise alarm(_("the rail sent %(key)s, which was recorded as failed") % {"key": payout.idem_key})
    post(
        kind=TransactionKind.PAYOUT_SENT,
        source=payout.idem_key,
        idem_key=f"payout-sent:{payout.pk}",
        currency=payout.currency,
        legs=[debit(AccountKind.PAYOUT_IN_FLIGHT, payout.amount_minor), credit(funds, payout.amount_minor)],
        now=now,
    )
    states = [PayoutState.SENT, PayoutState.PAID] if sent.arrived else [PayoutState.SENT]
    PayoutOutcome.objects.bulk_create(
        [PayoutOutcome(payout=payout, state=state, reference=sent.reference, at=now) for state in states],
        ignore_conflicts=True,
    )


@transaction.atomic(durable=True)
def record_refused(*, payout: Payout, why: str, now: datetime) -> None:
    """Give the money back to the creator, first against what they owe; what is frozen meanwhile is held.

    What somebody took back of it at the provider itself was the creator's when that was heard, and is not given twice.
    """
    lock_currency(payout.currency)
    if _states_of(payout):
        return  # another settlement was first
    source_leg = debit(AccountKind.PAYOUT_IN_FLIGHT, payout.amount_minor)
    if came_back_minor := _came_back_minor(payout):
        _give_rest(payout=payout, came_back_minor=came_back_minor, source_leg=source_leg, now=now)
    else:
        _give_back(kind=TransactionKind.PAYOUT_FAILED, payout=payout, source_leg=source_leg, now=now)
    record_end(payout=payout, state=PayoutState.FAILED, reference=why, now=now)


@transaction.atomic
def record_paid(*, key: str, reference: str, now: datetime) -> PayoutOutcome:
    """Record that a payout that was sent has arrived with its creator. The same again returns the first.

    `key` is the payout's own. Raises UnableToRecord for a payout that was not sent, or that failed or came back.
    """
    payout = _payout(key)
    states = _states_of(payout)
    if PayoutState.PAID not in states:
        _check_sent(key, states, came_back=_("it came back before"))
        PayoutOutcome.objects.create(payout=payout, state=PayoutState.PAID, reference=reference[:MAX_REFERENCE], at=now)
    return PayoutOutcome.objects.get(payout=payout, state=PayoutState.PAID)


@transaction.atomic
def record_returned(*, key: str, reference: str, now: datetime) -> PayoutOutcome:
    """Book that a payout came back after it was sent, or even paid: the creator has the money again.

    `key` is the payout's own, `reference` the rail's name for the return, or its reason. The money goes against what
    the creator owes, what is of frozen subjects is held, and the rest is available. The same again returns the first.
    Raises UnableToRecord for a payout that was not sent, or that failed.
    """
    payout = _payout(key)
    lock_currency(payout.currency)
    states = _states_of(payout)
    if PayoutState.RETURNED in states:
        return PayoutOutcome.objects.get(payout=payout, state=PayoutState.RETURNED)
    _check_sent(key, states)
    paid_out = Posting.objects.select_related("account").get(
        transaction__idem_key=f"payout-sent:{payout.pk}", amount_minor__lt=0
    )
    _give_back(
        kind=TransactionKind.PAYOUT_RETURNED,
        payout=payout,
        source_leg=debit(AccountKind(paid_out.account.kind), payout.amount_minor),
        now=now,
    )
    return record_end(payout=payout, state=PayoutState.RETURNED, reference=reference, now=now)


def record_end(*, payout: Payout, state: PayoutState, reference: str, now: datetime) -> PayoutOutcome:
    """Write that a payout failed or came back, with a letter to its creator. Within the transaction that books it."""
    made = PayoutOutcome.objects.create(payout=payout, state=state, reference=reference[:MAX_REFERENCE], at=now)
    if payout.creator.person.is_active:
        app.configure_task("payouts.tell_of_payout").defer(outcome_id=made.pk)
    return made


def _payout(key: str) -> Payout:
    payout = Payout.objects.filter(idem_key=key).first()
    if payout is None:
        raise UnableToRecord(key, _("there is no such payout"))
    return payout


def _check_sent(key: str, states: Iterable[str], came_back: str = "") -> None:
    if PayoutState.FAILED in states:
        raise UnableToRecord(key, _("it failed"))
    if PayoutState.SENT not in states:
        raise UnableToRecord(key, _("it was not sent"))
    if came_back and PayoutState.RETURNED in states:
        raise UnableToRecord(key, came_back)


def _states_of(payout: Payout) -> set[str]:
    """Return what is recorded of the payout, and let nobody else record anything until commit."""
    Payout.objects.select_for_update(no_key=True).get(pk=payout.pk)
    return set(PayoutOutcome.objects.filter(payout=payout).values_list("state", flat=True))


def _give_back(*, kind: TransactionKind, payout: Payout, source_leg: Leg, now: datetime) -> UUID:
    """Post that a creator has a payout's money again, less what they owe, with what is frozen held."""
    held = _to_hold(payout)
    free_minor = payout.amount_minor - sum(part.amount_minor for part in held)
    transaction_id = post(
        kind=kind,
        source=payout.idem_key,
        idem_key=f"{kind.replace('_', '-')}:{payout.pk}",
        currency=payout.currency,
        legs=[
            source_leg,
            *credit_creators(currency=payout.currency, amounts={payout.creator_id: free_minor}),
            *held_legs(held),
        ],
        now=now,
    )
    write_holds(parts=held, transaction_id=transaction_id)
    return transaction_id


def _came_back_minor(payout: Payout) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT payouts_came_back(%s)", [payout.pk])
        return int(cursor.fetchone()[0])


def _give_rest(*, payout: Payout, came_back_minor: int, source_leg: Leg, now: datetime) -> None:
    """Post that a creator has the rest of a payout again, whose parts were never booked as sent.

    What came back had been booked as come, so it is booked as gone from the provider's balance here.
    """
    amounts = {payout.creator_id: payout.amount_minor - came_back_minor}
    met_minor = debts_met(currency=payout.currency, amounts=amounts)[payout.creator_id]
    post(
        kind=TransactionKind.PAYOUT_FAILED,
        source=payout.idem_key,
        idem_key=f"payout-failed:{payout.pk}",
        currency=payout.currency,
        legs=[
            source_leg,
            credit(AccountKind.PSP_BALANCE, came_back_minor),
            *credit_creators(currency=payout.currency, amounts=amounts),
        ],
        now=now,
    )
    free_minor = amounts[payout.creator_id] - met_minor
    hold_of_part(payout=payout, amount_minor=free_minor, reference=f"payout-failed:{payout.pk}", now=now)


def _to_hold(payout: Payout) -> list[Part]:
    """Return what of a payout that comes back is of frozen subjects and is not needed for what the creator owes."""
    amounts = {payout.creator_id: payout.amount_minor}
    met_minor = debts_met(currency=payout.currency, amounts=amounts)[payout.creator_id]
    lots = [(standing, standing.amount_minor) for standing in lines_in(payout)]
    freezes = {subject: standing_freeze(subject) for subject in {standing.subject for standing, _ in lots}}
    return [
        Part(frozen.pk, standing.line_id, standing.payee_id, amount_minor, AccountKind.CREATOR_AVAILABLE)
        for standing, amount_minor in latest(lots, payout.amount_minor - met_minor)
        if (frozen := freezes[standing.subject]) is not None
    ]


def hold_of_part(*, payout: Payout, amount_minor: int, reference: str, now: datetime) -> None:
    """Hold what a payout had of frozen subjects, up to an amount of it that came back and is available.

    Which of its lines came back nobody says: those of frozen subjects first, each up to what is not held of it yet.
    `reference` names what came back. Within its transaction; the currency must be locked.
    """
    parts, left_minor = [], amount_minor
    lots = lines_in(payout) if amount_minor else []
    sums = standing_holds().filter(line__in=[lot.line_id for lot in lots]).order_by().values_list("line")
    held = dict(sums.annotate(Sum("amount_minor")))
    for lot in lots:
        part_minor = min(left_minor, lot.amount_minor - held.get(lot.line_id, 0))
        if part_minor > 0 and (frozen := standing_freeze(lot.subject)) is not None:
            left_minor -= part_minor
            parts.append(Part(frozen.pk, lot.line_id, lot.payee_id, part_minor, AccountKind.CREATOR_AVAILABLE))
    if not parts:
        return
    transaction_id = post(
        kind=TransactionKind.CLAIM_HELD,
        source=f"transfer-reversed:{reference}",
        idem_key=f"claim-held:{reference}",
        currency=payout.currency,
        legs=[debit(AccountKind.CREATOR_AVAILABLE, amount_minor - left_minor, payout.creator_id), *held_legs(parts)],
        now=now,
    )
    write_holds(parts=parts, transaction_id=transaction_id)
