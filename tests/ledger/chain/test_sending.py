"""The outbox to the chain: what Alice asks for happens once, in order, and she can see where it stands."""

import secrets
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from ledger.chain.transaction import address_of
from ledger.chain_asking import UnableToAskChain
from ledger.chain_models import ChainAttempt, ChainCall, ChainDue, ChainOutcome, ChainSetback, ChainSighting, ChainSlot
from ledger.chain_queries import calls_about
from ledger.chain_rounds import IN_FLIGHT
from ledger.operations import deliver, withdraw_call
from tests.ledger.chain.makers import NOW, Place, ask
from tests.ledger.chain.outbox import Outbox, outbox_at
from tests.ledger.chain.proxy import Pool, Proxy

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(place: Place, settings: Any) -> Outbox:
    return outbox_at(place, settings)


def test_a_call_waits_until_it_is_delivered_and_is_then_receipted(alice: Outbox) -> None:
    call = alice.ask("a", 7)
    assert alice.standing("a").state == "waiting"
    assert (alice.standing("a").transaction, alice.nonce()) == ("", 0)
    assert alice.deliver().sent == 1
    assert alice.balance() == 7
    found = alice.standing("a")
    mined = ask(alice.place.url, "eth_getTransactionReceipt", found.transaction)
    block = ask(alice.place.url, "eth_getBlockByNumber", mined["blockNumber"], False)
    assert (found.state, found.confirmations, found.wanted, found.attempts, found.reason) == ("confirmed", 1, 1, 1, "")
    assert found.block_number == int(mined["blockNumber"], 16)
    assert found.block_time is not None
    assert found.block_time.timestamp() == int(block["timestamp"], 16)
    assert found.gas_used == int(mined["gasUsed"], 16)
    assert found.fee_wei == int(mined["gasUsed"], 16) * int(mined["effectiveGasPrice"], 16)
    assert not ChainDue.objects.exists()
    assert alice.deliver().sent == 0
    assert (alice.balance(), alice.nonce()) == (7, 1)
    assert calls_about("story") == [call]


def test_many_calls_go_together_in_the_order_asked(alice: Outbox) -> None:
    many = IN_FLIGHT + 9
    with Proxy(alice.place.url).serving() as proxy:
        alice.look_through(proxy.url)
        for number in range(many):
            alice.ask(str(number), 1)
        assert alice.deliver().sent == many
    assert alice.balance() == alice.nonce() == many
    nonces = list(ChainSlot.objects.order_by("call_id").values_list("nonce", flat=True))
    assert nonces == list(range(many))
    assert ChainOutcome.objects.filter(state="confirmed").count() == many
    # Not one request for each: nonces are given in a row, and everything is asked in batches.
    assert len(proxy.requests) < many / 2


def test_a_call_counts_only_as_deep_as_wanted(alice: Outbox) -> None:
    alice.settings.CHAIN_CONFIRMATIONS = 4
    alice.ask("a", 7)
    alice.deliver()
    assert (alice.state("a"), alice.standing("a").confirmations, alice.standing("a").wanted) == ("mined", 1, 4)
    alice.mine(2)
    alice.deliver()
    assert (alice.state("a"), alice.standing("a").confirmations) == ("mined", 3)
    alice.mine(1)
    assert alice.deliver().sent == 0
    assert (alice.state("a"), alice.standing("a").confirmations) == ("confirmed", 4)
    assert ChainSighting.objects.count() == 1
    assert alice.balance() == 7


def test_the_same_key_is_the_same_call(alice: Outbox) -> None:
    assert alice.ask("a", 7) == alice.ask("a", 7)
    with pytest.raises(UnableToAskChain, match="“a”: the same key was used for another call"):
        alice.ask("a", 8)
    assert ChainCall.objects.count() == 1
    alice.deliver()
    assert alice.ask("a", 7).outcome.state == "confirmed"
    assert alice.balance() == 7


def test_without_contracts_nothing_can_be_asked(settings: Any, tmp_path: Path) -> None:
    settings.CHAIN_SUITE = str(tmp_path / "none.json")
    alice = Outbox(Place("", b"", tmp_path), settings, b"\1" * 32, "")
    with pytest.raises(UnableToAskChain, match="no contracts are recorded"):
        alice.ask("a", 7, contract="SplitVault", function="distribute", args=())
    assert not ChainCall.objects.exists()


def test_what_the_contract_refuses_is_refused_with_its_reason_and_costs_nothing(alice: Outbox) -> None:
    alice.ask("a", 7, function="transfer", contract="ERC20")
    alice.ask("b", 8)
    alice.deliver()
    assert alice.state("a") == "refused"
    assert alice.standing("a").reason == f"ERC20InsufficientBalance({alice.sender}, 0, 7)"
    assert alice.state("b") == "confirmed"
    assert not ChainAttempt.objects.filter(slot__call__key="a").exists()
    assert (alice.balance(), alice.nonce()) == (8, 1)
    alice.deliver()
    assert (alice.state("a"), alice.nonce()) == ("refused", 1)


def test_a_refusal_that_means_done_confirms_and_one_that_means_later_waits(alice: Outbox) -> None:
    names = ["ERC20InsufficientBalance"]
    alice.ask("done", 7, function="transfer", contract="ERC20", done=names)
    alice.ask("later", 7, function="transfer", contract="ERC20", later=names)
    for _ in range(3):
        alice.deliver()
    assert (alice.state("done"), alice.standing("done").reason) == ("confirmed", names[0])
    assert alice.state("later") == "waiting"
    assert alice.standing("later").reason.startswith("ERC20InsufficientBalance(")
    assert ChainSetback.objects.count() == 1
    assert (alice.nonce(), alice.balance()) == (0, 0)
    alice.ask("coins", 7, args=(alice.sender, 7))
    alice.deliver()
    alice.deliver()
    assert (alice.state("later"), alice.balance()) == ("confirmed", 7)


def test_a_call_that_needs_the_one_before_it_waits_for_it(alice: Outbox) -> None:
    with Pool(alice.place.url).serving() as pool:
        alice.look_through(pool.url)
        alice.ask("coins", 7, args=(alice.sender, 7))
        alice.ask("pass on", 7, function="transfer", contract="ERC20")
        for _ in range(3):
            alice.deliver()
        assert (alice.state("coins"), alice.state("pass on")) == ("sent", "waiting")
        pool.release()
        pool.holds = False
        alice.deliver()
    assert (alice.state("coins"), alice.state("pass on")) == ("confirmed", "confirmed")
    assert alice.balance() == 7


def test_a_key_without_money_is_a_matter_of_time(alice: Outbox, tmp_path: Path) -> None:
    poor = secrets.token_bytes(32)
    (tmp_path / "poor.key").write_text(poor.hex())
    alice.settings.CHAIN_KEY_FILES = {"registrar": str(tmp_path / "poor.key")}
    alice.ask("poor", 7, role="registrar")
    alice.ask("rich", 8)
    troubles = alice.deliver().troubles
    assert troubles == [f"the account {address_of(poor)} cannot pay for the gas"]
    assert (alice.state("rich"), alice.balance()) == ("confirmed", 8)
    ask(alice.place.url, "eth_sendRawTransaction", "0x" + alice.gift(address_of(poor)).hex())
    assert alice.deliver().troubles == []
    assert (alice.state("poor"), alice.balance()) == ("confirmed", 15)


def test_a_missing_key_keeps_nobody_else_waiting(alice: Outbox, tmp_path: Path) -> None:
    alice.settings.CHAIN_KEY_FILES = {"registrar": str(tmp_path / "none.key")}
    alice.ask("none", 7, role="registrar")
    alice.ask("rich", 8)
    (trouble,) = alice.deliver().troubles
    assert trouble.startswith(f"the key file {tmp_path}/none.key cannot be read")
    assert (alice.state("none"), alice.state("rich")) == ("waiting", "confirmed")


def test_a_chain_that_is_away_loses_nothing(alice: Outbox) -> None:
    alice.ask("a", 7)
    alice.look_through("http://127.0.0.1:9")
    (trouble,) = alice.deliver().troubles
    assert trouble.startswith("127.0.0.1:9 cannot be reached")
    assert alice.state("a") == "waiting"
    assert not ChainAttempt.objects.exists()
    alice.look_through(alice.place.url)
    alice.deliver()
    assert (alice.state("a"), alice.balance()) == ("confirmed", 7)


def test_gas_above_our_ceiling_is_waited_out(alice: Outbox) -> None:
    alice.settings.CHAIN_MAX_FEE_GWEI = 0
    alice.ask("a", 7)
    alice.deliver()
    alice.deliver()
    assert (alice.state("a"), alice.standing("a").reason) == ("waiting", "a unit of gas costs more than 0 gwei")
    assert ChainSetback.objects.count() == 1
    alice.settings.CHAIN_MAX_FEE_GWEI = 500
    alice.deliver()
    assert (alice.state("a"), alice.balance()) == ("confirmed", 7)


def test_a_call_that_takes_too_much_gas_is_refused_and_costs_nothing(alice: Outbox) -> None:
    alice.settings.CHAIN_MAX_GAS = 30_000
    alice.ask("a", 7)
    alice.deliver()
    assert (alice.state("a"), "gas" in alice.standing("a").reason.lower()) == ("refused", True), alice.standing("a")
    assert (alice.nonce(), alice.balance()) == (0, 0)
    alice.settings.CHAIN_MAX_GAS = 100_000
    alice.ask("b", 8)
    alice.deliver()
    assert (alice.state("b"), alice.balance()) == ("confirmed", 8)
    assert ChainAttempt.objects.get().gas <= 100_000


def test_what_was_never_signed_can_be_withdrawn(alice: Outbox) -> None:
    alice.ask("a", 7)
    assert withdraw_call(key="a", reason="Alice changed her mind", now=NOW)
    assert not withdraw_call(key="a", reason="again", now=NOW)
    assert alice.deliver().sent == 0
    assert (alice.state("a"), alice.standing("a").reason) == ("refused", "Alice changed her mind")
    with Pool(alice.place.url).serving() as pool:
        alice.look_through(pool.url)
        alice.ask("b", 8)
        alice.deliver()
        assert not withdraw_call(key="b", reason="too late", now=NOW)
        pool.release()
        alice.deliver()
    assert (alice.state("b"), alice.balance()) == ("confirmed", 8)


def test_a_call_for_another_chain_is_not_sent_here(alice: Outbox) -> None:
    alice.ask("a", 7, chain_id=8453)
    assert alice.deliver().troubles == ["calls wait for chain 8453, but the endpoint serves chain 31337"]
    assert (alice.state("a"), alice.nonce()) == ("waiting", 0)
    alice.ask("b", 8)
    alice.deliver()
    assert (alice.state("a"), alice.state("b"), alice.balance()) == ("waiting", "confirmed", 8)


# --- what the database refuses ----------------------------------------------------------------------------------------


def test_facts_are_only_added_and_a_call_has_one_nonce_at_a_time(alice: Outbox) -> None:
    with Pool(alice.place.url).serving() as pool:
        alice.look_through(pool.url)
        alice.ask("a", 7)
        alice.deliver()
    for table in ("call", "slot", "slot_loss", "attempt", "sighting", "outcome", "setback"):
        with pytest.raises(IntegrityError, match="rows of ledger_chain_"), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM ledger_chain_{table}")
    slot = ChainSlot.objects.get()
    for number, words in ((1, "numbered_once"), (2, "has a nonce that is not lost"), (3, "not lost")):
        twice = ChainSlot(
            call=slot.call, number=number, nonce=9, chain_id=31337, sender=slot.sender, head=0, taken_at=NOW
        )
        with pytest.raises(IntegrityError, match=words), transaction.atomic():
            twice.save()
    other = alice.ask("b", 8)
    taken = ChainSlot(call=other, number=1, nonce=0, chain_id=31337, sender=slot.sender, head=0, taken_at=NOW)
    with pytest.raises(DatabaseError, match="ledger_chain_nonce_used_once"), transaction.atomic():
        taken.save()
    assert ChainSlot.objects.count() == 1


def test_nothing_due_asks_nobody(settings: Any) -> None:
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
    assert deliver(now=NOW).troubles == []
