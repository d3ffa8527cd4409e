"""Counting a picture that names a lock of one's own studio: once, whoever chooses the file, and however often."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

from marketplace.compositions.importing.refusals import UnableToCountPicture
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.usage import accepting
from marketplace.compositions.usage.coverage import coverages
from marketplace.compositions.uses import UsageBatch, UsageEvent
from marketplace.people.models import Person, Seat, Studio
from marketplace.ui.words import gettext_noop as _

_NAMESPACE = uuid.UUID("6d3f0f0e-3c67-5f0a-9a86-0c6f2a4f5a10")
_ONE_BY_ONE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
# The outputs of a use are digests one behind the other: only a whole one counts, and not what lies across two.
_LISTING = """
SELECT id FROM compositions_usageevent
 WHERE lock_id = %s AND month = ANY(%s) AND position(%s IN outputs) %% 32 = 1
 ORDER BY received_at, id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """The use that a picture counts as; `is_new` is False where it had been counted before."""

    use: UsageEvent
    is_new: bool


def nonce_of(studio: Studio, sha256: str) -> uuid.UUID:
    """This will give the nonce under which a studio's picture counts, the same for the same bytes.

    Bytes and not pixels: renderers sign the digests of files, so that the two can be compared; and a file that was
    saved anew says itself what it was made with, or says nothing.
    """
    return uuid.uuid5(_NAMESPACE, f"{studio.pk}/{sha256}")


def counted_as(lock: RecipeLock, sha256: str, *, now: datetime) -> UsageEvent | None:
    """This will find the use that a picture was counted as: uploaded, or in a batch that lists its digest."""
    uses = UsageEvent.objects.select_related("batch__key")
    if there := uses.filter(studio=lock.studio_id, nonce=nonce_of(lock.studio, sha256)).first():
        return there
    with connection.cursor() as cursor:
        cursor.execute(_LISTING, [lock.digest, list(_months(lock.locked_at, now)), bytes.fromhex(sha256)])
        row = cursor.fetchone()
    return uses.get(pk=row[0]) if row else None


def _months(begin: datetime, end: datetime) -> Iterator[date]:
    """Gives the months in which uses of a lock can have been received: the index begins with them."""
    month, last = (moment.astimezone(UTC).date().replace(day=1) for moment in (begin, end))
    while month <= last:
        yield month
        month = (month + timedelta(days=31)).replace(day=1)


@transaction.atomic
def count_picture(
    *, studio: Studio, person: Person, lock: str, picture: str, now: datetime, at: datetime | None = None
) -> Counted:
    """This will count one picture, by its SHA-256, as a use of a lock of the studio's: one of each unit it charges by.

    The use is of this moment, unless `at` says when it was made. A picture that was counted before, by anybody of the
    studio or by a renderer, is not counted again. Raises UnableToCountPicture for a lock that the studio does not have
    or a person without a seat, and as `accepting.accept` does for a use that cannot be counted.
    """
    if not Seat.objects.filter(studio=studio, person=person).exists():
        raise UnableToCountPicture(
            _("%(person)s has no seat in %(studio)s: ask one of its owners for one."),
            {"person": person.display_name, "studio": studio.name},
        )
    row = RecipeLock.objects.select_related("studio").defer("document").filter(digest=lock, studio=studio).first()
    if row is None:
        raise UnableToCountPicture(
            _("The picture names no lock of %(studio)s: only pictures of its own locks are counted."),
            {"studio": studio.name},
        )
    with connection.cursor() as cursor:
        cursor.execute(_ONE_BY_ONE, [f"picture:{studio.pk}:{picture}"])
    if there := counted_as(row, picture, now=now):
        return Counted(there, False)
    units = coverages(studio, [row.digest])[row.digest].units
    nonce = nonce_of(studio, picture)
    event = {
        "nonce": str(nonce),
        "recipe": row.digest,
        "at": int((at or now).timestamp()),
        "counts": dict.fromkeys(sorted(units), 1),
        "outputs": [picture],
    }
    accepting.accept_own(studio=studio, events=[event], source=UsageBatch.UPLOAD, person=person, now=now)
    return Counted(UsageEvent.objects.select_related("batch__key").get(studio=studio, nonce=nonce), True)
