"""Paying creators what is available: reserve, send, record, each committed before the next."""

import logging
from collections.abc import Collection
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import credit, credit_creators, debit, debts_met, lock_currency, post
from marketplace.payouts.bookkeeping.freezes import Part, held_legs, standing_freeze, write_holds
from marketplace.payouts.bookkeeping.standing import lines_in
from marketplace.payouts.models import (
    Account,
    AccountKind,
    HoldRelease,
    Payout,
    PayoutOutcome,
    PayoutState,
    TransactionKind,
)
from marketplace.payouts.rails.base import Rail, RailUnavailable, Sent, UnableToSend
from marketplace.payouts.rules import Money, latest

log = logging.getLogger(__name__)


class BooksDisagree(Exception):
    """What is to be sent is not what the books say; no rail is called until somebody has found out why."""

    code = "books-disagree"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            _("Payouts are stopped: %(why)s. Run check_books and find the cause before you settle again.")
            % {"why": why}
        )


class UnableToSettle(Exception):
    """The rail gave no answer; the next run sends what is still open again, under the same keys."""

    code = "unable-to-settle"

    def __init__(self, payout: Payout, why: str) -> None:
        self.payout, self.why = payout, why
        super().__init__(
            _("The settlement stopped at %(key)s: %(why)s. Run it again.") % {"key": payout.idem_key, "why": why}
        )


def settle(*, now: datetime, currency: str | None = None) -> list[Payout]:
    """Pay every creator whose available balance has reached the threshold; return the payouts answered.

    `settings.PAYOUT_THRESHOLD_MINOR` is in minor units of each currency. Payouts that an earlier settlement
    left open are sent first, under the keys they were reserved with. A payout is committed before the rail is
    called and its outcome after, so a settlement may be killed at any point and run again, or run twice at
    once, and nobody is paid twice. A refused payout gives the money back to its creator. Raises
    UnableToSettle at the first payout that the rail does not answer, and BooksDisagree, before the rail is called,
    when what is in flight in the books is not what open payouts are. Not to be called inside a transaction.
    """
    rail: Rail = import_string(settings.ADAPTERS["payouts"])()
    answered = [_send(rail=rail, payout=payout, now=now) for payout in _payouts_to_send(currency)]
    failed = PayoutOutcome.objects.filter(payout__in=answered, state=PayoutState.FAILED)
    refused = set(failed.values_list("payout__creator_id", flat=True))
    available = Account.objects.filter(kind=AccountKind.CREATOR_AVAILABLE, balance_minor__gt=0)
    currencies = [currency] if currency else sorted(set(available.values_list("currency", flat=True)))
    for code in currencies:
        _reserve(currency=code, skipped=refused, now=now)
        answered += [_send(rail=rail, payout=payout, now=now) for payout in _payouts_to_send(code)]
    return answered


# One statement, so one snapshot: what is reserved or answered meanwhile is seen on both sides or on neither.
_IN_FLIGHT = """
SELECT currency, sum(posted)::bigint, sum(open)::bigint
  FROM (SELECT a.currency, -p.amount_minor AS posted, 0 AS open
          FROM payouts_account a JOIN payouts_posting p ON p.account_id = a.id
         WHERE a.kind = 'payout_in_flight'
         UNION ALL
        SELECT p.currency, 0, p.amount_minor FROM payouts_payout p
         WHERE NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)) moved
 WHERE %(currency)s::text IS NULL OR currency = %(currency)s
 GROUP BY currency HAVING sum(posted) <> sum(open) ORDER BY currency LIMIT 1
"""


def _payouts_to_send(currency: str | None) -> list[Payout]:
    """Return the open payouts, oldest first, or raise BooksDisagree where the books have not set them aside."""
    found = Payout.objects.filter(outcomes=None)
    if currency:
        found = found.filter(currency=currency)
    payouts = list(found.order_by("reserved_at", "currency", "creator_id", "pk"))
    with connection.cursor() as cursor:  # after the payouts are read, so that none of them escapes it
        cursor.execute(_IN_FLIGHT, {"currency": currency})
        if off := cursor.fetchone():
            why = _("in %(currency)s the books have %(posted)s minor units in flight and open payouts are %(open)s")
            raise _alarm(why % dict(zip(("currency", "posted", "open"), off, strict=True)))
    return payouts


def _alarm(why: str) -> BooksDisagree:
    """Log what somebody must look at before money moves again, and return the error to raise."""
    error = BooksDisagree(why)
    log.critical("%s", error)
    return error


@transaction.atomic(durable=True)
def _reserve(*, currency: str, skipped: Collection[UUID], now: datetime) -> None:
    """Write the intents, one a creator, and move what they take to the payout account, in one transaction.

    A creator whose payout another settlement is sending has the rest with the next one: one payout is on its way
    at a time, so that it is known whose money each of them is.
    """
    lock_currency(currency)
    threshold_minor = max(1, getattr(settings, "PAYOUT_THRESHOLD_MINOR", 1))
    ready = list(
        Account.objects.filter(
            kind=AccountKind.CREATOR_AVAILABLE, currency=currency, balance_minor__gte=threshold_minor
        )
        .exclude(owner_id__in=skipped)
        .exclude(owner_id__in=Payout.objects.filter(outcomes=None, currency=currency).values("creator_id"))
        .order_by("owner_id")
        .values_list("owner_id", "balance_minor")
    )
    if not ready:
        return
    batch = uuid4()
    transaction_id = post(
        kind=TransactionKind.PAYOUT_RESERVE,
        source=f"settlement:{batch}",
        idem_key=f"payout-reserve:{batch}",
        currency=currency,
        legs=[
            *(debit(AccountKind.CREATOR_AVAILABLE, amount_minor, owner_id) for owner_id, amount_minor in ready),
            credit(AccountKind.PAYOUT_IN_FLIGHT, sum(amount_minor for _, amount_minor in ready)),
        ],
        now=now,
    )
    released_through = HoldRelease.objects.filter(run__currency=currency).latest("pk")
    payouts = [
        Payout(
            creator_id=owner_id,
            currency=currency,
            amount_minor=amount_minor,
            released_through=released_through,
            reserved_at=now,
            transaction_id=transaction_id,
        )
        for owner_id, amount_minor in ready
    ]
    for payout in payouts:
        payout.idem_key = f"payout:{payout.pk}"
    Payout.objects.bulk_create(payouts)


def _send(*, rail: Rail, payout: Payout, now: datetime) -> Payout:
    amount = Money(payout.amount_minor, payout.currency)
    try:
        sent = rail.send(key=payout.idem_key, creator_id=payout.creator_id, amount=amount)
    except RailUnavailable as silence:
        raise UnableToSettle(payout, silence.why) from silence
    except UnableToSend as refusal:
        _record_failed(payout=payout, why=refusal.why, now=now)
    else:
        _record_sent(payout=payout, sent=sent, now=now)
    return payout


def _states_of(payout: Payout) -> set[str]:
    """Return what is recorded of the payout, and let nobody else record anything until commit."""
    Payout.objects.select_for_update(no_key=True).get(pk=payout.pk)
    return set(PayoutOutcome.objects.filter(payout=payout).values_list("state", flat=True))


@transaction.atomic(durable=True)
def _record_sent(*, payout: Payout, sent: Sent, now: datetime) -> None:
    """Book the money as gone; a second settlement that had the same answer changes nothing."""
    if PayoutState.FAILED in _states_of(payout):
        raise _alarm(_("the rail sent %(key)s, which was recorded as failed") % {"key": payout.idem_key})
    post(
        kind=TransactionKind.PAYOUT_SENT,
        source=payout.idem_key,
        idem_key=f"payout-sent:{payout.pk}",
        currency=payout.currency,
        legs=[
            debit(AccountKind.PAYOUT_IN_FLIGHT, payout.amount_minor),
            credit(AccountKind.BANK, payout.amount_minor),
        ],
        now=now,
    )
    states = [PayoutState.SENT, PayoutState.PAID] if sent.arrived else [PayoutState.SENT]
    PayoutOutcome.objects.bulk_create(
        [PayoutOutcome(payout=payout, state=state, reference=sent.reference, at=now) for state in states],
        ignore_conflicts=True,
    )


@transaction.atomic(durable=True)
def _record_failed(*, payout: Payout, why: str, now: datetime) -> None:
    """Give the money back to the creator, first against what they owe; what is frozen meanwhile is held."""
    lock_currency(payout.currency)
    if _states_of(payout):
        return  # another settlement was first
    held = _to_hold(payout)
    free_minor = payout.amount_minor - sum(part.amount_minor for part in held)
    transaction_id = post(
        kind=TransactionKind.PAYOUT_FAILED,
        source=payout.idem_key,
        idem_key=f"payout-failed:{payout.pk}",
        currency=payout.currency,
        legs=[
            debit(AccountKind.PAYOUT_IN_FLIGHT, payout.amount_minor),
            *credit_creators(currency=payout.currency, amounts={payout.creator_id: free_minor}),
            *held_legs(held),
        ],
        now=now,
    )
    write_holds(parts=held, transaction_id=transaction_id)
    PayoutOutcome.objects.create(payout=payout, state=PayoutState.FAILED, reference=why[:400], at=now)


def _to_hold(payout: Payout) -> list[Part]:
    """Return what of a failed payout is of frozen subjects and is not needed for what the creator owes."""
    amounts = {payout.creator_id: payout.amount_minor}
    met_minor = debts_met(currency=payout.currency, amounts=amounts)[payout.creator_id]
    lots = [(standing, standing.amount_minor) for standing in lines_in(payout)]
    freezes = {subject: standing_freeze(subject) for subject in {standing.subject for standing, _ in lots}}
    return [
        Part(frozen.pk, standing.line_id, standing.payee_id, amount_minor, AccountKind.CREATOR_AVAILABLE)
        for standing, amount_minor in latest(lots, payout.amount_minor - met_minor)
        if (frozen := freezes[standing.subject]) is not None
    ]
