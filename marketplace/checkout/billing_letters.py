"""Letters to who pays: a charge was declined or waits for them, a subscription ended, a trial ends. Each once.

A notice is a row; with it, in the same transaction, goes a job for each person who is told.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from marketplace.checkout import paying
from marketplace.checkout.attempts import PaymentAttempt, PaymentStep
from marketplace.checkout.gateways.base import HOSTED
from marketplace.checkout.models import Order, Subscription
from marketplace.checkout.subscription_models import PaymentNotice, SubscriptionCancelled, TrialLine
from marketplace.people.models import Person, Seat, Studio
from marketplace.ui.formats import date_text, money_text

DECLINED, ACTION, NO_CARD, ENDED, TRIAL = "declined", "action", "no-card", "ended", "trial"
TRIAL_ENDS_WITHIN = timedelta(days=3)
_AT_ONCE = 500


def tell_of_attempt(*, order: Order, attempt: PaymentAttempt, subscription: Subscription | None, now: datetime) -> None:
    """This will tell the buyer, once an attempt, that it was declined, or waits for them: their bank asks something, or
    no card is kept any more that could be charged."""
    if hasattr(attempt, "declined"):
        _tell(f"declined:{attempt.pk}", DECLINED, order, subscription, now)
        return
    step = paying.step_of(attempt)
    if step is not None and step.state == PaymentStep.ACTION:
        kind = NO_CARD if attempt.method == HOSTED else ACTION
        _tell(f"action:{attempt.pk}", kind, order, subscription, now)


def tell_of_end(*, order: Order, now: datetime) -> None:
    """This will tell the buyer, once, that an order was given up, and its subscription with it."""
    line = order.lines.exclude(subscription=None).select_related("subscription").first()
    _tell(f"ended:{order.pk}", ENDED, order, line.subscription if line else None, now)


def remind_of_trials(*, now: datetime) -> int:
    """This will tell studios whose trial ends within three days what is charged then; tells how many were told.

    Who has cancelled is not reminded.
    """
    rows = TrialLine.objects.filter(ends_at__gt=now, ends_at__lte=now + TRIAL_ENDS_WITHIN)
    rows = rows.filter(line__begun__end=None, line__begun__notices=None)
    stopped = SubscriptionCancelled.objects.filter(resumed=None).values("subscription")
    found = rows.exclude(line__begun__in=stopped).select_related("line__begun", "line__order")
    return sum(
        _tell(f"trial:{one.line.begun.pk}", TRIAL, one.line.order, one.line.begun, now)
        for one in found.order_by("ends_at", "line_id")[:_AT_ONCE]
    )


@transaction.atomic
def _tell(key: str, kind: str, order: Order, subscription: Subscription | None, now: datetime) -> bool:
    said = {"kind": kind, "order": order, "subscription": subscription, "at": now}
    notice, made = PaymentNotice.objects.get_or_create(key=key, defaults=said)
    if made:
        job = app.configure_task("checkout.tell_of_payment")
        for person in recipients(order.studio, order.buyer):
            job.defer(notice_id=notice.pk, person_id=str(person.pk))
    return made


def recipients(studio: Studio, buyer: Person) -> list[Person]:
    """This will list who is told: who bought, while they may buy for the studio, and its owners."""
    rows = Seat.objects.filter(studio=studio, person__is_active=True).select_related("person")
    owners = [one.person for one in rows.filter(role=Seat.OWNER).order_by("pk")]
    buyers = [one.person for one in rows.filter(person=buyer, role=Seat.BUYER)]
    return [*buyers, *owners]


def send_letter(*, notice_id: int, person_id: str) -> None:
    """This will write one person of a payment, in their language; raises OSError when the mail is not taken."""
    related = ("order__studio", "subscription__offer__release__pack__creator", "subscription__line")
    notice = PaymentNotice.objects.select_related(*related).get(pk=notice_id)
    person = Person.objects.get(pk=person_id)
    with translation.override(person.language):
        subject, body = letter(notice, person)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [person.email])


def letter(notice: PaymentNotice, person: Person) -> tuple[str, str]:
    """This will give subject and text of a letter, in the language that is active."""
    values = _values(notice) | {"person": person.display_name}
    subject, lines = _WRITE[notice.kind](notice.subscription is not None)
    said = [_("Hello %(person)s,"), *lines]
    return subject % values, "\n\n".join(line % values for line in said) + "\n"


def _values(notice: PaymentNotice) -> dict[str, str]:
    order, subscription = notice.order, notice.subscription
    assert order is not None
    attempt = paying.attempt_of(order)
    reason = attempt.declined.reason if attempt is not None and hasattr(attempt, "declined") else ""
    line = order.lines.exclude(starts_at=None).first()
    until = (line.starts_at if line and line.starts_at else order.placed_at) + timedelta(
        days=settings.SUBSCRIPTION_GRACE_DAYS
    )
    trial = TrialLine.objects.filter(line=subscription.line_id).first() if subscription else None
    return {
        "amount": money_text(order.total_minor, order.currency),
        "studio": order.studio.name,
        "pack": str(subscription.offer.release.pack) if subscription else "",
        "reason": _(reason) if reason else "",
        "until": date_text(until),
        "day": date_text(trial.ends_at) if trial else "",
        "pay": paying.page_of(order),
        "cards": f"{settings.SITE_URL}/payment-methods",
        "licenses": f"{settings.SITE_URL}/licenses",
    }


def _declined(subscribed: bool) -> tuple[str, list[str]]:
    if subscribed:
        return _("A renewal could not be paid: %(pack)s"), [
            _("the renewal of %(pack)s for %(studio)s could not be paid: %(amount)s. %(reason)s"),
            _("The license goes on until %(until)s. We try again in the next days, or pay it here: %(pay)s"),
            _("Your cards: %(cards)s"),
        ]
    return _("A bill for use could not be paid: %(amount)s"), [
        _("the bill of %(amount)s for what %(studio)s used could not be paid. %(reason)s"),
        _("We try again in the next days, or pay it here: %(pay)s"),
        _("Your cards: %(cards)s"),
    ]


def _action(subscribed: bool) -> tuple[str, list[str]]:
    del subscribed
    return _("Your bank asks you to confirm a payment: %(amount)s"), [
        _("the bank of %(studio)s asks that somebody confirms a payment of %(amount)s."),
        _("Confirm it here by %(until)s: %(pay)s"),
    ]


def _no_card(subscribed: bool) -> tuple[str, list[str]]:
    del subscribed
    return _("A payment needs a card: %(amount)s"), [
        _("%(studio)s keeps no card any more that a payment of %(amount)s could be made with."),
        _("Give one here by %(until)s: %(pay)s"),
    ]


def _ended(subscribed: bool) -> tuple[str, list[str]]:
    if subscribed:
        return _("A subscription has ended: %(pack)s"), [
            _("the subscription of %(studio)s to %(pack)s has ended, because its renewal was not paid."),
            _("Your licenses: %(licenses)s"),
        ]
    return _("A bill for use is not paid: %(amount)s"), [
        _("the bill of %(amount)s for what %(studio)s used is not paid. It will be on the bill of the next month."),
        _("Your cards: %(cards)s"),
    ]


def _trial(subscribed: bool) -> tuple[str, list[str]]:
    del subscribed
    return _("Your trial ends on %(day)s: %(pack)s"), [
        _("the trial of %(pack)s for %(studio)s ends on %(day)s. Then the first period is charged."),
        _("If you do not want that, cancel the subscription before: %(licenses)s"),
    ]


_WRITE = {DECLINED: _declined, ACTION: _action, NO_CARD: _no_card, ENDED: _ended, TRIAL: _trial}
