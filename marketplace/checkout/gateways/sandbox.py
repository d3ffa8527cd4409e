"""The embedded gateway: no money moves, test cards decide what happens, and it says so."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import rules
from marketplace.checkout.gateways import sandbox_balance as balance
from marketplace.checkout.gateways import sandbox_cards as cards
from marketplace.checkout.gateways.base import (
    ACTION,
    DECLINED,
    DISPUTE_OPENED,
    DISPUTE_WON,
    FAILED,
    HOSTED,
    PENDING,
    REFUND_FAILED,
    SUCCEEDED,
    Asked,
    Charge,
    Event,
    Returned,
    Submitted,
    UnableToUseMethod,
)
from marketplace.checkout.gateways.sandbox_cards import TEST_CARDS as TEST_CARDS
from marketplace.checkout.sandbox_models import SandboxCharge, SandboxChargeEnd, SandboxLine, SandboxRefund


class SandboxGateway:
    """A gateway whose memory is a few tables; it commits on its own, as another house would.

    It has its own clock, which may be ahead of ours.
    """

    name = "sandbox"
    hosted = False

    def method(self, text: str) -> str:
        """This will name the test card behind a number; real numbers are refused and kept nowhere."""
        digits = rules.card_digits(text)
        if digits is None:
            raise UnableToUseMethod(_("This is not a card number: check the digits."))
        if digits not in TEST_CARDS:
            raise UnableToUseMethod(
                _("This marketplace runs on its sandbox gateway, which takes test cards only: try 4242 4242 4242 4242.")
            )
        return TEST_CARDS[digits][0]

    def begin_method(self, *, studio: UUID, email: str, return_url: str, key: str, now: datetime) -> str:
        """This will refuse: test cards are typed here."""
        raise UnableToUseMethod(_("The sandbox has no page for cards: type the number of a test card here."))

    def forget_method(self, token: str, *, now: datetime) -> None:
        """This will do nothing: a test card belongs to everybody."""

    def least_minor(self, currency: str) -> int:
        """This will give 1: whatever costs something can be paid."""
        return 1

    def charge(self, *, payment: Asked, now: datetime) -> Charge:
        """This will remember one charge for each key, as its test card wills; without a card nothing is charged."""
        if payment.method == HOSTED:
            return Charge("", DECLINED, reason=cards.NO_CARD)
        state, reason = _begins(payment.method, off_session=payment.off_session)
        at = balance.clock(now)
        reference = "ch_" + hashlib.sha256(payment.key.encode()).hexdigest()[:24]
        row = SandboxCharge(
            key=payment.key,
            reference=reference,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            method=payment.method,
            succeeded=state == SUCCEEDED,
            state=state,
            reason=reason,
            return_url=payment.return_url,
            charged_at=at,
        )
        with transaction.atomic():
            SandboxCharge.objects.bulk_create([row], ignore_conflicts=True)
            row = SandboxCharge.objects.get(key=payment.key)
            if row.succeeded and row.amount_minor:
                _took(row, row.charged_at)
        return _standing(row, at)

    def standing(self, *, asked: Asked, reference: str, now: datetime) -> Charge:
        """This will tell how a charge stands; what the bank decides later it decides when its time has come."""
        return _standing(SandboxCharge.objects.get(key=asked.key), balance.clock(now))

    def cancel(self, *, asked: Asked, reference: str, now: datetime) -> Charge:
        """This will call off what waits for its buyer; what is with the bank goes its way."""
        row, at = SandboxCharge.objects.filter(key=asked.key).first(), balance.clock(now)
        if row is None:
            return Charge("", DECLINED, cards.CALLED_OFF)
        if row.state == ACTION:
            _end(row, succeeded=False, reason=cards.CALLED_OFF, at=at)
        return _standing(row, at)

    def refund(self, *, key: str, charge_reference: str, amount_minor: int, currency: str, now: datetime) -> Returned:
        """This will remember one refund for each key and answer the same for ever after."""
        reference = "re_" + hashlib.sha256(key.encode()).hexdigest()[:24]
        with transaction.atomic():
            charge = SandboxCharge.objects.select_for_update().filter(reference=charge_reference).first()
            before = SandboxRefund.objects.filter(key=key).first()
            if before is not None and (before.charge != charge or before.amount_minor != amount_minor):
                return Returned(before.reference, FAILED, _("The key was used for another refund."))
            if before is None:
                if charge is None or charge.currency != currency or amount_minor > _left(charge):
                    return Returned("", FAILED, _("The charge does not have so much left."))
                at = balance.clock(now)
                before = SandboxRefund.objects.create(
                    key=key, reference=reference, charge=charge, amount_minor=amount_minor, refunded_at=at
                )
                balance.write_lines([balance.line(balance.REFUND, reference, -amount_minor, charge.currency, at)])
        waits = before.charge.method == cards.REFUND_LATE
        return Returned(reference, PENDING if waits else SUCCEEDED)

    def refund_standing(self, *, key: str, reference: str, now: datetime) -> Returned:
        """This will tell where a refund is that the buyer's bank takes its time for."""
        row = SandboxRefund.objects.select_related("charge").get(key=key)
        over = row.refunded_at + _delay() <= balance.clock(now)
        return Returned(reference, SUCCEEDED if over or row.charge.method != cards.REFUND_LATE else PENDING)

    def submit_evidence(
        self,
        *,
        key: str,
        dispute_reference: str,
        texts: Mapping[str, str],
        files: Mapping[str, tuple[str, bytes]],
        now: datetime,
    ) -> Submitted:
        """This will take any evidence and keep none: the card decides how a dispute ends."""
        if not texts and not files:
            return Submitted("", False, gettext_noop("There is nothing in the evidence."))
        return Submitted("ev_" + hashlib.sha256(key.encode()).hexdigest()[:24], True)

    def events(self, *, now: datetime) -> Sequence[Event]:
        """This will tell of the disputes and failed refunds that test cards bring about, each in its time."""
        at, delay = balance.clock(now), _delay()
        events = [*_disputes(at, delay), *_failures(at, delay)]
        return sorted(events, key=lambda event: (event.happened_at, event.kind != DISPUTE_OPENED, event.event_id))


def answer_bank(*, reference: str, agreed: bool, now: datetime) -> SandboxCharge | None:
    """This will play the cardholder, who agrees to a payment at the bank's page or does not; None where nobody is
    asked. The first answer counts."""
    row = SandboxCharge.objects.filter(reference=reference, state=ACTION).first()
    if row is None:
        return None
    at = balance.clock(now)
    if not agreed:
        _end(row, succeeded=False, reason=cards.REFUSED_BY_HOLDER, at=at)
    elif row.method == cards.ASKED_IN_VAIN:
        _end(row, succeeded=False, reason=cards.DECLINES["declined"], at=at)
    else:
        _end(row, succeeded=True, reason="", at=at)
    return row


def _delay() -> timedelta:
    return timedelta(minutes=settings.SANDBOX_DISPUTE_AFTER_MINUTES)


def _begins(method: str, *, off_session: bool) -> tuple[str, str]:
    """Tells with which state, and for what reason, a charge of a card begins."""
    if reason := cards.DECLINES.get(method):
        return DECLINED, reason
    if method in (cards.LATE, cards.LATE_FAILED):
        return PENDING, ""
    if method == cards.ASKED and off_session:
        return SUCCEEDED, ""
    if method in (cards.ASKED, cards.ASKED_ALWAYS, cards.ASKED_IN_VAIN):
        return (DECLINED, cards.HOLDER_IS_AWAY) if off_session else (ACTION, "")
    return SUCCEEDED, ""


def _standing(row: SandboxCharge, at: datetime) -> Charge:
    if row.state in (SUCCEEDED, DECLINED):
        return Charge(row.reference, row.state, row.reason)
    end = SandboxChargeEnd.objects.filter(charge=row).first()
    decided = row.charged_at + max(_delay(), timedelta(minutes=1))  # a bank takes its time, in the demo too
    if end is None and row.state == PENDING and decided <= at:
        fails = row.method == cards.LATE_FAILED
        end = _end(row, succeeded=not fails, reason=cards.DEBIT_FAILED if fails else "", at=decided)
    if end is not None:
        return Charge(row.reference, SUCCEEDED if end.succeeded else DECLINED, end.reason)
    url = settings.SITE_URL + reverse("sandbox-bank", args=[row.reference]) if row.state == ACTION else ""
    return Charge(row.reference, row.state, url=url)


@transaction.atomic
def _end(row: SandboxCharge, *, succeeded: bool, reason: str, at: datetime) -> SandboxChargeEnd:
    """Ends a charge that waited, once: the first who ends it is right."""
    said = {"succeeded": succeeded, "reason": reason, "at": at}
    end, made = SandboxChargeEnd.objects.get_or_create(charge=row, defaults=said)
    if made and succeeded and row.amount_minor:
        _took(row, at)
    return end


def _took(row: SandboxCharge, at: datetime) -> None:
    balance.write_lines([balance.line(balance.CHARGE, row.reference, row.amount_minor, row.currency, at)])


def _left(charge: SandboxCharge) -> int:
    """Tells what a charge has left to give back; nothing of one that took nothing."""
    ended = SandboxChargeEnd.objects.filter(charge=charge, succeeded=True).exists()
    if not charge.succeeded and not ended:
        return 0
    gone = SandboxRefund.objects.filter(charge=charge).aggregate(all=Sum("amount_minor"))["all"] or 0
    return charge.amount_minor - gone


def _disputes(at: datetime, delay: timedelta) -> list[Event]:
    took = Q(succeeded=True) | Q(end__succeeded=True)
    rows = SandboxCharge.objects.filter(took, method__in=list(cards.DISPUTED), charged_at__lte=at - delay)
    rows = rows.annotate(refunded=Sum("refunds__amount_minor")).order_by("charged_at", "key")
    lines = []
    for row in rows:
        _end_of, parts = cards.DISPUTED[row.method]
        amount_minor = (row.amount_minor - (row.refunded or 0)) // parts
        if amount_minor:
            opened = row.charged_at + delay
            lines.append(balance.line(balance.DISPUTE, _dispute(row), -amount_minor, row.currency, opened))
    balance.write_lines(lines)
    # What was taken at first counts: refunds that came later do not change a dispute.
    taken = dict(
        SandboxLine.objects.filter(source__in=[_dispute(row) for row in rows], category=balance.DISPUTE).values_list(
            "source", "amount_minor"
        )
    )
    events, won = [], []
    for row in rows:
        name, amount_minor = _dispute(row), -taken.get(_dispute(row), 0)
        if not amount_minor:
            continue
        opened, ends = row.charged_at + delay, cards.DISPUTED[row.method][0]
        events.append(Event(f"evt_open_{row.reference}", DISPUTE_OPENED, row.reference, opened, name, amount_minor))
        if opened + delay <= at:
            closed = opened + delay
            back_minor = amount_minor if ends == DISPUTE_WON else None
            if row.method == cards.WON_IN_PART:
                back_minor = amount_minor - amount_minor // 2
            said = (row.reference, closed, name, amount_minor, back_minor)
            events.append(Event(f"evt_close_{row.reference}", ends, *said))
            if back_minor:
                won.append(balance.line(balance.DISPUTE_REVERSAL, name, back_minor, row.currency, closed))
    balance.write_lines(won)
    return events


def _dispute(row: SandboxCharge) -> str:
    return "dp_" + row.reference.removeprefix("ch_")


def _failures(at: datetime, delay: timedelta) -> list[Event]:
    failed = SandboxRefund.objects.filter(charge__method=REFUND_FAILED, refunded_at__lte=at - delay)
    rows = list(failed.select_related("charge").order_by("refunded_at", "key"))
    balance.write_lines(
        balance.line(
            balance.REFUND_FAILURE, row.reference, row.amount_minor, row.charge.currency, row.refunded_at + delay
        )
        for row in rows
    )
    return [Event(f"evt_fail_{row.reference}", REFUND_FAILED, row.reference, row.refunded_at + delay) for row in rows]
