"""Alice's page “Signing key”: whose hands it is in, made in her browser, kept again, revoked, and signing for her."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

import ledger.operations
from ledger.custody import current_key, own_key
from ledger.models import CreatorKey, CreatorKeyEnd, Entry
from marketplace.catalog.models import Release
from marketplace.intake import operations
from marketplace.intake.models import Submission
from marketplace.licensing.models import Offer, OfferWithdrawal
from tests import packs
from tests.cast import NOON, Cast, on_stage
from tests.intake.stage import examined, hand_in, traces
from tests.ledger.keyholders import Browser, findings, makes_own_key, said
from tests.portal.sending import signed_in

PAGE = "/portal/keys/signing"


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice.person)


def page(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def ask(client: Client, address: str, **body: Any) -> Any:
    return client.post(address, body, content_type="application/json")


def signs(client: Client, browser: Browser, address: str, **given: Any) -> Any:
    """What the page's script does: asks what is to be signed, signs it, and sends it back."""
    asked = ask(client, address, given=given)
    assert asked.status_code == 200, asked.content
    said = asked.json()
    return ask(client, address, token=said["token"], signatures=browser.answer(said["messages"]))


def makes(client: Client, browser: Browser, after: str = "") -> Any:
    return signs(client, browser, f"{PAGE}/make", public_jwk=browser.make_key(), after=after)


def test_the_page_says_whose_hands_it_is_in_since_when_and_where_the_log_says_so(cast: Cast, alice: Client) -> None:
    assert "None yet. The marketplace makes one for you" in page(alice.get(PAGE))
    kid = ledger.operations.signer_of(creator=cast.alice, now=NOON).kid
    shown = page(alice.get(PAGE))
    assert "Kept by the marketplace, encrypted, and used for you" in shown
    assert f'href="/log/lookup/key:{kid}">Being sealed' in shown
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=timezone.now())
    assert ">Leaf 0<" in page(alice.get(PAGE))

    browser = Browser()
    assert makes(alice, browser, after=kid).json() == {"next": PAGE}
    key = own_key(cast.alice)
    assert key is not None
    shown = page(alice.get(PAGE))
    assert "Your own: it was made in your browser, and we have never had it" in shown
    assert f'<find-key class="muted small" data-kid="{key.kid}">' in shown
    assert "replaced by the next key" in shown
    assert kid in shown
    assert [(row["kid"], row["next"]) for row in said("key-rotation")] == [(kid, key.kid)]
    assert findings() == []


def test_nothing_of_the_private_half_is_asked_for_or_kept(cast: Cast, alice: Client) -> None:
    browser = Browser()
    jwk = {**browser.make_key(), "d": "c2VjcmV0", "alg": "Ed25519"}
    signs(alice, browser, f"{PAGE}/make", public_jwk=jwk, after="")
    key = CreatorKey.objects.get()
    assert sorted(key.public_jwk) == ["crv", "kty", "x"]
    assert key.encrypted_private is None
    assert not any(b"c2VjcmV0" in bytes(entry.body) for entry in Entry.objects.all())


def test_what_is_not_signed_or_not_by_her_registers_nothing(cast: Cast, alice: Client) -> None:
    browser, other = Browser(), Browser()
    asked = ask(alice, f"{PAGE}/make", given={"public_jwk": browser.make_key(), "after": ""}).json()
    (message,) = asked["messages"]
    assert (message["kid"], message["type"]) == (*browser.keys, "application/vnd.worldloom.key+json")
    signed = browser.answer([message])
    bob = signed_in(cast.bob.person)
    for client, body, words in (
        (alice, {"token": asked["token"], "signatures": []}, "look at it again and sign anew"),
        (alice, {"token": asked["token"] + "x", "signatures": signed}, "load the page and sign anew"),
        (bob, {"token": asked["token"], "signatures": signed}, "load the page and sign anew"),
        (alice, {"token": asked["token"], "signatures": [{**signed[0], "sig": "A" * 86}]}, "it does not verify"),
        (alice, {"given": {"public_jwk": {"kty": "EC"}, "after": ""}}, "no Ed25519 key"),
        (alice, {"given": {"public_jwk": other.make_key(), "after": "a" * 43}}, "changed a moment ago"),
    ):
        answer = ask(client, f"{PAGE}/make", **body)
        assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.json()
    for broken in ("[", "7", '{"token": "x", "signatures": 7}', '{"token": "x", "signatures": [{"kid": 1}]}'):
        assert alice.post(f"{PAGE}/make", broken, content_type="application/json").status_code == 400
    assert signed_in(cast.dave).post(f"{PAGE}/make").headers["Location"] == "/portal/"  # sells nothing
    assert Client().get(PAGE).headers["Location"].startswith("/sign-in")
    assert not CreatorKey.objects.exists()
    assert not Entry.objects.exists()


def test_the_marketplace_keeps_a_key_again_once_hers_hands_over(cast: Cast, alice: Client, tmp_path: Path) -> None:
    browser = Browser()
    makes(alice, browser)
    (kid,) = browser.keys
    now = timezone.now()
    submission = examined(hand_in(cast.alice, packs.write(tmp_path / "yunhai", handle="yunhai"), now), now)
    answer = alice.post(f"{PAGE}/keep", {"after": kid}, follow=True)
    assert "does not count: what is to be signed has changed" in page(answer)
    assert own_key(cast.alice) is not None

    assert signs(alice, browser, f"{PAGE}/keep", after=kid).json() == {"next": PAGE}
    key = current_key(cast.alice)
    assert key is not None
    assert key.custody == "custodial"
    assert operations.examine_due(now=timezone.now()) == 1  # it waited for a signature that it needs no more
    assert Submission.objects.get(pk=submission.pk).state == "published"
    assert "A new key, kept by the marketplace" in page(alice.post(f"{PAGE}/keep", {"after": key.kid}, follow=True))
    assert len(said("key-rotation")) == 2
    assert findings() == []


def test_she_revokes_it_with_the_key_or_without(cast: Cast, alice: Client) -> None:
    browser = Browser()
    makes(alice, browser)
    (first,) = browser.keys
    assert signs(alice, browser, f"{PAGE}/revoke", kid=first, reason="compromised").json() == {"next": PAGE}
    makes(alice, browser)
    second = own_key(cast.alice)
    assert second is not None
    browser.keys.clear()
    assert "Say why the key ends." in page(alice.post(f"{PAGE}/revoke", {"kid": second.kid}, follow=True))
    bob = signed_in(cast.bob.person)
    answer = bob.post(f"{PAGE}/revoke", {"kid": second.kid, "reason": "lost"}, follow=True)
    assert "it is no key of theirs" in page(answer)
    assert CreatorKeyEnd.objects.count() == 1
    answer = alice.post(f"{PAGE}/revoke", {"kid": second.kid, "reason": "lost"}, follow=True)
    assert "The key is revoked" in page(answer)
    assert "revoked: lost" in page(answer)
    assert [row["reason"] for row in said("key-revocation")] == ["compromised", "lost"]
    assert findings() == []


def test_a_submission_that_waits_says_in_words_what_she_signs(cast: Cast, alice: Client, tmp_path: Path) -> None:
    browser = Browser()
    makes_own_key(cast.alice, browser, now=timezone.now())
    folder = packs.write(tmp_path / "yunhai", handle="yunhai")
    submission = examined(hand_in(cast.alice, folder, timezone.now()), timezone.now())
    address = f"/portal/submissions/{submission.pk}"
    shown = page(alice.get(address))
    assert "Everything has passed: it waits for your signature" in shown
    assert "that you publish version 1.0.0 of alice/yunhai, with these 3 files" in shown
    assert "that you offer it under “Studio” at $100.01" in shown
    said_ = alice.get(address, headers={"Accept": "application/json"}).json()
    assert (said_["state"], said_["sign_at"]) == ("to-sign", address)
    assert "yunhai has passed and waits for your signature." in page(alice.get("/portal/"))
    before = traces()
    assert signed_in(cast.bob.person).post(f"{address}/sign").status_code == 404
    asked = ask(alice, f"{address}/sign", given={}).json()
    answer = ask(alice, f"{address}/sign", token=asked["token"], signatures=[])
    assert (answer.status_code, traces()) == (422, before)

    assert signs(alice, browser, f"{address}/sign").json() == {"next": address}
    release = Release.objects.get()
    assert said("release")[0]["release"] == release.digest
    assert 'href="/packs/alice/yunhai"' in page(alice.get(address))
    assert findings() == []


def test_her_own_key_signs_a_withdrawal(cast: Cast, alice: Client, tmp_path: Path) -> None:
    browser = Browser()
    operations.publish_folder(
        folder=packs.write(tmp_path / "yunhai", handle="yunhai"), creator=cast.alice, now=timezone.now()
    )
    key = current_key(cast.alice)
    assert key is not None
    makes(alice, browser, after=key.kid)
    offer = Offer.objects.get()
    address = f"/portal/offers/{offer.pk}/withdraw"
    assert "Sign and withdraw the offer" in page(alice.get("/portal/packs/yunhai"))
    assert alice.post(address, {"name": "yunhai"}).status_code == 422
    assert ask(alice, address, given={"name": "yunha"}).json() == {"detail": "Type yunhai first."}
    assert not OfferWithdrawal.objects.exists()
    assert said("offer-withdrawal") == []
    answer = signs(alice, browser, address, name="yunhai").json()
    assert answer == {"next": "/portal/packs/alice/yunhai"}
    assert said("offer-withdrawal") == [{"offer": str(offer.pk)}]
    assert findings() == []
