"""Rotate and revoke the platform's own keys, in the log, where everybody can follow it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from ledger import keyring
from ledger.keyring import Ring
from ledger.models import Entry
from ledger.signing.base import Signer, Use
from ledger.stating import log_signer, register_key, state, state_once

ROTATE_LOCK = 0x574C_0014


class UnableToRotate(Exception):
    """A key that no other follows; nothing was stated."""

    code = "unable-to-rotate"

    def __init__(self, use: str, reason: str) -> None:
        super().__init__(use, reason)
        self.use = use
        self.reason = reason

    def __str__(self) -> str:
        return _("The %(use)s key cannot be rotated: %(reason)s.") % {"use": self.use, "reason": self.reason}


class UnableToRevoke(Exception):
    """A key that is not revoked; nothing was stated."""

    code = "unable-to-revoke"

    def __init__(self, kid: str, reason: str) -> None:
        super().__init__(kid, reason)
        self.kid = kid
        self.reason = reason

    def __str__(self) -> str:
        return _("The key %(kid)s cannot be revoked: %(reason)s.") % {"kid": self.kid, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Rotation:
    """That the key `current` signs for `use` from now on, and `former` its checkpoints too until `until`.

    `former` is empty and `until` None where the key before it was revoked, and so could not hand over.
    """

    use: Use
    former: str
    current: str
    until: datetime | None


def rotate_key(*, use: Use, until: datetime, now: datetime) -> Rotation:
    """Let the next key of the use sign from now on, and say so in the log, signed by both keys.

    Calls while the key before still signs too return that rotation and begin no other, as do two at once.
    Wherever it is killed, some key of the use signs, and the next call goes on. Raise UnableToRotate for a date
    that is over, UnableToLoadKey when a key is unusable or there is no next one.
    """
    if until < now:
        raise UnableToRotate(use, _("the date until which both keys sign is over"))
    seen = keyring.ring(use).current.kid
    with transaction.atomic(durable=True):
        _lock()
        before = keyring.ring(use)
        under_way = _rotation_into(before)
        is_new = before.is_revoked or not (before.current.kid != seen or (under_way.until and under_way.until > now))
        rotation = _rotate(before, until, now) if is_new else under_way
    # Only now, when the log says so for certain; without it, the log is followed all the same.
    keyring.keys(use).select(use, rotation.current)
    return rotation


def revoke_key(*, kid: str, reason: str, now: datetime) -> Entry:
    """State that signatures by this key count no more from here on; return the entry, the first one if there is one.

    The log's key signs it, since the revoked one might be another's by now. Raise UnableToRevoke when the log does
    not know the key, when it is a creator's, and when the log itself is signed with it.
    """
    with transaction.atomic():
        _lock()
        registered = Entry.objects.filter(type="key", subject=f"key:{kid}").first()
        if registered is None:
            raise UnableToRevoke(kid, _("the log does not know it"))
        if registered.statement["use"] == "creators":
            raise UnableToRevoke(kid, _("it is a creator's, who ends it on the page of keys"))
        log = log_signer(now=now)
        if log.kid == kid:
            raise UnableToRevoke(kid, _("the log is signed with it: rotate it first, then revoke it"))
        body = {"kid": kid, "reason": reason}
        return state_once(type="key-revocation", subject=f"key:{kid}", body=body, now=now, signers=[log])


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ROTATE_LOCK])


def _rotation_into(ring: Ring) -> Rotation:
    """Return the rotation that the use's current key came from."""
    if not ring.former:
        return Rotation(ring.use, "", ring.current.kid, None)
    return Rotation(ring.use, ring.former[0].signer.kid, ring.current.kid, ring.former[0].until)


def _rotate(before: Ring, until: datetime, now: datetime) -> Rotation:
    use, former = before.use, before.current
    adapter = keyring.keys(use)
    adapter.select(use, former.kid)  # what a killed rotation left undone
    following = adapter.prepare(use, after=former.kid)
    if any(following.kid == one.signer.kid for one in before.former):
        raise UnableToRotate(use, _("%(kid)s has signed before, and a key never comes back") % {"kid": following.kid})
    if before.is_revoked:
        register_key(use=use, signer=following, now=now)
        return Rotation(use, "", following.kid, None)
    if before.entry is None:
        register_key(use=use, signer=former, now=now)
    register_key(use=use, signer=following, now=now)
    body = {"kid": former.kid, "next": following.kid, "until": int(until.timestamp())}
    signers = _both(former, following, now)
    state(type="key-rotation", subject=f"key:{former.kid}", body=body, now=now, signers=signers)
    return Rotation(use, former.kid, following.kid, datetime.fromtimestamp(body["until"], UTC))


def _both(former: Signer, following: Signer, now: datetime) -> list[Signer]:
    """Return who signs a rotation: the two keys, but of two ML-DSA-44 signatures only one fits into an entry."""
    return [former, log_signer(now=now) if following.algorithm == "ML-DSA-44" else following]
