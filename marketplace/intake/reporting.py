"""Reporting a published release that holds one's own work."""

from contextlib import ExitStack
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from assets.models import Asset, Fingerprint
from assets.operations import receive
from assets.originality.base import Match, Print
from assets.originality.compare import find_matches
from assets.queries import open_blob
from marketplace.catalog.models import ReleaseAsset
from marketplace.intake import claiming
from marketplace.intake.claiming import STATEMENT_CHARACTERS, UnableToClaim
from marketplace.intake.likeness import CLAIMED, Likeness
from marketplace.intake.models import Claim
from marketplace.people.models import Creator

REPORTED = "reported"


def report(*, claimant: Creator, own: ReleaseAsset, disputed: ReleaseAsset, statement: str, now: datetime) -> Claim:
    """This will open a claim that a file of a published release is, or is made from, one's own published file.

    The two are compared: with a match that the ledger saw here first, what the release earns is frozen until the claim
    ends; a statement alone freezes nothing. Reporting the same again returns the claim that is there. Raise
    UnableToClaim or UnableToCompare, and write nothing.
    """
    respondent = disputed.release.pack.creator
    statement = statement.strip()
    if own.release.pack.creator_id != claimant.pk:
        raise UnableToClaim(_("Choose a file that you published yourself."))
    if respondent.pk == claimant.pk:
        raise UnableToClaim(_("That release is your own."))
    if not statement:
        raise UnableToClaim(_("Say what is yours in it: a statement of up to 2000 characters is needed."))
    if len(statement) > STATEMENT_CHARACTERS:
        raise UnableToClaim(_("The statement is longer than 2000 characters: shorten it."))
    found = _match(own.asset, disputed.asset)
    # A thief who published before the artist came here must not freeze the artist: only what was here first does.
    is_first = own.asset.inspected_at <= disputed.asset.inspected_at
    match = found if found and is_first else Match(relation=REPORTED, asset_id=own.asset_id, score_ppm=0)
    if found and not is_first:
        match = Match(relation=REPORTED, asset_id=own.asset_id, score_ppm=found.score_ppm, evidence=found.evidence)
    one = Likeness(path=disputed.path, sha256=disputed.asset.blob_id, match=match, first=own, outcome=CLAIMED)
    with transaction.atomic():
        return claiming.open_one(
            one,
            respondent=respondent,
            submission=None,
            release=disputed.release,
            origin=Claim.REPORT,
            person=claimant.person,
            statement=statement,
            size_bytes=disputed.asset.blob.size_bytes,
            now=now,
        )


def _match(own: Asset, disputed: Asset) -> Match | None:
    prints = [
        Print(row.kind, bytes(row.value), row.member)
        for row in Fingerprint.objects.filter(asset=disputed).order_by("id")
    ]
    with ExitStack() as stack:
        stream = stack.enter_context(open_blob(disputed.blob_id))
        file = stack.enter_context(receive(stream=stream, name="disputed"))
        (matches,) = find_matches([(file.path, "disputed", disputed.facts, disputed.blob_id, prints)])
    return next((match for match in matches if match.asset_id == own.pk), None)
