"""Verbs of the ledger: state a fact, seal what is stated into the log, anchor the log on chain."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from ledger import publication, queries
from ledger.chain.base import Chain, ChainIdentity, ChainUnavailable, Receipt
from ledger.log.checkpoint import TreeHead, sign_checkpoint
from ledger.log.merkle import CompactRange, leaf_hash
from ledger.models import AnchorIntent, AnchorReceipt, Checkpoint, Entry, Leaf
from ledger.rules import ONCE_TYPES, EntryRefused, encode_entry
from ledger.signing.base import ALGORITHM_OF

BATCH_LIMIT = 10_000
SEAL_LOCK = 0x574C_0001
ANCHOR_LOCK = 0x574C_0003


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


class UnableToSeal(Exception):
    """Nothing was signed, because what would be signed does not continue what is published."""

    code = "unable-to-seal"

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason, advice)
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        return _("The log cannot be sealed: %(reason)s; %(advice)s.") % {
            "reason": self.reason,
            "advice": self.advice,
        }


class UnableToReachChain(Exception):
    """The chain did not answer; the intent stays and the next run finishes it."""

    code = "chain-unreachable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return _("The log cannot be anchored now: the chain did not answer (%(reason)s); the next run tries again.") % {
            "reason": self.reason
        }


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """The leaves [first_index, first_index + count) that `checkpoint` added."""

    first_index: int
    count: int
    checkpoint: Checkpoint


def state(*, type: str, subject: str, body: dict[str, Any], now: datetime) -> Entry:
    """State a fact in the caller's transaction and return its entry, which the sealer puts into the log.

    `subject` is spelled as the type's schema in rules.py says. Raise UnableToState when the body breaks a
    rule, and when the type says a thing once and it was said.
    """
    entry = _insert(type, subject, body, now)
    if entry is None:
        raise UnableToState(type, _("%(subject)s has its entry already") % {"subject": subject})
    return entry


def state_once(*, type: str, subject: str, body: dict[str, Any], now: datetime) -> Entry:
    """State a fact unless the subject has an entry of this type, and return the entry that it has then.

    Two at once end with one entry: the second waits for the first one's transaction. So state several facts
    in the order of their subjects, or two transactions could wait for each other.
    """
    if type not in ONCE_TYPES:
        raise UnableToState(type, _("only %(types)s are said once") % {"types": ", ".join(ONCE_TYPES)})
    said = Entry.objects.filter(type=type, subject=subject)
    return said.first() or _insert(type, subject, body, now) or said.get()


def _insert(type: str, subject: str, body: dict[str, Any], now: datetime) -> Entry | None:
    """Insert the entry in one statement; None when its type and subject are taken."""
    entry_id = uuid4()
    try:
        encoded = encode_entry(type=type, id=entry_id, stated_at=now, body=body)
    except EntryRefused as refusal:
        raise UnableToState(type, str(refusal)) from refusal
    if encoded.subject != subject:
        raise UnableToState(
            type, _("its subject is %(due)s, not %(given)s") % {"due": encoded.subject, "given": subject}
        )
    entry = Entry(
        entry_id=entry_id, type=type, subject=subject, body=encoded.body, digest=encoded.digest, stated_at=now
    )
    # ON CONFLICT, so that a taken subject neither breaks the caller's transaction nor costs it a savepoint.
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_entry (entry_id, type, subject, body, digest, stated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id",
            [entry_id, type, subject, encoded.body, encoded.digest, now],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    entry.pk = row[0]
    entry._state.adding = False
    entry._state.db = connection.alias
    return entry


def register_keys(*, now: datetime) -> list[Entry]:
    """State the public half of each signing key, each key once; return their entries."""
    entries = []
    with transaction.atomic():
        for use in sorted(ALGORITHM_OF):
            signer = queries.signer(use)
            body = {
                "kid": signer.kid,
                "alg": signer.algorithm,
                "use": use,
                "public_jwk": signer.public_jwk,
            }
            entries.append(state_once(type="key", subject=f"key:{signer.kid}", body=body, now=now))
    return entries


def seal(*, now: datetime) -> SealedBatch | None:
    """Seal up to BATCH_LIMIT stated entries into the log, sign the new tree, and publish it.

    One sealer works at a time: None when another one does, and when nothing waits. Raise UnableToSeal before
    anything is signed when the rows do not continue what is published. UnableToPublish means that the batch
    is sealed and not yet public; the next call publishes it.
    """
    with transaction.atomic(durable=True):
        if not _try_seal_lock():
            return None
        newest = queries.latest_checkpoint()
        try:
            publication.check_continuity(newest)
        except publication.UnableToPublish as error:
            raise UnableToSeal(error.reason, error.advice) from error
        batch = _seal_batch(newest, now)
    publication.publish()
    return batch


def _try_seal_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEAL_LOCK])
        return bool(cursor.fetchone()[0])


def _seal_batch(newest: Checkpoint | None, now: datetime) -> SealedBatch | None:
    waiting = _take_pending()
    if not waiting:
        return None
    hashes = [leaf_hash(body) for _id, _type, body in waiting]
    before = newest.range if newest else CompactRange()
    after = before.extended(hashes)
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY ledger_leaf (index, entry_id, leaf_hash) FROM STDIN") as copy,
    ):
        rows = zip(count(before.size), (id for id, _type, _body in waiting), hashes, strict=False)
        for row in rows:
            copy.write_row(row)
    head = TreeHead(settings.LOG_ORIGIN, after.size, after.root())
    counts = Counter(newest.counts if newest else {})
    counts.update(type for _id, type, _body in waiting)
    checkpoint = Checkpoint.objects.create(
        size=head.size,
        root=head.root,
        note=sign_checkpoint(head, queries.verifier_key(), queries.signer("log").sign),
        compact_range=after.to_bytes(),
        counts=dict(counts),
        sealed_at=now,
    )
    return SealedBatch(before.size, len(waiting), checkpoint)


def _take_pending() -> list[tuple[int, str, bytes]]:
    """Take the entries that have waited longest off the queue: id, type and bytes, ordered by id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH taken AS (DELETE FROM ledger_pending WHERE entry_id = ANY(ARRAY"
            "(SELECT entry_id FROM ledger_pending ORDER BY entry_id LIMIT %s)) RETURNING entry_id AS id)"
            " SELECT id, type, body FROM ledger_entry JOIN taken USING (id) ORDER BY id",
            [BATCH_LIMIT],
        )
        return [(id, type, bytes(body)) for id, type, body in cursor.fetchall()]


def anchor(*, now: datetime) -> AnchorReceipt | None:
    """Anchor the newest sealed checkpoint on chain, unless only receipts of anchors came since the last.

    The intent is committed before the chain is called, and the chain is asked for the root before it is sent,
    so that a crash anywhere anchors no root twice. None also when another process is at it. Raise
    UnableToReachChain when the chain does not answer, ledger.chain.base.UnableToAnchor when it refuses.
    """
    with _anchor_lock() as held:
        if not held:
            return None
        try:
            chain: Chain = import_string(settings.ADAPTERS["chain"])()
            identity = chain.identity()
            intent = _intend(identity, now)
            if intent is None:
                return None
            receipt = _send(chain, intent.checkpoint)
        except ChainUnavailable as error:
            raise UnableToReachChain(error.reason) from error
        return _record(intent, receipt, now)


@contextmanager
def _anchor_lock() -> Iterator[bool]:
    # Of the session, not of a transaction: none may be open while the chain is called.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ANCHOR_LOCK])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ANCHOR_LOCK])


def _intend(identity: ChainIdentity, now: datetime) -> AnchorIntent | None:
    """Return the intent that an earlier run left open on this contract, else a new one, committed."""
    with transaction.atomic(durable=True):
        here = {"chain_id": identity.chain_id, "contract": identity.contract}
        ours = AnchorIntent.objects.filter(**here).select_related("checkpoint").order_by("-checkpoint__size")
        if (left_open := ours.filter(receipt=None).last()) is not None:
            return left_open
        newest, last = queries.latest_checkpoint(), ours.first()
        if newest is None:
            return None
        added = Leaf.objects.filter(index__gte=last.checkpoint.size if last else 0, index__lt=newest.size)
        if not added.exclude(entry__type="anchor-receipt").exists():
            return None
        return AnchorIntent.objects.create(checkpoint=newest, intended_at=now, **here)


def _send(chain: Chain, checkpoint: Checkpoint) -> Receipt:
    root = bytes(checkpoint.root)
    return chain.find(root=root) or chain.anchor(root=root, size=checkpoint.size, note_digest=checkpoint.note_digest)


def _record(intent: AnchorIntent, receipt: Receipt, now: datetime) -> AnchorReceipt:
    checkpoint = intent.checkpoint
    transaction_hash = receipt.transaction.lower()
    with transaction.atomic(durable=True):
        recorded = AnchorReceipt.objects.create(
            intent=intent,
            transaction=transaction_hash,
            block_number=receipt.block_number,
            block_time=datetime.fromtimestamp(receipt.block_time, UTC),
            gas_used=receipt.gas_used,
            received_at=now,
        )
        body = {
            "size": checkpoint.size,
            "root": bytes(checkpoint.root).hex(),
            "chain_id": receipt.chain_id,
            "contract": receipt.contract,
            "transaction": transaction_hash,
            "block_number": receipt.block_number,
            "block_time": receipt.block_time,
        }
        state(type="anchor-receipt", subject=f"checkpoint:{checkpoint.size}", body=body, now=now)
    return recorded
