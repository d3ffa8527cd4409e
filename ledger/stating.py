"""State facts in the caller's transaction: without a lock, for the sealer to put into the log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from ledger import keyring
from ledger.models import Entry
from ledger.rules import EntryBytes, EntryRefused, encode_entry, encode_foreign
from ledger.schemas import FOREIGN_TYPE, ONCE_TYPES
from ledger.signing.base import Signer, UnableToLoadKey, Use


class UnableToState(Exception):
    """A fact that the log does not take; nothing was stated."""

    code = "unable-to-state"

    def __init__(self, type: str, reason: str) -> None:
        super().__init__(type, reason)
        self.type = type
        self.reason = reason

    def __str__(self) -> str:
        return _("The %(type)s entry cannot be stated: %(reason)s.") % {
            "type": self.type,
            "reason": self.reason,
        }


def state(*, type: str, subject: str, body: dict[str, Any], now: datetime, signers: Sequence[Signer] = ()) -> Entry:
    """State a fact in the caller's transaction and return its entry, which the sealer puts into the log.

    `subject` is spelled as the type's schema in schemas.py says, which also says how many signers it needs. Raise
    UnableToState when the body breaks a rule, and when the type says a thing once and it was said.
    """
    entry = _insert(type, subject, body, now, signers)
    if entry is None:
        raise UnableToState(type, _("%(subject)s has its entry already") % {"subject": subject})
    return entry


def state_once(
    *, type: str, subject: str, body: dict[str, Any], now: datetime, signers: Sequence[Signer] = ()
) -> Entry:
    """State a fact unless the subject has an entry of this type, and return the entry that it has then.

    Two at once end with one entry: the second waits for the first one's transaction. So state several facts
    in the order of their subjects, or two transactions could wait for each other.
    """
    if type not in ONCE_TYPES:
        raise UnableToState(type, _("only %(types)s are said once") % {"types": ", ".join(ONCE_TYPES)})
    said = Entry.objects.filter(type=type, subject=subject)
    return said.first() or _insert(type, subject, body, now, signers) or said.get()


def state_foreign(*, release: str, content: dict[str, Any], now: datetime) -> Entry:
    """State a release's signature as sigstore's log writes one down, once a release; return its entry."""
    said = Entry.objects.filter(type=FOREIGN_TYPE, subject=f"release:{release}")
    try:
        encoded = encode_foreign(release=release, content=content)
    except EntryRefused as refusal:
        raise UnableToState(FOREIGN_TYPE, str(refusal)) from refusal
    return said.first() or _insert_bytes(FOREIGN_TYPE, uuid4(), encoded, now) or said.get()


def _insert(type: str, subject: str, body: dict[str, Any], now: datetime, signers: Sequence[Signer]) -> Entry | None:
    """Insert the entry in one statement; None when its type and subject are taken."""
    entry_id = uuid4()
    try:
        encoded = encode_entry(
            type=type, id=entry_id, stated_at=now, body=body, log=settings.LOG_ORIGIN, signers=signers
        )
    except EntryRefused as refusal:
        raise UnableToState(type, str(refusal)) from refusal
    if encoded.subject != subject:
        raise UnableToState(
            type, _("its subject is %(due)s, not %(given)s") % {"due": encoded.subject, "given": subject}
        )
    return _insert_bytes(type, entry_id, encoded, now)


def _insert_bytes(type: str, entry_id: UUID, encoded: EntryBytes, now: datetime) -> Entry | None:
    entry = Entry(
        entry_id=entry_id,
        type=type,
        subject=encoded.subject,
        body=encoded.body,
        digest=encoded.digest,
        stated_at=now,
    )
    # ON CONFLICT, so that a taken subject neither breaks the caller's transaction nor costs it a savepoint.
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_entry (entry_id, type, subject, body, digest, stated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id",
            [entry_id, type, encoded.subject, encoded.body, encoded.digest, now],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    entry.pk = row[0]
    entry._state.adding = False
    entry._state.db = connection.alias
    return entry


def register_keys(*, now: datetime) -> list[Entry]:
    """State the public half of each key that signs now, each key once; return their entries, ordered by use.

    Raise UnableToLoadKey when a key is unusable, or registered for another use.
    """
    with transaction.atomic():
        rings = keyring.rings(keyring.key_uses())
        return [one.entry or register_key(use=use, signer=one.current, now=now) for use, one in rings.items()]


def log_signer(*, now: datetime) -> Signer:
    """Return the signer of the log's key, which the log knows from here on."""
    signer = keyring.signer("log")
    register_key(use="log", signer=signer, now=now)
    return signer


def register_key(*, use: Use, signer: Signer, now: datetime) -> Entry:
    """State the public half of a key, once, signed by itself; return its entry. See `register_keys`.

    An ML-DSA-44 signature does not fit into an entry beside its key: there the log's key signs instead.
    """
    body = {"kid": signer.kid, "alg": signer.algorithm, "use": use, "public_jwk": signer.public_jwk}
    signers = [log_signer(now=now) if signer.algorithm == "ML-DSA-44" else signer]
    entry = state_once(type="key", subject=f"key:{signer.kid}", body=body, now=now, signers=signers)
    if entry.statement["use"] != use:
        other = entry.statement["use"]
        raise UnableToLoadKey(use, f"{signer.kid} is registered for {other}, and each use has its own")
    return entry
