"""Pictures beside a claim: the public one of what was published, and one for the parties of what is disputed."""

from contextlib import ExitStack
from uuid import UUID

from assets.inspectors import sandbox
from assets.inspectors.base import Refused
from assets.models import PreviewImage, Upload
from assets.operations import receive, uploaded_files
from assets.queries import box, open_blob
from marketplace.intake.models import Claim, SubmittedFile

WIDTH = 480


def public_picture(asset_id: UUID) -> PreviewImage | None:
    """This will find the smallest copy that pages show of an asset, None where there is none."""
    rows = PreviewImage.objects.filter(asset_id=asset_id, media_type=PreviewImage.WEBP)
    return rows.order_by("width").first()


def has_disputed_picture(claim: Claim) -> bool:
    """This will say whether there is a picture to show of the disputed file: none once its bytes are gone."""
    if not _is_of_pictures(claim) or claim.evidence["disputed"].get("member"):
        return False
    return claim.submission is None or _disputed_upload(claim) is not None


def has_claimed_picture(claim: Claim) -> bool:
    """This will say whether there is a picture to show of the published file."""
    return _is_of_pictures(claim) and not claim.evidence["claimed"].get("member")


def _is_of_pictures(claim: Claim) -> bool:
    return claim.relation in ("same-picture", "same-bytes") and claim.asset.facts.get("kind") == "picture"


def _disputed_upload(claim: Claim) -> Upload | None:
    rows = SubmittedFile.objects.filter(submission=claim.submission, sha256=claim.disputed_sha256)
    file = rows.exclude(upload=None).select_related("upload__owner").first()
    return file.upload if file else None


def disputed_picture(claim: Claim) -> bytes | None:
    """This will draw a WebP copy of the disputed picture, wherever its bytes are; None when they are gone or none."""
    if not has_disputed_picture(claim):
        return None
    return _drawn(claim.disputed_sha256, _disputed_upload(claim))


def claimed_picture(claim: Claim) -> bytes | None:
    """This will draw a WebP copy of the published picture, which a match shows to be the other's, too; None for none.

    Small, and for the two parties alone: it need not be one that pages show.
    """
    return _drawn(claim.asset.blob_id, None) if has_claimed_picture(claim) else None


def _drawn(sha256: str, upload: Upload | None) -> bytes | None:
    with ExitStack() as stack:
        if upload is not None:
            (received,) = stack.enter_context(uploaded_files([upload]))
        else:
            stream = stack.enter_context(open_blob(sha256))
            received = stack.enter_context(receive(stream=stream, name="picture"))
        try:
            return sandbox.make_preview(received.path, [WIDTH], box())[0]
        except Refused:
            return None
