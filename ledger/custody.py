"""Creators' keys: which one signs for a creator now, and the private halves that are kept for them, encrypted."""

import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from ledger.models import CreatorKey, CreatorKeyEnd
from ledger.presenting import Hands, PresentedSigner
from ledger.signing.base import Signer
from ledger.signing.files import FileSigner
from ledger.stating import log_signer, state, state_once
from marketplace.people.models import Creator

_LOCK = 0x574C_0015
_REKEYED_AT_ONCE = 500
REASONS = ("compromised", "lost", "retired")


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


class UnableToChangeKey(Exception):
    """The creator's key stays as it is; nothing was stated."""

    code = "creator-key-unchanged"

    def __init__(self, creator: Creator, reason: str) -> None:
        super().__init__(creator, reason)
        self.creator = creator
        self.reason = reason

    def __str__(self) -> str:
        return _("The signing key of %(creator)s stays as it is: %(reason)s.") % {
            "creator": self.creator.handle,
            "reason": self.reason,
        }


# --- which key signs --------------------------------------------------------------------------------------
def current_key(creator: Creator) -> CreatorKey | None:
    """Return the key that signs for the creator now, None before the first one and after a revocation."""
    return CreatorKey.objects.filter(creator=creator, end=None).order_by("-registered_at", "kid").first()


def own_key(creator: Creator) -> CreatorKey | None:
    """Return the creator's key when it is their own and signs in their browser; None when one is kept here."""
    key = current_key(creator)
    return key if key is not None and key.custody == CreatorKey.OWN else None


@transaction.atomic
def signer_of(*, creator: Creator, now: datetime) -> Signer:
    """Return the signer of the creator's custodial key, made and registered on first use.

    Until the caller's transaction ends, the key is neither replaced nor revoked, so that what it signs precedes that
    in the log. Raise UnableToSignFor when the creator's key is their own, or cannot be decrypted.
    """
    key = current_key(creator)
    if key is None:
        _lock(creator)  # one first key a creator, however many ask for it at once
        key = current_key(creator) or _keep(creator, Ed25519PrivateKey.generate(), now)
    else:
        _lock(creator, shared=True)
        key = current_key(creator) or key
    return _kept_signer(key)


@transaction.atomic
def elsewhere(*, creator: Creator, hands: Hands) -> Signer:
    """Return the signer of the creator's own key, whose signatures come from `hands`; locked as `signer_of` says.

    Raise UnableToSignFor when no own key of the creator's signs now.
    """
    _lock(creator, shared=True)
    key = own_key(creator)
    if key is None:
        raise UnableToSignFor(creator, _("the key that signs now is not in the creator's browser"))
    return hands.signer(key.public_jwk)


@transaction.atomic
def presented(*, creator: Creator, signatures: Mapping[bytes, bytes]) -> Signer:
    """Return the creator's own key as signer of what was signed before: signatures by message. See `elsewhere`."""
    _lock(creator, shared=True)
    key = own_key(creator)
    if key is None:
        raise UnableToSignFor(creator, _("the key that signs now is not in the creator's browser"))
    return PresentedSigner(key.public_jwk, signatures)


def any_signer(*, creator: Creator, hands: Hands, now: datetime) -> Signer:
    """Return the signer of the creator's key, wherever that is; a locked one, as `signer_of` says."""
    if own_key(creator) is None:
        return signer_of(creator=creator, now=now)
    return elsewhere(creator=creator, hands=hands)


def _kept_signer(key: CreatorKey) -> FileSigner:
    if key.custody == CreatorKey.OWN:
        raise UnableToSignFor(key.creator, _("the key is the creator's own, and signs in the creator's browser"))
    return FileSigner("Ed25519", _opened(key.creator, bytes(key.encrypted_private or b"")))


def _lock(creator: Creator, *, shared: bool = False) -> None:
    """Wait until nobody changes the creator's key, or until nobody signs with it either, for this transaction."""
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [_LOCK, int.from_bytes(creator.pk.bytes[:4], "big", signed=True)])


# --- another key --------------------------------------------------------------------------------------------
@transaction.atomic
def register_own_key(
    *, creator: Creator, public_jwk: Mapping[str, Any], after: str, hands: Hands, now: datetime
) -> CreatorKey:
    """Let a key that was made in the creator's browser sign from now on, and return it.

    `hands` give its signature of its `key` entry, which proves that somebody holds it, and of the `key-rotation`; a
    former key that is their own signs the rotation there too, one that is kept signs here. `after` is the kid of the
    key that signs as far as the caller knows, empty for none. The same key again changes nothing. Raise
    UnableToUseKey, UnableToCount, UnableToSignFor, or UnableToChangeKey.
    """
    _lock(creator)
    following = hands.signer(public_jwk)
    there = CreatorKey.objects.filter(pk=following.kid).first()
    now_signs = current_key(creator)
    if there is not None:
        if there == now_signs:
            return there
        raise UnableToChangeKey(creator, _("that key is registered already, and a key never comes back"))
    _check_after(creator, now_signs, after)
    made = _register(creator, following, CreatorKey.OWN, None, now)
    _hand_over(now_signs, following, hands, now)
    return made


@transaction.atomic
def keep_key(*, creator: Creator, prepared: bytes, after: str, hands: Hands, now: datetime) -> CreatorKey:
    """Let a new key that is kept here sign from now on, and return it: `prepared` is from `prepare_key`.

    Two at once make one: who comes second gets the key of the first. The rest is as `register_own_key` says.
    """
    _lock(creator)
    now_signs = current_key(creator)
    if now_signs is not None and now_signs.kid != after and now_signs.custody == CreatorKey.CUSTODIAL:
        return now_signs
    _check_after(creator, now_signs, after)
    private_key = _opened(creator, prepared)
    made = _keep(creator, private_key, now)
    _hand_over(now_signs, FileSigner("Ed25519", private_key), hands, now)
    return made


def prepare_key() -> bytes:
    """Return a new private key, encrypted: so that a rehearsal and what follows it speak of the same one."""
    return custody_safe().encrypt(Ed25519PrivateKey.generate().private_bytes_raw())


@transaction.atomic
def revoke_creator_key(*, creator: Creator, kid: str, reason: str, hands: Hands | None, now: datetime) -> CreatorKey:
    """State that signatures by the creator's current key count no more from here on, and return the key.

    The key signs that itself: one that is kept here, or one that `hands` answer for. Without them, or where a kept
    one cannot be decrypted, the log's key signs, since whoever lost a key cannot. Twice is once. Raise
    UnableToChangeKey for another's key or one that another followed, and for an unknown reason.
    """
    _lock(creator)
    key = CreatorKey.objects.filter(creator=creator, kid=kid).select_related("end").first()
    if key is None or reason not in REASONS:
        raise UnableToChangeKey(creator, _("it is no key of theirs, or the reason is unknown"))
    end = getattr(key, "end", None)
    if end is not None:
        if end.reason == "superseded":
            raise UnableToChangeKey(creator, _("another key has taken its place"))
        return key
    try:
        signer = _former(key, hands)
    except UnableToSignFor:
        signer = log_signer(now=now)
    body = {"kid": kid, "reason": reason}
    state(type="key-revocation", subject=f"key:{kid}", body=body, now=now, signers=[signer])
    CreatorKeyEnd.objects.create(key=key, reason=reason, ended_at=now)
    return key


def _check_after(creator: Creator, now_signs: CreatorKey | None, after: str) -> None:
    if (now_signs.kid if now_signs else "") != after:
        raise UnableToChangeKey(creator, _("it changed a moment ago; look at it again"))


def _hand_over(former: CreatorKey | None, following: Signer, hands: Hands, now: datetime) -> None:
    """State the rotation, signed by both keys; after a revocation, and before the first key, there is none."""
    if former is None:
        return
    body = {"kid": former.kid, "next": following.kid, "until": int(now.timestamp())}
    signers = [_former(former, hands), following]
    state(type="key-rotation", subject=f"key:{former.kid}", body=body, now=now, signers=signers)
    CreatorKeyEnd.objects.create(key=former, reason="superseded", ended_at=now)


def _former(key: CreatorKey, hands: Hands | None) -> Signer:
    if key.custody == CreatorKey.OWN and hands is not None:
        return hands.signer(key.public_jwk)
    return _kept_signer(key)


def _keep(creator: Creator, private_key: Ed25519PrivateKey, now: datetime) -> CreatorKey:
    encrypted = custody_safe().encrypt(private_key.private_bytes_raw())
    return _register(creator, FileSigner("Ed25519", private_key), CreatorKey.CUSTODIAL, encrypted, now)


def _register(creator: Creator, signer: Signer, custody: str, encrypted: bytes | None, now: datetime) -> CreatorKey:
    made = CreatorKey.objects.create(
        kid=signer.kid,
        creator=creator,
        custody=custody,
        public_jwk=signer.public_jwk,
        encrypted_private=encrypted,
        registered_at=now,
    )
    body = {
        "kid": signer.kid,
        "alg": "Ed25519",
        "use": "creators",
        "public_jwk": signer.public_jwk,
        "holder": str(creator.pk),
        "custody": custody,
    }
    state_once(type="key", subject=f"key:{signer.kid}", body=body, now=now, signers=[signer])
    return made


# --- what the kept keys are encrypted under -----------------------------------------------------------------
def rekey() -> tuple[int, list[str]]:
    """Encrypt every kept key under the first custody key; return how many were not, and the kids that no key opens.

    Safe to be killed and to be run again, and beside a site at work: each key is opened and closed under a lock.
    """
    safe, first = custody_safe(), Fernet(_custody_keys()[0])
    changed, lost, after = 0, [], ""
    while True:
        with transaction.atomic():
            rows = list(
                CreatorKey.objects.select_for_update()
                .filter(custody=CreatorKey.CUSTODIAL, kid__gt=after)
                .order_by("kid")[:_REKEYED_AT_ONCE]
            )
            for row in rows:
                token = bytes(row.encrypted_private or b"")
                if _opens(first, token):
                    continue
                if not _opens(safe, token):
                    lost.append(row.kid)
                    continue
                row.encrypted_private = safe.rotate(token)
                row.save(update_fields=["encrypted_private"])
                changed += 1
        if not rows:
            return changed, lost
        after = rows[-1].kid


def _opens(safe: Fernet | MultiFernet, token: bytes) -> bool:
    try:
        safe.decrypt(token)
    except InvalidToken:
        return False
    return True


def _opened(creator: Creator, token: bytes) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(custody_safe().decrypt(token))
    except InvalidToken:
        raise UnableToSignFor(
            creator, _("the key is encrypted under another custody key: restore WORLDLOOM_CUSTODY_KEYS")
        ) from None


def custody_safe() -> MultiFernet:
    """Return what encrypts under the first custody key and decrypts under any."""
    return MultiFernet([Fernet(key) for key in _custody_keys()])


def _custody_keys() -> list[str]:
    return list(settings.CUSTODY_KEYS) or [_kept(Path(settings.DATA_FOLDER) / "keys" / "custody")]


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
