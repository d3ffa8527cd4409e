"""Alice proves a wallet and is paid to it a day later; nobody else's signature, and no stolen key, makes one hers."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from ledger.chain import typed
from ledger.chain.transaction import ORDER, address_of
from ledger.chain_models import ChainCall
from ledger.chain_queries import call_of, calls_about, standing_of
from ledger.following import UnableToFollow, follow, follow_after_loss
from marketplace.payouts import wallet_queries, wallets
from marketplace.payouts.wallet_models import WalletChange, WalletProof
from marketplace.payouts.wallets import UnableToBindWallet, bind_wallet, creators_of, move_wallet, wallet_of
from marketplace.people.models import Creator
from tests.ledger.chain.makers import ask
from tests.payouts.wallets.conftest import DAY_SECONDS, Chain

KEY, OTHER = (secrets.token_bytes(32) for _ in range(2))
WALLET, NEXT = address_of(KEY), address_of(OTHER)


def bound(chain: Chain, creator: Creator, key: bytes = KEY, **other: Any) -> WalletProof:
    """Proves a wallet, within the next hour."""
    deadline = other.pop("deadline", int(chain.now.timestamp()) + 3600)
    signature = other.pop("signature", None) or chain.bind_signature(creator, key, deadline)
    address = other.pop("address", address_of(key))
    return bind_wallet(creator=creator, address=address, signature=signature, deadline=deadline, now=chain.now)


def test_a_proved_wallet_counts_a_day_after_the_chain_has_it(chain: Chain, alice: Creator, bob: Creator) -> None:
    proof = bound(chain, alice)
    assert (proof.address, proof.nonce, proof.creator) == (WALLET, 0, alice)
    assert wallet_queries.asked_of(alice).standing.state == "waiting"
    assert wallet_of(alice, now=chain.now) is None

    assert chain.turn() == 1

    binding = wallet_queries.binding_of(alice, now=chain.now)
    row = WalletChange.objects.get()
    assert (row.kind, row.address, row.payee, row.proof) == ("proposed", WALLET, alice.pk, proof)
    assert (binding.address, binding.waiting, binding.waiting_is_proved, binding.nonce) == ("", WALLET, True, 1)
    assert binding.counts_from == row.happened_at + timedelta(days=1)
    told = chain.reader.view("Payees", "bindingOf", alice.pk.bytes)
    assert told == ("0x" + "00" * 20, 1, WALLET, int(binding.counts_from.timestamp()))
    second = timedelta(seconds=1)
    assert wallet_of(alice, now=binding.counts_from - second) is None
    assert wallet_of(alice, now=binding.counts_from) == WALLET
    assert wallet_of(bob, now=binding.counts_from) is None
    assert creators_of([WALLET.lower(), NEXT], now=binding.counts_from) == {WALLET.lower(): alice.pk}
    assert wallet_queries.asked_of(alice) is None
    assert standing_of(call_of(proof.call_key)).state == "confirmed"
    assert chain.turn() == 0
    assert wallet_queries.findings(now=chain.now) == []


def test_the_chain_and_we_agree_when_the_day_is_over(chain: Chain, alice: Creator) -> None:
    chain.bind(alice, KEY)

    assert chain.reader.view("Payees", "walletOf", alice.pk.bytes) == WALLET == wallet_of(alice, now=chain.now)


def refused(chain: Chain, creator: Creator, words: str, **given: Any) -> None:
    """Nothing is stored and nothing asked."""
    before = WalletProof.objects.count(), ChainCall.objects.count()
    with pytest.raises(UnableToBindWallet, match=words):
        bound(chain, creator, **given)
    assert (WalletProof.objects.count(), ChainCall.objects.count()) == before


def test_what_is_no_proof_is_refused(chain: Chain, alice: Creator, bob: Creator) -> None:
    soon = int(chain.now.timestamp()) + 3600
    good = chain.bind_signature(alice, KEY, soon)
    high_s = good[:32] + (ORDER - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    high_s += bytes([55 - good[64]])
    # Dave signs for the address that is Alice's.
    daves = chain.bind_signature(alice, OTHER, soon, wallet=WALLET)
    for signature in (daves, high_s, good[:64], b"", chain.bind_signature(bob, KEY, soon), b"\x01" * 3000):
        refused(chain, alice, "the signature is not this wallet's", signature=signature or b"\0", deadline=soon)
    wrong_nonce = chain.bind_signature(alice, KEY, soon, nonce=1)
    refused(chain, alice, "the signature is not this wallet's", signature=wrong_nonce, deadline=soon)
    refused(chain, alice, "the signature is not this wallet's", signature=good, deadline=soon + 1)
    past = int(chain.now.timestamp()) - 1
    refused(chain, alice, "has expired", deadline=past)
    refused(chain, alice, "more than 30 days", deadline=past + 31 * DAY_SECONDS)
    for address in ("", "0x12", "alice.eth", WALLET + "00"):
        refused(chain, alice, "40 hexadecimal digits", address=address)
    for address in ("0x" + "00" * 20, chain.suite.address("SplitVault"), chain.suite.tokens["USD"].address):
        refused(chain, alice, "nobody can sign for this address", address=address)
    assert bound(chain, alice, signature=good, deadline=soon).signature == "0x" + good.hex()


def test_a_wallet_is_one_creators_and_a_creator_has_one(chain: Chain, alice: Creator, bob: Creator) -> None:
    bound(chain, alice)
    refused(chain, alice, "another change is on its way", key=OTHER)
    refused(chain, bob, "another creator's")
    chain.turn()
    refused(chain, alice, "another one waits to be yours", key=OTHER)
    refused(chain, bob, "another creator's")
    chain.pass_seconds(DAY_SECONDS)
    refused(chain, alice, "you have a wallet already", key=OTHER)
    refused(chain, bob, "another creator's")


def test_a_wallet_of_a_hardware_maker_that_writes_v_as_0_or_1_is_taken(chain: Chain, alice: Creator) -> None:
    soon = int(chain.now.timestamp()) + 3600
    good = chain.bind_signature(alice, KEY, soon)

    proof = bound(chain, alice, signature=good[:64] + bytes([good[64] - 27]), deadline=soon)

    assert proof.signature == "0x" + good.hex()
    assert chain.turn() == 1


def move_signatures(chain: Chain, creator: Creator, deadline: int, **other: Any) -> tuple[bytes, bytes]:
    values = {"payee": creator.pk.bytes, "from": WALLET, "to": NEXT, "nonce": 1, "deadline": deadline} | other
    digest = chain.digest(typed.MOVE, values)
    return typed.sign_digest(digest, KEY), typed.sign_digest(digest, OTHER)


def test_a_wallet_moves_at_once_when_both_have_signed(chain: Chain, alice: Creator) -> None:
    chain.bind(alice, KEY)
    soon = int(chain.now.timestamp()) + 3600
    old, new = move_signatures(chain, alice, soon)
    for pair in ((new, new), (old, old), (new, old)):
        with pytest.raises(UnableToBindWallet, match="is not this wallet's"):
            move_wallet(
                creator=alice, to=NEXT, deadline=soon, from_signature=pair[0], to_signature=pair[1], now=chain.now
            )

    move_wallet(creator=alice, to=NEXT, deadline=soon, from_signature=old, to_signature=new, now=chain.now)
    assert wallet_of(alice, now=chain.now) == WALLET
    assert chain.turn() == 1

    assert chain.reader.view("Payees", "walletOf", alice.pk.bytes) == NEXT == wallet_of(alice, now=chain.now)
    assert creators_of([WALLET, NEXT], now=chain.now) == {NEXT: alice.pk}
    assert wallet_queries.findings(now=chain.now) == []


@contextmanager
def freeze(at: Any) -> Iterator[None]:
    """Lets the command think that it is this moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marketplace.payouts.management.commands.wallet_bind.timezone.now", lambda: at)
        yield


def test_who_has_no_wallet_cannot_move_one(chain: Chain, alice: Creator) -> None:
    soon = int(chain.now.timestamp()) + 3600
    old, new = move_signatures(chain, alice, soon)

    with pytest.raises(UnableToBindWallet, match="no wallet yet"):
        move_wallet(creator=alice, to=NEXT, deadline=soon, from_signature=old, to_signature=new, now=chain.now)
    assert not WalletProof.objects.exists()


def test_a_stolen_registrars_key_is_stopped_within_its_day(
    chain: Chain, alice: Creator, caplog: pytest.LogCaptureFixture
) -> None:
    """Dave has the registrar's key and names his own wallet as Alice's."""
    soon = int(chain.now.timestamp()) + 3600
    signature = chain.bind_signature(alice, OTHER, soon)
    chain.contracts.send("Payees", "bind", alice.pk.bytes, NEXT, soon, signature)

    assert chain.turn() == 1
    assert wallet_of(alice, now=chain.now + timedelta(days=2)) is None
    assert f"{NEXT} was proposed for payee {alice.pk}, and nobody proved it" in caplog.text
    (said,) = wallet_queries.findings(now=chain.now)
    assert said == f"{NEXT} is proposed for alice on the chain, and nobody proved it here: stop it."
    (stop,) = calls_about(f"wallet:{alice.pk}")
    assert (stop.role, stop.function) == ("guardian", "stopBinding")

    assert chain.turn() == 1
    assert WalletChange.objects.latest("event_id").kind == "refused"
    assert chain.reader.view("Payees", "bindingOf", alice.pk.bytes) == ("0x" + "00" * 20, 1, "0x" + "00" * 20, 0)
    assert wallet_queries.findings(now=chain.now) == []
    # Alice's own comes after it, with the next nonce.
    soon = int(chain.now.timestamp()) + 3600
    bound(chain, alice, signature=chain.bind_signature(alice, KEY, soon, nonce=1), deadline=soon)
    assert chain.turn() == 1
    assert wallet_of(alice, now=chain.now + timedelta(days=1)) == WALLET


def test_a_recovered_wallet_is_proved_here_before_anything_is_sent_to_it(chain: Chain, alice: Creator) -> None:
    """Alice lost her key; the contract's admin names her next wallet, which counts after seven days."""
    chain.bind(alice, KEY)
    soon = int(chain.now.timestamp()) + 3600
    values = {"payee": alice.pk.bytes, "from": WALLET, "to": NEXT, "nonce": 1, "deadline": soon}
    signature = typed.sign_digest(chain.digest(typed.RECOVER, values), OTHER)
    chain.contracts.send("Payees", "recover", alice.pk.bytes, NEXT, soon, signature)
    assert chain.turn() == 1
    assert wallet_of(alice, now=chain.now) == WALLET

    chain.pass_seconds(7 * DAY_SECONDS)
    assert chain.reader.view("Payees", "walletOf", alice.pk.bytes) == NEXT
    assert wallet_of(alice, now=chain.now) is None
    assert wallet_queries.findings(now=chain.now) == [
        f"{NEXT} counts for alice on the chain, and nobody proved it here."
    ]
    calls = ChainCall.objects.count()
    soon = int(chain.now.timestamp()) + 3600
    bound(chain, alice, OTHER, signature=chain.bind_signature(alice, OTHER, soon, nonce=2), deadline=soon)

    assert wallet_of(alice, now=chain.now) == NEXT
    assert ChainCall.objects.count() == calls
    assert wallet_queries.asked_of(alice) is None
    assert wallet_queries.findings(now=chain.now) == []
    refused(chain, alice, "you have a wallet already", key=OTHER)


def test_a_binding_that_the_chain_took_back_does_not_count(chain: Chain, alice: Creator) -> None:
    url = chain.contracts.place.url
    point = ask(url, "evm_snapshot")
    bound(chain, alice)
    chain.turn()
    later = chain.now + timedelta(days=2)
    assert wallet_of(alice, now=later) == WALLET

    assert ask(url, "evm_revert", point) is True
    for _ in range(3):
        chain.contracts.wallet()
    with pytest.raises(UnableToFollow):
        follow(now=chain.now, confirmations=1)
    (gone,) = follow_after_loss(now=chain.now, confirmations=1)

    assert (gone.event, gone.args["next"]) == ("WalletProposed", WALLET)
    assert wallet_of(alice, now=later) is None
    assert wallet_queries.binding_of(alice, now=later) == wallet_queries.Binding()


def test_nothing_that_was_proved_or_told_is_changed(chain: Chain, alice: Creator) -> None:
    bound(chain, alice)
    chain.turn()

    for table in ("payouts_wallet_proof", "payouts_wallet_change"):
        for words in (f"UPDATE {table} SET address = '{NEXT}'", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError, match="added, never changed"), transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(words)


def test_without_contracts_no_wallet_is_taken(settings: Any, alice: Creator, noon: Any) -> None:
    settings.CHAIN_SUITE = ""

    with pytest.raises(UnableToBindWallet, match="no contracts stand on a chain here"):
        bind_wallet(creator=alice, address=WALLET, signature=b"\0" * 65, deadline=1, now=noon)
    assert (wallet_of(alice, now=noon), wallets.take_changes(now=noon)) == (None, 0)
    assert wallet_queries.asked_of(alice) is None


def test_the_command_binds_and_moves_with_key_files(
    chain: Chain, alice: Creator, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, key in (("old", KEY), ("new", OTHER)):
        (tmp_path / name).write_text("0x" + key.hex() + "\n")

    with freeze(chain.now):
        call_command("wallet_bind", creator="alice", key_file=str(tmp_path / "old"))
    assert capsys.readouterr().out.startswith(f"{WALLET} is proved for alice; the chain is asked.")
    chain.turn()
    both = {"key_file": str(tmp_path / "new"), "from_key_file": str(tmp_path / "old")}
    with freeze(chain.now), pytest.raises(CommandError, match="another one waits to be yours"):
        call_command("wallet_bind", creator="alice", key_file=str(tmp_path / "new"))
    with freeze(chain.now), pytest.raises(CommandError, match="no wallet yet that could be moved"):
        call_command("wallet_bind", creator="alice", **both)
    (tmp_path / "none").write_text("ink")
    with pytest.raises(CommandError, match="is not a private key"):
        call_command("wallet_bind", creator="alice", key_file=str(tmp_path / "none"))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("wallet_bind", creator="alice", key_file=str(tmp_path / "nowhere"))
    assert WalletProof.objects.count() == 1


def test_the_command_moves_a_wallet_with_both_key_files(chain: Chain, alice: Creator, tmp_path: Any) -> None:
    """A day passes on the chain; the command is of the moment in which it is called."""
    for name, key in (("old", KEY), ("new", OTHER)):
        (tmp_path / name).write_text(key.hex())
    chain.bind(alice, KEY)
    with freeze(chain.now):
        call_command(
            "wallet_bind", creator="alice", key_file=str(tmp_path / "new"), from_key_file=str(tmp_path / "old")
        )
    chain.turn()
    assert wallet_of(alice, now=chain.now) == NEXT
