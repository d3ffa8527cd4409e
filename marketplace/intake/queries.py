"""Questions about submissions, claims and who published what first; none writes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.intake import clocks
from marketplace.intake.clocks import ENDINGS, FOR_CLAIMANT, Step
from marketplace.intake.models import Claim, ClaimEvent, Submission, SubmittedFile
from marketplace.people.models import Creator

SHOWN = 100


def submissions_of(creator: Creator) -> list[Submission]:
    """This will list a creator's submissions, the newest first."""
    rows = Submission.objects.filter(creator=creator).select_related("release__pack__creator")
    return list(rows.order_by("-submitted_at", "id")[:SHOWN])


def submission_of(creator: Creator, submission_id: UUID) -> Submission | None:
    """This will find a creator's own submission, with its files and how far each has come."""
    rows = Submission.objects.filter(creator=creator, pk=submission_id)
    return rows.select_related("release__pack__creator").prefetch_related("files__upload__inspection").first()


def published_with_uploads() -> QuerySet[Submission, UUID]:
    """This will name the published submissions whose uploads a killed worker left."""
    busy = SubmittedFile.objects.filter(submission=OuterRef("pk"), upload__isnull=False)
    rows = Submission.objects.filter(Exists(busy), state=Submission.State.PUBLISHED)
    return rows.order_by("ended_at", "id").values_list("pk", flat=True)


def published_as(asset_ids: Iterable[UUID]) -> dict[UUID, list[ReleaseAsset]]:
    """This will find where assets were published, the earliest release first."""
    found: dict[UUID, list[ReleaseAsset]] = {}
    rows = ReleaseAsset.objects.filter(asset_id__in=set(asset_ids)).select_related("release__pack__creator", "asset")
    for row in rows.order_by("release__published_at", "release_id", "position"):
        found.setdefault(row.asset_id, []).append(row)
    return found


def shown_assets() -> QuerySet[ReleaseAsset, UUID]:
    """This will name the assets that releases show to everybody."""
    return ReleaseAsset.objects.filter(role="preview").values_list("asset_id", flat=True)


def published_by(creator: Creator) -> list[ReleaseAsset]:
    """This will list a creator's published files, each in the first release that has it, the newest release first."""
    rows = ReleaseAsset.objects.filter(release__pack__creator=creator).select_related(
        "release__pack__creator", "asset__blob"
    )
    first = {row.asset_id: row for row in rows.order_by("-release__published_at", "-release_id", "-position")}
    return sorted(first.values(), key=lambda row: (row.release.published_at, row.path), reverse=True)


_ANCESTRY = """
WITH RECURSIVE ancestry(id) AS (
    SELECT unnest(%s::uuid[])
    UNION
    SELECT d.parent_id FROM catalog_derivation d JOIN ancestry a ON d.release_id = a.id)
SELECT id FROM ancestry
"""


def with_ancestors(releases: Iterable[Release]) -> set[UUID]:
    """This will list the releases and all that they were made with, however far up."""
    with connection.cursor() as cursor:
        cursor.execute(_ANCESTRY, [[release.pk for release in releases]])
        return {row[0] for row in cursor.fetchall()}


def is_published(sha256: str) -> bool:
    """This will say whether the bytes belong to a release, and nobody has an open claim about them."""
    return ReleaseAsset.objects.filter(asset__blob_id=sha256).exists() and not is_under_claim(sha256)


def _open_claims() -> QuerySet[Claim]:
    ended = ClaimEvent.objects.filter(claim=OuterRef("pk"), kind__in=ENDINGS)
    return Claim.objects.filter(~Exists(ended))


def is_under_claim(sha256: str) -> bool:
    """This will say whether an open claim, or one that was upheld, is about the bytes."""
    upheld = Claim.objects.filter(events__kind__in=FOR_CLAIMANT)
    return _open_claims().filter(disputed_sha256=sha256).exists() or upheld.filter(disputed_sha256=sha256).exists()


def open_claims_about(submission: Submission) -> list[Claim]:
    """This will list what still holds a submission."""
    return list(_open_claims().filter(submission=submission).order_by("opened_at", "id"))


def claims_about(submission: Submission) -> list[Claim]:
    """This will list every claim about a submission, the oldest first."""
    return list(_whole(Claim.objects.filter(submission=submission)).order_by("opened_at", "id"))


def cleared(creator: Creator) -> set[tuple[UUID, str]]:
    """This will list what was decided for a creator: (asset, disputed bytes) that no longer hold a publication."""
    rows = Claim.objects.filter(respondent=creator, events__kind__in=["withdrawn", "dismissed"])
    return set(rows.values_list("asset_id", "disputed_sha256"))


def _whole(rows: QuerySet[Claim]) -> QuerySet[Claim]:
    return rows.select_related(
        "claimant",
        "respondent",
        "asset__blob",
        "claimed_release__pack__creator",
        "release__pack__creator",
        "submission",
    ).prefetch_related(Prefetch("events", ClaimEvent.objects.order_by("id")))


def claims_of(creator: Creator) -> list[Claim]:
    """This will list the claims that a creator made or has to answer, the newest first."""
    rows = Claim.objects.filter(claimant=creator) | Claim.objects.filter(respondent=creator)
    return list(_whole(rows).order_by("-opened_at", "id")[:SHOWN])


def claim_of(creator: Creator, claim_id: UUID) -> Claim | None:
    """This will find a claim for one of its two parties; to anybody else there is none."""
    rows = Claim.objects.filter(claimant=creator) | Claim.objects.filter(respondent=creator)
    return _whole(rows).filter(pk=claim_id).first()


def claim(claim_id: UUID) -> Claim | None:
    """This will find a claim for the operator."""
    return _whole(Claim.objects.filter(pk=claim_id)).first()


def open_claims() -> list[Claim]:
    """This will list all open claims for the operator, the oldest first."""
    return list(_whole(_open_claims()).order_by("opened_at", "id"))


def claims_due(now: datetime) -> list[Claim]:
    """This will list the open claims in which somebody let a clock run out."""
    return [row for row in _whole(_open_claims().filter(events__due_at__lte=now).distinct()) if _is_due(row, now)]


def is_evident(claim: Claim) -> bool:
    """This will say whether a claim rests on a match, and not on a statement alone."""
    return claim.relation != "reported"


def _is_due(row: Claim, now: datetime) -> bool:
    return bool(clocks.next_steps(steps_of(row), "clock", now))


def steps_of(row: Claim) -> Sequence[Step]:
    """This will say what happened to a claim, in order."""
    return [Step(event.kind, event.due_at) for event in row.events.all()]
