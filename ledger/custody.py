"""Creators' keys: which one signs for a creator now, and the private halves that are kept for them, encrypted."""

import os
import secrets
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from ledger.models import CreatorKey
from ledger.signing.base import Signer
from ledger.signing.files import FileSigner
from ledger.stating import state_once
from marketplace.people.models import Creator


class UnableToSignFor(Exception):
    """The creator's key cannot sign here: it is elsewhere, or cannot be decrypted."""

    code = "creator-key-unusable"

    def __init__(self, creator: Creator, reason: str) -> None:
        super().__init__(creator, reason)
        self.creator = creator
        self.reason = reason

    def __str__(self) -> str:
        return _("Nothing can be signed for %(creator)s: %(reason)s.") % {
            "creator": self.creator.handle,
            "reason": self.reason,
        }


def current_key(creator: Creator) -> CreatorKey | None:
    """Return the key that signs for the creator now, None before the first one."""
    return CreatorKey.objects.filter(creator=creator, end=None).order_by("-registered_at", "kid").first()


@transaction.atomic
def signer_of(*, creator: Creator, now: datetime) -> Signer:
    """Return the signer of the creator's custodial key, made and registered on first use.

    Raise UnableToSignFor when the creator's key is their own, or cannot be decrypted.
    """
    key = current_key(creator)
    if key is None:
        # One first key a creator, however many ask for it at once.
        Creator.objects.select_for_update().get(pk=creator.pk)
        key = current_key(creator) or _make(creator, now)
    if key.custody == CreatorKey.OWN:
        raise UnableToSignFor(creator, _("the key is the creator's own, and signs in the creator's browser"))
    try:
        raw = _safe().decrypt(bytes(key.encrypted_private or b""))
    except InvalidToken:
        raise UnableToSignFor(
            creator, _("the key is encrypted under another custody key: restore WORLDLOOM_CUSTODY_KEYS")
        ) from None
    return FileSigner("Ed25519", Ed25519PrivateKey.from_private_bytes(raw))


def _make(creator: Creator, now: datetime) -> CreatorKey:
    private_key = Ed25519PrivateKey.generate()
    signer = FileSigner("Ed25519", private_key)
    made = CreatorKey.objects.create(
        kid=signer.kid,
        creator=creator,
        custody=CreatorKey.CUSTODIAL,
        public_jwk=signer.public_jwk,
        encrypted_private=_safe().encrypt(private_key.private_bytes_raw()),
        registered_at=now,
    )
    body = {
        "kid": signer.kid,
        "alg": "Ed25519",
        "use": "creators",
        "public_jwk": signer.public_jwk,
        "holder": str(creator.pk),
        "custody": CreatorKey.CUSTODIAL,
    }
    state_once(type="key", subject=f"key:{signer.kid}", body=body, now=now, signers=[signer])
    return made


def _safe() -> MultiFernet:
    """Return what encrypts under the first custody key and decrypts under any."""
    keys = settings.CUSTODY_KEYS or [_kept(Path(settings.DATA_FOLDER) / "keys" / "custody")]
    return MultiFernet([Fernet(key) for key in keys])


def _kept(path: Path) -> str:
    """Return the custody key of a file of mode 0600, made on first use."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, replaces nothing: two processes at once end with one key.
        try:
            os.link(part, path)
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return path.read_text()
