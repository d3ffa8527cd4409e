"""Seal what is stated into the log: one sealer, a batch at a time, signed and then published."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from ledger import keyring, publication, queries
from ledger.log.checkpoint import TreeHead, sign_checkpoint
from ledger.log.merkle import CompactRange, leaf_hash
from ledger.models import Checkpoint

BATCH_LIMIT = 10_000
SEAL_LOCK = 0x574C_0001


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


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """The leaves [first_index, first_index + count) that `checkpoint` added."""

    first_index: int
    count: int
    checkpoint: Checkpoint


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
    (key, sign), *also = keyring.log_signers(now=now)
    checkpoint = Checkpoint.objects.create(
        size=head.size,
        root=head.root,
        note=sign_checkpoint(head, key, sign, also),
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
