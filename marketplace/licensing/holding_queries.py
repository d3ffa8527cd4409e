"""Questions about what goes with licenses: projects, seats, use, who replaced whom, what is taken; none writes."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from marketplace.licensing import exclusivity
from marketplace.licensing.holdings import Exclusivity, Project, SeatAssignment, UsageReport
from marketplace.licensing.models import Grant, Offer
from marketplace.people.models import Studio


def projects_of(studios: Iterable[Studio]) -> list[Project]:
    """This will list projects by name, each with `.license_count`: of how many licenses it is the only project."""
    rows = Project.objects.filter(studio__in=list(studios)).annotate(license_count=Count("grants"))
    return list(rows.select_related("studio").order_by("name", "id"))


def project_of(studios: Iterable[Studio], project_id: UUID | str) -> Project | None:
    """This will find a project of one of the studios; to everybody else it does not exist."""
    return Project.objects.filter(studio__in=list(studios), pk=project_id).select_related("studio").first()


def seats_of(grant: Grant) -> list[SeatAssignment]:
    """This will list who has a license's seats now, each with `.person`, the longest first."""
    return list(SeatAssignment.objects.filter(grant=grant, released_at=None).select_related("person").order_by("id"))


def usage_of(grant: Grant) -> list[UsageReport]:
    """This will list what was reported under a license, the oldest first."""
    return list(UsageReport.objects.filter(grant=grant))


def chain_of(grant: Grant) -> list[Grant]:
    """This will list the licenses that led to this one and that followed it, this one among them, the oldest first."""
    former, one = [], grant
    while one.replaces is not None:
        one = one.replaces
        former.append(one)
    later, newest = [], follower_of(grant)
    while newest is not None:
        later.append(newest)
        newest = follower_of(newest)
    return [*reversed(former), grant, *later]


def follower_of(grant: Grant) -> Grant | None:
    """This will find the newest license that renewed this one or took its place."""
    return Grant.objects.filter(replaces=grant).order_by("-granted_at", "-id").first()


def taken_against(*, offer: Offer, studio: Studio | None, now: datetime) -> Exclusivity | None:
    """This will find what others have exclusively that stands against an offer now; `during.upper` says until when.

    Against an exclusive offer, what the studio itself has stands too.
    """
    terms = exclusivity.terms_of(offer)
    but = None if terms.exclusive else studio
    return exclusivity.standing(terms=terms, pack=offer.release.pack_id, starts_at=now, ends_at=None, but=but)
