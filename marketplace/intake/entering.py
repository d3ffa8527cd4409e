"""Entering what was handed in: inspected, compared and published in one transaction, or nothing of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from assets.inspectors.base import Inspection
from assets.inspectors.vrm import license_conflicts
from assets.models import Asset, Upload, UploadInspection
from assets.operations import (
    Received,
    UnableToAdmit,
    findings_of,
    forget,
    inspect_uploads,
    keep,
    make_all_previews,
    outcome_of,
    uploaded_files,
)
from assets.originality.base import Print
from assets.originality.compare import find_matches
from ledger.signing.base import Signer
from marketplace.catalog import operations as catalog
from marketplace.catalog.credentials import credentials_on_pages
from marketplace.catalog.models import Release
from marketplace.catalog.rules import Draft, Finding, gettext_noop
from marketplace.compositions.compositions import COMPOSITION_FILE
from marketplace.intake import rules
from marketplace.intake.composing import check_composition
from marketplace.intake.likeness import CLAIMED, Likeness, judge, unseen
from marketplace.intake.models import Submission
from marketplace.intake.pricing import may_offer, priced
from marketplace.licensing import operations as licensing
from marketplace.licensing.offering import Wanted
from marketplace.people.models import Creator

# Publications are compared and entered one after the other, so that two at once cannot both miss each other.
_LOCK = 0x696E7461


class PublicationHeld(Exception):
    """Something in it is somebody else's published work; the submission waits, with a claim about each."""

    code = "publication-held"

    def __init__(self, submission: Submission, likenesses: Sequence[Likeness]) -> None:
        super().__init__(submission, tuple(likenesses))
        self.submission = submission
        self.likenesses = tuple(one for one in likenesses if one.outcome == CLAIMED)
        self.all = tuple(likenesses)

    def __str__(self) -> str:
        first = self.likenesses[0]
        return _(
            "The publication is held: %(path)s matches %(their_path)s of %(release)s. Answer the claim in your portal."
        ) % {"path": first.path, "their_path": first.first.path, "release": first.first.release}


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that has passed every inspection: its bytes, what they are, and what they are recognised by."""

    file: Received
    inspection: Inspection
    prints: Sequence[Print]


def inspected(uploads: Sequence[Upload], now: datetime) -> list[UploadInspection]:
    """This will return the inspections of the uploads, all passed; raise UnableToAdmit with every finding."""
    rows = inspect_uploads(uploads=uploads, now=now)
    findings = [finding for row in rows for finding in findings_of(row)]
    if findings:
        raise UnableToAdmit(findings)
    return rows


@dataclass(frozen=True, slots=True)
class Hand:
    """Who signs for a creator with a key of their own, what chance is drawn from, and whether it is a rehearsal.

    `signer` is asked in the transaction that publishes. A rehearsal compares nothing; what follows it does.
    """

    signer: Callable[[], Signer]
    seed: bytes
    is_rehearsal: bool = False


def enter(
    submission: Submission,
    now: datetime,
    conclude: Callable[[Release, list[dict[str, Any]]], None],
    hand: Hand | None = None,
) -> Release:
    """This will publish a submission whose uploads have all arrived, or raise what stands in the way.

    The creator's key that is kept here signs, or else `hand`.

    `conclude` is given the release and what the comparison found, as Likeness.plain gives it, in the transaction that
    publishes: what it raises leaves nothing published.
    Raise UnableToAdmit, UnableToCompare, PublicationHeld, and what catalog and licensing refuse.
    """
    draft, offers = rules.read_pack(submission.pack)
    terms = priced(draft, offers)
    rows = list(submission.files.select_related("upload__owner"))
    uploads = [row.upload for row in rows if row.upload is not None]
    if len(uploads) != len(rows):
        text = gettext_noop("The files are no longer kept: upload them again.")
        raise catalog.UnableToPublish(draft, [Finding("files", text, {})])
    inspections = inspected(uploads, now)
    with uploaded_files(uploads) as received:
        ready = {
            row.path: Ready(file, *outcome_of(inspection))
            for row, file, inspection in zip(rows, received, inspections, strict=True)
        }
        try:
            with transaction.atomic():
                release, found, files = _enter(submission, draft, terms, ready, now, hand)
                conclude(release, found)
        except BaseException:
            forget(received=received)
            raise
    drawn = _drawn(draft, files)
    said = credentials_on_pages([asset.pk for asset in drawn], settings.SITE_URL)
    make_all_previews(assets=drawn, now=now, credentials=said)
    return release


def _enter(
    submission: Submission,
    draft: Draft,
    terms: Sequence[Wanted],
    ready: Mapping[str, Ready],
    now: datetime,
    hand: Hand | None,
) -> tuple[Release, list[dict[str, Any]], dict[str, Asset]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    creator = submission.creator
    catalog.check(creator=creator, draft=draft)
    said = {path: one.inspection.facts for path, one in ready.items()}
    may_offer(creator, draft, terms, now, said.get(COMPOSITION_FILE))
    _check_model_licenses(draft, terms, ready)
    check_composition(
        creator=creator,
        draft=draft,
        facts=said,
        paths={path: one.file.path for path, one in ready.items()},
        now=now,
    )
    parents = [release for parent in draft.derived_from if (release := catalog.release_of(parent))]
    likenesses = [] if hand and hand.is_rehearsal else compare(creator, parents, ready)
    if any(one.outcome == CLAIMED for one in likenesses):
        raise PublicationHeld(submission, likenesses)
    paths = list(ready)
    assets = keep(
        files=[(ready[path].file, ready[path].inspection) for path in paths],
        fingerprints=[ready[path].prints for path in paths],
        now=now,
    )
    files = dict(zip(paths, assets, strict=True))
    signer, seed = (hand.signer(), hand.seed) if hand else (None, b"")
    release = catalog.publish(creator=creator, draft=draft, files=files, now=now, signer=signer)
    licensing.offer_all(release=release, offers=terms, now=now, signer=signer, seed=seed)
    weights = {path: facts for path, one in ready.items() if (facts := one.inspection.facts).get("kind") == "weights"}
    told = unseen(parents=parents, judged=likenesses, weights=weights)
    return release, [one.plain() for one in likenesses] + told, files


def compare(creator: Creator, parents: Sequence[Release], ready: Mapping[str, Ready]) -> list[Likeness]:
    """This will find whose published work the files are or are made from; raise UnableToCompare, never pass by."""
    found = find_matches(
        [(one.file.path, path, one.inspection.facts, one.file.sha256, list(one.prints)) for path, one in ready.items()]
    )
    return judge(
        creator=creator,
        parents=parents,
        found=[(path, one.file.sha256, matches) for (path, one), matches in zip(ready.items(), found, strict=True)],
    )


def _check_model_licenses(draft: Draft, terms: Sequence[Wanted], ready: Mapping[str, Ready]) -> None:
    """Refuses offers that allow more than the license inside a VRM file does."""
    findings = []
    for path, one in ready.items():
        for place, license_ in _licenses_in(path, one.inspection.facts):
            for offer in terms:
                for conflict in license_conflicts(license_, asdict(offer.terms)):
                    text = gettext_noop("The terms “%(terms)s” do not fit %(path)s: %(conflict)s")
                    values = {"terms": offer.terms.name, "path": place, "conflict": conflict}
                    findings.append(Finding("offers", text, values))
    if findings:
        raise catalog.UnableToPublish(draft, findings)


def _licenses_in(path: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields the licenses that a file, or the files of an archive, say of themselves, each with its place."""
    if facts.get("license"):
        yield path, facts["license"]
    for member in facts.get("members") or ():
        if license_ := member.get("facts", {}).get("license"):
            yield f"{path}/{member['path']}", license_


def _drawn(draft: Draft, files: Mapping[str, Asset]) -> list[Asset]:
    """Lists what has a picture on the pack's page: previews that are pictures, and what a picture is drawn of."""
    shown = {
        files[file.path].pk: files[file.path]
        for file in draft.files
        if file.path in files
        and (
            (file.role == "preview" and files[file.path].facts.get("kind") == "picture")
            or files[file.path].facts.get("kind") in ("weights", "motion", "model")
        )
    }
    return list(shown.values())
