"""What becomes of a license when the money for it went back."""

import logging
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.checkout import subscriptions, worth
from marketplace.checkout.models import OrderLine, SubscriptionEnd, SubscriptionSeats
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries as licensing_queries
from marketplace.licensing.models import Grant, GrantStatus

log = logging.getLogger(__name__)


def held(line: OrderLine) -> Grant | None:
    """This will find the license that a payment stands behind: where it was passed on, the one that the other studio
    has, and where it was upgraded, the one that took it over as credit."""
    grant = line.replaces if line.kind == OrderLine.USAGE else Grant.objects.filter(source=line.source).first()
    while grant is not None:
        newest = GrantStatus.objects.filter(grant=grant).order_by("-id").first()
        follower = grant.followers.exclude(kind=Grant.RENEWAL).order_by("granted_at", "id").first()
        if newest is None or newest.status != GrantStatus.SUPERSEDED or follower is None:
            return grant
        grant = follower
    return None


def take_back(line: OrderLine, reason: str, now: datetime, *, leaves_later: bool = False) -> bool:
    """This will take the license that a line stands behind, once its price has gone back; tells whether it did.

    Where credit that the line took over still stands, what stays paid is not taken: the license that was upgraded, or
    had fewer seats, is there again, to its own end. One that took its place since goes on, and so does one whose former
    cannot be granted any more. The subscription that the license came of ends; with `leaves_later` it goes on where the
    license's own time is over.
    """
    grant = held(line)
    if grant is None:
        return False
    former = line.replaces if worth.credit_left(line) else None
    if former is not None and grant.source != line.source:
        return False
    if former is not None and (former.ends_at is None or former.ends_at > now):
        return _restored(line, grant, former, now)
    is_over = grant.ends_at is not None and grant.ends_at <= now
    revoke(grant, reason, now, with_renewals=not (leaves_later and is_over))
    return True


def _restored(line: OrderLine, taken: Grant, former: Grant, now: datetime) -> bool:
    """Grants what was there before an upgrade, in its place and for nothing; tells whether that could be."""
    ended = [] if line.subscription_id else list(subscriptions.of_grants([taken]))
    try:
        with transaction.atomic():
            licensing.grant(
                offer=former.offer,
                studio=former.studio,
                source=f"{worth.RESTORED}{line.pk}",
                now=now,
                ordered_at=former.ordered_at or former.granted_at,
                seats=former.seats,
                project=former.project,
                starts_at=max(former.starts_at, now),
                ends_at=former.ends_at,
                kind=Grant.UPGRADE,
                replaces=taken,
                price_minor=0,
                currency=former.currency,
            )
    except (licensing.UnableToGrant, licensing.UnableToGrantExclusively) as error:
        log.error("%s is given back, and its license goes on: %s", line.source, error)
        return False
    for subscription in ended:
        subscriptions.end(subscription, SubscriptionEnd.REVOKED, now=now)
    if line.subscription is not None:
        by = line.order.buyer
        SubscriptionSeats.objects.create(subscription=line.subscription, seats=former.seats, by=by, at=now)
    return True


def comes_back(line: OrderLine, now: datetime) -> bool:
    """This will tell whether the license that was there before is there again when all of a line is given back."""
    former, there = line.replaces, held(line)
    is_over = former is None or (former.ends_at is not None and former.ends_at <= now)
    return not is_over and there is not None and there.source == line.source and worth.credit_left(line) > 0


def goes_on(line: OrderLine) -> bool:
    """This will tell whether what took a license's place goes on when all of the line is given back."""
    there = held(line)
    return there is not None and there.source != line.source and worth.credit_left(line) > 0


def ends_along(line: OrderLine) -> str:
    """This will say which other license ends when all of a line is given back, in the language that is active; "" where
    there is none."""
    there = held(line) if line.kind != OrderLine.USAGE else None
    if there is None or there.source == line.source or goes_on(line):
        return ""
    if licensing_queries.status_of(there) == GrantStatus.REVOKED:
        return ""
    if there.studio_id != line.order.studio_id:
        said = _("The license was passed on: when all of its price is given back, the one that %(studio)s has ends.")
        return said % {"studio": there.studio.name}
    said = _("The license was upgraded: when all of its price is given back, the license %(license)s ends too.")
    return said % {"license": there.pk}


def mark(grant: Grant, status: str, reason: str, now: datetime) -> str:
    """This will say what happened to a license, and return how it stands: what was revoked or replaced stays so."""
    newest = GrantStatus.objects.filter(grant=grant).order_by("-id").first()
    if newest is not None and newest.status in (GrantStatus.REVOKED, GrantStatus.SUPERSEDED):
        return newest.status
    licensing.set_status(grant=grant, status=status, reason=reason, now=now)
    return status


def revoke(grant: Grant, reason: str, now: datetime, *, with_renewals: bool = True) -> None:
    """This will revoke a license whose payment was taken back; unless another took its place, renewals end."""
    if mark(grant, GrantStatus.REVOKED, reason, now) == GrantStatus.REVOKED and with_renewals:
        for subscription in subscriptions.of_grants([grant]):
            subscriptions.end(subscription, SubscriptionEnd.REVOKED, now=now)
