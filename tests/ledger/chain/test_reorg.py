"""Chains that take back their word, and endpoints that lie: what Alice asked for still happens once, and nothing false
is recorded."""

import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from ledger.chain.deployment import deploy_anchor
from ledger.chain_models import (
    ChainAttempt,
    ChainCall,
    ChainHead,
    ChainOutcome,
    ChainSighting,
    ChainSlot,
    ChainSlotLoss,
)
from ledger.models import AnchorReceipt, Entry
from ledger.operations import anchor, deliver, seal
from tests.ledger.chain.makers import BRISK, NOW, Place, ask
from tests.ledger.chain.outbox import Outbox, outbox_at
from tests.ledger.chain.proxy import Cut, Pool, Proxy, Refused
from tests.ledger.conftest import state_asset

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(place: Place, settings: Any) -> Outbox:
    return outbox_at(place, settings)


@pytest.fixture
def far_back(own_place: Place, settings: Any) -> Outbox:
    """On a chain of the test's own, which may go back."""
    return outbox_at(own_place, settings)


def statuses() -> list[str]:
    return list(ChainSighting.objects.order_by("id").values_list("status", flat=True))


# --- reorganizations --------------------------------------------------------------------------------------------------


def test_five_blocks_taken_back_are_sent_again_and_confirmed_once(far_back: Outbox) -> None:
    alice, url = far_back, far_back.place.url
    alice.settings.CHAIN_CONFIRMATIONS = 8
    before = ask(url, "evm_snapshot")
    alice.ask("a", 7)
    alice.ask("b", 8)
    alice.deliver()
    alice.mine(3)
    alice.deliver()
    first = {key: alice.standing(key) for key in "ab"}
    assert [one.state for one in first.values()] == ["mined", "mined"]
    ask(url, "evm_revert", before)
    alice.mine(1)
    assert alice.balance() == 0
    alice.deliver()
    alice.deliver()
    assert alice.balance() == 15
    second = {key: alice.standing(key) for key in "ab"}
    assert [one.state for one in second.values()] == ["mined", "mined"]
    # The same bytes, so that not even a chain that keeps both could do it twice.
    assert [second[key].transaction for key in "ab"] == [first[key].transaction for key in "ab"]
    assert [second[key].attempts for key in "ab"] == [1, 1]
    assert sorted(statuses()) == ["gone", "gone", "mined", "mined", "mined", "mined"]
    alice.mine(8)
    alice.deliver()
    assert [alice.state(key) for key in "ab"] == ["confirmed", "confirmed"]
    outcome = ChainOutcome.objects.get(call__key="a")
    assert outcome.sighting.block_number == second["a"].block_number
    alice.deliver()
    assert (alice.balance(), alice.nonce()) == (15, 2)


def test_a_transaction_that_a_reorganization_moved_counts_from_its_new_block(far_back: Outbox) -> None:
    alice, url = far_back, far_back.place.url
    alice.settings.CHAIN_CONFIRMATIONS = 3
    before = ask(url, "evm_snapshot")
    alice.ask("a", 7)
    alice.deliver()
    raw = bytes(ChainAttempt.objects.get().raw)
    ask(url, "evm_revert", before)
    alice.mine(2)
    ask(url, "eth_sendRawTransaction", "0x" + raw.hex())
    alice.deliver()
    assert statuses() == ["mined", "mined"]
    assert (alice.state("a"), alice.standing("a").confirmations) == ("mined", 1)
    alice.mine(2)
    alice.deliver()
    assert (alice.state("a"), alice.balance(), alice.nonce()) == ("confirmed", 7, 1)


def test_a_nonce_that_went_to_another_after_a_reorganization_is_taken_anew(far_back: Outbox) -> None:
    alice, url = far_back, far_back.place.url
    alice.settings.CHAIN_CONFIRMATIONS = 4
    before = ask(url, "evm_snapshot")
    alice.ask("a", 7)
    alice.deliver()
    ask(url, "evm_revert", before)
    alice.pay()
    alice.mine(4)
    alice.deliver()
    alice.mine(4)
    alice.deliver()
    assert (alice.state("a"), alice.standing("a").attempts) == ("confirmed", 2)
    assert (alice.balance(), alice.nonce()) == (7, 2)
    assert ChainSlotLoss.objects.count() == 1


def test_a_chain_that_forgot_what_was_final_is_not_believed(far_back: Outbox) -> None:
    alice, url = far_back, far_back.place.url
    before = ask(url, "evm_snapshot")
    alice.ask("a", 7)
    alice.deliver()
    assert alice.state("a") == "confirmed"
    ask(url, "evm_revert", before)
    alice.ask("b", 8)
    (trouble,) = alice.deliver().troubles
    assert trouble.startswith(f"the chain counts 0 transactions of {alice.sender}, but nonce 0 was final")
    assert (alice.state("b"), alice.nonce(), ChainSlot.objects.count()) == ("waiting", 0, 1)


def test_an_anchor_that_was_taken_back_is_receipted_when_it_is_final(far_back: Outbox, tmp_path: Any) -> None:
    alice, url = far_back, far_back.place.url
    config = alice.place.config(tmp_path, key_file=alice.settings.CHAIN_KEY_FILE)
    made = deploy_anchor(now=NOW, config=config, patience=BRISK)
    alice.settings.CHAIN_ANCHOR_ADDRESS = made.contract
    alice.settings.CHAIN_CONFIRMATIONS = 4
    state_asset("a")
    seal(now=NOW)
    before = ask(url, "evm_snapshot")
    assert anchor(now=NOW) is None
    ask(url, "evm_revert", before)
    alice.mine(1)
    for _ in range(3):
        assert anchor(now=NOW) is None
    assert not Entry.objects.filter(type="anchor-receipt").exists()
    alice.mine(3)
    receipt = anchor(now=NOW)
    assert receipt is not None
    assert receipt.transaction == ChainAttempt.objects.get().digest
    assert anchor(now=NOW) is None
    assert (AnchorReceipt.objects.count(), ChainCall.objects.count(), alice.nonce()) == (1, 1, 2)


# --- endpoints that lie -----------------------------------------------------------------------------------------------

Change = Callable[[Any], Any]


def when(wanted: str, change: Change) -> Callable[[str, list[Any], Callable[[], Any]], Any]:
    return lambda method, params, real: change(real()) if method == wanted else real()


def but(**fields: Any) -> Change:
    """Gives an object with other fields, where there is one."""
    return lambda found: found | fields if found else found


OTHER = "0x" + "0d" * 32
LIES: list[Any] = [
    pytest.param("eth_chainId", lambda found: "0x1", "serves chain 1", id="another chain"),
    pytest.param("eth_chainId", lambda found: 31337, "no number", id="a chain id that is no hexadecimal"),
    pytest.param("eth_getBlockByNumber", lambda found: None, "no object", id="no block"),
    pytest.param("eth_getBlockByNumber", but(number="0x3"), "was asked for block", id="another block"),
    pytest.param("eth_getBlockByNumber", but(hash="0x12"), "2 bytes|1 bytes", id="a short hash"),
    pytest.param("eth_getTransactionCount", lambda found: None, "no number", id="no nonce"),
    pytest.param("eth_getTransactionReceipt", but(transactionHash=OTHER), "another's", id="another's receipt"),
    pytest.param("eth_getTransactionReceipt", but(**{"from": "0x" + "0d" * 20}), "cannot be its own", id="from Dave"),
    pytest.param("eth_getTransactionReceipt", but(status="0x7"), "cannot be its own", id="a status of its own"),
    pytest.param("eth_getTransactionReceipt", but(status=None), "cannot be its own", id="no status"),
    pytest.param("eth_getTransactionReceipt", but(blockNumber=None), "no number", id="a receipt without its block"),
    pytest.param("eth_getTransactionReceipt", but(blockNumber="0x0"), "does not fit", id="in the first block"),
    pytest.param("eth_getTransactionReceipt", but(blockHash=OTHER), "does not fit", id="in a block of another hash"),
    pytest.param("eth_getTransactionReceipt", but(gasUsed="0xffffffff"), "its block did not", id="gas from nowhere"),
    pytest.param("eth_getTransactionReceipt", but(gasUsed="0x0"), "its block did not", id="no gas"),
    pytest.param("eth_getTransactionReceipt", but(effectiveGasPrice="much"), "no number", id="a price in words"),
    pytest.param("eth_getTransactionReceipt", lambda found: [found], "no object", id="a list of receipts"),
    pytest.param("eth_getTransactionReceipt", lambda found: None, "is hidden", id="a receipt that is hidden"),
    pytest.param("eth_getBlockByNumber", but(transactions=[OTHER]), "does not fit", id="a block without it"),
    pytest.param("eth_getBlockByNumber", but(timestamp="now"), "no number", id="a block without its time"),
    pytest.param("eth_estimateGas", lambda found: "lots", "no number", id="an estimate in words"),
]


@pytest.mark.parametrize(("method", "change", "words"), LIES)
def test_a_lie_is_named_and_nothing_is_recorded_of_it(alice: Outbox, method: str, change: Change, words: str) -> None:
    alice.ask("a", 7)
    with Proxy(alice.place.url, when(method, change)).serving() as liar:
        alice.look_through(liar.url)
        for _ in range(2):
            (trouble,) = alice.deliver().troubles
            assert "secret-api-key" not in trouble
    assert re.search(words, trouble), trouble
    assert not ChainSighting.objects.exists()
    assert not ChainOutcome.objects.exists()
    assert not ChainSlotLoss.objects.exists()
    assert ChainSlot.objects.count() <= 1
    alice.look_through(alice.place.url)
    alice.deliver()
    assert (alice.state("a"), alice.balance(), alice.nonce()) == ("confirmed", 7, 1)


def test_a_transaction_that_is_taken_for_another_is_looked_for(alice: Outbox) -> None:
    alice.ask("a", 7)
    with Proxy(alice.place.url, when("eth_sendRawTransaction", lambda found: OTHER)).serving() as liar:
        alice.look_through(liar.url)
        (trouble,) = deliver(now=NOW).troubles
        assert trouble.endswith(f"took {alice.standing('a').transaction} for another transaction")
        assert not ChainSighting.objects.exists()
    alice.look_through(alice.place.url)
    alice.deliver()
    assert (alice.state("a"), alice.balance(), alice.nonce()) == ("confirmed", 7, 1)


def test_one_call_that_cannot_be_estimated_keeps_no_other_waiting(alice: Outbox) -> None:
    poisoned = alice.ask("poisoned", 1)
    needle = bytes(poisoned.data).hex()

    def bend(method: str, params: list[Any], real: Callable[[], Any]) -> Any:
        if method in ("eth_estimateGas", "eth_call") and needle in params[0]["data"]:
            raise Refused("execution aborted (timeout = 5s)")
        return real()

    with Proxy(alice.place.url, bend).serving() as proxy:
        alice.look_through(proxy.url)
        for amount in (2, 3):
            alice.ask(str(amount), amount)
        assert alice.deliver().troubles == []
        assert (alice.state("2"), alice.state("3"), alice.balance()) == ("confirmed", "confirmed", 5)
        assert alice.state("poisoned") == "waiting"
        assert "execution aborted (timeout = 5s)" in alice.standing("poisoned").reason
    alice.look_through(alice.place.url)
    alice.deliver()
    assert (alice.state("poisoned"), alice.balance()) == ("confirmed", 6)


def test_an_endpoint_that_estimates_nothing_is_busy(alice: Outbox) -> None:
    def bend(method: str, params: list[Any], real: Callable[[], Any]) -> Any:
        if method == "eth_estimateGas":
            raise Refused("rate limit exceeded")
        return real()

    for amount in (2, 3):
        alice.ask(str(amount), amount)
    with Proxy(alice.place.url, bend).serving() as proxy:
        alice.look_through(proxy.url)
        (trouble,) = alice.deliver().troubles
    assert "estimates nothing: rate limit exceeded" in trouble
    assert (alice.state("2"), alice.state("3"), alice.nonce()) == ("waiting", "waiting", 0)


def test_a_transaction_that_is_refused_for_its_own_sake_keeps_no_other_waiting(alice: Outbox) -> None:
    refused: list[str] = []

    def bend(method: str, params: list[Any], real: Callable[[], Any]) -> Any:
        if method == "eth_sendRawTransaction" and (not refused or params[0] in refused):
            refused.append(params[0])
            raise Refused("tx fee exceeds the configured cap")
        return real()

    with Pool(alice.place.url).serving() as pool:
        # A node behind the endpoint that keeps what is ahead of its turn.
        with Proxy(pool.url, bend).serving() as proxy:
            alice.look_through(proxy.url)
            alice.ask("a", 1)
            alice.ask("b", 2)
            assert alice.deliver().troubles == []
            assert "tx fee exceeds the configured cap" in alice.standing("a").reason
            assert [one.nonce for one in pool.taken] == [1]
        alice.look_through(pool.url)
        alice.deliver()
        pool.release()
        alice.deliver()
    assert (alice.state("a"), alice.state("b"), alice.balance()) == ("confirmed", "confirmed", 3)


@pytest.mark.parametrize("method", ["eth_chainId", "eth_getBlockByNumber", "eth_getTransactionCount"])
def test_an_error_for_an_answer_is_a_trouble_and_no_crash(alice: Outbox, method: str) -> None:
    def bend(asked: str, params: list[Any], real: Callable[[], Any]) -> Any:
        if asked == method:
            raise Refused("the request cannot be served")
        return real()

    alice.ask("a", 7)
    with Proxy(alice.place.url, bend).serving() as proxy:
        alice.look_through(proxy.url)
        (trouble,) = alice.deliver().troubles
    assert "the request cannot be served" in trouble
    assert (alice.state("a"), alice.nonce()) == ("waiting", 0)


def test_an_endpoint_that_fails_now_and_then_only_delays(alice: Outbox) -> None:
    chance = Random(8)

    def stumble(method: str, params: list[Any], real: Callable[[], Any]) -> Any:
        luck = chance.random()
        if luck < 0.03:
            raise Refused("rate limit exceeded")
        found = real()
        if luck > 0.97:
            raise Cut
        return found

    with Proxy(alice.place.url, stumble).serving() as proxy:
        alice.look_through(proxy.url)
        for number in range(5):
            alice.ask(str(number), 1)
        for _ in range(60):
            alice.deliver()
            if ChainOutcome.objects.filter(state="confirmed").count() == 5:
                break
    assert [alice.state(str(number)) for number in range(5)] == ["confirmed"] * 5
    assert (alice.balance(), alice.nonce()) == (5, 5)


def test_an_endpoint_that_answers_from_the_past_is_not_believed(alice: Outbox) -> None:
    alice.ask("a", 7)
    alice.deliver()
    alice.mine(3)
    past = ChainHead.objects.get().number - 1

    def behind(method: str, params: list[Any], real: Callable[[], Any]) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == "latest":
            return ask(alice.place.url, method, hex(past), False)
        if method == "eth_getTransactionCount":
            return ask(alice.place.url, method, params[0], hex(past))
        return real()

    alice.ask("b", 8)
    with Proxy(alice.place.url, behind).serving() as proxy:
        alice.look_through(proxy.url)
        (trouble,) = alice.deliver().troubles
    assert "it answers from the past" in trouble
    assert (alice.state("b"), alice.nonce()) == ("waiting", 1)


def test_a_hidden_receipt_never_makes_a_second_transaction(alice: Outbox) -> None:
    hide = when("eth_getTransactionReceipt", lambda found: None)
    with Pool(alice.place.url, hide).serving() as pool:
        alice.look_through(pool.url)
        alice.ask("a", 7)
        alice.deliver()
        pool.release()
        for _ in range(3):
            (trouble,) = alice.deliver().troubles
            assert trouble.startswith(f"the receipt of {ChainAttempt.objects.get().digest}, which is in block ")
        assert (alice.balance(), alice.nonce(), alice.state("a")) == (7, 1, "sent")
    alice.look_through(alice.place.url)
    alice.deliver()
    assert (alice.state("a"), alice.balance(), alice.nonce()) == ("confirmed", 7, 1)
