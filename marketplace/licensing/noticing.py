"""Telling studios in time that a license ends, has ended, or was renewed: each once, by e-mail.

A notice is a row; with it, in the same transaction, goes a job for each person who is told (tasks.py). A crash before
that loses nothing; one while a letter is handed over may lose that letter, and never sends it twice.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from marketplace.licensing.holdings import Notice
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.queries import with_status
from marketplace.people.models import Person, Seat
from marketplace.ui.formats import date_text

ENDS_30, ENDS_7, ENDED, RENEWED = "ends-30", "ends-7", "ended", "renewed"
_FINAL = (GrantStatus.REVOKED, GrantStatus.SUPERSEDED)
_MOST_AT_ONCE = 500
# What ended long ago, before anybody was told of such things, is not news.
_NEWS = timedelta(days=30)
# Subscriptions are renewed at their end; only when that did not happen is there anything to tell.
_RENEWING = timedelta(days=1)
_SUBSCRIBED = ("monthly", "yearly")
# How the source of a license begins that goes on while a renewal is not paid: of that letters of their own tell.
_GRACE = "grace:"


def give_notices(*, now: datetime) -> int:
    """This will tell each studio of licenses that end in 30 or 7 days, have ended, or were renewed; gives how many.

    Shorter licenses are not said to end in 30 days when they begin, nor monthly ones every month.
    """
    return sum(_give(grant, kind, now) for kind, due in _DUE.items() for grant in _fresh(due(now), kind))


def _ending(now: datetime) -> QuerySet[Grant]:
    """Licenses that have an end and nothing after it."""
    follower = Grant.objects.filter(replaces=OuterRef("pk"))
    return with_status(Grant.objects.filter(ends_at__isnull=False)).exclude(status__in=_FINAL).filter(~Exists(follower))


def _soon(days: int, after: int) -> Callable[[datetime], QuerySet[Grant]]:
    """Those that end within so many days, but not within `after`, and were longer than that."""
    least = timedelta(days=days)

    def due(now: datetime) -> QuerySet[Grant]:
        return (
            _ending(now)
            .filter(ends_at__gt=now + timedelta(days=after), ends_at__lte=now + least)
            .filter(starts_at__lt=F("ends_at") - least)
            .exclude(offer__model="monthly")
            .exclude(source__startswith=_GRACE)
        )

    return due


def _ended(now: datetime) -> QuerySet[Grant]:
    rows = _ending(now).filter(ends_at__gt=now - _NEWS, ends_at__lte=now)
    return rows.exclude(offer__model__in=_SUBSCRIBED, ends_at__gt=now - _RENEWING)


def _renewed(now: datetime) -> QuerySet[Grant]:
    rows = Grant.objects.filter(kind=Grant.RENEWAL, granted_at__gt=now - _NEWS, granted_at__lte=now)
    return rows.exclude(source__startswith=_GRACE)


_DUE: dict[str, Callable[[datetime], QuerySet[Grant]]] = {
    ENDS_30: _soon(30, after=7),
    ENDS_7: _soon(7, after=0),
    ENDED: _ended,
    RENEWED: _renewed,
}


def _fresh(rows: QuerySet[Grant], kind: str) -> QuerySet[Grant]:
    told = Notice.objects.filter(grant=OuterRef("pk"), kind=kind)
    return rows.filter(~Exists(told)).order_by("ends_at", "id")[:_MOST_AT_ONCE]


def _give(grant: Grant, kind: str, now: datetime) -> bool:
    """Writes the notice and the letters to be sent, together; tells whether nobody had before."""
    try:
        with transaction.atomic():
            notice = Notice.objects.create(grant=grant, kind=kind, at=now)
            for person in _told(grant):
                app.configure_task("licensing.send_notice").defer(notice_id=notice.pk, person_id=str(person))
    except IntegrityError:  # licensing_notice_is_given_once: another worker was faster
        return False
    return True


def _told(grant: Grant) -> list[UUID]:
    seats = Seat.objects.filter(studio=grant.studio_id, role__in=[Seat.OWNER, Seat.BUYER], person__is_active=True)
    return list(seats.order_by("id").values_list("person_id", flat=True))


def send_letter(*, notice_id: int, person_id: UUID) -> None:
    """This will write one person, in their language, what a notice is about; raises OSError when mail is not taken."""
    notice = Notice.objects.select_related(
        "grant__release__pack__creator", "grant__studio", "grant__terms", "grant__offer"
    ).get(pk=notice_id)
    person = Person.objects.get(pk=person_id)
    with translation.override(person.language):
        subject, body = letter(notice, person)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [person.email])


def letter(notice: Notice, person: Person) -> tuple[str, str]:
    """This will give subject and text of what a person is told, in the language that is active."""
    grant = notice.grant
    assert grant.ends_at is not None or notice.kind == RENEWED
    values = {
        "person": person.display_name,
        "pack": str(grant.release.pack),
        "version": grant.release.version,
        "studio": grant.studio.name,
        "terms": grant.terms.name,
        "day": date_text(grant.ends_at) if grant.ends_at else "",
        "first": date_text(grant.starts_at),
        "address": f"{settings.SITE_URL}/licenses/{grant.pk}",
    }
    subject, said = _words(notice.kind, grant)
    lines = [
        _("Hello %(person)s,"),
        said,
        _("The license: %(address)s"),
        _("You get this because you buy for %(studio)s. Each notice is sent once."),
    ]
    return subject % values, "\n\n".join(line % values for line in lines) + "\n"


def _words(kind: str, grant: Grant) -> tuple[str, str]:
    if kind == RENEWED:
        return (
            _("Renewed: %(pack)s"),
            _("the license of %(studio)s for %(pack)s %(version)s under “%(terms)s” was renewed from %(first)s on."),
        )
    if kind == ENDED:
        return (
            _("Ended: %(pack)s"),
            _(
                "the license of %(studio)s for %(pack)s %(version)s under “%(terms)s” ended on %(day)s. What it allowed"
                " is not allowed any more; you can renew it."
            ),
        )
    if grant.offer.model in _SUBSCRIBED:
        return (
            _("The subscription to %(pack)s is paid until %(day)s"),
            _(
                "the subscription of %(studio)s to %(pack)s %(version)s under “%(terms)s” is paid until %(day)s. It is"
                " renewed then at the price of that day, unless you have canceled it or cancel it before."
            ),
        )
    return (
        _("The license for %(pack)s ends on %(day)s"),
        _(
            "the license of %(studio)s for %(pack)s %(version)s under “%(terms)s” ends on %(day)s. Renew it before then"
            " if you go on using it."
        ),
    )
