"""Signing pictures: the platform signs the claim, the creator's key that is kept here signs as the creator.

The library judges certificates by the machine's clock and cannot be told another; so certificates are issued by that
clock, whatever `now` the story has.
"""

import io
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from django.conf import settings
from django.utils import timezone

from ledger import keyring
from ledger.credentials import issuing, manifests, native, trust
from ledger.credentials.base import Credentials, Origin, UnableToSignPicture
from ledger.credentials.issuing import UnableToIssue
from ledger.credentials.native import Party
from ledger.custody import UnableToSignFor, current_key, signer_of
from ledger.models import CreatorKey
from ledger.signing.base import UnableToLoadKey
from marketplace.people.models import Creator

SUPPORTED = frozenset({"image/jpeg", "image/png", "image/webp", "image/avif"})
"""The media types of pictures that are signed: all that are admitted."""

_MANIFEST_BYTES = b"c2pa"
_SCANNED_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pen:
    """What signs a creator's pictures; `creator` is None where the creator's key is their own and not here."""

    platform: Party
    creator: Party | None
    platform_roots: str
    creators_roots: str


def pen_for(*, creator: Creator, now: datetime) -> Pen:
    """Return what signs the creator's pictures, certificates issued or renewed where they are due.

    Raise UnableToSignPicture when a key that should be here is not.
    """
    clock = timezone.now()
    try:
        signer = keyring.signer("claims")
        chain = issuing.chain_of(
            authority="platform", signer=signer, common_name="Worldloom Content Credentials", now=clock
        )
        party = _creators_party(creator, now, clock)
    except (UnableToIssue, UnableToLoadKey, UnableToSignFor) as error:
        raise UnableToSignPicture(str(error)) from error
    return Pen(Party(signer, chain), party, issuing.roots("platform"), issuing.roots("creators"))


def _creators_party(creator: Creator, now: datetime, clock: datetime) -> Party | None:
    key = current_key(creator)
    if key is not None and key.custody == CreatorKey.OWN:
        return None
    signer = signer_of(creator=creator, now=now)
    chain = issuing.chain_of(authority="creators", signer=signer, common_name=creator.handle, now=clock)
    return Party(signer, chain)


def sign_picture(
    *,
    pen: Pen,
    credentials: Credentials,
    origin: Origin,
    picture: BinaryIO,
    media_type: str,
    signed: BinaryIO,
    original: BinaryIO | None = None,
) -> None:
    """Write the picture with its credentials to `signed`, which must be readable; the pixels stay the same bytes.

    `original` is given where the registered bytes may carry credentials themselves: those then are kept as the
    ingredient's history. What was signed is verified before this returns. Raise UnableToSignPicture.
    """
    import c2pa

    if media_type not in SUPPORTED:
        raise UnableToSignPicture(f"pictures of type {media_type} take no credentials")
    said = manifests.definition(
        credentials,
        origin,
        media_type,
        signed_by=["platform", "creator"] if pen.creator else ["platform"],
        log=settings.LOG_ORIGIN,
        site=settings.SITE_URL,
    )
    carried = original is not None and _may_carry(original)
    if carried:
        first, *said["ingredients"] = said["ingredients"]
    context = trust.context_for(platform_roots=pen.platform_roots, creators_roots=pen.creators_roots)
    try:
        with c2pa.Builder(said, context) as builder:
            if carried:
                builder.add_ingredient(first, origin.media_type, original)
            with _joined(pen) as signer:
                builder.sign(signer, media_type, picture, signed)
    except c2pa.C2paError as error:
        raise UnableToSignPicture(str(error)) from error


def sign_bytes(*, pen: Pen, credentials: Credentials, origin: Origin, picture: bytes, media_type: str) -> bytes:
    """Return the picture with its credentials; see `sign_picture`."""
    signed = io.BytesIO()
    sign_picture(
        pen=pen,
        credentials=credentials,
        origin=origin,
        picture=io.BytesIO(picture),
        media_type=media_type,
        signed=signed,
    )
    return signed.getvalue()


def _joined(pen: Pen) -> Any:
    claims = native.native_signer(pen.platform)
    if pen.creator is None:
        return claims
    identity = native.native_signer(pen.creator)
    return native.with_identity(claims, identity, referenced=manifests.SIGNED_BY_CREATOR, role="cawg.creator")


def _may_carry(original: BinaryIO) -> bool:
    """Whether the label of a manifest store is anywhere in the bytes; the stream stands at its beginning again."""
    tail, found = b"", False
    while not found and (chunk := original.read(_SCANNED_BYTES)):
        found = _MANIFEST_BYTES in tail + chunk
        tail = chunk[-len(_MANIFEST_BYTES) :]
    original.seek(0)
    return found
