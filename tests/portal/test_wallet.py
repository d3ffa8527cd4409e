"""Alice proves a wallet on a page, sees when it counts and what the vault has for her; Dave proves nothing of hers."""

import html
import json
import re
import secrets
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from ledger.chain import typed
from ledger.chain.transaction import address_of
from ledger.chain_models import ChainCall
from marketplace.payouts.models import Split
from marketplace.payouts.operations import ensure_split
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.wallet_models import WalletProof
from tests.cast import NOON, Cast, on_stage
from tests.payouts.wallets.conftest import Chain
from tests.payouts.wallets.conftest import anvil as anvil
from tests.payouts.wallets.conftest import chain as chain
from tests.payouts.wallets.conftest import contracts as contracts
from tests.payouts.wallets.conftest import embedded as embedded
from tests.payouts.wallets.test_vault import paid

PAGE = "/portal/wallet"
KEY, OTHER = (secrets.token_bytes(32) for _ in range(2))
WALLET, NEXT = address_of(KEY), address_of(OTHER)


@pytest.fixture
def place(embedded: Any) -> Any:
    """One chain is enough for pages: what they say of anvil is the same."""
    return embedded


@pytest.fixture
def cast(chain: Chain) -> Cast:
    return on_stage()


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.alice.person)
    return client


@pytest.fixture
def alices(cast: Cast) -> Split:
    return ensure_split(own={cast.alice: 700_000_000, cast.bob: WHOLE_PPB - 700_000_000}, parents=[], now=NOON)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def document_of(page: str) -> dict[str, Any]:
    """What the page has the wallet sign."""
    found = re.search(r'data-typed="([^"]+)"', page)
    assert found
    return dict(json.loads(html.unescape(found.group(1))))


def signed(document: dict[str, Any], key: bytes) -> str:
    """What a wallet does with it: its own address where the page left room, then a signature over its digest."""
    said = document["message"]
    message = {"Bind": typed.BIND, "Move": typed.MOVE}[document["primaryType"]]
    if said.get("wallet") == "$address":
        said["wallet"] = address_of(key)
    values = {
        name: bytes.fromhex(said[name][2:])
        if kind == "bytes16"
        else int(said[name])
        if kind == "uint256"
        else said[name]
        for name, kind in message.fields
    }
    domain = document["domain"]
    digest = typed.typed_digest(message, values, chain_id=domain["chainId"], contract=domain["verifyingContract"])
    return "0x" + typed.sign_digest(digest, key).hex()


def prove(client: Client, key: bytes, **changed: str) -> Any:
    page = client.get(PAGE).content.decode()
    document = document_of(page)
    given = {
        "address": address_of(key),
        "signature": signed(document, key),
        "deadline": document["message"]["deadline"],
    }
    return client.post(f"{PAGE}/bind", given | changed)


def test_alice_proves_a_wallet_and_sees_from_when_it_counts(chain: Chain, cast: Cast, alice: Client) -> None:
    before = text_of(alice.get(PAGE))
    assert "You need none to earn or to be paid." in before
    assert "To withdraw 0.00 tUSD" in before

    response = prove(alice, KEY)

    assert (response.status_code, response["Location"]) == (302, PAGE)
    proof = WalletProof.objects.get()
    assert (proof.creator, proof.address) == (cast.alice, WALLET)
    waiting = text_of(alice.get(PAGE))
    assert "Your proof is on its way to the chain; we pay the fee." in waiting
    assert "Prove a wallet " not in waiting
    chain.turn()
    soon = text_of(alice.get(PAGE))
    assert "Counts soon" in soon
    assert "Until then it can be stopped, should somebody have stolen our key." in soon


def test_a_signature_of_somebody_else_is_a_sentence_and_nothing_more(cast: Cast, alice: Client) -> None:
    response = prove(alice, OTHER, address=WALLET)

    assert response.status_code == 422
    assert "cannot be bound: the signature is not this wallet's, or is over something else." in text_of(response)
    for changed in (
        {"signature": ""},
        {"signature": "ink"},
        {"deadline": "ink"},
        {"address": "ink"},
        {"deadline": "1"},
    ):
        assert prove(alice, KEY, **changed).status_code == 422
    assert not WalletProof.objects.exists()
    assert not ChainCall.objects.exists()


def test_who_does_not_sell_has_no_wallet_here(cast: Cast) -> None:
    client = Client()
    assert client.get(PAGE)["Location"].startswith("/sign-in")
    client.force_login(cast.dave)
    assert client.get(PAGE).status_code == 302
    assert client.post(f"{PAGE}/bind", {"address": WALLET}).status_code == 302
    assert not WalletProof.objects.exists()


def test_both_wallets_sign_a_move(chain: Chain, cast: Cast, alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    chain.bind(cast.alice, KEY)
    monkeypatch.setattr(timezone, "now", lambda: chain.now)
    page = text_of(alice.get(PAGE))
    assert "What you earn on chain is yours to take with this wallet, and with no other." in page
    assert alice.get(f"{PAGE}/move", {"to": "ink"}).status_code == 422

    first = alice.get(f"{PAGE}/move", {"to": NEXT.lower()}).content.decode()
    document = document_of(first)
    deadline = document["message"]["deadline"]
    given = {"to": NEXT, "deadline": deadline, "address": WALLET, "old_signature": signed(document, KEY)}
    second = alice.post(f"{PAGE}/move", given).content.decode()
    assert document_of(second) == document
    wrong = alice.post(f"{PAGE}/move", given | {"new_signature": given["old_signature"]})
    assert (wrong.status_code, WalletProof.objects.count()) == (422, 1)
    done = alice.post(f"{PAGE}/move", given | {"new_signature": signed(document, OTHER)})

    assert (done.status_code, done["Location"]) == (302, PAGE)
    assert WalletProof.objects.latest("id").address == NEXT
    chain.turn()
    assert chain.reader.view("Payees", "walletOf", cast.alice.pk.bytes) == NEXT


def test_the_vaults_amounts_are_hers_to_divide_and_to_take(
    chain: Chain, cast: Cast, alice: Client, alices: Split
) -> None:
    paid(chain, alices, 10_000_000)
    chain.bind(cast.alice, KEY)

    page = text_of(alice.get(PAGE))
    assert "10.00 tUSD, of which 7.00 tUSD is yours" in page
    assert "Divide the pot" in page
    token = chain.suite.tokens["USD"].address
    payees, ppb = [cast.alice.pk.bytes, cast.bob.pk.bytes], [700_000_000, 300_000_000]
    pairs = sorted(zip(payees, ppb, strict=True))
    chain.contracts.send("SplitVault", "distribute", *map(list, zip(*pairs, strict=True)), token)
    assert "Divide the pot" in text_of(alice.get(PAGE))  # as it was some seconds ago
    after = text_of(alice.get(f"{PAGE}?sent=1"))
    assert "Withdraw 7.00 tUSD" in after
    assert "Divide the pot" not in after


def test_a_chain_that_is_away_leaves_the_page(cast: Cast, alice: Client, settings: Any) -> None:
    cache.clear()
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
    response = alice.get(PAGE)

    assert response.status_code == 200
    assert "The chain does not answer just now. What is yours in the vault stays yours" in text_of(response)
    assert "Prove a wallet " in text_of(response)


def test_without_contracts_the_page_says_so(cast: Cast, alice: Client, settings: Any) -> None:
    settings.CHAIN_SUITE = str(settings.DATA_FOLDER / "none.json")

    assert "No contracts stand on a chain here" in text_of(alice.get(PAGE))
    assert alice.post(f"{PAGE}/bind", {"address": WALLET}).status_code == 422
    assert not WalletProof.objects.exists()


def test_a_proof_is_good_for_a_week(cast: Cast, alice: Client) -> None:
    deadline = int(document_of(alice.get(PAGE).content.decode())["message"]["deadline"])

    assert abs(deadline - (timezone.now() + timedelta(days=7)).timestamp()) < 60
