"""The log's files, derived from the sealed rows: what is out, what must go out, and what must never."""

from django.db import connection, transaction
from django.utils.translation import gettext as _

from ledger import queries
from ledger.log.checkpoint import UnableToReadNote, UnableToVerifyNote
from ledger.log.tiles import LogFolder, TileMissing, TileReader, TileWriter
from ledger.models import Checkpoint, Leaf

PUBLISH_LOCK = 0x574C_0002
_CHUNK = 2_000


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


def publish() -> None:
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
            writer = _write(folder, TileWriter.start_for(out.head.size if out else 0), newest)
        except TileMissing:
            writer = _write(folder, 0, newest)
        folder.write("checkpoint", newest.note.encode(), durable=True)
        writer.drop_partials()


def rebuild() -> Checkpoint | None:
    """Write every file again from the sealed rows and return the checkpoint they now stand for."""
    with transaction.atomic(durable=True):
        _lock()
        newest = queries.latest_checkpoint()
        if newest is None:
            return None
        _check_own_key(newest)
        folder = queries.log_folder()
        try:
            queries.published()
        except (UnableToReadNote, UnableToVerifyNote):
            pass  # a damaged file proves nothing about what was published
        else:
            check_continuity(newest)
        writer = _write(folder, 0, newest)
        folder.write("checkpoint", newest.note.encode(), durable=True)
        writer.drop_partials()
        return newest


def _lock() -> None:
    # Two publishers at once could put an older checkpoint over a newer one.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PUBLISH_LOCK])


def _write(folder: LogFolder, start: int, newest: Checkpoint) -> TileWriter:
    """Write tiles and bundles for the leaves from `start` on, and check them by reading the root back."""
    writer = TileWriter(folder, start)
    rows = (
        Leaf.objects.filter(index__gte=start, index__lt=newest.size)
        .order_by("index")
        .values_list("leaf_hash", "entry__body")
    )
    for leaf_hash, body in rows.iterator(chunk_size=_CHUNK):
        writer.append(bytes(leaf_hash), bytes(body))
    writer.finish()
    if writer.size == newest.size and TileReader(folder, newest.size).root() == bytes(newest.root):
        return writer
    if start:
        raise TileMissing(str(folder.prefix))
    raise UnableToPublish(
        _("the leaves in the database do not add up to the root of its checkpoint of %(size)d") % {"size": newest.size},
        _("restore the database from a backup"),
    )
