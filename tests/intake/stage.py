"""Handing packs in as the portal does, and doing the worker's part of it."""

from datetime import datetime
from pathlib import Path

from django.conf import settings

from assets.models import Asset, Blob, Fingerprint, Upload
from assets.operations import take_stream
from ledger.models import Entry
from marketplace.catalog.models import Listing, Release
from marketplace.intake import operations
from marketplace.intake.models import Claim, Submission
from marketplace.people.models import Creator
from tests.cast import NOON


def hand_in(creator: Creator, folder: Path, now: datetime = NOON) -> Submission:
    """Uploads the files of a folder, and hands them in with its pack.toml."""
    draft, offers = operations.read_folder(folder)
    uploads = {}
    for file in draft.files:
        with (folder / file.path).open("rb") as stream:
            uploads[file.path] = take_stream(owner=creator.person, stream=stream, name=file.path, now=now)
    return operations.submit(creator=creator, draft=draft, offers=offers, uploads=uploads, now=now)


def examined(submission: Submission, now: datetime = NOON) -> Submission:
    """Does what the worker does, and gives the submission as it then stands."""
    operations.examine(submission_id=submission.pk, now=now)
    submission.refresh_from_db()
    return submission


def traces() -> dict[str, int]:
    """Counts everything that a refusal must leave as it was."""
    data = Path(settings.DATA_FOLDER)
    return {
        "blobs": Blob.objects.count(),
        "assets": Asset.objects.count(),
        "prints": Fingerprint.objects.count(),
        "uploads": Upload.objects.count(),
        "releases": Release.objects.count(),
        "listings": Listing.objects.count(),
        "claims": Claim.objects.count(),
        "entries": Entry.objects.count(),
        "files": sum(path.is_file() for name in ("blobs", "incoming", "staging") for path in (data / name).rglob("*")),
    }
