"""Questions about licenses; none writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Max, OuterRef, Prefetch, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.catalog.queries import place
from marketplace.licensing import rules, statuslists
from marketplace.licensing.models import Grant, GrantStatus, Offer, TermsText
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


def _grants() -> QuerySet[Grant]:
    newest = GrantStatus.objects.filter(grant=OuterRef("pk")).order_by("-id").values("status")[:1]
    covers = ReleaseAsset.objects.filter(is_cover=True).select_related("asset").prefetch_related("asset__previews")
    return (
        Grant.objects.annotate(status=Coalesce(Subquery(newest), Value(GrantStatus.ACTIVE)))
        .select_related("offer", "terms", "studio", "release__pack__creator")
        .prefetch_related(Prefetch("release__assets", queryset=covers, to_attr="covers"))
    )


def grants_of(
    studios: Iterable[Studio], *, after: str = "", size: int = PAGE_SIZE, pack: str = "", status: str = ""
) -> tuple[list[Grant], str | None]:
    """This will list what studios hold, newest first, by keyset over (granted_at, id); each grant carries `.status`.

    `pack` ("creator/pack") and `status` narrow the list; empty ones narrow nothing.
    """
    rows = _grants().filter(studio__in=list(studios)).order_by("-granted_at", "-id")
    if pack:
        creator, _sign, handle = pack.partition("/")
        rows = rows.filter(release__pack__creator__handle=creator, release__pack__handle=handle)
    if status:
        rows = rows.filter(status=status)
    if at := place(after):
        rows = rows.extra(where=["(licensing_grant.granted_at, licensing_grant.id) < (%s, %s)"], params=list(at))
    found = list(rows[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return found[:size], f"{last.granted_at.isoformat()}~{last.pk}" if last else None


def grant_of(studios: Iterable[Studio], grant_id: UUID | str) -> Grant | None:
    """This will find a grant that one of the studios holds; to everybody else it does not exist."""
    return _grants().filter(studio__in=list(studios), pk=grant_id).first()


def grants_from(sources: Iterable[str]) -> list[Grant]:
    """This will find the grants that came of sources such as order lines, in the order of the sources."""
    places = {source: place for place, source in enumerate(sources)}
    return sorted(_grants().filter(source__in=list(places)), key=lambda grant: places[grant.source])


def status_of(grant: Grant) -> str:
    """This will tell whether a grant is active, suspended or revoked now."""
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
