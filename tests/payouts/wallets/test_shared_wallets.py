"""A wallet of two creators is the first one's; a lost one is recovered by the contract's admin and proved here."""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ledger.chain import typed
from ledger.chain.abi import call_data
from ledger.chain.transaction import address_of
from marketplace.payouts import wallet_queries
from marketplace.payouts.wallet_models import WalletProof
from marketplace.payouts.wallets import UnableToBindWallet, bind_wallet, creators_of, wallet_of, wallets_of
from marketplace.people.models import Creator
from tests.payouts.wallets.conftest import Chain
from tests.payouts.wallets.test_wallets import KEY, NEXT, OTHER, WALLET, freeze


def test_two_creators_who_prove_one_wallet_at_once_are_told_apart(
    chain: Chain, alice: Creator, bob: Creator, at_once: Callable[..., list[Any]]
) -> None:
    now = chain.now
    soon = int(now.timestamp()) + 3600

    def proving(creator: Creator) -> Callable[[], Any]:
        signature = chain.bind_signature(creator, KEY, soon)
        given = {"address": WALLET, "signature": signature, "deadline": soon, "now": now}
        return lambda: bind_wallet(creator=creator, **given)

    told = at_once(proving(alice), proving(bob))

    assert sorted(type(one) is WalletProof for one in told) == [False, True]
    (refusal,) = [one for one in told if not isinstance(one, WalletProof)]
    assert isinstance(refusal, UnableToBindWallet)
    assert refusal.reason == "it is another creator's"
    assert WalletProof.objects.count() == 1


def test_a_wallet_that_bob_moved_to_without_us_stays_alices(chain: Chain, alice: Creator, bob: Creator) -> None:
    """On the chain nobody keeps Bob from naming Alice's wallet, if she signs; payouts for him do not go to it."""
    chain.bind(alice, KEY)
    chain.bind(bob, OTHER)
    soon = int(chain.now.timestamp()) + 3600
    values = {"payee": bob.pk.bytes, "from": NEXT, "to": WALLET, "nonce": 1, "deadline": soon}
    digest = chain.digest(typed.MOVE, values)
    both = [typed.sign_digest(digest, key) for key in (OTHER, KEY)]
    chain.contracts.send("Payees", "move", bob.pk.bytes, WALLET, soon, *both)
    assert chain.turn() == 1

    assert wallet_queries.binding_of(bob, now=chain.now).address == WALLET
    assert wallets_of([alice.pk, bob.pk], now=chain.now) == {alice.pk: WALLET}
    assert (wallet_of(alice, now=chain.now), wallet_of(bob, now=chain.now)) == (WALLET, None)
    assert creators_of([WALLET], now=chain.now) == {WALLET: alice.pk}
    assert wallet_queries.findings(now=chain.now) == [
        f"{WALLET} counts for bob on the chain and was alice’s before: it is not paid for bob."
    ]


def test_the_command_prints_what_is_signed_and_sent_for_a_lost_wallet(
    chain: Chain, alice: Creator, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = secrets.token_bytes(32)
    given = {"creator": "alice", "to": address_of(fresh)}
    with freeze(chain.now), pytest.raises(CommandError, match="no wallet yet"):
        call_command("wallet_recover", **given)
    chain.bind(alice, KEY)
    with freeze(chain.now):
        call_command("wallet_recover", **given)
    document = json.loads(capsys.readouterr().out)
    deadline = int(document["message"]["deadline"])
    values = {
        "payee": alice.pk.bytes,
        "from": WALLET,
        "to": address_of(fresh),
        "nonce": 1,
        "deadline": deadline,
    }
    signature = typed.sign_digest(chain.digest(typed.RECOVER, values), fresh)
    with freeze(chain.now), pytest.raises(CommandError, match="is not the next wallet's"):
        call_command("wallet_recover", **given, signature="0x" + signature.hex(), deadline=deadline + 1)

    with freeze(chain.now):
        call_command("wallet_recover", **given, signature="0x" + signature.hex(), deadline=deadline)
    said = re.fullmatch(r"to: (0x\w{40})\ndata: (0x\w+)\n", capsys.readouterr().out)
    assert said
    assert said.group(1) == chain.suite.address("Payees")
    expected = call_data("Payees", "recover", alice.pk.bytes, address_of(fresh), deadline, signature)
    assert said.group(2) == "0x" + expected.hex()
