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
    if claim.relation not in ("same-picture", "same-bytes") or claim.asset.facts.get("kind") != "picture":
        return False
    if claim.evidence["disputed"].get("member"):
        return False
    return claim.submission is None or _disputed_upload(claim) is not None


def _disputed_upload(claim: Claim) -> Upload | None:
    rows = SubmittedFile.objects.filter(submission=claim.submission, sha256=claim.disputed_sha256)
    file = rows.exclude(upload=None).select_related("upload__owner").first()
    return file.upload if file else None


def disputed_picture(claim: Claim) -> bytes | None:
    """This will draw a WebP copy of the disputed picture, wherever its bytes are; None when they are gone or none."""
    if not has_disputed_picture(claim):
        return None
    with ExitStack() as stack:
        if upload := _disputed_upload(claim):
            (received,) = stack.enter_context(uploaded_files([upload]))
        else:
            stream = stack.enter_context(open_blob(claim.disputed_sha256))
            received = stack.enter_context(receive(stream=stream, name="disputed"))
        try:
            return sandbox.make_preview(received.path, [WIDTH], box())[0]
        except Refused:
            return None
