"""Reporting a published release that holds one's own work."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from assets.models import Fingerprint
from assets.operations import receive
from assets.originality.base import Match, Print
from assets.originality.compare import find_matches
from assets.queries import open_blob
from marketplace.catalog.models import ReleaseAsset
from marketplace.intake import claiming
from marketplace.intake.claiming import STATEMENT_CHARACTERS, UnableToClaim
from marketplace.intake.likeness import CLAIMED, CONFIRMED, Likeness, judge
from marketplace.intake.models import Claim
from marketplace.people.models import Creator

REPORTED = "reported"


def report(*, claimant: Creator, own: ReleaseAsset, disputed: ReleaseAsset, statement: str, now: datetime) -> Claim:
    """This will open a claim that a file of a published release is, or is made from, one's own published file.

    The two are compared: with a match that the ledger saw here first, what the release earns is frozen until the claim
    ends; a statement alone freezes nothing. Reporting the same again returns the claim that is there. Raise
    UnableToClaim or UnableToCompare, and write nothing.
    """
    respondent = disputed.release.pack.owner
    statement = statement.strip()
    if own.release.pack.owner_id != claimant.pk:
        raise UnableToClaim(_("Choose a file that you published yourself."))
    if respondent.pk == claimant.pk:
        raise UnableToClaim(_("That release is your own."))
    if not statement:
        raise UnableToClaim(_("Say what is yours in it: a statement of up to 2000 characters is needed."))
    if len(statement) > STATEMENT_CHARACTERS:
        raise UnableToClaim(_("The statement is longer than 2000 characters: shorten it."))
    found = _found(own, disputed)
    # A thief who published before the artist came here must not freeze the artist: only what was here first does. Nor
    # does what was made from an earlier work of the same creator, nor what was decided before. To name a source is no
    # permission yet.
    is_first = own.asset.inspected_at <= disputed.asset.inspected_at
    if found is None:
        match = Match(relation=REPORTED, asset_id=own.asset_id, score_ppm=0)
    elif is_first and found.outcome in (CLAIMED, CONFIRMED):
        match = found.match
    else:
        match = replace(found.match, relation=REPORTED)
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


def _found(own: ReleaseAsset, disputed: ReleaseAsset) -> Likeness | None:
    """Compares the disputed file as at the door, and gives what it has of the claimant's own."""
    asset, release = disputed.asset, disputed.release
    prints = [
        Print(row.kind, bytes(row.value), row.member) for row in Fingerprint.objects.filter(asset=asset).order_by("id")
    ]
    with ExitStack() as stack:
        stream = stack.enter_context(open_blob(asset.blob_id))
        file = stack.enter_context(receive(stream=stream, name="disputed"))
        (matches,) = find_matches([(file.path, "disputed", asset.facts, asset.blob_id, prints)])
    judged = judge(
        creator=release.pack.owner,
        parents=[row.parent for row in release.parents.select_related("parent")],
        found=[(disputed.path, asset.blob_id, matches)],
    )
    return next((one for one in judged if one.match.asset_id == own.asset_id), None)
