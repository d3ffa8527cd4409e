"""Alice asks for a token on her page, her wallet signs, and the page says how far it is; others see what it means."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from ledger.chain.base import ChainUnavailable
from ledger.chain.suite import checked
from ledger.chain.typed import sign_digest
from ledger.chain_models import ChainCall
from ledger.custody import current_key
from marketplace.catalog import token_queries
from marketplace.catalog.models import Pack, Release, TransferProposal
from marketplace.catalog.token_models import Handover, TokenAsk, TokenSigning
from marketplace.catalog.token_words import token_id
from marketplace.portal.views import tokens as views
from tests.cast import Cast, later
from tests.catalog.staged import cast as cast
from tests.catalog.staged import release as release
from tests.catalog.staged import staged as staged
from tests.catalog.tokens import anchored, asks, has_token, makes, moves, task, wallet_key, wallet_of
from tests.ledger.keyholders import Browser, findings, makes_own_key
from tests.portal.sending import signed_in
from tests.portal.test_signing_keys import page, signs


def where(release: Release, verb: str = "") -> str:
    return f"/portal/releases/{release.digest}/token{verb}"


def test_she_asks_signs_and_sees_it_made(cast: Cast, release: Release) -> None:
    alice = signed_in(cast.alice.person)
    assert f'href="{where(release)}"' in page(alice.get("/portal/packs/alice/yunhai"))
    shown = page(alice.get(where(release)))
    assert "Nobody has made a token of this release. It needs none" in shown
    assert "Sign with your wallet" not in shown

    wallet = wallet_of("alice")
    shown = page(alice.post(where(release, "/ask"), {"wallet": wallet, "percent": "2.5"}, follow=True))
    assert "Asked for. The log says so in a moment" in shown
    ask = TokenAsk.objects.get()
    assert (ask.wallet, ask.bps) == (wallet.lower(), 250)
    assert "It can be made once the log&#x27;s entry is anchored on chain." in shown
    assert "2.5%, to everybody in the release&#x27;s split" in shown

    anchored()
    answer = alice.get(where(release))
    shown = page(answer)
    assert "Sign with your wallet" in shown
    assert json.loads(answer.context["typed"]) == token_queries.typed_of(ask)
    assert answer.context["signer"] == wallet
    signature = sign_digest(token_queries.digest_of(ask), wallet_key("alice")).hex()
    shown = page(alice.post(where(release, "/sign"), {"address": wallet, "signature": "0x" + signature}, follow=True))
    assert "Signed. The chain makes the token now; we pay its fee." in shown
    assert "Worldloom pays the network&#x27;s fee; you pay nothing." in shown
    assert "Sign with your wallet" not in shown
    assert ChainCall.objects.get().key == TokenSigning.objects.get().call

    makes(ask)
    shown = page(alice.get(where(release)))
    assert "This release is a token, made from its entry in the log." in shown
    assert wallet in shown
    assert "State it in the log" not in shown


def test_what_cannot_be_is_said_and_kept_in_the_form(cast: Cast, release: Release) -> None:
    alice = signed_in(cast.alice.person)
    for percent in ("10.01", "-1", "2.555", "five", "", "NaN", "Infinity"):
        answer = alice.post(where(release, "/ask"), {"wallet": wallet_of("alice"), "percent": percent})
        assert answer.status_code == 422
        assert "from 0 to 10 with two decimals at most" in page(answer)
        assert f'value="{percent}"' in page(answer)
    answer = alice.post(where(release, "/ask"), {"wallet": "0x12", "percent": "5"})
    assert (answer.status_code, "no address of a wallet" in page(answer)) == (422, True)
    assert 'value="0x12"' in page(answer)
    answer = alice.post(where(release, "/sign"), {"signature": "0x00"})
    assert (answer.status_code, "Ask for the token first." in page(answer)) == (422, True)
    assert not TokenAsk.objects.exists()

    asks(release, cast.alice)
    anchored()
    answer = alice.post(where(release, "/sign"), {"signature": "0xsigned"})
    assert (answer.status_code, "0x and hexadecimal digits" in page(answer)) == (422, True)
    answer = alice.post(where(release, "/sign"), {"signature": ""})
    assert (answer.status_code, "not of the wallet" in page(answer)) == (422, True)
    assert not TokenSigning.objects.exists()


def test_a_signature_by_another_key_asks_whether_the_wallet_is_a_contract(
    cast: Cast, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, ask = signed_in(cast.alice.person), asks(release, cast.alice)
    anchored()
    signature = sign_digest(token_queries.digest_of(ask), wallet_key("owner of the safe"))

    class Away:
        def code(self, address: str) -> bytes:
            raise ChainUnavailable("connection refused")

    class Safe:
        def code(self, address: str) -> bytes:
            return b"\x60"

        def is_signed_by(self, address: str, digest: bytes, given: bytes) -> bool:
            return (address, digest, given) == (wallet_of("alice"), token_queries.digest_of(ask), signature)

    monkeypatch.setattr(views, "reader", Away)
    answer = alice.post(where(release, "/sign"), {"signature": signature.hex()})
    assert (answer.status_code, "connection refused" in page(answer)) == (422, True)
    assert not TokenSigning.objects.exists()
    monkeypatch.setattr(views, "reader", Safe)
    other = sign_digest(token_queries.digest_of(ask), wallet_key("dave")).hex()
    assert "not of the wallet" in page(alice.post(where(release, "/sign"), {"signature": other}))
    alice.post(where(release, "/sign"), {"signature": signature.hex()})
    assert bytes(TokenSigning.objects.get().signature) == signature


def test_the_page_is_the_owners_alone(cast: Cast, release: Release) -> None:
    bob = signed_in(cast.bob.person)
    assert bob.get(where(release)).status_code == 404
    for verb, given in (("/ask", {"wallet": wallet_of("bob"), "percent": "5"}), ("/sign", {"signature": "0x00"})):
        assert bob.post(where(release, verb), given).status_code == 404
        assert signed_in(cast.dave).post(where(release, verb), given).headers["Location"] == "/portal/"
        assert Client().post(where(release, verb), given).status_code == 302
    assert not TokenAsk.objects.exists()


def test_without_a_chain_the_page_says_so(cast: Cast, release: Release, settings: Any) -> None:
    (settings.DATA_FOLDER / "chain" / "deployment.json").unlink()
    alice = signed_in(cast.alice.person)
    assert "No chain is set up here" in page(alice.get(where(release)))
    assert "token-title" not in page(Client().get("/packs/alice/yunhai"))
    assert Client().get(f"/api/v1/releases/{release.digest}/token").json()["contract"] is None


def test_the_tokens_move_before_the_pack_does(cast: Cast, release: Release) -> None:
    has_token(release, cast.alice)
    alice, bob = signed_in(cast.alice.person), signed_in(cast.bob.person)
    alice.post("/portal/packs/alice/yunhai/transfer", {"new_owner": "bob"})
    address = f"/portal/transfers/{TransferProposal.objects.get().pk}"
    shown = page(bob.get(address))
    assert "It has 1 token on chain: it moves to your wallet first, and the pack is yours with it." in shown
    assert "no address of a wallet" in page(bob.post(f"{address}/accept", {"wallet": "0x1"}, follow=True))
    assert "say which wallet of yours gets them" in page(bob.post(f"{address}/accept", follow=True))
    assert not Handover.objects.exists()
    shown = page(bob.post(f"{address}/accept", {"wallet": wallet_of("bob")}, follow=True))
    assert "Accepted. The pack is yours as soon as its tokens are in your wallet." in shown
    assert "Still with the old wallet" in shown
    assert "Give the tokens away with your wallet" not in shown

    answer = alice.get(address)
    assert "Give the tokens away with your wallet" in page(answer)
    (step,) = json.loads(answer.context["tokens"]["steps"])
    place = token_queries.token_place()
    assert place is not None
    assert step["to"] == place[0].address("AssetToken")
    words = [wallet_of("alice"), wallet_of("bob"), f"{token_id(release):064x}"]
    assert step["data"] == "0x42842e0e" + "".join(one.removeprefix("0x").lower().rjust(64, "0") for one in words)

    moves(release, wallet_of("bob"), before=wallet_of("alice"))
    assert "In the new wallet" in page(alice.get(address))
    task(later(hours=3))
    assert Pack.objects.get().owner == cast.bob
    assert "Handed over" in page(bob.get(address))


def test_he_takes_the_pack_without_its_token(cast: Cast, release: Release) -> None:
    has_token(release, cast.alice)
    alice, bob = signed_in(cast.alice.person), signed_in(cast.bob.person)
    alice.post("/portal/packs/alice/yunhai/transfer", {"new_owner": "bob"})
    address = f"/portal/transfers/{TransferProposal.objects.get().pk}"
    assert "Take the pack without its tokens" in page(bob.get(address))
    shown = page(bob.post(f"{address}/accept", {"without_tokens": "1"}, follow=True))
    assert "alice/yunhai is yours." in shown
    assert Pack.objects.get().owner == cast.bob
    assert "The log says that this pack is yours, but the wallet" in page(bob.get(where(release)))


def test_own_keys_sign_the_transfer_on_the_page_that_asks_for_the_wallet(cast: Cast, release: Release) -> None:
    now = timezone.now() - timedelta(minutes=5)
    has_token(release, cast.alice)
    browsers = {one: Browser() for one in (cast.alice, cast.bob)}
    for one, browser in browsers.items():
        key = current_key(one)
        makes_own_key(one, browser, after=key.kid if key else "", now=now)
    alice, bob = (signed_in(one.person) for one in (cast.alice, cast.bob))
    signs(alice, browsers[cast.alice], "/portal/packs/alice/yunhai/transfer", new_owner="bob")
    address = f"/portal/transfers/{TransferProposal.objects.get().pk}"
    assert "Sign and accept" in page(bob.get(address))
    answer = signs(bob, browsers[cast.bob], f"{address}/accept", wallet=wallet_of("bob"))
    assert answer.json() == {"next": address}
    assert Handover.objects.get().signatures.keys() == {release.digest}
    moves(release, wallet_of("bob"), before=wallet_of("alice"))
    task(timezone.now())
    assert Pack.objects.get().owner == cast.bob
    assert findings() == []


def test_visitors_read_what_the_token_is_and_where_log_and_chain_differ(cast: Cast, release: Release) -> None:
    ask = has_token(release, cast.alice)
    shown = page(Client().get("/packs/alice/yunhai"))
    assert "This release is a token, made from its entry in the log." in shown
    assert checked(ask.wallet) in shown
    told = Client().get(f"/api/v1/releases/{release.digest}/token").json()
    assert (told["step"], told["holder"], told["owner"]) == ("made", checked(ask.wallet), "alice")
    assert (told["token_id"], told["royalty_bps"], told["disagreement"]) == (str(token_id(release)), 500, None)

    moves(release, wallet_of("stranger"), before=wallet_of("alice"))
    shown = page(Client().get("/packs/alice/yunhai"))
    assert "Log and chain do not agree" in shown
    assert "The log counts here: licenses come from Alice" in shown
    assert "Owner and holder differ" in shown
    shown = page(signed_in(cast.alice.person).get(where(release)))
    assert "The log says that this pack is yours, but the wallet" in shown
    assert Client().get(f"/api/v1/releases/{release.digest}/token").json()["disagreement"] == "held-by-another"


def test_a_release_has_a_page_for_people_and_one_for_wallets(cast: Cast, release: Release, settings: Any) -> None:
    has_token(release, cast.alice)
    address = f"/releases/{release.digest}"
    led = Client().get(address, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (led.status_code, led.headers["Location"]) == (302, "/packs/alice/yunhai?version=1.0.0")
    for accept in ("*/*", "application/json", ""):
        told = Client().get(address, headers={"Accept": accept})
        assert (told.status_code, told.headers["Access-Control-Allow-Origin"]) == (200, "*")
        assert "Accept" in told.headers["Vary"].split(", ")
        assert told.json() == Client().get(f"{address}.json").json()
    document = told.json()
    assert document["name"].endswith(" 1.0.0")
    assert document["external_url"] == f"{settings.SITE_URL}/packs/alice/yunhai?version=1.0.0"
    assert document["image"].startswith(f"{settings.SITE_URL}/media/")
    assert document["properties"]["release"] == release.digest
    assert (document["properties"]["owner_by_the_log"], document["properties"]["royalty_bps"]) == ("alice", 500)
    assert Client().get("/releases/" + "0" * 64).status_code == 404
