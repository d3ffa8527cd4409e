"""Suspended and revoked licenses, as anybody can read them from the status lists."""

import base64
import gzip
import json
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from ledger.attestations import keyset
from ledger.models import Entry
from ledger.signing.jws import UnableToVerifyJws, verify_compact
from marketplace.licensing import certificates
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, StatusList
from marketplace.licensing.statuslists import LENGTH, encode
from tests.api.studios import Market
from tests.cast import later

TYPES = {("vc+jwt", "vc")}


def listed(purpose: str, number: int = 0, **headers: str) -> Any:
    return Client().get(f"/credentials/status/{purpose}/{number}", headers=headers)


def unpacked(encoded: str) -> int:
    """The bits of a list as one number, the first of them on the left."""
    assert encoded[0] == "u"
    content = gzip.decompress(base64.urlsafe_b64decode(encoded[1:] + "=="))
    assert len(content) == LENGTH // 8
    return int.from_bytes(content, "big")


def bits(grant: Grant) -> tuple[bool, bool]:
    """Whether the lists say revoked, and suspended, as a stranger reads them."""
    found = []
    for status in certificates.verified(grant.certificate, key_of=keyset.find).statuses:
        answer = Client().get(status.address.removeprefix("http://127.0.0.1:8000"))
        claims = verify_compact(answer.content.decode(), key_of=keyset.find, types=TYPES).claims
        assert claims["id"] == status.address
        assert claims["credentialSubject"]["statusPurpose"] == status.purpose
        number = unpacked(claims["credentialSubject"]["encodedList"])
        found.append(bool(number >> (LENGTH - 1 - status.index) & 1))
    revoked, suspended = found
    return revoked, suspended


def test_the_lists_follow_a_license(market: Market, grant: Grant) -> None:
    other = licensing.grant(offer=market.offer(), studio=market.cast.studio, source="order-line:2", now=later(hours=1))
    assert other.status_index == (grant.status_index or 0) + 1
    said = [bits(grant)]
    for status in ("suspended", "active", "suspended", "revoked"):
        licensing.set_status(grant=grant, status=status, reason="disputed", now=later(days=1))
        said.append(bits(grant))
    assert said == [(False, False), (False, True), (False, False), (False, True), (True, False)]
    assert bits(other) == (False, False)


def test_a_list_is_signed_again_only_when_something_changed(grant: Grant) -> None:
    first = listed("revocation")
    assert first.status_code == 200
    assert first.headers["Content-Type"] == "application/vc+jwt"
    assert first.headers["Cache-Control"] == "public, max-age=60"
    assert listed("revocation").content == first.content
    again = listed("revocation", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")

    licensing.set_status(grant=grant, status="revoked", reason="disputed", now=later(days=1))
    changed = listed("revocation", **{"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.content != first.content
    assert StatusList.objects.count() == 2


def test_what_a_list_credential_says(grant: Grant, settings: Any) -> None:
    licensing.set_status(grant=grant, status="revoked", reason="disputed", now=later(days=1))
    row = licensing.ensure_status_list(purpose="revocation", number=0, now=later(days=2))
    claims = verify_compact(row.credential, key_of=keyset.find, types=TYPES).claims
    address = f"{settings.SITE_URL}/credentials/status/revocation/0"
    assert claims == {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": address,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": settings.SITE_URL,
        "validFrom": "2026-11-24T12:00:00Z",
        "credentialSubject": {
            "id": f"{address}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": encode([grant.status_index or 0]),
            "ttl": 300_000,
        },
        "iss": settings.SITE_URL,
        "iat": int(later(days=2).timestamp()),
        "jti": address,
    }
    assert LENGTH == 131_072


def test_a_tampered_list_is_noticed(grant: Grant) -> None:
    header, payload, signature = listed("revocation").content.decode().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["credentialSubject"]["encodedList"] = encode([5])
    forged = base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":"), sort_keys=True).encode())
    with pytest.raises(UnableToVerifyJws, match="its signature is not by the key that it names"):
        verify_compact(f"{header}.{forged.decode().rstrip('=')}.{signature}", key_of=keyset.find, types=TYPES)


def test_there_is_one_list_of_each_purpose_before_any_license_and_no_other(db: None) -> None:
    assert listed("suspension").status_code == 200
    for purpose, number in [("message", 0), ("revocation", 1), ("revocation", 10**30)]:
        assert listed(purpose, number).status_code == 404
    assert StatusList.objects.count() == 1


def test_licenses_of_before_have_no_bit(grant: Grant) -> None:
    """A former grant without an index turns no bit of anybody's, and its status stands in the log alone."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE licensing_grant SET status_index = NULL")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    licensing.set_status(grant=grant, status="revoked", reason="disputed", now=later(days=1))
    row = licensing.ensure_status_list(purpose="revocation", number=0, now=timezone.now())
    claims = verify_compact(row.credential, key_of=keyset.find, types=TYPES).claims
    assert claims["credentialSubject"]["encodedList"] == encode([])
    assert Entry.objects.filter(type="grant-status").count() == 1


def test_the_database_gives_no_bit_twice(market: Market, grant: Grant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('licensing_status_index', %s, false)", [grant.status_index])
    with pytest.raises(IntegrityError, match="status_index"), transaction.atomic():
        licensing.grant(offer=market.offer(), studio=market.cast.studio, source="order-line:2", now=later(hours=1))
    assert Grant.objects.count() == 1


@given(st.sets(st.integers(0, LENGTH - 1), max_size=50))
def test_what_is_encoded_is_read_again(places: set[int]) -> None:
    encoded = encode(places)
    number = unpacked(encoded)
    assert number.bit_count() == len(places)
    assert all(number >> (LENGTH - 1 - place) & 1 for place in places)
    assert encode(sorted(places, reverse=True)) == encoded


def test_an_empty_list_is_the_standards_least() -> None:
    assert LENGTH == 131_072
    assert unpacked(encode([])) == 0
    assert unpacked(encode([0])) == 1 << (LENGTH - 1)
    assert len(encode([])) < 100
