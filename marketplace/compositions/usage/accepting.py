"""Every write about uses: keys that may say so, and the uses themselves, counted once or refused as a whole."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db import connection, transaction

import ledger.operations
from ledger.log.dsse import pae
from ledger.signing.jwk import public_jwk, thumbprint
from marketplace.compositions.usage import envelope as envelopes
from marketplace.compositions.usage.coverage import Coverage, coverages
from marketplace.compositions.usage.envelope import Use, name_of
from marketplace.compositions.usage.keys import read_key
from marketplace.compositions.usage.refusals import (
    NonceReused,
    UnableToCount,
    UnableToKeepKey,
    UnlicensedUse,
    UnreadableUsage,
    UnsignedUsage,
)
from marketplace.compositions.uses import UsageBatch, UsageEvent, UsageKey, UsageKeyEnd
from marketplace.people.models import Person, Seat, Studio
from marketplace.ui.words import Listed, Values, Words
from marketplace.ui.words import gettext_noop as _

_KID = re.compile(r"[A-Za-z0-9_-]{43}")
MOST_KEYS = 100

# Sorted by nonce, so that two batches which share some wait for each other in one order; who comes second inserts none
# of those, and compares what they say.
_INSERT = """
INSERT INTO compositions_usageevent
    (batch_id, studio_id, lock_id, nonce, content, counts, outputs, happened_at, received_at, month)
SELECT %(batch)s, %(studio)s, lock_id, nonce, content, counts::jsonb, outputs, to_timestamp(at), %(now)s, %(month)s
  FROM unnest(%(locks)s::text[], %(nonces)s::uuid[], %(contents)s::bytea[], %(counts)s::text[], %(outputs)s::bytea[],
              %(ats)s::bigint[]) AS said (lock_id, nonce, content, counts, outputs, at)
 ORDER BY nonce
    ON CONFLICT (studio_id, nonce) DO NOTHING
RETURNING nonce::text
"""
_BATCH = """
INSERT INTO compositions_usagebatch
    (id, studio_id, source, key_id, said_by_id, sha256, signature, events, counted, received_at)
VALUES (%(id)s, %(studio)s, %(source)s, %(key)s, %(person)s,
        %(sha256)s, %(signature)s, %(events)s, %(counted)s, %(now)s)
    ON CONFLICT (studio_id, sha256) DO NOTHING RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch: of its events, `counted` were new, and the others were there already."""

    batch: UUID
    events: int
    counted: int
    received_at: datetime

    @property
    def duplicates(self) -> int:
        """How many had been counted before."""
        return self.events - self.counted


@transaction.atomic
def add_usage_key(
    *, studio: Studio, person: Person, public_key: str | Mapping[str, object], name: str, now: datetime
) -> UsageKey:
    """This will register a key whose signature counts for a studio, a JWK or PEM; only owners and buyers may.

    Raises UnableToKeepKey. A key stands for one studio, once, for ever.
    """
    _check_manager(studio, person)
    name = name.strip()
    if not name or len(name) > 80 or not name.isprintable():
        raise UnableToKeepKey(_("A key needs a name of 1 to 80 characters on one line, such as that of its machine."))
    raw = read_key(public_key)
    if UsageKey.objects.filter(studio=studio, end=None).count() >= MOST_KEYS:
        raise UnableToKeepKey(_("The studio has %(most)d keys: end one that signs no more."), {"most": MOST_KEYS})
    kid = thumbprint(public_jwk(Ed25519PublicKey.from_public_bytes(raw)))
    made, is_new = UsageKey.objects.get_or_create(
        kid=kid, defaults={"studio": studio, "name": name, "public_key": raw, "added_by": person, "added_at": now}
    )
    if not is_new:
        raise UnableToKeepKey(_("This key is registered already, here or ended or elsewhere: make a new pair."))
    return made


@transaction.atomic
def end_usage_key(*, key: UsageKey, person: Person, now: datetime) -> UsageKeyEnd:
    """This will end a key: nothing that it signs counts from here on, once and for all; what was counted stays."""
    _check_manager(key.studio, person)
    return UsageKeyEnd.objects.get_or_create(key=key, defaults={"ended_by": person, "ended_at": now})[0]


def _check_manager(studio: Studio, person: Person) -> None:
    if not Seat.objects.filter(studio=studio, person=person, role__in=(Seat.OWNER, Seat.BUYER)).exists():
        raise UnableToKeepKey(_("Only owners and buyers of %(studio)s can change its keys."), {"studio": studio.name})


@transaction.atomic
def accept(*, studio: Studio, envelope: bytes, now: datetime) -> Accepted:
    """This will count the uses in a signed envelope (docs/formats/usage.md), all of them or none.

    An event that was counted before is a duplicate; the same batch again is answered as it was the first time. Raises
    one of UnableToCount for the first event that is wrong, and then nothing is written.
    """
    signed = envelopes.read_envelope(envelope)
    message = signed.message
    key = _signer(studio, signed, message)
    sha256 = hashlib.sha256(message).hexdigest()
    if there := _said(studio, sha256):
        return there
    batch = envelopes.read_batch(signed.payload)
    if batch.studio != str(studio.pk):
        raise UnreadableUsage(_("The batch is for another studio: send it with that one's key."), where="/studio")
    return _count(
        batch.uses, studio=studio, sha256=sha256, now=now, source=UsageBatch.API, key=key.pk, signature=signed.signature
    )


@transaction.atomic
def accept_own(
    *, studio: Studio, events: Sequence[Mapping[str, Any]], source: str, person: Person | None, now: datetime
) -> Accepted:
    """This will count uses that the site itself saw: of its runner, or in outputs that `person` uploaded.

    `events` are as in an envelope, without a signature; everything else is as with `accept`.
    """
    uses = envelopes.read_uses([dict(event) for event in events])
    payload = envelopes.write_batch(str(studio.pk), events)
    sha256 = hashlib.sha256(pae(envelopes.PAYLOAD_TYPE, payload)).hexdigest()
    return _said(studio, sha256) or _count(
        uses, studio=studio, sha256=sha256, now=now, source=source, person=person.pk if person else None
    )


def _signer(studio: Studio, signed: envelopes.Signed, message: bytes) -> UsageKey:
    """Finds whose signature it is; raises UnsignedUsage unless it is by a key of the studio's that is not ended."""
    where = "/signatures/0"
    known = UsageKey.objects.select_related("end").filter(kid=signed.kid, studio=studio)
    key = known.first() if _KID.fullmatch(signed.kid) else None
    if key is None:
        raise UnsignedUsage(
            _("Your studio has no key “%(kid)s”: register it, and send its thumbprint as keyid."),
            {"kid": signed.kid[:43]},
            where=f"{where}/keyid",
        )
    if hasattr(key, "end"):
        raise UnsignedUsage(
            _("The key “%(name)s” was ended: sign with another one."), {"name": key.name}, where=f"{where}/keyid"
        )
    try:
        # The library takes no signature whose second half is not below the order: each has one spelling.
        Ed25519PublicKey.from_public_bytes(bytes(key.public_key)).verify(signed.signature, message)
    except InvalidSignature:
        raise UnsignedUsage(
            _("The signature is not by the key “%(name)s” over this batch: sign its PAE (DSSE v1)."),
            {"name": key.name},
            where=f"{where}/sig",
        ) from None
    return key


def _said(studio: Studio, sha256: str) -> Accepted | None:
    there = UsageBatch.objects.filter(studio=studio, sha256=sha256).first()
    return Accepted(there.pk, there.events, there.counted, there.received_at) if there else None


def _count(
    uses: Sequence[Use],
    *,
    studio: Studio,
    sha256: str,
    now: datetime,
    source: str,
    key: UUID | None = None,
    person: UUID | None = None,
    signature: bytes = b"",
) -> Accepted:
    _check(uses, coverages(studio, {use.recipe for use in uses}), now)
    fresh = _distinct(uses)
    batch_id = uuid4()
    counted = _insert([uses[place] for place in fresh.values()], batch_id, studio, now)
    if len(counted) < len(fresh):
        _check_known(uses, studio, [place for nonce, place in fresh.items() if nonce not in counted])
    row = {"id": batch_id, "studio": studio.pk, "source": source, "key": key, "person": person, "sha256": sha256,
           "signature": signature, "events": len(uses), "counted": len(counted), "now": now}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_BATCH, row)
        is_first = cursor.fetchone() is not None
    if not is_first and (there := _said(studio, sha256)):
        return there  # the same batch at the same moment: the other one counted
    if counted:
        ledger.operations.state(
            type="usage", subject=f"usage:{sha256}", body={"usage": sha256, "uses": len(counted)}, now=now
        )
    return Accepted(batch_id, len(uses), len(counted), now)


def _check(uses: Sequence[Use], known: Mapping[str, Coverage], now: datetime) -> None:
    """Raises one of UnableToCount for the first use that could not have been."""
    earliest = (now - timedelta(days=settings.USAGE_LATE_DAYS)).timestamp()
    latest = (now + timedelta(seconds=settings.USAGE_EARLY_SECONDS)).timestamp()
    for place, use in enumerate(uses):
        coverage = known.get(use.recipe)
        if coverage is None:
            raise _wrong(place, "recipe", _("%(event)s is of a recipe that your studio has not locked: lock it first."))
        if not earliest <= use.at <= latest:
            raise _late(place, use, is_late=use.at < earliest)
        if coverage.units and use.counts.keys() != coverage.units:
            raise _miscounted(place, use, coverage)
        if not coverage.holds(use.at):
            template, values = coverage.reason(use.at)
            raise _wrong(
                place,
                "at",
                _("%(event)s was not licensed at %(at)s: %(reason)s."),
                {"at": _moment(use.at), "reason": Words(template, values)},
                kind=UnlicensedUse,
            )


def _late(place: int, use: Use, *, is_late: bool) -> UnableToCount:
    if is_late:
        template = _("%(event)s is of %(at)s, more than %(most)d days ago: send uses while they are fresh.")
        return _wrong(place, "at", template, {"at": _moment(use.at), "most": settings.USAGE_LATE_DAYS})
    return _wrong(
        place, "at", _("%(event)s is of %(at)s, which is yet to come: set the clock."), {"at": _moment(use.at)}
    )


def _miscounted(place: int, use: Use, coverage: Coverage) -> UnableToCount:
    missing, unknown = sorted(coverage.units - use.counts.keys()), sorted(use.counts.keys() - coverage.units)
    template = _("%(event)s does not count %(units)s, which its licenses charge by: count it.")
    if not missing:
        template = _("%(event)s counts %(units)s, which none of its licenses charges by: leave it out.")
    return _wrong(place, "counts", template, {"units": Listed(tuple(missing or unknown))})


def _distinct(uses: Sequence[Use]) -> dict[str, int]:
    """Gives the place of each nonce; raises NonceReused where one stands for two uses."""
    found: dict[str, int] = {}
    for place, use in enumerate(uses):
        if uses[found.setdefault(use.nonce, place)].content != use.content:
            raise _reused(place)
    return found


def _insert(uses: Sequence[Use], batch_id: UUID, studio: Studio, now: datetime) -> set[str]:
    """Adds the uses that are not there yet; gives their nonces."""
    asked = {
        "batch": batch_id,
        "studio": studio.pk,
        "now": now,
        "month": now.astimezone(UTC).date().replace(day=1),
        "locks": _array(use.recipe for use in uses),
        "nonces": _array(use.nonce for use in uses),
        "contents": _array(rf"\x{use.content.hex()}" for use in uses),
        "counts": _array(orjson.dumps(use.counts).decode() for use in uses),
        "outputs": _array(rf"\x{use.outputs.hex()}" for use in uses),
        "ats": _array(str(use.at) for use in uses),
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, asked)
        return {nonce for (nonce,) in cursor.fetchall()}


def _array(values: Iterable[str]) -> str:
    """Writes an array as PostgreSQL reads it; the driver's own writing of arrays takes as long as all the rest."""
    escaped = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return "{" + escaped + "}"


def _check_known(uses: Sequence[Use], studio: Studio, places: Sequence[int]) -> None:
    """Raises NonceReused where an event that was there already is not the same as the one that came now."""
    nonces = [uses[place].nonce for place in places]
    rows = UsageEvent.objects.filter(studio=studio, nonce__in=nonces).values_list("nonce", "content")
    said = {str(nonce): bytes(content) for nonce, content in rows}
    for place in sorted(places):
        if said[uses[place].nonce] != uses[place].content:
            raise _reused(place)


def _reused(place: int) -> NonceReused:
    template = _("The nonce of %(event)s already stands for another use: give each use a nonce of its own.")
    return NonceReused(template, {"event": name_of(place)}, where=f"/events/{place}/nonce")


def _wrong(
    place: int, member: str, template: str, values: Values | None = None, *, kind: type[UnableToCount] = UnableToCount
) -> UnableToCount:
    return kind(template, {"event": name_of(place), **(values or {})}, where=f"/events/{place}/{member}")


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
