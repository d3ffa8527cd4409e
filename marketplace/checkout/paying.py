"""From an intent to take money to what came of it: tries, what they wait for, and their one end.

A gateway is only called outside transactions, with a key that is committed. What it says is written by `note`,
whoever heard it first: the buyer's browser, the worker, or the gateway's own message.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import fulfilling
from marketplace.checkout.attempts import AttemptDeclined, PaymentAttempt, PaymentStep, StrayPayment
from marketplace.checkout.disputes import Contradiction
from marketplace.checkout.gateways.base import (
    ACTION,
    DECLINED,
    PENDING,
    SUCCEEDED,
    Charge,
    GatewayUnavailable,
)
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.money_asked import asked_of as asked_of
from marketplace.checkout.money_asked import is_off_session as is_off_session
from marketplace.checkout.money_asked import page_of as page_of
from marketplace.checkout.placing import gateway, gateway_of, token_of
from marketplace.database.locks import alone
from marketplace.database.paging import each
from marketplace.payouts.connected.charges import record_charged

log = logging.getLogger(__name__)

OPEN_FOR = timedelta(hours=24)
"""How long after it was placed an order waits for its buyer."""
FIRST_LOOK = timedelta(seconds=5)
LAST_LOOK = timedelta(hours=1)
"""How soon we ask what became of a payment that waits; each time it is twice as long, up to this."""
_ASKS = 1_208_553_017
"""The lock of those who ask for the money of a try, together, and of who calls it off, alone."""
_CHARGES = ("ch_", "py_")
"""How references begin that transfers to creators may draw on."""
CANCELLED = gettext_noop("The order was cancelled before it was paid.")
EXPIRED = gettext_noop("The order was not paid within a day.")


class UnableToPay(Exception):
    """The order cannot be paid, or called off, so; nothing was written."""

    code = "unable-to-pay"

    def __init__(self, order: Order, reason: str) -> None:
        super().__init__(reason)
        self.order, self.reason = order, reason


class PaymentWaits(Exception):
    """The payment waits for the buyer or for the bank, and what was asked for needs it to be paid."""

    code = "payment-waiting"

    def __init__(self, order: Order) -> None:
        self.order, self.url = order, page_of(order)
        super().__init__(_("The payment is not finished: go on with it at %(url)s, then ask again.") % vars(self))


def attempt_of(order: Order) -> PaymentAttempt | None:
    """This will find the newest try of an order; it has `.declined` if it takes no money any more."""
    return order.attempts.select_related("declined").order_by("-number").first()


def step_of(attempt: PaymentAttempt) -> PaymentStep | None:
    """This will find what a try waits for."""
    return attempt.steps.order_by("-id").first()


def pay(*, order: Order, now: datetime) -> PaymentOutcome | None:
    """This will bring an order as far as it goes: call the gateway outside any transaction, then write what it said.

    None where it waits: for the buyer, for the bank, or for another try after one that was declined. Raises
    GatewayUnavailable when nobody knows yet.
    """
    if outcome := PaymentOutcome.objects.filter(order=order).first():
        return outcome
    attempt = attempt_of(order)
    if attempt is None:
        return _free(order, now)
    if hasattr(attempt, "declined"):
        return None
    attempt.order = order
    return _ask(attempt, now)


def _ask(attempt: PaymentAttempt, now: datetime) -> PaymentOutcome | None:
    lines = fulfilling.lines_of(attempt.order)
    asked, step = asked_of(attempt, lines), step_of(attempt)
    if step is not None:
        charge = gateway_of(attempt.gateway).standing(asked=asked, reference=step.reference, now=now)
        return note(attempt=attempt, charge=charge, now=now, lines=lines)
    with alone(_ASKS, attempt.key, shared=True) as may_ask:
        if not may_ask:
            raise GatewayUnavailable("it is being called off")
        outcome = PaymentOutcome.objects.filter(order=attempt.order_id).first()
        if outcome is not None or AttemptDeclined.objects.filter(attempt=attempt).exists():
            return outcome
        charge = gateway_of(attempt.gateway).charge(payment=asked, now=now)
    return note(attempt=attempt, charge=charge, now=now, lines=lines)


@contextmanager
def _nobody_asks(attempt: PaymentAttempt) -> Iterator[None]:
    """Lets nobody ask for a try while it is called off and ended, of which nobody heard; raises GatewayUnavailable
    where somebody does just now."""
    if step_of(attempt) is not None:
        yield
        return
    with alone(_ASKS, attempt.key) as is_mine:
        if not is_mine:
            raise GatewayUnavailable("it is being asked for, or called off")
        yield


def note(
    *, attempt: PaymentAttempt, charge: Charge, now: datetime, lines: Sequence[OrderLine] | None = None
) -> PaymentOutcome | None:
    """This will write what a gateway said of a try: in any order, and as often as it is said.

    Money that came is never forgotten: it pays the order, whichever try it is of, or where the order is over it is a
    stray payment that goes back. Returns the order's outcome, None while it has none.
    """
    with transaction.atomic():
        Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=attempt.order_id)
        outcome = PaymentOutcome.objects.filter(order=attempt.order_id).first()
        if charge.state == SUCCEEDED:
            return _paid(attempt, charge, outcome, lines, now)
        if outcome is not None or AttemptDeclined.objects.filter(attempt=attempt).exists():
            return outcome
        if charge.state == DECLINED:
            return _declined(attempt, charge, now)
        _waits(attempt, charge, now)
        return None


def _paid(
    attempt: PaymentAttempt,
    charge: Charge,
    outcome: PaymentOutcome | None,
    lines: Sequence[OrderLine] | None,
    now: datetime,
) -> PaymentOutcome:
    order = attempt.order
    if outcome is None:
        try:
            with transaction.atomic():
                return _granted(attempt, charge, lines or fulfilling.lines_of(order), now)
        except fulfilling.REFUSALS as error:
            log.error("the order %s is paid and cannot be granted any more: %s", order.pk, error)
            outcome = _give_up(order, Charge("", DECLINED, str(error)), PaymentOutcome.REFUSED, now)
    is_of_another = outcome.attempt_id != attempt.pk or outcome.outcome == PaymentOutcome.DECLINED
    names = {charge.reference, outcome.reference}
    is_second = len(names) == 2 and all(name.startswith(_CHARGES) for name in names)
    if order.total_minor and (is_of_another or is_second):
        _strayed(attempt, charge, now)
    return outcome


def _strayed(attempt: PaymentAttempt, charge: Charge, now: datetime) -> None:
    """Keeps money that is for nothing, so that it goes back; once for a charge, and of one try the first."""
    order = attempt.order
    if StrayPayment.objects.filter(reference=charge.reference).exists():
        return
    if StrayPayment.objects.filter(attempt=attempt).exists():
        log.critical("%s took money once more (%s): give it back by hand", attempt.key, charge.reference)
        said = {"order": order, "amount_minor": order.total_minor, "at": now}
        named = {"kind": "payment", "reference": charge.reference, "said": "paid once more"}
        Contradiction.objects.get_or_create(**named, defaults=said)
        return
    log.error("money came for the order %s, which is over: it goes back", order.pk)
    StrayPayment.objects.create(
        attempt=attempt,
        reference=charge.reference,
        amount_minor=order.total_minor,
        currency=order.currency,
        at=now,
    )


def _granted(attempt: PaymentAttempt, charge: Charge, lines: Sequence[OrderLine], now: datetime) -> PaymentOutcome:
    order = attempt.order
    outcome = PaymentOutcome.objects.create(
        order=order,
        attempt=attempt,
        outcome=PaymentOutcome.SUCCEEDED if order.total_minor else PaymentOutcome.FREE,
        reference=charge.reference if order.total_minor else "",
        method=charge.method_token,
        at=now,
    )
    fulfilling.fulfill(order, lines, now, method=charge.method_token)
    if charge.reference.startswith(_CHARGES):
        record_charged(charge=charge.reference, sources=[line.source for line in lines], now=now)
    return outcome


def _declined(attempt: PaymentAttempt, charge: Charge, now: datetime) -> PaymentOutcome | None:
    """Ends a try, and with it the order where its buyer cannot choose another card on the order's page."""
    waited = attempt.steps.exists()
    AttemptDeclined.objects.create(attempt=attempt, reference=charge.reference, reason=charge.reason[:300], at=now)
    if stays_open(attempt, waited, now):
        return None
    return _give_up(attempt.order, charge, "", now)


def stays_open(attempt: PaymentAttempt, waited: bool, now: datetime) -> bool:
    """This will tell whether an order is tried again after this try was declined.

    A card that is declined at once, as the order is placed, ends the order: the form is still there. Who has been led
    on to the order's page chooses another card there, for a day. What is charged while nobody is there is tried again
    in days to come, and given up by who does that (past_due.py).
    """
    if is_off_session(attempt.order):
        return True
    return (waited or attempt.number > 1) and now < attempt.order.placed_at + OPEN_FOR


def _give_up(order: Order, charge: Charge, cause: str, now: datetime) -> PaymentOutcome:
    fulfilling.let_go(order, now)
    return PaymentOutcome.objects.create(
        order=order,
        attempt=attempt_of(order),
        outcome=PaymentOutcome.DECLINED,
        cause=cause,
        reference=charge.reference,
        reason=charge.reason[:300],
        at=now,
    )


def _waits(attempt: PaymentAttempt, charge: Charge, now: datetime) -> None:
    """Keeps what a try waits for where that is news, or where it was time to look."""
    newest, count = step_of(attempt), attempt.steps.count()
    if newest is not None and (newest.state, charge.state) == (PaymentStep.PENDING, ACTION):
        # An older message: what the bank decides about, the buyer has answered.
        charge = Charge(newest.reference, newest.state, reason=newest.reason, url=newest.url)
    told = (charge.state, charge.reference, charge.url)
    if newest is not None and told == (newest.state, newest.reference, newest.url) and now < newest.look_at:
        return
    wait = min(LAST_LOOK, FIRST_LOOK * 2 ** min(count, 12))
    PaymentStep.objects.create(
        attempt=attempt,
        state=charge.state,
        reference=charge.reference,
        url=charge.url,
        reason=charge.reason[:300],
        look_at=now + wait,
        at=now,
    )


def _free(order: Order, now: datetime) -> PaymentOutcome:
    """Grants what costs nothing; of two at once, one writes and the other reads."""
    with transaction.atomic():
        Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=order.pk)
        if outcome := PaymentOutcome.objects.filter(order=order).first():
            return outcome
        outcome = PaymentOutcome.objects.create(order=order, outcome=PaymentOutcome.FREE, reference="", at=now)
        fulfilling.fulfill(order, fulfilling.lines_of(order), now)
        return outcome


def try_again(*, order: Order, method: str, now: datetime) -> PaymentOutcome | None:
    """This will pay an order with another card, after the one before was declined; as `pay` otherwise.

    Raises UnableToPay where the order is over or a try of it still runs, UnableToUseMethod, GatewayUnavailable.
    """
    return retry(order=order, token=token_of(order.studio, method), now=now)


def retry(*, order: Order, token: str, now: datetime) -> PaymentOutcome | None:
    """This will pay an order with a method that the gateway named before; `try_again` says the rest."""
    with transaction.atomic():
        Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=order.pk)
        newest = attempt_of(order)
        if newest is None or PaymentOutcome.objects.filter(order=order).exists():
            raise UnableToPay(order, _("The order is over: place a new one."))
        if not hasattr(newest, "declined"):
            raise UnableToPay(order, _("A payment of this order is on its way: wait for it, or call it off first."))
        number = newest.number + 1
        PaymentAttempt.objects.create(
            order=order,
            number=number,
            gateway=gateway().name,
            key=f"order:{order.pk}:{number}",
            method=token,
            intended_at=now,
        )
    return pay(order=order, now=now)


def cancel_order(*, order: Order, now: datetime) -> PaymentOutcome:
    """This will give an order up before it is paid, and free what it took. Where the gateway says that it was paid
    meanwhile, it is paid.

    Raises UnableToPay where a bank is deciding and cannot be stopped, and GatewayUnavailable.
    """
    return _end(order, PaymentOutcome.CANCELLED, CANCELLED, now)


def give_up(*, order: Order, now: datetime) -> PaymentOutcome:
    """This will end an order whose tries were declined, as one that was declined; else as `cancel_order`."""
    newest = attempt_of(order)
    reason = newest.declined.reason if newest is not None and hasattr(newest, "declined") else ""
    return _end(order, "", reason, now)


def expire(*, order: Order, now: datetime) -> PaymentOutcome | None:
    """This will give up an order whose buyer did not pay it in time; None where a bank is still deciding."""
    try:
        return _end(order, PaymentOutcome.EXPIRED, EXPIRED, now)
    except UnableToPay:
        return None


def _end(order: Order, cause: str, reason: str, now: datetime) -> PaymentOutcome:
    if outcome := PaymentOutcome.objects.filter(order=order).first():
        return outcome
    attempt = attempt_of(order)
    if attempt is None:
        return _free(order, now)
    attempt.order = order
    with _nobody_asks(attempt):
        return _end_attempt(order, attempt, cause, reason, now)


def _end_attempt(order: Order, attempt: PaymentAttempt, cause: str, reason: str, now: datetime) -> PaymentOutcome:
    if not AttemptDeclined.objects.filter(attempt=attempt).exists():
        charge = _called_off(attempt, now)
        if charge.state == SUCCEEDED:
            outcome = note(attempt=attempt, charge=charge, now=now)
            assert outcome is not None
            return outcome
        if charge.state != DECLINED:
            raise UnableToPay(order, _("The bank is deciding about the payment: it cannot be called off now."))
    with transaction.atomic():
        Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=order.pk)
        if outcome := PaymentOutcome.objects.filter(order=order).first():
            return outcome
        newest = attempt_of(order)
        if newest is None or newest.pk != attempt.pk:
            raise UnableToPay(order, _("A payment of this order is on its way: wait for it, or call it off first."))
        AttemptDeclined.objects.get_or_create(attempt=attempt, defaults={"reference": "", "reason": reason, "at": now})
        return _give_up(order, Charge(reference="", state=DECLINED, reason=reason), cause, now)


def call_off_spares(*, now: datetime) -> int:
    """This will call off tries that still run while an older one has paid their order, so that nobody pays twice; tells
    how many take no money any more. One that took it already is a stray payment."""
    later = PaymentStep.objects.filter(attempt=OuterRef("pk"), look_at__gt=now)
    rows = PaymentAttempt.objects.filter(number__gte=2, order__outcome__isnull=False, outcome=None, declined=None)
    rows = rows.filter(stray=None).exclude(Exists(later)).select_related("order__studio", "order__buyer")
    ended = 0
    for attempt in each(rows, "intended_at"):
        try:
            ended += _spared(attempt, now)
        except GatewayUnavailable as error:
            log.log(error.level(attempt.key), "%s still runs: %s", attempt.key, error)
        except Exception:
            log.exception("%s still runs", attempt.key)
    return ended


def _spared(attempt: PaymentAttempt, now: datetime) -> bool:
    with _nobody_asks(attempt):
        return _spare(attempt, now)


def _spare(attempt: PaymentAttempt, now: datetime) -> bool:
    charge = _called_off(attempt, now)
    if charge.state == SUCCEEDED:
        note(attempt=attempt, charge=charge, now=now)
    elif charge.state == DECLINED:
        said = {"reference": charge.reference, "reason": charge.reason[:300], "at": now}
        AttemptDeclined.objects.get_or_create(attempt=attempt, defaults=said)
    else:
        _waits(attempt, charge, now)
    return charge.state in (SUCCEEDED, DECLINED)


def _called_off(attempt: PaymentAttempt, now: datetime) -> Charge:
    """Asks the gateway to take no money for a try; one that it never answered is looked for, and never asked anew."""
    asked, step = asked_of(attempt, fulfilling.lines_of(attempt.order)), step_of(attempt)
    port = gateway_of(attempt.gateway)
    charge = port.cancel(asked=asked, reference=step.reference if step else "", now=now)
    if step is None and charge.state in (ACTION, PENDING):
        note(attempt=attempt, charge=charge, now=now)
    return charge
