"""Alice's signing key: kept for her, made in her browser, handed over, lost, and encrypted under another key."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.core.management import CommandError, call_command

from ledger.custody import current_key, own_key
from ledger.models import CreatorKey, CreatorKeyEnd, Entry
from ledger.operations import (
    Hands,
    UnableToChangeKey,
    UnableToCount,
    UnableToSignFor,
    UnableToUseKey,
    elsewhere,
    keep_key,
    prepare_key,
    register_own_key,
    rehearse,
    revoke_creator_key,
    signer_of,
    state,
)
from ledger.presenting import Message
from ledger.signing.jws import decode_base64url
from marketplace.people.models import Creator
from tests.cast import NOON, creator, later
from tests.ledger.keyholders import Browser, findings, makes_own_key, said

DIGEST = "ab" * 32


@pytest.fixture
def alice(db: None) -> Creator:
    return creator("alice")


def release_body(alice: Creator) -> dict[str, str]:
    return {"release": DIGEST, "pack": "alice/yunhai", "version": "1.0.0", "creator": str(alice.pk)}


def states_release(alice: Creator, hands: Hands) -> Entry:
    signer = elsewhere(creator=alice, hands=hands)
    return state(
        type="release", subject=f"release:{DIGEST}", body=release_body(alice), now=later(hours=1), signers=[signer]
    )


def test_a_key_made_in_the_browser_proves_that_it_is_held(alice: Creator) -> None:
    browser = Browser()
    key = makes_own_key(alice, browser)
    assert current_key(alice) == own_key(alice) == key
    assert (key.custody, key.encrypted_private) == ("own", None)
    assert said("key") == [
        {
            "kid": key.kid,
            "alg": "Ed25519",
            "use": "creators",
            "public_jwk": browser.keys[key.kid].public_jwk,
            "holder": str(alice.pk),
            "custody": "own",
        }
    ]
    with pytest.raises(UnableToSignFor, match="the key is the creator's own"):
        signer_of(creator=alice, now=NOON)

    entry = browser.does(lambda hands: states_release(alice, hands))
    (signature,) = json.loads(bytes(entry.body))["signatures"]
    payload = rfc8785.dumps({"body": release_body(alice), "log": settings.LOG_ORIGIN})
    message = b"DSSEv1 38 application/vnd.worldloom.release+json %d %s" % (len(payload), payload)
    assert signature["kid"] == key.kid
    public = Ed25519PublicKey.from_public_bytes(decode_base64url(key.public_jwk["x"]))
    public.verify(decode_base64url(signature["sig"]), message)
    assert findings() == []


def test_a_signature_that_is_missing_wrong_or_of_something_else_registers_nothing(alice: Creator) -> None:
    browser = Browser()
    jwk = browser.make_key()

    def register(hands: Hands) -> CreatorKey:
        return register_own_key(creator=alice, public_jwk=jwk, after="", hands=hands, now=NOON)

    asked = Hands()
    rehearse(lambda: register(asked))
    (message,) = asked.messages
    other = Message(message.kid, message.type, message.payload.replace('"own"', '"custodial"'))
    for presented in ([], [(message, bytes(64))], browser.signed([other])):
        with pytest.raises(UnableToCount):
            register(Hands(presented))
    unusable: list[dict[str, Any]] = [
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {**jwk, "x": jwk["x"][:-1]},
        {**jwk, "x": 7},
        {"kty": "OKP", "crv": "Ed25519"},
    ]
    for wrong in unusable:
        with pytest.raises(UnableToUseKey):
            register_own_key(creator=alice, public_jwk=wrong, after="", hands=Hands(), now=NOON)
    assert not CreatorKey.objects.exists()
    assert not Entry.objects.exists()


def test_from_hand_to_hand_both_keys_sign_each_time(alice: Creator) -> None:
    browser = Browser()
    kept = signer_of(creator=alice, now=NOON).kid
    first = makes_own_key(alice, browser, after=kept, now=later(hours=1)).kid
    second = makes_own_key(alice, browser, after=first, now=later(hours=2)).kid
    prepared = prepare_key()
    again = browser.does(
        lambda hands: keep_key(creator=alice, prepared=prepared, after=second, hands=hands, now=later(hours=3))
    ).kid
    prepared = prepare_key()
    last = keep_key(creator=alice, prepared=prepared, after=again, hands=Hands(), now=later(hours=4)).kid

    assert signer_of(creator=alice, now=later(hours=5)).kid == last
    assert [(row["kid"], row["next"]) for row in said("key-rotation")] == [
        (kept, first),
        (first, second),
        (second, again),
        (again, last),
    ]
    assert [row["until"] - int(NOON.timestamp()) for row in said("key-rotation")] == [3600, 7200, 10800, 14400]
    assert [row["custody"] for row in said("key")] == ["custodial", "own", "own", "custodial", "custodial"]
    assert set(CreatorKeyEnd.objects.values_list("reason", flat=True)) == {"superseded"}
    assert CreatorKey.objects.filter(creator=alice, end=None).count() == 1
    assert findings() == []


def test_a_page_that_shows_a_key_of_yesterday_changes_nothing(alice: Creator) -> None:
    browser, before = Browser(), Entry.objects.count()
    first = makes_own_key(alice, browser)
    with pytest.raises(UnableToChangeKey, match="changed a moment ago"):
        makes_own_key(alice, browser, after="")
    with pytest.raises(UnableToChangeKey, match="changed a moment ago"):
        keep_key(creator=alice, prepared=prepare_key(), after="", hands=Hands(), now=NOON)
    makes_own_key(alice, browser, after=first.kid, now=later(hours=1))
    with pytest.raises(UnableToChangeKey, match="never comes back"):
        register_own_key(creator=alice, public_jwk=first.public_jwk, after="", hands=Hands(), now=NOON)
    with pytest.raises(UnableToChangeKey, match="another key has taken its place"):
        revoke_creator_key(creator=alice, kid=first.kid, reason="retired", hands=None, now=NOON)
    assert Entry.objects.count() == before + 3


def test_the_key_itself_revokes_or_the_logs_key_when_it_is_lost(alice: Creator) -> None:
    browser = Browser()
    first = makes_own_key(alice, browser).kid
    browser.does(
        lambda hands: revoke_creator_key(
            creator=alice, kid=first, reason="compromised", hands=hands, now=later(hours=1)
        )
    )
    assert current_key(alice) is None
    second = makes_own_key(alice, browser, now=later(hours=2)).kid
    browser.keys.clear()
    revoke_creator_key(creator=alice, kid=second, reason="lost", hands=None, now=later(hours=3))
    revoke_creator_key(creator=alice, kid=second, reason="lost", hands=None, now=later(hours=4))
    third = signer_of(creator=alice, now=later(hours=5)).kid
    revoke_creator_key(creator=alice, kid=third, reason="retired", hands=None, now=later(hours=6))

    signers = [
        json.loads(bytes(entry.body))["signatures"][0]["kid"]
        for entry in Entry.objects.filter(type="key-revocation").order_by("id")
    ]
    (log,) = [row["kid"] for row in said("key") if row["use"] == "log"]
    assert signers == [first, log, third]
    assert [(row["kid"], row["reason"]) for row in said("key-revocation")] == [
        (first, "compromised"),
        (second, "lost"),
        (third, "retired"),
    ]
    assert said("key-rotation") == []
    assert findings() == []


def test_nobody_ends_the_key_of_another(alice: Creator) -> None:
    kid, dave = makes_own_key(alice, Browser()).kid, creator("dave")
    with pytest.raises(UnableToChangeKey, match="no key of theirs"):
        revoke_creator_key(creator=dave, kid=kid, reason="lost", hands=None, now=NOON)
    jwk = CreatorKey.objects.get().public_jwk
    with pytest.raises(UnableToChangeKey, match="never comes back"):
        register_own_key(creator=dave, public_jwk=jwk, after="", hands=Hands(), now=NOON)
    with pytest.raises(UnableToSignFor, match="not in the creator's browser"):
        elsewhere(creator=dave, hands=Hands())
    assert not CreatorKeyEnd.objects.exists()
    assert len(said("key")) == 1


def test_two_at_once_make_one(committed: None, at_once: Callable[..., list[Any]]) -> None:
    alice = creator("alice")
    kids = {signer.kid for signer in at_once(*[lambda: signer_of(creator=alice, now=NOON)] * 4)}
    assert len(kids) == 1
    (kid,) = kids

    def keep() -> CreatorKey:
        return keep_key(creator=alice, prepared=prepare_key(), after=kid, hands=Hands(), now=later(hours=1))

    made = at_once(keep, keep, keep)
    assert len({key.kid for key in made}) == 1
    assert CreatorKey.objects.filter(end=None).count() == 1
    assert len(said("key-rotation")) == 1
    assert findings() == []


def test_kept_keys_are_encrypted_anew_under_another_custody_key(alice: Creator, settings: Any, capsys: Any) -> None:
    old, new, foreign = (Fernet.generate_key().decode() for _ in range(3))
    settings.CUSTODY_KEYS = [old]
    kid = signer_of(creator=alice, now=NOON).kid
    makes_own_key(creator("bob"), Browser())

    settings.CUSTODY_KEYS = [new, old]
    call_command("ledger_custody", "rekey")
    assert capsys.readouterr().out == "1 kept keys are encrypted anew under the first custody key.\n"
    call_command("ledger_custody", "rekey")
    assert capsys.readouterr().out == "0 kept keys are encrypted anew under the first custody key.\n"
    settings.CUSTODY_KEYS = [new]
    assert signer_of(creator=alice, now=NOON).kid == kid

    settings.CUSTODY_KEYS = [foreign]
    with pytest.raises(UnableToSignFor, match="restore WORLDLOOM_CUSTODY_KEYS"):
        signer_of(creator=alice, now=NOON)
    with pytest.raises(CommandError, match=f"1 kept keys open under no custody key here.*{kid}"):
        call_command("ledger_custody", "rekey")
    # Nobody can sign with it any more, so the log's key ends it.
    revoke_creator_key(creator=alice, kid=kid, reason="lost", hands=None, now=later(hours=1))
    assert signer_of(creator=alice, now=later(hours=2)).kid != kid
    assert findings() == []


def test_after_a_theft_every_kept_key_hands_over(alice: Creator, capsys: Any) -> None:
    before = signer_of(creator=alice, now=NOON).kid
    own = makes_own_key(creator("bob"), Browser()).kid
    call_command("ledger_custody", "rotate", "--creator", "bob")
    assert capsys.readouterr().out == ""
    call_command("ledger_custody", "rotate")
    after = signer_of(creator=alice, now=NOON).kid
    assert capsys.readouterr().out == f"alice: {before} hands over to {after}\n"
    assert CreatorKey.objects.filter(end=None, kid=own).exists()
    assert findings() == []
