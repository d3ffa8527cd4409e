"""Uses of recipes by the API: keys are registered, what they sign is counted, listed and refused."""

import json
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from ledger.models import Entry
from ledger.signing.jwk import public_jwk
from marketplace.compositions.usage.envelope import ENVELOPE_LIMIT_BYTES
from marketplace.compositions.uses import UsageEvent, UsageKey
from marketplace.people import operations as people
from tests.api.studios import ANYBODY, Market, Studio, key_of
from tests.cast import NOON, person
from tests.compositions.usage.rendering import Farm, granted, locked, metered


def register(who: Studio, private: Ed25519PrivateKey, **more: Any) -> Any:
    body = {"name": "farm 1", "public_key": public_jwk(private.public_key())} | more
    return who.send("POST", "/usage/keys", body, key=f"k{hash(str(more))}")


def test_a_key_is_registered_signs_and_is_ended(market: Market, carol: Studio, dave: Studio) -> None:
    private, now = Ed25519PrivateKey.generate(), timezone.now()
    made = register(carol, private)
    assert (made.status_code, register(carol, private).json()) == (201, made.json())
    farm = Farm(market.cast.studio, UsageKey.objects.get(), private)
    assert made.json()["kid"] == farm.key.kid
    assert made.headers["Location"] == made.json()["url"] == f"http://testserver/api/v1/usage/keys/{farm.key.pk}"
    lock = locked(farm.studio, market.cast.carol, granted(metered(market.world), farm.studio, now=now))
    events = [farm.event(lock, int(now.timestamp()), outputs=["0" * 64]) for _place in range(3)]
    envelope = farm.said(*events)

    told = carol.call("POST", "/usage", envelope)

    assert told.status_code == 200, told.content
    assert {name: told.json()[name] for name in ("events", "counted", "duplicates")} == {
        "events": 3,
        "counted": 3,
        "duplicates": 0,
    }
    assert carol.call("POST", "/usage", envelope).json() == told.json()
    listed = carol.get(f"/usage?recipe={lock.digest}&month={timezone.now():%Y-%m}&limit=2")
    rest = carol.get(f"/usage?limit=2&cursor={listed.json()['next']}").json()
    assert [one["nonce"] for one in listed.json()["data"] + rest["data"]] == sorted(
        (one["nonce"] for one in events), reverse=True
    )
    assert rest["next"] is None
    assert listed.headers["Link"]
    shown = listed.json()["data"][0]
    assert (shown["counts"], shown["outputs"], shown["key"], shown["source"], shown["batch"]) == (
        {"image": 1},
        ["0" * 64],
        farm.key.kid,
        "api",
        told.json()["batch"],
    )
    for path in (f"/usage?recipe={'1' * 64}", "/usage?month=1999-12"):
        assert carol.get(path).json() == {"data": [], "next": None}
    assert dave.get("/usage").json()["data"] == dave.get("/usage/keys").json()["data"] == []

    assert dave.call("DELETE", f"/usage/keys/{farm.key.pk}").status_code == 404
    ended = carol.call("DELETE", f"/usage/keys/{farm.key.pk}")
    assert ended.json()["ended_at"] == carol.get(f"/usage/keys/{farm.key.pk}").json()["ended_at"] is not None
    assert [one["id"] for one in carol.get("/usage/keys").json()["data"]] == [str(farm.key.pk)]
    late = carol.call("POST", "/usage", farm.said(farm.event(lock)))
    assert (late.status_code, late.json()["code"]) == (403, "usage-unsigned")
    assert UsageEvent.objects.count() == 3


def test_each_refusal_has_its_code_and_place(market: Market, carol: Studio, dave: Studio) -> None:
    private, now = Ed25519PrivateKey.generate(), timezone.now()
    register(carol, private)
    farm, moment = Farm(market.cast.studio, UsageKey.objects.get(), private), int(now.timestamp())
    grant = granted(metered(market.world), farm.studio, now=now - timedelta(days=1))
    lock = locked(farm.studio, market.cast.carol, grant)
    good = farm.event(lock, moment)

    def refused(answer: Any, status: int, code: str, where: str) -> None:
        told = answer.json()
        assert (answer.status_code, told["code"]) == (status, code), answer.content
        if where:
            (finding,) = told["findings"]
            assert (finding["in"], finding["where"]) == ("body", where)
            assert finding["message"] in told["detail"]

    def sent(*events: Any) -> Any:
        return carol.call("POST", "/usage", farm.said(*events))

    refused(sent(good, farm.event(lock, moment + 400)), 422, "use-refused", "/events/1/at")
    refused(sent(good, farm.event(lock, moment - 8 * 86400)), 422, "use-refused", "/events/1/at")
    refused(sent(farm.event(lock, moment - 2 * 86400)), 422, "use-unlicensed", "/events/0/at")
    refused(sent(good, good | {"at": moment - 1}), 409, "nonce-reused", "/events/1/nonce")
    refused(sent(good | {"counts": {}}), 422, "use-refused", "/events/0/counts")
    refused(sent(), 422, "usage-unreadable", "/events")
    refused(carol.call("POST", "/usage", farm.batch([good])), 422, "usage-unreadable", "")
    refused(carol.call("POST", "/usage"), 422, "usage-unreadable", "")
    refused(dave.call("POST", "/usage", farm.said(good)), 403, "usage-unsigned", "/signatures/0/keyid")
    refused(ANYBODY.call("POST", "/usage", farm.said(good)), 401, "api-key-missing", "")
    refused(carol.call("POST", "/usage", b" " * (ENVELOPE_LIMIT_BYTES + 1)), 413, "too-large", "")
    refused(carol.call("POST", "/usage", farm.said(good), "text/plain"), 415, "unsupported-media-type", "")
    for path in ("/usage?recipe=1", "/usage?month=2026-13", "/usage?cursor=x", "/usage?who=me", "/usage/keys?limit=0"):
        refused(carol.get(path), 422, "invalid-request", "")
    for key in ({"d": "secret"}, {}, "-----BEGIN PRIVATE KEY-----"):
        refused(register(carol, private, public_key=key), 422, "usage-key-refused", "")
    for key in (7, None, "x" * 2001):
        refused(register(carol, private, public_key=key), 422, "invalid-request", "/public_key")
    people.give_seat(studio=farm.studio, by=market.cast.carol, email=person("erin").email, role="owner", now=NOON)
    erin = farm.studio.seats.get(role="owner", person__email="erin@example.com")
    theirs = key_of(farm.studio, erin.person)
    erin.role = "member"
    erin.save()
    refused(theirs.call("DELETE", f"/usage/keys/{farm.key.pk}"), 422, "usage-key-refused", "")
    chinese = carol.call("POST", "/usage", json.dumps({}).encode(), Accept_Language="zh-Hans")
    refused(chinese, 422, "usage-unreadable", "")
    assert not UsageEvent.objects.exists()
    assert not Entry.objects.filter(type="usage").exists()
    assert UsageKey.objects.get().pk == farm.key.pk
