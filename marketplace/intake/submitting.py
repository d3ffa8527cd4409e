"""Handing in, trying again and taking back."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from assets.models import Upload, UploadInspection
from assets.operations import UnableToUpload, abort_upload, findings_of, link_own, take_stream
from marketplace.catalog import operations as catalog
from marketplace.catalog.rules import Draft, Finding, gettext_noop
from marketplace.intake import claiming, queries, rules
from marketplace.intake.models import Submission, SubmittedFile
from marketplace.intake.pricing import may_offer, priced
from marketplace.intake.rules import DraftOffer
from marketplace.people.models import Creator

State = Submission.State
KEPT_DAYS = 60
"""How long the files of a submission are kept beside the time that a claim can take."""

BY_HAND = timedelta(hours=1)
BUSY = (State.WAITING, State.UNFINISHED, State.HELD, State.TO_SIGN)


class UnableToWithdraw(Exception):
    """The submission is no longer the creator's to take back or to try again."""

    code = "submission-closed"

    def __init__(self, submission: Submission, reason: str) -> None:
        super().__init__(reason)
        self.submission, self.reason = submission, reason


def hand_in(
    *,
    creator: Creator,
    draft: Draft,
    offers: Sequence[DraftOffer],
    uploads: Mapping[str, Upload],
    streams: Mapping[str, BinaryIO],
    kept: Mapping[str, str],
    now: datetime,
    by_hand: bool = False,
) -> Submission:
    """This will hand a draft in, whose files came as uploads, come as streams or are bytes that the creator published.

    Each is by its path in the release; `kept` names SHA-256 digests. What it took in by itself is gone again when it
    raises: UnableToPublish, UnableToOffer or UnableToUpload.
    """
    read = priced(draft, offers)
    catalog.check(creator=creator, draft=draft)
    may_offer(creator, draft, read, now)
    taken: dict[str, Upload] = {}
    try:
        for path in [file.path for file in draft.files if file.path not in uploads]:
            if path in streams:
                taken[path] = take_stream(owner=creator.person, stream=streams[path], name=path, now=now)
            elif path in kept:
                taken[path] = link_own(owner=creator.person, sha256=kept[path], name=path, now=now)
        return submit(
            creator=creator, draft=draft, offers=offers, uploads={**uploads, **taken}, now=now, by_hand=by_hand
        )
    except BaseException:
        for upload in taken.values():
            abort_upload(upload_id=upload.pk, owner=creator.person)
        raise


@transaction.atomic
def submit(
    *,
    creator: Creator,
    draft: Draft,
    offers: Sequence[DraftOffer],
    uploads: Mapping[str, Upload],
    now: datetime,
    by_hand: bool = False,
) -> Submission:
    """This will hand a draft in with the uploads of its files, by path; a worker then inspects and publishes it.

    With `by_hand` the caller does that at once; should it be killed, a worker takes the submission back after an hour.
    Raise UnableToPublish or UnableToOffer, and write nothing, when anything but the bytes stands in the way.
    """
    read = priced(draft, offers)
    catalog.check(creator=creator, draft=draft)
    may_offer(creator, draft, read, now)
    findings = _findings_in(creator, draft, uploads)
    if findings:
        raise catalog.UnableToPublish(draft, findings)
    submission = Submission.objects.create(
        creator=creator,
        pack=rules.write_pack(draft, offers),
        submitted_at=now,
        by_hand=by_hand,
        next_at=now + BY_HAND if by_hand else now,
    )
    kept_until = now + timedelta(days=KEPT_DAYS + 2 * settings.COUNTER_NOTICE_DAYS)
    Upload.objects.filter(pk__in=[upload.pk for upload in uploads.values()]).update(expires_at=kept_until)
    SubmittedFile.objects.bulk_create(
        SubmittedFile(
            submission=submission,
            path=file.path,
            upload=uploads[file.path],
            sha256=uploads[file.path].sha256,
            size_bytes=uploads[file.path].size_bytes,
        )
        for file in draft.files
    )
    if not by_hand:
        app.configure_task("intake.examine", queue="intake").defer(submission_id=str(submission.pk))
    return submission


def _findings_in(creator: Creator, draft: Draft, uploads: Mapping[str, Upload]) -> list[Any]:
    findings: list[Any] = []
    rows = UploadInspection.objects.filter(upload__in=list(uploads.values()), state=UploadInspection.State.REFUSED)
    for row in rows.order_by("upload__name", "pk"):
        findings += findings_of(row)
    # Two hand-ins of one upload at once wait for each other here.
    mine = {
        upload.pk
        for upload in Upload.objects.select_for_update().filter(
            pk__in=[upload.pk for upload in uploads.values()], owner=creator.person
        )
    }
    used = set(
        SubmittedFile.objects.filter(upload__in=mine, submission__state__in=BUSY).values_list("upload_id", flat=True)
    )
    for file in draft.files:
        upload = uploads.get(file.path)
        text = ""
        if upload is None or upload.pk not in mine:
            text = gettext_noop("The file %(path)s is listed but was not given.")
        elif not upload.sha256:
            text = gettext_noop("The file %(path)s has not arrived whole: finish its upload, then publish again.")
        elif PurePosixPath(file.path).suffix.lower() != PurePosixPath(upload.name).suffix.lower():
            text = gettext_noop("The file %(path)s came under another ending: upload it under its own name.")
        elif upload.pk in used:
            text = gettext_noop("The file %(path)s was handed in already: wait for its outcome, or upload it again.")
        if text:
            findings.append(Finding("files", text, {"path": file.path}))
    total = sum(upload.size_bytes for upload in uploads.values())
    if total > settings.RELEASE_LIMIT_BYTES:
        text = gettext_noop("The files have %(size)s bytes together, more than the %(limit)s of a release: split it.")
        findings.append(Finding("files", text, {"size": total, "limit": settings.RELEASE_LIMIT_BYTES}))
    return findings


@transaction.atomic
def try_again(*, submission: Submission, now: datetime) -> Submission:
    """This will let a submission whose inspection did not finish be examined again."""
    row = Submission.objects.select_for_update().get(pk=submission.pk)
    if row.state != State.UNFINISHED:
        raise UnableToWithdraw(row, _("Only an inspection that did not finish can be tried again."))
    row.attempts, row.next_at = 0, now
    row.save(update_fields=["attempts", "next_at"])
    return row


def withdraw(*, submission: Submission, now: datetime) -> Submission:
    """This will take a submission back; claims that hold it are thereby accepted. Twice is once.

    Its uploads go back to their owner, but for those that were refused; what a command handed in is gone.
    """
    with transaction.atomic():
        row = Submission.objects.select_for_update(of=("self",)).select_related("creator__person").get(pk=submission.pk)
        if row.state == State.PUBLISHED:
            raise UnableToWithdraw(row, _("It is published: withdraw its offers instead."))
        for claim in queries.open_claims_about(row):
            claiming.end(claim=claim, kind="accepted", person=row.creator.person, now=now)
        row.state, row.ended_at = State.WITHDRAWN, row.ended_at or now
        row.save(update_fields=["state", "ended_at"])
    if row.by_hand:
        drop_uploads(row)
    else:
        keep_good_uploads(row, (), now)
    return row


def drop_uploads(submission: Submission) -> None:
    """This will remove the uploads of a submission that has its outcome, and their bytes. Not for a transaction."""
    _drop(submission, [file.upload for file in submission.files.select_related("upload__owner") if file.upload])


def keep_good_uploads(submission: Submission, refused: Collection[str], now: datetime) -> None:
    """This will remove the uploads that were refused, by inspection or because their SHA-256 is in `refused`.

    The others go back to their owner, for the next time that they are handed in, or to expire.
    """
    rows = submission.files.select_related("upload__owner", "upload__inspection")
    uploads = [file.upload for file in rows if file.upload]
    bad = [
        upload
        for upload in uploads
        if upload.sha256 in refused or upload.inspection.state == UploadInspection.State.REFUSED
    ]
    good = [upload.pk for upload in uploads if upload not in bad]
    expires_at = now + timedelta(hours=settings.UPLOAD_EXPIRES_HOURS)
    Upload.objects.filter(pk__in=good).update(expires_at=expires_at)
    _drop(submission, bad)


def _drop(submission: Submission, uploads: Sequence[Upload]) -> None:
    submission.files.update(upload=None)
    for upload in uploads:
        with contextlib.suppress(UnableToUpload):  # its owner was a moment faster
            abort_upload(upload_id=upload.pk, owner=upload.owner)
