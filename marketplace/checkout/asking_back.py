"""Refunds that buyers ask for: within some days, granted or refused by an operator, and told to both by letter."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.checkout import asking_back_letters as letters
from marketplace.checkout import line_money, refunding
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.refund_requests import RefundAnswer, RefundMended, RefundRequest
from marketplace.checkout.refunds import RefundIntent, RefundOutcome, RefundStep
from marketplace.payouts.deferral_models import Deferral
from marketplace.payouts.models import AccountKind
from marketplace.payouts.operations import record_bank_transfer, record_collected
from marketplace.payouts.rules import Money
from marketplace.people.models import Person, Seat
from marketplace.ui.formats import date_text, money_text

WORDS_LIMIT = 500
NOTHING_OWED = gettext_lazy("Nothing of this refund is owed any more: the buyer has the money already.")
GRANTED = "asked for by the buyer"
"""What creators read in their statements where the operator says nothing else; kept as data, in English."""


class UnableToAskForRefund(Exception):
    """The refund cannot be asked for, or the request not be answered, so; nothing was written."""

    code = "refund-request-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def open_until(order: Order) -> datetime | None:
    """This will tell until when refunds of an order can be asked for; None where nothing was paid."""
    paid = PaymentOutcome.objects.filter(order=order, outcome=PaymentOutcome.SUCCEEDED).first()
    return paid.at + timedelta(days=settings.REFUND_REQUEST_DAYS) if paid else None


def left_to_ask(line: OrderLine) -> int:
    """This will tell how many minor units of a line can still be asked back."""
    return refunding.left_to_give(line)


def owed_of(refund: RefundIntent) -> int:
    """This will tell how much of a refund that came back its buyer is still owed: no more than is left of the line.

    The rest they have already, from a dispute that they won or by another refund.
    """
    return min(refund.amount_minor, left_to_ask(refund.line))


@transaction.atomic
def ask(*, line: OrderLine, by: Person, reason: str, now: datetime, amount_minor: int | None = None) -> RefundRequest:
    """This will ask for an amount of an order line back, all that is left of it without one, and write the operators.

    Raises UnableToAskForRefund for who may not buy for the studio, for a reason of none or more than 500 characters,
    after the days of the policy, for more than is left, while a bank decides, and while another request waits.
    """
    order = Order.objects.select_related("studio").select_for_update(no_key=True, of=("self",)).get(pk=line.order_id)
    if not Seat.objects.filter(studio=order.studio, person=by, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToAskForRefund(_("You cannot buy for %s: ask its owner for a buyer's seat.") % order.studio.name)
    reason = reason.strip()
    if not 0 < len(reason) <= WORDS_LIMIT:
        raise UnableToAskForRefund(_("Say why, in at most %d characters.") % WORDS_LIMIT)
    _check_time(order, now)
    if refunding.open_disputes(order.pk).exists():
        raise UnableToAskForRefund(_("Your bank is deciding about this payment: wait until it has."))
    if RefundRequest.objects.filter(line=line, answer=None).exists():
        raise UnableToAskForRefund(_("You have asked for a refund of this already: wait for the answer."))
    left_minor = left_to_ask(line)
    amount_minor = left_minor if amount_minor is None else amount_minor
    if not 0 < amount_minor <= left_minor:
        left = money_text(left_minor, order.currency)
        raise UnableToAskForRefund(
            _("%(left)s can be given back: ask for more than zero and no more.") % {"left": left}
        )
    number = RefundRequest.objects.filter(line=line).count() + 1
    made = RefundRequest.objects.create(
        line=line, number=number, amount_minor=amount_minor, reason=reason, by=by, asked_at=now
    )
    letters.tell_operators(made)
    return made


def _check_time(order: Order, now: datetime) -> None:
    until = open_until(order)
    if until is None:
        raise UnableToAskForRefund(_("Nothing was paid for this, so that nothing can be given back."))
    if now > until:
        raise UnableToAskForRefund(_("Refunds of this order could be asked for until %s.") % date_text(until))


def grant(
    *,
    request: RefundRequest,
    by: Person,
    now: datetime,
    amount_minor: int | None = None,
    words: str = "",
    reason: str = GRANTED,
) -> RefundAnswer:
    """This will grant a request, all that it asks for or less, and give the money back.

    Answer and intent are committed together before the gateway is called; `refunding.finish_refunds` goes on after a
    crash. `words` are for the buyer, `reason` is for the creators' statements. Raises UnableToAskForRefund for one that
    is answered and for more than was asked; UnableToRefundLine, or GatewayUnavailable when nobody knows yet.
    """
    with transaction.atomic():
        _lock(request)
        amount_minor = request.amount_minor if amount_minor is None else amount_minor
        if not 0 < amount_minor <= request.amount_minor:
            asked = money_text(request.amount_minor, request.line.order.currency)
            raise UnableToAskForRefund(_("The buyer asked for %s: give that back or less.") % asked)
        intent = refunding.intend(line=request.line, amount_minor=amount_minor, reason=reason, now=now)
        answer = _answer(request, RefundAnswer.GRANTED, words, by, now, intent)
    outcome = refunding.pay_back(intent=intent, now=now)
    if outcome.outcome == RefundOutcome.REFUSED:
        raise refunding.UnableToRefundLine(request.line, outcome.reason.rstrip("."))
    return answer


@transaction.atomic
def refuse(*, request: RefundRequest, words: str, by: Person, now: datetime) -> RefundAnswer:
    """This will refuse a request, in words that the buyer reads.

    Raises UnableToAskForRefund for one that is answered, and for no words or more than 500 characters of them.
    """
    if not words.strip():
        raise UnableToAskForRefund(_("Say why, in at most %d characters.") % WORDS_LIMIT)
    _lock(request)
    return _answer(request, RefundAnswer.REFUSED, words, by, now)


@transaction.atomic
def withdraw(*, request: RefundRequest, by: Person, now: datetime) -> RefundAnswer:
    """This will take a request back that nobody has answered; raises UnableToAskForRefund for one that is answered."""
    studio = request.line.order.studio
    if not Seat.objects.filter(studio=studio, person=by, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToAskForRefund(_("You cannot buy for %s: ask its owner for a buyer's seat.") % studio.name)
    _lock(request)
    return _answer(request, RefundAnswer.WITHDRAWN, "", by, now)


def _lock(request: RefundRequest) -> None:
    Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=request.line.order_id)
    if RefundAnswer.objects.filter(request=request).exists():
        raise UnableToAskForRefund(_("This request is answered already."))


def _answer(
    request: RefundRequest, kind: str, words: str, by: Person, now: datetime, refund: RefundIntent | None = None
) -> RefundAnswer:
    words = words.strip()
    if len(words) > WORDS_LIMIT:
        raise UnableToAskForRefund(_("Say why, in at most %d characters.") % WORDS_LIMIT)
    made = RefundAnswer.objects.create(request=request, answer=kind, words=words, refund=refund, by=by, at=now)
    if kind != RefundAnswer.WITHDRAWN:
        letters.tell_buyer(made)
    return made


@transaction.atomic
def give_otherwise(*, refund: RefundIntent, note: str, by: Person, now: datetime) -> RefundMended:
    """This will keep that what is owed of a refund which came back went to the buyer another way, out of our bank
    account.

    It is booked again as a refund, so that creators give their parts, and as a transfer from the bank. Raises
    UnableToAskForRefund for no note or more than 200 characters of it, and as `_lock_failed`.
    """
    note = note.strip()
    if not 0 < len(note) <= 200:
        raise UnableToAskForRefund(_("Say how it was given, in at most 200 characters."))
    amount_minor = _lock_failed(refund)
    if not amount_minor:
        raise UnableToAskForRefund(str(NOTHING_OWED))
    line, key = refund.line, f"{refund.key}:otherwise"
    line_money.refund_money(line=line, amount_minor=amount_minor, key=key, reason=refund.reason, now=now)
    record_bank_transfer(
        amount=Money(amount_minor, line.order.currency),
        paid_from=AccountKind.BANK,
        paid_to=AccountKind.PSP_BALANCE,
        reference=key,
        now=now,
    )
    if Deferral.objects.filter(source=line.source).exists():
        # What was paid ahead is given back out of what is collected; what is in the balance is put there for it.
        record_collected(amount_minor=-amount_minor, currency=line.order.currency, reference=key, now=now)
    return RefundMended.objects.create(refund=refund, note=note, amount_minor=amount_minor, by=by, at=now)


def try_again(*, refund: RefundIntent, by: Person, now: datetime) -> RefundMended:
    """This will give what is owed of a refund that came back to the buyer's card once more, as a refund of its own.

    Raises UnableToAskForRefund as `_lock_failed`; UnableToRefundLine, and GatewayUnavailable when nobody knows yet.
    """
    with transaction.atomic():
        amount_minor = _lock_failed(refund)
        if not amount_minor:
            raise UnableToAskForRefund(str(NOTHING_OWED))
        again = refunding.intend(line=refund.line, amount_minor=amount_minor, reason=refund.reason, now=now)
        mended = RefundMended.objects.create(refund=refund, again=again, by=by, at=now)
    outcome = refunding.pay_back(intent=again, now=now)
    if outcome.outcome == RefundOutcome.REFUSED:
        raise refunding.UnableToRefundLine(refund.line, outcome.reason.rstrip("."))
    return mended


@transaction.atomic
def settle(*, refund: RefundIntent, by: Person, now: datetime) -> RefundMended:
    """This will keep that nothing is owed of a refund which came back: the buyer has the money already.

    Raises UnableToAskForRefund where something is owed, and as `_lock_failed`.
    """
    if owed_minor := _lock_failed(refund):
        owed = money_text(owed_minor, refund.line.order.currency)
        raise UnableToAskForRefund(_("%s of it are owed to the buyer: give that back.") % owed)
    return RefundMended.objects.create(refund=refund, amount_minor=0, by=by, at=now)


def _lock_failed(refund: RefundIntent) -> int:
    """Locks the order of a refund that came back, and tells how much of it is owed.

    Raises UnableToAskForRefund for one that did not come back, one that is mended already, and while a bank decides.
    """
    Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=refund.line.order_id)
    if not refund.steps.filter(state=RefundStep.FAILED).exists():
        raise UnableToAskForRefund(_("This refund did not come back, so that there is nothing to give another way."))
    if RefundMended.objects.filter(refund=refund).exists():
        raise UnableToAskForRefund(_("It is kept already what was done about this refund."))
    if refunding.open_disputes(refund.line.order_id).exists():
        raise UnableToAskForRefund(_("The bank is deciding about this payment: wait until it has."))
    return owed_of(refund)
