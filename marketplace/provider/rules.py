"""What may be sent when, whether what is found is what was asked for, and what of an answer is kept; no Django."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# Keys are forgotten after 24 hours at the earliest; then the same key is a new request.
KEYS_TRUSTED_FOR = timedelta(hours=20)
# Whatever was sent so long ago has arrived or never will: a request ends sooner by itself.
SETTLED_AFTER = timedelta(minutes=2)
FAILURES_UNTIL_DEAD = 20
_FIRST_WAIT, _LONGEST_WAIT, _AWAY = timedelta(seconds=5), timedelta(hours=1), timedelta(seconds=30)

# Who somebody is, and what opens a door: never kept.
PRIVATE = frozenset(
    [
        "address",
        "billing_details",
        "business_profile",
        "client_secret",
        "company",
        "customer_address",
        "customer_details",
        "customer_email",
        "customer_name",
        "customer_phone",
        "customer_shipping",
        "email",
        "individual",
        "name",
        "owner",
        "phone",
        "receipt_email",
        "secret",
        "shipping",
        "tax_ids",
    ]
)
_WORDS = frozenset({"description", "statement_descriptor", "statement_descriptor_suffix", "images"})
_LINKS = ("account_link", "login_link", "billing_portal.session")
_WITHOUT_METADATA = frozenset(
    [
        "account_links",
        "account_sessions",
        "accounts.login_links",
        "billing.meter_events",
        "billing_portal.sessions",
        "files",
        "tax_ids",
        "tokens",
    ]
)
# Parameters that the object answered has under the same name, and that nobody changes afterwards.
_LASTING = (
    "amount", "charge", "client_reference_id", "currency", "customer", "destination", "mode", "payment_intent",
    "quantity", "source_transaction", "transfer_group", "unit_amount",
)  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """One attempt as it stands: `trouble` is the kind of its trouble, or nothing."""

    number: int
    generation: int
    sent_at: datetime
    trouble: str = ""


@dataclass(frozen=True)
class Plan:
    """What is next for a call: send under this generation of its key, or look first whether it was done.

    `may_send` tells whether it may be sent where looking finds nothing.
    """

    number: int
    generation: int
    look: bool
    may_send: bool


def plan(attempts: Iterable[Attempt], *, now: datetime) -> Plan:
    """Say what is next after these attempts, by number.

    The same key again while the provider still knows it. Where it does not, or answers for ever that it broke down
    (a second time, or replayed), we look; and send a new generation only when the last attempt must be over.
    """
    known = sorted(attempts, key=lambda one: one.number)
    if not known:
        return Plan(1, 1, look=False, may_send=True)
    last = known[-1]
    of_key = [one for one in known if one.generation == last.generation]
    failed = sum(one.trouble == "failed" for one in of_key)
    stuck = failed > 1 or any(one.trouble in ("saved", "keys") for one in of_key)
    if not stuck and now - of_key[0].sent_at < KEYS_TRUSTED_FOR:
        return Plan(last.number + 1, last.generation, look=False, may_send=True)
    return Plan(last.number + 1, last.generation + 1, look=True, may_send=now - last.sent_at >= SETTLED_AFTER)


def key_of(key: str, generation: int) -> str:
    """Return the idempotency key of a generation."""
    return key if generation == 1 else f"{key}:{generation}"


def again_after(*, kind: str, failures: int) -> timedelta | None:
    """Return how long an event waits after its latest trouble, which made it so many failures; None: it is dead.

    The first waits 5 seconds, each the double of the one before, an hour at most. Where the provider is away it is
    half a minute, and nothing dies of that.
    """
    if kind == "away":
        return _AWAY
    if failures >= FAILURES_UNTIL_DEAD:
        return None
    doubled: timedelta = _FIRST_WAIT * 2 ** (failures - 1)
    return min(doubled, _LONGEST_WAIT)


def named(operation: str) -> tuple[str, str, tuple[str, ...]]:
    """Take `transfers.reversals.create:tr_1` apart: service, method, ids."""
    path, *ids = operation.split(":")
    service, _, method = path.rpartition(".")
    return service, method, tuple(ids)


def has_metadata(operation: str) -> bool:
    """Tell whether what is made can carry our key."""
    service, method, _ids = named(operation)
    return method == "create" and service not in _WITHOUT_METADATA


def fingerprint(*, operation: str, account: str, params: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what is asked for.

    Names, addresses and descriptions do not count: who repeats a request may have been renamed since, and asks for the
    same thing. Bytes and open files count by their content.
    """
    text = json.dumps([operation, account, _lasting(params)], sort_keys=True, separators=(",", ":"), default=_as_text)
    return hashlib.sha256(text.encode()).hexdigest()


def _lasting(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _lasting(each) for name, each in value.items() if name not in PRIVATE and name not in _WORDS}
    return [_lasting(each) for each in value] if isinstance(value, list | tuple) else value


def _as_text(value: Any) -> str:
    if hasattr(value, "read"):
        place = value.tell()
        content = value.read()
        value.seek(place)
        value = content
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    return str(value)


def contradiction(*, params: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Name the first parameter that the object found has otherwise; nothing where it is what was asked for."""
    for name in _LASTING:
        if name not in params or name not in found:
            continue
        asked, there = params[name], found[name]
        there = there.get("id") if isinstance(there, Mapping) else there
        if asked is not None and str(asked) != str(there):
            return name
    metadata = found.get("metadata") or {}
    for name, value in (params.get("metadata") or {}).items():
        if str(metadata.get(name)) != str(value):
            return f"metadata.{name}"
    return ""


def plain(text: str) -> dict[str, Any]:
    """Read an object's JSON; numbers with a point stay text."""
    body: dict[str, Any] = json.loads(text, parse_float=str)
    return body


def kept(body: Any) -> Any:
    """Return what is kept of an object: all but who somebody is and what opens a door."""
    if isinstance(body, dict):
        link = body.get("object") in _LINKS
        return {
            name: kept(value) for name, value in body.items() if name not in PRIVATE and not (link and name == "url")
        }
    if isinstance(body, list):
        return [kept(each) for each in body]
    return body
