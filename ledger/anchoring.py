"""Anchor the log on chain: intent, call, receipt."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from ledger import queries
from ledger.chain.base import Chain, ChainIdentity, ChainUnavailable, Receipt
from ledger.index.keys import UNINDEXED
from ledger.models import AnchorIntent, AnchorReceipt, Checkpoint, Leaf
from ledger.stating import state

ANCHOR_LOCK = 0x574C_0003


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


def anchor(*, now: datetime) -> AnchorReceipt | None:
    """Anchor the newest published checkpoint on chain, unless only receipts and index roots came since the last.

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
        # What is not public yet may still turn out to lack its witnesses, and the chain forgets nothing.
        out, last = queries.published(), ours.first()
        newest = Checkpoint.objects.filter(size=out.head.size).first() if out else None
        if newest is None:
            return None
        added = Leaf.objects.filter(index__gte=last.checkpoint.size if last else 0, index__lt=newest.size)
        # What the log adds about itself is not worth a transaction: it is anchored with the next fact.
        if not added.exclude(entry__type__in=UNINDEXED).exists():
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
