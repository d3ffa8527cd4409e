"""The inbox: an event is kept first, by its unique id, then what it speaks of is fetched and taken in, once.

An event says only that something happened to an object. Events come twice, late and in any order, so nothing is read
from them but whose they are: the object is asked for, and handlers take it in by monotone comparison.
"""

import hashlib
import hmac
import json
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from marketplace.provider import rules
from marketplace.provider.client import ProviderUnavailable, is_live, unavailable
from marketplace.provider.models import ProviderEventHandled, ProviderEventTrouble

log = logging.getLogger(__name__)
PATIENCE = timedelta(seconds=300)  # how far the time of a signature may be from ours, either way
BATCH, THREADS, PATIENT_CALLS = 100, 8, 5
_UNASKED = object()
_LOCK = 0x70767264  # "pvrd", and the hash of the object's name
_FIELDS = {"id": 255, "type": 100, "account": 64}


class UnableToReceiveEvent(Exception):
    """A delivery is not the provider's, or not an event; nothing is kept of it."""

    code = "event-not-received"


@dataclass(frozen=True)
class About:
    """What events of one object say together: which object, of which account (ours: empty), and that it changed.

    `created_at` is when the newest of them happened.
    """

    kind: str
    object_id: str
    account: str
    types: frozenset[str]
    created_at: datetime


Fetch = Callable[[About], Any]
Apply = Callable[..., None]


@dataclass(frozen=True)
class _Handler:
    fetch: Fetch
    apply: Apply
    atomic: bool = True


_HANDLERS: dict[str, _Handler] = {}


def on(prefix: str, *, fetch: Fetch, apply: Apply, atomic: bool = True) -> None:
    """Let events whose type begins with this be taken in so; of several prefixes the longest counts.

    `fetch(about)` asks the provider for the object, outside any transaction and perhaps in a thread, and returns it,
    or None where the object is none of ours. `apply(found, about, now=now)` takes it in, in one transaction with the
    mark that the events are handled; it may meet the same object again, and one older than what it knows. An `apply`
    of several transactions is registered with `atomic=False`, and is called again where the mark was not committed.
    Raises ValueError where the prefix has another handler already.
    """
    handler = _Handler(fetch, apply, atomic)
    if _HANDLERS.setdefault(prefix, handler) != handler:
        raise ValueError(f"events of {prefix} have a handler already")


@contextmanager
def only(handlers: dict[str, tuple[Fetch, Apply]]) -> Iterator[None]:
    """Let these alone be the handlers while it is open: for tests and measurements."""
    before = dict(_HANDLERS)
    _HANDLERS.clear()
    _HANDLERS.update({prefix: _Handler(*pair) for prefix, pair in handlers.items()})
    try:
        yield
    finally:
        _HANDLERS.clear()
        _HANDLERS.update(before)


def receive(body: bytes, signature: str, now: datetime) -> bool:
    """Keep an event that is signed with one of our secrets; tell whether it is new.

    Nothing of the body is kept but ids, type and time. An event of the mode that our key is not of (test or live) is
    taken from the provider's hands and not kept: its endpoints are sent both. Raises UnableToReceiveEvent.
    """
    _verify(body, signature, now)
    event = _read(body)
    if bool(event.get("livemode")) != is_live():
        log.warning("an event of the other mode was not kept: %s", event["id"])
        return False
    about = event["data"]["object"]
    _note_version(str(event.get("api_version") or ""))
    row = (
        event["id"], event["type"], event.get("account") or "", about["object"], str(about.get("id") or ""),
        datetime.fromtimestamp(event["created"], UTC), now,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO provider_providerevent"
            " (event_id, type, account, object_kind, object_id, created_at, received_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (event_id) DO NOTHING",
            row,
        )
        return bool(cursor.rowcount)


def _verify(body: bytes, signature: str, now: datetime) -> None:
    """Raise UnableToReceiveEvent unless the header is of this body, of about now, and made with one of our secrets."""
    parts = [part.partition("=") for part in signature.split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    given = [value.strip() for name, _, value in parts if name.strip() == "v1"]
    if len(times) != 1 or not re.fullmatch(r"[0-9]{1,12}", times[0]) or not given:
        raise UnableToReceiveEvent("the signature is unreadable")
    signed = f"{times[0]}.".encode() + body
    made = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in _secrets()]
    if not any(hmac.compare_digest(ours.encode(), theirs.encode()) for ours in made for theirs in given):
        raise UnableToReceiveEvent("the signature is not of this body")
    if abs(now.timestamp() - int(times[0])) > PATIENCE.total_seconds():
        raise UnableToReceiveEvent("the signature is not of this time")


def _secrets() -> list[str]:
    return [secret for secret in settings.STRIPE["webhook_secrets"] if secret]


def _read(body: bytes) -> dict[str, Any]:
    """Return the event, of which at least what we keep is well-formed; raises UnableToReceiveEvent."""
    try:
        event: Any = json.loads(body)
        sound = (
            event["object"] == "event"
            and all(isinstance(event.get(name) or "", str) and len(event.get(name) or "") <= most
                    for name, most in _FIELDS.items())
            and event["id"] and event["type"] and isinstance(event["created"], int)
            and 0 <= event["created"] < 2**33
            and isinstance(event["data"]["object"]["object"], str) and len(event["data"]["object"]["object"]) <= 60
            and len(str(event["data"]["object"].get("id") or "")) <= 255
            and "\x00" not in "".join(str(event.get(name)) for name in _FIELDS) + str(event["data"]["object"].get("id"))
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnableToReceiveEvent("the body is no event") from error
    if not sound:
        raise UnableToReceiveEvent("the body is no event of ours to read")
    return dict(event)


@cache
def _note_version(version: str) -> None:
    """Say once that events come in another version than the client's; objects are fetched in the client's anyway."""
    import stripe

    if version != stripe.api_version:
        log.warning("events come in version %r, and we ask in %s", version, stripe.api_version)


# -- handling ----------------------------------------------------------------------------------------------------------

_NOTHING = """
INSERT INTO provider_providereventhandled (event_id, result, at)
SELECT w.event_id, 'nothing', %s FROM provider_providereventwaiting w JOIN provider_providerevent e ON e.id = w.event_id
 WHERE w.due_at <= %s AND NOT e.type LIKE ANY (%s::text[])
 ORDER BY w.event_id LIMIT %s
    ON CONFLICT DO NOTHING
"""
# Objects whose events are due, those that wait longest first.
_DUE = """
SELECT e.object_kind, e.object_id, e.account
  FROM (SELECT event_id, due_at FROM provider_providereventwaiting WHERE due_at <= %s ORDER BY due_at, event_id LIMIT %s) w
  JOIN provider_providerevent e ON e.id = w.event_id
 GROUP BY 1, 2, 3 ORDER BY min(w.due_at), min(e.id)
"""  # noqa: E501
_TAKE = """
SELECT n.place FROM unnest(%s::text[]) WITH ORDINALITY n (name, place)
 WHERE pg_try_advisory_lock(%s, hashtext(n.name))
"""
_LEAVE = "SELECT pg_advisory_unlock(%s, hashtext(n.name)) FROM unnest(%s::text[]) n (name)"
_OF_OBJECTS = """
SELECT e.id, e.object_kind, e.object_id, e.account, e.type, e.created_at, w.failures
  FROM provider_providereventwaiting w JOIN provider_providerevent e ON e.id = w.event_id
  JOIN unnest(%s::text[], %s::text[], %s::text[]) n (kind, object_id, account)
    ON (e.object_kind, e.object_id, e.account) = (n.kind, n.object_id, n.account)
 ORDER BY e.id
"""

_MARK = """
INSERT INTO provider_providereventhandled (event_id, result, at) SELECT n.id, %s, %s FROM unnest(%s::bigint[]) n (id)
"""

Thing = tuple[str, str, str]


@dataclass(frozen=True)
class _Case:
    """Events of one object that one handler takes in together, dead ones too: the object is asked for once more.

    `failures` are those of the event that has fewest, so that a new one gives all another chance.
    """

    handler: _Handler
    about: About
    events: tuple[int, ...]
    failures: int


def handle_events(*, now: datetime, limit: int = 1000) -> int:
    """Take in what is due, at most about so many events; return how many were handled.

    All events of an object are one call of its handler. Workers share the work: an object is one worker's at a time.
    One that fails is put off, alone. Not to be called inside a transaction.
    """
    handled = _mark_unheard(now, limit)
    while handled < limit:
        with connection.cursor() as cursor:
            cursor.execute(_DUE, [now, min(limit - handled, BATCH)])
            due: list[Thing] = cursor.fetchall()
        if not due:
            break
        with _taken(due) as ours:
            done, more = _handle(ours, now) if ours else (0, False)
        handled += done
        if not more:
            break
    return handled


def _mark_unheard(now: datetime, limit: int) -> int:
    """Mark what no handler listens to, in one statement."""
    heard = [re.sub(r"([\\%_])", r"\\\1", prefix) + "%" for prefix in _HANDLERS]
    with connection.cursor() as cursor:
        cursor.execute(_NOTHING, [now, now, heard, limit])
        return cursor.rowcount


@contextmanager
def _taken(things: Sequence[Thing]) -> Iterator[list[Thing]]:
    """Hold the locks of those objects that no other worker holds."""
    names = ["\n".join(thing) for thing in things]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [names, _LOCK])
        places = sorted(place for (place,) in cursor.fetchall())
    try:
        yield [things[place - 1] for place in places]
    finally:
        if places and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute(_LEAVE, [_LOCK, [names[place - 1] for place in places]])


def _handle(things: list[Thing], now: datetime) -> tuple[int, bool]:
    """Fetch all these objects, then take them in one by one; return how many events were handled, and whether to go on.

    Nothing is gained by going on where nobody answers, or others handled all of these meanwhile.
    """
    cases = _cases(things)
    found = _fetched(cases)
    handled = 0
    for case, object_or_error in zip(cases, found, strict=True):
        if object_or_error is _UNASKED:
            continue
        if isinstance(object_or_error, Exception):
            _put_off(case, object_or_error, now)
        else:
            handled += _take_in(case, object_or_error, now)
    return handled, bool(cases) and not any(one is _UNASKED for one in found)


def _cases(things: list[Thing]) -> list[_Case]:
    """Read what waits of these objects only now that they are locked: what is fetched afterwards is not older."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_OBJECTS, [list(column) for column in zip(*things, strict=True)])
        rows = cursor.fetchall()
    grouped: defaultdict[tuple[Thing, _Handler], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        if (handler := _handler_of(row[4])) is not None:
            grouped[(row[1], row[2], row[3]), handler].append(row)
    return [
        _Case(
            handler,
            About(*thing, frozenset(row[4] for row in of_it), max(row[5] for row in of_it)),
            tuple(row[0] for row in of_it),
            min(row[6] for row in of_it),
        )
        for (thing, handler), of_it in grouped.items()
    ]


def _handler_of(type_: str) -> _Handler | None:
    prefixes = [prefix for prefix in _HANDLERS if type_.startswith(prefix)]
    return _HANDLERS[max(prefixes, key=len)] if prefixes else None


def _fetched(cases: list[_Case]) -> list[Any]:
    """Return each object, or the error instead; the rest is left alone when nobody answers."""
    away = _Away()
    if len(cases) < 2:
        return [away.fetch(case) for case in cases]
    with ThreadPoolExecutor(min(THREADS, len(cases))) as pool:
        return list(pool.map(away.fetch_in_thread, cases))


class _Away:
    """Fetches until several in a row were not answered; threads may miscount by one another, which does no harm."""

    def __init__(self) -> None:
        self.in_a_row = 0

    def fetch(self, case: _Case) -> Any:
        """Return the object, the error, or _UNASKED."""
        if self.in_a_row >= PATIENT_CALLS:
            return _UNASKED
        try:
            found = case.handler.fetch(case.about)
        except Exception as error:
            self.in_a_row = self.in_a_row + 1 if _is_away(error) else 0
            return error
        self.in_a_row = 0
        return found

    def fetch_in_thread(self, case: _Case) -> Any:
        """Fetch, and let go of the connection to the database that the thread may have opened."""
        try:
            return self.fetch(case)
        finally:
            connection.close()


def _is_away(error: Exception) -> bool:
    """Tell whether the provider is why: its error, and not one that is final."""
    known = isinstance(error, ProviderUnavailable) or hasattr(error, "http_status")
    return known and unavailable(error) is not None


def _take_in(case: _Case, found: Any, now: datetime) -> int:
    """Apply and mark in one transaction; where it fails, neither is done, and the events are put off."""
    result = ProviderEventHandled.NOT_OURS if found is None else ProviderEventHandled.APPLIED
    try:
        if found is not None and not case.handler.atomic:
            case.handler.apply(found, case.about, now=now)
        with transaction.atomic():
            # Whoever had these events in hand when its connection broke may still commit: its marks refuse ours.
            with connection.cursor() as cursor:
                cursor.execute(_MARK, [result, now, list(case.events)])
            if found is not None and case.handler.atomic:
                case.handler.apply(found, case.about, now=now)
    except Exception as error:
        _put_off(case, error, now)
        return 0
    return len(case.events)


def _put_off(case: _Case, error: Exception, now: datetime) -> None:
    away = _is_away(error)
    kind = ProviderEventTrouble.AWAY if away else ProviderEventTrouble.FAILED
    failures = case.failures + (not away)
    wait = rules.again_after(kind=kind, failures=failures)
    said = f"{type(error).__name__}: {error}".replace("\x00", "")[:300]
    again_at = None if wait is None else now + wait
    with transaction.atomic():
        ProviderEventTrouble.objects.bulk_create(
            ProviderEventTrouble(event_id=event, kind=kind, reason=said, at=now, again_at=again_at)
            for event in case.events
        )
    level = logging.CRITICAL if wait is None else logging.WARNING
    log.log(level, "%s %s was not taken in: %s", case.about.kind, case.about.object_id, said, exc_info=error)


def try_again(*, event_id: str = "", now: datetime) -> int:
    """Let a dead or waiting event be tried at once, its failures counted anew; without an id, all that are dead.

    Returns how many.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO provider_providereventtrouble (event_id, kind, reason, at, again_at)"
            " SELECT w.event_id, 'again', '', %s, %s FROM provider_providereventwaiting w"
            "   JOIN provider_providerevent e ON e.id = w.event_id"
            "  WHERE CASE WHEN %s <> '' THEN e.event_id = %s ELSE w.due_at IS NULL END",
            [now, now, event_id, event_id],
        )
        return cursor.rowcount
