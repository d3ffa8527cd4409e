"""Transactions that are stuck, replaced, raced, forgotten or left behind: each call still happens once."""

import secrets
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.transaction import address_of
from ledger.chain_models import ChainSlot
from tests.ledger.chain.makers import NOW, Place, ask
from tests.ledger.chain.outbox import Outbox, outbox_at
from tests.ledger.chain.proxy import Pool, Proxy

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(place: Place, settings: Any) -> Outbox:
    return outbox_at(place, settings)


def test_a_stuck_transaction_is_replaced_by_dearer_ones_up_to_the_ceiling(alice: Outbox) -> None:
    with Pool(alice.place.url).serving() as pool:
        alice.look_through(pool.url)
        alice.settings.CHAIN_MAX_FEE_GWEI = 5
        alice.ask("a", 7)
        alice.ask("b", 8)
        alice.deliver()
        alice.deliver(now=NOW + timedelta(seconds=299))
        assert [one.nonce for one in pool.taken] == [0, 1]
        for minutes in range(5, 100, 5):
            alice.deliver(now=NOW + timedelta(minutes=minutes))
        # Only the first in line: the other one waits for it, not for a better price.
        firsts = [one for one in pool.taken if one.nonce == 0]
        assert [one.nonce for one in pool.taken if one.nonce != 0] == [1]
        assert len(firsts) > 3
        for before, after in pairwise(firsts):
            assert 8 * after.max_fee >= 9 * before.max_fee
            assert 8 * after.max_tip >= 9 * before.max_tip
        assert firsts[-1].max_fee <= 5 * 10**9
        assert alice.standing("a").attempts == len(firsts)
        assert alice.standing("a").reason == "a unit of gas costs more than 5 gwei"
        # Whichever is mined counts: here a miner had kept the cheapest.
        ask(alice.place.url, "eth_sendRawTransaction", firsts[0].raw)
        pool.waiting.pop((alice.sender.lower(), 0))
        pool.release()
        alice.deliver(now=NOW + timedelta(minutes=100))
    assert (alice.state("a"), alice.standing("a").transaction) == ("confirmed", firsts[0].digest)
    assert (alice.state("b"), alice.balance(), alice.nonce()) == ("confirmed", 15, 2)


def test_a_node_that_forgot_is_told_again_with_the_same_bytes(alice: Outbox) -> None:
    with Pool(alice.place.url).serving() as pool:
        alice.look_through(pool.url)
        alice.ask("a", 7)
        alice.deliver()
        pool.forget()
        alice.deliver()
        assert len({one.digest for one in pool.taken}) == 1
        assert len(pool.taken) == 2
        pool.release()
        alice.deliver()
    assert (alice.state("a"), alice.standing("a").attempts, alice.balance()) == ("confirmed", 1, 7)


def test_a_nonce_that_another_program_used_is_given_up_once_that_is_final(alice: Outbox) -> None:
    alice.settings.CHAIN_CONFIRMATIONS = 3
    with Pool(alice.place.url).serving() as pool:
        alice.look_through(pool.url)
        alice.ask("a", 7)
        alice.deliver()
        alice.pay()
        pool.forget()
        alice.deliver()
        # The other one could still be taken back, and then ours would be mined.
        assert (alice.standing("a").attempts, alice.state("a")) == (1, "sent")
        alice.mine(2)
        alice.deliver()
        slots = list(ChainSlot.objects.order_by("id"))
        assert [slot.nonce for slot in slots] == [0, 1]
        block = ask(alice.place.url, "eth_getBlockByNumber", hex(slots[0].loss.block_number), False)
        assert block["transactions"] == [slots[0].loss.winner]
        assert not slots[0].loss.reverted
        pool.release()
        alice.mine(2)
        alice.deliver()
    assert (alice.state("a"), alice.standing("a").attempts) == ("confirmed", 2)
    assert (alice.balance(), alice.nonce()) == (7, 2)


def test_a_transaction_of_ours_that_a_foreign_one_replaced_is_sent_anew(alice: Outbox) -> None:
    with Pool(alice.place.url).serving() as pool:
        alice.look_through(pool.url)
        alice.ask("a", 7)
        alice.deliver()
        ask(pool.url, "eth_sendRawTransaction", "0x" + alice.other(0, fee_wei=10**11).hex())
        assert [one.nonce for one in pool.taken] == [0, 0]
        pool.release()
        alice.deliver()
        pool.release()
        alice.deliver()
    assert (alice.state("a"), alice.balance(), alice.nonce()) == ("confirmed", 7, 2)


def test_a_nonce_race_at_the_last_moment_is_run_again(alice: Outbox) -> None:
    raced: list[int] = []

    def bend(method: str, params: list[Any], real: Any) -> Any:
        if method == "eth_sendRawTransaction" and len(raced) < 3:
            raced.append(alice.nonce())
            alice.pay()
        return real()

    with Proxy(alice.place.url, bend).serving() as proxy:
        alice.look_through(proxy.url)
        alice.ask("a", 7)
        alice.deliver()
    assert raced == [0, 1, 2]
    assert (alice.state("a"), alice.balance(), alice.nonce()) == ("confirmed", 7, 4)
    assert [slot.nonce for slot in ChainSlot.objects.order_by("id")] == [0, 1, 2, 3]


def test_a_gap_that_a_vanished_transaction_left_is_filled(alice: Outbox) -> None:
    with Pool(alice.place.url).serving() as pool:
        alice.look_through(pool.url)
        ask(pool.url, "eth_sendRawTransaction", "0x" + alice.other(0).hex())
        alice.ask("a", 7)
        alice.deliver()
        assert [slot.nonce for slot in ChainSlot.objects.all()] == [1]
        pool.waiting.pop((alice.sender.lower(), 0))
        alice.deliver(now=NOW + timedelta(seconds=299))
        assert [one.nonce for one in pool.taken] == [0, 1]
        alice.deliver(now=NOW + timedelta(seconds=300))
        assert [one.nonce for one in pool.taken] == [0, 1, 0]
        pool.release()
        alice.deliver(now=NOW + timedelta(seconds=301))
    assert (alice.state("a"), alice.balance(), alice.nonce()) == ("confirmed", 7, 2)
    assert alice.state(f"fill:31337:{alice.sender}:0") == "confirmed"


def test_a_call_that_reverts_in_its_block_is_spent_and_looked_at_again(alice: Outbox) -> None:
    with Pool(alice.place.url).serving() as pool:
        alice.look_through(pool.url)
        pool.holds = False
        alice.ask("coins", 7, args=(alice.sender, 7))
        alice.deliver()
        pool.holds = True
        alice.ask("first", 7, function="transfer", contract="ERC20")
        alice.ask("second", 7, function="transfer", contract="ERC20")
        alice.deliver()
        assert (alice.state("first"), alice.state("second")) == ("sent", "sent")
        pool.release()
        alice.deliver()
        assert (alice.state("first"), alice.state("second")) == ("confirmed", "refused")
        assert alice.standing("second").reason.startswith("ERC20InsufficientBalance(")
    assert ChainSlot.objects.get(call__key="second").loss.reverted
    assert (alice.balance(), alice.nonce()) == (7, 3)


def test_what_an_old_key_left_behind_is_seen_to_and_the_new_one_goes_on(alice: Outbox, tmp_path: Path) -> None:
    with Pool(alice.place.url).serving() as pool:
        alice.look_through(pool.url)
        alice.ask("a", 7)
        alice.ask("lost", 8)
        alice.deliver()
        new = secrets.token_bytes(32)
        (tmp_path / "new.key").write_text(new.hex())
        ask(alice.place.url, "eth_sendRawTransaction", "0x" + pool.waiting.pop((alice.sender.lower(), 0)).raw[2:])
        alice.settings.CHAIN_KEY_FILE = str(tmp_path / "new.key")
        alice.deliver(now=NOW + timedelta(hours=1))
        # The new key is the one that has to pay for what nobody signed yet; the old one's transactions count.
        alice.ask("b", 9)
        assert (alice.state("a"), alice.state("lost")) == ("confirmed", "sent")
        pool.forget()
        ask(alice.place.url, "eth_sendRawTransaction", "0x" + alice.gift(address_of(new)).hex())
        for _ in range(3):
            alice.deliver(now=NOW + timedelta(hours=1))
            pool.release()
        alice.deliver(now=NOW + timedelta(hours=1))
    assert [alice.state(key) for key in ("a", "lost", "b")] == ["confirmed", "confirmed", "confirmed"]
    assert {slot.sender for slot in ChainSlot.objects.filter(call__key="lost")} == {alice.sender, address_of(new)}
    assert alice.balance() == 24
