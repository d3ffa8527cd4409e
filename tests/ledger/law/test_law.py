"""The law: what is lawful passes, and every violation there is gets planted and is found by its name."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.audit import LOG_RULES
from ledger.index.keys import KEYS
from ledger.law.findings import RULES
from ledger.law.replay import Law
from ledger.law.signatures import verifies
from ledger.law.store import Store, UnableToReadState
from ledger.rules import encode_entry
from ledger.schemas import SCHEMAS
from ledger.signing.files import FileSigner
from ledger.signing.jwk import public_jwk, thumbprint
from tests.ledger import makers
from tests.ledger.law import stories
from tests.ledger.law.stories import (
    ALICE,
    ALICES_NEXT,
    BOB,
    CLOUDS,
    DAVE,
    GRANT,
    LOG,
    OFFER,
    Told,
    anchor_body,
    claim_body,
    grant_body,
    key_body,
    lawful,
    offer_body,
    release_body,
    token_body,
    transfer_body,
    uuid,
)
from tests.ledger.makers import NOW, sha256

UNTIL = int(NOW.timestamp()) + 86_400
ASSET = makers.asset_body(b"another")
OTHER = sha256(b"another release")


def price_body() -> dict[str, object]:
    return {"offer": OFFER, "price_commitment": sha256(b"another price")}


def rotation(**more: object) -> dict[str, object]:
    return {"kid": ALICE.kid, "next": ALICES_NEXT.kid, "until": UNTIL} | more


def test_a_lawful_log_passes() -> None:
    assert lawful().judge() == []


def test_a_whole_life_is_lawful() -> None:
    told = lawful()
    told.say("claim", claim_body("countered"))
    told.say("claim", claim_body("maintained"))
    told.say("claim", claim_body("upheld"))
    told.say("takedown", {"release": CLOUDS, "status": "taken-down", "reason": "claim", "claim": stories.CLAIM})
    told.say("takedown", {"release": CLOUDS, "status": "restored", "reason": "creator"})
    told.say("grant-status", {"grant": GRANT, "status": "suspended"})
    told.say("grant-status", {"grant": GRANT, "status": "active"})
    told.say("grant-status", {"grant": GRANT, "status": "revoked"})
    told.say("asset-token", token_body(told))
    told.say("offer-price", price_body(), ALICE)
    taken = told.say("transfer", transfer_body(told), ALICE, BOB)
    told.say("asset-token", token_body(told, owner="0x" + "b0" * 20))
    told.say("offer-price", price_body(), BOB)
    told.say("offer-withdrawal", {"offer": OFFER}, BOB)
    told.say("release", release_body(release=OTHER, version="1.1.0", creator=uuid("bob")), BOB)
    told.say("key-rotation", rotation(), ALICE, ALICES_NEXT)
    told.say("key-revocation", {"kid": ALICE.kid, "reason": "superseded"}, LOG)
    back = transfer_body(told, owner=uuid("bob"), new_owner=uuid("alice"), previous=sha256(taken))
    told.say("transfer", back, BOB, ALICES_NEXT)
    told.say("offer", offer_body(offer=uuid("second")), ALICES_NEXT)
    told.say("policy", {"policy": sha256(b"policy"), "witnesses": 2})
    told.say(
        "royalty-statement", {"period": "2026-11", "currency": "EUR", "statements": 2, "root": sha256(b"statements")}
    )
    told.index_root()
    told.say("anchor-receipt", anchor_body(told, told.size))
    assert told.judge() == []


def test_entries_of_the_first_version_need_no_signatures_and_stand_before_the_others() -> None:
    told = Told()
    for type, body in (("asset", ASSET), ("release", release_body()), ("offer", offer_body()), ("grant", grant_body())):
        told.plant({"format": "worldloom/ledger-entry/1", "signatures": None}, type, body)
    told.say("key", key_body(BOB), BOB)
    assert told.judge() == []
    told.say("offer-withdrawal", {"offer": OFFER}, BOB)
    assert [finding.rule for finding in told.judge()] == ["not-signed-by-owner"]


def test_a_license_is_passed_on_whatever_became_of_its_offer_and_once() -> None:
    told = lawful()
    told.say("takedown", {"release": CLOUDS, "status": "taken-down", "reason": "law"})
    told.say("offer-withdrawal", {"offer": OFFER}, ALICE)
    told.say("grant", grant_body(grant=uuid("passed on"), replaces=GRANT))
    told.say("grant-status", {"grant": GRANT, "status": "superseded"})
    assert told.judge() == []
    told.say("grant", grant_body(grant=uuid("again"), replaces=GRANT))
    told.say("grant-status", {"grant": GRANT, "status": "active"})
    told.say("grant", grant_body(grant=uuid("from nowhere"), replaces=uuid("no grant")))
    found = [finding.rule for finding in told.judge()]
    assert found == ["grant-of-withdrawn-offer", "status-after-revocation", "unknown-grant"]


def plant_both_revocation_and_offer(told: Told) -> None:
    told.say("key-revocation", {"kid": ALICE.kid, "reason": "compromised"}, ALICE)
    told.say("offer", offer_body(offer=uuid("second")), ALICE)


def plant_ended(told: Told) -> None:
    told.say("key-rotation", rotation(), ALICE, ALICES_NEXT)
    told.say("offer", offer_body(offer=uuid("second")), ALICE, at=NOW + timedelta(days=1, seconds=1))


def plant_withdrawn(told: Told) -> None:
    told.say("offer-withdrawal", {"offer": OFFER}, ALICE)
    told.say("grant", grant_body(grant=uuid("late")))


def plant_late_price(told: Told) -> None:
    told.say("offer-withdrawal", {"offer": OFFER}, ALICE)
    told.say("offer-price", price_body(), ALICE)


def plant_old_order(told: Told) -> None:
    old = int((told.now - timedelta(days=31)).timestamp())
    told.say("grant", grant_body(grant=uuid("late"), ordered_at=old))


def plant_taken_down(told: Told) -> None:
    told.say("takedown", {"release": CLOUDS, "status": "taken-down", "reason": "law"})
    told.say("grant", grant_body(grant=uuid("late")))


def plant_token_taken_down(told: Told) -> None:
    told.say("takedown", {"release": CLOUDS, "status": "taken-down", "reason": "law"})
    told.say("asset-token", token_body(told))


def plant_revoked(told: Told) -> None:
    told.say("grant-status", {"grant": GRANT, "status": "revoked"})
    told.say("grant-status", {"grant": GRANT, "status": "active"})


def plant_replayed_transfer(told: Told) -> None:
    first = told.say("transfer", transfer_body(told), ALICE, BOB)
    back = transfer_body(told, owner=uuid("bob"), new_owner=uuid("alice"), previous=sha256(first))
    told.say("transfer", back, BOB, ALICE)
    told.say("transfer", transfer_body(told), ALICE, BOB)


def plant_raw(entry: bytes) -> Callable[[Told], object]:
    return lambda told: told.entries.append(entry)


def plant_wrong_signature(told: Told) -> None:
    signed_elsewhere = encode_entry(
        type="offer",
        id=UUID(uuid("elsewhere")),
        stated_at=told.now,
        body=offer_body(offer=uuid("second")),
        log="another.example/log",
        signers=[ALICE],
    )
    told.entries.append(signed_elsewhere.body)


PLANTED: dict[str, Callable[[Told], object]] = {
    "entry-too-long": plant_raw(b'{"a":"' + b"a" * 4096 + b'"}'),
    "not-canonical": plant_raw(b'{"b":1, "a":2}'),
    "unknown-format": lambda told: told.plant({"format": "worldloom/ledger-entry/3"}, "asset", ASSET),
    "format-went-back": lambda told: told.plant(
        {"format": "worldloom/ledger-entry/1", "signatures": None}, "asset", ASSET
    ),
    "malformed-entry": lambda told: told.plant({"note": "a"}, "asset", ASSET),
    "unknown-type": lambda told: told.plant({"type": "rumor"}, "asset", ASSET),
    "bad-field": lambda told: told.plant({}, "asset", ASSET | {"size_bytes": -1}),
    "split-misnamed": lambda told: told.say(
        "split", {"split": OTHER, "shares": [{"payee": uuid("bob"), "share_ppb": 1_000_000_000}]}
    ),
    "repeated-id": lambda told: told.plant({"id": uuid("entry 0")}, "asset", ASSET),
    "said-twice": lambda told: told.asset("wanderer"),
    "stated-in-the-past": lambda told: told.say("asset", ASSET, at=NOW - timedelta(days=1, seconds=1)),
    "stated-in-the-future": lambda told: told.say("asset", ASSET, at=stories.AFTER + timedelta(days=1, seconds=1)),
    "signature-malformed": lambda told: told.plant(
        {"signatures": [{"kid": ALICE.kid, "sig": "AA=="}]}, "offer", offer_body(offer=uuid("second"))
    ),
    "signature-key-unknown": lambda told: told.say("offer", offer_body(offer=uuid("second")), DAVE),
    "signature-key-revoked": plant_both_revocation_and_offer,
    "signature-key-ended": plant_ended,
    "signature-invalid": plant_wrong_signature,
    "key-misnamed": lambda told: told.say("key", key_body(DAVE, kid="A" * 43), ALICE),
    "not-self-signed": lambda told: told.say("key", key_body(DAVE), LOG),
    "rotation-of-unknown-key": lambda told: told.say("key-rotation", rotation(next=DAVE.kid), ALICE, ALICES_NEXT),
    "rotation-mismatch": lambda told: told.say("key-rotation", rotation(next=BOB.kid), ALICE, BOB),
    "revocation-of-unknown-key": lambda told: told.say("key-revocation", {"kid": DAVE.kid, "reason": "lost"}, LOG),
    "not-signed-by-key": lambda told: told.say("key-revocation", {"kid": ALICE.kid, "reason": "lost"}, BOB),
    "not-signed-by-creator": lambda told: told.say("release", release_body(release=OTHER), BOB),
    "pack-of-another": lambda told: told.say("release", release_body(release=OTHER, creator=uuid("bob")), BOB),
    "unknown-release": lambda told: told.say("offer", offer_body(offer=uuid("second"), release=OTHER), ALICE),
    "not-signed-by-owner": lambda told: told.say("offer", offer_body(offer=uuid("second")), BOB),
    "transfer-by-another": lambda told: told.say(
        "transfer", transfer_body(told, owner=uuid("bob"), new_owner=uuid("alice")), BOB, ALICE
    ),
    "transfer-replayed": plant_replayed_transfer,
    "not-signed-by-both": lambda told: told.say("transfer", transfer_body(told), ALICE, ALICES_NEXT),
    "token-of-unknown-split": lambda told: told.say("asset-token", token_body(told, split=OTHER)),
    "token-while-taken-down": plant_token_taken_down,
    "token-signed": lambda told: told.say("asset-token", token_body(told), ALICE),
    "unknown-offer": lambda told: told.say("grant", grant_body(grant=uuid("free"), offer=uuid("no offer"))),
    "grant-of-withdrawn-offer": plant_withdrawn,
    "price-of-withdrawn-offer": plant_late_price,
    "grant-of-no-order": plant_old_order,
    "grant-mismatch": lambda told: told.say("grant", grant_body(grant=uuid("free"), terms=OTHER)),
    "grant-while-taken-down": plant_taken_down,
    "unknown-grant": lambda told: told.say("grant-status", {"grant": uuid("no grant"), "status": "revoked"}),
    "status-after-revocation": plant_revoked,
    "claim-out-of-order": lambda told: told.say("claim", claim_body("maintained")),
    "claim-changed": lambda told: told.say("claim", claim_body("upheld", disputed=OTHER)),
    "claim-of-unknown-asset": lambda told: told.say("claim", claim_body("opened", claim=uuid("c"), asset=OTHER)),
    "takedown-out-of-order": lambda told: told.say(
        "takedown", {"release": CLOUDS, "status": "restored", "reason": "rules"}
    ),
    "unknown-claim": lambda told: told.say(
        "takedown", {"release": CLOUDS, "status": "taken-down", "reason": "claim", "claim": uuid("no claim")}
    ),
    "anchor-of-another-tree": lambda told: told.say("anchor-receipt", anchor_body(told, 5, root=OTHER)),
    "index-out-of-order": lambda told: told.index_root(3),
    "index-mismatch": lambda told: told.index_root(root=OTHER),
}


@pytest.mark.parametrize("rule", list(RULES))
def test_every_violation_is_found_by_its_name_and_only_it(rule: str) -> None:
    told = lawful()
    PLANTED[rule](told)
    assert [(finding.rule, finding.index) for finding in told.judge()] == [(rule, told.size - 1)]


def test_an_entry_that_breaks_a_rule_counts_for_nothing() -> None:
    told = lawful()
    told.say("transfer", transfer_body(told), ALICE, ALICES_NEXT)
    told.say("offer", offer_body(offer=uuid("second")), ALICE)
    assert [finding.rule for finding in told.judge()] == ["not-signed-by-both"]


def test_the_one_of_two_times_that_later_entries_contradict_is_wrong() -> None:
    told = lawful()
    told.say("asset", ASSET, at=NOW + timedelta(days=3))
    told.asset("after it")
    told.asset("and after that")
    assert [(finding.rule, finding.index) for finding in told.judge()] == [("stated-in-the-future", 12)]


def test_a_key_too_large_to_sign_its_own_entry_is_vouched_for_by_the_logs() -> None:
    jwk = public_jwk(MLDSA44PrivateKey.generate().public_key())
    body = {"kid": thumbprint(jwk), "alg": "ML-DSA-44", "use": "cosignatures", "public_jwk": jwk}
    told = lawful()
    told.say("key", body, LOG)
    assert told.judge() == []
    told = lawful()
    told.say("key", body, BOB)
    assert [finding.rule for finding in told.judge()] == ["not-self-signed"]


def test_signatures_of_every_algorithm_verify_and_bent_ones_do_not() -> None:
    for signer in (BOB, FileSigner("ES256", makers.CERTIFICATE_KEY)):
        signature = signer.sign(b"said")
        assert verifies(signer.public_jwk, signature, b"said")
        for bent in (signature[:-1], signature + b"a", bytes(64), bytes([signature[0] ^ 1]) + signature[1:]):
            assert not verifies(signer.public_jwk, bent, b"said")
        assert not verifies(signer.public_jwk, signature, b"sad")
    key = MLDSA44PrivateKey.generate()
    assert verifies(public_jwk(key.public_key()), key.sign(b"said"), b"said")
    assert not verifies(public_jwk(key.public_key()), key.sign(b"sad"), b"said")
    assert not verifies({"crv": "P-256", "kty": "EC", "x": "AA", "y": "AA"}, bytes(64), b"said")
    assert not verifies({"crv": "Ed25519", "kty": "OKP", "x": "A"}, bytes(64), b"said")


def test_a_replay_of_an_entry_and_a_reordered_log_are_found() -> None:
    told = lawful()
    told.entries.append(told.entries[7])
    assert [finding.rule for finding in told.judge()] == ["repeated-id"]
    told.entries = [told.entries[index] for index in (0, 1, 2, 3, 4, 5, 7, 6, 8, 9)]
    assert [(finding.rule, finding.index) for finding in told.judge()] == [("unknown-release", 6), ("unknown-offer", 8)]


def test_the_store_goes_on_where_it_ended_and_knows_its_own_files(tmp_path: Path) -> None:
    told, path = lawful(), tmp_path / "state"
    PLANTED["grant-mismatch"](told)
    store = Store(path)
    law = Law(store, origin=makers.ORIGIN, root_at=told.root_at, now=stories.AFTER)
    for entry in told.entries[:8]:
        law.take(entry)
    law.save()
    store.commit()
    law.take(told.entries[8])
    store.close()  # killed: what was not committed is replayed
    store = Store(path)
    assert [finding.rule for finding in told.judge(store=store)] == ["grant-mismatch"]
    with pytest.raises(UnableToReadState):
        Store(path)
    store.close()
    (tmp_path / "notes").write_text("shopping")
    with pytest.raises(UnableToReadState):
        Store(tmp_path / "notes")


PAGES = Path(__file__).parents[3] / "docs/formats"


def test_the_public_page_names_every_rule() -> None:
    page = (PAGES / "law.md").read_text()
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == {*RULES, *LOG_RULES}


def test_the_public_page_of_entries_names_every_type_and_field() -> None:
    page = (PAGES / "ledger-entry.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (`[a-z]+:.*)$", page, re.MULTILINE))
    assert rows.keys() == SCHEMAS.keys()
    for name, schema in SCHEMAS.items():
        subject, once, _signers, *fields = rows[name].split(" | ")
        assert subject == "`" + re.sub(r"{(\w+)}", r"<\1>", schema.subject) + "`"
        assert once == ("yes" if schema.once else "no")
        assert {*schema.fields, *schema.optional} <= set(re.findall(r"`(\w+)`", fields[-1]))


def test_the_public_page_of_the_index_names_every_key() -> None:
    page = (PAGES / "index.md").read_text()
    for name, keys in KEYS.items():
        row = re.findall(rf"^\| `{name}` \| (.*) \|$", page, re.MULTILINE)[0]
        assert all(kind in row and field in row for kind, field in keys)


def test_what_was_ordered_before_the_offer_or_the_release_went_is_granted_after_it():
    told = lawful()
    ordered = int(told.now.timestamp())
    told.say("takedown", {"release": CLOUDS, "status": "taken-down", "reason": "law"})
    told.say("offer-withdrawal", {"offer": OFFER}, ALICE)
    told.say("grant", grant_body(grant=uuid("late"), ordered_at=ordered))
    assert told.judge() == []
    told.say("grant", grant_body(grant=uuid("later still"), ordered_at=int(told.now.timestamp())))
    assert [finding.rule for finding in told.judge()] == ["grant-of-withdrawn-offer"]
