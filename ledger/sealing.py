"""Seal what is stated into the log: one sealer, a batch at a time, signed and then published."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import count

import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from ledger import keyring, publication, queries
from ledger.log.checkpoint import TreeHead, sign_checkpoint
from ledger.log.merkle import CompactRange, leaf_hash
from ledger.models import Checkpoint
from ledger.publication import Fresh
from ledger.witnessing import gathering, own

BATCH_LIMIT = 25_000
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
    anything is signed when the rows do not continue what is published, or what a witness saw. UnableToPublish and
    UnableToWitness mean that the batch is sealed and not yet public; the next call publishes it.
    """
    batch: SealedBatch | None = None
    fresh: Fresh | None = None
    try:
        gathering.check_sizes(now=now)
    except gathering.LogForked as error:
        raise UnableToSeal(error.reason, error.advice) from error
    with transaction.atomic(durable=True):
        if not _try_seal_lock():
            return None
        newest = queries.latest_checkpoint()
        try:
            publication.check_continuity(newest)
        except publication.UnableToPublish as error:
            raise UnableToSeal(error.reason, error.advice) from error
        if waiting := _take_pending():
            batch, fresh = _seal_batch(newest, waiting, now)
    publication.publish(now=now, fresh=fresh)
    return batch


def _try_seal_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEAL_LOCK])
        return bool(cursor.fetchone()[0])


def _take_pending() -> list[tuple[int, str, bytes]]:
    """Take the entries that have waited longest off the queue: id, type and bytes, ordered by id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ledger_pending WHERE entry_id <= (SELECT max(entry_id) FROM"
            " (SELECT entry_id FROM ledger_pending ORDER BY entry_id LIMIT %s) longest) RETURNING entry_id",
            [BATCH_LIMIT],
        )
        ids = [id for (id,) in cursor.fetchall()]
    # Not Django's cursor, which would have every byte spelled in hex.
    with psycopg.Cursor(connection.connection) as raw:
        raw.execute("SELECT id, type, body FROM ledger_entry WHERE id = ANY(%s) ORDER BY id", [ids], binary=True)
        return raw.fetchall()


def _seal_batch(
    newest: Checkpoint | None, waiting: list[tuple[int, str, bytes]], now: datetime
) -> tuple[SealedBatch, Fresh]:
    before = newest.range if newest else CompactRange()
    fresh = Fresh(before.size, [(leaf_hash(body), body) for _id, _type, body in waiting])
    after = before.extended(hash for hash, _body in fresh.leaves)
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY ledger_leaf (index, entry_id, leaf_hash) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(["int8", "int8", "bytea"])
        for index, (id, _type, _body), (hash, _same) in zip(count(before.size), waiting, fresh.leaves, strict=False):
            copy.write_row((index, id, hash))
    head = TreeHead(settings.LOG_ORIGIN, after.size, after.root())
    counts = Counter(newest.counts if newest else {})
    counts.update(type for _id, type, _body in waiting)
    (key, sign), *also = keyring.log_signers(now=now)
    checkpoint = Checkpoint.objects.create(
        size=head.size,
        root=head.root,
        note=sign_checkpoint(head, key, sign, also) + own.own_cosignature(head, now=now),
        compact_range=after.to_bytes(),
        counts=dict(counts),
        sealed_at=now,
    )
    return SealedBatch(before.size, len(waiting), checkpoint), fresh
