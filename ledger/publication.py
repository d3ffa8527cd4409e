"""The log's files, derived from the sealed rows: what is out, what must go out, and what must never."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from ledger import queries
from ledger.log.checkpoint import UnableToReadNote, UnableToVerifyNote
from ledger.log.tiles import (
    HEIGHT,
    WIDTH,
    LogFolder,
    TileMissing,
    TileReader,
    TileWriter,
    bundle_path,
    encode_bundle,
    tile_path,
)
from ledger.models import Checkpoint
from ledger.witnessing import gathering

PUBLISH_LOCK = 0x574C_0002


class UnableToPublish(Exception):
    """The sealed rows cannot go on from the files that are out. Nothing that is out was changed."""

    code = "unable-to-publish"

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason, advice)
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        return _("The log cannot be published: %(reason)s; %(advice)s.") % {
            "reason": self.reason,
            "advice": self.advice,
        }


def check_continuity(newest: Checkpoint | None) -> queries.Published | None:
    """Return what is published; raise UnableToPublish unless `newest` and its rows continue it.

    Whoever signs two trees of which neither continues the other has forked the log, and every witness can
    prove it for ever. A database restored from a backup is about to do that, so this asks before signing.
    """
    if newest is not None:
        _check_own_key(newest)
    try:
        out = queries.published()
    except (UnableToReadNote, UnableToVerifyNote) as error:
        raise UnableToPublish(
            _("the published checkpoint is not ours (%(error)s)") % {"error": error},
            _(
                "restore the keys folder and the log's origin, or, if its file is damaged, run "
                "`manage.py ledger_rebuild`"
            ),
        ) from error
    if out is None:
        return None
    size = newest.size if newest else 0
    if out.head.size > size:
        raise UnableToPublish(
            _(
                "%(published)d leaves are published but the database holds %(sealed)d, as if it were "
                "restored from an older backup"
            )
            % {"published": out.head.size, "sealed": size},
            _("restore a newer backup, or start a new log with an empty log folder and another WORLDLOOM_LOG_ORIGIN"),
        )
    row = Checkpoint.objects.filter(size=out.head.size).first()
    if row is None or not row.heads(out.head):
        raise UnableToPublish(
            _("the database never sealed the tree of %(published)d leaves that is published")
            % {"published": out.head.size},
            _(
                "restore the database that did, or start a new log with an empty log folder and another "
                "WORLDLOOM_LOG_ORIGIN"
            ),
        )
    return out


def _check_own_key(newest: Checkpoint) -> None:
    try:
        queries.open_own(newest.note)
    except (UnableToReadNote, UnableToVerifyNote) as error:
        raise UnableToPublish(
            _("the newest checkpoint in the database is by another key or for another log (%(error)s)")
            % {"error": error},
            _("restore the keys folder and WORLDLOOM_LOG_ORIGIN that belong to this database"),
        ) from error


@dataclass(frozen=True, slots=True)
class Fresh:
    """Leaves from `first_index` on that were sealed a moment ago, as hash and entry: nobody need read them again."""

    first_index: int
    leaves: Sequence[tuple[bytes, bytes]]


def publish(*, now: datetime, fresh: Fresh | None = None) -> None:
    """Bring the files up to the newest sealed checkpoint: bundles and tiles first, the checkpoint last.

    It looks at what is out and goes on from there, so that a crash between any two files is healed by the
    next call. The files are not flushed to disk one by one: after a power cut `rebuild` makes them again.
    """
    with transaction.atomic(durable=True):
        _lock()
        newest = queries.latest_checkpoint()
        out = check_continuity(newest)
        if newest is None or (out is not None and out.head.size == newest.size):
            return
        folder = queries.log_folder()
        try:
            _write(folder, TileWriter.start_for(out.head.size if out else 0), newest, fresh)
        except TileMissing:
            _write(folder, 0, newest)
    _put_out(newest, now)


def rebuild(*, now: datetime) -> Checkpoint | None:
    """Write every file again from the sealed rows and return the checkpoint they now stand for."""
    with transaction.atomic(durable=True):
        _lock()
        newest = queries.latest_checkpoint()
        if newest is None:
            return None
        _check_own_key(newest)
        try:
            queries.published()
        except (UnableToReadNote, UnableToVerifyNote):
            pass  # a damaged file proves nothing about what was published
        else:
            check_continuity(newest)
        _write(queries.log_folder(), 0, newest)
        _write_former_partials(queries.log_folder(), newest.size)
    _put_out(newest, now)
    return newest


def _put_out(checkpoint: Checkpoint, now: datetime) -> None:
    """Put the checkpoint out, whose files are, cosigned by its witnesses, unless a later one was put out meanwhile."""
    try:
        note = gathering.gather(checkpoint, now=now)
    except gathering.LogForked as error:
        raise UnableToPublish(error.reason, error.advice) from error
    with transaction.atomic(durable=True):
        _lock()
        try:
            out = queries.published()
        except (UnableToReadNote, UnableToVerifyNote):
            out = None
        if out is None or out.head.size <= checkpoint.size:
            queries.log_folder().write("checkpoint", note.encode(), durable=True)


def _lock() -> None:
    # Two publishers at once could put an older checkpoint over a newer one.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PUBLISH_LOCK])


def _write(folder: LogFolder, start: int, newest: Checkpoint, fresh: Fresh | None = None) -> None:
    """Write tiles and bundles for the leaves from `start` on, and check them by reading the root back.

    Partial tiles go as soon as the full one is there. Until the checkpoint is out the next call starts here
    again, so none is left behind by a crash.
    """
    folder.sweep()
    writer = TileWriter(folder, start)
    for leaf_hash, entry in _leaves(start, newest.size, fresh):
        writer.append(leaf_hash, entry)
    writer.finish()
    if writer.size == newest.size and TileReader(folder, newest.size).root() == bytes(newest.root):
        writer.drop_partials()
        return
    if start:
        raise TileMissing(str(folder.prefix))
    raise UnableToPublish(
        _("the leaves in the database do not add up to the root of its checkpoint of %(size)d") % {"size": newest.size},
        _("restore the database from a backup"),
    )


def _write_former_partials(folder: LogFolder, size: int) -> None:
    """Write the partial files of older checkpoints too: who holds one still asks for them by their widths."""
    row = 0
    while filled := size >> (HEIGHT * row):
        number, now_wide = divmod(filled, WIDTH)
        first = number << (HEIGHT * (row + 1))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT (size >> %s) %% %s FROM ledger_checkpoint WHERE size > %s",
                [HEIGHT * row, WIDTH, first],
            )
            widths = {width for (width,) in cursor.fetchall()} - {0, now_wide}
        for width in widths:
            folder.write(tile_path(row, number, width), folder.read_tile(row, number, width))
            if row == 0:
                folder.write(bundle_path(number, width), encode_bundle(folder.read_bundle(number, width)))
        row += 1


def _leaves(start: int, end: int, fresh: Fresh | None) -> Iterator[tuple[bytes, bytes]]:
    """Give hash and entry of each leaf of [start, end), from the database those that are not fresh."""
    if fresh is None or not start <= fresh.first_index < end:
        yield from _sealed_leaves(start, end)
        return
    yield from _sealed_leaves(start, fresh.first_index)
    yield from fresh.leaves
    yield from _sealed_leaves(fresh.first_index + len(fresh.leaves), end)


def _sealed_leaves(start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    if start >= end:
        return
    select = (
        "SELECT l.leaf_hash, e.body FROM ledger_leaf l JOIN ledger_entry e ON e.id = l.entry_id"
        f" WHERE l.index >= {start:d} AND l.index < {end:d} ORDER BY l.index"
    )
    with connection.cursor() as cursor, cursor.copy(f"COPY ({select}) TO STDOUT (FORMAT BINARY)") as copy:
        copy.set_types(["bytea", "bytea"])
        yield from copy.rows()
