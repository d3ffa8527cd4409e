"""Envelopes, batches and keys as they are not: each is refused where it breaks."""

import base64
import hashlib
import json
from typing import Any
from uuid import UUID

import pytest
from django.utils import translation

from ledger.models import Entry
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.usage import accepting, queries
from marketplace.compositions.usage.refusals import UnableToKeepKey, UnreadableUsage
from marketplace.compositions.uses import UsageBatch, UsageEvent, UsageKey
from marketplace.people import operations as people
from tests.api.studios import Market
from tests.cast import NOON, later, person
from tests.compositions.usage.rendering import Farm


def nothing_written() -> None:
    assert UsageBatch.objects.count() == UsageEvent.objects.count() == 0
    assert not Entry.objects.filter(type="usage").exists()


EVENT = {"nonce": str(UUID(int=1)), "recipe": "0" * 64, "at": 1, "counts": {}, "outputs": []}
ODD_PAYLOADS: list[tuple[bytes, str, str]] = [
    (b"", "", "cannot be read as JSON"),
    (b"[]", "", "must be an object with format “worldloom/usage/1”"),
    (b"[" * 100_000, "", "cannot be read as JSON"),
    (b"[" * 1010 + b"]" * 1010, "", "cannot be read as JSON"),
    (b'{"format":"worldloom/usage/1","studio":"","events":[],"events":[]}', "", "the name “events” stands twice"),
    (b'{"format":"worldloom/usage/1","studio":"\\ud800","events":[]}', "", "cannot be read as JSON"),
    (b'{"format":"worldloom/usage/1","studio":"\xff","events":[]}', "", "cannot be read as JSON"),
    (b'{"format":"worldloom/usage/1","studio":NaN,"events":[]}', "", "cannot be read as JSON"),
    (b'{"format":"worldloom/usage/1","studio":1.0,"events":[]}', "", "1.0 is no whole number"),
    (b'{"format":"worldloom/usage/1","studio":1e400,"events":[]}', "", "cannot be read as JSON"),
    (b'{"format":"worldloom/usage/1","studio":' + b"9" * 20 + b',"events":[]}', "", "is no whole number"),
    (b'\xef\xbb\xbf{"format":"worldloom/usage/1","studio":"","events":[]}', "", "cannot be read as JSON"),
    (b'{"format":"worldloom/usage/2","studio":"","events":[]}', "", "worldloom/usage/1"),
    (b'{"format":"worldloom/usage/1","studio":{},"events":[]}', "/studio", "your studio's id"),
    (b'{"format":"worldloom/usage/1","studio":"","events":[]}', "/events", "1 to 1000 uses"),
    (b'{"format":"worldloom/usage/1","studio":"","events":{}}', "/events", "1 to 1000 uses"),
]
ODD_EVENTS: list[tuple[Any, str]] = [
    (None, ""),
    ({}, ""),
    (EVENT | {"who": "me"}, ""),
    (EVENT | {"nonce": 7}, "/nonce"),
    (EVENT | {"nonce": "0" * 32}, "/nonce"),
    (EVENT | {"nonce": "A0000000-0000-0000-0000-000000000001"}, "/nonce"),
    (EVENT | {"recipe": "G" * 64}, "/recipe"),
    (EVENT | {"recipe": "0" * 64 + "\n"}, "/recipe"),
    (EVENT | {"at": True}, "/at"),
    (EVENT | {"at": "1"}, "/at"),
    (EVENT | {"at": -1}, "/at"),
    (EVENT | {"at": 10**16}, "/at"),
    (EVENT | {"counts": []}, "/counts"),
    (EVENT | {"counts": {"image": 0}}, "/counts"),
    (EVENT | {"counts": {"image": -1}}, "/counts"),
    (EVENT | {"counts": {"image": True}}, "/counts"),
    (EVENT | {"counts": {"image": None}}, "/counts"),
    (EVENT | {"counts": {"": 1}}, "/counts"),
    (EVENT | {"counts": {"\x00": 1}}, "/counts"),
    (EVENT | {"counts": {"x" * 41: 1}}, "/counts"),
    (EVENT | {"counts": {f"unit{place}": 1 for place in range(17)}}, "/counts"),
    (EVENT | {"outputs": {}}, "/outputs"),
    (EVENT | {"outputs": ["A" * 64]}, "/outputs"),
    (EVENT | {"outputs": [1]}, "/outputs"),
    (EVENT | {"outputs": ["0" * 64] * 65}, "/outputs"),
]
ODD_ENVELOPES: list[tuple[Any, str]] = [
    ([], ""),
    ({}, ""),
    ({"more": 1}, ""),
    ({"payloadType": "application/json"}, "/payloadType"),
    ({"payload": 1}, "/payload"),
    ({"payload": "e30"}, "/payload"),
    ({"payload": "e3 0="}, "/payload"),
    ({"payload": "e31="}, "/payload"),
    ({"payload": "é"}, "/payload"),
    ({"payload": "+-=="}, "/payload"),
    ({"signatures": [{"sig": ""}]}, "/signatures/0"),
    ({"signatures": [{"keyid": 1, "sig": ""}]}, "/signatures/0"),
    ({"signatures": [{"keyid": "", "sig": "AA=A"}]}, "/signatures/0/sig"),
]


def test_what_is_no_batch_is_refused_where_it_breaks(farm: Farm, lock: RecipeLock) -> None:
    def refused(envelope: bytes, where: str, words: str = "") -> None:
        with pytest.raises(UnreadableUsage) as told:
            accepting.accept(studio=farm.studio, envelope=envelope, now=later(hours=3))
        assert (told.value.where, words in str(told.value)) == (where, True), str(told.value)

    for payload, where, words in ODD_PAYLOADS:
        refused(farm.sign(payload), where, words)
        refused(payload or b"{", "")
    good = farm.event(lock)
    for event, where in ODD_EVENTS:
        refused(farm.said(good, event), "/events/1" + where, "events[1]")
    for change, where in ODD_ENVELOPES:
        base = json.loads(farm.said(good))
        whole = change if isinstance(change, list) else base | change if change else {}
        refused(json.dumps(whole).encode(), where)
    refused(farm.said(*[good] * 1001), "/events", "1 to 1000 uses")
    refused(farm.sign(farm.batch([good]) + b" " * 6 * 1024 * 1024), "/payload", "more than 6291456 bytes")
    refused(b" " * (9 * 1024 * 1024 + 1), "", "more than 9437184 bytes")
    nothing_written()
    with translation.override("zh-hans"), pytest.raises(UnreadableUsage) as told:
        accepting.accept(studio=farm.studio, envelope=b"{", now=later(hours=3))
    assert str(told.value)


def test_a_thousand_uses_with_all_that_each_may_say_fit(farm: Farm, lock: RecipeLock) -> None:
    outputs = [hashlib.sha256(bytes([place])).hexdigest() for place in range(64)]
    events = [farm.event(lock, counts={"image": 10**9}, outputs=outputs) for _place in range(1000)]

    told = farm.send(*events)

    assert (told.events, told.counted) == (1000, 1000)
    assert queries.outputs_of(UsageEvent.objects.first()) == outputs  # type: ignore[arg-type]


def test_keys_are_read_as_jwk_or_pem_and_stand_for_one_studio(market: Market, farm: Farm) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    def add(public_key: Any, name: str = "rack", by: Any = None) -> UsageKey:
        return accepting.add_usage_key(
            studio=farm.studio, person=by or market.cast.carol, public_key=public_key, name=name, now=NOON
        )

    def b64(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    private = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(private.public_key().public_bytes_raw())}
    made = add(json.dumps(jwk))
    assert queries.jwk_of(made) == jwk
    assert made.kid == b64(hashlib.sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()).digest())
    prime = 2**255 - 19
    unsound = [0, 1, 2, prime - 1, prime, prime + 1, 2**255 - 1]  # small order, no point, and not in their one spelling
    torsion = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    mixed = bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for wrong, words in [
        (jwk, "registered already"),
        ({**jwk, "d": jwk["x"]}, "This is the private key"),
        (secret, "This is the private key"),
        ({**jwk, "crv": "X25519"}, "no Ed25519 key"),
        ({**jwk, "x": jwk["x"] + "="}, "not 32 bytes"),
        ({**jwk, "x": 7}, "no Ed25519 key"),
        ({**jwk, "x": b64(b"short")}, "not 32 bytes"),
        ("{", "no JSON"),
        ("hello", "neither the PEM"),
        *[({**jwk, "x": b64(number.to_bytes(32, "little"))}, "could sign safely") for number in unsound],
        ({**jwk, "x": b64(torsion)}, "could sign safely"),
        ({**jwk, "x": b64(mixed)}, "could sign safely"),
    ]:
        with pytest.raises(UnableToKeepKey, match=words):
            add(wrong)
    people.give_seat(studio=farm.studio, by=market.cast.carol, email=person("erin").email, role="member", now=NOON)
    another = {**jwk, "x": b64(Ed25519PrivateKey.from_private_bytes(b"\x09" * 32).public_key().public_bytes_raw())}
    for by in (market.cast.dave, queries.UsageKey.objects.get(pk=made.pk).studio.seats.get(role="member").person):
        with pytest.raises(UnableToKeepKey, match="Only owners and buyers"):
            add(another, by=by)
    for name in ("", " ", "a\nb", "x" * 81):
        with pytest.raises(UnableToKeepKey, match="1 to 80 characters"):
            add(another, name=name)
    assert {key.kid for key in queries.usage_keys(farm.studio)} == {made.kid, farm.key.kid}
    assert queries.usage_key(market.cast.daves_studio, made.pk) is None
