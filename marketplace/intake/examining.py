"""The one workflow from a submission to its outcome, and the one writer of it. What does not finish does not pass."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

import ledger.operations
from assets.keeping.inspecting import ATTEMPTS, UNFINISHED
from assets.operations import UnableToAdmit
from assets.originality.compare import UnableToCompare
from assets.storage.base import BlobDamaged, BlobMissing, UnableToStore
from ledger.custody import own_key
from ledger.operations import Hands
from marketplace.catalog.models import Release
from marketplace.catalog.operations import UnableToPublish
from marketplace.catalog.rules import Finding, gettext_noop
from marketplace.database.locks import alone
from marketplace.intake import claiming, queries
from marketplace.intake.clocks import FOR_CLAIMANT
from marketplace.intake.entering import Hand, PublicationHeld, enter
from marketplace.intake.models import Submission
from marketplace.intake.submitting import UnableToWithdraw, drop_uploads, keep_good_uploads, withdraw
from marketplace.licensing.operations import UnableToOffer
from marketplace.licensing.parentage import BeyondParents
from marketplace.payouts.rules import ParentsTakeTooMuch, ShareOutOfRange, TooManyPayees
from marketplace.people.models import Creator
from marketplace.ui.words import Listed, Sayable, Written

log = logging.getLogger(__name__)


class SignatureNeeded(Exception):
    """Everything has passed; what is missing is the signature by the creator's own key, which is in their browser."""

    code = "signature-needed"

    def __init__(self, submission: Submission, found: Sequence[dict[str, Any]]) -> None:
        super().__init__(submission)
        self.submission, self.found = submission, found

    def __str__(self) -> str:
        address = settings.SITE_URL.rstrip("/") + reverse("submission", args=[self.submission.pk])
        return _("It has passed and is published once you sign it, in the browser that has your key: %(address)s") % {
            "address": address
        }


REFUSALS = (
    *(UnableToPublish, UnableToOffer, BeyondParents),
    *(UnableToAdmit, ShareOutOfRange, ParentsTakeTooMuch, TooManyPayees),
)
FAULTS = (UnableToCompare, UnableToStore, BlobMissing, BlobDamaged)
OUTCOMES = (PublicationHeld, SignatureNeeded, *REFUSALS, *FAULTS)
_WAIT = (timedelta(seconds=20), timedelta(minutes=2), timedelta(minutes=10))
_LOCK = 0x65786D6E
_BATCH = 20
State = Submission.State
OPEN = (State.WAITING, State.UNFINISHED)
GOING_ON = (*OPEN, State.TO_SIGN)


def examine(*, submission_id: UUID, now: datetime) -> Submission | None:
    """This will inspect, compare and publish a submission, and write what became of it.

    Safe to be killed anywhere and to be run twice at once: the second leaves it alone and returns None, as for one that
    has its outcome. Not for a transaction.
    """
    with alone(_LOCK, str(submission_id)) as mine:
        submission = Submission.objects.select_related("creator__person").filter(pk=submission_id).first()
        if mine and submission is not None and submission.state == State.PUBLISHED:
            drop_uploads(submission)  # a worker was killed before it did
        if not mine or submission is None or submission.state not in OPEN:
            return None
        if submission.by_hand and not _is_held_back(submission):
            return withdraw(submission=submission, now=now)
        try:
            _go_through(submission, now)
        except UnableToWithdraw:
            return None
        except OUTCOMES as outcome:
            return _conclude_with(submission, outcome, now)
        return _published(submission)


def _go_through(submission: Submission, now: datetime) -> Release:
    """Publishes; or, where the creator's own key is to sign, raises SignatureNeeded once nothing else is missing."""
    key = own_key(submission.creator)
    if key is None:
        return enter(submission, now, partial(_publish, submission, now))
    hand = Hand(partial(Hands().signer, key.public_jwk), seed=b"rehearsal")
    return enter(submission, now, partial(_ask_to_sign, submission), hand)


def _ask_to_sign(submission: Submission, release: Release, found: Sequence[dict[str, Any]]) -> None:
    raise SignatureNeeded(submission, found)


def _conclude_with(submission: Submission, outcome: Exception, now: datetime) -> Submission:
    """Writes what became of a submission that was not published."""
    if isinstance(outcome, PublicationHeld):
        return _hold(submission, outcome, now)
    if isinstance(outcome, SignatureNeeded):
        found = list(outcome.found)
        return _conclude(submission, State.TO_SIGN, now, findings=[], likenesses=found, by_hand=False)
    if isinstance(outcome, FAULTS):
        log.warning("Submission %s did not finish: %s", submission.pk, outcome)
        return _refuse(submission, [Finding("files", _FAULT, {"code": outcome.code})], now, unfinished=True)
    return _refuse(submission, findings_in(outcome), now)


def publish_signed(*, submission: Submission, hands: Hands, seed: bytes, now: datetime) -> Release:
    """This will publish a submission that waits for its creator's signatures, which `hands` give.

    In a rehearsal they are collected: `now` and `seed` are those of the publication that follows it. What stands in
    the way by now is written as the outcome, but in a rehearsal, and raised; so are UnableToSignFor, UnableToCount,
    and UnableToWithdraw for a submission that does not wait for a signature.
    """
    with alone(_LOCK, str(submission.pk)) as mine:
        submission = Submission.objects.select_related("creator__person").get(pk=submission.pk)
        if submission.state == State.PUBLISHED and submission.release is not None:
            return submission.release  # sent twice
        if not mine or submission.state != State.TO_SIGN:
            raise UnableToWithdraw(submission, _("It does not wait for a signature: read how far it has come."))
        signer = partial(ledger.operations.elsewhere, creator=submission.creator, hands=hands)
        hand = Hand(signer, seed, is_rehearsal=hands.is_rehearsal)
        if hands.is_rehearsal:
            return _rehearsed(submission, now, hand)
        try:
            release = enter(submission, now, partial(_publish, submission, now), hand)
        except OUTCOMES as outcome:
            _conclude_with(submission, outcome, now)
            raise
        _published(submission)
        return release


class _Rehearsed(Exception):
    def __init__(self, release: Release) -> None:
        self.release = release


def _rehearsed(submission: Submission, now: datetime, hand: Hand) -> Release:
    def end(release: Release, found: Sequence[dict[str, Any]]) -> None:
        raise _Rehearsed(release)

    try:
        return enter(submission, now, end, hand)
    except _Rehearsed as over:
        return over.release


def examine_again(*, creator: Creator, now: datetime) -> int:
    """This will examine what waits for the creator's signature once more, as their key is kept here again."""
    rows = Submission.objects.filter(creator=creator, state=State.TO_SIGN)
    return rows.update(state=State.WAITING, next_at=now, attempts=0, ended_at=None)


def examine_now(*, submission: Submission, now: datetime) -> Release:
    """This will examine a submission at once: publish it, or raise what stands in the way and leave nothing of it.

    A publication that is held stays, with its claims, and PublicationHeld is raised; one that its creator must sign in
    a browser stays too, and SignatureNeeded says where.
    """
    try:
        release = _go_through(submission, now)
    except SignatureNeeded as needed:
        _conclude_with(submission, needed, now)
        raise
    except PublicationHeld as held:
        _hold(submission, held, now)
        raise
    except BaseException:
        drop_uploads(submission)
        submission.delete()
        raise
    _published(submission)
    return release


def examine_due(*, now: datetime) -> int:
    """This will examine what a killed worker left and what is to be tried again; return how many had an outcome."""
    due = Submission.objects.filter(state__in=OPEN, next_at__lte=now, attempts__lt=ATTEMPTS).order_by("next_at", "id")
    ids = [*due.values_list("pk", flat=True)[:_BATCH], *queries.published_with_uploads()[:_BATCH]]
    return sum(examine(submission_id=pk, now=now) is not None for pk in ids)


def _is_held_back(submission: Submission) -> bool:
    """Say whether it was held before, so that its creator waits for it and not a command."""
    return submission.claims.exists()


_FAULT = gettext_noop("The check did not finish (%(code)s): it will be tried again.")


def findings_in(refusal: Exception) -> list[Any]:
    """This will list what a refusal says, each with `where`, `template` and `values`."""
    if isinstance(refusal, UnableToOffer):
        return [Finding("offers", "%(reason)s", {"reason": str(refusal)})]
    if isinstance(refusal, Sayable):
        return [Finding("derived_from", refusal.template, refusal.values)]
    return list(getattr(refusal, "findings", ()))


def plain(value: Any) -> Any:
    """This will write a finding, or a value in one, as JSON that stays sayable in every language."""
    if isinstance(value, Sayable):
        found = {"template": value.template, "values": {name: plain(one) for name, one in value.values.items()}}
        return found | {name: str(getattr(value, name)) for name in ("where", "code") if hasattr(value, name)}
    if isinstance(value, Listed):
        return {"listed": [plain(one) for one in value.parts]}
    if isinstance(value, Written):
        return {"written": value.kind, "value": value.value}
    return value if isinstance(value, int) else str(value)


def _refuse(submission: Submission, findings: Sequence[Any], now: datetime, *, unfinished: bool = False) -> Submission:
    if findings and all(getattr(finding, "code", "") == UNFINISHED for finding in findings):
        unfinished = True
    return _conclude(
        submission,
        State.UNFINISHED if unfinished else State.REFUSED,
        now,
        findings=[plain(finding) for finding in findings],
        attempts=submission.attempts + 1,
        next_at=now + _WAIT[min(submission.attempts, len(_WAIT) - 1)],
    )


def _hold(submission: Submission, held: PublicationHeld, now: datetime) -> Submission:
    likenesses = [one.plain() for one in held.all]
    with transaction.atomic():
        row = Submission.objects.select_for_update().get(pk=submission.pk)
        if row.state not in GOING_ON:
            return row  # taken back meanwhile: nobody need claim anything
        claims = claiming.open_claims(submission=submission, likenesses=held.all, now=now)
        lost = [claim for claim in claims if {step.kind for step in queries.steps_of(claim)} & set(FOR_CLAIMANT)]
        if not lost:
            return _conclude(submission, State.HELD, now, findings=[], likenesses=likenesses)
    text = gettext_noop("%(path)s was found to be the work of %(creator)s: leave it out, or make it anew.")
    findings = [
        Finding("files", text, {"path": claim.disputed_path, "creator": claim.claimant.handle}) for claim in lost
    ]
    return _conclude(
        submission,
        State.REFUSED,
        now,
        lost={claim.disputed_sha256 for claim in lost},
        findings=[plain(finding) for finding in findings],
        likenesses=likenesses,
    )


def _publish(submission: Submission, now: datetime, release: Release, found: Sequence[dict[str, Any]]) -> None:
    """Writes the outcome in the transaction that publishes: what was taken back a moment before is not published."""
    row = Submission.objects.select_for_update().get(pk=submission.pk)
    if row.state not in GOING_ON:
        raise UnableToWithdraw(row, _("Taken back"))
    row.state, row.release, row.ended_at, row.findings, row.likenesses = State.PUBLISHED, release, now, [], list(found)
    row.save()


def _published(submission: Submission) -> Submission:
    """Lets the uploads go. Killed before, they go the next time that the worker looks around."""
    submission.refresh_from_db()
    drop_uploads(submission)
    return submission


def _conclude(
    submission: Submission, state: str, now: datetime, *, lost: Collection[str] = (), **fields: Any
) -> Submission:
    """Writes the outcome: nobody else does, and what was withdrawn meanwhile stays withdrawn.

    The refused uploads go after that: killed in between, they expire. `lost` are the SHA-256 digests of such files.
    """
    with transaction.atomic():
        row = Submission.objects.select_for_update().get(pk=submission.pk)
        if row.state not in GOING_ON:
            return row
        row.state, row.ended_at = state, None if state in OPEN else now
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()
    if state == State.REFUSED:
        keep_good_uploads(row, lost, now)
    return row
