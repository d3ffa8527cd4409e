"""Anchors of our book that are not ours: whoever has the anchorer's key can anchor what the log never had."""

from datetime import datetime

from django.core.cache import cache
from django.db import transaction

from ledger.event_models import ChainEvent, ForeignAnchor
from ledger.event_queries import events
from ledger.models import Checkpoint

BATCH = 1000
_CHECKED = "ledger.foreign_anchors.checked"


def find_foreign_anchors(*, now: datetime) -> list[ForeignAnchor]:
    """Compare the anchors that were read since the last time with our checkpoints; return those newly found, once each.

    A process compares all of them when it begins.
    """
    found: list[ForeignAnchor] = []
    checked = cache.get(_CHECKED, 0)
    while rows := events("ProvenanceAnchor", "CheckpointAnchored", after=checked, limit=BATCH):
        found += _strange(rows, now)
        checked = rows[-1].pk
    # Nothing is passed over should the caller's transaction come to nothing.
    transaction.on_commit(lambda: cache.set(_CHECKED, checked, None))
    return found


def _strange(rows: list[ChainEvent], now: datetime) -> list[ForeignAnchor]:
    sizes = {row.pk: int(row.args["head"][-12:], 16) for row in rows}
    ours = {one.size: one for one in Checkpoint.objects.filter(size__in=sizes.values())}
    newest = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
    found = []
    for row in rows:
        size = sizes[row.pk]
        why = _why(row, size, ours.get(size), newest)
        if why:
            foreign, is_new = ForeignAnchor.objects.get_or_create(event=row, defaults={"why": why, "found_at": now})
            found += [foreign] if is_new else []
    return found


def _why(row: ChainEvent, size: int, ours: Checkpoint | None, newest: int) -> str:
    """Say what is wrong with an anchor, "" for one of ours."""
    if size > newest:
        return f"it is of {size} entries, and the log has {newest}"
    if ours is None:
        return f"no checkpoint of ours has {size} entries"
    if row.args["root"] != "0x" + bytes(ours.root).hex():
        return f"our checkpoint of {size} entries has another root"
    if row.args["noteDigest"] != "0x" + ours.note_digest.hex():
        return f"our checkpoint of {size} entries is signed otherwise"
    return ""
