"""Claims: opened by a match or a report, answered against a clock, decided; every step is stated in the ledger."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import rfc8785
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

import ledger.operations
import ledger.queries
from marketplace.intake import clocks, queries
from marketplace.intake.clocks import FOR_CLAIMANT, Party
from marketplace.intake.likeness import Likeness, evidence, strongest
from marketplace.intake.models import Claim, ClaimEvent, Submission
from marketplace.licensing import operations as licensing
from marketplace.payouts import operations as books
from marketplace.people.models import Person

STATEMENT_CHARACTERS = 2000


class UnableToClaim(Exception):
    """The claim cannot be opened; nothing was written."""

    code = "claim-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnableToAnswer(Exception):
    """That cannot happen to the claim now, or not by this person; nothing was written."""

    code = "claim-step-refused"

    def __init__(self, claim: Claim, reason: str) -> None:
        super().__init__(reason)
        self.claim, self.reason = claim, reason


@transaction.atomic
def open_claims(*, submission: Submission, likenesses: Sequence[Likeness], now: datetime) -> list[Claim]:
    """This will open one claim for each file and claimant that hold a submission; those that are open stay."""
    sizes = dict(submission.files.values_list("sha256", "size_bytes"))
    return [
        open_one(
            one,
            respondent=submission.creator,
            submission=submission,
            release=None,
            origin=Claim.MATCH,
            person=None,
            statement="",
            size_bytes=sizes[one.sha256],
            now=now,
        )
        for one in strongest(likenesses)
    ]


def first_seen(sha256: str) -> dict[str, Any]:
    """This will say where the ledger holds the asset: when it was stated, and its leaf once it is sealed."""
    entry = ledger.queries.find_by_asset_digest(sha256)
    if entry is None:
        return {}
    leaf = ledger.queries.leaf_of(entry)
    seen: dict[str, Any] = {"entry": entry.digest, "stated_at": entry.stated_at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return seen | ({"leaf_index": leaf.index} if leaf else {})


def open_one(
    one: Likeness, *, size_bytes: int, person: Person | None, statement: str, now: datetime, **fields: Any
) -> Claim:
    """This will write a claim with its first event and state it; what a release in it earns by a match is frozen."""
    found = evidence(one, size_bytes=size_bytes, first_seen=first_seen(one.first.asset.blob_id))
    made = Claim(
        claimant=one.first.release.pack.owner,
        asset=one.first.asset,
        claimed_release=one.first.release,
        claimed_path=one.first.path,
        disputed_sha256=one.sha256,
        disputed_path=one.path,
        relation=one.match.relation,
        score_ppm=one.match.score_ppm,
        evidence=found,
        evidence_sha256=hashlib.sha256(rfc8785.dumps(found)).hexdigest(),
        opened_at=now,
        **fields,
    )
    there = Claim.objects.filter(
        submission=made.submission, release=made.release, asset=made.asset, disputed_sha256=made.disputed_sha256
    )
    if before := there.first():
        return before
    made.save(force_insert=True)
    _add(made, "opened", person=person, statement=statement, now=now)
    if made.release is not None and queries.is_evident(made):
        books.freeze(subject=f"release:{made.release.digest}", reason=f"claim:{made.pk}", now=now)
    return made


def answer(*, claim: Claim, kind: str, person: Person, statement: str = "", now: datetime) -> ClaimEvent:
    """This will add what one of the two parties answers: countered, maintained, accepted or withdrawn."""
    parties: dict[Any, Party] = {claim.respondent.person_id: "respondent", claim.claimant.person_id: "claimant"}
    party = parties.get(person.pk)
    if party is None:
        raise UnableToAnswer(claim, _("Only the two parties of a claim can answer it."))
    return _step(claim=claim, kind=kind, party=party, person=person, statement=statement, now=now)


def decide(*, claim: Claim, upheld: bool, statement: str, now: datetime) -> ClaimEvent:
    """This will decide a claim, as the operator."""
    kind = "upheld" if upheld else "dismissed"
    return _step(claim=claim, kind=kind, party="operator", person=None, statement=statement, now=now)


def run_clocks(*, now: datetime) -> list[ClaimEvent]:
    """This will end every claim in which the time to answer is over, against whoever did not answer."""
    ended = []
    for claim in queries.claims_due(now):
        for kind in clocks.next_steps(queries.steps_of(claim), "clock", now):
            try:
                ended.append(_step(claim=claim, kind=kind, party="clock", person=None, statement="", now=now))
            except UnableToAnswer:
                continue  # an answer was a moment faster
    return ended


@transaction.atomic
def _step(*, claim: Claim, kind: str, party: Party, person: Person | None, statement: str, now: datetime) -> ClaimEvent:
    if claim.submission_id is not None:
        # The submission before its claim, as when it is taken back: else the two would wait for each other.
        Submission.objects.select_for_update().get(pk=claim.submission_id)
    row = (
        Claim.objects.select_for_update(of=("self",))
        .select_related("claimant", "respondent", "release")
        .get(pk=claim.pk)
    )
    if kind not in clocks.next_steps(queries.steps_of(row), party, now):
        raise UnableToAnswer(row, _("This cannot be done with the claim now: read what happened to it on its page."))
    statement = statement.strip()
    if kind in ("countered", "maintained") and not statement:
        raise UnableToAnswer(row, _("Say why: a statement of up to 2000 characters is needed."))
    if len(statement) > STATEMENT_CHARACTERS:
        raise UnableToAnswer(row, _("The statement is longer than 2000 characters: shorten it."))
    if kind in clocks.ENDINGS:
        return end(claim=row, kind=kind, person=person, statement=statement, now=now)
    return _add(row, kind, person=person, statement=statement, now=now)


@transaction.atomic
def end(*, claim: Claim, kind: str, person: Person | None, statement: str = "", now: datetime) -> ClaimEvent:
    """This will end a claim with what follows: publication goes on or is refused, sale stops, money is let go."""
    event = _add(claim, kind, person=person, statement=statement, now=now)
    if claim.submission_id is not None:
        _release_submission(claim, now)
    elif claim.release is not None:
        if kind in FOR_CLAIMANT:
            licensing.take_down(release=claim.release, claim=claim.pk, now=now)
            if not queries.is_evident(claim):
                books.freeze(subject=f"release:{claim.release.digest}", reason=f"claim:{claim.pk}", now=now)
        else:
            books.thaw(subject=f"release:{claim.release.digest}", reason=f"claim:{claim.pk}", now=now)
    return event


def _release_submission(claim: Claim, now: datetime) -> None:
    """Lets the examination of a held submission go on once no claim is open: it publishes, or refuses what was lost."""
    Submission.objects.filter(pk=claim.submission_id, state=Submission.State.HELD).exclude(
        pk__in=[row.submission_id for row in queries.open_claims_about(claim.submission)]  # type: ignore[arg-type]
    ).update(state=Submission.State.WAITING, next_at=now, attempts=0)


def _add(claim: Claim, kind: str, *, person: Person | None, statement: str, now: datetime) -> ClaimEvent:
    due_at = clocks.due_after(kind, now, settings.COUNTER_NOTICE_DAYS)
    try:
        with transaction.atomic():
            event = ClaimEvent.objects.create(
                claim=claim, kind=kind, person=person, statement=statement, at=now, due_at=due_at
            )
    except IntegrityError:
        raise UnableToAnswer(claim, _("That was done before: read what happened to the claim on its page.")) from None
    body: dict[str, Any] = {
        "claim": str(claim.pk),
        "event": kind,
        "asset": claim.asset.blob_id,
        "disputed": claim.disputed_sha256,
        "evidence": claim.evidence_sha256,
    }
    if claim.release is not None:
        body["release"] = claim.release.digest
    if due_at is not None:
        body["due_at"] = int(due_at.timestamp())
    ledger.operations.state(type="claim", subject=f"claim:{claim.pk}", body=body, now=now)
    return event
