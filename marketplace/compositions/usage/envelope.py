"""The exact bytes of uses (docs/formats/usage.md): a signed envelope taken apart, and what it says read strictly.

No database in here. Everything raises UnreadableUsage, with the place of the first thing that is wrong.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from ledger.canonical import canonical
from ledger.log.dsse import pae
from marketplace.compositions.usage.refusals import UnreadableUsage, UnsignedUsage
from marketplace.ui.words import Value, Words
from marketplace.ui.words import gettext_noop as _

PAYLOAD_TYPE = "application/vnd.worldloom.usage+json"
FORMAT = "worldloom/usage/1"
PAYLOAD_LIMIT_BYTES, ENVELOPE_LIMIT_BYTES = 6 * 1024 * 1024, 9 * 1024 * 1024
"""The most that is read: a thousand uses with all that each may say fit."""
MOST_EVENTS, MOST_OUTPUTS, MOST_UNITS, MOST_COUNT = 1_000, 64, 16, 10**9
MOST_SECONDS = 253_402_300_799  # the last second of the year 9999
_MEMBERS = {"nonce", "recipe", "at", "counts", "outputs"}
_NONCE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGITS_LIMIT = 17


@dataclass(frozen=True, slots=True)
class Signed:
    """An envelope taken apart; nothing is verified yet."""

    kid: str
    signature: bytes
    payload: bytes

    @property
    def message(self) -> bytes:
        """What was signed: PAE of DSSE v1."""
        return pae(PAYLOAD_TYPE, self.payload)


@dataclass(frozen=True, slots=True)
class Use:
    """One event: `at` in Unix seconds, `outputs` digests in a row, `content` the SHA-256 of its RFC 8785 form."""

    nonce: str
    recipe: str
    at: int
    counts: Mapping[str, int]
    outputs: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What an envelope says: whose uses they are, by the studio's id, and the uses."""

    studio: str
    uses: Sequence[Use]


def read_envelope(data: bytes) -> Signed:
    """This will take a DSSE envelope with one signature apart; raises UnsignedUsage where it has none or several."""
    if len(data) > ENVELOPE_LIMIT_BYTES:
        raise UnreadableUsage(
            _("The envelope has more than %(most)d bytes: send fewer uses."), _most(ENVELOPE_LIMIT_BYTES)
        )
    found = _strict(data, _("The envelope"))
    if not isinstance(found, dict) or found.keys() != {"payload", "payloadType", "signatures"}:
        _refuse(_("The envelope must be an object with payload, payloadType and signatures, and nothing else."))
    if found["payloadType"] != PAYLOAD_TYPE:
        _refuse(_("The envelope's payloadType must be %(type)s."), {"type": PAYLOAD_TYPE}, "/payloadType")
    signatures = found["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise UnsignedUsage(_("The envelope must be signed once, by one key of the studio."), where="/signatures")
    (one,) = signatures
    if not isinstance(one, dict) or one.keys() != {"keyid", "sig"} or not isinstance(one["keyid"], str):
        _refuse(_("A signature must have keyid and sig, and nothing else."), {}, "/signatures/0")
    payload = _bytes(found["payload"], "/payload")
    if len(payload) > PAYLOAD_LIMIT_BYTES:
        _refuse(_("The batch has more than %(most)d bytes: send fewer uses."), _most(PAYLOAD_LIMIT_BYTES), "/payload")
    return Signed(one["keyid"], _bytes(one["sig"], "/signatures/0/sig"), payload)


def read_batch(payload: bytes) -> Batch:
    """This will read what was signed."""
    found = _strict(payload, _("The batch"))
    if not isinstance(found, dict) or found.keys() != {"format", "studio", "events"} or found["format"] != FORMAT:
        _refuse(
            _("The batch must be an object with format “%(format)s”, studio and events, and nothing else."),
            {"format": FORMAT},
        )
    if not isinstance(found["studio"], str):
        _refuse(_("studio must be your studio's id."), {}, "/studio")
    return Batch(found["studio"], read_uses(found["events"]))


def read_uses(events: Any) -> Sequence[Use]:
    """This will read 1 to 1,000 events, which are JSON values already."""
    if not isinstance(events, list) or not 1 <= len(events) <= MOST_EVENTS:
        _refuse(_("events must be a list of 1 to %(most)d uses: send the others in further batches."),
                _most(MOST_EVENTS), "/events")  # fmt: skip
    return [_use(event, place) for place, event in enumerate(events)]


def write_batch(studio: str, events: Sequence[Mapping[str, Any]]) -> bytes:
    """This will write a batch in RFC 8785 form, as it is kept of uses that the site itself saw."""
    return canonical({"format": FORMAT, "studio": studio, "events": [dict(event) for event in events]})


def name_of(place: int) -> str:
    """This will name an event as a program does."""
    return f"events[{place}]"


def _use(event: Any, place: int) -> Use:
    if not isinstance(event, dict) or event.keys() != _MEMBERS:
        _refuse_event(
            place, "", _("%(event)s must be an object with nonce, recipe, at, counts and outputs, and nothing else.")
        )
    nonce, recipe, at, counts, outputs = (event[name] for name in ("nonce", "recipe", "at", "counts", "outputs"))
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        _refuse_event(place, "/nonce", _("The nonce of %(event)s must be a UUID in small letters."))
    if not isinstance(recipe, str) or not _DIGEST.fullmatch(recipe):
        _refuse_event(place, "/recipe", _("The recipe of %(event)s must be the 64 hex digits of a lock."))
    if type(at) is not int or not 0 <= at <= MOST_SECONDS:
        _refuse_event(place, "/at", _("The time of %(event)s must be whole Unix seconds."))
    if not isinstance(counts, dict) or len(counts) > MOST_UNITS or not all(map(_is_count, counts.items())):
        _refuse_event(
            place,
            "/counts",
            _("The counts of %(event)s must be at most %(units)d units, each with a whole number from 1 to %(most)d."),
            {"units": MOST_UNITS, **_most(MOST_COUNT)},
        )
    if not isinstance(outputs, list) or len(outputs) > MOST_OUTPUTS or not all(map(_is_digest, outputs)):
        _refuse_event(
            place,
            "/outputs",
            _("The outputs of %(event)s must be at most %(most)d SHA-256 digests in small hex digits."),
            _most(MOST_OUTPUTS),
        )
    return Use(nonce, recipe, at, counts, bytes.fromhex("".join(outputs)), hashlib.sha256(_canonical(event)).digest())


def _canonical(event: dict[str, Any]) -> bytes:
    """Writes an event that was checked as RFC 8785 has it: for printable ASCII that is what orjson writes, sooner."""
    if "".join(event["counts"]).isascii():
        return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    return canonical(event)


def _is_count(pair: tuple[Any, Any]) -> bool:
    unit, number = pair
    return (
        isinstance(unit, str)
        and 1 <= len(unit) <= 40
        and unit.isprintable()
        and type(number) is int
        and 1 <= number <= MOST_COUNT
    )


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _most(number: int) -> dict[str, Value]:
    return {"most": number}


def _refuse(template: str, values: Mapping[str, Value] | None = None, where: str = "") -> NoReturn:
    raise UnreadableUsage(template, values, where=where)


def _refuse_event(place: int, where: str, template: str, values: Mapping[str, Value] | None = None) -> NoReturn:
    _refuse(template, {"event": name_of(place), **(values or {})}, f"/events/{place}{where}")


def _bytes(said: Any, where: str) -> bytes:
    """Reads padded Base64 of either alphabet (RFC 4648, sections 4 and 5), in its one spelling."""
    try:
        if not isinstance(said, str):
            raise ValueError
        alphabet = b"-_" if "-" in said or "_" in said else b"+/"
        found = base64.b64decode(said.encode("ascii"), altchars=alphabet, validate=True)
        if base64.b64encode(found, altchars=alphabet).decode() != said:
            raise ValueError
    except (ValueError, binascii.Error):
        _refuse(
            _("%(where)s of the envelope must be Base64 in its one spelling, with padding."), {"where": where}, where
        )
    return found


def _strict(data: bytes, what: str) -> Any:
    """Reads JSON (RFC 8259) of whole numbers, in which no name stands twice in one object."""
    try:
        # The first reader is bounded in depth and stays off the stack's end; only what it passed is read by the second.
        orjson.loads(data)
        return json.loads(
            data.decode(), object_pairs_hook=_unique, parse_int=_whole, parse_float=_whole, parse_constant=_whole
        )
    except (ValueError, RecursionError) as error:
        told = error.args[0] if error.args else ""
        said: Value = told if isinstance(told, Words) else str(error).rstrip(".")
        raise UnreadableUsage(
            _("%(what)s cannot be read as JSON: %(reason)s."), {"what": Words(what), "reason": said}
        ) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(Words(_("the name “%(value)s” stands twice in one object"), {"value": twice[:60]}))
    return found


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS_LIMIT or not digits.lstrip("-").isdigit():
        raise ValueError(Words(_("%(value)s is no whole number that is allowed here"), {"value": digits[:30]}))
    return int(digits)
