"""Uses of recipes: signed, counted once, and refused as a whole."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum

import ledger.operations
from ledger.models import Entry
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.usage import accepting, queries
from marketplace.compositions.usage.refusals import (
    NonceReused,
    UnableToCount,
    UnableToKeepKey,
    UnlicensedUse,
    UnreadableUsage,
    UnsignedUsage,
)
from marketplace.compositions.uses import UsageBatch, UsageEvent, UsageKeyEnd
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import GrantStatus
from tests.api.studios import Market
from tests.cast import NOON, later, person
from tests.compositions.usage.rendering import TYPE, Farm, farm_of, granted, locked, metered

PICTURE = hashlib.sha256(b"a picture").hexdigest()


def nothing_written() -> None:
    assert UsageBatch.objects.count() == UsageEvent.objects.count() == 0
    assert not Entry.objects.filter(type="usage").exists()


def test_a_batch_counts_once_and_is_stated(farm: Farm, lock: RecipeLock) -> None:
    first = farm.event(lock, counts={"image": 4}, outputs=[PICTURE, PICTURE])
    second = farm.event(lock, at=later(hours=3, seconds=299))
    envelope = farm.said(first, second)

    told = accepting.accept(studio=farm.studio, envelope=envelope, now=later(hours=3))

    assert (told.events, told.counted, told.duplicates, told.received_at) == (2, 2, 0, later(hours=3))
    batch, event = UsageBatch.objects.get(), UsageEvent.objects.get(nonce=first["nonce"])
    payload = base64.b64decode(json.loads(envelope)["payload"])
    signed = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(payload), payload)
    assert (batch.pk, batch.source, batch.key, batch.said_by) == (told.batch, "api", farm.key, None)
    assert batch.sha256 == hashlib.sha256(signed).hexdigest()
    assert bytes(batch.signature) == farm.private.sign(signed)
    assert (event.lock, event.counts, queries.outputs_of(event)) == (lock, {"image": 4}, [PICTURE, PICTURE])
    assert (event.happened_at, event.received_at, str(event.month)) == (later(hours=3), later(hours=3), "2026-11-01")
    canonical = json.dumps(first, sort_keys=True, separators=(",", ":")).encode()
    assert bytes(event.content) == hashlib.sha256(canonical).digest()
    entry = Entry.objects.get(type="usage")
    assert (entry.subject, entry.statement) == (f"usage:{batch.sha256}", {"usage": batch.sha256, "uses": 2})
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(hours=4))

    assert accepting.accept(studio=farm.studio, envelope=envelope, now=later(days=300)) == told
    again = farm.send(second, first, now=later(days=1))
    assert (again.events, again.counted, again.duplicates) == (2, 0, 2)
    third = farm.event(lock)
    mixed = farm.send(third, first, third)
    assert (mixed.events, mixed.counted) == (3, 1)
    assert UsageEvent.objects.count() == 3
    assert UsageBatch.objects.aggregate(all=Sum("counted"))["all"] == 3
    assert sorted(one.statement["uses"] for one in Entry.objects.filter(type="usage")) == [1, 2]


def test_what_licenses_count_must_be_counted_when_they_hold(market: Market, farm: Farm, lock: RecipeLock) -> None:
    other = locked(market.cast.daves_studio, market.cast.dave, market.world)
    offered = locked(farm.studio, market.cast.carol, metered(market.derived, "second"), title="offered")
    ten_images = {"counts": {"image": 10**9 + 1}}
    good, grant = farm.event(lock), lock.packs.get(position=0).grant
    assert grant is not None

    def refused(kind: type[UnableToCount], place: int, member: str, words: str, *events: Any, now: Any = None) -> None:
        with pytest.raises(kind) as told:
            farm.send(*events, now=now or later(hours=3))
        assert (told.value.where, words in str(told.value)) == (f"/events/{place}/{member}", True), str(told.value)
        assert type(told.value) is kind
        nothing_written()

    early, late = later(hours=3, seconds=301), later(hours=3) - timedelta(days=7, seconds=1)
    refused(
        UnableToCount, 1, "recipe", "events[1] is of a recipe that your studio has not locked", good, farm.event(other)
    )
    refused(UnableToCount, 0, "recipe", "not locked", farm.event(lock, recipe="0" * 64), good)
    refused(
        UnableToCount, 0, "at", "events[0] is of 2026-11-22T15:05:01Z, which is yet to come", farm.event(lock, early)
    )
    refused(UnableToCount, 1, "at", "more than 7 days ago", good, farm.event(lock, late))
    refused(UnableToCount, 0, "counts", "does not count image, which", farm.event(lock, counts={}))
    refused(UnableToCount, 0, "counts", "does not count image", farm.event(lock, counts={"images": 2}))
    refused(UnableToCount, 0, "counts", "counts second, which none", farm.event(lock, counts={"image": 1, "second": 2}))
    refused(UnreadableUsage, 0, "counts", "from 1 to 1000000000", farm.event(lock, **ten_images))
    refused(UnlicensedUse, 0, "at", "has no license for the layer “layer1”", farm.event(offered, counts={}))
    refused(UnlicensedUse, 0, "at", f"the license {grant.pk} of the layer “layer1” had not begun",
            farm.event(lock, later(hours=2, seconds=-1)))  # fmt: skip
    refused(NonceReused, 1, "nonce", "nonce of events[1] already", good, good | {"outputs": [PICTURE]})

    licensing.set_status(grant=grant, status=GrantStatus.SUSPENDED, reason="disputed", now=later(hours=4))
    licensing.set_status(grant=grant, status=GrantStatus.ACTIVE, reason="won", now=later(hours=6))
    licensing.set_status(grant=grant, status=GrantStatus.REVOKED, reason="lost", now=later(hours=8))
    now = later(hours=9)
    refused(
        UnlicensedUse,
        0,
        "at",
        "was not licensed at 2026-11-22T17:00:00Z: the license",
        farm.event(lock, later(hours=5)),
        now=now,
    )
    refused(UnlicensedUse, 0, "at", "was suspended", farm.event(lock, later(hours=4)), now=now)
    refused(UnlicensedUse, 1, "at", "had expired or was revoked", good, farm.event(lock, later(hours=8)), now=now)
    told = farm.send(*[farm.event(lock, later(hours=hour)) for hour in (2, 3, 6, 7)], good, now=now)
    assert told.counted == 5


def test_renewals_and_upgrades_go_on_covering_what_is_not_counted(market: Market, farm: Farm) -> None:
    ends = later(days=1)
    first = granted(market.offer(), farm.studio, ends_at=ends)
    lock = locked(farm.studio, market.cast.carol, first, market.derived)
    with pytest.raises(UnlicensedUse, match="had expired"):
        farm.send(farm.event(lock, ends, counts={}), now=ends)
    renewed = granted(
        market.offer(), farm.studio, kind="renewal", replaces=first, ends_at=later(days=2), now=later(hours=20)
    )
    granted(market.offer("enterprise"), farm.studio, kind="upgrade", replaces=renewed, now=later(days=1, hours=1))

    told = farm.send(
        farm.event(lock, later(hours=20), counts={}),
        farm.event(lock, ends, counts={"frame": 24}),
        farm.event(lock, later(days=3), counts={}),
        now=later(days=3),
    )

    assert told.counted == 3
    other = locked(farm.studio, market.cast.carol, granted(metered(market.world), farm.studio, ends_at=ends), title="b")
    with pytest.raises(UnlicensedUse, match="had expired"):
        farm.send(farm.event(other, ends), now=ends)


def test_a_nonce_stands_for_one_use_of_a_studio_however_it_is_written(
    market: Market,
    farm: Farm,
    lock: RecipeLock,
) -> None:
    event = farm.event(lock)
    farm.send(event)
    with pytest.raises(NonceReused) as told:
        farm.send(farm.event(lock), event | {"counts": {"image": 2}})
    assert told.value.where == "/events/1/nonce"
    assert UsageEvent.objects.count() == UsageBatch.objects.count() == 1

    turned = b'  {"events":[%s], "studio":"%s",\n"format":"worldloom/usage/1"}' % (
        json.dumps(dict(reversed(event.items())), indent=3).encode(),
        str(farm.studio.pk).encode(),
    )
    envelope = json.loads(farm.sign(turned))
    envelope["payload"] = base64.urlsafe_b64encode(turned).decode()
    again = accepting.accept(studio=farm.studio, envelope=json.dumps(envelope).encode(), now=later(hours=4))
    assert (again.events, again.counted) == (1, 0)

    quill = farm_of(market.cast.daves_studio, market.cast.dave, seed=2)
    own = locked(quill.studio, market.cast.dave, granted(metered(market.world), quill.studio))
    assert quill.send(event | {"recipe": own.digest}).counted == 1


def test_only_a_key_of_the_studios_that_was_not_ended_signs(market: Market, farm: Farm, lock: RecipeLock) -> None:
    quill = farm_of(market.cast.daves_studio, market.cast.dave, seed=2)
    payload = farm.batch([farm.event(lock)])
    good = json.loads(farm.sign(payload))
    raw = base64.b64decode(good["signatures"][0]["sig"])
    order = 2**252 + 27742317777372353535851937790883648493
    other_half = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")

    def signed(keyid: str, sig: bytes) -> dict[str, Any]:
        return {"signatures": [{"keyid": keyid, "sig": base64.b64encode(sig).decode()}]}

    forged: list[tuple[dict[str, Any], str]] = [
        ({"signatures": []}, "must be signed once"),
        ({"signatures": good["signatures"] * 2}, "must be signed once"),
        (signed(farm.key.kid, raw[:32] + other_half), "not by the key “farm 1” over this batch"),
        (signed(farm.key.kid, b""), "not by the key"),
        (signed(farm.key.kid, bytes(64)), "not by the key"),
        (signed(farm.key.kid, quill.private.sign(payload)), "not by the key"),
        (signed(farm.key.kid, farm.private.sign(payload)), "not by the key"),
        ({"payload": base64.b64encode(payload + b" ").decode()}, "not by the key"),
        (signed(quill.key.kid, raw), "Your studio has no key"),
        (signed("\x00", raw), "Your studio has no key"),
        (signed("", raw), "Your studio has no key"),
    ]
    for change, words in forged:
        with pytest.raises(UnsignedUsage, match=words) as told:
            accepting.accept(studio=farm.studio, envelope=json.dumps(good | change).encode(), now=later(hours=3))
        assert told.value.where.startswith("/signatures")
    for studio, envelope, kind in (
        (farm.studio, quill.sign(payload), UnsignedUsage),
        (quill.studio, farm.sign(payload), UnsignedUsage),
        (quill.studio, quill.sign(payload), UnreadableUsage),
    ):
        with pytest.raises(kind):
            accepting.accept(studio=studio, envelope=envelope, now=later(hours=3))
    nothing_written()

    assert farm.send(farm.event(lock)).counted == 1
    for person_ in (market.cast.dave, person("erin")):
        with pytest.raises(UnableToKeepKey, match="Only owners and buyers of Lantern Films"):
            accepting.end_usage_key(key=farm.key, person=person_, now=later(hours=4))
    accepting.end_usage_key(key=farm.key, person=market.cast.carol, now=later(hours=4))
    accepting.end_usage_key(key=farm.key, person=market.cast.carol, now=later(hours=5))
    assert UsageKeyEnd.objects.get().ended_at == later(hours=4)
    with pytest.raises(UnsignedUsage, match="was ended"):
        farm.send(farm.event(lock), now=later(hours=5))
    assert UsageEvent.objects.count() == 1


def test_what_the_site_saw_itself_counts_without_a_signature(market: Market, farm: Farm, lock: RecipeLock) -> None:
    own: Callable[..., accepting.Accepted] = lambda *events, **more: accepting.accept_own(  # noqa: E731
        **({"studio": farm.studio, "events": events, "source": "upload", "person": market.cast.carol,
            "now": later(hours=3)} | more)
    )  # fmt: skip
    event = farm.event(lock)
    with pytest.raises(UnableToCount, match="does not count image"):
        own(event | {"counts": {}})
    with pytest.raises(UnreadableUsage, match="1 to 1000"):
        own()
    nothing_written()

    told = own(event)

    batch = UsageBatch.objects.get()
    assert (told.counted, batch.source, batch.key, batch.said_by) == (1, "upload", None, market.cast.carol)
    assert own(event) == told
    assert Entry.objects.get(type="usage").subject == f"usage:{batch.sha256}"
    assert farm.send(event).counted == 0
    assert own(farm.event(lock), source="runner", person=None).counted == 1

    document = b'{"layers":[]}'
    words_alone = RecipeLock.objects.create(
        digest=hashlib.sha256(document).hexdigest(), studio=farm.studio, document=document, locked_by=market.cast.carol,
        locked_at=NOON,
    )  # fmt: skip
    assert own(farm.event(words_alone, counts={})).counted == 1
