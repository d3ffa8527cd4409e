"""Sending evidence: once, under a key that is committed before; or an operator says that they sent it by hand."""

import io
import json
import logging
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

import assets.queries
from marketplace.checkout.disputes import Dispute
from marketplace.checkout.evidence.making import make_bundle
from marketplace.checkout.evidence.members import COVER, TEXTS
from marketplace.checkout.evidence.standing import OPEN, standing_of
from marketplace.checkout.evidence.tables import EvidenceBundle, EvidenceSubmission, EvidenceSubmissionOutcome
from marketplace.checkout.evidence.texts import FILE_LIMIT_BYTES, FILES_LIMIT_BYTES
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.placing import gateway
from marketplace.people.models import Person

log = logging.getLogger(__name__)

Files = Mapping[str, tuple[str, bytes]]
"""Field of the gateway's form → name and bytes of a PDF."""


class UnableToSubmitEvidence(Exception):
    """Evidence cannot be sent so; nothing was written and nothing was sent."""

    code = "evidence-refused"

    def __init__(self, dispute: Dispute, reason: str) -> None:
        super().__init__(reason)
        self.dispute, self.reason = dispute, reason


def takes_evidence(dispute: Dispute) -> bool:
    """This will tell whether the gateway of a dispute takes evidence from us; where not, it is sent by hand."""
    port = gateway()
    return port.name == dispute.gateway and _sender(port) is not None


def _sender(port: Any) -> Callable[..., Any] | None:
    return getattr(port, "submit_evidence", None)


def submit(*, dispute: Dispute, by: Person, now: datetime) -> EvidenceSubmission:
    """This will give the newest evidence to the gateway, once; one that nobody answered is asked for again.

    Raises UnableToSubmitEvidence for a dispute that is decided, for what was sent already, and where the gateway takes
    none; or GatewayUnavailable when nobody knows whether it arrived: `finish_submissions` goes on with the same key.
    """
    if not takes_evidence(dispute):
        raise UnableToSubmitEvidence(dispute, _("This gateway takes no evidence from here: send it by hand."))
    _check_open(dispute)
    bundle = dispute.bundles.order_by("-number").first() or make_bundle(dispute=dispute, by=by, now=now)
    submission = _intend(dispute, bundle, EvidenceSubmission.GATEWAY, "", by, now)
    give(submission=submission, now=now)
    return submission


@transaction.atomic
def record_by_hand(*, dispute: Dispute, note: str, by: Person, now: datetime) -> EvidenceSubmission:
    """This will keep that an operator sent the evidence another way, and how, in at most 200 characters.

    Raises UnableToSubmitEvidence as `submit` does, and while there is no bundle.
    """
    if not 0 < len(note.strip()) <= 200:
        raise UnableToSubmitEvidence(dispute, _("Say how it was sent, in at most 200 characters."))
    _check_open(dispute)
    bundle = dispute.bundles.order_by("-number").first()
    if bundle is None:
        raise UnableToSubmitEvidence(dispute, _("There is no evidence yet: make it first."))
    made = _intend(dispute, bundle, EvidenceSubmission.HAND, note.strip(), by, now)
    if made.way != EvidenceSubmission.HAND:
        raise UnableToSubmitEvidence(dispute, _("Evidence is on its way to the gateway: wait for its answer."))
    EvidenceSubmissionOutcome.objects.create(
        submission=made, outcome=EvidenceSubmissionOutcome.ACCEPTED, reference="", at=now
    )
    return made


def _check_open(dispute: Dispute) -> None:
    if standing_of(dispute).state != OPEN:
        raise UnableToSubmitEvidence(dispute, _("The dispute is decided: evidence changes nothing any more."))


@transaction.atomic
def _intend(
    dispute: Dispute, bundle: EvidenceBundle, way: str, note: str, by: Person, now: datetime
) -> EvidenceSubmission:
    """Writes what is about to be sent, or finds what is on its way; of two at once the second finds the first's."""
    Dispute.objects.select_for_update(no_key=True).get(pk=dispute.pk)
    newest = dispute.submissions.select_related("outcome").order_by("-number").first()
    if newest is not None:
        outcome = getattr(newest, "outcome", None)
        if outcome is None:
            return newest
        if outcome.outcome == EvidenceSubmissionOutcome.ACCEPTED:
            raise UnableToSubmitEvidence(dispute, _("Evidence was sent already, and what a bank has is final."))
    return EvidenceSubmission.objects.create(
        dispute=dispute,
        number=newest.number + 1 if newest else 1,
        bundle=bundle,
        way=way,
        note=note,
        by=by,
        intended_at=now,
    )


def give(*, submission: EvidenceSubmission, now: datetime) -> EvidenceSubmissionOutcome:
    """This will bring a submission to its outcome: call the gateway outside any transaction, then keep what it said."""
    if outcome := EvidenceSubmissionOutcome.objects.filter(submission=submission).first():
        return outcome
    send = _sender(gateway())
    if send is None:
        raise GatewayUnavailable("the gateway takes no evidence")
    texts, files = contents_of(submission.bundle)
    answer = send(key=submission.key, dispute_reference=submission.dispute.reference, texts=texts, files=files, now=now)
    kind = EvidenceSubmissionOutcome.ACCEPTED if answer.accepted else EvidenceSubmissionOutcome.REFUSED
    row, _made = EvidenceSubmissionOutcome.objects.get_or_create(
        submission=submission,
        defaults={"outcome": kind, "reference": answer.reference[:120], "reason": answer.reason[:300], "at": now},
    )
    return row


def finish_submissions(*, now: datetime) -> int:
    """This will bring evidence to its end that a crash or a silent gateway left open; tells how much."""
    finished = 0
    rows = EvidenceSubmission.objects.filter(outcome=None, way=EvidenceSubmission.GATEWAY)
    for submission in rows.select_related("dispute", "bundle").order_by("intended_at", "id")[:20]:
        if submission.dispute.gateway != gateway().name:
            continue
        try:
            give(submission=submission, now=now)
            finished += 1
        except GatewayUnavailable as error:
            log.warning("%s stays open: %s", submission.key, error)
        except Exception:
            log.exception("%s stays open", submission.key)
    return finished


def contents_of(bundle: EvidenceBundle) -> tuple[dict[str, str], Files]:
    """This will read the texts and papers for the gateway's form out of a bundle: one paper a field, within its limits.

    What does not fit is left out, the cover last.
    """
    content = b"".join(assets.queries.read_chunks(bundle.sha256))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        texts: dict[str, str] = json.loads(archive.read(TEXTS))
        found = {field: (name.replace("/", "-"), archive.read(name)) for field, name in _fields(archive.namelist())}
    files, size = {}, 0
    for field, (name, paper) in found.items():
        if len(paper) <= FILE_LIMIT_BYTES and size + len(paper) <= FILES_LIMIT_BYTES:
            files[field], size = (name, paper), size + len(paper)
    return texts, files


def _fields(names: list[str]) -> list[tuple[str, str]]:
    """Says which paper goes into which field: the cover first, then the receipt, then a certificate."""
    receipt = next((name for name in names if name.startswith("papers/") and name.endswith(".pdf")), "")
    certificate = next((name for name in names if name.endswith("/certificate.pdf")), "")
    chosen = {"uncategorized_file": COVER, "receipt": receipt, "service_documentation": certificate}
    return [(field, name) for field, name in chosen.items() if name]
