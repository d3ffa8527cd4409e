"""What may be stated: exact bytes, exact fields, and a refusal that names the field."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.rules import ENTRY_LIMIT_BYTES, EntryRefused, encode_entry
from ledger.schemas import ONCE_TYPES, SCHEMAS
from tests.ledger.makers import ALICE as ALICE_SIGNS
from tests.ledger.makers import BOB as BOB_SIGNS
from tests.ledger.makers import GRANT, NOW, OFFER, ORIGIN

ID = UUID("00000000-0000-4000-8000-000000000001")
D = "ab" * 32
ALICE, BOB = "00000000-0000-4000-8000-00000000a11c", "00000000-0000-4000-8000-000000000b0b"
BODIES = {
    "key": {
        "kid": "k" * 43,
        "alg": "ES256",
        "use": "certificates",
        "public_jwk": {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"},
    },
    "key-rotation": {"kid": "k" * 43, "next": "n" * 43, "until": 1_795_312_000},
    "key-revocation": {"kid": "k" * 43, "reason": "compromised"},
    "asset": {"sha256": D, "size_bytes": 7, "media_type": "image/png"},
    "split": {
        "split": D,
        "shares": [
            {"payee": ALICE, "share_ppb": 700_000_000},
            {"payee": BOB.replace("0b0b", "ffff"), "share_ppb": 300_000_000},
        ],
    },
    "release": {"release": D, "pack": "alice/yunhai", "version": "1.0.0", "creator": ALICE},
    "transfer": {"release": D, "owner": ALICE, "new_owner": BOB, "previous": D},
    "takedown": {"release": D, "status": "taken-down", "reason": "claim"},
    "offer": {"offer": str(OFFER), "release": D, "terms": D, "price_commitment": D},
    "offer-price": {"offer": str(OFFER), "price_commitment": D},
    "offer-withdrawal": {"offer": str(OFFER)},
    "grant": {
        "grant": str(GRANT),
        "release": D,
        "offer": str(OFFER),
        "terms": D,
        "licensee_commitment": D,
        "certificate": D,
    },
    "grant-status": {"grant": str(GRANT), "status": "revoked"},
    "claim": {"claim": str(GRANT), "event": "opened", "asset": D, "disputed": D, "evidence": D},
    "royalty-statement": {"period": "2026-11", "currency": "USD", "statements": 2, "root": D},
    "asset-token": {
        "bps": 500,
        "chain_id": 31337,
        "contract": "0x" + "ab" * 20,
        "owner": "0x" + "a1" * 20,
        "release": D,
        "split": D,
    },
    "recipe": {"recipe": D},
    "usage": {"usage": D, "uses": 4},
    "index-root": {"size": 3, "keys": 2, "root": D},
    "policy": {"policy": D, "witnesses": 3},
    "anchor-receipt": {
        "size": 3,
        "root": D,
        "chain_id": 1337,
        "contract": "0x" + "Ab" * 20,
        "transaction": "0x" + D,
        "block_number": 1,
        "block_time": 1_795_312_000,
    },
}


def encode(type, body):
    signers = [ALICE_SIGNS, BOB_SIGNS][: SCHEMAS[type].signatures] if type in SCHEMAS else []
    return encode_entry(type=type, id=ID, stated_at=NOW, body=body, log=ORIGIN, signers=signers)


def test_an_entry_is_these_bytes():
    assert encode("asset", BODIES["asset"]).body == (
        b'{"body":{"media_type":"image/png","sha256":"' + D.encode() + b'","size_bytes":7},'
        b'"format":"worldloom/ledger-entry/2","id":"00000000-0000-4000-8000-000000000001",'
        b'"signatures":[],"stated_at":"2026-11-22T02:05:56Z","type":"asset"}'
    )


def test_every_type_has_an_example_and_a_subject():
    assert BODIES.keys() == SCHEMAS.keys()
    assert {type: encode(type, body).subject for type, body in BODIES.items()} == {
        "key": f"key:{'k' * 43}",
        "key-rotation": f"key:{'k' * 43}",
        "key-revocation": f"key:{'k' * 43}",
        "asset": f"asset:{D}",
        "split": f"split:{D}",
        "release": f"release:{D}",
        "transfer": f"release:{D}",
        "takedown": f"release:{D}",
        "offer": f"offer:{OFFER}",
        "offer-price": f"offer:{OFFER}",
        "offer-withdrawal": f"offer:{OFFER}",
        "grant": f"grant:{GRANT}",
        "grant-status": f"grant:{GRANT}",
        "claim": f"claim:{GRANT}",
        "royalty-statement": "royalties:2026-11:USD",
        "asset-token": f"release:{D}",
        "recipe": f"recipe:{D}",
        "usage": f"usage:{D}",
        "index-root": "index:3",
        "policy": f"policy:{D}",
        "anchor-receipt": "checkpoint:3",
    }
    assert set(ONCE_TYPES) == {
        *("asset", "dsse", "grant", "index-root", "key", "key-revocation", "key-rotation", "offer"),
        *("offer-withdrawal", "policy", "recipe", "release", "royalty-statement", "split"),
    }


@pytest.mark.parametrize("type", SCHEMAS)
def test_every_field_is_needed_and_no_other_is_taken(type):
    body = BODIES[type]
    for name in SCHEMAS[type].fields:
        with pytest.raises(EntryRefused) as missing:
            encode(type, {key: value for key, value in body.items() if key != name})
        assert str(missing.value) == f"{name} is missing"
        with pytest.raises(EntryRefused) as wrong:
            encode(type, body | {name: 1.5})
        assert wrong.value.field == name
    with pytest.raises(EntryRefused) as extra:
        encode(type, body | {"email": "carol@example.com"})
    assert str(extra.value) == "email is not a field of this type"


@pytest.mark.parametrize(
    ("type", "change", "sentence"),
    [
        ("asset", {"sha256": D.upper()}, "sha256 is not a SHA-256 digest in lower-case hex"),
        ("asset", {"size_bytes": -1}, "size_bytes is not an integer from 0 to 9007199254740991"),
        ("asset", {"size_bytes": True}, "size_bytes is not an integer from 0 to 9007199254740991"),
        ("asset", {"size_bytes": 2**53}, "size_bytes is not an integer from 0 to 9007199254740991"),
        ("asset", {"media_type": "image/\npng"}, "media_type holds control characters"),
        ("asset-token", {"bps": 1001}, "bps is not an integer from 0 to 1000"),
        (
            "asset-token",
            {"owner": "0x" + "A1" * 20},
            "owner is not an address, 0x and 40 lower-case hex digits",
        ),
        ("asset", {"media_type": ""}, "media_type is not a text of 1 to 200 characters"),
        ("grant", {"grant": "GRANT"}, "grant is not a UUID in lower case"),
        ("key", {"use": "certificate"}, "use is not one of log, certificates, claims, cosignatures, creators"),
        ("key", {"alg": "Ed25519"}, "public_jwk is not a key for Ed25519"),
        (
            "key",
            {"public_jwk": BODIES["key"]["public_jwk"] | {"d": "secret"}},
            "public_jwk is not the public members of an Ed25519, P-256 or ML-DSA-44 key",
        ),
        ("key", {"public_jwk": {"crv": 1}}, "public_jwk is not a JSON Web Key"),
        ("split", {"payees": 2}, "shares is missing: state shares, or the number of payees when they do not fit"),
        ("split", {"shares": []}, "shares is not a list of shares"),
        ("split", {"shares": [{"payee": ALICE}]}, "shares has a share that is not a payee and a share_ppb"),
        (
            "split",
            {"shares": [{"payee": ALICE, "share_ppb": 0}]},
            "shares has a share that is not an integer from 1 to 1000000000",
        ),
        ("split", {"shares": [{"payee": ALICE, "share_ppb": 1}]}, "shares adds up to 1 instead of 1000000000"),
        (
            "split",
            {"shares": [{"payee": BOB, "share_ppb": 1}, {"payee": BOB, "share_ppb": 999_999_999}]},
            "shares names payees twice or out of order",
        ),
    ],
)  # fmt: skip
def test_a_refusal_names_the_field_and_the_reason(type, change, sentence):
    with pytest.raises(EntryRefused) as refused:
        encode(type, BODIES[type] | change)
    assert str(refused.value) == sentence


def test_types_that_nobody_wrote_down_are_refused():
    with pytest.raises(EntryRefused, match="type 'rumor' is not one of key, key-rotation, key-revocation, asset"):
        encode("rumor", {})


def test_times_are_utc():
    with pytest.raises(EntryRefused, match="stated_at is not in UTC"):
        encode_entry(type="asset", id=ID, stated_at=datetime(2026, 11, 22), body=BODIES["asset"])  # noqa: DTZ001
    east = timezone(timedelta(hours=8))
    with pytest.raises(EntryRefused, match="stated_at is not in UTC"):
        encode_entry(type="asset", id=ID, stated_at=datetime(2026, 11, 22, tzinfo=east), body=BODIES["asset"])
    cut = encode_entry(type="asset", id=ID, stated_at=datetime(2026, 1, 2, 3, 4, 5, 999_999, UTC), body=BODIES["asset"])
    assert json.loads(cut.body)["stated_at"] == "2026-01-02T03:04:05Z"


def shares_of(count: int) -> list[dict[str, object]]:
    payees = sorted(str(UUID(int=i + 1)) for i in range(count))
    first = 1_000_000_000 - (count - 1)
    return [{"payee": payee, "share_ppb": 1 if i else first} for i, payee in enumerate(payees)]


def test_forty_payees_fit_and_more_are_counted():
    assert len(encode("split", {"split": D, "shares": shares_of(40)}).body) < ENTRY_LIMIT_BYTES
    with pytest.raises(EntryRefused, match=r"entry has \d+ bytes, more than the 4096 that fit"):
        encode("split", {"split": D, "shares": shares_of(64)})
    assert json.loads(encode("split", {"split": D, "payees": 64}).body)["body"] == {"split": D, "payees": 64}


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Zs", "Co", "Cn"]), min_size=1, max_size=60)
)
def test_entries_survive_a_round_trip(name):
    encoded = encode("release", BODIES["release"] | {"pack": name}).body
    assert rfc8785.dumps(json.loads(encoded)) == encoded
    assert json.loads(encoded)["body"]["pack"] == name


def test_lone_surrogates_are_not_text():
    with pytest.raises(EntryRefused):
        encode("release", BODIES["release"] | {"pack": "\ud800"})


def test_the_page_of_the_format_names_every_type_and_field():
    page = (Path(__file__).parents[2] / "docs/formats/ledger-entry.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for type, schema in SCHEMAS.items():
        assert f"`{schema.subject.replace('{', '<').replace('}', '>')}`" in rows[type]
        assert ("| yes |" in rows[type]) == schema.once
        for name in (*schema.fields, *schema.optional):
            assert f"`{name}`" in rows[type], f"{name} of {type}"
    example = page.split("## Example")[1].strip()
    assert encode("asset", BODIES["asset"]).body.decode() == example
