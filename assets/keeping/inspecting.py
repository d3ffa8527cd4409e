"""Inspecting uploads: one workflow, and one writer of its outcome. What does not finish has not passed."""

import base64
import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from assets import queries
from assets.inspectors import clamav, gltf_validator, sandbox
from assets.inspectors.base import Finding, Inspection, Refused, finding_of
from assets.keeping.receiving import Received
from assets.models import Upload, UploadInspection
from assets.originality.base import Print
from assets.uploads.taking import uploaded_files
from marketplace.ui.words import Words, gettext_noop

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often an inspection that did not finish is tried by itself; after that, when its owner asks."""

UNFINISHED = "inspection-did-not-finish"
_WAIT = (timedelta(seconds=20), timedelta(minutes=2), timedelta(minutes=10))
_LOCK = 0x696E7370
_BATCH = 20
State = UploadInspection.State


@dataclass(frozen=True, slots=True)
class Examined:
    """What all steps together found of one file."""

    inspection: Inspection | None
    prints: Sequence[Print]
    findings: Sequence[Finding]

    @property
    def state(self) -> State:
        """Passed only without any finding; unfinished when nothing worse is known than that a step did not end."""
        if not self.findings:
            return State.PASSED
        return State.UNFINISHED if all(f.code == UNFINISHED for f in self.findings) else State.REFUSED


def inspect_uploads(*, uploads: Sequence[Upload], now: datetime) -> list[UploadInspection]:
    """Inspect the finished uploads that have no outcome yet, and return the inspections of all, in order.

    Safe to be killed anywhere and to be run twice at once: the second waits for the first and takes its outcome.
    """
    with _alone(uploads):
        waiting = set(
            UploadInspection.objects.filter(
                upload__in=uploads, state__in=[State.WAITING, State.UNFINISHED]
            ).values_list("upload_id", flat=True)
        )
        todo = [upload for upload in uploads if upload.pk in waiting]
        for upload, examined in zip(todo, _examine(todo), strict=True):
            _conclude(upload, examined, now)
    found = UploadInspection.objects.in_bulk([upload.pk for upload in uploads])
    return [found[upload.pk] for upload in uploads]


def inspect_due(*, now: datetime) -> int:
    """Inspect what a killed worker left and what is to be tried again; return how many had an outcome.

    They belong to different people: each has a child of its own, so that nobody's files can stop another's.
    """
    due = UploadInspection.objects.filter(state__in=[State.WAITING, State.UNFINISHED], next_at__lte=now).exclude(
        attempts__gte=ATTEMPTS
    )
    uploads = [row.upload for row in due.select_related("upload").order_by("next_at", "upload_id")[:_BATCH]]
    rows = [row for upload in uploads for row in inspect_uploads(uploads=[upload], now=now)]
    return sum(row.ended_at is not None for row in rows)


@transaction.atomic
def retry_inspection(*, upload: Upload, now: datetime) -> None:
    """Let an inspection that did not finish be tried again from the start; any other outcome stands."""
    UploadInspection.objects.filter(upload=upload, state=State.UNFINISHED).update(attempts=0, next_at=now)


def examine(files: Sequence[Received]) -> list[Examined]:
    """Return what every step finds of each file: the inspectors with the fingerprints, then the second opinions."""
    candidates = [sandbox.Candidate(file.path, file.name) for file in files]
    outcomes = sandbox.examine_files(candidates, queries.fingerprint_key(), queries.box())
    return [_examined(file, outcome) for file, outcome in zip(files, outcomes, strict=True)]


def _examined(file: Received, outcome: tuple[Inspection, Sequence[Print]] | Refused) -> Examined:
    if isinstance(outcome, Refused):
        return Examined(None, (), outcome.findings)
    inspection, prints = outcome
    return Examined(inspection, prints, _second_opinions(file, inspection))


def outcome_of(row: UploadInspection) -> tuple[Inspection, list[Print]]:
    """Return what a passed inspection found."""
    if row.state != State.PASSED:
        raise ValueError(f"{row} has not passed")
    prints = [Print(kind, base64.b64decode(value), member) for kind, value, member in row.fingerprints or []]
    return Inspection(row.media_type, row.facts or {}), prints


def findings_of(row: UploadInspection) -> list[Finding]:
    """Return why an inspection was refused or did not finish."""
    return [finding_of(finding) for finding in row.findings]


def _examine(uploads: Sequence[Upload]) -> list[Examined]:
    if not uploads:
        return []
    with uploaded_files(uploads) as files:
        return examine(files)


def _second_opinions(file: Received, inspection: Inspection) -> list[Finding]:
    findings: list[Finding] = []
    try:
        if inspection.facts.get("kind") == "model":
            findings += gltf_validator.second_opinion(file.path, file.name)
        if settings.CLAMD_ADDRESS and (found := clamav.scan(file.path, settings.CLAMD_ADDRESS)):
            findings.append(found.in_file(file.name))
    except (Refused, clamav.UnableToScan) as silence:
        log.warning("A second opinion on %s did not finish: %s", file.name, silence)
        template = gettext_noop("a second check did not finish; try again, and tell the operator if it fails again.")
        findings.append(Finding(UNFINISHED, template, "", {"reason": Words(str(silence))}).in_file(file.name))
    return findings


@transaction.atomic
def _conclude(upload: Upload, examined: Examined, now: datetime) -> None:
    """Write the outcome, once: nobody else does, and an upload that is gone by now leaves none."""
    row = UploadInspection.objects.select_for_update().filter(upload_id=upload.pk).first()
    if row is None or row.state in (State.PASSED, State.REFUSED):
        return
    row.state, row.ended_at = examined.state, now
    row.findings = [asdict(finding) for finding in examined.findings]
    row.attempts += 1
    row.next_at = now + _WAIT[min(row.attempts, len(_WAIT)) - 1]
    if row.state == State.PASSED and examined.inspection is not None:
        row.media_type, row.facts = examined.inspection.media_type, examined.inspection.facts
        row.fingerprints = [
            [one.kind, base64.b64encode(one.value).decode("ascii"), one.member] for one in examined.prints
        ]
    row.save()


@contextlib.contextmanager
def _alone(uploads: Sequence[Upload]) -> Iterator[None]:
    """Wait until nobody else is at these uploads; the locks end with the process, however that ends.

    They are taken in one order by all, so that no two wait in a ring.
    """
    keys = sorted({int.from_bytes(upload.pk.bytes[:4], "big", signed=True) for upload in uploads})
    taken = []
    with connection.cursor() as cursor:
        try:
            for key in keys:
                cursor.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCK, key])
                taken.append(key)
            yield
        finally:
            for key in taken:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, key])
