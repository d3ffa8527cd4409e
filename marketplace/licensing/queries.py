"""Questions about licenses; none writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, Max, OuterRef, Prefetch, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.catalog.queries import place
from marketplace.licensing import rules, statuslists
from marketplace.licensing.holdings import SeatAssignment
from marketplace.licensing.models import Download, Grant, GrantStatus, Offer, TermsText
from marketplace.licensing.pricing import BILLED_LATER
from marketplace.licensing.pricing_queries import with_prices
from marketplace.licensing.terms.document import read_terms
from marketplace.licensing.terms.model import Terms
from marketplace.people.models import Studio

PAGE_SIZE = 50


def terms_of(text: TermsText) -> Terms:
    """This will read stored terms back into data."""
    return read_terms(bytes(text.document))


def live_offers(release: Release) -> Sequence[Offer]:
    """This will list what a release is sold under now, cheapest first."""
    return list(
        Offer.objects.filter(release=release, withdrawal=None)
        .select_related("terms")
        .order_by("currency", "price_minor", "id")
    )


def cheapest(releases: Iterable[Release]) -> dict[UUID, Offer]:
    """This will find the lowest paid or free offer of each release, in one query."""
    rows = (
        Offer.objects.filter(release__in=list(releases), withdrawal=None)
        .order_by("release_id", "price_minor", "id")
        .distinct("release_id")
    )
    return {row.release_id: row for row in rows}


def lowest_now(releases: Iterable[Release], now: datetime) -> dict[UUID, Offer]:
    """This will find the offer of each release that costs the least now, each with `.now` and `.regular_minor`.

    What is billed later or priced on request has no price to compare, and is left out.
    """
    live = Offer.objects.filter(release__in=list(releases), withdrawal=None).select_related("terms")
    priced = with_prices(live.exclude(model__in=[*BILLED_LATER, "on-request"]), now)
    found: dict[UUID, Offer] = {}
    for one in sorted(priced, key=lambda one: (one.now.price_minor, str(one.pk))):  # type: ignore[attr-defined]
        found.setdefault(one.release_id, one)
    return found


def offer(offer_id: UUID | str) -> Offer | None:
    """This will find a live offer with everything that a checkout shows."""
    return (
        Offer.objects.filter(pk=offer_id, withdrawal=None)
        .select_related("terms", "release__pack__creator", "release__split")
        .first()
    )


def offers(ids: Iterable[UUID]) -> dict[UUID, Offer]:
    """This will find offers by id, the withdrawn ones too, each with `withdrawal` at hand; one query for all."""
    rows = Offer.objects.filter(pk__in=list(ids)).select_related(
        "terms", "release__pack__creator", "release__split", "withdrawal"
    )
    return {row.pk: row for row in rows}


EXPIRED, UPCOMING = "expired", "upcoming"
STATES = (
    GrantStatus.ACTIVE,
    UPCOMING,
    EXPIRED,
    GrantStatus.SUSPENDED,
    GrantStatus.REVOKED,
    GrantStatus.SUPERSEDED,
)
"""What a license can be at a moment: what happened to it, and where its own days put it."""


def with_status(rows: QuerySet[Grant]) -> QuerySet[Grant]:
    """This will give each grant `.status`: what last happened to it."""
    newest = GrantStatus.objects.filter(grant=OuterRef("pk")).order_by("-id").values("status")[:1]
    return rows.annotate(status=Coalesce(Subquery(newest), Value(GrantStatus.ACTIVE)))


def with_state(rows: QuerySet[Grant], now: datetime) -> QuerySet[Grant]:
    """This will give each grant `.status` and `.state`, one of STATES: what it is at a moment."""
    state = Case(
        When(status__in=[GrantStatus.REVOKED, GrantStatus.SUPERSEDED], then=F("status")),
        When(ends_at__lte=now, then=Value(EXPIRED)),
        When(status=GrantStatus.SUSPENDED, then=F("status")),
        When(starts_at__gt=now, then=Value(UPCOMING)),
        default=Value(GrantStatus.ACTIVE),
    )
    return with_status(rows).annotate(state=state)


def state_of(grant: Grant, now: datetime) -> str:
    """This will tell what a grant is at a moment, one of STATES."""
    status = status_of(grant)
    if status in (GrantStatus.REVOKED, GrantStatus.SUPERSEDED):
        return status
    if grant.ends_at is not None and grant.ends_at <= now:
        return EXPIRED
    return UPCOMING if status == GrantStatus.ACTIVE and grant.starts_at > now else status


def _grants(now: datetime | None = None) -> QuerySet[Grant]:
    covers = ReleaseAsset.objects.filter(is_cover=True).select_related("asset").prefetch_related("asset__previews")
    return (
        with_state(Grant.objects.all(), now or timezone.now())
        .select_related("offer", "terms", "studio", "project", "release__pack__creator")
        .prefetch_related(Prefetch("release__assets", queryset=covers, to_attr="covers"))
    )


def grants_of(
    studios: Iterable[Studio],
    *,
    after: str = "",
    size: int = PAGE_SIZE,
    pack: str = "",
    status: str = "",
    state: str = "",
    project: UUID | str | None = None,
    ending_before: datetime | None = None,
    now: datetime | None = None,
) -> tuple[list[Grant], str | None]:
    """This will list what studios hold, newest first, by keyset over (granted_at, id).

    Each grant carries `.status`, `.state` (at `now`), `.seats_used` and `.download_count`. `pack` ("creator/pack"),
    `status`, `state`, `project` and `ending_before` narrow the list; empty ones narrow nothing.
    """
    rows = _counted(_grants(now)).filter(studio__in=list(studios)).order_by("-granted_at", "-id")
    if pack:
        creator, _sign, handle = pack.partition("/")
        rows = rows.filter(release__pack__creator__handle=creator, release__pack__handle=handle)
    if status:
        rows = rows.filter(status=status)
    if state:
        rows = rows.filter(state=state)
    if project is not None:
        rows = rows.filter(project=project)
    if ending_before is not None:
        rows = rows.filter(ends_at__lt=ending_before)
    if at := place(after):
        rows = rows.extra(where=["(licensing_grant.granted_at, licensing_grant.id) < (%s, %s)"], params=list(at))
    found = list(rows[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return found[:size], f"{last.granted_at.isoformat()}~{last.pk}" if last else None


def _counted(rows: QuerySet[Grant]) -> QuerySet[Grant]:
    def number(of: QuerySet[Any]) -> Coalesce:
        counted = of.filter(grant=OuterRef("pk")).order_by().values("grant").annotate(number=Count("pk"))
        return Coalesce(Subquery(counted.values("number")), Value(0))

    seats = SeatAssignment.objects.filter(released_at=None)
    return rows.annotate(seats_used=number(seats), download_count=number(Download.objects.all()))


def grant_of(studios: Iterable[Studio], grant_id: UUID | str, *, now: datetime | None = None) -> Grant | None:
    """This will find a grant that one of the studios holds; to everybody else it does not exist."""
    return _counted(_grants(now)).filter(studio__in=list(studios), pk=grant_id).first()


def granted(grant_id: UUID | str, *, now: datetime | None = None) -> Grant | None:
    """This will find a grant whoever holds it, for what says of it only what everybody may know."""
    return _grants(now).filter(pk=grant_id).first()


def grants_from(sources: Iterable[str]) -> list[Grant]:
    """This will find the grants that came of sources such as order lines, in the order of the sources."""
    places = {source: place for place, source in enumerate(sources)}
    return sorted(_grants().filter(source__in=list(places)), key=lambda grant: places[grant.source])


def status_of(grant: Grant) -> str:
    """This will tell what last happened to a grant: active, suspended, revoked or superseded, whatever its days."""
    newest = GrantStatus.objects.filter(grant=grant).order_by("-id").first()
    return newest.status if newest else GrantStatus.ACTIVE


def granted_total() -> int:
    """This will count all grants ever given."""
    return Grant.objects.count()


def grant_of_certificate(certificate: str) -> Grant | None:
    """This will find the grant whose certificate is this very text."""
    return _grants().filter(certificate_sha256=rules.digest(certificate.encode())).first()


def terms_text(digest: str) -> TermsText | None:
    """This will find terms by the digest of their document."""
    return TermsText.objects.filter(pk=digest).first()


@dataclass(frozen=True, slots=True)
class Listed:
    """The bits of a status list that are 1, after so many changes of status."""

    bits: frozenset[int]
    changes: int


def listed(*, purpose: str, number: int) -> Listed:
    """This will read from the statuses which bits of a list are 1; one query, so that both parts are of one moment."""
    first = number * statuslists.LENGTH
    rows = (
        GrantStatus.objects.filter(grant__status_index__gte=first, grant__status_index__lt=first + statuslists.LENGTH)
        .order_by("id")
        .values_list("grant__status_index", "status")
    )
    changes = list(rows)
    newest = {index - first: status for index, status in changes if index is not None}
    due = {"revocation": (GrantStatus.REVOKED, GrantStatus.SUPERSEDED), "suspension": (GrantStatus.SUSPENDED,)}[purpose]
    return Listed(frozenset(bit for bit, status in newest.items() if status in due), len(changes))


def status_lists() -> int:
    """This will count the status lists of each purpose: the first is there before any license."""
    newest = Grant.objects.aggregate(newest=Max("status_index"))["newest"] or 0
    return int(statuslists.place_of(newest)[0]) + 1
