"""What becomes of a license when the money for it went back."""

from datetime import datetime

from django.utils.translation import gettext as _

from marketplace.checkout import line_money, subscriptions, worth
from marketplace.checkout.models import OrderLine, SubscriptionEnd
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries as licensing_queries
from marketplace.licensing.models import Grant, GrantStatus


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


def is_given_back(line: OrderLine) -> bool:
    """This will tell whether nothing stays paid for what a line licensed: neither its price, nor credit that it took
    over. Until then a license goes on: what came back was a part of it, such as seats that were added."""
    return not line_money.left_of_line(line) and not worth.credit_left(line)


def goes_on(line: OrderLine) -> bool:
    """This will tell whether a license goes on when all of a line's price is given back."""
    return worth.credit_left(line) > 0


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
